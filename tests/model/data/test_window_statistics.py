"""The wavelength prior: twice the window lengths, within what the axis supports."""

import json

import pytest

from rdmf_model.data.annotations import read_annotations
from rdmf_model.data.dataset import MomentDataset
from rdmf_model.data.moment_lengths import WindowStatistics, window_statistics
from rdmf_model.data.planted import write_planted_dataset
from rdmf_theory.errors import DataError, ParameterError


def annotations(tmp_path, lengths, duration=200, **extra):
    path = tmp_path / "train.jsonl"
    lines = [
        {"qid": i, "query": "q", "vid": f"v{i}", "duration": duration, "relevant_windows": [[10, 10 + length]], **extra}
        for i, length in enumerate(lengths)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_annotations(path)


def test_wavelengths_are_twice_the_window_lengths(tmp_path):
    # 2-s clips: windows of 4, 5, ..., 14 clips, whose deciles are exactly 5 and 13
    statistics = window_statistics(annotations(tmp_path, range(8, 30, 2)))
    assert statistics.wavelength == pytest.approx((10.0, 26.0))
    assert statistics.lengths[3] == 9.0
    assert (statistics.queries, statistics.windows, statistics.videos, statistics.clips) == (11, 11, 11, (100, 100))
    assert not statistics.cut


def test_wavelengths_stay_within_the_shortest_video(tmp_path):
    statistics = window_statistics(annotations(tmp_path, range(8, 30, 2), duration=40))
    assert statistics.wavelength == pytest.approx((10.0, 20.0))
    assert statistics.cut
    assert "cut" in statistics.describe()["wavelength prior"]


@pytest.mark.parametrize(("lengths", "duration"), [((2, 2), 200), ((14, 14), 200), ((150, 150), 200), ((3, 8), 20)])
def test_the_range_is_never_empty_nor_below_four_clips(tmp_path, lengths, duration):
    low, high = window_statistics(annotations(tmp_path, lengths, duration)).wavelength
    assert low >= 4.0
    assert high / low >= 1.5 - 1e-9
    assert high <= max(6.0, duration / 2)


def test_planted_data_ask_for_their_own_wavelengths(tmp_path):
    folder = write_planted_dataset(tmp_path / "data", train=200, val=1)
    dataset = MomentDataset(folder / "train.jsonl", [folder / "video_features"], folder / "text_features")
    statistics = window_statistics(dataset)
    low, high = statistics.wavelength
    assert 8.0 <= low <= 12.0
    assert 20.0 <= high <= 24.0
    assert json.loads(json.dumps(statistics.to_dict()))["wavelength"] == [low, high]
    with pytest.raises(ParameterError, match="clip_length is the data set's own"):
        window_statistics(dataset, clip_length=1.0)


def test_data_without_windows_have_no_prior(tmp_path):
    with pytest.raises(DataError, match=r"train.jsonl: has no relevant_windows.*Give the wavelength range"):
        window_statistics(annotations(tmp_path, [4], relevant_windows=None))


def test_inconsistent_statistics_cannot_exist(tmp_path):
    good = window_statistics(annotations(tmp_path, [8, 20]))
    values = {name: getattr(good, name) for name in WindowStatistics.__dataclass_fields__}
    for change in ({"wavelength": (9.0, 8.0)}, {"wavelength": (3.0, 8.0)}, {"lengths": (1.0, 2.0)}):
        with pytest.raises(ParameterError, match="WindowStatistics"):
            WindowStatistics(**{**values, **change})


@pytest.mark.parametrize(
    ("name", "clip_length", "low", "high"),
    [
        pytest.param("msrvtt_moments/train.jsonl", 2.0, (6, 10), (18, 26), id="msrvtt_moments"),
        pytest.param("qvh_stack/train.jsonl", 2.0, (4, 5), (45, 60), id="qvh_stack"),
        pytest.param("qvhighlights/highlight_train_release.jsonl", 2.0, (4, 5), (45, 60), id="qvhighlights"),
        pytest.param("charades_sta/charades_sta_train_tvr_format.jsonl", 1.0, (4, 5), (6, 7), id="charades, cut"),
    ],
)
def test_priors_of_known_sets(shared_data, name, clip_length, low, high):
    statistics = window_statistics(read_annotations(shared_data / name), clip_length)
    assert low[0] <= statistics.wavelength[0] <= low[1]
    assert high[0] <= statistics.wavelength[1] <= high[1]
