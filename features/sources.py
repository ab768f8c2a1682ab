"""Built features as sources of one quantity: on one scale, with one direction and their errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from site_typology.declaration import FeatureDeclaration
from site_typology.errors import Problem
from site_typology.features.conditions import quoted
from site_typology.features.contract import Built, over_rounds
from site_typology.features.selection import place_of
from site_typology.features.tables import StudyTables

LOG_RATIO = "log-ratio of whole-school to clinical work"
LOG_RATIO_OF_REST = "log-ratio of all other to clinical work"
CLINICAL, WHOLE_SCHOOL = "direct", "whole_school"
UNKNOWN_COUNT = 100.0
"""Units behind a composition with neither errors nor counts, as in `models.links`."""
LEAST_SIGNAL = 0.1
"""Least share of the variance between sites that is taken for signal."""


class SourceArgs(BaseModel):
    """One source of an orientation index: a composition, or a figure with a direction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    feature: str = Field(description="Feature of the study.")
    weight: float = Field(1.0, gt=0, description="Weight in the index, relative to the others.")
    whole_school: tuple[str, ...] = Field(
        (), description="Of a composition: parts that are whole-school work; by default "
        "'whole_school' or else all that are not clinical.",
    )  # fmt: skip
    clinical: tuple[str, ...] = Field(
        (), description="Of a composition: parts that are clinical work; by default 'direct'."
    )
    higher: Literal["whole_school", "clinical"] = Field(
        "whole_school", description="Of any other feature: what a higher value means."
    )
    centre: float | None = Field(
        None, description="Value that counts as 0; the mean over sites by default."
    )
    spread: float | None = Field(
        None, gt=0, description="Difference that counts as 1; by default the SD between sites, "
        "error taken out.",
    )  # fmt: skip

    @model_validator(mode="after")
    def _poles_differ(self) -> SourceArgs:
        if both := sorted(set(self.whole_school) & set(self.clinical)):
            raise ValueError(f"{both} cannot be both whole-school and clinical work.")
        return self

    @property
    def sign(self) -> float:
        """-1 where a higher value means more clinical work, so that the source is turned round."""
        return -1.0 if self.higher == "clinical" else 1.0


@dataclass(frozen=True)
class Source:
    """Values of one source at every site and round of the study.

    Parameters
    ----------
    name : str
        Feature.
    unit : str
        Sources of one unit are compared as they are measured, others standardised.
    value, error, n : Series
        Indexed by site and round; NaN where there is none.
    reason : Series of str
    """

    name: str
    unit: str
    value: pd.Series
    error: pd.Series
    n: pd.Series
    reason: pd.Series

    def scaled(self, centre: float, spread: float) -> Source:
        """The source less `centre`, by `spread`; the constants are taken as known exactly."""
        value, error = (self.value - centre) / spread, self.error / spread
        return dataclasses.replace(self, value=value, error=error, unit="")


def poles(args: SourceArgs, parts: Sequence[str]) -> tuple[list[str], list[str]]:
    """Parts that are whole-school and clinical work.

    Examples
    --------
    >>> poles(SourceArgs(feature="time"), ["direct", "indirect", "whole_school"])
    (['whole_school'], ['direct'])
    >>> poles(SourceArgs(feature="activity"), ["direct", "indirect", "group"])
    (['indirect', 'group'], ['direct'])
    """
    clinical = list(args.clinical) or [part for part in parts if part == CLINICAL]
    named = list(args.whole_school) or [part for part in parts if part == WHOLE_SCHOOL]
    return named or [part for part in parts if part not in clinical], clinical


def pole_problems(feature: FeatureDeclaration, args: SourceArgs, built: Built) -> Iterator[Problem]:
    """Say which parts a composition does not have, and what is no source."""
    info = built.infos[0]
    if not info.composition:
        if info.kind == "category":
            yield Problem(
                place_of(feature, "sources"),
                f"'{args.feature}' is a category. A source is a number or a composition.",
            )
        elif args.whole_school or args.clinical:
            yield Problem(
                place_of(feature, "sources"),
                f"'{args.feature}' is no composition, so it has no parts. Give 'higher' instead.",
            )
        return
    parts = part_names(built)
    if args.higher != "whole_school":
        yield Problem(
            place_of(feature, "sources"),
            f"'{args.feature}' is a composition: its parts say which way it points. Remove "
            "'higher'.",
        )
    whole_school, clinical = poles(args, parts)
    unknown = [part for part in (*whole_school, *clinical) if part not in parts]
    if unknown:
        yield Problem(
            place_of(feature, "sources"),
            f"'{args.feature}' has no part {quoted(unknown)}. Parts: {quoted(parts)}.",
        )
    elif not clinical or not whole_school:
        yield Problem(
            place_of(feature, "sources"),
            f"Which parts of '{args.feature}' are clinical work is not known. Give 'clinical' and "
            f"'whole_school' from: {quoted(parts)}.",
        )


