"""The site of each row: by a column, a pattern of columns, or a link through another table."""

from __future__ import annotations

import difflib
import string
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from site_typology.declaration import Link
from site_typology.errors import Problems
from site_typology.features.following import sites_of_successors
from site_typology.features.loading import LoadedTable, site_columns
from site_typology.features.rawtable import listed

NO_SITE = "no site"
LINKED_TO_NOTHING = "linked to nothing"
UNKNOWN_SITE = "site not in the sites table"
HIDDEN = "(personal)"
"""What stands for a personal value in a message."""
_MOST_SITES_LISTED = 25


def own_sites(table: LoadedTable, found: Problems) -> pd.Series | None:
    """Sites of the rows of a table that names them itself.

    Parameters
    ----------
    table : LoadedTable
        Declares `site`.
    found : Problems
        Takes a pattern that cannot be filled.

    Returns
    -------
    Series of str or None
        NaN where the row names no site; None where the pattern cannot be filled.
    """
    site = table.declaration.site or ""
    if "{" not in site:
        return table.text(site)
    try:
        fields = [field for _, field, _, _ in string.Formatter().parse(site)]
        if "" in fields or not any(fields):
            raise ValueError("braces hold the name of a column")
        names = site_columns(site)
        parts = pd.concat([table.text(name) for name in names], axis=1)
        whole = parts.notna().all(axis=1)
        texts = [
            _fill(site, dict(zip(names, codes, strict=True))) if complete else np.nan
            for complete, codes in zip(whole, parts.itertuples(index=False), strict=True)
        ]
    except ValueError as error:
        found.add(
            f"{table.place}.site",
            f"Pattern {site!r} cannot be filled: {error}. Codes are text; write "
            "'{COLUMN}' or, padded with zeros, '{COLUMN:0>2}'.",
        )
        return None
    return pd.Series(texts, index=parts.index, dtype="str")


def _fill(pattern: str, codes: Mapping[str, str]) -> str:
    """Fill a pattern; unlike ``str.format`` this reaches no attribute of a value."""
    written = []
    for literal, field, spec, _ in string.Formatter().parse(pattern):
        written.append(literal)
        if field:
            written.append(format(codes[field], spec or ""))
    return "".join(written)


def listed_keys(link: Link, other: LoadedTable, sites_of_other: pd.Series) -> pd.DataFrame:
    """Keys of the table that a link goes through, with their sites: columns ``key`` and ``site``.

    A key that stands for several sites is there with each.
    """
    known = pd.DataFrame({"key": other.text(link.key or link.on), "site": sites_of_other})
    return known[other.kept & sites_of_other.notna()].dropna().drop_duplicates()


def linked_sites(
    table: LoadedTable, link: Link, other: LoadedTable, sites_of_other: pd.Series, found: Problems
) -> pd.Series:
    """Sites of the rows of a table that are linked through another.

    Parameters
    ----------
    table, other : LoadedTable
    link : Link
    sites_of_other : Series of str
        Site of each row of `other`.
    found : Problems
        Takes keys of `other` that stand for more than one site.

    Returns
    -------
    Series of str
        NaN where the row has no key, or its key is not in `other`.
    """
    known = listed_keys(link, other, sites_of_other)
    twice = known[known["key"].duplicated(keep=False)]
    if len(twice):
        hidden = _are_personal(table, link, other)
        shown = [
            f"{HIDDEN if hidden else key} ({', '.join(rows['site'])})"
            for key, rows in twice.groupby("key")
        ]
        found.add(
            f"{table.place}.link",
            f"{len(shown)} keys of tables.{other.name} stand for more than one site: "
            f"{listed(shown)}. Correct {other.declaration.origin}.",
        )
        known = known.drop_duplicates("key")
    known = sites_of_successors(table, known, found)
    keys = table.text(link.on)
    return keys.map(known.set_index("key")["site"]).astype("str")


def _are_personal(table: LoadedTable, link: Link, other: LoadedTable | None = None) -> bool:
    """Whether the keys of a link name people, so that no message shows them."""
    theirs = other is not None and (link.key or link.on) in other.personal
    return theirs or link.on in table.personal


def set_unlinked_aside(table: LoadedTable, sites: pd.Series, found: Problems) -> LoadedTable:
    """Set aside the rows without a site; refuse a link that finds nothing at all."""
    link = table.declaration.link
    if link is None:
        return table.set_aside(sites.isna(), NO_SITE)
    keys = table.text(link.on)
    asked = table.kept & keys.notna()
    lost = asked & sites.isna()
    if asked.any() and (lost == asked).all():
        examples = listed([repr(key) for key in keys[lost].unique()[:3]])
        such = "" if _are_personal(table, link) else f" (such as {examples})"
        found.add(
            f"{table.place}.link",
            f"None of {table.count(lost)} rows is linked: no {link.on!r}{such} is a "
            f"{link.key or link.on!r} of tables.{link.table}. Correct link.on or link.key.",
        )
    return table.set_aside(keys.isna(), NO_SITE).set_aside(lost, LINKED_TO_NOTHING)


