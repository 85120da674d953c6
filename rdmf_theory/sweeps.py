"""The same question at many points, on all cores or on a cluster: results in the order of the points, whoever computes.

Points are cut into chunks of a fixed size, so the number of workers changes neither what is computed nor its rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np

from rdmf_theory.errors import ParameterError
from rdmf_theory.regions.admissible import DEFAULT_REGION, AdmissibleRegion
from rdmf_theory.support.extras import install_hint

Point = Mapping[str, float | str]
Row = dict[str, Any]

CHUNK = 2048
"""Points per task."""

CONNECT_SECONDS = 10.0
"""How long to wait for a scheduler to answer."""

NEEDED = {"check": ("F", "k"), "design": ("u_star", "z", "excess", "wavelength", "rate")}
DEFAULTS = {"check": {"s": 1.0, "D_u": 2.0, "D_v": 1.0}, "design": {}}


def check_rows(points: Sequence[Point], region: AdmissibleRegion | None = None) -> list[Row]:
    """Classification and margins of parameter points, as `turing.classify` decides them.

    Floats decide where their rounding cannot matter (`turing.near_boundary`), exact arithmetic elsewhere. A number may
    be text: it counts as the decimal that it writes, a float as the shortest decimal that is read as it.
    """
    from rdmf_theory.turing import classify, classify_array, near_boundary

    names = ("F", "k", "s", "D_u", "D_v")
    given = [[point.get(name, DEFAULTS["check"].get(name, np.nan)) for point in points] for name in names]
    values = {name: np.array(list(map(float, column))) for name, column in zip(names, given, strict=True)}
    with np.errstate(all="ignore"):
        result = classify_array(*values.values())
    columns: dict[str, Any] = {"classification": np.array(result.name, dtype=object)}
    columns |= {name: np.array(getattr(result, name), dtype=float) for name in ("u_star", "z", "d", "d_T")}
    columns |= {f"margin_{name}": np.array(c.margin, dtype=float) for name, c in result.conditions.items()}
    for index in np.flatnonzero(near_boundary(result)):
        exact = classify(*(str(column[index]) for column in given))
        answers = {"classification": exact.name} | {name: getattr(exact, name) for name in ("u_star", "z", "d", "d_T")}
        answers |= {f"margin_{name}": condition.margin for name, condition in exact.conditions.items()}
        for name, answer in answers.items():
            columns[name][index] = np.nan if answer is None else answer
    return _rows({name: values[name] for name in names}, {}, columns)


def design_rows(points: Sequence[Point], region: AdmissibleRegion | None = None) -> list[Row]:
    """Parameters and margins of designs, judged by a region (the default one if None)."""
    from rdmf_theory.chart import PatternDesign

    judge = DEFAULT_REGION if region is None else region
    values = {name: np.array([float(point[name]) for point in points]) for name in NEEDED["design"]}
    design = PatternDesign(**values)
    conditions = judge.conditions(design)
    holds = np.logical_and.reduce([condition.holds for condition in conditions.values()])
    columns = {"d": design.d, **{f"margin_{name}": condition.margin for name, condition in conditions.items()}}
    return _rows(values, {"admissible": holds}, columns)


QUESTIONS: dict[str, Callable[..., list[Row]]] = {"check": check_rows, "design": design_rows}


def _rows(values: Mapping[str, Any], answers: Mapping[str, Any], columns: Mapping[str, Any]) -> list[Row]:
    table = {**values, **answers, **columns}
    lists = [np.asarray(column).tolist() for column in table.values()]
    return [dict(zip(table, row, strict=True)) for row in zip(*lists, strict=True)]


def grid_points(ranges: Mapping[str, Sequence[float]]) -> list[dict[str, float | str]]:
    """Every combination of values, the last name varying fastest."""
    axes = np.meshgrid(*(np.asarray(values, dtype=float) for values in ranges.values()), indexing="ij")
    columns = [axis.ravel().tolist() for axis in axes]
    return [dict(zip(ranges, row, strict=True)) for row in zip(*columns, strict=True)]


def sweep(
    points: Iterable[Point],
    question: str | Callable[..., list[Row]] = "check",
    *,
    region: AdmissibleRegion | None = None,
    jobs: int = 1,
    cluster: str | Any | None = None,
    progress: Callable[[int], None] | None = None,
    chunk: int = CHUNK,
) -> Iterator[Row]:
    """Answers at many points, one row per point, in their order.

    Arguments:
        points: mappings from parameter (or design) names to numbers.
        question: "check" (F, k and optionally s, D_u, D_v), "design" (the five coordinates), or an importable function
            of a list of points and a region that returns one row per point.
        region: judges designs.
        jobs: processes on this machine, by joblib; -1 for all cores.
        cluster: address of a dask.distributed scheduler (extra `cluster`), or a Client; then `jobs` is not used.
        progress: called with the number of points done after each chunk.
        chunk: points per task, >= 1; it changes no row.
    Returns: an iterator; chunks are computed as they are needed, at most a few ahead.
    Raises: ParameterError for an unknown question, no points, or dask.distributed missing.
    """
    if isinstance(question, str) and question not in QUESTIONS:
        raise ParameterError(f"question must be one of {sorted(QUESTIONS)}. Got {question!r}.")
    if jobs == 0:
        raise ParameterError("jobs must be a number of processes, or -1 for all cores. Got 0.")
    ask = QUESTIONS[question] if isinstance(question, str) else question
    chunks = _chunks(points, chunk)
    results = _on_cluster(ask, chunks, region, cluster) if cluster is not None else _locally(ask, chunks, region, jobs)
    return _flat(results, progress)


def _chunks(points: Iterable[Point], size: int) -> Iterator[list[Point]]:
    iterator = iter(points)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _flat(results: Iterable[list[Row]], progress: Callable[[int], None] | None) -> Iterator[Row]:
    done = 0
    for rows in results:
        yield from rows
        done += len(rows)
        if progress is not None:
            progress(done)


def _locally(
    ask: Callable[..., list[Row]], chunks: Iterable[list[Point]], region: AdmissibleRegion | None, jobs: int
) -> Iterable[list[Row]]:
    if jobs == 1:
        return (ask(chunk, region) for chunk in chunks)
    from joblib import Parallel, delayed

    parallel: Any = Parallel(n_jobs=jobs, return_as="generator")
    return parallel(delayed(ask)(chunk, region) for chunk in chunks)


def _on_cluster(
    ask: Callable[..., list[Row]], chunks: Iterable[list[Point]], region: AdmissibleRegion | None, cluster: Any
) -> Iterator[list[Row]]:
    try:
        client_class: Any = import_module("distributed").Client
    except ImportError as error:
        raise ParameterError(f"--cluster needs dask.distributed. {install_hint('cluster')}") from error
    owned = isinstance(cluster, str)
    try:
        client = client_class(cluster, timeout=CONNECT_SECONDS) if owned else cluster
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"--cluster must be the address of a running scheduler. Got {cluster!r}: {error}."
        ) from error
    return _gather(client, ask, chunks, region, owned)


def _gather(client: Any, ask: Any, chunks: Iterable[list[Point]], region: Any, owned: bool) -> Iterator[list[Row]]:
    # a few chunks per worker in flight: enough to keep them busy, and memory stays bounded
    ahead = 4 * max(len(client.scheduler_info()["workers"]), 1)
    iterator = iter(chunks)
    try:
        waiting = [client.submit(ask, chunk, region, pure=False) for chunk in islice(iterator, ahead)]
        while waiting:
            rows = waiting.pop(0).result()
            waiting += [client.submit(ask, chunk, region, pure=False) for chunk in islice(iterator, 1)]
            yield rows
    finally:
        if owned:
            client.close()
