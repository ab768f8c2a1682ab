"""Response weights of a study's surveys: put beside the rows, so that every builder uses them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.errors import Problems
from site_typology.features.asked import BASE, Asked, asked_problems, count_asked
from site_typology.features.asksettings import engine_of_rows
from site_typology.features.engines import Rows, in_engine
from site_typology.features.factors import Factors, find_factors
from site_typology.features.ledger import ledger_of
from site_typology.features.tables import RESPONSE_WEIGHT, ROUND, SITE, StudyTables, Table

FACTOR, AVERAGE, SCALE, CAP = "__factor__", "__average__", "__scale__", "__cap__"
WEIGHTING_COLUMNS = [
    "weighting", "table", "method", "round", "site", "respondents", "weighted", "effective_n",
    "design_effect", "smallest", "median", "largest", "trimmed", "averaged",
]  # fmt: skip
"""Columns of the report on weights; ``site`` is blank in the row of a whole round."""


def apply_weights(tables: StudyTables, found: Problems) -> StudyTables:
    """Make the response weights that a study declares.

    Parameters
    ----------
    tables : StudyTables
    found : Problems
        Takes every problem of every weighting; a table whose weighting failed keeps its own
        weights.

    Returns
    -------
    StudyTables
        Weighted tables carry their weights in `RESPONSE_WEIGHT`; the ledger says which rows have
        an average weight and which categories nobody stands for; `weighting` has the columns
        `WEIGHTING_COLUMNS`.
    """
    weighted: dict[str, Table] = {}
    notes, reports = [], []
    for asked in asked_of(tables, found):
        if asked.weighting.method == "none":
            continue
        before = len(found)
        factors = find_factors(asked, found)
        if len(found) > before or factors.cells.empty:
            continue
        name = asked.weighting.table
        weighted[name] = _weighted(tables.tables[name], asked, factors)
        notes.append(_notes(name, factors))
        reports.append(_report(asked, factors))
    if not weighted:
        return tables
    return dataclasses.replace(
        tables,
        tables={**tables.tables, **weighted},
        ledger=ledger_of([tables.ledger, *notes]),
        weighting=pd.concat(reports, ignore_index=True),
    )


def asked_of(tables: StudyTables, found: Problems | None = None) -> Iterator[Asked]:
    """Count who was asked and who answered, for each weighting that fits its tables.

    Parameters
    ----------
    found : Problems, optional
        Takes what does not fit.
    """
    for name, weighting in tables.declaration.weights.items():
        names = [weighting.table, *([weighting.frame.table] if weighting.frame else [])]
        if any(each not in tables.tables for each in names):
            continue
        problems = list(asked_problems(name, weighting, tables))
        if found is not None:
            found.extend(problems)
        if not problems:
            yield count_asked(name, weighting, tables)


def without_response_weights(tables: StudyTables) -> StudyTables:
    """The same tables with the weights that their files have, or none."""
    plain = {
        name: dataclasses.replace(table, adjusted_weight=None)
        for name, table in tables.tables.items()
    }
    return dataclasses.replace(tables, tables=plain)


def _weighted(table: Table, asked: Asked, factors: Factors) -> Table:
    """The table with the weight of each row in a column of its own."""
    engine = engine_of_rows(asked.rows)
    by = {"round": ROUND, "site": SITE}
    own = [by[name] for name in factors.by]
    cells = factors.cells.rename(columns={**by, "factor": FACTOR})
    groups = factors.groups.rename(columns=by)
    groups = groups.rename(columns={"average": AVERAGE, "scale": SCALE, "cap": CAP})
    rows: Rows = asked.rows
    rows = rows.join(in_engine(cells, engine), on=[*own, *asked.columns], how="left")
    rows = rows.join(in_engine(groups, engine), on=own, how="left")
    factor = nw.when(nw.col(FACTOR).is_null()).then(nw.col(AVERAGE)).otherwise(nw.col(FACTOR))
    weight = nw.col(BASE) * factor * nw.col(SCALE)
    weight = nw.when(weight > nw.col(CAP)).then(nw.col(CAP)).otherwise(weight)
    named = [str(name) for name in table.rows.collect_schema().names()]
    return dataclasses.replace(
        table,
        rows=rows.select(*named, weight.alias(RESPONSE_WEIGHT)),
        numbers=table.numbers | {RESPONSE_WEIGHT},
        adjusted_weight=RESPONSE_WEIGHT,
    )


def _notes(table: str, factors: Factors) -> pd.DataFrame:
    """Ledger entries ``weights``."""
    columns = ["site", "round", "outcome", "reason", "n"]
    notes = pd.DataFrame(factors.notes, columns=columns)
    return notes.assign(table=table, entry="weights")


def _report(asked: Asked, factors: Factors) -> pd.DataFrame:
    """Weights of each site at each round, and of each round as a whole."""
    rows = asked.counts.merge(factors.groups, on=factors.by)
    rows = rows.merge(factors.cells, on=[*factors.by, *asked.columns], how="left")
    rows["averaged"] = rows["factor"].isna() & (rows["base"] > 0)
    full = rows["base"] * rows["factor"].fillna(rows["average"]) * rows["scale"]
    rows["trimmed"] = full > rows["cap"]
    rows["weight"] = full.clip(upper=rows["cap"])
    parts = [
        _described(part, str(round_), str(site))
        for (round_, site), part in rows.groupby(["round", "site"], sort=True)
    ]
    parts += [
        _described(part, str(round_), "") for round_, part in rows.groupby("round", sort=True)
    ]
    weighting = asked.weighting
    report = pd.DataFrame(parts).assign(
        weighting=asked.name, table=weighting.table, method=weighting.method
    )
    return report.sort_values(["round", "site"], ignore_index=True)[WEIGHTING_COLUMNS]


def _described(rows: pd.DataFrame, round_: str, site: str) -> dict[str, object]:
    """Sum up the weights of some rows (effective number and design effect: Kish 1965, 11.7)."""
    weight, n = rows["weight"].to_numpy(dtype=float), rows["n"].to_numpy(dtype=float)
    effective = effective_n(weight, n)
    order = np.argsort(weight, kind="stable")
    middle = int(np.searchsorted(np.cumsum(n[order]), n.sum() / 2))
    return {
        "round": round_,
        "site": site,
        "respondents": int(n.sum()),
        "weighted": float(weight @ n),
        "effective_n": effective,
        "design_effect": float(n[weight > 0].sum() / effective) if effective else float("nan"),
        "smallest": float(weight.min()),
        "median": float(weight[order][middle]),
        "largest": float(weight.max()),
        "trimmed": int(n[rows["trimmed"]].sum()),
        "averaged": int(n[rows["averaged"]].sum()),
    }


def effective_n(weight: np.ndarray, n: np.ndarray) -> float:
    """Effective number of rows (Σw)² / Σw² (Kish 1965, section 11.7), 0 without a weight.

    Parameters
    ----------
    weight, n : ndarray
        Weights, and the number of rows with each.

    Examples
    --------
    >>> effective_n(np.array([1.0, 3.0]), np.array([3.0, 1.0]))
    3.0
    """
    squares = float(weight**2 @ n)
    return float((weight @ n) ** 2 / squares) if squares > 0 else 0.0