def set_unknown_aside(
    table: LoadedTable, sites: pd.Series, known: Sequence[str], policy: str, found: Problems
) -> LoadedTable:
    """Set aside, or refuse, the rows of sites that the sites table does not list."""
    unknown = table.kept & ~sites.isin(known)
    if not unknown.any():
        return table
    rows, used = table.count(unknown), table.count(table.kept)
    if policy == "drop" and rows < used:
        return _set_misspelt_aside(table, sites, known).set_aside(unknown, UNKNOWN_SITE)
    counts = table.counted(sites[unknown])
    shown = [f"{site} ({n} row{'' if n == 1 else 's'})" for site, n in counts.items()]
    plural = len(counts) != 1
    message = (
        f"{rows} of {used} rows name {len(counts)} "
        f"site{'s' if plural else ''} that {'are' if plural else 'is'} not in the sites table: "
        f"{listed(shown, _MOST_SITES_LISTED, 'more sites')}."
        f"{_hint(str(counts.index[0]), known)}"
    )
    if policy == "drop":
        found.add(table.place, f"{message} No row is left. Correct site or link.")
    else:
        found.add(
            table.place,
            f'{message} Add them, or set unknown_sites = "drop" to leave them out and list them '
            "in the ledger.",
        )
    return table


def _set_misspelt_aside(table: LoadedTable, sites: pd.Series, known: Sequence[str]) -> LoadedTable:
    """Set rows of unknown sites aside that are known in another spelling, and say in which."""
    by_form = _by_form(known)
    for site in sites[table.kept & ~sites.isin(known)].unique():
        if (same := by_form.get(_form(site))) is not None:
            reason = f"{UNKNOWN_SITE}: {site!r} is written {same!r} there"
            table = table.set_aside(sites == site, reason)
    return table


def sites_written_alike(sites: pd.Series) -> list[str]:
    """Say which sites differ in case or blanks only, and in which rows they stand.

    Parameters
    ----------
    sites : Series of str
        Site of each row; the index holds the numbers of the rows.

    Examples
    --------
    >>> sites_written_alike(pd.Series(["T 04", "T05", "t04"], index=[1, 2, 3]))
    ["'T 04' (row 1) and 't04' (row 3)"]
    """
    first = pd.Series(sites.index, index=sites.to_numpy()).groupby(level=0, sort=False).first()
    forms = pd.Series([_letters(name) for name in first.index], index=first.index)
    return [
        " and ".join(f"{name!r} (row {first[name]})" for name in group.index)
        for _, group in forms.groupby(forms, sort=False)
        if len(group) > 1
    ]


def _letters(site: str) -> str:
    return "".join(site.split()).casefold()


def _form(site: str) -> str:
    return _letters(site).lstrip("0")


def _by_form(known: Sequence[str]) -> dict[str, str]:
    return {_form(name): name for name in known}


def _hint(site: str, known: Sequence[str]) -> str:
    """Guess how an unknown site is written in the sites table."""
    same = _by_form(known).get(_form(site))
    if same is not None:
        return f" {site!r} is written {same!r} there."
    near = difflib.get_close_matches(site, known, n=1, cutoff=0.75)
    return (
        f" Did you mean {near[0]!r} by {site!r}?"
        if near
        else f" Sites there: {listed([*known], 5)}."
    )


def repeated_rows(table: LoadedTable) -> str:
    """Say which used rows have the same key; ``""`` if none have, or no key is declared."""
    columns = table.declaration.unique
    if not columns:
        return ""
    keys = pd.concat([table.text(c) for c in columns], axis=1)[table.kept]
    return repeats_text(keys.dropna(how="all").fillna(""), table.personal)


def repeats_text(keys: pd.DataFrame, personal: Sequence[str] = ()) -> str:
    """Say which rows have the same key; ``""`` if none have.

    Parameters
    ----------
    keys : DataFrame of str
        One column for each part of the key; the index holds the numbers of the rows.
    personal : sequence of str
        Columns whose values are not shown.

    Examples
    --------
    >>> repeats_text(pd.DataFrame({"id": ["a", "b", "a"]}, index=[1, 2, 3]))
    '1 key stands more than once: a (rows 1, 3)'
    """
    twice = keys[keys.duplicated(keep=False)]
    if twice.empty:
        return ""
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for row, *codes in twice.itertuples():
        groups[tuple(codes)].append(str(row))
    hidden = [column in personal for column in keys]
    shown = [
        f"{', '.join(HIDDEN if h else part for part, h in zip(key, hidden, strict=True))} "
        f"(rows {listed(rows, 5)})"
        for key, rows in groups.items()
    ]
    count = len(shown)
    stands = "key stands" if count == 1 else "keys stand"
    return f"{count} {stands} more than once: {listed(shown)}"
