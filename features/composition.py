"""Compositions, the shares of a whole, and how diverse they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import narwhals as nw
import numpy as np
from pydantic import Field, model_validator

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.conditions import quoted, quoted_cells
from site_typology.features.contract import Builder, BuilderArgs, Built, Code, Estimate, place
from site_typology.features.gaps import gap_reasons
from site_typology.features.informants import population_factors, survey_measurement
from site_typology.features.knownpart import coverage_of
from site_typology.features.parttotals import (
    NO_NOTES,
    RowNotes,
    said_of_totals,
    with_off_totals,
    without_off_totals,
    wrong_total,
)
from site_typology.features.selection import (
    chosen_rows,
    codes,
    column_problems,
    is_among,
    place_of,
    range_problems,
    rows_text,
    table_problems,
    value_problems,
    weight_problems,
    where_problems,
)
from site_typology.features.shares import (
    INDICES,
    Shares,
    amount_rows,
    count_shares,
    informant_shares,
    joined_rows,
    total_shares,
)
from site_typology.features.tables import ROW, StudyTables, Table, as_text


class CompositionArgs(BuilderArgs):
    """Arguments of `Composition`: amounts in columns, or rows of several kinds."""

    table: str = Field(description="Table with the amounts, or with rows of several kinds.")
    columns: dict[str, str] | None = Field(None, description="Part = column with its amount.")
    category: str | None = Field(None, description="Column with the kind of a row.")
    parts: dict[str, tuple[Code, ...]] | None = Field(None, description="Part = codes of its kind.")
    amount: str | None = Field(
        None, description="Column with a row's amount; rows count 1 if none."
    )
    of: Literal["informants", "total"] | None = Field(
        None,
        description="Mean of each row's shares, or shares of the totals; by default 'informants' "
        "for amounts in a survey's columns and 'total' otherwise.",
    )
    total: float | None = Field(
        None, gt=0, description="What a row's parts add up to, such as 100; others are set aside."
    )
    tolerance: float | None = Field(
        None, ge=0, description="How far a row may be off, in the same unit; 5 % of it if not set."
    )

    @model_validator(mode="after")
    def _one_way(self) -> CompositionArgs:
        if (self.columns is None) == (self.category is None):
            raise ValueError(
                "give the parts once: either 'columns' with an amount each, or 'category' with "
                "the codes of each part in 'parts'."
            )
        if (self.category is None) != (self.parts is None):
            raise ValueError("'category' and 'parts' go together.")
        if self.columns is not None and self.amount is not None:
            raise ValueError("'amount' goes with 'category'; 'columns' are amounts themselves.")
        if self.total is None and self.tolerance is not None:
            raise ValueError("'tolerance' goes with 'total'.")
        if self.total is not None and self.columns is None:
            raise ValueError("'total' goes with 'columns', the parts of one row.")
        if len(self.part_names) < 2:
            raise ValueError("a composition needs two parts or more.")
        return self

    @property
    def part_names(self) -> tuple[str, ...]:
        """Names of the parts in order."""
        return tuple(self.columns or self.parts or {})

    @property
    def tolerated(self) -> float:
        """How far a row may be off the total."""
        return 0.05 * (self.total or 0.0) if self.tolerance is None else self.tolerance

    @property
    def value_columns(self) -> tuple[str, ...]:
        """Columns of the table that the shares come from."""
        if self.columns is not None:
            return tuple(self.columns.values())
        return tuple(name for name in (self.category, self.amount) if name is not None)


class DiversityArgs(CompositionArgs):
    """Arguments of `Diversity`."""

    index: Literal["simpson", "shannon"] = Field(
        "simpson", description="Gini-Simpson index, or Shannon entropy over its maximum."
    )


class Composition(Builder[CompositionArgs]):
    """Shares of the parts of a whole, such as working time by function.

    Rows of a category are counted as draws, weighted by their amount. Where the table's `unique`
    says that a row is the total of its category (a month's minutes of one function), the rows of
    one month are put together and the months are the draws.
    """

    name: ClassVar[str] = "composition"
    kind: ClassVar[Kind] = "composition"
    Args: ClassVar[type[BuilderArgs]] = CompositionArgs
    takes_windows: ClassVar[bool] = True

    def problems(
        self, feature: FeatureDeclaration, args: CompositionArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check table, columns, codes and amounts."""
        yield from composition_problems(feature, args, tables)

    def build(
        self, feature: FeatureDeclaration, args: CompositionArgs, tables: StudyTables
    ) -> Built:
        """Take the shares by site and round."""
        table = tables.tables[args.table]
        shares, notes = shares_by_site(feature.name, args, tables)
        definition = (
            f"Share of each part: mean of the rows' own shares in table '{table.name}'."
            if _of(args, table) == "informants"
            else f"Share of each part in the site's total in table '{table.name}'."
        )
        gaps = gap_reasons(feature, tables, table, args.value_columns, args.where)
        gaps = with_off_totals(gaps, notes, tables)
        source = f"{table.name}: {', '.join(args.value_columns)}"
        surveyed = table if _of(args, table) == "informants" else None
        definition = f"{definition} {notes.words}".strip()
        return placed_shares(
            self, feature, shares, tables, gaps, source, definition, surveyed, notes
        )


class Diversity(Builder[DiversityArgs]):
    """How evenly a whole is spread over its parts: 0 where it is all in one."""

    name: ClassVar[str] = "diversity"
    kind: ClassVar[Kind] = "continuous"
    Args: ClassVar[type[BuilderArgs]] = DiversityArgs
    takes_windows: ClassVar[bool] = True

    def problems(
        self, feature: FeatureDeclaration, args: DiversityArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check table, columns, codes and amounts."""
        yield from composition_problems(feature, args, tables)

    def build(self, feature: FeatureDeclaration, args: DiversityArgs, tables: StudyTables) -> Built:
        """Take the diversity of the shares by site and round."""
        table = tables.tables[args.table]
        gaps = gap_reasons(feature, tables, table, args.value_columns, args.where)
        source = f"{table.name}: {', '.join(args.value_columns)}"
        shares, notes = shares_by_site(feature.name, args, tables)
        gaps = with_off_totals(gaps, notes, tables)
        return placed_diversity(self, feature, shares, tables, gaps, source, args.index, notes)


def placed_shares(
    builder: Builder[Any],
    feature: FeatureDeclaration,
    shares: Shares,
    tables: StudyTables,
    gaps: Any,
    source: str,
    definition: str,
    surveyed: Table | None = None,
    notes: RowNotes = NO_NOTES,
    **more: Any,
) -> Built:
    """Make one feature of each part: ``NAME.PART``.

    Its measurement says the ``coverage``, the share of rows that could be used, and what `notes`
    has on the rows.
    """
    parts, infos = {}, []
    for at, part in enumerate(shares.parts):
        name = f"{feature.name}.{part}"
        parts[name] = Estimate(
            shares.index, shares.value[:, at], shares.standard_error[:, at], shares.n
        )
        figures = {} if surveyed is None else survey_measurement(shares.sums, tables, at)
        figures |= coverage_of(shares.sums)
        figures |= notes.figures
        described = {
            "name": name,
            "label": f"{feature.label or feature.name}: {part.replace('_', ' ')}",
            "composition": feature.name,
            "unit": "share",
            "range": (0.0, 1.0),
            "measurement": figures,
            "flags": notes.flags,
        }
        infos.append(builder.info(feature, source=source, definition=definition, **described))
    table = "" if surveyed is None else surveyed.name
    more.setdefault("covariance", shares.covariance_frame)
    more.setdefault("ledger", notes.ledger)
    return place(parts, infos, tables, gaps, table=table, **more)


def placed_diversity(
    builder: Builder[Any],
    feature: FeatureDeclaration,
    shares: Shares,
    tables: StudyTables,
    gaps: Any,
    source: str,
    index: str,
    notes: RowNotes = NO_NOTES,
    **more: Any,
) -> Built:
    """Make the one feature of a composition's diversity."""
    value, error = INDICES[index](shares)
    meaning = {
        "simpson": "Chance that two draws fall into different parts (Gini-Simpson), over",
        "shannon": "Evenness of the shares (Shannon, by its largest value), over",
    }[index]
    info = builder.info(
        feature,
        source=source,
        definition=f"{meaning}: {', '.join(shares.parts)}. {notes.words}".strip(),
        unit="0 (all in one part) to 1",
        range=(0.0, 1.0),
        measurement=notes.figures,
        flags=notes.flags,
    )
    estimate = Estimate(shares.index, value, error, shares.n)
    more.setdefault("ledger", notes.ledger)
    return place({feature.name: estimate}, [info], tables, gaps, **more)


def shares_by_site(
    name: str, args: CompositionArgs, tables: StudyTables
) -> tuple[Shares, RowNotes]:
    """Shares of the parts at each site and round that the table has rows for.

    With them what is to be said of the totals of rows, where a row has all parts.
    """
    table = tables.tables[args.table]
    rows = amount_rows(table, args.where, _amounts(args, table))
    parts, notes = args.part_names, NO_NOTES
    if args.total is not None:
        rows, notes = without_off_totals(name, table.name, rows, parts, args.total, args.tolerated)
    if _of(args, table) == "informants":
        if args.total is None and args.columns is not None:
            notes = said_of_totals(name, rows, parts)
        factors = population_factors(rows, tables, table, parts[0])
        return informant_shares(rows, parts, factors), notes
    if args.category is None:
        return total_shares(rows, parts), notes
    periods = _periods(args, table)
    if periods is not None:
        named = chosen_rows(table, args.where, periods).select(*periods).to_native()
        return total_shares(joined_rows(rows, named, parts), parts), notes
    return count_shares(rows, parts), notes


def _periods(args: CompositionArgs, table: Table) -> list[str] | None:
    """Columns that name the total which a row is a part of; None where rows are draws."""
    unique = table.declaration.unique
    if args.amount is None or args.category not in unique or _of(args, table) == "informants":
        return None
    return [name for name in unique if name != args.category]


def _of(args: CompositionArgs, table: Table) -> str:
    by_default = "informants" if args.columns and table.declaration.role == "survey" else "total"
    return args.of or by_default


def _amounts(args: CompositionArgs, table: Table) -> dict[str, nw.Expr]:
    """Expressions for the amount of each part on a row."""
    if args.columns is not None:
        return {part: nw.col(column) for part, column in args.columns.items()}
    if args.category is None or args.parts is None:
        raise ValueError("a composition has either columns or a category")
    amount = nw.lit(1.0) if args.amount is None else nw.col(args.amount)
    # A row of unknown kind has no amount of any part, rather than 0 of each.
    there = ~nw.col(args.category).is_null()
    return {
        part: nw.when(there).then(amount * is_among(table, args.category, wanted).cast(nw.Float64))
        for part, wanted in args.parts.items()
    }


def composition_problems(
    feature: FeatureDeclaration, args: CompositionArgs, tables: StudyTables
) -> Iterator[Problem]:
    """Check table, columns, codes and amounts of a composition."""
    yield from table_problems(feature, "table", args.table, tables)
    table = tables.tables.get(args.table)
    if table is None:
        return
    amounts = list((args.columns or {}).values()) + ([args.amount] if args.amount else [])
    argument = "columns" if args.columns is not None else "amount"
    faults = [
        *column_problems(feature, argument, table, amounts, numeric=True),
        *range_problems(feature, table, amounts, (0.0, np.inf)),
        *where_problems(feature, args.where, table),
        *weight_problems(feature, table, args.value_columns),
    ]
    yield from faults
    if args.total is not None and not faults:
        rows = amount_rows(table, args.where, _amounts(args, table))
        if message := wrong_total(rows, args.part_names, args.total, args.tolerated):
            yield Problem(
                place_of(feature, "total"), f"{message} Correct total, columns, or the rows."
            )
    if args.category is not None and args.parts is not None:
        yield from column_problems(feature, "category", table, [args.category])
        yield from _part_problems(feature, table, args)
        yield from _period_problems(feature, table, args)


def _period_problems(
    feature: FeatureDeclaration, table: Table, args: CompositionArgs
) -> Iterator[Problem]:
    """Rows that name no period, so that the total that they are a part of is not known."""
    periods = _periods(args, table) or []
    yield from column_problems(feature, "table", table, periods)
    there = [name for name in periods if name in table.columns]
    if any(condition.column not in table.columns for condition in args.where):
        return
    rows = chosen_rows(table, args.where, there).to_native()
    for name in there:
        blank = rows.loc[rows[name].isna(), ROW]
        if len(blank):
            yield Problem(
                place_of(feature, "table"),
                f"Column '{name}' of table '{table.name}' says, with unique, which rows belong "
                f"together; it is blank in {rows_text(blank)}. Fill it, or leave such rows out "
                f"with where = [{{ column = '{name}', values = [''], negate = true }}].",
            )


def _part_problems(
    feature: FeatureDeclaration, table: Table, args: CompositionArgs
) -> Iterator[Problem]:
    """Codes that match nothing, stand in two parts, or belong to none."""
    category, parts = args.category, args.parts
    if category is None or parts is None or category not in table.columns:
        return
    every = [code for wanted in parts.values() for code in codes(table, category, wanted)]
    if twice := sorted({code for code in every if every.count(code) > 1}):
        yield Problem(
            place_of(feature, "parts"),
            f"{quoted(twice)} of column '{category}' stands in two parts. Keep it in one.",
        )
    yield from value_problems(feature, "parts", table, category, sum(parts.values(), ()))
    if any(condition.column not in table.columns for condition in args.where):
        return
    rows = chosen_rows(table, args.where, [category]).to_native()
    texts = as_text(rows[category])
    loose = rows[texts.notna() & ~texts.isin(every)]
    if len(loose):
        yield Problem(
            place_of(feature, "parts"),
            f"{quoted_cells(sorted(set(texts[loose.index])))} of column '{category}' in table "
            f"'{table.name}' belongs to no part ({rows_text(loose[ROW])}). Add it to a part, or "
            "leave such rows out with where.",
        )
