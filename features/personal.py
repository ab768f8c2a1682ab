"""Columns that name a person, which are dropped on load."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from site_typology.declaration import TableDeclaration

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
