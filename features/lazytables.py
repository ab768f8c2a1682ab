"""The final table of rows that stay in an engine: which are used, and their columns by rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import narwhals as nw
import pandas as pd

from site_typology.features.coded import CodedColumn
from site_typology.features.columns import THOUSANDS, settle
from site_typology.features.engines import Engine, Rows, collected, in_engine
from site_typology.features.lazyloading import Waiting, linking_columns
from site_typology.features.lazyrules import LazyColumn, number, settle_text, why_number
from site_typology.features.loading import LoadedTable
from site_typology.features.scanning import ASIDE, Scan
from site_typology.features.sitekeys import repeats_text
from site_typology.features.tables import ROUND, ROW, SITE, Table, why

MOST_LISTED = 1000
"""Values that a condition lists; more are joined."""
_RAW = "__raw__"
_COUNT = "__count__"


def finish_waiting(
    table: LoadedTable, waiting: Waiting, sites: pd.Series, rounds: pd.Series
) -> tuple[str, Table]:
    """Make the final table of the rows in use, which stay in their engine.

    Returns
    -------
    repeats : str
        Which rows have the same key where the study declares one; ``""`` if none have.
    table : Table
    """
    used = _used(table, waiting, sites, rounds)
    rules = [rule for rule in waiting.rules if rule.name not in table.personal]
    coded = [rule for rule in rules if rule.by_code]
    rows = used.select(
        *(rule.value().alias(rule.name) for rule in rules),
        *(rule.why().alias(why(rule.name)) for rule in rules),
        *(nw.col(rule.raw).alias(f"{_RAW}{rule.raw}") for rule in rules if not rule.by_code),
        SITE,
        ROUND,
        ROW,
    )
    known = {rule.name: _settled(table, rule) for rule in coded if rule.name in table.columns}
    asked, grouped = settle_text(rows, [rule for rule in coded if rule.name not in known])
    numeric = {name: numbers for name, (numbers, _) in known.items()} | asked
    grouped |= {name for name, (_, thousands) in known.items() if thousands}
    numbers = [rule for rule in coded if numeric[rule.name]]
    if numbers:
        rows = rows.with_columns(
            *(number(rule, rule.name in grouped).alias(rule.name) for rule in numbers),
            *(why_number(rule, why(rule.name)).alias(why(rule.name)) for rule in numbers),
        )
    made = Table(
        table.name,
        table.declaration,
        rows,
        tuple(rule.name for rule in rules),
        frozenset(rule.name for rule in rules if numeric.get(rule.name, True)),
        {rule.name: rule.reasons for rule in rules},
        table.labels,
        table.titles,
        decimal_comma=table.decimal_comma,
        reason_tests={
            rule.name: replace(rule, raw=f"{_RAW}{rule.raw}").tests()
            for rule in rules
            if not rule.by_code
        },
        coded={
            rule.name: CodedColumn(
                f"{_RAW}{rule.raw}",
                rule.raw,
                waiting.scan.codes[rule.raw],
                (rule.value().alias(rule.name), rule.why().alias(why(rule.name))),
            )
            for rule in rules
            if not rule.by_code and rule.raw in waiting.scan.codes
        },
    )
    return _repeats(table, waiting, used), made


def _settled(table: LoadedTable, rule: LazyColumn) -> tuple[bool, bool]:
    """Whether a column of keys holds numbers, and whether its commas group thousands."""
    column = table.columns[rule.name].rows(table.kept.to_numpy())
    _, numeric = settle(column, decimal_comma=table.decimal_comma)
    grouped = any(THOUSANDS.fullmatch(code) for code in column.codes())
    return numeric, numeric and grouped and not table.decimal_comma


def _used(table: LoadedTable, waiting: Waiting, sites: pd.Series, rounds: pd.Series) -> Rows:
    """The rows of the scan that are used, with their sites and rounds."""
    rows, keys, scan = waiting.scan.rows, waiting.keys, waiting.scan
    if scan.has_aside:
        rows = rows.filter(nw.col(ASIDE) == "")
    for name in dict.fromkeys(condition.column for condition in table.declaration.where):
        raw = waiting.rule(name).raw
        rows = _among(rows, scan, raw, keys.loc[waiting.chosen, raw], keys[raw], waiting.engine)
    names = [waiting.rule(name).raw for name in linking_columns(table.declaration)]
    names = list(dict.fromkeys(names))
    found = keys[names].assign(**{SITE: sites, ROUND: rounds})[table.kept]
    found = found.drop_duplicates()
    if _names_itself(table, found, names, scan):
        rows = _among(
            rows,
            scan,
            names[0],
            found[names[0]],
            keys.loc[waiting.chosen, names[0]],
            waiting.engine,
        )
        round_ = names[1] if len(names) > 1 else None
        dated = nw.col(round_) if round_ else nw.lit(str(found[ROUND].iloc[0]))
        return rows.with_columns(nw.col(names[0]).alias(SITE), dated.alias(ROUND))
    return rows.join(in_engine(found, waiting.engine), on=names, how="inner")


def _names_itself(
    table: LoadedTable, found: pd.DataFrame, names: Sequence[str], scan: Scan
) -> bool:
    """Whether the cells of the file are the sites and rounds as they are."""
    declared = table.declaration
    if found.empty or "{" in (declared.site or "") or declared.link is not None:
        return False
    if not all(name in scan.texts for name in names):
        return False
    if len(names) > 1:
        every = table.kept | ~table.waiting.chosen if table.waiting is not None else table.kept
        if not every.all() or (found[names[1]] != found[ROUND]).any():
            return False
    elif declared.round is not None:
        return False
    return bool((found[names[0]] == found[SITE]).all())


def _among(
    rows: Rows, scan: Scan, column: str, kept: pd.Series, there: pd.Series, engine: Engine
) -> Rows:
    """The rows whose cell of `column` is among `kept`, of all those that are `there`."""
    cell = nw.col(column)
    null = cell.is_null() | cell.is_nan() if column in scan.floats else cell.is_null()
    taken, others = kept.dropna().unique(), there[~there.isin(kept)].dropna().unique()
    nulls_kept, nulls_there = kept.isna().any(), there.isna().any()
    if len(others) <= min(len(taken), MOST_LISTED):
        if len(others):
            rows = rows.filter(null | ~cell.is_in(others.tolist()))
        return rows.filter(~null) if nulls_there and not nulls_kept else rows
    if len(taken) <= MOST_LISTED or nulls_kept:
        met = cell.is_in(taken.tolist())
        return rows.filter(null | met if nulls_kept else ~null & met)
    return rows.join(in_engine(pd.DataFrame({column: taken}), engine), on=column, how="semi")


def _repeats(table: LoadedTable, waiting: Waiting, used: Rows) -> str:
    """Say which used rows have the same key; ``""`` if none have."""
    names = list(table.declaration.unique)
    if not names:
        return ""
    codes = [replace(waiting.rule(name), coded=True).value().alias(name) for name in names]
    keys = used.select(*codes, ROW).filter(
        ~nw.all_horizontal(*(nw.col(name).is_null() for name in names), ignore_nulls=False)
    )
    filled = keys.with_columns(*(nw.col(name).fill_null("") for name in names))
    counts = filled.group_by(*names).agg(nw.len().alias(_COUNT))
    twice = counts.filter(nw.col(_COUNT) > 1).select(*names)
    rows = collected(filled.join(twice, on=names, how="inner").select(ROW, *names))
    return repeats_text(rows.sort_values(ROW).set_index(ROW), table.personal)
