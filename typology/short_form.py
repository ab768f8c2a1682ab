"""The fewest features that place new sites nearly as well as all of a typology's do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.describe import is_claimed
from site_typology.errors import Problem, StudyError
from site_typology.short_again import again
from site_typology.short_rule import PLACED, ShortRule, fitted_table
from site_typology.short_search import MOST_SEARCHED, Drawn, search

if TYPE_CHECKING:
    from site_typology.typology import Typology

MAX_LOSS = 0.02
SEARCH_DRAWS, DRAWS, STUDIES = 4_000, 20_000, 50
"""Sites simulated for the search, others for the figures, and studies drawn again."""


@dataclass(frozen=True)
class ShortForm:
    """The features chosen, what they cost, and what each other number would.

    Parameters
    ----------
    title : str
        Name of the typology.
    rule, full : ShortRule
        Of the chosen features, and of all.
    curve : DataFrame
        One row a number of features. ``features, names``; ``accuracy, loss``: new sites that get
        their true type, and those lost against all features, where types and features have to be
        found anew (`site_typology.short_again`); ``apparent_accuracy, apparent_loss``: the same
        were the types known for certain; ``agreement``: new sites that get the type that all
        features give; each with ``_error``, its Monte Carlo standard error. ``fitted_agree`` of
        ``fitted`` sites get the typology's own type. ``chosen``.
    max_loss : float or None
        The loss allowed; None where the number of features was given.
    draws, studies, seed : int
    """

    title: str
    rule: ShortRule
    full: ShortRule
    curve: pd.DataFrame
    max_loss: float | None
    draws: int
    studies: int
    seed: int

    @property
    def chosen(self) -> pd.Series:
        """The row of the curve that was chosen."""
        return self.curve[self.curve["chosen"]].iloc[0]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        rows = [
            {
                str(key): value.item() if isinstance(value, np.generic) else value
                for key, value in row.items()
            }
            for row in self.curve.to_dict("records")
        ]
        return {
            "typology": self.title,
            "features": [own.name for own in self.rule.questions],
            "max_loss": self.max_loss,
            "draws": self.draws,
            "studies": self.studies,
            "seed": self.seed,
            "curve": rows,
        }


def short_form(
    typology: Typology,
    *,
    features: int | None = None,
    max_loss: float | None = None,
    seed: int = 0,
    draws: int = DRAWS,
    studies: int = STUDIES,
) -> ShortForm:
    """Choose the fewest features that assign nearly as well as all.

    Sets grow by the feature that helps most and shrink by the one that costs least (sequential
    forward and backward selection; Hastie, Tibshirani & Friedman 2009, 3.3.2), judged by how many
    of `SEARCH_DRAWS` simulated new sites get their true type, ties by the probability given to it.
    Of each size the better set is kept. Figures are from other simulated sites than the search,
    and the loss is from studies in which types and features are found anew.

    Parameters
    ----------
    typology : Typology
        One that claims types.
    features : int, optional
        Number of features, a composition counted as one; the fewest within `max_loss` by default.
    max_loss : float, optional
        Share of new sites that may lose their true type, 0.02 by default.
    seed, draws, studies : int
        Sites simulated for figures, and studies drawn again; 2 at least.

    Returns
    -------
    ShortForm

    Raises
    ------
    StudyError
        No types are claimed, or a number that cannot be.
    """
    _check(typology, features, max_loss)
    tolerance = MAX_LOSS if max_loss is None else max_loss
    full = ShortRule.full(typology)
    streams = [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(2)]
    sets = search(full, Drawn.of(full, SEARCH_DRAWS, streams[0]))
    curve = _curve(typology, full, sets, Drawn.of(full, draws, streams[1]))
    honest = again(full, typology.fitted.data, studies, seed)
    for name in ("accuracy", "accuracy_error", "loss", "loss_error"):
        curve[name] = getattr(honest, name)
    if features is None:
        wanted = int(curve.index[(curve["loss"] <= tolerance).to_numpy()][0])
    else:
        wanted = int(curve.index[(curve["features"] >= features).to_numpy()][0])
    curve["chosen"] = curve.index == wanted
    rule = full.keep(sets[wanted], typology)
    allowed = tolerance if features is None else None
    return ShortForm(typology.name, rule, full, curve, allowed, draws, studies, seed)


def _check(typology: Typology, features: int | None, max_loss: float | None) -> None:
    problems = []
    if not is_claimed(typology):
        said = f"Claims no types ({typology.verdict}): {typology.evidence.why} "
        problems.append(Problem("model", said + "There is nothing to assign to."))
    number = len(typology.scale.blocks)
    most = min(number, MOST_SEARCHED)
    if features is not None and not (1 <= features <= most or features == number):
        problems.append(Problem("--features", f"Expected 1 to {most}; found {features}."))
    if max_loss is not None and not 0 <= max_loss < 1:
        problems.append(Problem("--max-loss", f"Expected 0 or more, below 1; found {max_loss:g}."))
    if features is not None and max_loss is not None:
        problems.append(Problem("--features", "Give it or --max-loss, not both."))
    if problems:
        raise StudyError("short form", problems)


def _curve(
    typology: Typology, full: ShortRule, sets: list[tuple[int, ...]], drawn: Drawn
) -> pd.DataFrame:
    """What each set would give to new sites, and gives to the fitted ones."""
    every = drawn.chances(full.model, np.arange(len(full.centre))).argmax(axis=1)
    labels = typology.labels.dropna().astype(int)
    rows = []
    for chosen in sets:
        said = drawn.chances(full.model, full.columns_of(chosen)).argmax(axis=1)
        right, before = said == drawn.truth, every == drawn.truth
        lost = before.astype(float) - right
        rule = full.keep(chosen, typology)
        placed = rule.place(*fitted_table(typology, rule.features))
        own = placed.reindex(labels.index)
        agree = (own["state"] == PLACED) & (own["type"] == labels)
        rows.append(
            {
                "features": len(chosen),
                "names": "; ".join(full.questions[at].name for at in chosen),
                "apparent_accuracy": right.mean(),
                "apparent_accuracy_error": _error(right),
                "apparent_loss": lost.mean(),
                "apparent_loss_error": _error(lost),
                "agreement": (said == every).mean(),
                "agreement_error": _error(said == every),
                "fitted_agree": int(agree.sum()),
                "fitted": len(labels),
            }
        )
    return pd.DataFrame(rows)


def _error(values: np.ndarray) -> float:
    """Monte Carlo standard error of a mean."""
    return float(values.astype(float).std(ddof=1) / np.sqrt(len(values)))
