"""A video of hours, whole and in windows: `python -m benchmarks.long_video [--clips 65536] [--json FILE]`.

The fusion layer offline, in windows, and as a stream; then the whole model from a feature file on disk. CPU time on one
thread, peak memory of a fork beside what it started with, and the largest difference from offline.
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rdmf_model.bench.measure import machine, peak_bytes
from rdmf_model.config.config import ModelConfig, RegionConfig
from rdmf_model.data.feature_files import FeatureFiles
from rdmf_model.evaluation.localize import one_video_batch
from rdmf_model.fusion.reaction_diffusion import ReactionDiffusionFusion
from rdmf_model.model.build import build_model
from rdmf_model.model.moment_model import MomentModel
from rdmf_model.streaming.long_video import locate_in_windows
from rdmf_model.streaming.streaming import StreamingFusion, windowed_fusion
from rdmf_theory import formulas
from rdmf_theory.chart import PatternDesign
from rdmf_theory.layer.locality import InputRange, halo_bound
from rdmf_theory.regions.admissible import DEFAULT_REGION

WORDS, FEATURES, SECONDS = 12, 512, 2.0


def build(channels: int, seed: int = 0) -> MomentModel:
    """The default model with wavelengths of 6 to 36 clips, its weights moved off their initial values."""
    torch.manual_seed(seed)
    region = RegionConfig(wavelength=(6.0, 36.0), clips=(32, 2048))
    model = build_model(ModelConfig(channels=channels, region=region), FEATURES, FEATURES).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return model


def measured(case: Callable[[], object]) -> dict[str, float]:
    """CPU seconds of one run and peak MiB of another."""
    peak = peak_bytes(case)
    start = time.process_time()
    case()
    return {"seconds": time.process_time() - start, "peak_mib": (peak or 0) / 2**20}


@torch.no_grad()
def fusion_rows(fusion: ReactionDiffusionFusion, clips: int, blocks: list[int]) -> tuple[list[dict], list[dict]]:
    """Cost of the layer on one video, offline and in windows, and agreement with offline."""
    generator = torch.Generator().manual_seed(1)
    video = torch.randn(clips, fusion.channels, generator=generator)
    query = torch.randn(fusion.channels, generator=generator)
    mask = torch.ones(1, clips, dtype=torch.bool)

    def offline() -> Tensor:
        return fusion(video[None], None, query[None], mask, None).clips[0]

    truth = offline()
    first = measured(offline)
    rows = [{"name": "fusion, offline"} | first | {"ratio": 1.0, "difference": 0.0}]
    halos = []
    for block in blocks:
        found, plan = windowed_fusion(fusion, video, query, block=block)
        row = measured(lambda block=block: windowed_fusion(fusion, video, query, block=block))
        difference = float((found.clips - truth).abs().max())
        name = f"fusion, windows of {block} + 2 x {plan.reach}"
        rows.append({"name": name} | row | {"ratio": row["seconds"] / first["seconds"], "difference": difference})
    for tolerance in (1e-3, 1e-6, 1e-9):
        stream = StreamingFusion(fusion, query, tolerance=tolerance, block=1)
        plan, latency = stream.plan, stream.latency
        halos.append({"tolerance": tolerance, "halo": plan.halo, "latency_clips": latency, "bound": plan.bound})
    return rows, halos


def design_rows() -> list[dict]:
    """Halo that the fields need for 1e-6, a priori, over the corners of the default region and some of its designs."""
    low, high = DEFAULT_REGION.lower, DEFAULT_REGION.upper
    middle = [0.5 * (a + b) for a, b in zip(low, high, strict=True)]
    corners = [list(corner) for corner in itertools.product(*zip(low, high, strict=True))]
    named = {
        "middle, 6 clips": [*middle[:2], 2.0, 6.0, 0.4],
        "middle, 12 clips": [*middle[:2], 2.0, 12.0, 0.4],
        "middle, 12 clips, slow": [*middle[:2], 2.0, 12.0, 0.05],
        "middle, 36 clips": [*middle[:2], 2.0, 36.0, 0.4],
    }
    rows = [{"name": name, "design": design, "halo": fields_halo(design)} for name, design in named.items()]
    worst = max(corners, key=fields_halo)
    return [*rows, {"name": "worst corner of DEFAULT_REGION", "design": worst, "halo": fields_halo(worst)}]


def fields_halo(design: list[float]) -> int:
    """Certified halo of u and v for the widest inputs that a layer can learn: v_0 = v* (1 +- 0.9)."""
    point = PatternDesign(*design)
    parameters, v_star = point.parameters(), formulas.steady_v(point.u_star, point.z)
    gains = [parameters.s * m**0.9 for m in formulas.gain_interval(point.u_star, point.z, point.d, xp=np)]
    inputs = InputRange(point.u_star, 0.1 * v_star, 1.9 * v_star, *gains)
    return halo_bound(parameters, inputs, DEFAULT_REGION.steps).least_halo(1e-6)


def model_rows(model: MomentModel, clips: int, block: int) -> list[dict]:
    """Cost of localizing in a feature file, whole and in windows: everything but loading the model."""
    words = torch.randn(WORDS, FEATURES, generator=torch.Generator().manual_seed(2))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.npy"
        stored = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(clips, FEATURES))
        generator = np.random.default_rng(0)
        for start in range(0, clips, 4096):
            stop = min(start + 4096, clips)
            stored[start:stop] = generator.standard_normal((stop - start, FEATURES))
        del stored

        def whole() -> Mapping[str, Any]:
            with torch.no_grad():
                return model(one_video_batch(FeatureFiles([path], FEATURES), words.numpy(), SECONDS, shown=clips))

        def windows() -> Mapping[str, Any]:
            return locate_in_windows(model, FeatureFiles([path], FEATURES), words, block=block)

        cases = {"whole model from a file, offline": whole, f"whole model from a file, windows of {block}": windows}
        rows = [{"name": name} | measured(case) for name, case in cases.items()]
        for row, case in zip(rows, cases.values(), strict=True):
            row["ratio"] = row["seconds"] / rows[0]["seconds"]
            row["difference"] = float((case()["saliency_scores"] - whole()["saliency_scores"]).abs().max())
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=65536)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--blocks", type=int, nargs="+", default=[256, 2048])
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    options = parser.parse_args()
    torch.set_num_threads(1)
    about = machine()
    print(", ".join(f"{key}: {value}" for key, value in about.items()))
    model = build(options.channels)
    rows, halos = fusion_rows(model.fusion, options.clips, options.blocks)  # type: ignore[arg-type]
    rows += model_rows(model, options.clips, options.blocks[-1])
    designs = design_rows()
    field = 4 * options.clips * options.channels / 2**20
    hours = options.clips * SECONDS / 3600
    print(f"\nT = {options.clips} ({hours:.1f} h at {SECONDS:g} s), C = {options.channels}; a field: {field:.1f} MiB\n")
    print("| | CPU, s | ratio to offline | peak, MiB | largest difference |\n|---|---|---|---|---|")
    for row in rows:
        measured_ = f"{row['seconds']:.2f} | {row['ratio']:.2f} | {row['peak_mib']:.0f} | {row['difference']:.2g}"
        print(f"| {row['name']} | {measured_} |")
    print("\n| tolerance | halo, clips | latency, clips | latency, s | certified bound |\n|---|---|---|---|---|")
    for halo in halos:
        clips = halo["latency_clips"]
        print(f"| {halo['tolerance']:g} | {halo['halo']} | {clips} | {clips * SECONDS:.0f} | {halo['bound']:.2g} |")
    print("\n| design (u*, z, excess, wavelength, rate) | halo of u and v for 1e-6, clips |\n|---|---|")
    for row in designs:
        print(f"| {row['name']}: {', '.join(f'{x:.3g}' for x in row['design'])} | {row['halo']} |")
    if options.json:
        options.json.write_text(
            json.dumps({"machine": about, "rows": rows, "halos": halos, "designs": designs}, indent=1) + "\n"
        )


if __name__ == "__main__":
    main()
