"""``[weights.NAME]`` of a study file: who was asked, and how answers stand for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from site_typology.errors import Problem

WeightMethod = Literal["raking", "propensity", "none"]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class WeightFrame(_Section):
    """The list of everybody who was asked: one row a setting or person, or a count of them."""

    table: str = Field(description="The table with the list.")
    on: str | None = Field(
        None,
        description="Column of the survey that names a row of the list, so that the list knows who "
        "answered and gives the columns; without it the survey has the columns itself.",
    )
    key: str | None = Field(None, description="Column of the list; the same name by default.")
    count: str | None = Field(
        None, description="Column with the number asked behind a row of the list; 1 by default."
    )

    @model_validator(mode="after")
    def _key_needs_on(self) -> WeightFrame:
        if self.key is not None and self.on is None:
            raise ValueError("'key' needs 'on', the column of the survey that it answers to.")
        return self


class Weighting(_Section):
    """``[weights.NAME]``: response weights of one survey, or only how it was answered."""

    table: str = Field(description="The survey whose rows get the weights.")
    method: WeightMethod = Field(
        description="How weights are made; 'none' describes response and makes none."
    )
    columns: tuple[str, ...] = Field(
        (), description="Columns known of everybody asked, such as phase or size."
    )
    numeric: tuple[str, ...] = Field(
        (), description="Those of the columns that a propensity takes as numbers, not categories."
    )
    frame: WeightFrame | None = Field(None, description="The list of everybody asked.")
    margins: dict[str, dict[str, float]] = Field(
        {}, description="Counts to rake to, instead of a list: column, category, number."
    )
    base: str | None = Field(
        None, description="Column with design weights; the table's 'weight' by default, or 1."
    )
    within: Literal["study", "site"] = Field(
        "study", description="Weigh the whole survey at once, or each site by itself."
    )
    classes: int | None = Field(
        None, ge=2, le=20, description="Classes of alike propensity to weigh by, not each its own."
    )
    trim: float | None = Field(
        None, gt=1, description="Largest weight, as a multiple of the median weight."
    )
    unknown: Literal["error", "average"] = Field(
        "error", description="Rows without one of the columns: refused, or given the average."
    )
    uncovered: Literal["error", "drop"] = Field(
        "error", description="Categories in which nobody answered: refused, or left unrepresented."
    )

    @property
    def auxiliaries(self) -> tuple[str, ...]:
        """The columns that response is explained by."""
        return self.columns or tuple(self.margins)

    @model_validator(mode="after")
    def _one_source_of_counts(self) -> Weighting:
        if self.margins:
            if self.frame is not None or self.columns:
                raise ValueError("give counts once: either 'margins', or 'frame' and 'columns'.")
            if self.method != "raking":
                raise ValueError("'margins' are for method = 'raking'; others need a 'frame'.")
            if self.within == "site":
                raise ValueError("'margins' hold for the study; within = 'site' needs a 'frame'.")
        elif self.frame is None or not self.columns:
            alternative = " or 'margins'" if self.method == "raking" else ""
            raise ValueError(f"say who was asked: 'frame' and 'columns'{alternative}.")
        return self

    @model_validator(mode="after")
    def _options_fit_the_method(self) -> Weighting:
        if self.method != "propensity" and (self.classes is not None or self.numeric):
            raise ValueError("'classes' and 'numeric' are for method = 'propensity'.")
        if unknown := [name for name in self.numeric if name not in self.columns]:
            raise ValueError(f"numeric names {unknown}, not among the columns.")
        for column, counts in self.margins.items():
            if bad := [name for name, count in counts.items() if not 0 < count < inf]:
                raise ValueError(
                    f"margins.{column} must be finite numbers above 0; found otherwise for {bad}."
                )
            if not counts:
                raise ValueError(f"margins.{column} names no category.")
        return self


def weighting_problems(
    weights: Mapping[str, Weighting], tables: Mapping[str, object]
) -> Iterator[Problem]:
    """Check the tables that weightings name, and that each survey is weighed once.

    Examples
    --------
    >>> frame = WeightFrame(table="settings", on="URN")
    >>> one = Weighting(table="survey", method="propensity", frame=frame, columns=("phase",))
    >>> [problem.where for problem in weighting_problems({"a": one}, {"survey": ...})]
    ['weights.a.frame']
    """
    listed = f"Tables declared: {', '.join(sorted(tables))}."
    seen: dict[str, str] = {}
    for name, weighting in weights.items():
        place = f"weights.{name}"
        if weighting.table not in tables:
            yield Problem(f"{place}.table", f"There is no table {weighting.table!r}. {listed}")
        if weighting.frame is not None and weighting.frame.table not in tables:
            yield Problem(
                f"{place}.frame", f"There is no table {weighting.frame.table!r}. {listed}"
            )
        if weighting.frame is not None and weighting.frame.table == weighting.table:
            yield Problem(
                f"{place}.frame", "The list of everybody asked is the survey itself. Name another."
            )
        if weighting.table in seen:
            yield Problem(
                place,
                f"Table {weighting.table!r} has weights by weights.{seen[weighting.table]} "
                "already. Keep one.",
            )
        seen.setdefault(weighting.table, name)
