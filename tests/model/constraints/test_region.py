"""The region of a configuration: every design of its box is admissible, or the error says what to change."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rdmf_model.config.config import RegionConfig
from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.constraints.region import build_region, soft_onset_limit
from rdmf_theory.errors import ParameterError
from rdmf_theory.formulas import SOFT_ONSET_RATIO, turing_threshold
from rdmf_theory.layer.step import pattern_gain
from rdmf_theory.regions.admissible import COORDINATES, DEFAULT_REGION
from tests.checks import box_designs, check_region

RESOLVED = RegionConfig(wavelength=(6.0, 36.0), clips=(40, 80))


def configure(**changes):
    return dataclasses.replace(RESOLVED, **changes)


def test_bounds_left_open_are_the_defaults():
    region = build_region(RESOLVED, 12)
    assert (region.lower, region.upper) == (DEFAULT_REGION.lower, DEFAULT_REGION.upper)
    assert (region.clips, region.steps) == ((40, 80), 12)
    check_region(region, 5)


@pytest.mark.parametrize(
    "changes", [{"wavelength": "auto"}, {"clips": "auto"}, {"wavelength": "auto", "clips": "auto"}]
)
def test_an_unresolved_auto_is_refused(changes):
    with pytest.raises(ParameterError, match="must be numbers here"):
        build_region(configure(**changes), 12)


bounds = st.fixed_dictionaries(
    {
        "u_star": st.sampled_from([None, (0.35, 0.45), (0.1, 0.2), (0.4, 0.41)]),
        "z": st.sampled_from([None, (1.2, 1.3), (1.5, 2.0)]),
        "excess": st.sampled_from([None, (1.3, 2.0), (2.0, 9.0)]),
        "rate": st.sampled_from([None, (0.1, 0.2)]),
        "wavelength": st.sampled_from([(4.0, 6.0), (6.0, 36.0), (10.0, 150.0), (8.0, 9.0)]),
        "clips": st.sampled_from([(8, 20), (40, 80), (75, 75), (150, 2048)]),
        "soft_onset": st.booleans(),
    }
)


@settings(max_examples=25)
@given(bounds, st.sampled_from([1, 4, 12, 32]))
def test_every_design_of_the_box_is_admissible(changes, steps):
    config = configure(**changes)
    if config.soft_onset and config.u_star and config.u_star[0] > soft_onset_limit() - 1e-3:
        with pytest.raises(ParameterError, match="soft_onset"):
            build_region(config, steps)
        return
    region = build_region(config, steps)
    assert region.steps == steps
    check_region(region, 3)
    for index, name in enumerate(COORDINATES):
        asked = getattr(config, name)
        if asked is not None:
            assert asked[0] == region.lower[index]
            assert region.upper[index] <= asked[1]


def test_a_long_wavelength_is_shortened_for_short_videos():
    region = build_region(configure(clips=(20, 60)), 12)
    assert region.clips == (20, 60)
    assert 9.0 <= region.upper[3] < 36.0
    check_region(region, 5)


def test_a_wavelength_beyond_every_video_is_shortened_too():
    region = build_region(configure(wavelength=(6.0, 900.0)), 12)
    assert region.clips == (40, 80)
    assert 36.0 < region.upper[3] < 100.0


@pytest.mark.parametrize("clips", [(1, 1), (1, 3), (5, 2048)])
def test_videos_too_short_for_any_wave_are_left_out_by_name(clips):
    region = build_region(configure(wavelength=(12.0, 36.0), clips=clips), 12)
    assert region.clips[0] > clips[0]
    assert region.clips[1] == max(clips[1], region.clips[0])
    assert region.upper[3] == 36.0
    check_region(region, 4)


@pytest.mark.parametrize("steps", [1, 6, 24])
def test_gain_follows_the_steps(steps):
    region = build_region(RESOLVED, steps)
    check_region(region, 5)
    gains = pattern_gain(box_designs(region, 5), steps)
    # and is not much wider than the gains of the box
    assert region.gain[0] - 1 > 0.8 * (gains.min() - 1)
    assert region.gain[1] < gains.max() ** 1.2


def test_a_given_gain_is_kept_where_it_holds_the_box():
    assert build_region(configure(gain=(1.001, 50.0)), 12).gain == (1.001, 50.0)


def test_soft_onset_limit_solves_its_equation():
    limit = soft_onset_limit()
    for z in (1.05, 1.8, 3.0):
        assert z / turing_threshold(limit, z) == pytest.approx(SOFT_ONSET_RATIO, rel=1e-12)
        assert z / turing_threshold(limit - 1e-3, z) < SOFT_ONSET_RATIO


def test_soft_onset_narrows_the_box_and_the_layer_keeps_to_it():
    region = build_region(configure(soft_onset=True), 12)
    assert region.upper[0] < soft_onset_limit()
    check_region(region, 5)
    constraint = DesignConstraint(region)
    raw = 30 * torch.randn(500, 5, generator=torch.Generator().manual_seed(0))
    checked = constraint.check(constraint.transform(raw))
    assert checked["soft_onset"].holds
    assert np.all([condition.holds for condition in checked.values()])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"u_star": (0.3, 0.6)}, r"model.region.u_star must end below 1/2", id="not v-rich"),
        pytest.param({"z": (0.5, 0.9)}, r"model.region.z must begin above 1", id="not damped"),
        pytest.param({"z": (1.5, 2.5)}, r"z times u_star must stay below 1", id="not fed"),
        pytest.param({"excess": (0.5, 0.9)}, r"excess must begin above 1", id="not Turing-unstable"),
        pytest.param({"excess": (1.0, 2.0)}, r"excess must begin above 1", id="Turing boundary"),
        pytest.param({"excess": (1.0001, 1.001)}, r"raise the lower bound of model.region.excess", id="thin band"),
        pytest.param({"wavelength": (800.0, 900.0)}, r"shorten model.region.wavelength", id="wavelength"),
        pytest.param({"gain": (1.5, 2.0)}, r"model.region.gain must hold the gains of the box", id="gain"),
        pytest.param({"soft_onset": True, "u_star": (0.4, 0.45)}, r"soft_onset", id="no soft onset"),
    ],
)
def test_an_impossible_region_is_refused_with_its_remedy(changes, message):
    with pytest.raises(ParameterError, match=message):
        build_region(configure(**changes), 12)


@pytest.mark.parametrize("steps", [0, -3])
def test_a_layer_without_steps_is_refused(steps):
    with pytest.raises(ParameterError):
        build_region(RESOLVED, steps)
