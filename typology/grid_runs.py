"""Fit the specifications of a grid, so that an interrupted run goes on where it was."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from site_typology.candidate_material import Material, Specification
from site_typology.candidates import Tried, try_candidates
from site_typology.errors import StudyError
from site_typology.grid import Choices
from site_typology.grid_material import GridSource, measured_data, prepare
from site_typology.models.grouping import NO_TYPE
from site_typology.models.parallel import run_tasks
from site_typology.models.resampling import derived_seed
from site_typology.nulltest import null_test, types_to_try
from site_typology.run_file import RunFile

Progress = Callable[[str, float], None]
RUNS = "grid-runs.jsonl"
CHUNK = 6
"""Specifications a task: they share what comes before grouping."""
AHEAD = 4
"""Tasks a worker between two times that results are written down."""
FEWEST_A_TYPE = 3


@dataclass(frozen=True)
class Fitted:
    """What came of one specification.

    Parameters
    ----------
    labels : tuple of int
        Type of each site of the source, 1 for the largest; 0 where it has none or takes no part.
    sites : int
        Sites that took part.
    stability, min_stability, silhouette : float
        As in the table of candidates.
    reason : str
        Why it could not be fitted, or gives some sites no type.
    """

    labels: tuple[int, ...]
    sites: int
    stability: float
    min_stability: float
    silhouette: float
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        content = dataclasses.asdict(self)
        return {name: None if value != value else value for name, value in content.items()}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Fitted:
        """Make it from `to_dict` output."""
        known: dict[str, Any] = {
            name: np.nan if value is None else value for name, value in content.items()
        }
        return cls(**{**known, "labels": tuple(known["labels"])})


@dataclass(frozen=True)
class NullOfGrid:
    """Result of the null test for one scale, feature set, weights and stream."""

    p_value: float
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        return {"p_value": None if self.p_value != self.p_value else self.p_value,
                "reason": self.reason}  # fmt: skip

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> NullOfGrid:
        """Make it from `to_dict` output."""
        p_value = content["p_value"]
        return cls(np.nan if p_value is None else float(p_value), content["reason"])


@dataclass(frozen=True)
class GridRun:
    """All that was fitted.

    Parameters
    ----------
    fitted : mapping of Choices to Fitted
    nulls : mapping of str to NullOfGrid
        By `null_name`; empty where no null test was asked for.
    """

    fitted: Mapping[Choices, Fitted]
    nulls: Mapping[str, NullOfGrid]


def null_name(one: Choices) -> str:
    """Name of the null test that speaks of a specification: it is of the data, not of types."""
    return f"null | {one.features} | {one.link} | {one.weights} | {one.seed}"


def run_grid(
    source: GridSource,
    listed: Sequence[Choices],
    *,
    out: Path | None = None,
    key: str = "",
    workers: int = 1,
    progress: Progress | None = None,
) -> GridRun:
    """Fit what has not been fitted yet.

    Parameters
    ----------
    source : GridSource
    listed : sequence of Choices
    out : Path, optional
        Folder of the file of runs; what stands there under the same key is not fitted again.
    key : str
        Hash of all that the source comes from.
    workers : int
        The results are the same for any number.
    progress : callable, optional
        Called with what is done and the share done.
    """
    path = None if out is None else out / RUNS
    file = RunFile(path, key, Fitted.to_dict, Fitted.from_dict)
    named = {one.name: one for one in listed}
    chunks = list(_chunks(named))
    fitted = _go_on(partial(_fit, source), chunks, named, file, "specifications", workers, progress)
    nulls: dict[str, NullOfGrid] = {}
    if source.grid.null_draws:
        tests = {null_name(one): one for one in reversed(listed)}
        nulls = _go_on(
            partial(_test, source), [[one] for one in tests.values()], tests,
            RunFile(path, key, NullOfGrid.to_dict, NullOfGrid.from_dict),
            "null tests of specifications", workers, progress,
        )  # fmt: skip
    return GridRun({one: fitted[name] for name, one in named.items()}, nulls)


def _go_on(
    task: Callable[[list[Choices]], dict[str, Any]],
    chunks: Sequence[list[Choices]],
    named: Mapping[str, Choices],
    file: RunFile[Any],
    stage: str,
    workers: int,
    progress: Progress | None,
) -> dict[str, Any]:
    """Do the chunks that are not on file, write results down as they come, and say how far."""
    done = file.read(named)
    names = {choices: name for name, choices in named.items()}
    left = [part for chunk in chunks if (part := [one for one in chunk if names[one] not in done])]
    begun, before = time.monotonic(), len(done)
    size = 1 if workers == 1 else AHEAD * workers
    for start in range(0, len(left), size):
        if progress is not None:
            rest = _rest(time.monotonic() - begun, len(done) - before, len(named) - len(done))
            progress(f"{stage} {len(done)} of {len(named)}{rest}", len(done) / len(named))
        found: dict[str, Any] = {}
        for results in run_tasks(task, left[start : start + size], workers=workers):
            found.update(results)
        file.append(found)
        done.update(found)
    if progress is not None:
        progress(f"{stage} {len(named)} of {len(named)}", 1.0)
    return done


def _rest(seconds: float, done: int, left: int) -> str:
    return f", about {in_words(seconds / done * left)} left" if done else ""


def in_words(seconds: float) -> str:
    """Say a time in whole seconds, minutes or hours.

    Examples
    --------
    >>> in_words(41.2), in_words(100), in_words(30_000)
    ('41 seconds', '2 minutes', '8.3 hours')
    """
    if seconds < 90:
        return f"{max(1, round(seconds))} second{'' if round(seconds) <= 1 else 's'}"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def _chunks(named: Mapping[str, Choices]) -> Iterator[list[Choices]]:
    """Split by what comes before grouping, so that a task does that once."""
    for _, alike in itertools.groupby(named.values(), key=lambda one: one.prepared):
        members = list(alike)
        for start in range(0, len(members), CHUNK):
            yield members[start : start + CHUNK]


def _fit(source: GridSource, chunk: list[Choices]) -> dict[str, Fitted]:
    try:
        material = prepare(source, chunk[0])
    except StudyError as error:
        reason = " ".join(f"{problem.where}: {problem.message}" for problem in error.problems)
        return {one.name: _unfitted(source, reason, 0) for one in chunk}
    return {one.name: fit_one(source, one, material) for one in chunk}


def fit_one(source: GridSource, one: Choices, material: Material) -> Fitted:
    """Group the sites by one specification and find its stability."""
    n = material.data.n
    if one.k * FEWEST_A_TYPE > n:
        reason = f"k = {one.k} needs {one.k * FEWEST_A_TYPE} sites; {n} are left."
        return _unfitted(source, reason, n)
    wanted = Specification(one.algorithm, one.space, one.k)
    seed = derived_seed(source.seed, f"grid, stream {one.seed}")
    tried = try_candidates([wanted], material, source.grid.bootstraps, seed)[0]
    return _result(source, material, tried)


def _result(source: GridSource, material: Material, tried: Tried) -> Fitted:
    label = dict(zip(material.data.sites, tried.labels.tolist(), strict=True))
    types = tried.stability.per_type
    return Fitted(
        labels=tuple(label.get(site, NO_TYPE) for site in source.sites),
        sites=material.data.n,
        stability=float(types.mean()) if len(types) else float("nan"),
        min_stability=float(types.min()) if len(types) else float("nan"),
        silhouette=float(tried.silhouette),
        reason=next(filter(None, tried.reasons.tolist()), ""),
    )


def _unfitted(source: GridSource, reason: str, sites: int) -> Fitted:
    nothing = float("nan")
    return Fitted((NO_TYPE,) * len(source.sites), sites, nothing, nothing, nothing, reason)


def _test(source: GridSource, chunk: list[Choices]) -> dict[str, NullOfGrid]:
    name = null_name(chunk[0])
    try:
        data = measured_data(source, chunk[0])
    except StudyError as error:
        return {name: NullOfGrid(float("nan"), str(error.problems[0].message))}
    found = null_test(
        data,
        ks=source.grid.k or types_to_try(data.n),
        draws=source.grid.null_draws,
        alpha=source.alpha,
        least=source.least,
        seed=derived_seed(source.seed, name),
    )
    return {name: NullOfGrid(float(found.p_value))}


def expected_seconds(source: GridSource, listed: Sequence[Choices], workers: int) -> float:
    """Time that fits will take, from one fit timed of each algorithm and one of what comes before.

    Parameters
    ----------
    source : GridSource
    listed : sequence of Choices
    workers : int
        Taken to divide the time by as many.
    """
    measured: dict[str, float] = {}
    before = 0.0
    # Plausible values, where there are any, take the longest.
    for one in sorted(listed, key=lambda one: one.missing != "plausible"):
        if one.algorithm in measured:
            continue
        try:
            material = prepare(source, one)
            fit_one(source, one, material)  # The first compiles, and is not timed.
            begun = time.monotonic()
            material = prepare(source, one)
            middle = time.monotonic()
            fit_one(source, one, material)
        except StudyError:  # It cannot be fitted; the run says so in its row.
            continue
        before = middle - begun
        measured[one.algorithm] = time.monotonic() - middle
    usual = max(measured.values(), default=0.0)
    fits = sum(measured.get(one.algorithm, usual) for one in listed)
    chunks = sum(1 for _ in _chunks({one.name: one for one in listed}))
    return (fits + before * chunks) / workers
