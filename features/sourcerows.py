"""The rows of the tables behind one value of a profile."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.declaration import ONE_ROUND, Condition, FeatureDeclaration
from site_typology.features.builders import builders
from site_typology.features.contract import Built
from site_typology.features.selection import row_values
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, Table

MOST_ROWS = 5
ROW_COLUMNS = ["feature", "site", "table", "column", "row", "value", "without", "rows"]


def source_rows(extremes: pd.DataFrame, tables: StudyTables) -> pd.DataFrame:
    """Find the rows that stand behind extreme values, those that pull most first.

    Parameters
    ----------
    extremes : DataFrame
        ``feature, site, round, value, median``, as `site_typology.features.extremes` gives them.
    tables : StudyTables

    Returns
    -------
    DataFrame
        ``feature, site, table, column, row, value, without, rows``: at most `MOST_ROWS` rows of
        each value, table and column. `row` is the 1-based data row of the file. `value` is the
        informant's own value of the feature where it is a mean over informants (`column` is blank
        then), else that of `column`, the one that the feature's arguments name, else NaN.
        `without` is what the site's mean would be without that row (only where rows weigh the
        same), `rows` how many there are. Personal columns were dropped on load, so none can stand
        here.
    """
    found: list[dict[str, Any]] = []
    declared = {feature.name: feature for feature in tables.declaration.features}
    built: dict[str, Built | None] = {}
    for cell in extremes.itertuples():
        name = str(cell.feature)
        feature = declared.get(name) or declared.get(name.partition(".")[0])
        if feature is None:
            continue
        if feature.name not in built:
            built[feature.name] = _built(feature, tables)
        informants = _informants(built[feature.name], name, str(cell.site), str(cell.round))
        if informants is not None and len(informants):
            found += _pulling(cell, informants, tables.tables[_table_of(built[feature.name])])
        else:
            found += _all_rows(cell, feature, tables)
    return pd.DataFrame(found, columns=ROW_COLUMNS)


def _built(feature: FeatureDeclaration, tables: StudyTables) -> Built | None:
    builder = builders().get(feature.builder)
    if builder is None:
        return None
    return builder.build(feature, builder.Args.model_validate(feature.args), tables)


def _table_of(built: Built | None) -> str:
    return "" if built is None else built.table


def _informants(built: Built | None, name: str, site: str, round_: str) -> pd.DataFrame | None:
    """Row and value of each informant behind a value; None where it is no mean of informants."""
    if built is None or built.informants is None or name != built.informants.name:
        return None
    rows = built.informants.of_site(site)
    own = rows[rows[ROUND].isin([round_, ONE_ROUND])]
    values = pd.DataFrame({"row": own[ROW], "value": own[name].astype(float)})
    return values.dropna().reset_index(drop=True)


def _pulling(cell: Any, informants: pd.DataFrame, table: Table) -> list[dict[str, Any]]:
    """Informants that pull a site's value away from the median of the sites, furthest first."""
    direction = 1.0 if cell.value >= cell.median else -1.0
    order = np.argsort(-direction * informants["value"].to_numpy(), kind="stable")
    values = informants["value"].to_numpy()
    n = len(values)
    plain = table.weight is None and n > 1 and abs(values.mean() - cell.value) < 1e-6
    return [
        {
            "feature": cell.feature,
            "site": cell.site,
            "table": table.name,
            "column": "",
            "row": int(informants["row"].iloc[at]),
            "value": values[at],
            "without": (values.sum() - values[at]) / (n - 1) if plain else np.nan,
            "rows": n,
        }
        for at in order[:MOST_ROWS]
    ]


def _all_rows(
    cell: Any, feature: FeatureDeclaration, tables: StudyTables
) -> Iterator[dict[str, Any]]:
    """Rows of the site in every table that the feature's arguments name."""
    for name, where, columns in _parts(feature.args):
        table = tables.tables.get(name)
        if table is None:
            continue
        numbers = [column for column in columns if column in table.columns]
        single = {"value": nw.col(numbers[0])} if len(numbers) == 1 else {}
        rows = row_values(table, where, single)
        own = rows[(rows[SITE] == cell.site) & rows[ROUND].isin([cell.round, ONE_ROUND])]
        if "value" in own:
            values = pd.to_numeric(own["value"], errors="coerce").to_numpy(dtype=float)
        else:
            values = np.full(len(own), np.nan)
        for row, value in list(zip(own[ROW], values, strict=True))[:MOST_ROWS]:
            yield {
                "feature": cell.feature,
                "site": cell.site,
                "table": name,
                "column": numbers[0] if single else "",
                "row": int(row),
                "value": value,
                "without": np.nan,
                "rows": len(own),
            }


def _parts(
    args: Any, outer: tuple[Condition, ...] = ()
) -> Iterator[tuple[str, tuple[Condition, ...], list[str]]]:
    """Tables that arguments name, with the conditions and the columns beside each.

    Conditions beside a numerator choose its rows, as those within it do.
    """
    if isinstance(args, dict):
        given = args.get("where", ())
        where = (*outer, *(Condition.model_validate(each) for each in given))
        if isinstance(args.get("table"), str):
            column = args.get("column")
            yield args["table"], where, [column] if isinstance(column, str) else []
        for name, value in args.items():
            yield from _parts(value, where if name == "numerator" else ())
