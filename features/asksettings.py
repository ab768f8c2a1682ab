"""Who of a list was asked: settings in use, which answer under every number that they had."""

from __future__ import annotations

import narwhals as nw
import pandas as pd

from site_typology.features.engines import Engine, Rows, in_engine
from site_typology.features.served import OPEN_STATUSES
from site_typology.features.successors import STATUS
from site_typology.features.tables import Table, code_text
from site_typology.weighting_declaration import WeightFrame

KEY = "__key__"
_OLD, _NEW = "__old_key__", "__new_key__"
_ENGINES: dict[nw.Implementation, Engine] = {
    nw.Implementation.PANDAS: "pandas",
    nw.Implementation.POLARS: "polars",
    nw.Implementation.DUCKDB: "duckdb",
    nw.Implementation.PYSPARK: "spark",
}


def engine_of_rows(rows: Rows) -> Engine:
    """The engine in which some rows wait."""
    return _ENGINES[rows.implementation]


def listed_rows(listing: Table) -> Rows:
    """Rows of a list that stand for somebody asked: of a register the settings in use.

    A register has the row of a school that closed beside that of the academy it became.

    Examples
    --------
    >>> from site_typology.declaration import TableDeclaration
    >>> from site_typology.features.tables import ROUND, ROW, SITE
    >>> frame = pd.DataFrame({"URN": [1.0, 2.0], STATUS: ["Closed", "Open"], SITE: "A",
    ...                       ROUND: "all", ROW: [1, 2]})
    >>> declaration = TableDeclaration(path="gias.csv", site="site", role="settings")
    >>> listed_rows(Table.of("gias", declaration, frame)).collect()["URN"].to_list()
    [2.0]
    """
    declared = listing.declaration
    if declared.role != "settings" and declared.format != "gias":
        return listing.rows
    if STATUS not in listing.columns or STATUS in listing.numbers:
        return listing.rows
    used = {status.casefold() for status in OPEN_STATUSES}
    there = [str(status) for status in listing.values(STATUS)]
    same = [status for status in there if status.strip().casefold() in used]
    return listing.rows.filter(nw.col(STATUS).is_in([*same, *OPEN_STATUSES]))


def with_keys(rows: Rows, frame: WeightFrame, survey: Table, listing: Table) -> Rows:
    """Put the key in the list beside each answer; a number that was replaced gives today's."""
    on = frame.on or ""
    link = listing.declaration.link
    current = listing.current if link is not None and link.on == (frame.key or on) else {}
    if not current:
        return rows.with_columns(nw.col(on).alias(KEY))
    old, new = list(current), list(current.values())
    pairs = pd.DataFrame({_OLD: old, _NEW: new}, dtype="str")
    if on in survey.numbers:
        # Codes with other marks than digits are no numbers of the survey.
        whole = [code_text(text).isdecimal() for text in old]
        pairs = pairs[whole].astype(float)
    joined = rows.join(
        in_engine(pairs, engine_of_rows(rows)), left_on=on, right_on=_OLD, how="left"
    )
    key = nw.when(nw.col(_NEW).is_null()).then(nw.col(on)).otherwise(nw.col(_NEW))
    return joined.with_columns(key.alias(KEY)).drop(_NEW)
