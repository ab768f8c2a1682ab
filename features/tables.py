"""Tables of a study after reading: rows that belong to sites, and why cells are missing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.declaration import REASONS, StudyDeclaration, TableDeclaration
from site_typology.features.coded import CodedColumn
from site_typology.features.engines import Engine, Rows, collected, grouped, in_engine, one_row

SITE, ROUND, ROW = "__site__", "__round__", "__row__"
"""Reserved columns: the linked site, the round, and the 1-based data row in the file."""
RESPONSE_WEIGHT = "__response_weight__"
"""Column of weights that are made for response."""
RESERVED = (SITE, ROUND, ROW)
MISSING = "missing"

_MOST_DIGITS = 1e22
_WHOLE_NUMBER = re.compile(r"([+-]?\d+)\.0+")


def why(column: str) -> str:
    """Name of the reserved column with the reason why a cell of `column` is missing."""
    return f"__why__{column}"


@dataclass(frozen=True, eq=False)
class Table:
    """One table of a study, linked to sites; its rows wait in an engine to be asked.

    Parameters
    ----------
    name : str
        Name in the study file.
    declaration : TableDeclaration
    rows : narwhals.LazyFrame
        One row per kept row: `columns`, where declared missing codes are null, numbers are
        Float64 and all else is text (codes padded with zeros stay text); the reserved columns
        `SITE`, `ROUND` and `ROW`; and for each of `explained` a text column `why`.
    columns : tuple of str
        The columns of the file, without the reserved ones.
    numbers : frozenset of str
        Those of `columns` that hold numbers.
    explained : mapping of str to tuple of str
        Columns with missing cells, and the reasons that may stand in their column `why` (others
        are null or ``""``). A reason that no row has does no harm.
    labels : mapping of str to mapping
        Value labels: column, then code as text.
    titles : mapping of str to str
        Variable labels or question texts by column, where the file has them.
    adjusted_weight : str, optional
        Column with weights that take the place of the declared ones, such as response weights.
    reason_tests : mapping of str to mapping of str to narwhals.Expr, optional
        Column, reason, and an expression that is true where the cell is missing for this reason:
        a loader may know one that is faster than reading `why`.
    coded : mapping of str to CodedColumn, optional
        Columns that follow from codes, as a loader may know them.
    current : mapping of str to str, optional
        The number that stands today for one that was replaced, in a register of settings.
    decimal_comma : bool
        Whether numbers of the file have a comma for a decimal point.
    """

    name: str
    declaration: TableDeclaration
    rows: Rows
    columns: tuple[str, ...]
    numbers: frozenset[str]
    explained: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    adjusted_weight: str | None = None
    reason_tests: Mapping[str, Mapping[str, nw.Expr]] = field(default_factory=dict)
    coded: Mapping[str, CodedColumn] = field(default_factory=dict)
    current: Mapping[str, str] = field(default_factory=dict)
    decimal_comma: bool = False
    _answers: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls,
        name: str,
        declaration: TableDeclaration,
        frame: pd.DataFrame,
        reasons: pd.DataFrame | None = None,
        labels: Mapping[str, Mapping[str, str]] | None = None,
        titles: Mapping[str, str] | None = None,
        engine: Engine = "pandas",
        decimal_comma: bool = False,
    ) -> Table:
        """Make a table of rows in memory.

        Parameters
        ----------
        frame : DataFrame, shape (n_rows, n_columns + 3)
            The columns of the file, and the reserved columns.
        reasons : DataFrame of str, shape (n_rows, n_columns with a missing cell), optional
            Why a cell is missing; ``""`` where it is not.
        engine : {"pandas", "polars", "duckdb", "spark"}
            Where the rows go.
        decimal_comma : bool

        Examples
        --------
        >>> frame = pd.DataFrame({"x": [1.0, None], SITE: ["A", "B"], ROUND: "all", ROW: [1, 2]})
        >>> reasons = pd.DataFrame({"x": ["", "refused"]})
        >>> declaration = TableDeclaration(path="survey.csv", site="site")
        >>> table = Table.of("survey", declaration, frame, reasons, engine="polars")
        >>> table.columns, sorted(table.numbers), table.n_rows
        (('x',), ['x'], 2)
        """
        reasons = pd.DataFrame(index=frame.index) if reasons is None else reasons
        columns = tuple(str(column) for column in frame.columns if column not in RESERVED)
        numbers = frozenset(c for c in columns if pd.api.types.is_numeric_dtype(frame[c]))
        whole = {c: float for c in columns if c in numbers and frame[c].dtype != np.float64}
        frame = frame.astype(whole) if whole else frame
        counts = {str(column): _counts(reasons[column]) for column in reasons.columns}
        explained = {
            column: tuple(reason for reason in REASONS if reason in found)
            for column, found in counts.items()
        }
        because = reasons.rename(columns={c: why(c) for c in reasons.columns})
        rows = pd.concat([frame, because.set_axis(frame.index)], axis=1)
        made = cls(
            name,
            declaration,
            in_engine(rows.reset_index(drop=True), engine),
            columns,
            numbers,
            explained,
            labels or {},
            titles or {},
            decimal_comma=decimal_comma,
        )
        # A wide file would take one query of thousands of sums to count the same again.
        made.remember(
            MISSING,
            {c: _ordered({each: counts[c][each] for each in explained[c]}) for c in explained},
        )
        return made

    def of_rows(self, frame: pd.DataFrame) -> Table:
        """The same table with other rows, in memory; without reasons.

        Parameters
        ----------
        frame : DataFrame
            With the reserved columns.
        """
        made = Table.of(self.name, self.declaration, frame, None, self.labels, self.titles)
        return replace(made, adjusted_weight=self.adjusted_weight)

    @property
    def weight(self) -> str | None:
        """The column with the weights of the rows, if there is one."""
        return self.adjusted_weight or self.declaration.weight

    def missing_because(self, column: str, reason: str) -> nw.Expr:
        """Expression: is the cell of `column` missing for this reason; perhaps null elsewhere."""
        known = self.reason_tests.get(column, {})
        return known[reason] if reason in known else nw.col(why(column)) == reason

    def collect(self, columns: Iterable[str] | None = None) -> pd.DataFrame:
        """Take columns of all rows into memory, in the order of the file.

        Parameters
        ----------
        columns : iterable of str, optional
            All columns and the reserved ones by default.
        """
        names = [*self.columns, *RESERVED] if columns is None else list(columns)
        found = collected(self.rows.select(*dict.fromkeys([*names, ROW]))).sort_values(ROW)
        return found.reset_index(drop=True)[names]

    def collect_reasons(self) -> pd.DataFrame:
        """Why cells are missing, ``""`` where they are not, in the order of the file."""
        names = list(self.explained)
        found = collected(self.rows.select(*map(why, names), ROW)).sort_values(ROW)
        found = found.reset_index(drop=True)[[why(name) for name in names]]
        return found.set_axis(names, axis=1).fillna("")

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.rows_by_site.sum())

    @property
    def rows_by_site(self) -> pd.Series:
        """Number of rows, indexed by site and round, sorted."""
        if "rows" not in self._answers:
            counts = grouped(self.rows, [SITE, ROUND], [nw.len().alias("rows")])
            self._answers["rows"] = counts.set_index([SITE, ROUND])["rows"].astype(int)
        found: pd.Series = self._answers["rows"]
        return found

    def recall(self, key: object) -> Any:
        """What was remembered of these rows under a key; None if nothing was."""
        return self._answers.get(key)

    def remember(self, key: object, found: object) -> None:
        """Keep a small result, since the rows of a table never change."""
        self._answers[key] = found

    def values(self, column: str) -> pd.Series:
        """Different values that stand in `column`, sorted, as floats or text."""
        key = ("values", column)
        if key not in self._answers:
            asked = self.rows.select(column).filter(~nw.col(column).is_null()).unique(column)
            found = collected(asked)[column].sort_values()
            self._answers[key] = found.reset_index(drop=True)
        series: pd.Series = self._answers[key]
        return series

    def value_counts(self, column: str) -> pd.Series:
        """Rows of each value of `column`, the most common first."""
        there = self.rows.select(column).filter(~nw.col(column).is_null())
        counts = collected(there.group_by(column).agg(nw.len().alias("n")))
        ordered = counts.sort_values(["n", column], ascending=[False, True])
        found: pd.Series = ordered.set_index(column)["n"]
        return found

    def missing_counts(self) -> dict[str, dict[str, int]]:
        """Missing cells of each column by reason, the most common reason first."""
        if (known := self.recall(MISSING)) is not None:
            return dict(known)
        pairs = [(column, reason) for column in self.explained for reason in self.explained[column]]
        if not pairs:
            return {}
        ones = [
            nw.when(self.missing_because(*pair)).then(1).sum().alias(f"n{at}")
            for at, pair in enumerate(pairs)
        ]
        numbers = one_row(self.rows.select(*ones))
        found: dict[str, dict[str, int]] = {column: {} for column in self.explained}
        for at, (column, reason) in enumerate(pairs):
            if (n := numbers[f"n{at}"]) and not pd.isna(n):
                found[column][reason] = int(n)
        return {column: _ordered(counts) for column, counts in found.items()}

    def look_ahead(self, columns: Iterable[str]) -> None:
        """Ask for the `extents` of several columns in one query."""
        names = [c for c in dict.fromkeys(columns) if c in self.numbers]
        names = [c for c in names if ("extent", c) not in self._answers]
        if not names:
            return
        asked = [
            expression.alias(f"{kind}{at}")
            for at, name in enumerate(names)
            for kind, expression in (
                ("low", nw.col(name).min()),
                ("high", nw.col(name).max()),
                ("n", nw.col(name).count()),
            )
        ]
        answer = one_row(self.rows.select(*names).select(*asked))
        for at, name in enumerate(names):
            kinds = (answer[f"{kind}{at}"] for kind in ("low", "high", "n"))
            low, high, n = (np.nan if value is None else float(value) for value in kinds)
            self._answers["extent", name] = (low, high, int(n))

    def extent(self, column: str) -> tuple[float, float, int]:
        """Lowest and highest number of a column (NaN without one), and how many it has."""
        self.look_ahead([column])
        found: tuple[float, float, int] = self._answers["extent", column]
        return found


@dataclass(frozen=True)
class StudyTables:
    """All tables of a study.

    Parameters
    ----------
    declaration : StudyDeclaration
    sites : tuple of str
        Sites in the order of the sites table.
    tables : mapping of str to Table
        Tables that failed are left out.
    ledger : DataFrame
        ``table, entry, site, round, outcome, reason, n``. The ``n`` of a table's ``rows``
        entries add up to the rows of its file.
    response : DataFrame
        ``table, site, round, eligible, responded``; `eligible` is NaN where it is not declared.
    weighting : DataFrame
        Response weights by site and round; see `site_typology.features.weighting`.
    """

    declaration: StudyDeclaration
    sites: tuple[str, ...]
    tables: Mapping[str, Table]
    ledger: pd.DataFrame
    response: pd.DataFrame
    weighting: pd.DataFrame = field(default_factory=pd.DataFrame)


def _counts(column: pd.Series) -> dict[str, int]:
    """Rows of each value, as `Series.value_counts` at a quarter of its cost."""
    positions, found = pd.factorize(column)
    numbers = np.bincount(positions[positions >= 0], minlength=len(found))
    return dict(zip(map(str, found), numbers.tolist(), strict=True))


def _ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """Put the most common first."""
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))


def code_text(value: object) -> str:
    """Write one code as text, so that 3001, 3001.0 and ``" 3001 "`` are the same code.

    Examples
    --------
    >>> code_text(3001.0), code_text(" 007 "), code_text("97.0"), code_text(2.5)
    ('3001', '007', '97', '2.5')
    """
    if isinstance(value, float):
        # NumPy's float is a float, but writes itself otherwise. No float says all those digits.
        whole_number = value.is_integer() and abs(value) < _MOST_DIGITS
        return str(int(value)) if whole_number else repr(float(value))
    text = str(value).strip()
    if not text.endswith("0"):
        return text
    whole = _WHOLE_NUMBER.fullmatch(text)
    return whole.group(1) if whole else text


def as_text(column: pd.Series) -> pd.Series:
    """Write the codes of a column as text; missing cells stay missing.

    Parameters
    ----------
    column : Series
        Numbers or text.

    Returns
    -------
    Series of str
        See `code_text`.

    Examples
    --------
    >>> as_text(pd.Series([3001.0, None, 2.5])).tolist()
    ['3001', nan, '2.5']
    """
    positions, found = pd.factorize(column)
    texts = np.array([code_text(value) for value in found] + [np.nan], dtype=object)
    return pd.Series(texts[positions], index=column.index, name=column.name, dtype="str")
