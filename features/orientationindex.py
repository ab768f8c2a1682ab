"""One index of orientation, clinical versus whole-school, from several sources of a study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

import numpy as np
from pydantic import Field, model_validator

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.contract import BuilderArgs, Built, study_rounds
from site_typology.features.derived import DerivedBuilder
from site_typology.features.sourceagreement import agreement_frame
from site_typology.features.sources import (
    SourceArgs,
    centre_and_spread,
    pole_problems,
    source_of,
)
from site_typology.features.tables import StudyTables
from site_typology.features.weightedsources import placed_mean, shared_errors, weighted_mean


class OrientationIndexArgs(BuilderArgs):
    """Arguments of `OrientationIndex`."""

    sources: tuple[SourceArgs, ...] = Field(
        min_length=2, description="Features that tell of the orientation, with their weights."
    )
    min_sources: int | None = Field(
        None, ge=1, description="Sources that a site needs; all by default."
    )

    @model_validator(mode="after")
    def _sources_suffice(self) -> OrientationIndexArgs:
        if self.where:
            raise ValueError("an index has no rows to choose; give where in its sources.")
        if self.min_sources is not None and self.min_sources > len(self.sources):
            raise ValueError(f"there are only {len(self.sources)} sources.")
        return self


class OrientationIndex(DerivedBuilder[OrientationIndexArgs]):
    """Clinical (low) versus whole-school (high) orientation: weighted mean of several sources.

    Each source counts in SDs between sites; compositions enter as the log-ratio of whole-school
    to clinical work.
    """

    name: ClassVar[str] = "orientation_index"
    kind: ClassVar[Kind] = "continuous"
    family: ClassVar[str] = "orientation"
    Args: ClassVar[type[BuilderArgs]] = OrientationIndexArgs

    def needs(self, args: OrientationIndexArgs) -> tuple[str, ...]:
        """Name the sources."""
        return tuple(source.feature for source in args.sources)

    def made_problems(
        self, feature: FeatureDeclaration, args: OrientationIndexArgs, made: Mapping[str, Built]
    ) -> Iterator[Problem]:
        """Check the parts of compositions."""
        for source in args.sources:
            yield from pole_problems(feature, source, made[source.feature])

    def derive(
        self,
        feature: FeatureDeclaration,
        args: OrientationIndexArgs,
        tables: StudyTables,
        made: Mapping[str, Built],
    ) -> Built:
        """Bring the sources to one scale, take their mean, and compare them."""
        round_ = tables.declaration.typology_round
        raw = [source_of(source, made[source.feature], tables) for source in args.sources]
        signs = {each.feature: each.sign for each in args.sources}
        constants = {}
        for source, given in zip(raw, args.sources, strict=True):
            centre = None if given.centre is None else given.sign * given.centre
            constants[source.name] = centre_and_spread(source, round_, centre, given.spread)
        scaled = [source.scaled(*constants[source.name]) for source in raw]
        shared = shared_errors([made[source.feature] for source in args.sources], signs)
        weights = {source.feature: source.weight for source in args.sources}
        table = np.tile(list(weights.values()), (len(scaled[0].value), 1))
        cells = weighted_mean(scaled, table, args.min_sources or len(raw), shared)
        cells["n"] = cells["sources"]
        info = self.info(
            feature,
            source=f"features: {', '.join(weights)}",
            definition=_definition(args, weights),
            unit="SD between sites; higher is more whole-school",
            measurement=_figures(weights, constants),
        )
        agreement = agreement_frame(
            feature.name, raw, study_rounds(tables.declaration), round_, shared, constants
        )
        return placed_mean(info, cells, agreement)


def _definition(args: OrientationIndexArgs, weights: Mapping[str, float]) -> str:
    shown = ", ".join(f"{name} {weight:g}" for name, weight in weights.items())
    needed = args.min_sources or len(args.sources)
    return (
        "Clinical (low) versus whole-school (high): mean of the sources in SDs between sites, "
        f"with the weights {shown}; sites with {needed} of {len(weights)} sources or more. "
        "n is the number of sources."
    )


def _figures(
    weights: Mapping[str, float], constants: Mapping[str, tuple[float, float]]
) -> dict[str, float]:
    """Weight, centre and spread of each source, so that an index can be taken apart again."""
    total = sum(weights.values())
    figures = {f"weight of {name}": weight / total for name, weight in weights.items()}
    for name, (centre, spread) in constants.items():
        figures |= {f"centre of {name}": centre, f"spread of {name}": spread}
    return figures
