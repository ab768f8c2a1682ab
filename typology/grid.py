"""The specification grid: every reasonable combination of choices, and what cannot be combined."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from site_typology.models.clusterers import CLUSTERERS
from site_typology.models.reducers import SPACES
from site_typology.models.resampling import derived_seed

Link = Literal["working", "plain"]
Weights = Literal["declared", "none"]
Missing = Literal["plausible", "conditional", "mean", "complete"]
WITHOUT, FAMILY, EACH, ALL = "without:", "family:", "each", "all"
CHOICES: Final = ("features", "link", "weights", "missing", "space", "algorithm", "k", "seed")
"""Names of the choices that a specification makes."""
CHOOSES = 0
"""Number of types of an algorithm that finds it itself."""

Name = Annotated[str, Field(min_length=1)]


class Grid(BaseModel):
    """``[grid]`` of a specification file: the choices that the typology should survive.

    Examples
    --------
    >>> Grid(links=["working", "plain"]).missing
    ('plausible',)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    features: tuple[Name, ...] = Field(
        (ALL,),
        min_length=1,
        description="Feature sets: all, without:FAMILY, family:NAME, without:each and family:each "
        "(one set a family), or a name of feature_sets.",
    )
    feature_sets: dict[str, tuple[Name, ...]] = Field(
        {},
        validate_default=True,
        description="Sets by name: features, and family:NAME for all of a family.",
    )
    links: tuple[Link, ...] = Field(
        ("working",),
        min_length=1,
        description="Scales: working (variance-stabilising, log-ratios) or plain numbers.",
    )
    weights: tuple[Weights, ...] = Field(
        ("declared",), min_length=1, description="Response weights: as declared, or none."
    )
    missing: tuple[Missing, ...] = Field(
        ("plausible",),
        min_length=1,
        description="What is done about gaps and errors: plausible values, one conditional mean, "
        "the column's mean, or complete cases.",
    )
    spaces: tuple[Name, ...] = Field(
        ("features",), min_length=1, description=f"Spaces: {', '.join(SPACES)}."
    )
    algorithms: tuple[Name, ...] = Field(
        ("mixture", "kmeans", "ward"),
        min_length=1,
        description=f"Ways of grouping: {', '.join(CLUSTERERS)}.",
    )
    k: tuple[Annotated[int, Field(ge=2, le=20)], ...] = Field(
        (), description="Numbers of types; those that the proposal tries by default."
    )
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (1,), min_length=1, description="Streams of random numbers, each another set of draws."
    )
    draws: int = Field(10, ge=1, le=1000, description="Plausible data sets a specification.")
    bootstraps: int = Field(10, ge=2, le=10_000, description="Resamples for its stability.")
    null_draws: int = Field(
        0, ge=0, le=10_000, description="Data sets without types in a null test of each scale and "
        "feature set; 0 runs that of the proposal only.",
    )  # fmt: skip
    most: int = Field(500, ge=1, description="Most specifications fitted, drawn at random of more.")

    @field_validator(
        "features", "links", "weights", "missing", "spaces", "algorithms", "k", "seeds"
    )
    @classmethod
    def _named_once(cls, given: tuple[Any, ...], field: ValidationInfo) -> tuple[Any, ...]:
        known = {"algorithms": CLUSTERERS, "spaces": SPACES}.get(field.field_name or "")
        unknown = [] if known is None else [each for each in given if each not in known]
        if known is not None and unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}. Known: {', '.join(known)}")
        if len(set(given)) < len(given):
            raise ValueError("one is named twice")
        return given

    @field_validator("feature_sets")
    @classmethod
    def _sets_and_their_names(
        cls, sets: dict[str, tuple[str, ...]], field: ValidationInfo
    ) -> dict[str, tuple[str, ...]]:
        features = field.data.get("features", tuple(sets))
        wrong = [f"{name!r} is no set of feature_sets, define it" for name in features
                 if not _has_meaning(name) and name not in sets]  # fmt: skip
        for name, content in sets.items():
            if _has_meaning(name):
                wrong.append(f"{name!r} has a meaning of its own, choose another name")
            elif name not in features:
                wrong.append(f"{name!r} is not used, name it in features")
            if not content:
                wrong.append(f"{name!r} is empty")
        if wrong:
            raise ValueError("; ".join(wrong))
        return sets

    @field_validator("null_draws")
    @classmethod
    def _enough_draws(cls, draws: int) -> int:
        if 0 < draws < 19:
            raise ValueError("no p-value of fewer than 19 draws can reach 0.05; give 0, 19 or more")
        return draws


def _has_meaning(name: str) -> bool:
    """Whether the name of a feature set says by itself what is in it."""
    return name == ALL or name.startswith((WITHOUT, FAMILY))


@dataclass(frozen=True)
class Choices:
    """One specification: what it chooses; `k` is 0 where the algorithm finds the number."""

    features: str
    link: Link
    weights: Weights
    missing: Missing
    seed: int
    algorithm: str
    space: str
    k: int

    @property
    def prepared(self) -> tuple[str, Link, Weights, Missing, int]:
        """The choices made before sites are grouped."""
        return self.features, self.link, self.weights, self.missing, self.seed

    @property
    def name(self) -> str:
        """Name of its task."""
        return " | ".join(map(str, (*self.prepared, self.algorithm, self.space, self.number)))

    @property
    def number(self) -> str:
        """The number of types asked for, ``auto`` where the algorithm finds it."""
        return str(self.k or "auto")


