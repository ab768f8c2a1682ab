"""One figure from several groups of informants, each kept apart and compared with the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, model_validator

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.conditions import quoted
from site_typology.features.contract import BuilderArgs, Built, study_rounds
from site_typology.features.derived import DerivedBuilder
from site_typology.features.selection import place_of
from site_typology.features.sourceagreement import agreement_frame
from site_typology.features.sources import Source
from site_typology.features.tables import StudyTables
from site_typology.features.weightedsources import placed_mean, shared_errors, weighted_mean


class CombinedArgs(BuilderArgs):
    """Arguments of `Combined`."""

    groups: dict[str, str] = Field(
        min_length=2, description="Group of informants = feature with what they say."
    )
    by: Literal["equal", "precision"] | dict[str, float] = Field(
        "equal",
        description="Every group alike, by the precision of its figure at the site, or by a "
        "weight for each group.",
    )
    min_groups: int = Field(2, ge=1, description="Groups that a site needs.")

    @model_validator(mode="after")
    def _groups_fit(self) -> CombinedArgs:
        if self.where:
            raise ValueError("groups have no rows to choose; give where in their features.")
        if self.min_groups > len(self.groups):
            raise ValueError(f"there are only {len(self.groups)} groups.")
        if isinstance(self.by, dict):
            if set(self.by) != set(self.groups):
                raise ValueError(f"by needs a weight for each of: {', '.join(self.groups)}.")
            if not all(0 < weight < np.inf for weight in self.by.values()):
                raise ValueError("a weight in by must be above 0.")
        return self


class Combined(DerivedBuilder[CombinedArgs]):
    """Mean over groups of informants of what each group says, never pooled over people.

    Groups count alike unless the study says otherwise, however many of each answered.
    """

    name: ClassVar[str] = "combined"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = CombinedArgs

    def needs(self, args: CombinedArgs) -> tuple[str, ...]:
        """Name the features of the groups."""
        return tuple(args.groups.values())

    def made_problems(
        self, feature: FeatureDeclaration, args: CombinedArgs, made: Mapping[str, Built]
    ) -> Iterator[Problem]:
        """Check that the groups were asked the same on one scale."""
        infos = {name: made[name].infos[0] for name in self.needs(args)}
        wrong = [name for name, info in infos.items() if info.kind in ("category", "composition")]
        if wrong:
            yield Problem(
                place_of(feature, "groups"),
                f"{quoted(wrong)} is a category or composition. Only numbers can be combined.",
            )
            return
        if args.by == "precision":
            yield from _error_problems(feature, [made[name] for name in infos])
        scales = {name: (info.kind, info.range) for name, info in infos.items()}
        if len(set(scales.values())) > 1:
            shown = "; ".join(
                f"{name}: {kind}"
                + ("" if limits is None else f" from {limits[0]:g} to {limits[1]:g}")
                for name, (kind, limits) in scales.items()
            )
            yield Problem(
                place_of(feature, "groups"),
                f"The groups' figures are not on one scale ({shown}). Bring them to one.",
            )

    def derive(
        self,
        feature: FeatureDeclaration,
        args: CombinedArgs,
        tables: StudyTables,
        made: Mapping[str, Built],
    ) -> Built:
        """Take the mean over the groups, and compare them."""
        sources = [_group(made[name]) for name in self.needs(args)]
        shared = shared_errors([made[name] for name in self.needs(args)])
        cells = weighted_mean(sources, _weights(args, sources), args.min_groups, shared)
        first = made[self.needs(args)[0]].infos[0]
        how = {"equal": "every group alike", "precision": "groups by 1 / SE²"}
        weighed = (
            ", ".join(f"{name} {weight:g}" for name, weight in args.by.items())
            if isinstance(args.by, dict)
            else how[args.by]
        )
        info = self.info(
            feature,
            source=f"features: {', '.join(args.groups.values())}",
            definition=f"Mean over groups of informants ({', '.join(args.groups)}), {weighed}; "
            f"sites with {args.min_groups} groups or more.",
            unit=first.unit,
            informant=", ".join(args.groups),
            range=first.range,
            **({} if feature.kind else {"kind": first.kind}),
            **({} if feature.family != "other" else {"family": first.family}),
        )
        agreement = agreement_frame(
            feature.name,
            sources,
            study_rounds(tables.declaration),
            tables.declaration.typology_round,
            shared,
            groups={name: group for group, name in args.groups.items()},
        )
        return placed_mean(info, cells, agreement)


def _error_problems(feature: FeatureDeclaration, built: Sequence[Built]) -> Iterator[Problem]:
    """Say which figures have no known precision."""
    for each in built:
        name = each.infos[0].name
        unknown = each.values[name].notna() & each.standard_errors[name].isna()
        if unknown.any():
            sites = dict.fromkeys(unknown.index[unknown].get_level_values("site"))
            yield Problem(
                place_of(feature, "by"),
                f"'{name}' has a value without a standard error at {quoted(sites)}, so its "
                "precision is not known. Set by = 'equal', or give weights.",
            )


def _group(built: Built) -> Source:
    name = built.infos[0].name
    return Source(
        name,
        "the groups' own",
        built.values[name].astype(float),
        built.standard_errors[name],
        built.counts[name],
        built.reasons[name],
    )


def _weights(args: CombinedArgs, sources: Sequence[Source]) -> np.ndarray:
    """Weight of each group at each site and round, shape (g, q).

    By precision a figure that is known exactly has all the weight.
    """
    errors = np.column_stack([source.error.to_numpy(dtype=float) for source in sources])
    if args.by == "precision":
        exact = errors == 0
        inverse = np.divide(1.0, errors**2, out=np.zeros_like(errors), where=errors > 0)
        return np.asarray(np.where(exact.any(axis=1)[:, None], exact.astype(float), inverse))
    weights = [args.by[name] for name in args.groups] if isinstance(args.by, dict) else 1.0
    return np.broadcast_to(np.asarray(weights, dtype=float), errors.shape).copy()
