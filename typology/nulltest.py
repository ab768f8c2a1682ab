"""The null test: whether sites without types, with these errors and gaps, could look as typed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np
import pandas as pd

from site_typology.models.parallel import Kept, run_tasks
from site_typology.models.typedness import LEAST_SITES, typedness
from site_typology.models.unimodal import UnimodalPopulation
from site_typology.models.working import WorkingData
from site_typology.results import Against, NullTest

Progress = Callable[[str, float], None]
LOWEST = -10.0
"""Standardised gain of a data set in which no types of enough sites were found."""
LEAST_SPREAD = 1e-9
CHUNK = 10
"""Reference draws a task, so that starting a process costs little beside them."""
WAVE = 2
"""Tasks after which it is asked whether the answer is clear."""
FEWEST_KNOWN = 10
"""Reference data sets with types of a number, below which nothing is said of that number.

Half of them where they are fewer than 20.
"""
CLEAR = 10
"""Reference draws that look as typed as the data, after which no more are made."""


class Reference(Protocol):
    """Sites without types, to compare the data with."""

    def simulate(self, data: WorkingData, rng: np.random.Generator) -> WorkingData:
        """Draw true profiles for the sites of `data` and give them its errors and gaps."""


def types_to_try(n: int, max_types: int | None = None) -> tuple[int, ...]:
    """Numbers of types tried with n sites: 2 to 4, to 5 from 60 sites on, 3 sites a type or more.

    Examples
    --------
    >>> types_to_try(25), types_to_try(60), types_to_try(6), types_to_try(25, max_types=3)
    ((2, 3, 4), (2, 3, 4, 5), (2,), (2, 3))
    """
    top = 5 if n >= 60 else 4
    if max_types is not None:
        top = max_types
    return tuple(k for k in range(2, top + 1) if n >= 3 * k) or (2,)


def null_test(
    data: WorkingData,
    *,
    ks: Sequence[int] | None = None,
    draws: int = 99,
    alpha: float = 0.05,
    least: int = LEAST_SITES,
    clear: int = CLEAR,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> NullTest:
    """Test whether sites without types could look as typed as these do.

    There are two ways to have no types. The reference data sets come first from one unimodal
    population and then, if that is rejected, from a continuum (sites along a bent line); both are
    fitted to the data, with the errors and gaps of its sites, and the larger p-value counts. The
    same fits run on the data and on each reference data set. The gain at each number of types
    (`site_typology.models.typedness`) is standardised by mean and standard deviation over the data
    and the reference, and the largest is compared with the largest of each reference data set: the
    search over numbers of types is inside the test. ``p = (exceeding + 1) / (draws + 1)`` (Davison
    and Hinkley 1997, *Bootstrap Methods*, section 4.2). Drawing ends early when `clear` reference
    data sets look as typed and `alpha` is out of reach (Besag and Clifford 1991, *Biometrika* 78).

    Parameters
    ----------
    data : WorkingData
    ks : sequence of int, optional
        Numbers of types tried; `types_to_try` by default.
    draws : int
        Reference data sets of each kind, at most.
    alpha : float
        Largest p-value that rejects.
    least : int
        Sites that every type needs.
    clear : int
        Reference data sets that look as typed, after which no more are drawn if `alpha` is out of
        reach. Fewer take less time and tell the p-value less exactly.
    seed : int
        Results are the same for any number of `workers`.
    workers : int
    progress : callable, optional
        Called with a stage and the share done.
    kept : Kept, optional
        As in `run_tasks`.

    Returns
    -------
    NullTest

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> rng = np.random.default_rng(1)
    >>> rows = np.vstack([rng.normal(0, 1, (15, 3)), rng.normal(8, 1, (15, 3))])
    >>> null_test(exact_data(rows), ks=[2], draws=19, seed=1).p_value
    0.05
    """
    tried = tuple(ks or types_to_try(data.n))
    population_seed, continuum_seed = np.random.SeedSequence(seed).spawn(2)
    found = typedness(data, tried, start_seed(population_seed), least=least)

    def against(name: Against, reference: Reference, own: np.random.SeedSequence) -> NullTest:
        task = partial(_gains_of_chunk, reference, data, tried, least)
        streams = own.spawn(draws)
        drawn = _until_clear(
            task, streams, found.gains, alpha, clear, workers, progress, f"null test, {name}", kept
        )
        return judge(found.gains, drawn, name)

    first = against("one population", UnimodalPopulation.fit(data), population_seed)
    if first.p_value > alpha:
        return first
    second = against("a continuum", found.continuum, continuum_seed)
    return second if second.p_value > first.p_value else first


def _until_clear(
    task: Callable[[Sequence[np.random.SeedSequence]], np.ndarray],
    streams: Sequence[np.random.SeedSequence],
    observed: Mapping[int, float],
    alpha: float,
    clear: int,
    workers: int,
    progress: Progress | None,
    stage: str,
    kept: Kept | None,
) -> np.ndarray:
    """Gains of reference data sets (draws, ks), wave by wave until the answer is clear."""
    chunks = [streams[at : at + CHUNK] for at in range(0, len(streams), CHUNK)]
    found: list[np.ndarray] = []
    for at in range(0, len(chunks), WAVE):
        wave = chunks[at : at + WAVE]
        found += run_tasks(task, wave, workers=workers, stage=stage, kept=kept, first=at)
        if progress is not None:
            progress(stage, min(1.0, (at + WAVE) / len(chunks)))
        test = judge(observed, np.vstack(found), "one population")
        if test.exceeding >= clear and test.p_value > alpha:
            if progress is not None:
                progress(stage, 1.0)
            break
    return np.vstack(found)


def _gains_of_chunk(
    reference: Reference,
    data: WorkingData,
    ks: tuple[int, ...],
    least: int,
    streams: Sequence[np.random.SeedSequence],
) -> np.ndarray:
    rows = []
    for stream in streams:
        drawn = reference.simulate(data, np.random.default_rng(stream))
        found = typedness(drawn, ks, start_seed(stream), least=least).gains
        rows.append([found[k] for k in ks])
    return np.array(rows)


def start_seed(stream: np.random.SeedSequence) -> int:
    """Seed for the starts of the search in the data set that a stream is for."""
    return int(stream.generate_state(1)[0])


def standardise(gain: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Gains in standard deviations above the mean of the reference, per number of types.

    NaN where no types were found, or none in two data sets of the reference.
    """
    return standing_out(gain, *_moments(reference))


