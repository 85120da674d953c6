"""One folder to hand on: weights, configuration, certificate, model card and the encoder that made the features.

    FOLDER/  best.safetensors  config.json  data.json  statistics.json  card.md  [certificate.json]  [encoder.json]
             pack.json: size and SHA-256 of each of them

A packed folder is a run folder: every command and `load_run` take it, and refuse it where a file is not as packed.
It is finished: it cannot be trained further, and `rdmf verify` writes its certificate beside it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rdmf_model.checkpoints.card import CARD, CERTIFICATE, model_card
from rdmf_model.checkpoints.checkpoint import Run, load_run
from rdmf_model.checkpoints.lock import refuse_if_locked
from rdmf_model.checkpoints.packed import FORMAT, PACK, VERSION, file_entry
from rdmf_theory.errors import ParameterError

ENCODER = "encoder.json"
NEEDED, OPTIONAL = ("best.safetensors", "config.json", "data.json"), ("statistics.json", CERTIFICATE)


def pack_run(run: Path, output: Path) -> dict[str, Any]:
    """Copy what a user of a run needs into a new folder, with digests; returns the document of `pack.json`.

    Arguments:
        run: run folder of `rdmf train`.  output: the new folder.
    Raises: ParameterError where `run` is no run folder or `output` exists; DataError for a checkpoint that cannot be
        used.
    """
    missing = [name for name in NEEDED if not (run / name).is_file()]
    if missing:
        raise ParameterError(f"{run}: has no {', '.join(missing)}. Give the folder that `rdmf train` wrote.")
    if output.exists():
        raise ParameterError(f"--output must be a new folder. {output} exists.")
    if not output.absolute().parent.is_dir():
        raise ParameterError(f"--output must lie in a folder that exists. Got {output}.")
    refuse_if_locked(run)
    trained = load_run(run)
    temporary = output.with_name(f".{output.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        for name in (*NEEDED, *OPTIONAL):
            if (run / name).is_file():
                shutil.copyfile(run / name, temporary / name)
        encoder = encoder_manifest(trained, run)
        if encoder is not None:
            (temporary / ENCODER).write_text(json.dumps(encoder, indent=1) + "\n", encoding="utf-8")
        (temporary / CARD).write_text(model_card(temporary, name=output.name), encoding="utf-8")
        files = {path.name: file_entry(path) for path in sorted(temporary.iterdir())}
        document = {"format": FORMAT, "version": VERSION, "files": files}
        (temporary / PACK).write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        temporary.rename(output)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return document


def encoder_manifest(trained: Run, run: Path) -> dict[str, Any] | None:
    """What `rdmf extract` recorded about the encoder of a run's features; None where the features are another's.

    A run that was packed before brings its own.
    """
    if (run / ENCODER).is_file():
        return json.loads((run / ENCODER).read_text(encoding="utf-8"))
    sources = trained.config.data.video_features
    return next((found for source in sources if (found := _recorded(source, trained.header["video_kinds"]))), None)


def _recorded(source: Path, kinds: Sequence[Any]) -> dict[str, Any] | None:
    """The encoder of the manifest beside a folder of features that makes all of these kinds."""
    try:
        manifest = json.loads((source.parent / "manifest.json").read_text(encoding="utf-8"))
        encoders = dict(manifest["encoders"])
        made = {
            name: {key: value for key, value in entry.items() if key != "videos"} for name, entry in encoders.items()
        }
        wanted = {str(name) for name, _ in kinds}
        return next((x | {"name": name} for name, x in made.items() if wanted <= set(x["kinds"])), None)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
