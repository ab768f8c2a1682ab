"""The number of types, and how sure it is: how often each number is chosen when data are left out.

The rule chooses 1 where the null test does not reject sites without types, and otherwise the number
that the data come nearest to (`nearest_number`). It is applied again, whole, to resamples that lose
a fifth of the sites and a fifth of what was measured at the others.

*Sites* are drawn without replacement (Ben-Hur, Elisseeff and Guyon 2002, *Pacific Symposium on
Biocomputing* 7, 6-17, who keep 80 %). A bootstrap would repeat sites: identical profiles with
identical errors are tight clumps, which any search for types takes for types.

*Measurement error* is drawn again by taking information away, not by adding it. To a value with
error variance v, error of variance v (1 - f) / f is added, f being the share kept, and the value is
then declared to have the variance v / f. That is what the mean of a share f of the informants is,
given the mean of all: unbiased, with just the error declared (Neufeld, Dharamshi, Gao and Witten
2024, *J. Machine Learning Research* 25, thinning of a normal value of known variance). Plausible
values would not do here: drawn from one population, they draw sites to its mean and blur the very
types whose number is in question; drawn from types, they take that number for granted.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from site_typology.candidates import rows_of
from site_typology.models.mixture import BUDGET
from site_typology.models.parallel import run_tasks
from site_typology.models.typedness import LEAST_SITES, typedness
from site_typology.models.unimodal import UnimodalPopulation, add_errors
from site_typology.nulltest import exceeding, standing_out, start_seed, well_known
from site_typology.power import share_error
from site_typology.results import NUMBER_COLUMNS, NullTest

if TYPE_CHECKING:
    from site_typology.models.parallel import Kept, Progress
    from site_typology.models.working import WorkingData
    from site_typology.nulltest import Reference

KEPT: Final = 0.8
"""Share of the sites, and of the information in each measured value, that a resample keeps."""
SEARCH: Final = dataclasses.replace(BUDGET, first_steps=3, finalists=2)
"""A narrower search than in the null test, the same for resamples and reference.

