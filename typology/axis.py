"""The axis: whether sites without types lie along one line, and where each of them lies.

A continuum is named by three rules, fixed beforehand. The variance along the line is compared with
the widest direction across it, as the first with the second eigenvalue where one dimension is in
question (Hattie 1985, *Applied Psychological Measurement* 9, 139-164); the share of all variance
guards against one outlying feature or site; and a score that is to stand for a site needs a
reliability of 0.7 (Nunnally 1978, *Psychometric Theory*, 2nd edition, 245). How often the rules
name a continuum where there is one and where there is none: docs/decisions/0019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.models.continuum import Continuum, fit_continuum
from site_typology.models.mixture import BUDGET, TYPE_PRIOR
from site_typology.models.mixture_starts import one_population
from site_typology.models.plausible import SeenCells
from site_typology.results import SCORE_COLUMNS, Axis, Rule

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData

LEAST_SHARE = 0.35
LEAST_DOMINANCE = 3.0
LEAST_RELIABILITY = 0.7


def find_axis(data: WorkingData) -> Axis:
    """Fit a line or bent curve to the sites and place each of them on it.

    Parameters
    ----------
    data : WorkingData

    Returns
    -------
    Axis
        Scores run so that, on the whole, features rise along it.

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> along = np.linspace(-1, 1, 30)
    >>> found = find_axis(exact_data(np.column_stack([along, along + 0.01 * np.sin(99 * along)])))
    >>> found.is_continuum, bool(found.scores["score"].is_monotonic_increasing)
    (True, True)
    """
    one = one_population(SeenCells.of(data), TYPE_PRIOR, BUDGET)
    found = fit_continuum(one, TYPE_PRIOR)
    places = 50 * (found.places(data) + 1)
    if _falls(places[:, 0], one.blups):
        places = 100 - places[:, [0, 2, 1]]
    scores = pd.DataFrame(places, columns=list(SCORE_COLUMNS[1:]))
    scores.insert(0, "site", pd.Series(data.sites, dtype="str"))
    return Axis(_rules(found, data), scores)


def _falls(places: np.ndarray, profiles: np.ndarray) -> bool:
    """Whether features fall along the axis, on the whole."""
    centred = profiles - profiles.mean(axis=0)
    return float(((places - places.mean()) @ centred).sum()) < 0


def _rules(found: Continuum, data: WorkingData) -> tuple[Rule, ...]:
    return (
        Rule(
            "share",
            found.share,
            LEAST_SHARE,
            ">=",
            "Of all that truly differs between sites, this share lies along one axis.",
        ),
        Rule(
            "dominance",
            found.dominance,
            LEAST_DOMINANCE,
            ">=",
            "Sites differ so many times more along the axis than in any direction across it "
            "(variances).",
        ),
        Rule(
            "reliability",
            found.reliability(data),
            LEAST_RELIABILITY,
            ">=",
            "Places on the axis are mostly true differences, not measurement error (1 is certain).",
        ),
    )


def axis_words(axis: Axis) -> str:
    """Say in a sentence that sites form a continuum; empty where they do not.

    Examples
    --------
    >>> axis_words(Axis((Rule("share", 0.1, 0.3, ">=", ""),), pd.DataFrame()))
    ''
    """
    if not axis.is_continuum:
        return ""
    figures = {rule.name: rule.figure for rule in axis.rules}
    return (
        "Sites form a continuum along one axis: it carries "
        f"{figures['share']:.0%} of the true differences between them, "
        f"{figures['dominance']:.1f} times as much as any direction across it."
    )
