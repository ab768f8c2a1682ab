"""What the service is asked: JSON as MLflow's servers take it, read strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from site_typology.errors import Problem, StudyError
from site_typology.new_site_files import rows_table
from site_typology.new_sites import RawTable

SOURCE = "request"
MOST_ROWS = 10_000


def read_request(body: bytes) -> RawTable:
    """Read the body of a request.

    Parameters
    ----------
    body : bytes
        ``{"dataframe_split": {"columns": [...], "data": [[...], ...]}}`` or
        ``{"dataframe_records": [{...}, ...]}``; null where a value is not known.

    Returns
    -------
    RawTable
        A text in a cell stands as a list, which is no number: ``"1.5"`` is not 1.5 here.

    Raises
    ------
    StudyError
        Not such JSON; no value is repeated.

    Examples
    --------
    >>> table = read_request(b'{"dataframe_records": [{"wsa": 2.5}, {"wsa": null}]}')
    >>> table.headings, list(table.rows)
    (['wsa'], [(1, [2.5]), (2, [None])])
    """
    try:
        content = json.loads(body, object_pairs_hook=_object, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        repeated = isinstance(error, _RepeatedNameError)
        said = "A name stands twice in an object." if repeated else "Not JSON in UTF-8."
        raise _refused(said) from error
    if not isinstance(content, dict) or len(content) != 1:
        raise _refused(_SHAPE)
    (shape, given), *_ = content.items()
    if shape == "dataframe_split":
        columns, rows = _split(given)
    elif shape == "dataframe_records":
        columns, rows = _records(given)
    else:
        raise _refused(_SHAPE)
    if any("\ud800" <= sign <= "\udfff" for name in columns for sign in name):
        raise _refused("The name of a column is no text: it holds half a sign.")
    if not rows:
        raise _refused("There are no rows. Give one row a site.")
    if len(rows) > MOST_ROWS:
        raise _refused(f"Found {len(rows):,} rows; at most {MOST_ROWS:,} go into one request.")
    return rows_table(SOURCE, columns, [[_cell(cell) for cell in row] for row in rows])


_SHAPE = "Expected an object with 'dataframe_split' or 'dataframe_records', and nothing else."


class _RepeatedNameError(ValueError):
    """An object has a name twice, so that one of its values would be lost."""


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise _RepeatedNameError
    return dict(pairs)


def _constant(name: str) -> object:
    """Infinity is told apart from other things that are no number."""
    return [] if name == "NaN" else float("inf")


def _split(given: Any) -> tuple[list[str], list[list[Any]]]:
    if not isinstance(given, Mapping) or not {"columns", "data"} <= set(given):
        raise _refused("'dataframe_split' needs 'columns' and 'data'.")
    if set(given) - {"columns", "data", "index"}:
        raise _refused("'dataframe_split' has 'columns', 'data' and 'index', and nothing else.")
    columns, rows = given["columns"], given["data"]
    if not isinstance(columns, list) or not all(isinstance(name, str) for name in columns):
        raise _refused("'columns' has to be a list of names.")
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise _refused("'data' has to be a list of rows, each a list.")
    return columns, rows


def _records(given: Any) -> tuple[list[str], list[list[Any]]]:
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise _refused("'dataframe_records' has to be a list of objects, one a site.")
    columns = list(dict.fromkeys(name for row in given for name in row))
    uneven = [at for at, row in enumerate(given, start=1) if len(row) < len(columns)]
    if uneven:
        shown = ", ".join(map(str, uneven[:5])) + (" and more" if len(uneven) > 5 else "")
        raise _refused(f"Rows have different columns (rows {shown}). Write null for no value.")
    return columns, [[row[name] for name in columns] for row in given]


def _cell(cell: Any) -> Any:
    return [cell] if isinstance(cell, str) else cell


def _refused(message: str) -> StudyError:
    return StudyError(SOURCE, [Problem("body", message)])
