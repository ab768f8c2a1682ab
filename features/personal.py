"""Columns that name a person, which are dropped on load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from site_typology.declaration import TableDeclaration
from site_typology.features.engines import collected
from site_typology.features.tables import Table
from site_typology.personal_patterns import personal_kind

PERSONAL = frozenset(
    {
        "ipaddress",
        "locationlatitude",
        "locationlongitude",
        "recipientlastname",
        "recipientfirstname",
        "recipientemail",
        "emailaddress",
        "firstname",
        "lastname",
        "headfirstname",
        "headlastname",
    }
)
"""Names and titles, letters alone, of columns that survey software and the register of schools add
and that name a person; dropped on load."""
_LOOKED_AT = 1_000
_LEGACY_TITLES = frozenset({"name", "email"})


def personal_columns(
    there: Iterable[str],
    titles: Mapping[str, str],
    renamed: Mapping[str, str],
    declaration: TableDeclaration,
) -> tuple[str, ...]:
    """Columns to drop, by their new names: known to name a person, or declared to."""
    legacy = _LEGACY_TITLES if declaration.format == "qualtrics" else frozenset()
    known = [
        renamed.get(old, old)
        for old in there
        if is_personal(old) or _letters(titles.get(old, "")) in PERSONAL | legacy
    ]
    return tuple(dict.fromkeys([*known, *declaration.personal]))


def personal_notes(table: Table) -> list[str]:
    """Say which columns in use hold what looks like e-mail or IP addresses or telephone numbers.

    The first rows are looked at, wherever they are.
    """
    texts = [name for name in table.columns if name not in table.numbers]
    first = collected(table.rows.select(*texts).head(_LOOKED_AT)) if texts else pd.DataFrame()
    kinds = {name: personal_kind(first[name]) for name in first}
    return [
        f"Column {name!r} seems to hold {plural(kind)}. Name it under personal, so that it is "
        "dropped on load."
        for name, kind in kinds.items()
        if kind
    ]


def plural(kind: str) -> str:
    """Write what a column holds.

    Examples
    --------
    >>> plural("IP address"), plural("telephone number")
    ('IP addresses', 'telephone numbers')
    """
    return f"{kind}es" if kind.endswith("s") else f"{kind}s"


def is_personal(name: str) -> bool:
    """Whether a column is known by its name to name a person, however it is written.

    Examples
    --------
    >>> is_personal("IP Address"), is_personal("e-mail_address"), is_personal("EstablishmentName")
    (True, True, False)
    """
    return _letters(name) in PERSONAL


def _letters(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalpha())
