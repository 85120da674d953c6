"""`rdmf verify`: what it proves, what it refuses, and its exit codes."""

import hashlib
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import rdmf_model.fusion.reaction_diffusion
import rdmf_model.model.build
from rdmf_model.checkpoints.checkpoint import FORMAT, read_tensors, save_tensors
from rdmf_model.cli import main
from rdmf_model.constraints.constraint import DesignConstraint
from rdmf_model.properties import PROPERTIES, Scope
from rdmf_model.verification.run import verify_run
from rdmf_theory.certificates.certificate import Certificate
from tests.properties.tiny import tiny_config, write_run

CONSTRAINT = "fusion.constraint."


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return write_run(tmp_path_factory.mktemp("verify") / "run")


@pytest.fixture
def run(sound, tmp_path):
    """A copy of the sound run, to be spoilt."""
    return Path(shutil.copytree(sound, tmp_path / "run"))


def verify(capsys, *arguments):
    """(exit code, stdout, stderr) of `rdmf verify`."""
    capsys.readouterr()
    code = main(["verify", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def spoil(run, change):
    """Rewrite the checkpoint of a run with changed tensors and header."""
    tensors, header = read_tensors(run / "best.safetensors", FORMAT)
    change(tensors, header)
    save_tensors(run / "best.safetensors", tensors, header)


def test_a_sound_run_holds_and_its_certificate_is_accepted(run, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    code, out, err = verify(capsys, "run", "--examples", 2, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["holds"] is True
    assert [entry["name"] for entry in report["properties"]] == [
        prop.name for prop in PROPERTIES if prop.scope is not Scope.COMPETITION
    ]
    assert all(entry["examples"] in (1, 2) and entry["verdict"] == "holds" for entry in report["properties"])
    certificate = Certificate.load(run / "certificate.json")
    digest = hashlib.sha256((run / "best.safetensors").read_bytes()).hexdigest()
    assert certificate.subject == f"sha256:{digest}"
    assert certificate.content["region"]["clips"] == [29, 40]
    assert report["certificate"]["verdict"] == "certified"
    assert report["certificate"]["independent_checker"]
    assert main(["certify", str(run / "certificate.json")]) == 0
    # nothing is left behind, neither hypothesis' folder nor a thread setting
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run"]
    assert sorted(path.name for path in run.iterdir()) == ["best.safetensors", "certificate.json"]
    assert torch.get_num_threads() == threads
    assert "Traceback" not in err


def test_the_table_names_every_property(run, capsys, tmp_path):
    file = tmp_path / "proof.json"
    code, out, _ = verify(capsys, run / "best.safetensors", "--examples", 1, "-o", file)
    assert code == 0
    assert all(prop.name in out for prop in PROPERTIES)
    assert "for all texts" in out
    assert "29 to 40 clips, 6 steps" in out
    assert file.is_file()
    assert not (run / "best.certificate.json").exists()


def test_an_edited_certificate_is_refused(run, capsys):
    assert verify(capsys, run, "--examples", 1)[0] == 0
    file = run / "certificate.json"
    file.write_text(file.read_text().replace('"29"', '"28"').replace("29,", "28,"))
    assert main(["certify", str(file)]) == 1


def widen(tensors, header):
    tensors[f"{CONSTRAINT}upper"][0] = 0.6


def narrow(tensors, header):
    # inside the region still, but not what was trained
    tensors[f"{CONSTRAINT}upper"][0] = 0.45


def poison(tensors, header):
    tensors["fusion.design_base"][0, 0] = torch.nan


def another_region(tensors, header):
    header["region"]["clips"] = [2, 40]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (widen, "upper (the admissible region) was changed"),
        (narrow, "upper (the admissible region) was changed"),
        (poison, "fusion.design_base must be finite"),
        (another_region, "region in its header is not the one of its configuration"),
    ],
    ids=["bounds-leave-the-region", "bounds-narrowed", "nan", "header"],
)
def test_a_tampered_checkpoint_is_refused(run, change, message, capsys):
    spoil(run, change)
    code, out, err = verify(capsys, run, "--json")
    assert code == 3
    assert json.loads(out)["exit"] == 3
    assert message in err
    assert "se an" in err  # use an earlier, or unchanged, checkpoint
    assert "Traceback" not in err
    assert not (run / "certificate.json").exists()


def test_foreign_and_missing_files(tmp_path, capsys):
    save_file({"x": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    (tmp_path / "text.safetensors").write_text("no tensors")
    for name, message in [
        ("foreign.safetensors", "was not written by `rdmf train`"),
        ("text.safetensors", "is not a readable safetensors file"),
        ("nothing", "Give the folder that `rdmf train` wrote"),
    ]:
        code, _, err = verify(capsys, tmp_path / name)
        assert code == 3
        assert message in err


def test_a_region_that_its_box_violates_is_refuted(sound, tmp_path, capsys, monkeypatch):
    # left by an earlier verification, about other weights
    (tmp_path / "run").mkdir()
    assert verify(capsys, sound, "--examples", 1, "-o", tmp_path / "run" / "certificate.json")[0] == 0
    honest = rdmf_model.model.build.build_region
    monkeypatch.setattr(
        rdmf_model.model.build,
        "build_region",
        lambda config, steps: replace(honest(config, steps), gain=(1.5, 2.0)),
    )
    run = write_run(tmp_path / "run")
    code, out, _ = verify(capsys, run, "--examples", 3, "--json")
    assert code == 1
    report = json.loads(out)
    assert report["certificate"]["verdict"] == "refuted"
    assert report["certificate"]["condition"] == "gain"
    assert report["certificate"]["witness"]
    assert not (run / "certificate.json").exists()
    broken = {entry["name"] for entry in report["properties"] if entry["verdict"] == "violated"}
    assert broken == {"admissible"}


def test_a_violated_property_is_reported_with_its_counter_example(run, capsys, monkeypatch):
    wide = lambda self, design: (0 * design.s - 2.0, 0 * design.s + 2.0)  # noqa: E731
    monkeypatch.setattr(DesignConstraint, "log_gain", wide)
    code, out, _ = verify(capsys, run, "--examples", 2)
    assert code == 1
    assert "gain is violated" in out
    assert "counter-example Company(queries=(Query(video=Video(" in out
    assert "ModulatedGain.gain_interval_iff" in out


def test_a_checker_that_refuses_is_no_certificate(run, monkeypatch):
    from rdmf_theory.certificates import checkers

    def refuse(path):
        raise checkers.Refused("no")

    monkeypatch.setattr(checkers, "check", refuse)
    report = verify_run(run, examples=1)
    assert report.certificate is not None
    assert report.certificate.certificate.holds
    assert not report.certificate.holds
    assert not report.holds


def test_a_model_without_a_region(tmp_path, capsys):
    run = write_run(tmp_path / "run", tiny_config("cross_attention"))
    code, _, err = verify(capsys, run)
    assert code == 2
    assert "'cross_attention' has not" in err
    assert "--no-certificate" in err
    code, out, _ = verify(capsys, run, "--no-certificate", "--examples", 3, "--json")
    assert code == 0
    report = json.loads(out)
    assert report["certificate"] is None
    assert {entry["name"] for entry in report["properties"]} == {
        prop.name for prop in PROPERTIES if not prop.needs_layer
    }
    assert not (run / "certificate.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [("--examples", 0), ("--seed", -1), ("-o", "nowhere/certificate.json"), ("--checkpoint", "worst")],
    ids=["examples", "seed", "output", "checkpoint"],
)
def test_bad_arguments(run, arguments, capsys):
    assert verify(capsys, run, *arguments)[0] == 2


def test_the_documentation_names_every_property(repository):
    page = (repository / "docs" / "verification.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE)
    ours = [prop.name for prop in PROPERTIES if prop.scope is Scope.COMPETITION]
    assert sorted(named) == sorted(prop.name for prop in PROPERTIES)
    assert [name for name in named if name in ours] == ours


@pytest.mark.parametrize("prop", PROPERTIES, ids=lambda prop: prop.name)
def test_the_theorems_behind_the_properties_exist(prop, repository):
    cited = re.findall(r"\b([A-Z]\w+)\.(\w+)", prop.theorem)
    assert cited or prop.theorem.startswith("by construction")
    for file, theorem in cited:
        source = (repository / "proofs" / f"{file}.v").read_text(encoding="utf-8")
        assert re.search(rf"^Theorem {theorem}\b", source, re.MULTILINE), f"proofs/{file}.v has no theorem {theorem}"


def test_a_spoilt_kernel_is_named_though_its_parameters_are_certified(run, capsys, monkeypatch):
    """What answers runs with five times the feed rate: the designs, and so the certificate, know nothing of it."""
    module = rdmf_model.fusion.reaction_diffusion
    true = module.driven_readout
    wrong = lambda tilt, drive, rates, *rest, **options: true(  # noqa: E731
        tilt, drive, rates._replace(F=5 * rates.F), *rest, **options
    )
    monkeypatch.setattr(module, "driven_readout", wrong)
    code, out, _ = verify(capsys, run, "--examples", 2, "--json")
    assert code == 1
    report = json.loads(out)
    assert report["certificate"]["verdict"] == "certified"
    broken = {entry["name"] for entry in report["properties"] if entry["verdict"] == "violated"}
    assert "layer_steps" in broken
