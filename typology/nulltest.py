"""The null test: whether one unimodal population with these errors and gaps could look as typed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import pandas as pd

from site_typology.models.mixture import gains
from site_typology.models.parallel import run_tasks
from site_typology.models.unimodal import UnimodalPopulation
from site_typology.models.working import WorkingData
from site_typology.results import NullTest

Progress = Callable[[str, float], None]
CHUNK = 10
"""Reference draws a task, so that starting a process costs little beside them."""


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
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> NullTest:
    """Test whether one unimodal population could give gains as large as those of the data.

    The reference data sets come from a unimodal population fitted to the data, with the errors
    and gaps of its sites; the same fit runs on the data and on each of them. The gain at each
    number of types is standardised by its mean and standard deviation over the reference, and
    the largest is compared with the largest of each reference data set: the search over numbers
    of types is inside the test. ``p = (exceeding + 1) / (draws + 1)`` (Davison and Hinkley 1997,
    *Bootstrap Methods*, section 4.2).

    Parameters
    ----------
    data : WorkingData
    ks : sequence of int, optional
        Numbers of types tried; `types_to_try` by default.
    draws : int
        Reference data sets.
    seed : int
        Results are the same for any number of `workers`.
    workers : int
    progress : callable, optional
        Called with a stage and the share done.

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
    tried = list(ks or types_to_try(data.n))
    streams = np.random.SeedSequence(seed).spawn(draws + 1)
    observed = gains(data, tried, _start_seed(streams[0]))
    reference = UnimodalPopulation.fit(data)
    drawn = reference_gains(
        reference, data, tried, streams[1:], workers=workers, progress=progress, stage="null test"
    )
    return judge(observed, drawn)


def reference_gains(
    reference: UnimodalPopulation,
    data: WorkingData,
    ks: Sequence[int],
    streams: Sequence[np.random.SeedSequence],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    stage: str = "",
) -> np.ndarray:
    """Gains of reference data sets, one a stream of random numbers, shape (draws, ks)."""
    chunks = [streams[at : at + CHUNK] for at in range(0, len(streams), CHUNK)]
    task = partial(_gains_of_chunk, reference, data, tuple(ks))
    found = run_tasks(task, chunks, workers=workers, progress=progress, stage=stage)
    return np.vstack(found)


def _gains_of_chunk(
    reference: UnimodalPopulation,
    data: WorkingData,
    ks: tuple[int, ...],
    streams: Sequence[np.random.SeedSequence],
) -> np.ndarray:
    rows = []
    for stream in streams:
        drawn = reference.simulate(data, np.random.default_rng(stream))
        found = gains(drawn, ks, _start_seed(stream))
        rows.append([found[k] for k in ks])
    return np.array(rows)


def _start_seed(stream: np.random.SeedSequence) -> int:
    return int(stream.generate_state(1)[0])


def standardise(gain: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Gains in standard deviations above the mean of the reference, per number of types."""
    spread = np.maximum(reference.std(axis=0, ddof=1), 1e-9)
    return np.asarray((gain - reference.mean(axis=0)) / spread)


def judge(observed: dict[int, float], reference: np.ndarray) -> NullTest:
    """Compare observed gains with those of reference data sets, shape (draws, ks).

    For the p-value, the data and the reference are standardised together: under one population
    they are alike, and only then is the rank of the data among them uniform.
    """
    ks = list(observed)
    raw = np.array([observed[k] for k in ks])
    together = np.vstack([raw, reference])
    largest, *maxima = standardise(together, together).max(axis=1).tolist()
    exceeding = sum(other >= largest - 1e-9 for other in maxima)
    table = pd.DataFrame(
        {
            "k": ks,
            "gain": raw,
            "reference_mean": reference.mean(axis=0),
            "reference_sd": reference.std(axis=0, ddof=1),
            "standardised": standardise(raw, reference),
        }
    )
    p_value = (exceeding + 1) / (len(reference) + 1)
    return NullTest(p_value, len(reference), exceeding, largest, np.array(maxima), table)