def part_names(built: Built) -> list[str]:
    """Names of a composition's parts, without the name of the composition."""
    return [info.name.removeprefix(f"{info.composition}.") for info in built.infos]


def source_of(args: SourceArgs, built: Built, tables: StudyTables) -> Source:
    """A built feature as a source whose higher values mean more whole-school work."""
    first = built.infos[0]
    n, reason = built.counts[first.name], built.reasons[first.name]
    if first.composition:
        whole_school, clinical = poles(args, part_names(built))
        value, error = log_ratio(built, whole_school, clinical, tables)
        said = bool(args.whole_school) or WHOLE_SCHOOL in whole_school
        unit = LOG_RATIO if said else LOG_RATIO_OF_REST
        return Source(args.feature, unit, value, error, n, reason)
    value = args.sign * built.values[first.name].astype(float)
    return Source(args.feature, "", value, built.standard_errors[first.name], n, reason)


def log_ratio(
    built: Built, above: Sequence[str], below: Sequence[str], tables: StudyTables
) -> tuple[pd.Series, pd.Series]:
    """Log of the ratio of two groups of parts, and its standard error by the delta method.

    The parts of a group are added before the log is taken (an amalgamation; Aitchison 1986,
    section 2.4). Half a unit is added to each part, p' = (m p + 1/2) / (m + D/2), the mean of
    Jeffreys' prior, so that a part of 0 has a log; the units m behind the D parts follow from
    their errors, m = (1 - Σp²) / ΣSE², or are the n where the parts are exact.

    Returns
    -------
    value, error : Series
        Indexed by site and round.
    """
    shares = built.values.astype(float)
    p = shares.to_numpy()
    parts = part_names(built)
    covariance = part_covariance(built, tables)
    variance = np.trace(covariance, axis1=1, axis2=2)
    n = built.counts.iloc[:, 0].to_numpy(dtype=float)
    known = np.where(n > 0, n, UNKNOWN_COUNT)
    units = np.divide(1 - (p**2).sum(axis=1), variance, out=known, where=variance > 0)
    units = np.maximum(units, 1.0)[:, None]
    smooth = (units * p + 0.5) / (units + len(parts) / 2)
    up, down = np.isin(parts, above), np.isin(parts, below)
    tops, bottoms = smooth[:, up].sum(axis=1), smooth[:, down].sum(axis=1)
    slope = up / tops[:, None] - down / bottoms[:, None]
    slope = slope * units / (units + len(parts) / 2)
    squares = np.einsum("gk,gkl,gl->g", slope, covariance, slope)
    error = np.sqrt(np.maximum(squares, 0.0))
    return (
        pd.Series(np.log(tops / bottoms), index=shares.index),
        pd.Series(error, index=shares.index),
    )


def part_covariance(built: Built, tables: StudyTables) -> np.ndarray:
    """Error covariance of a composition's parts at every site and round, shape (g, D, D).

    As the builder gives it. Otherwise it follows from the standard errors: exactly for two or
    three parts, which add up to 1; for more, as in a multinomial, -√(pq/((1-p)(1-q))) of the two
    errors.
    """
    errors = built.standard_errors.to_numpy(dtype=float)
    parts = errors.shape[1]
    if built.covariance is not None:
        given = over_rounds(built.covariance, tables).to_numpy(dtype=float)
        return np.asarray(given.reshape(len(errors), parts, parts))
    variance = errors**2
    if parts <= 3:
        other = variance.sum(axis=1)[:, None, None] if parts == 3 else 0.0
        pairs = variance[:, :, None] + variance[:, None, :]
        covariance = np.asarray((other - 2 * pairs) / 2 if parts == 3 else -pairs / 2)
    else:
        p = np.clip(built.values.to_numpy(dtype=float), 1e-9, 1 - 1e-9)
        odds = np.sqrt(p / (1 - p))
        covariance = -(odds * errors)[:, :, None] * (odds * errors)[:, None, :]
    at = np.arange(parts)
    covariance[:, at, at] = variance
    return np.asarray(covariance)


def centre_and_spread(
    source: Source, round_: str, centre: float | None, spread: float | None
) -> tuple[float, float]:
    """Mean and SD of a source over the sites of one round, error taken out of the SD.

    The variance between sites less the mean squared error, and at least a tenth of it. Without
    two sites with a value, or any spread, the SD is 1.
    """
    value = source.value.xs(round_, level="round").to_numpy(dtype=float)
    error = source.error.xs(round_, level="round").to_numpy(dtype=float)[~np.isnan(value)]
    value = value[~np.isnan(value)]
    if centre is None:
        centre = float(value.mean()) if len(value) else 0.0
    if spread is None:
        variance = float(value.var(ddof=1)) if len(value) > 1 else 0.0
        noise = float(np.mean(np.nan_to_num(error) ** 2)) if len(value) else 0.0
        signal = max(variance - noise, LEAST_SIGNAL * variance)
        spread = float(np.sqrt(signal)) if signal > 0 else 1.0
    return centre, spread
