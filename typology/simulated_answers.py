"""How informants answer: Likert items from true site means, gaps, and what is expected of both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.simulated_truth import Floats, Truth

ITEM_NOISE = 0.6
"""SD of an answer around the informant's own view, points of a 1-5 scale (assumption)."""
HALO = 0.5
"""Share of an informant's variance that all scales of a questionnaire have in common."""


@dataclass(frozen=True)
class Scale:
    """A scale of Likert items from 1 to 5.

    Parameters
    ----------
    name : str
    dimension : str
        Dimension of the true profile that it measures.
    items : tuple of str
        Names of its items.
    reverse : tuple of str
        Items that are worded the other way round.
    wording : tuple of str
        Text of each item.
    """

    name: str
    dimension: str
    items: tuple[str, ...]
    reverse: tuple[str, ...]
    wording: tuple[str, ...]

    @property
    def offsets(self) -> Floats:
        """How much easier than the others each item is to agree with."""
        return np.linspace(-0.2, 0.2, len(self.items))


def expected_mean(scale: Scale, site_means: Floats, informant_sd: float) -> Floats:
    """Mean of a scale over infinitely many informants, given true site means.

    Answers are rounded to 1..5, so E = 1 + sum over thresholds t of P(view > t) with t = 1.5 .. 4.5
    and a normal view.

    Parameters
    ----------
    scale : Scale
    site_means : array, shape (n_sites,)
    informant_sd : float

    Returns
    -------
    array, shape (n_sites,)
    """
    from scipy.special import ndtr

    spread = np.hypot(informant_sd, ITEM_NOISE)
    thresholds = np.array([1.5, 2.5, 3.5, 4.5])
    centres = site_means[:, None, None] + scale.offsets[None, :, None]
    return np.asarray(1 + ndtr((centres - thresholds) / spread).sum(axis=2).mean(axis=1))


def draw_answers(
    scales: tuple[Scale, ...],
    truth: Truth,
    at: np.ndarray,
    round_at: int,
    informant_sd: float,
    rng: np.random.Generator,
) -> dict[str, Floats]:
    """Draw the answers of informants to all items of a questionnaire.

    Parameters
    ----------
    scales : tuple of Scale
    truth : Truth
    at : array of int, shape (n_informants,)
        Site of each informant.
    round_at : int
    informant_sd : float
        SD of informants of one site around its mean, points of a 1-5 scale.
    rng : Generator

    Returns
    -------
    dict of str to array, shape (n_informants,)
        Answers 1 to 5 as they stand in the file, so reverse-keyed items turned round.
    """
    halo = rng.standard_normal(len(at))
    answers: dict[str, Floats] = {}
    for scale in scales:
        own = np.sqrt(HALO) * halo + np.sqrt(1 - HALO) * rng.standard_normal(len(at))
        view = truth.value(scale.dimension, round_at)[at] + informant_sd * own
        for item, offset in zip(scale.items, scale.offsets, strict=True):
            raw = view + offset + ITEM_NOISE * rng.standard_normal(len(at))
            answer = np.clip(np.floor(raw + 0.5), 1, 5)
            answers[item] = 6 - answer if item in scale.reverse else answer
    return answers


@dataclass(frozen=True)
class Codes:
    """Codes that a questionnaire writes where there is no answer."""

    not_applicable: float
    dont_know: float
    refused: float
    skipped: float


def with_gaps(
    answers: Floats, strain: Floats, missingness: float, codes: Codes, rng: np.random.Generator
) -> Floats:
    """Replace some answers by codes, more of them at sites under strain.

    Parameters
    ----------
    answers : array, shape (n_informants,)
    strain : array, shape (n_informants,)
        Vacancy of the informant's site, standardised over sites.
    missingness : float
        Share of answers missing at a site of strain 0.
    codes : Codes
    rng : Generator

    Returns
    -------
    array, shape (n_informants,)
    """
    rate = np.clip(missingness * np.exp(0.3 * strain), 0.0, 0.9)
    # Of all gaps, half are "don't know", a fifth "not applicable", a tenth refused (assumption).
    steps = rate[:, None] * np.array([0.5, 0.7, 0.8, 1.0])
    which = (rng.random(len(answers))[:, None] > steps).sum(axis=1)
    options = [codes.dont_know, codes.not_applicable, codes.refused, codes.skipped]
    return np.asarray(np.choose(which, [*options, answers]))


@dataclass(frozen=True)
class Survey:
    """A simulated survey.

    Parameters
    ----------
    rows : DataFrame
        One row a questionnaire that came back, as it stands in the file.
    census : DataFrame
        Index (site, round), one column a feature: what it would be, had everyone who was invited
        answered everything.
    """

    rows: pd.DataFrame
    census: pd.DataFrame


def scale_scores(scales: tuple[Scale, ...], answers: Mapping[str, Floats]) -> dict[str, Floats]:
    """Score complete answers: the mean over a scale's items, reverse-keyed ones turned round.

    Parameters
    ----------
    scales : tuple of Scale
    answers : mapping of str to array, shape (n_informants,)
        From `draw_answers`, before gaps.

    Returns
    -------
    dict of str to array, shape (n_informants,)
        Scores by scale.
    """
    return {
        scale.name: np.mean(
            [6 - answers[item] if item in scale.reverse else answers[item] for item in scale.items],
            axis=0,
        )
        for scale in scales
    }


def census_of(
    values: Mapping[str, Floats], truth: Truth, at: np.ndarray, name: str
) -> pd.DataFrame:
    """Mean of each column over all those invited, by site.

    Parameters
    ----------
    values : mapping of str to array, shape (n_invited,)
        NaN where a person is not asked.
    truth : Truth
    at : array of int, shape (n_invited,)
    name : str
        The round.

    Returns
    -------
    DataFrame
        Index (site, round).
    """
    means = pd.DataFrame(values).groupby(np.array(truth.sites)[at], sort=True).mean()
    return means.set_axis(
        pd.MultiIndex.from_product([means.index, [name]], names=["site", "round"]), axis=0
    )


def draw_respondents(
    invited: np.ndarray, response: float, strain: Floats, rng: np.random.Generator
) -> np.ndarray:
    """Draw who of those invited answers: fewer of them where strain is high.

    Parameters
    ----------
    invited : array of int, shape (n_sites,)
    response : float
        Share that answers at a typical site of strain 0.
    strain : array, shape (n_sites,)
    rng : Generator

    Returns
    -------
    array of int, shape (n_respondents,)
        Places among all those invited, who stand site by site.
    """
    everyone = np.arange(int(invited.sum()))
    if response >= 1:
        return everyone
    logit = (
        np.log(response / (1 - response)) - 0.35 * strain + 0.4 * rng.standard_normal(len(strain))
    )
    counts = rng.binomial(invited, 1 / (1 + np.exp(-logit)))
    at = np.repeat(np.arange(len(invited)), invited)
    shuffled = np.lexsort((rng.random(len(at)), at))
    place_at_site = everyone - np.repeat(np.cumsum(invited) - invited, invited)
    return np.sort(shuffled[place_at_site < counts[at]])
