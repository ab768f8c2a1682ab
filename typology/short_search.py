"""Sets of features for a short form: simulated sites to judge them by, and the search."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from site_typology.models.kernels import RIDGE
from site_typology.models.ordinal import OrdinalBlock
from site_typology.models.quadratic import Quadratics
from site_typology.models.temperature import tempered
from site_typology.models.working import WorkingData

if TYPE_CHECKING:
    from site_typology.models.mixture import TypeModel
    from site_typology.short_rule import ShortRule

MOST_SEARCHED = 25
"""Features up to which sets are also made by taking away; forward sets stop there."""
Worth = Callable[[Sequence[int]], tuple[float, float]]
Found = dict[int, tuple[tuple[float, float], tuple[int, ...]]]


@dataclass(frozen=True)
class Drawn:
    """Sites of the model's population, measured as a typical site is, and their types."""

    data: WorkingData
    truth: np.ndarray
    typical: np.ndarray

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
        return cls(data.measured(profiles), truth, rule.typical)

    def chances(self, model: TypeModel, columns: np.ndarray) -> np.ndarray:
        """Memberships by some working columns alone."""
        part, data = model.columns(columns), self.data
        if not data.levels:
            # One covariance for all sites and types: the scores are linear.
            spread = part.covariance + self.typical[np.ix_(columns, columns)]
            spread = spread + RIDGE * np.eye(len(columns))
            scores = Quadratics.of_gaussians(part.weights, part.means, spread)
            return tempered(scores(data.values[:, columns]), part.temperature)
        seen = dataclasses.replace(
            data,
            values=data.values[:, columns],
            errors=data.errors[:, columns[:, None], columns],
            levels=(),
        )
        return part.memberships(seen)


def search(full: ShortRule, drawn: Drawn) -> list[tuple[int, ...]]:
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
