"""Checkpoints: what comes back, and what `load_run` refuses."""

import json

import pytest
import torch
from safetensors.torch import save_file

from rdmf_model.checkpoints.checkpoint import FORMAT, load_run, read_tensors, save_tensors
from rdmf_model.data.batch import collate
from rdmf_model.data.splits import load_split
from rdmf_model.training.train import train
from rdmf_theory.errors import DataError, ParameterError
from tests.model.tiny_data import tiny_config, write_tiny_data


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    return train(tiny_config(write_tiny_data(folder / "data"), {"train.epochs": 1}), folder / "run").run


@pytest.fixture
def parts(run):
    """Tensors and header of the good checkpoint, to be spoilt."""
    return read_tensors(run / "best.safetensors", FORMAT)


def test_the_loaded_model_computes_the_same(run):
    model, config, header = load_run(run)
    again, _, _ = load_run(run / "best.safetensors")
    dataset = load_split(config, "val")
    batch = collate([dataset[0], dataset[1]])
    with torch.no_grad():
        first, second = model(batch), again(batch)
    assert torch.equal(first["pred_spans"], second["pred_spans"])
    assert not model.training
    assert header["region"] is not None
    assert header["format"] == FORMAT


def test_loading_leaves_the_random_numbers_alone(run):
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    load_run(run)
    assert torch.equal(torch.rand(2), expected)


def test_the_file_is_plain_safetensors_with_a_json_header(run):
    content = (run / "best.safetensors").read_bytes()
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length])["__metadata__"]
    assert json.loads(metadata["rdmf"])["config"]["version"] == 1
    assert not list(run.glob("*.tmp"))


def spoil_nan(tensors, header):
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.numel() > 1)
    tensors[name].view(-1)[1] = torch.nan


def spoil_infinity(tensors, header):
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point() and tensor.numel() > 1)
    tensors[name].view(-1)[0] = torch.inf


def spoil_missing(tensors, header):
    tensors.pop(sorted(tensors)[0])


def spoil_foreign(tensors, header):
    tensors["foreign.weight"] = torch.zeros(2)


def spoil_shape(tensors, header):
    name = next(name for name, tensor in tensors.items() if tensor.ndim == 2)
    tensors[name] = tensors[name][:, :-1].clone()


def spoil_bounds(tensors, header):
    name = next(name for name in tensors if name.endswith("lower"))
    tensors[name] = tensors[name] * 0.5


def spoil_header_region(tensors, header):
    header["region"] = {**header["region"], "version": 0}


def spoil_configured_region(tensors, header):
    low, high = header["config"]["model"]["region"]["wavelength"]
    header["config"]["model"]["region"]["wavelength"] = [low, high * 1.5]


def spoil_config_key(tensors, header):
    header["config"]["model"]["chanels"] = 3


def spoil_version(tensors, header):
    header["version"] = 99


def spoil_true_version(tensors, header):
    header["version"] = True


def spoil_constraint(tensors, header):
    header["config"]["model"]["constraint"] = "none"


def spoil_field(tensors, header):
    header["left_the_region"] = False


def without(*names):
    """Leave one field out."""

    def spoil(tensors, header):
        *path, last = names
        for name in path:
            header = header[name]
        del header[last]

    return spoil


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(spoil_nan, r"must be finite\. It holds NaN", id="nan"),
        pytest.param(spoil_infinity, r"must be finite\. It holds NaN or infinity", id="infinity"),
        pytest.param(spoil_missing, r"is missing \(1 of", id="missing-tensor"),
        pytest.param(spoil_foreign, r"tensor foreign\.weight does not belong", id="foreign-tensor"),
        pytest.param(spoil_shape, r"must be torch\.float32 of shape", id="shape"),
        pytest.param(spoil_bounds, r"\(the admissible region\) was changed", id="stored-bounds"),
        pytest.param(spoil_header_region, r"the region in its header is not the one", id="header-region"),
        pytest.param(spoil_configured_region, r"region", id="configured-region"),
        pytest.param(spoil_config_key, r"unknown key model\.chanels\. Did you mean model\.channels", id="config-key"),
        pytest.param(spoil_version, r"version must be 2\. Got '99'", id="version"),
        *(
            pytest.param(without(name), f"its header lacks {name}", id=f"no-{name}")
            for name in (
                "config",
                "region",
                "constraint",
                "left_region",
                "widths",
                "video_kinds",
                "epoch",
                "metrics",
                "versions",
            )
        ),
        *(
            pytest.param(
                without("config", "model", *names), "its configuration lacks model." + ".".join(names), id=names[-1]
            )
            for names in (("constraint",), ("fusion",), ("steps",), ("region", "clips"), ("region", "gain"))
        ),
        pytest.param(
            spoil_constraint, "its header says constraint = 'hard', its configuration 'none'", id="constraint"
        ),
        pytest.param(spoil_field, "has a field 'left_the_region' that this version does not know", id="field"),
        pytest.param(spoil_true_version, r"version must be 2\. Got 'True'", id="true-version"),
    ],
)
def test_a_spoilt_checkpoint_is_refused(parts, tmp_path, spoil, message):
    tensors, header = parts
    spoil(tensors, header)
    file = tmp_path / "spoilt.safetensors"
    save_tensors(file, tensors, header)
    with pytest.raises(DataError, match=rf"^{file}: .*{message}"):
        load_run(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "is not a readable safetensors file", id="empty"),
        pytest.param(b"\x80\x04K\x01.", "is not a readable safetensors file", id="pickle"),
        pytest.param(b"\xff" * 64, "is not a readable safetensors file", id="garbage"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, content, message):
    file = tmp_path / "other.safetensors"
    file.write_bytes(content)
    with pytest.raises(DataError, match=message):
        load_run(file)


