"""Builders that make a feature from other features of the study, and the order they call for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from site_typology.declaration import FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.conditions import quoted
from site_typology.features.contract import A, Builder, BuilderArgs, Built
from site_typology.features.selection import place_of
from site_typology.features.tables import StudyTables


class DerivedBuilder(Builder[A]):
    """Makes a feature from features that were built before it."""

    @abstractmethod
    def needs(self, args: A) -> tuple[str, ...]:
        """Names of the features that it is made from."""

    @abstractmethod
    def derive(
        self, feature: FeatureDeclaration, args: A, tables: StudyTables, made: Mapping[str, Built]
    ) -> Built:
        """Make the feature; called only when neither check found a problem.

        Parameters
        ----------
        made : mapping of str to Built
            The features that it needs, and perhaps others.
        """

    def made_problems(
        self, feature: FeatureDeclaration, args: A, made: Mapping[str, Built]
    ) -> Iterable[Problem]:
        """Say what is wrong with the features that it is made from, once they are there."""
        return ()

    def problems(
        self, feature: FeatureDeclaration, args: A, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check that the features needed are declared, and that no answer counts twice."""
        declared = {each.name: each for each in tables.declaration.features}
        needed = self.needs(args)
        if unknown := [name for name in needed if name not in declared]:
            others = [name for name in declared if name != feature.name]
            yield Problem(
                place_of(feature),
                f"Made from {quoted(unknown)}, which is no feature of the study. Features "
                f"declared: {quoted(others)}.",
            )
        if twice := sorted({name for name in needed if needed.count(name) > 1}):
            yield Problem(place_of(feature), f"Names {quoted(twice)} twice. Name each once.")
        both = [name for name in needed if name in declared and declared[name].use == "build"]
        if feature.use == "build" and both:
            yield Problem(
                place_of(feature, "use"),
                f"Made from {quoted(both)}, which builds types too: the same answers would count "
                "twice. Set use = 'evaluate' there, or here.",
            )

    def build(self, feature: FeatureDeclaration, args: A, tables: StudyTables) -> Built:
        """Refuse: a derived feature cannot be built from tables alone."""
        raise TypeError(f"'{self.name}' is made from other features; call derive.")


def needs_of(builder: Builder[Any], args: BuilderArgs | None) -> tuple[str, ...]:
    """Names of the features that a feature is made from; none where it is made from tables."""
    if args is None or not isinstance(builder, DerivedBuilder):
        return ()
    needs: tuple[str, ...] = builder.needs(args)
    return needs


def in_order(
    features: Sequence[FeatureDeclaration], needs: Mapping[str, Sequence[str]]
) -> tuple[list[FeatureDeclaration], list[str]]:
    """Put features after those that they are made from.

    Parameters
    ----------
    features : sequence of FeatureDeclaration
    needs : mapping of str to sequence of str
        Feature, the features that it is made from; names that are not there need nothing.

    Returns
    -------
    list of FeatureDeclaration
        As declared, but for features that need a later one.
    list of str
        Features that wait for one another in a circle, or for one that does; not in the first.

    Examples
    --------
    >>> declared = [FeatureDeclaration(name=name, builder="x") for name in ("index", "time", "a")]
    >>> [each.name for each in in_order(declared, {"index": ["time"], "a": ["a"]})[0]]
    ['time', 'index']
    """
    names = {feature.name for feature in features}
    done: dict[str, FeatureDeclaration] = {}
    waiting = list(features)
    while waiting:
        ready = [
            feature
            for feature in waiting
            if all(name in done or name not in names for name in needs.get(feature.name, ()))
        ]
        if not ready:
            break
        done |= {feature.name: feature for feature in ready}
        waiting = [feature for feature in waiting if feature.name not in done]
    return list(done.values()), [feature.name for feature in waiting]


def order_problems(
    features: Sequence[FeatureDeclaration], needs: Mapping[str, Sequence[str]]
) -> Iterator[Problem]:
    """Say which features wait for one another in a circle."""
    circle = in_order(features, needs)[1]
    if circle:
        yield Problem(
            "features",
            f"{quoted(circle)} cannot be made: each waits for another of them. Break the circle.",
        )
