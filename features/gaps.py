"""Why a site has no value: what its own rows say, or that it has none."""

from __future__ import annotations

from collections.abc import Sequence

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.declaration import REASONS, Condition, FeatureDeclaration
from site_typology.features.contract import over_rounds, study_grid
from site_typology.features.engines import grouped
from site_typology.features.roundwindows import by_round
from site_typology.features.selection import chosen_rows, lazy_rows
from site_typology.features.tables import ROUND, SITE, StudyTables, Table
from site_typology.profile_checks import INDEX

ABSENT = "structurally absent"
NOT_ANSWERED = "not answered"
NOT_ASKED = "not asked"


def gap_reasons(
    feature: FeatureDeclaration,
    tables: StudyTables,
    table: Table,
    columns: Sequence[str],
    where: Sequence[Condition] = (),
    counts: pd.DataFrame | None = None,
) -> pd.Series:
    """The reason that holds at each site and round, should its cell be empty.

    The most common reason among the site's own missing cells of `columns`, on rows whose weight
    is not 0; without one,
    "not answered" where the site has rows or eligible informants and "not asked" where it has
    neither, nor a window in `where` in that round while others have one. A site where the feature
    cannot exist is "structurally absent".

    Parameters
    ----------
    counts : DataFrame, optional
        What `reason_counts` would say of the columns, where it is known.

    Returns
    -------
    Series of str
        Indexed by every site and round of the study.
    """
    grid = study_grid(tables)
    reasons = pd.Series(NOT_ASKED, index=grid, dtype=object)
    with_rows = _present(table, tables)
    reasons[(_eligible(tables, table.name) > 0) | with_rows] = NOT_ANSWERED
    if counts is None:
        counts = reason_counts(table, columns, where)
    said = _most_common(counts, tables)
    reasons = said.where(said.notna() & (said != ""), reasons)
    if rounds := by_round(where):
        reasons[~grid.get_level_values("round").isin(rounds)] = NOT_ASKED
    sites = absent_sites(feature, tables)
    reasons[grid.get_level_values("site").isin(sites)] = ABSENT
    return reasons


def absent_sites(feature: FeatureDeclaration, tables: StudyTables) -> list[str]:
    """Sites where the study says that the feature cannot exist."""
    listing = tables.tables.get(tables.declaration.study.sites)
    if feature.absent is None or listing is None:
        return []
    return [str(site) for site in chosen_rows(listing, [feature.absent], ())[SITE].to_list()]


def reasons_of_either(
    first: pd.Series, reasons: pd.Series, second: pd.Series, other_reasons: pd.Series
) -> pd.Series:
    """Reasons of a feature built from two quantities: those of the one that is missing."""
    only_second = second.isna() & first.notna()
    return reasons.where(~only_second, other_reasons)


def _present(table: Table, tables: StudyTables) -> pd.Series:
    """Whether the table has rows at each site and round."""
    groups = table.rows_by_site.to_frame().rename_axis(INDEX)
    return over_rounds(groups.astype(float), tables)["rows"].notna()


def _eligible(tables: StudyTables, name: str) -> pd.Series:
    response = tables.response[tables.response["table"] == name]
    frame = response.set_index(["site", "round"])[["eligible"]].astype(float)
    frame.index.names = INDEX
    return over_rounds(frame, tables)["eligible"]


def eligible_numbers(tables: StudyTables, name: str, index: pd.MultiIndex) -> np.ndarray:
    """Eligible numbers at each (site, round) of `index`, shape (g,); NaN where not declared."""
    response = tables.response[tables.response["table"] == name]
    known = response.set_index(["site", "round"])["eligible"].astype(float)
    found: np.ndarray = known.reindex(index).to_numpy()
    return found


def _most_common(counts: pd.DataFrame, tables: StudyTables) -> pd.Series:
    """The most common reason at each site and round; ties by the order of `REASONS`."""
    if counts.empty:
        return pd.Series("", index=study_grid(tables), dtype=object)
    # The first of equal counts wins, and the columns stand in the order of REASONS.
    first = counts.to_numpy().argmax(axis=1)
    said = np.where(counts.max(axis=1) > 0, counts.columns.to_numpy(dtype=object)[first], "")
    top = pd.DataFrame({"reason": said}, index=counts.index, dtype=object)
    return over_rounds(top, tables)["reason"]


def reason_counts(
    table: Table, columns: Sequence[str], where: Sequence[Condition] = ()
) -> pd.DataFrame:
    """Count the missing cells of some columns by site, round and reason.

    Returns
    -------
    DataFrame
        Index (site, round); one column for each of `REASONS` that is known of the columns.
        Empty where none is.
    """
    sums = reason_sums(table, columns)
    if not sums:
        return pd.DataFrame()
    rows = lazy_rows(table, where, sums)
    found = grouped(rows, [SITE, ROUND], (nw.col(name).sum() for name in sums))
    counts = found.set_index([SITE, ROUND]).rename_axis(INDEX)
    return counts[list(sums)].astype(float)


def reason_sums(table: Table, columns: Sequence[str]) -> dict[str, nw.Expr]:
    """Expressions for the number of cells of one row that miss for each reason.

    A row with a weight of 0 counts for nothing, so its cells say nothing either; one without a
    weight may be that of somebody who did not answer.
    """
    given = [name for name in columns if name in table.explained]
    weight = table.weight if table.weight in table.numbers else None
    # Without a weight of 0 nothing but the cell itself is looked at, which is faster.
    if weight is not None and table.extent(weight)[0] > 0:
        weight = None
    counts = None if weight is None else nw.col(weight).is_null() | (nw.col(weight) != 0)
    sums = {}
    for reason in REASONS:
        tests = [
            nw.when(_both(table.missing_because(name, reason), counts)).then(nw.lit(1.0))
            for name in dict.fromkeys(given)
            if reason in table.explained[name]
        ]
        if tests:
            sums[reason] = nw.sum_horizontal(*tests) if len(tests) > 1 else tests[0]
    return sums


def _both(test: nw.Expr, other: nw.Expr | None) -> nw.Expr:
    return test if other is None else test & other
