"""The fewest features that place new sites nearly as well as all of a typology's do."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.describe import is_claimed
from site_typology.errors import Problem, StudyError
from site_typology.models.ordinal import OrdinalBlock
from site_typology.models.working import WorkingData
from site_typology.short_rule import PLACED, ShortRule, fitted_table

if TYPE_CHECKING:
    from site_typology.models.mixture import TypeModel
    from site_typology.typology import Typology

MAX_LOSS = 0.02
SEARCH_DRAWS, DRAWS = 4_000, 20_000
"""Sites simulated for the search, and others for the figures."""
MOST_SEARCHED = 25
"""Features up to which sets are also made by taking away; forward sets stop there."""


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
        One row a number of features: ``features, names, accuracy, accuracy_error, loss,
        loss_error, agreement, agreement_error, fitted_agree, fitted, chosen``. Errors are Monte
        Carlo standard errors. `fitted_agree` of `fitted` sites get the typology's own type.
    max_loss : float or None
        The loss allowed; None where the number of features was given.
    draws, seed : int
    """

    title: str
    rule: ShortRule
    full: ShortRule
    curve: pd.DataFrame
    max_loss: float | None
    draws: int
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
            "seed": self.seed,
            "curve": rows,
        }


@dataclass(frozen=True)
class Drawn:
    """Sites of the model's population, measured as a typical site is, and their types."""

    data: WorkingData
    truth: np.ndarray

    @classmethod
    def of(cls, rule: ShortRule, draws: int, random: np.random.Generator) -> Drawn:
        """Simulate sites without gaps."""
        model = rule.model
        truth = random.choice(model.k, size=draws, p=model.weights / model.weights.sum())
        q = len(rule.centre)
        within = random.normal(size=(draws, q)) @ np.linalg.cholesky(model.covariance).T
        values, vectors = np.linalg.eigh(rule.typical)
        root = vectors * np.sqrt(np.clip(values, 0.0, None))
        noise = random.normal(size=(draws, q)) @ root.T
        profiles = model.means[truth] + within + noise
        columns = tuple(name for own in rule.questions for name in own.block.columns)
        levels, at = [], 0
        for own in rule.questions:
            if isinstance(own.block, OrdinalBlock):
                levels.append(own.block.on_scale(at, rule.centre[at], rule.spread[at]))
            at += len(own.block.columns)
        errors = np.repeat(rule.typical[None], draws, axis=0)
        names = tuple(f"S{at}" for at in range(draws))
        data = WorkingData(profiles, errors, names, columns, (), tuple(levels))
        return cls(data.measured(profiles), truth)

    def chances(self, model: TypeModel, columns: np.ndarray) -> np.ndarray:
        """Memberships by some working columns alone."""
        from site_typology.models.mixture import TypeModel

        part = TypeModel(
            model.weights, model.means[:, columns], model.covariance[np.ix_(columns, columns)]
        )
        data = self.data
        seen = dataclasses.replace(
            data,
            values=data.values[:, columns],
            errors=data.errors[:, columns[:, None], columns],
            levels=(),
        )
        return part.memberships(seen)


def short_form(
    typology: Typology,
    *,
    features: int | None = None,
    max_loss: float | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> ShortForm:
    """Choose the fewest features that assign nearly as well as all.

    Sets grow by the feature that helps most and shrink by the one that costs least (sequential
    forward and backward selection; Hastie, Tibshirani & Friedman 2009, 3.3.2), judged by how many
    of `SEARCH_DRAWS` simulated new sites get their true type, ties by the probability given to it.
    Of each size the better set is kept. Figures are from other simulated sites than the search.

    Parameters
    ----------
    typology : Typology
        One that claims types.
    features : int, optional
        Number of features, a composition counted as one; the fewest within `max_loss` by default.
    max_loss : float, optional
        Share of new sites that may lose their true type, 0.02 by default.
    seed, draws : int

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
    sets = _search(full, Drawn.of(full, SEARCH_DRAWS, streams[0]))
    curve = _curve(typology, full, sets, Drawn.of(full, draws, streams[1]))
    if features is None:
        wanted = int(curve.index[(curve["loss"] <= tolerance).to_numpy()][0])
    else:
        wanted = int(curve.index[(curve["features"] >= features).to_numpy()][0])
    curve["chosen"] = curve.index == wanted
    rule = full.keep(sets[wanted], typology)
    return ShortForm(
        typology.name, rule, full, curve, tolerance if features is None else None, draws, seed
    )


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


def _search(full: ShortRule, drawn: Drawn) -> list[tuple[int, ...]]:
    """Best set found of each size, from one question up to all of them."""
    number = len(full.questions)
    every = tuple(range(number))

    def worth(chosen: Sequence[int]) -> tuple[float, float]:
        chances = drawn.chances(full.model, full.columns_of(sorted(chosen)))
        right = chances.argmax(axis=1) == drawn.truth
        given = chances[np.arange(len(right)), drawn.truth]
        return float(right.mean()), float(given.mean())

    found: dict[int, tuple[tuple[float, float], tuple[int, ...]]] = {}
    _grow(worth, every, min(number, MOST_SEARCHED), found)
    if number <= MOST_SEARCHED:
        _shrink(worth, every, found)
    else:
        found[number] = (worth(every), every)
    return [found[size][1] for size in sorted(found)]


Worth = Callable[[Sequence[int]], tuple[float, float]]
Found = dict[int, tuple[tuple[float, float], tuple[int, ...]]]


def _grow(worth: Worth, every: tuple[int, ...], most: int, found: Found) -> None:
    chosen: tuple[int, ...] = ()
    while len(chosen) < most:
        tried = [tuple(sorted((*chosen, at))) for at in every if at not in chosen]
        value, chosen = max((worth(each), each) for each in tried)
        found[len(chosen)] = (value, chosen)


def _shrink(worth: Worth, every: tuple[int, ...], found: Found) -> None:
    chosen = every
    while len(chosen) > 1:
        tried = [tuple(own for own in chosen if own != at) for at in chosen]
        value, chosen = max((worth(each), each) for each in tried)
        found[len(chosen)] = max(found[len(chosen)], (value, chosen))


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
                "accuracy": right.mean(),
                "accuracy_error": _error(right),
                "loss": lost.mean(),
                "loss_error": _error(lost),
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
