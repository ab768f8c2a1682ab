"""What a condition on rows means, wherever a study file states one.

The rows that a table keeps, those that a feature uses and the sites where a feature cannot exist
are chosen alike: values are codes compared as text, or labels of codes, and ``""`` is an empty
cell; a range holds numbers and a window days, both ends among them.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Iterable, Mapping, Sequence
from statistics import median

import narwhals as nw
import pandas as pd

from site_typology.declaration import Condition
from site_typology.features.dateformats import parse_dates
from site_typology.features.rawtable import cell_text, listed
from site_typology.features.tables import as_text, code_text

SHOWN = 8
_MANY, _SEVERAL_WORDS = 12, 4
"""Different cells of a column of free text, and words of half of them."""
_ISO = r"\d{4}-\d{2}-\d{2}(?:[T ].*)?"


def codes_of(column: pd.Series, labels: Mapping[str, str], values: Sequence[str]) -> list[str]:
    """Codes of `column` meant by `values`, each a code or the label of one.

    Parameters
    ----------
    column : Series
        Numbers or text.
    labels : mapping of str to str
        Label of each code.

    Examples
    --------
    >>> codes_of(pd.Series([1.0, 2.0]), {"1": "yes", "2": "no"}, ["no", "1.0"])
    ['2', '1']
    """
    by_label = {label: code for code, label in labels.items()}
    present = set(as_text(column).dropna())
    written = [code_text(value) for value in values]
    return [value if value in present else by_label.get(value, value) for value in written]


def among(column: pd.Series, labels: Mapping[str, str], values: Sequence[str]) -> nw.Expr:
    """Expression: is the value of `column` one of `values`; false where it is missing.

    See `codes_of` for the parameters.
    """
    name = str(column.name)
    wanted = codes_of(column, labels, values)
    if pd.api.types.is_numeric_dtype(column):
        numbers = [float(value) for value in wanted if is_number(value)]
        return nw.col(name).is_in(numbers) & ~nw.col(name).is_null()
    texts = as_text(column)
    matching = sorted({str(raw) for raw in column[texts.isin(wanted)].unique()})
    return nw.col(name).is_in(matching) & ~nw.col(name).is_null()


def holds(column: pd.Series, labels: Mapping[str, str], condition: Condition) -> nw.Expr:
    """Expression for one condition on `column`; the value ``""`` stands for a missing cell.

    Examples
    --------
    >>> wave = pd.DataFrame({"wave": [1.0, 2.0, None]})
    >>> second_or_none = Condition(column="wave", values=("2", ""))
    >>> kept = nw.from_native(wave).filter(holds(wave["wave"], {}, second_or_none))
    >>> kept.to_native().index.tolist()
    [1, 2]
    """
    if condition.range is not None:
        met = _between(column, *condition.range)
        return ~met if condition.negate else met
    if condition.window is not None:
        windows = condition.windows.values()
        met = nw.any_horizontal(*(_during(column, *days) for days in windows), ignore_nulls=False)
        return ~met if condition.negate else met
    written = [value for value in condition.values if value.strip()]
    met = among(column, labels, written)
    if len(written) < len(condition.values):
        met = met | nw.col(str(column.name)).is_null()
    return ~met if condition.negate else met


def _between(column: pd.Series, low: float, high: float) -> nw.Expr:
    """Expression: is the number from `low` to `high`; false where there is none."""
    cell = nw.col(str(column.name))
    if pd.api.types.is_numeric_dtype(column):
        return (cell >= low) & (cell <= high) & ~cell.is_null()
    numbers = pd.to_numeric(column, errors="coerce")
    return cell.is_in(sorted(set(column[numbers.between(low, high)]))) & ~cell.is_null()


def _during(column: pd.Series, first: datetime.date, last: datetime.date) -> nw.Expr:
    """Expression: is the date from the day `first` to the day `last`; false where there is none."""
    cell = nw.col(str(column.name))
    texts = column.dropna()
    if not pd.api.types.is_numeric_dtype(column) and texts.str.fullmatch(_ISO).all():
        # Such texts stand in the order of time, so that no list of days is needed.
        after = last + datetime.timedelta(days=1)
        return (cell >= first.isoformat()) & (cell < after.isoformat()) & ~cell.is_null()
    days = parse_dates(texts).dt.normalize()
    inside = days.between(pd.Timestamp(first), pd.Timestamp(last))
    return cell.is_in(sorted(set(texts[inside]))) & ~cell.is_null()


def fault_of(
    column: pd.Series,
    labels: Mapping[str, str],
    condition: Condition,
    named: str,
    *,
    personal: bool = False,
) -> str:
    """Say what is wrong with a condition on a column; ``""`` if there is nothing to say.

    Values that match nothing (`unmatched`), a range of what are no numbers, a window of what are
    no dates. See `unmatched` for the parameters.

    Examples
    --------
    >>> grown = Condition(column="age", range=(18, 99))
    >>> fault_of(pd.Series(["20", "old"]), {}, grown, "column 'age'")
    "A range needs numbers in column 'age'; found 'old'. Mend them, or declare them missing."
    """
    if condition.values:
        needed = not condition.negate
        return unmatched(column, labels, condition.values, named, needed=needed, personal=personal)
    told = column.dropna()
    if condition.range is not None:
        what, wrong = "A range needs numbers", pd.to_numeric(told, errors="coerce").isna()
    else:
        what, wrong = "A window needs dates such as 2021-09-30", parse_dates(told).isna()
    if not wrong.any():
        return ""
    found = "others, which are personal" if personal else quoted_cells(told[wrong])
    return f"{what} in {named}; found {found}. Mend them, or declare them missing."


def unmatched(
    column: pd.Series,
    labels: Mapping[str, str],
    values: Iterable[str],
    named: str,
    *,
    needed: bool = True,
    personal: bool = False,
) -> str:
    """Say which values match nothing in a column; ``""`` if there is nothing to say.

    A list of which some values are found may name others that these rows happen not to have,
    unless one looks like a slip of the pen; so may a list that is not `needed`, since it leaves
    rows out. Codes with a label are known without a row.

    Parameters
    ----------
    named : str
        The column and its table, as the sentence is to name them.
    personal : bool
        The values found name people and are not shown.

    Examples
    --------
    >>> unmatched(pd.Series(["in", "out"]), {}, ["inn"], "column 'kind'")
    "'inn' matches no value of column 'kind'. Values found: 'in', 'out'."
    """
    values = [value for value in values if value.strip()]
    present = set(as_text(column).dropna())
    known = present | set(labels) | set(labels.values())
    unknown = [value for value in values if code_text(value) not in known]
    if len(unknown) < len(values) or not needed:
        others = known.difference(map(code_text, values))
        unknown = [value for value in unknown if _slip(value, others)]
    if not unknown:
        return ""
    verb = "match" if len(unknown) > 1 else "matches"
    shown = "are personal and not shown" if personal else f"found: {quoted_cells(sorted(known))}"
    return f"{quoted(unknown)} {verb} no value of {named}. Values {shown}."


def quoted_cells(values: Iterable[object]) -> str:
    """The first cells of a column, as `quoted`, free text cut after two words.

    Long cells are free text, and those of a column with many different ones of several words each,
    in which people may well be named.

    Examples
    --------
    >>> quoted_cells(["Ring me: " + "extremely " * 4 + "late", "no"])
    "'Ring me: ...', 'no'"
    """
    texts = list(dict.fromkeys(map(str, values)))
    free = len(texts) >= _MANY and median(len(text.split()) for text in texts) >= _SEVERAL_WORDS
    return quoted(cell_text(text, free=free) for text in texts)


def quoted(values: Iterable[object]) -> str:
    """The first values, in quotes, and how many more there are."""
    return listed([f"'{value}'" for value in dict.fromkeys(map(str, values))], SHOWN)


def is_number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _slip(value: str, others: Iterable[str]) -> bool:
    """Whether a value is nearly one of the others; numbers never are."""
    if is_number(value):
        return False
    lowered = [other.lower() for other in others]
    return bool(difflib.get_close_matches(value.lower(), lowered, n=1, cutoff=0.75))
