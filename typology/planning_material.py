"""Sites to simulate: their errors and gaps, with more or fewer sites, informants and answers."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from site_typology.models.plausible import Population
from site_typology.planning_settings import Assumptions


@dataclass(frozen=True)
class Design:
    """How a study would be done: sites, informants asked at each, and the share who answer.

    Parameters
    ----------
    sites : int
    informants : int or None
        None for as many as now.
    response : float or None
        None for as now.
    """

    sites: int
    informants: int | None = None
    response: float | None = None


@dataclass(frozen=True)
class Survey:
    """Working columns whose error comes from the same informants.

    Parameters
    ----------
    name : str
    columns : tuple of int
        Places among the working columns.
    one_informant : ndarray, shape (c, c)
        Error covariance of the answer of a single informant.
    answered : ndarray, shape (c,)
        Share of those who answer at all that answer this.
    willing : ndarray, shape (n,)
        Response of each site relative to all, 1 on average.
    asked : float
        Informants asked at a site now, on average.
    response : float
        Share of them who answer now.
    """

    name: str
    columns: tuple[int, ...]
    one_informant: np.ndarray
    answered: np.ndarray
    willing: np.ndarray
    asked: float
    response: float

    def under(self, design: Design) -> tuple[int, float]:
        """Informants asked and response under a design."""
        asked = self.asked if design.informants is None else design.informants
        response = self.response if design.response is None else design.response
        return max(round(asked), 1), response


@dataclass(frozen=True)
class Pattern:
    """Errors and gaps of simulated sites.

    Parameters
    ----------
    errors : ndarray, shape (m, q, q)
        Error covariances, 0 in gaps.
    observed : ndarray of bool, shape (m, q)
    answering : float
        Informants who answered at a site and survey, on average; NaN if the survey is as now.
    """

    errors: np.ndarray
    observed: np.ndarray
    answering: float


@dataclass(frozen=True)
class Material:
    """What data sets are simulated from.

    Parameters
    ----------
    population : Population
        True profiles, on the working scale.
    errors : ndarray, shape (n, q, q)
        Error covariances of the sites there are; of one typical site where there are none yet.
    observed : ndarray of bool, shape (n, q)
    surveys : tuple of Survey
        Surveys that informants and response of a design apply to.
    missing : float
        Share of cells that are missing at random beside that.
    separation : float or None
        Separation that the study declares to matter.
    notes : tuple of str
        What is taken for granted, in sentences.
    """

    population: Population
    errors: np.ndarray
    observed: np.ndarray
    surveys: tuple[Survey, ...] = ()
    missing: float = 0.0
    separation: float | None = None
    notes: tuple[str, ...] = ()

    @property
    def hash(self) -> str:
        """SHA-256 of everything that simulated data depend on."""
        digest = hashlib.sha256()
        arrays = [self.population.mean, self.population.covariance, self.errors, self.observed]
        for survey in self.surveys:
            numbers = np.array([survey.asked, survey.response])
            places = np.array(survey.columns, dtype=float)
            arrays += [places, survey.one_informant, survey.answered, survey.willing, numbers]
        for array in (*arrays, np.array([self.missing])):
            digest.update(str(array.shape).encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def sites_under(self, design: Design, rng: np.random.Generator) -> Pattern:
        """Draw errors and gaps of the sites of a design.

        Sites' own errors and gaps are taken as often as they go into the number of sites, and a
        random few once more. The survey part is drawn anew where the design says so: at each
        site a binomial number of those asked answer, by the site's own response; the error of
        one informant is divided by those who answered, and nobody answering makes gaps.
        """
        n = len(self.errors)
        again = rng.choice(n, design.sites % n, replace=False)
        rows = np.concatenate([np.tile(np.arange(n), design.sites // n), again])
        errors, observed = self.errors[rows], self.observed[rows]
        answering = float("nan")
        if design.informants is not None or design.response is not None:
            counts = [_redraw(survey, design, rows, errors, observed, rng)
                      for survey in self.surveys]  # fmt: skip
            answering = float(np.mean(counts)) if counts else float("nan")
        observed &= rng.random(observed.shape) >= self.missing
        errors[~(observed[:, :, None] & observed[:, None, :])] = 0.0
        return Pattern(errors, observed, answering)


def _redraw(
    survey: Survey,
    design: Design,
    rows: np.ndarray,
    errors: np.ndarray,
    observed: np.ndarray,
    rng: np.random.Generator,
) -> float:
    """Change the survey part of errors and gaps in place; give the mean number who answered."""
    asked, response = survey.under(design)
    chance = np.clip(response * survey.willing[rows], 0, 1)
    count = rng.binomial(asked, chance)
    each = rng.binomial(count[:, None], survey.answered)
    columns = np.array(survey.columns)
    share = 1 / np.sqrt(np.maximum(each, 1))
    errors[:, columns, :] = 0.0
    errors[:, :, columns] = 0.0
    errors[:, columns[:, None], columns[None, :]] = (
        survey.one_informant * share[:, :, None] * share[:, None, :]
    )
    observed[:, columns] = each > 0
    return float(count.mean())


def reliability(population: Population, pattern: Pattern) -> float:
    """Reliability of the features, mean over columns: variance within a type by that seen.

    Parameters
    ----------
    population : Population
        Its variance is the one within a type.
    pattern : Pattern

    Examples
    --------
    >>> two = Population(np.zeros(2), np.eye(2))
    >>> pattern = Pattern(np.array([np.diag([1.0, 0.0])]), np.array([[True, True]]), 6.0)
    >>> reliability(two, pattern)
    0.75
    """
    variance = np.diag(population.covariance)
    count = pattern.observed.sum(axis=0)
    seen = count > 0
    error = np.einsum("njj->j", pattern.errors)[seen] / count[seen]
    return float((variance[seen] / (variance[seen] + error)).mean()) if seen.any() else 0.0


def assumed_material(
    given: Assumptions,
    informants: Sequence[int],
    response: Sequence[float],
    separation: float | None = None,
) -> Material:
    """Make the material of a study that has no data yet from assumptions.

    Parameters
    ----------
    given : Assumptions
    informants, response : sequence
        Those tried; a stated reliability is that at the first of each.
    separation : float, optional
        As the study declares it.

    Examples
    --------
    >>> made = assumed_material(Assumptions(features=3, records=1), [12], [0.5])
    >>> pattern = made.sites_under(Design(10, 12, 1.0), np.random.default_rng(1))
    >>> pattern.errors[0].diagonal().round(2).tolist()
    [0.75, 0.75, 0.25]
    """
    asked = informants[0] if informants else given.informants
    share = response[0] if response else given.response
    q, surveyed = given.features, given.features - given.records
    one = given.one_informant(asked * share)
    errors = np.zeros((1, q, q))
    records = np.arange(surveyed, q)
    errors[0, records, records] = 1 / given.record_reliability - 1
    halo = _equal_correlation(surveyed, given.error_correlation)
    survey = Survey(
        "survey", tuple(range(surveyed)), halo * one, np.ones(surveyed), np.ones(1), asked, share
    )
    icc1 = 1 / (1 + one)
    informed = f", {icc1:.3g} of the variance between informants lies between sites (ICC(1))"
    if given.reliability is not None:
        informed += (
            f", from a reliability of {given.reliability:g} with {asked * share:g} answering a site"
        )
    notes = [
        f"{q} features of unit variance within a type, correlated {given.correlation:g}.",
        f"{surveyed} are means over informants: errors correlated {given.error_correlation:g}"
        f"{informed}." if surveyed else "",
        f"{given.records} come from records, with reliability {given.record_reliability:g}."
        if given.records else "",
        f"{given.missing:.0%} of the cells are missing at random, beside sites where nobody "
        "answered.",
        "Sites differ in response by chance only; who answers says nothing about the site.",
    ]  # fmt: skip
    return Material(
        Population(np.zeros(q), _equal_correlation(q, given.correlation)),
        errors,
        np.ones((1, q), dtype=bool),
        (survey,) if surveyed else (),
        given.missing,
        separation,
        tuple(note for note in notes if note),
    )


def _equal_correlation(q: int, correlation: float) -> np.ndarray:
    return np.asarray((1 - correlation) * np.eye(q) + correlation)
