"""Trains one configuration with many settings: trials drawn by Optuna, trained by processes or on a cluster.

A folder holds the study (`study.journal`, Optuna's own storage), one run folder per trial, and `trials.json`. What a
trial tries depends on the seed and its number alone, and a trial's training on its settings alone; so the table is the
same whoever computes, and a search that was killed goes on: finished trials are kept, begun ones are resumed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdmf_theory.errors import DataError, ParameterError
from rdmf_theory.support.extras import install_hint
from rdmf_theory.support.files import write_atomically
from rdmf_theory.sweeps import Point, sweep

STUDY, TABLE = "study.journal", "trials.json"
Row = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """What a key of the configuration may be: one of `values`, or in [low, high]; `kind` is float, log or int."""

    key: str
    values: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    kind: str = "float"

    @classmethod
    def parse(cls, text: str) -> Choice:
        """KEY=A,B,C or KEY=LOW:HIGH, with :log or :int. Raises ParameterError for anything else."""
        key, equals, rest = text.partition("=")
        usage = "such as train.learning_rate=1e-4:1e-2:log, train.epochs=2:8:int or model.fusion=competition,none"
        if not (key and equals and rest):
            raise ParameterError(f"--vary must be KEY=VALUES, {usage}. Got {text!r}.")
        if ":" not in rest:
            values = tuple(part.strip() for part in rest.split(","))
            if "" in values:
                raise ParameterError(f"--vary {key}: a value is empty. Got {rest!r}; write it {usage}.")
            return cls(key, values)
        parts = rest.split(":")
        kind = parts[2] if len(parts) == 3 else "float"
        try:
            low, high = float(parts[0]), float(parts[1])
        except ValueError:
            low, high = 1.0, 0.0
        whole = kind != "int" or (low.is_integer() and high.is_integer())
        if not (len(parts) <= 3 and kind in ("float", "log", "int") and low < high < 1e300 and low > -1e300 and whole):
            raise ParameterError(f"--vary {key}: a range is LOW:HIGH with LOW < HIGH, {usage}. Got {rest!r}.")
        if kind == "log" and low <= 0:
            raise ParameterError(f"--vary {key}: a range on the log scale starts above 0. Got {rest!r}.")
        return cls(key, (), low, high, kind)

    def distribution(self) -> Any:
        """As Optuna knows it."""
        from optuna import distributions as of

        if self.values:
            return of.CategoricalDistribution(self.values)
        if self.kind == "int":
            return of.IntDistribution(int(self.low), int(self.high))
        return of.FloatDistribution(self.low, self.high, log=self.kind == "log")


def search(
    config: Path,
    folder: Path,
    choices: Sequence[Choice],
    trials: int,
    *,
    settings: Sequence[str] = (),
    seed: int = 0,
    jobs: int = 1,
    cluster: str | Any | None = None,
    progress: Callable[[int], None] | None = None,
) -> list[Row]:
    """Train `trials` configurations; best first.

    Arguments:
        config: the TOML file that every trial starts from, read when a trial starts.
        folder: of the search; one that holds a search goes on with it.
        choices: what varies.  settings: KEY=VALUE overrides of all trials, after `choices`' keys are known.
        seed: of the draws.  jobs, cluster: who trains, as in `rdmf_theory.sweeps.sweep`.

    Returns: a row per trial: trial, state, score (of `train.selection`), the settings, metrics and seconds.
    Raises: ParameterError where Optuna is missing, or the folder holds a search over other choices.
    """
    if trials < 1 or not choices:
        raise ParameterError("a search needs at least one trial and one --vary KEY=VALUES.")
    optuna = _optuna()
    folder.mkdir(parents=True, exist_ok=True)
    backend = optuna.storages.journal.JournalFileBackend(str(folder / STUDY))
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.create_study(storage=storage, study_name="rdmf", direction="maximize", load_if_exists=True)
    about = {"choices": [repr(choice) for choice in choices], "settings": list(settings), "seed": seed}
    if study.user_attrs.get("about", about) != about:
        raise ParameterError(f"{folder} holds a search over {study.user_attrs['about']}. Give another folder.")
    study.set_user_attr("about", about)
    while len(study.trials) < trials:
        # each trial's draw from its own number: it does not matter what was finished before
        study.sampler = optuna.samplers.RandomSampler(seed=1_000_003 * seed + len(study.trials))
        study.ask({choice.key: choice.distribution() for choice in choices})
    waiting = [trial for trial in study.trials if not trial.state.is_finished()]
    points: list[Point] = [
        {
            "trial": str(trial.number),
            "config": str(config.resolve()),
            "folder": str(folder.resolve() / f"trial-{trial.number:04d}"),
            "settings": json.dumps([*settings, *(f"{key}={value}" for key, value in trial.params.items())]),
        }
        for trial in waiting
    ]
    finished = len(study.trials) - len(waiting)
    done = (lambda number: None) if progress is None else (lambda number: progress(finished + number))
    done(0)
    for row in sweep(points, train_trials, jobs=jobs, cluster=cluster, chunk=1, progress=done) if points else ():
        number = int(row["trial"])
        state = optuna.trial.TrialState.COMPLETE if row["score"] is not None else optuna.trial.TrialState.FAIL
        storage.set_trial_user_attr(study.trials[number]._trial_id, "row", json.dumps(row))
        study.tell(number, row["score"], state=state)
    rows = [json.loads(trial.user_attrs["row"]) | {"settings": trial.params} for trial in study.trials]
    rows.sort(key=lambda row: (row["score"] is None, -(row["score"] or 0.0), row["trial"]))
    write_atomically(folder / TABLE, (json.dumps(rows, indent=2) + "\n").encode())
    return rows


def train_trials(points: Sequence[Mapping[str, Any]], region: Any = None) -> list[Row]:
    """Train the trials of some points, each in its folder, and say what came out; a trial that fails is a row too."""
    from rdmf_model.config.config import load_config
    from rdmf_model.training.train import train

    rows: list[Row] = []
    for point in points:
        folder = Path(point["folder"])
        row: Row = {"trial": int(point["trial"]), "score": None, "metrics": {}, "epoch": None, "error": None}
        try:
            config = load_config(Path(point["config"]), json.loads(point["settings"]))
            begun = (folder / "config.json").is_file()
            if not begun and folder.exists():
                # killed before its configuration was written: nothing to resume
                shutil.rmtree(folder)
            result = train(config, folder, resume=begun)
            row |= {"score": result.best_score, "metrics": result.metrics, "epoch": result.best_epoch}
        except (ParameterError, DataError, RuntimeError) as error:
            row["error"] = str(error)
        rows.append(row)
    return rows


def _optuna() -> Any:
    try:
        import optuna
    except ImportError:
        raise ParameterError(f"A search needs Optuna. {install_hint('search')}") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