What it misses is small beside what gains differ by between data sets, and it takes less time.
"""
REDRAWN = 50
"""Times that resamples and reference are drawn from themselves for the Monte Carlo error."""


def nearest_number(test: NullTest) -> int:
    """Number of types that the data come nearest to: where they stand out from one population.

    The smallest number whose standardised gain cannot be told from the largest: a standard
    deviation from B reference draws has a relative error of about 1 / sqrt(2 (B - 1)). A fixed
    penalty does not know how much the search itself gains (docs/decisions/0007).
    """
    gains = test.gains.sort_values("k")
    at = _nearest(gains["standardised"].to_numpy(dtype=float), test.draws)
    return int(gains["k"].iloc[at])


@dataclass(frozen=True)
class NumberRule:
    """How `nearest_number` chooses, for other data with the same sites, errors and gaps.

    Parameters
    ----------
    ks : tuple of int
        Numbers of types, from the smallest.
    means, spreads : ndarray, shape (len(ks),)
        Of the gains of the reference; NaN where too few data sets have types of a number.
    draws : int
        Reference data sets.
    least : int
        Sites that every type needs.
    """

    ks: tuple[int, ...]
    means: np.ndarray
    spreads: np.ndarray
    draws: int
    least: int

    @classmethod
    def of(cls, test: NullTest, least: int) -> NumberRule:
        """Take the rule from a null test of types of `least` sites."""
        gains = test.gains.sort_values("k")
        means, spreads = (gains[f"reference_{name}"].to_numpy(float) for name in ("mean", "sd"))
        return cls(tuple(gains["k"].astype(int).tolist()), means, spreads, test.draws, least)

    def nearest(self, gains: Mapping[int, float]) -> int:
        """Number of types that data with these gains come nearest to.

        Examples
        --------
        >>> rule = NumberRule((2, 3), np.array([1.0, 5.0]), np.array([1.0, 1.0]), 99, 3)
        >>> rule.nearest({2: 4.0, 3: 9.0}), rule.nearest({2: 4.0, 3: float("nan")})
        (3, 2)
        """
        apart = np.array([gains[k] for k in self.ks]) - self.means
        # Where the reference has hardly any types of this number, nothing can be said of it.
        spreads = np.where(self.spreads > 0, self.spreads, np.nan)
        return self.ks[_nearest(apart / spreads, self.draws)]

    def number_in(self, data: WorkingData, seed: int) -> int:
        """Look for types in other data, and choose their number."""
        return self.nearest(typedness(data, self.ks, seed, least=self.least).gains)


def _nearest(standardised: np.ndarray, draws: int) -> int:
    gains = np.where(np.isnan(standardised), -np.inf, standardised)
    blur = 1 / np.sqrt(2 * max(draws - 1, 1))
    return int(np.argmax(gains >= gains.max() - blur * abs(gains.max())))


def chosen_number(
    gains: np.ndarray, ks: Sequence[int], references: Sequence[np.ndarray], alpha: float
) -> int:
    """Apply the whole rule to the gains of one data set: 1, or the number it comes nearest to.

    Parameters
    ----------
    gains : ndarray, shape (len(ks),)
        Gain of each number of types; NaN where none of enough sites were found.
    ks : sequence of int
        Numbers of types, from the smallest.
    references : sequence of ndarray, shape (draws, len(ks))
        Gains of reference data sets, one array for each way of having no types.
    alpha : float
        Largest p-value that rejects.

    Returns
    -------
    int

    Examples
    --------
    >>> without = np.random.default_rng(1).normal(0, 1, (19, 2))
    >>> chosen_number(np.array([1.0, 9.0]), (2, 3), [without], 0.05)
    3
    >>> chosen_number(np.array([1.0, 0.0]), (2, 3), [without], 0.05)
    1
    """
    p_values = [(exceeding(gains, drawn) + 1) / (len(drawn) + 1) for drawn in references]
    if max(p_values) > alpha:
        return 1
    alike = references[int(np.argmax(p_values))]
    return int(ks[_nearest(standing_out(gains, *well_known(alike)), len(alike))])


def number_shares(
    data: WorkingData,
    ks: Sequence[int],
    *,
    resamples: int = 20,
    most_draws: int = 99,
    alpha: float = 0.05,
    least: int = LEAST_SITES,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
    kept: Kept | None = None,
) -> pd.DataFrame:
    """Count how often each number of types is chosen when sites and measurement are left out.

    Every resample is compared with the same reference data sets, of as many sites as it, with the
    errors and gaps of a random part of the sites. They come from one population and, if that is
    rejected for any resample, from a continuum, both fitted to all sites, as in `null_test`. The
    Monte Carlo error is that of a bootstrap of resamples and reference together, and at least the
    binomial one.

    The shares say how far the choice hangs on which sites took part and on errors of measurement.
    They are no probabilities of a number of types: a resample knows less than the data do, and
    types that the data barely show are lost in it.

    Parameters
    ----------
    data : WorkingData
    ks : sequence of int
        Numbers of types tried, each 2 or more, from the smallest.
    resamples : int
    most_draws : int
        Reference data sets of each kind, at most; otherwise `reference_size`.
    alpha : float
        Level of the null test.
    least : int
        Sites that every type needs.
    seed : int
        Results are the same for any number of `workers`.
    workers : int
    progress : callable, optional
    kept : Kept, optional
        As in `run_tasks`.

    Returns
    -------
    DataFrame
        One row a number from 1 to the largest tried: ``k, share, monte_carlo_error, resamples``.

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> rng = np.random.default_rng(1)
    >>> rows = np.vstack([rng.normal(0, 1, (15, 3)), rng.normal(9, 1, (15, 3))])
    >>> number_shares(exact_data(rows), [2], resamples=4)["share"].tolist()
    [0.0, 1.0]
    """
    tried = tuple(ks)
    own, population_seed, continuum_seed, redraw_seed = np.random.SeedSequence(seed).spawn(4)
    resampled = _Resampled(data, tried, least)
    draws = min(reference_size(resamples, alpha), most_draws)

    def gains(
        reference: Reference | None, source: np.random.SeedSequence, count: int, of: str
    ) -> np.ndarray:
        task = partial(resampled.gains, reference)
        streams, stage = source.spawn(count), f"number of types, {of}"
        found = run_tasks(task, streams, workers=workers, progress=progress, stage=stage, kept=kept)
        return np.array(found)

    found = gains(None, own, resamples, "resamples")
    population = UnimodalPopulation.fit(data)
    references = [gains(population, population_seed, draws, "one population")]
    chosen = [chosen_number(row, tried, references, alpha) for row in found]
    if max(chosen) > 1:
        continuum = typedness(data, tried, start_seed(own), least=least).continuum
        references.append(gains(continuum, continuum_seed, draws, "a continuum"))
        chosen = [chosen_number(row, tried, references, alpha) for row in found]
    numbers = range(1, max(tried) + 1)
    shares = _shares(chosen, numbers)
    redrawn = _redrawn(found, tried, references, alpha, np.random.default_rng(redraw_seed))
    spread = np.std([_shares(again, numbers) for again in redrawn], axis=0, ddof=1)
    least_error = [share_error(share, resamples) for share in shares]
    table = (list(numbers), shares, np.maximum(spread, least_error), [resamples] * len(numbers))
    return pd.DataFrame(dict(zip(NUMBER_COLUMNS, table, strict=True)))


def reference_size(resamples: int, alpha: float) -> int:
    """Reference data sets: about as many as resamples, and the level can be met exactly with them.

    At least 2 / alpha - 1: the threshold is then the second largest of the reference or one
    further down. The largest, of half as many, differs too much from draw to draw.

    Examples
    --------
    >>> [reference_size(count, 0.05) for count in (10, 20, 199)]
    [39, 39, 199]
    """
    rejecting = max(2, math.floor((resamples + 1) * alpha + 1e-9))
    return math.ceil(rejecting / alpha - 1e-9) - 1


@dataclass(frozen=True)
class _Resampled:
    """Gains of parts of the data, and of reference data sets with the same errors and gaps."""

    data: WorkingData
    ks: tuple[int, ...]
    least: int

    def gains(self, reference: Reference | None, stream: np.random.SeedSequence) -> np.ndarray:
        """Gains of one part of the data itself, or of sites of a reference in their place."""
        rng = np.random.default_rng(stream)
        # Six sites can make two types of three; five cannot, and would never be chosen types of.
        size = max(round(KEPT * self.data.n), min(self.data.n, self.least * min(self.ks)))
        at = np.sort(rng.choice(self.data.n, size=size, replace=False))
        part = rows_of(self.data, at)
        less = part.scaled(1 / KEPT)
        drawn = reference.simulate(less, rng) if reference else thinned(part, rng)
        start = start_seed(stream)
        found = typedness(drawn, self.ks, start, least=self.least, budget=SEARCH).gains
        return np.array([found[k] for k in self.ks])


def thinned(data: WorkingData, rng: np.random.Generator, kept: float = KEPT) -> WorkingData:
    """Measure the sites with a share of the information: as if fewer informants had answered.

    Exact values stay as they are.

    Parameters
    ----------
    data : WorkingData
    rng : Generator
    kept : float
        Share of the information kept, above 0 and up to 1.

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> data = exact_data(np.zeros((2, 1)), np.array([[[0.0]], [[4.0]]]))
    >>> less = thinned(data, np.random.default_rng(1))
    >>> less.errors.ravel().tolist(), float(less.values[0, 0]), bool(less.values[1, 0] != 0)
    ([0.0, 5.0], 0.0, True)
    """
    added = add_errors(data.values, data.scaled(1 / kept - 1), rng)
    return data.scaled(1 / kept).with_values(added.values)


def _shares(chosen: Sequence[int], numbers: Sequence[int]) -> list[float]:
    return [float(np.mean(np.array(chosen) == number)) for number in numbers]


def _redrawn(
    found: np.ndarray,
    ks: Sequence[int],
    references: Sequence[np.ndarray],
    alpha: float,
    rng: np.random.Generator,
) -> list[list[int]]:
    """Numbers chosen when resamples and reference data sets are drawn from themselves."""

    def again(rows: np.ndarray) -> np.ndarray:
        return np.asarray(rows[rng.integers(len(rows), size=len(rows))])

    every = []
    for _ in range(REDRAWN):
        others = [again(drawn) for drawn in references]
        every.append([chosen_number(row, ks, others, alpha) for row in again(found)])
    return every