def test_foreign_safetensors_and_a_training_state_are_refused(run, tmp_path):
    file = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(2)}, file)
    with pytest.raises(DataError, match="was not written by `rdmf train`"):
        load_run(file)
    with pytest.raises(DataError, match=f"must be of format {FORMAT}"):
        load_run(run / "last.state")


def test_a_truncated_checkpoint_is_refused(run, tmp_path):
    file = tmp_path / "short.safetensors"
    content = (run / "best.safetensors").read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match="is not a readable safetensors file"):
        load_run(file)


def test_a_folder_without_a_checkpoint_is_refused(tmp_path, run):
    with pytest.raises(DataError, match=r"has no best\.safetensors\. Give the folder that `rdmf train` wrote"):
        load_run(tmp_path)
    with pytest.raises(DataError, match=r"is not a folder with a best\.safetensors"):
        load_run(tmp_path / "absent")
    with pytest.raises(ParameterError, match='must be "best" or "last"'):
        load_run(run, which="first")


def rewritten(file, change):
    """The file with its header or its tensors changed by hand, the stored digest left as it is."""
    content = bytearray(file.read_bytes())
    length = int.from_bytes(content[:8], "little")
    listed = json.loads(content[8 : 8 + length])
    document = json.loads(listed["__metadata__"]["rdmf"])
    data = bytearray(content[8 + length :])
    change(document, listed, data)
    listed["__metadata__"]["rdmf"] = json.dumps(document)
    header = json.dumps(listed).encode()
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + bytes(data)


def one_bit(document, listed, data):
    begin, _ = listed["fusion.design_base"]["data_offsets"]
    data[begin] ^= 1


def exchanged_names(document, listed, data):
    first, second = sorted(name for name in listed if name.startswith("video_projection"))[:2]
    listed[first], listed[second] = listed[second], listed[first]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(one_bit, id="one-bit-of-a-weight"),
        pytest.param(exchanged_names, id="two-tensors-exchanged"),
        pytest.param(lambda document, *_: document.update(epoch=7), id="epoch"),
        pytest.param(lambda document, *_: document["metrics"].update(score=100.0), id="metrics"),
        pytest.param(lambda document, *_: document["config"]["model"].update(steps=500), id="steps"),
        pytest.param(lambda document, *_: document.pop("constraint"), id="constraint"),
        pytest.param(lambda document, *_: document.pop("digest"), id="digest"),
    ],
)
def test_what_was_changed_after_training_is_refused(run, tmp_path, change):
    file = tmp_path / "changed.safetensors"
    file.write_bytes(rewritten(run / "best.safetensors", lambda *_: None))
    load_run(file)
    file.write_bytes(rewritten(run / "best.safetensors", change))
    with pytest.raises(DataError, match="do not have the digest that was stored with them"):
        load_run(file)


def test_a_foreign_file_is_not_read_whole(tmp_path):
    file = tmp_path / "large.safetensors"
    header = json.dumps({"w": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}}).encode()
    with file.open("wb") as stream:
        stream.write(len(header).to_bytes(8, "little") + header)
        # sparse: 4 TiB
        stream.truncate(8 + len(header) + (1 << 42))
    with pytest.raises(DataError, match="was not written by `rdmf train`"):
        load_run(file)