def well_known(reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of reference gains, shape (draws, ks), each of shape (ks,).

    NaN where few data sets have types of a number: a handful that happen to be alike would make
    any data stand out by a hundred of their deviations.
    """
    known = (~np.isnan(reference)).sum(axis=0)
    enough = known >= min(FEWEST_KNOWN, len(reference) / 2)
    mean, spread = _moments(reference)
    return np.where(enough, mean, np.nan), np.where(enough, spread, np.nan)


def standing_out(gains: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Gains in standard deviations above the mean of a reference."""
    return np.asarray((gains - mean) / np.maximum(spread, LEAST_SPREAD))


def _moments(reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (~np.isnan(reference)).sum(axis=0)
        mean = np.nansum(reference, axis=0) / known
        squares = np.nansum((reference - mean) ** 2, axis=0)
        return mean, np.sqrt(squares / (known - 1))


def largest(standardised: np.ndarray) -> np.ndarray:
    """The largest standardised gain of each data set; the lowest where no types were found."""
    return np.asarray(np.where(np.isnan(standardised), LOWEST, standardised).max(axis=-1))


def exceeding(gains: np.ndarray, reference: np.ndarray) -> int:
    """Count the reference data sets, shape (draws, ks), that look at least as typed as the data.

    The data and the reference are standardised together: without types they are alike, and only
    then is the rank of the data among them uniform.
    """
    mine, *maxima = _maxima(gains, reference).tolist()
    return sum(other >= mine - 1e-9 for other in maxima)


def _maxima(gains: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Largest standardised gain of the data, and then of each reference data set."""
    together = np.vstack([gains, reference])
    return largest(standardise(together, together))


def judge(observed: Mapping[int, float], reference: np.ndarray, against: Against) -> NullTest:
    """Compare observed gains with those of reference data sets, shape (draws, ks)."""
    ks = list(observed)
    raw = np.array([observed[k] for k in ks])
    mine, *maxima = _maxima(raw, reference).tolist()
    looking = exceeding(raw, reference)
    mean, spread = well_known(reference)
    table = pd.DataFrame(
        {
            "k": ks,
            "gain": raw,
            "reference_mean": mean,
            "reference_sd": spread,
            "standardised": standing_out(raw, mean, spread),
        }
    )
    p_value = (looking + 1) / (len(reference) + 1)
    return NullTest(p_value, len(reference), looking, mine, np.array(maxima), table, against)
