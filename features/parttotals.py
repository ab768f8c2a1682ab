"""Rows whose parts do not add up to the whole, such as percentages that add up to 80."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from site_typology.features.contract import over_rounds
from site_typology.features.gaps import ABSENT
from site_typology.features.ledger import SET_ASIDE
from site_typology.features.shares import USED
from site_typology.features.tables import ROUND, SITE, StudyTables
from site_typology.profile_checks import INDEX
from site_typology.profiles import LEDGER_COLUMNS

NEAR = 0.01
"""Rows this close to the most common total are said to have it."""
COMMON, ALL = 0.5, 0.95
"""With fewer rows than the first of the most common total there is none; with the second all."""
ROUNDING = 1e-9
OFF = "low reliability"
"""Why a site has no value all of whose answers do not add up."""


@dataclass(frozen=True)
class RowNotes:
    """What is said of the rows behind shares.

    Parameters
    ----------
    words : str
        A sentence for the definition.
    figures : dict of str to float
        ``same_total``, the share of rows within 1 % of the most common total; or ``off_total``,
        the share of rows set aside.
    flags : tuple of str
        Sentences for the quality page.
    ledger : DataFrame, optional
        Rows set aside.
    """

    words: str = ""
    figures: dict[str, float] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    ledger: pd.DataFrame | None = None


NO_NOTES = RowNotes()


def said_of_totals(name: str, rows: pd.DataFrame, parts: Sequence[str]) -> RowNotes:
    """Say how far the rows agree on a total, where none is declared.

    Parameters
    ----------
    name : str
        Of the feature.
    rows : DataFrame
        From `site_typology.features.shares.amount_rows`.

    Examples
    --------
    >>> rows = pd.DataFrame({USED: True, "a": [60.0, 50, 100, 40], "b": [40.0, 50, 0, 40]})
    >>> said_of_totals("time", rows, ["a", "b"]).figures
    {'same_total': 0.75}
    """
    totals = _totals(rows, parts).dropna()
    if totals.empty:
        return RowNotes()
    different, times = np.unique(totals.round(6), return_counts=True)
    common = float(different[times.argmax()])
    same = float((np.abs(totals - common) <= NEAR * common * (1 + ROUNDING)).mean())
    words = (
        f"Each row is divided by its own total; {same:.0%} of totals are within {NEAR:.0%} of the "
        f"most common, {common:g}."
    )
    flags: tuple[str, ...] = ()
    if COMMON <= same < ALL:
        flags = (
            f"The parts of '{name}' add up to {common:g} on {same:.0%} of rows only; the "
            f"others are divided by their own totals. Set total = {common:g} to leave them out.",
        )
    return RowNotes(words, {"same_total": same}, flags)


def without_off_totals(
    name: str,
    table: str,
    rows: pd.DataFrame,
    parts: Sequence[str],
    total: float,
    tolerance: float,
) -> tuple[pd.DataFrame, RowNotes]:
    """Set rows aside whose parts are further from the declared total than the tolerance.

    Returns
    -------
    DataFrame
        `rows`; those set aside have no amounts and are not used.
    RowNotes
        With ledger entries by site, round and the total to a tenth of the declared one.
    """
    totals = _totals(rows, parts)
    off = (totals - total).abs() > tolerance + ROUNDING * total
    kept = rows.assign(**{part: rows[part].mask(off) for part in parts})
    kept[USED] = rows[USED] & ~off
    known = max(int(totals.notna().sum()), 1)
    why = (10 * totals[off] / total).round().map(lambda tenths: _reason(tenths, total))
    counts = rows.loc[off, [SITE, ROUND]].assign(why=why).groupby([SITE, ROUND, "why"]).size()
    found = counts.rename("n").reset_index()
    ledger = pd.DataFrame(
        {
            "table": table,
            "entry": f"feature {name}",
            "site": found[SITE],
            "round": found[ROUND],
            "outcome": SET_ASIDE,
            "reason": found["why"],
            "n": found["n"],
        },
        columns=LEDGER_COLUMNS,
    )
    share = off.sum() / known
    flags: tuple[str, ...] = ()
    if share >= COMMON:
        flags = (
            f"The parts of '{name}' add up to about {_typical(totals[off])}, not {total:g}, on "
            f"{off.sum()} of {known} rows, which are set aside. Correct total or the rows.",
        )
    words = (
        f"Rows whose parts add up to {total:g} within {tolerance:g}, each divided by its own "
        f"total; {share:.0%} of rows are further off and set aside."
    )
    return kept, RowNotes(words, {"off_total": float(share)}, flags, ledger)


def wrong_total(rows: pd.DataFrame, parts: Sequence[str], total: float, tolerance: float) -> str:
    """Say what the parts add up to where that is the declared total on hardly any row.

    Returns
    -------
    str
        A sentence; ``""`` where more than 1 row in 20 has the total, or no row has parts.

    Examples
    --------
    >>> rows = pd.DataFrame({USED: True, "a": [60.0, 50, 100], "b": [40.0, 50, 0]})
    >>> wrong_total(rows, ["a", "b"], 1, 0.05)
    'Parts add up to about 100, not 1, on 3 of 3 rows.'
    """
    totals = _totals(rows, parts).dropna()
    off = (totals - total).abs() > tolerance + ROUNDING * total
    if totals.empty or off.mean() < ALL:
        return ""
    return (
        f"Parts add up to about {_typical(totals[off])}, not {total:g}, on {off.sum()} of "
        f"{len(totals)} rows."
    )


def with_off_totals(gaps: pd.Series, notes: RowNotes, tables: StudyTables) -> pd.Series:
    """Reasons for empty cells, where a site's answers are there but do not add up.

    Parameters
    ----------
    gaps : Series of str, indexed by the study's grid
    """
    if notes.ledger is None or notes.ledger.empty:
        return gaps
    off = notes.ledger.groupby(["site", "round"])["n"].sum().rename_axis(INDEX)
    here = over_rounds(off.astype(float).to_frame(), tables)["n"].notna()
    return gaps.mask(here & (gaps != ABSENT), OFF)


def _typical(totals: pd.Series) -> str:
    return f"{totals.median():.3g}"


def _totals(rows: pd.DataFrame, parts: Sequence[str]) -> pd.Series:
    """Total of each row in use; NaN for others."""
    return rows[list(parts)].sum(axis=1, min_count=len(parts)).where(rows[USED])


def _reason(tenths: float, total: float) -> str:
    if tenths == 10:
        return f"parts add up to nearly {total:g}"
    about = f"about {tenths * total / 10:g}" if tenths else f"less than {total / 20:g}"
    return f"parts add up to {about}, not {total:g}"