@dataclass(frozen=True)
class Laid:
    """A grid laid out for a study.

    Parameters
    ----------
    listed : tuple of Choices
        To fit.
    left_out : mapping of str to int
        Reason to number of combinations that are not tried for it.
    possible : int
        Specifications that could be fitted, before some were drawn.
    """

    listed: tuple[Choices, ...]
    left_out: Mapping[str, int]
    possible: int


@dataclass(frozen=True)
class Facts:
    """What a study has, as far as it decides which specifications differ.

    Parameters
    ----------
    weighted : bool
        Whether it has response weights.
    categories : bool
        Whether a category may build types.
    one_scale : frozenset of str
        Feature sets whose numbers are on the working scale as they are.
    whole : frozenset of str
        Feature sets without a gap.
    needless : mapping of str to str
        Feature sets that are not tried, and why: they have no feature, or those of another.
    """

    weighted: bool = False
    categories: bool = False
    one_scale: frozenset[str] = frozenset()
    whole: frozenset[str] = frozenset()
    needless: Mapping[str, str] = field(default_factory=dict)


def lay_out(
    grid: Grid, features: Sequence[str], ks: Sequence[int], facts: Facts, seed: int
) -> Laid:
    """Write out every specification, and why others are left out.

    Parameters
    ----------
    grid : Grid
    features : sequence of str
        Names of its feature sets for the study at hand.
    ks : sequence of int
        Numbers of types that the proposal tries.
    facts : Facts
    seed : int
        Draws the specifications where there are more than ``grid.most``; that with the choices of
        the proposal for each number of types is always kept.
    """
    left: Counter[str] = Counter()
    kept: dict[Choices, None] = {}
    before = itertools.product(features, grid.links, grid.weights, grid.missing, grid.seeds)
    numbers = grid.k or tuple(ks)
    for first in before:
        for algorithm, space, k in itertools.product(grid.algorithms, grid.spaces, numbers):
            one = _placed(Choices(*first, algorithm, space, k))
            reason = _misfit(one, grid, facts)
            if reason:
                left[reason] += 1
            elif one in kept:
                left[_repeated(algorithm)] += 1
            else:
                kept[one] = None
    listed = tuple(kept)
    if len(listed) > grid.most:
        listed = _drawn(listed, grid.most, seed)
        left[f"not among the {grid.most} drawn at random of {len(kept)} (most)"] += len(kept) - len(
            listed
        )
    return Laid(listed, dict(left), len(kept))


def as_proposed(one: Choices) -> bool:
    """Whether a specification makes the choices of the proposal, whatever its number of types."""
    chosen = (one.features, one.link, one.weights, one.missing, one.algorithm)
    return chosen == (ALL, "working", "declared", "plausible", "mixture")


def _placed(one: Choices) -> Choices:
    """Put an algorithm with a space or number of types of its own there."""
    clusterer = CLUSTERERS[one.algorithm]
    space = clusterer.own_space or one.space
    k = CHOOSES if clusterer.chooses_k else one.k
    return Choices(*one.prepared, one.algorithm, space, k)


def _misfit(one: Choices, grid: Grid, facts: Facts) -> str:
    """Say why a specification cannot be, or would repeat another."""
    if one.features in facts.needless:
        return f"{one.features}: {facts.needless[one.features]}"
    if one.weights == "none" and not facts.weighted:
        return "weights = none: the study has no response weights"
    if one.space == "famd" and not facts.categories and "pca" in grid.spaces:
        return "famd: without categories it is pca"
    if one.link == "plain" and one.features in facts.one_scale and "working" in grid.links:
        return f"plain links of {one.features}: no feature there has a link, so it is the same"
    if one.missing == "complete" and one.features in facts.whole and "mean" in grid.missing:
        return f"complete cases of {one.features}: there are no gaps, so it is the same as mean"
    if one.space == "gower" and one.link == "plain" and "working" in grid.links:
        return f"{one.algorithm} with plain links: it compares natural units, which no link changes"
    if one.space == "gower" and one.missing == "mean":
        return f"{one.algorithm} with missing = mean: it leaves gaps out of each comparison itself"
    return ""


def _repeated(algorithm: str) -> str:
    clusterer = CLUSTERERS[algorithm]
    parts = [f"in other spaces: it has its own ({clusterer.own_space})"] * bool(clusterer.own_space)
    parts += ["with each k: it finds the number of types itself"] * clusterer.chooses_k
    return f"{algorithm} {' and '.join(parts)}"


def _drawn(listed: Sequence[Choices], most: int, seed: int) -> tuple[Choices, ...]:
    first = listed[0].seed
    own = [at for at, one in enumerate(listed) if as_proposed(one) and one.seed == first][:most]
    others = np.setdiff1d(np.arange(len(listed)), own)
    random = np.random.default_rng(derived_seed(seed, "grid"))
    drawn = random.choice(others, size=most - len(own), replace=False)
    return tuple(listed[at] for at in sorted([*own, *drawn.tolist()]))
