"""Check the headings of a table of new sites: unknown, missing, twice, or in another unit."""

from __future__ import annotations

from collections.abc import Sequence

from site_typology.differences import Difference
from site_typology.form import MOST_UNKNOWN, Field, Form
from site_typology.profile_checks import INDEX


def check_headings(
    form: Form,
    headings: Sequence[str],
    found: list[Difference],
    *,
    named: bool = True,
    whole: bool = False,
) -> dict[str, int]:
    """Say which column is which.

    Parameters
    ----------
    form : Form
    headings : sequence of str
    found : list of Difference
        Added to.
    named : bool
        Whether there has to be a column ``site``; neither it nor ``round`` is known otherwise.
    whole : bool
        Whether every part of a composition needs its column. A part that no new site has may be
        left out otherwise, where the others make up the whole.

    Returns
    -------
    dict of str to int
        Place of every known column.
    """
    at: dict[str, int] = {}
    unknown: list[tuple[str, str]] = []
    for place, heading in enumerate(headings):
        name, unit = form.read_heading(heading)
        if name not in form.known and not (named and name in INDEX):
            near = form.suggestion(name, named=named) if len(unknown) < MOST_UNKNOWN else ""
            unknown.append((heading.strip(), near))
            continue
        if name in at:
            found.append(Difference(name, "one such column", "two", "Keep one of the two columns."))
            continue
        at[name] = place
        _check_unit(form, name, unit, found)
    written = sum(bool(heading.strip()) for heading in headings)
    # One cell alone is a title, or a row that was not split, whatever words are in it.
    if named and not at and (written < 2 or not any(near for _, near in unknown)):
        found.append(_none_known(headings))
        return at
    needed = ["site"] if named else []
    needed += [field.name for field in form.used if whole or not _may_lack(form, field, at)]
    missing = [name for name in needed if name not in at]
    _report(form, unknown, missing, at, found)
    return at


def _check_unit(form: Form, name: str, unit: str | None, found: list[Difference]) -> None:
    if unit is None or name not in form.known:
        return
    field, ending = form.known[name]
    if not ending and unit != field.info.unit:
        expected = f"unit {field.info.unit}" if field.info.unit else "no unit"
        remedy = f"Convert the values, then head the column {field.heading!r}."
        found.append(Difference(name, expected, f"unit {unit}", remedy))


def _may_lack(form: Form, field: Field, at: dict[str, int]) -> bool:
    mine = field.info.composition
    return bool(mine) and any(own.info.composition == mine and own.name in at for own in form.used)


def _none_known(headings: Sequence[str]) -> Difference:
    """One difference in place of one a column: the first row holds no headings of ours."""
    first = ", ".join(repr(_printable(heading)) for heading in headings[:3])
    more = ", ..." if len(headings) > 3 else ""
    remedy = (
        "Put the headings in the first row, one a column (in CSV with commas or semicolons "
        "between them). site-typology template writes them."
    )
    return Difference("headings", "the columns of the template", f"{first}{more}", remedy)


def _printable(heading: str) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in heading[:80])
    return shown or "(blank)"


def _report(
    form: Form,
    unknown: list[tuple[str, str]],
    missing: list[str],
    at: dict[str, int],
    found: list[Difference],
) -> None:
    for heading, near in unknown:
        fits = near and near not in at
        remedy = f"Rename it to {near!r}." if fits else "Remove the column."
        expected = f"{near!r}" if fits else "a column of the typology"
        found.append(Difference(_printable(heading), expected, "an unknown column", remedy))
    suggested = {near for _, near in unknown}
    for name in missing:
        remedy = "Rename the one like it." if name in suggested else "Add it."
        blank = " Leave cells blank where the value is not known." if name != "site" else ""
        found.append(Difference(name, "a column of this name", "no such column", remedy + blank))
