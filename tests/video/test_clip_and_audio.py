"""CLIP on a tiny model that the test writes, and sound with known spectrum, gaps and none at all."""

import json
from pathlib import Path

import numpy as np
import pytest

from rdmf_model.cli import main
from rdmf_model.encoders.audio import BANDS, FLOOR, WIDTH
from rdmf_model.encoders.registry import load_encoder
from rdmf_model.moments.search import VideoSearch
from rdmf_model.video.probe import probe
from rdmf_model.video.sound import read_sound
from rdmf_theory.errors import DataError, ParameterError
from tests.video.rendering import numbered, write_video

transformers = pytest.importorskip("transformers", reason="needs transformers: pip install 'rdmf[encoders]'")
TIMES = [100 * n for n in range(40)]


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory) -> Path:
    """A CLIP of random weights: 32 x 32 pixels, two layers, 24 channels, a tokenizer of a few words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    folder = tmp_path_factory.mktemp("clip")
    torch.manual_seed(0)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {**small, "vocab_size": 10, "max_position_embeddings": 12, "bos_token_id": 0, "eos_token_id": 1}
    config = transformers.CLIPConfig(
        text_config=text, vision_config={**small, "image_size": 32, "patch_size": 8}, projection_dim=24
    )
    transformers.CLIPModel(config).save_pretrained(folder)
    words = ["<s>", "</s>", "<pad>", "a", "red", "green", "blue", "door", "opens", "<unk>"]
    tokenizer = Tokenizer(models.WordLevel({word: row for row, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
    )
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    ).save_pretrained(folder)
    preparation = {
        "crop_size": {"height": 32, "width": 32},
        "image_mean": [0.5, 0.4, 0.3],
        "image_std": [0.2, 0.3, 0.4],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps({**preparation, "do_center_crop": True}))
    return folder


def test_clip_is_what_transformers_computes(tiny_clip):
    import torch

    encoder = load_encoder(f"clip:{tiny_clip}")
    assert dict(encoder.kinds) == {"clip_image": 24}
    assert (encoder.picture.height, encoder.picture.fit) == (32, "crop")
    clips = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    features = encoder.encode(clips, None)
    text = encoder.encode_text("a red door opens")
    assert text.tokens.shape == (6, 24)
    model = transformers.CLIPModel.from_pretrained(tiny_clip).eval()
    pixels = (torch.from_numpy(clips).permute(0, 3, 1, 2) / 255 - torch.tensor([0.5, 0.4, 0.3])[:, None, None]) / (
        torch.tensor([0.2, 0.3, 0.4])[:, None, None]
    )
    with torch.inference_mode():
        outputs = model(input_ids=torch.tensor([[0, 3, 4, 7, 8, 1]]), pixel_values=pixels)
    np.testing.assert_allclose(features["clip_image"], outputs.image_embeds.numpy(), atol=1e-5)
    np.testing.assert_allclose(text.pooled, outputs.text_embeds[0].numpy(), atol=1e-5)
    cosines = (outputs.logits_per_text / model.logit_scale.detach().exp())[0].numpy()
    np.testing.assert_allclose(encoder.match(features, text), cosines, atol=1e-5)
    assert encoder.identity()["weights"].keys() == {"model.safetensors"}


def test_clip_finds_moments_and_extracts(tiny_clip, tmp_path):
    video = write_video(tmp_path / "v.mp4", numbered(40), TIMES, gop=5)
    answer = VideoSearch.open(video, f"clip:{tiny_clip}", 0.5).ask("a green door")
    assert len(answer.found.saliency) == 8
    assert main(["extract", str(video), "-o", str(tmp_path / "f"), "--encoder", f"clip:{tiny_clip}"]) == 0
    assert np.load(tmp_path / "f" / "clip_image" / "v.npy").shape == (2, 24)
    assert "sha256" in (tmp_path / "f" / "manifest.json").read_text()


def test_folders_that_are_no_clip_are_refused(tmp_path, tiny_clip):
    with pytest.raises(ParameterError, match="needs a folder or a hub id"):
        load_encoder("clip")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match="is no CLIP or SigLIP"):
        load_encoder(f"clip:{tmp_path}").kinds  # noqa: B018
    (tmp_path / "preprocessor_config.json").write_text('{"size": 32}')
    with pytest.raises(DataError, match="does not say how to prepare images"):
        load_encoder(f"clip:{tmp_path}").picture  # noqa: B018


def test_a_tone_is_in_its_band_and_as_loud_as_it_is():
    encoder = load_encoder("audio")
    time = np.arange(32000) / 16000
    rows = encoder.encode(np.stack([np.sin(2 * np.pi * 1000 * time), 0.1 * np.sin(2 * np.pi * 1000 * time)]), None)[
        "audio"
    ]
    assert rows.shape == (2, WIDTH)
    means = rows[:, :BANDS]
    # centres of mel bands are equally spaced in 2595 log10(1 + f / 700)
    mel = 2595 * np.log10(1 + np.array([50.0, 7600.0, 1000.0]) / 700)
    band = round((mel[2] - mel[0]) / (mel[1] - mel[0]) * (BANDS + 1)) - 1
    assert means.argmax(1).tolist() == [band, band]
    # a tenth of the amplitude: a hundredth of the power, two units
    assert means[0, band] - means[1, band] == pytest.approx(2, abs=0.01)
    assert rows[0, -3] == pytest.approx(-np.log10(FLOOR) + np.log10(1.5), abs=0.02)
    assert rows[:, -2:].tolist() == [[0, 1], [0, 1]]


def test_silence_and_a_missing_track_differ():
    rows = load_encoder("audio").encode(np.stack([np.zeros(16000), np.full(16000, np.nan)]).astype(np.float32), None)
    silent, missing = rows["audio"]
    assert silent[-2:].tolist() == [1, 1]
    np.testing.assert_allclose(silent[:-2], 0, atol=1e-5)
    assert (missing == 0).all()


def test_sound_is_read_at_the_time_of_its_clip(tmp_path):
    """Silent, a tone, silent, for 4 s: the tone is heard in the clips in which it sounds."""
    sound = np.zeros(64000, dtype=np.float32)
    sound[16000:40000] = np.sin(np.arange(24000) / 3) / 2
    video = probe(write_video(tmp_path / "v.mp4", numbered(40), TIMES, sound=sound), 0.5)
    waves = list(read_sound(video))
    assert [len(wave) for wave in waves] == [8000] * 8
    loud = [float(np.sqrt(np.mean(wave**2))) for wave in waves]
    # the encoder of the sound delays it by up to 70 ms
    assert [level > 0.2 for level in loud] == [False, False, True, True, True, False, False, False]
    for first in (1, 5):
        for one, other in zip(waves[first:], read_sound(video, first=first), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_video_without_sound_says_so(tmp_path):
    video = probe(write_video(tmp_path / "v.mp4", numbered(40), TIMES), 1.0)
    assert [np.isnan(wave).all() for wave in read_sound(video)] == [True] * 4
    assert main(["extract", str(video.path), "-o", str(tmp_path / "f"), "--encoder", "audio"]) == 0
    assert (np.load(tmp_path / "f" / "audio" / "v.npy") == 0).all()


def test_sound_that_ends_early_is_silent_to_the_end(tmp_path):
    sound = (np.sin(np.arange(24000) / 3) / 2).astype(np.float32)
    video = probe(write_video(tmp_path / "v.mp4", numbered(40), TIMES, sound=sound), 1.0)
    levels = [float(np.abs(wave).max()) for wave in read_sound(video)]
    assert levels[0] > 0.3
    assert levels[2:] == [0.0, 0.0]
