"""The declared study: what ``study.toml`` may say."""

from __future__ import annotations

import datetime
import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)

from site_typology.missing_codes import expanded
from site_typology.weighting_declaration import Weighting

Reason = Literal[
    "not applicable",
    "don't know",
    "refused",
    "skipped",
    "routed",
    "not asked",
    "not answered",
    "suppressed",
    "unavailable",
    "structurally absent",
    "low reliability",
    "rounds to zero",
]
"""Why a cell has no value, in a table or in a profile."""

Kind = Literal["continuous", "share", "composition", "rate", "ordinal", "category"]
Use = Literal["build", "evaluate"]
Missing = Annotated[
    dict[str, Reason],
    BeforeValidator(expanded, json_schema_input_type=dict[str, Reason] | Literal["dfe"]),
]
"""Codes that mean missing, each with its reason, or the name of a set of them."""
Role = Literal["sites", "survey", "settings", "workforce", "establishment", "activity", "other"]
Format = Literal["csv", "tsv", "xlsx", "parquet", "sav", "dta", "qualtrics", "gias", "sql"]
Engine = Literal["pandas", "polars", "duckdb", "spark"]
"""Engines that can hold the rows of a table."""
UnknownSites = Literal["error", "drop"]

KINDS: tuple[str, ...] = get_args(Kind)
REASONS: tuple[str, ...] = get_args(Reason)
RESERVED, RESERVED_ENDINGS = ("site", "round"), ("__se", "__n", "__low", "__high", "__mean")
"""Names that no feature may have: columns of the output contract."""
ONE_ROUND = "all"
"""The round of a study that declares none."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Disclosure(_Section):
    """Disclosure rules of what `share` writes; the report of a run marks what they would hide."""

    min_informants: int = Field(
        5, ge=1, description="Informants a site needs; fewer are marked, and left out when shared."
    )
    min_sites: int = Field(
        3, ge=1, description="Sites a type needs; fewer are marked, and left out when shared."
    )
    small_number: int = Field(
        7, ge=0, description="Largest count that is hidden when shared, from 1; 0 hides none."
    )
    round_to: int = Field(
        5, ge=1, description="Multiple that shared counts are rounded to; 1 for exact ones."
    )
    secondary: bool = Field(
        True, description="Hide more counts where totals would tell the small ones."
    )
    min_staff: int = Field(
        10, ge=1, description="Staff a team needs; staffing figures of smaller ones are banded."
    )
    unknown_counts: Literal["withhold", "show"] = Field(
        "withhold", description="Figures of which nobody says how many people are behind them."
    )

    @model_validator(mode="after")
    def _rounding_makes_no_zero(self) -> Disclosure:
        if self.small_number + 1 + self.round_to // 2 < self.round_to:
            raise ValueError(
                f"round_to {self.round_to} would turn a count of {self.small_number + 1} into 0. "
                f"Set small_number to {self.round_to - self.round_to // 2 - 1} or more."
            )
        return self


class StudySection(_Section):
    """``[study]``: the study as a whole."""

    name: str = Field(min_length=1, description="Short name; names the MLflow experiment too.")
    title: str = Field("", description="Title as a reader should see it.")
    sites: str = Field(description="The table that lists every site, one row a site.")
    rounds: tuple[str, ...] = Field(
        (), description="Rounds in order of time; none for a single round."
    )
    round: str | None = Field(
        None, description="Round to build the typology on; the last by default."
    )
    unknown_sites: UnknownSites = Field(
        "error", description="What to do with rows of sites that the sites table does not list."
    )
    disclosure: Disclosure = Field(Disclosure(), description="What may leave the team, and how.")

    @field_validator("rounds")
    @classmethod
    def _rounds_are_names(cls, rounds: tuple[str, ...]) -> tuple[str, ...]:
        if twice := sorted({name for name in rounds if rounds.count(name) > 1}):
            raise ValueError(f"rounds names {twice} twice.")
        if any(not name.strip() for name in rounds):
            raise ValueError("a round needs a name.")
        if ONE_ROUND in rounds:
            raise ValueError(
                f"no round may be named {ONE_ROUND!r}, which stands for tables without rounds."
            )
        return rounds

    @model_validator(mode="after")
    def _round_is_declared(self) -> StudySection:
        if self.round is not None and self.round not in self.rounds:
            raise ValueError(f"round {self.round!r} is not among rounds {list(self.rounds)}.")
        return self


Days = tuple[datetime.date, datetime.date]
"""First and last day of a window."""


class Condition(_Section):
    """Rows where ``column`` is one of ``values``, within ``range`` or in ``window``, or is not."""

    column: str = Field(description="Column of the table.")
    values: tuple[str, ...] = Field(
        (), description="Values, compared as text; '' is an empty cell."
    )
    range: tuple[float, float] | None = Field(
        None, description="Lowest and highest number, in place of values."
    )
    window: Days | dict[str, Days] | None = Field(
        None,
        description="First and last day, in place of values; or those of each round, for a table "
        "without rounds of its own.",
    )
    negate: bool = Field(False, description="Take the other rows instead.")

    @model_validator(mode="after")
    def _one_test(self) -> Condition:
        given = [bool(self.values), self.range is not None, self.window is not None]
        if sum(given) != 1:
            raise ValueError("give one of 'values', 'range' and 'window'.")
        if self.range is not None and not self.range[0] <= self.range[1]:
            raise ValueError(f"range {list(self.range)} must be [low, high].")
        if isinstance(self.window, dict) and (self.negate or not self.window):
            raise ValueError("a window for each round needs rounds, and cannot be negated.")
        for first, last in self.windows.values():
            if first > last:
                raise ValueError(f"window ['{first}', '{last}'] must be [first day, last day].")
        return self

    @property
    def windows(self) -> dict[str, Days]:
        """Windows by round; the one of all rounds under `ONE_ROUND`."""
        if self.window is None:
            return {}
        return self.window if isinstance(self.window, dict) else {ONE_ROUND: self.window}


class Link(_Section):
    """The site of a row found through another table, such as setting to site by URN."""

    table: str = Field(description="The table that knows the site.")
    on: str = Field(description="Column of this table.")
    key: str | None = Field(
        None, description="Column of the other table; the same name by default."
    )
    successors: str | None = Field(
        None,
        description="The register's file of links (GIAS), relative to the study file: settings of "
        "the other table that have closed are followed to those that came after them.",
    )
    until: datetime.date | None = Field(
        None, description="Links established after this date are not followed; all are by default."
    )


class Eligible(_Section):
    """Where the number of people (or settings) asked at each site stands."""

    table: str = Field(description="The table that knows it, one row a site.")
    column: str = Field(description="Column with the number.")
    answered: str | None = Field(
        None,
        description="Column of the same table with the number who answered, for surveys published "
        "as counts, where a blank cell is nobody; the rows of a site by default.",
    )


class ColumnRules(_Section):
    """Rules for one column: codes that mean missing, a range, and a recoding."""

    missing: Missing = Field({}, description="Code = reason, for this column.")
    range: tuple[float, float] | None = Field(None, description="Lowest and highest value.")
    values: dict[str, float | str] = Field(
        {}, description="Recoding of codes, such as bands to midpoints."
    )

    @model_validator(mode="after")
    def _range_is_ordered(self) -> ColumnRules:
        if self.range is not None and self.range[0] >= self.range[1]:
            raise ValueError(f"range {list(self.range)} must be [low, high].")
        return self


class Attach(_Section):
    """A database that the query of a table reads beside its own, attached to be read only."""

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]*$",
        description="Name of the database in the query: 'SELECT ... FROM name.public.answers'.",
    )
    type: Literal["postgres", "sqlite", "duckdb"] = Field(description="Kind of database.")
    source: str = Field(
        min_length=1,
        description="Its file, or for PostgreSQL 'host=... dbname=... user=...' or an address; "
        "'${NAME}' reads the environment, where passwords belong.",
    )

    @model_validator(mode="after")
    def _no_password_in_the_study(self) -> Attach:
        written = re.sub(r"\$\{[A-Za-z_]\w*\}", "", self.source)
        if re.search(r"password\s*=\s*[^\s']|password\s*=\s*'[^']|://[^:@/]*:[^@]+@", written):
            # Pydantic shows what was found; a model error shows none of it.
            raise ValueError(
                "source holds a password, and study files are shared. Put it into the environment "
                "and write '${NAME}' in its place."
            )
        return self


class TableDeclaration(_Section):
    """``[tables.NAME]``: one table of the study and how its rows belong to sites."""

    path: str = Field(
        "",
        description="File, relative to the study file; '${NAME:-default}' reads the environment. "
        "Several with the same columns, such as 'survey-*.csv', are put one below the other, with "
        "the name of each row's file in the column 'file'. Only a query may do without.",
    )
    format: Format | None = Field(
        None, description="File format; from the file's ending by default."
    )
    role: Role = Field("other", description="What the table is about.")
    sheet: str | tuple[str, ...] | None = Field(
        None,
        description="Sheet of a workbook, the first by default; several are put one below the "
        "other, with the name of each row's sheet in the column 'sheet'.",
    )
    encoding: str | None = Field(None, description="Text encoding; found out by default.")
    separator: str | None = Field(None, description="Separator of a text file.")
    skip_rows: int | None = Field(
        None, ge=0, le=100, description="Rows above the header, such as a title."
    )
    header_rows: int | None = Field(
        None, ge=1, le=5, description="Rows of the header; names stand in the first."
    )
    header_join: str | None = Field(
        None,
        description="Put the header rows together into names with this between them, such as "
        "': '; a name above several columns holds for each.",
    )
    site: str | None = Field(
        None,
        min_length=1,
        description="Column with the site, or a pattern such as '{CSD:0>2}{SCHOOL CODE}'.",
    )
    link: Link | None = Field(None, description="The site through another table instead.")
    round: str | None = Field(None, description="Column with the round.")
    at_round: str | None = Field(None, description="The one round that the whole table belongs to.")
    weight: str | None = Field(None, description="Column with weights of the rows.")
    eligible: Eligible | None = Field(None, description="How many were asked at each site.")
    unique: tuple[str, ...] = Field((), description="Columns that together name a row once.")
    rename: dict[str, str] = Field({}, description="New name = name in the file.")
    missing: Missing = Field(
        {},
        description="Code = reason, for every column; 'dfe' for the symbols of the Department for "
        "Education's open data.",
    )
    columns: dict[str, ColumnRules] = Field({}, description="Rules by column.")
    where: tuple[Condition, ...] = Field(
        (), description="Rows to keep; others are listed in the ledger."
    )
    personal: tuple[str, ...] = Field((), description="Columns dropped on load.")
    unknown_sites: UnknownSites | None = Field(None, description="As in [study], for this table.")
    query: str | None = Field(None, description="One SELECT, asked of DuckDB, for format 'sql'.")
    attach: Attach | None = Field(None, description="A database that the query reads.")
    engine: Engine | None = Field(
        None,
        description="Where the rows of a Parquet or text file or a query stay; large ones in "
        "DuckDB, others in memory by default.",
    )

    @property
    def origin(self) -> str:
        """Where the rows come from, as a sentence names it: the file, or the query."""
        return self.path or "the query"

    @model_validator(mode="after")
    def _a_file_or_a_query(self) -> TableDeclaration:
        if self.format == "sql":
            if not (self.query or "").strip():
                raise ValueError("format 'sql' needs 'query', one SELECT.")
            return self
        if not self.path:
            raise ValueError("path is required, but not given. Give the file of the table.")
        for key in ("query", "attach"):
            if getattr(self, key) is not None:
                raise ValueError(f"{key} goes with format = 'sql'. Set format, or remove {key}.")
        return self

    @model_validator(mode="after")
    def _one_way_to_the_site(self) -> TableDeclaration:
        if (self.site is None) == (self.link is None):
            raise ValueError("give the site of a row once: either 'site' or 'link'.")
        if self.round is not None and self.at_round is not None:
            raise ValueError("give the round of a row once: either 'round' or 'at_round'.")
        return self


class ScaleDeclaration(_Section):
    """``[[scales]]``: items that together measure one thing."""

    name: str = Field(min_length=1, description="Name that features use.")
    table: str = Field(description="Table with one row an informant.")
    items: tuple[str, ...] = Field(min_length=1, description="Columns of the items.")
    reverse: tuple[str, ...] = Field((), description="Items worded the other way round.")
    range: tuple[float, float] = Field(description="Lowest and highest answer of an item.")
    min_share: float = Field(0.5, gt=0, le=1, description="Share of items answered for a score.")
    informant: str = Field("", description="Who answers, in words.")
    label: str = Field("", description="Name as a reader should see it.")

    @model_validator(mode="after")
    def _items_and_range_fit(self) -> ScaleDeclaration:
        if unknown := [item for item in self.reverse if item not in self.items]:
            raise ValueError(f"reverse names {unknown}, not among the items.")
        if self.range[0] >= self.range[1]:
            raise ValueError(f"range {list(self.range)} must be [low, high].")
        if len(set(self.items)) != len(self.items):
            raise ValueError("an item is named twice.")
        return self


class FeatureDeclaration(_Section):
    """``[[features]]``: one feature (or composition) of the site profile and how it is built."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", description="Name in every output.")
    builder: str = Field(description="How it is built: one of the builders.")
    family: str = Field("other", description="Group of features; the builder's own by default.")
    kind: Kind | None = Field(None, description="Kind of value; the builder's own by default.")
    use: Use = Field("build", description="Build types from it, or only describe them by it.")
    label: str = Field("", description="Name as a reader should see it.")
    definition: str = Field("", description="Definition in words; the builder's own by default.")
    unit: str = Field("", description="Unit of the value, in words.")
    absent: Condition | None = Field(
        None, description="Sites (by a column of the sites table) where this cannot exist."
    )
    args: dict[str, Any] = Field({}, description="Arguments of the builder.")


class TypologySection(_Section):
    """``[typology]``: what is stated before the data are looked at."""

    separation: float = Field(
        6.0, gt=0, description="Separation between types that matters, in within-type SDs."
    )
    max_types: int | None = Field(
        None, ge=2, le=8, description="Most types tried; by the number of sites by default."
    )
    min_sites: int = Field(3, ge=2, description="Smallest type that may be claimed.")
    min_observed: float = Field(
        1 / 3, gt=0, le=1, description="Share of build features a site needs to be placed."
    )


class StudyDeclaration(_Section):
    """A whole ``study.toml``."""

    study: StudySection
    tables: dict[str, TableDeclaration] = Field(min_length=1)
    scales: tuple[ScaleDeclaration, ...] = ()
    features: tuple[FeatureDeclaration, ...] = ()
    weights: dict[str, Weighting] = {}
    typology: TypologySection = TypologySection()

    @property
    def typology_round(self) -> str:
        """The round that the typology is built on."""
        return self.study.round or (self.study.rounds[-1] if self.study.rounds else ONE_ROUND)
