"""Why a site has no value: what its own rows say, or that it has none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from site_typology.declaration import REASONS, Condition, FeatureDeclaration
from site_typology.features.contract import over_rounds, study_grid
from site_typology.features.selection import chosen_rows
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, Table
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
) -> pd.Series:
    """The reason that holds at each site and round, should its cell be empty.

    The most common reason among the site's own missing cells of `columns`; without one,
    "not answered" where the site has rows or eligible informants and "not asked" where it has
    neither. A site where the feature cannot exist is "structurally absent".

    Returns
    -------
    Series of str
        Indexed by every site and round of the study.
    """
    grid = study_grid(tables)
    reasons = pd.Series(NOT_ASKED, index=grid, dtype=object)
    with_rows = _present(table, tables)
    reasons[(_eligible(tables, table.name) > 0) | with_rows] = NOT_ANSWERED
    said = _most_common(table, columns, where, tables)
    reasons = said.where(said.notna() & (said != ""), reasons)
    sites = absent_sites(feature, tables)
    reasons[grid.get_level_values("site").isin(sites)] = ABSENT
    return reasons


def absent_sites(feature: FeatureDeclaration, tables: StudyTables) -> list[str]:
    """Sites where the study says that the feature cannot exist."""
    listing = tables.tables.get(tables.declaration.study.sites)
    if feature.absent is None or listing is None:
        return []
    return [str(site) for site in chosen_rows(listing, [feature.absent])[SITE].to_list()]


def reasons_of_either(
    first: pd.Series, reasons: pd.Series, second: pd.Series, other_reasons: pd.Series
) -> pd.Series:
    """Reasons of a feature built from two quantities: those of the one that is missing."""
    only_second = second.isna() & first.notna()
    return reasons.where(~only_second, other_reasons)


def _present(table: Table, tables: StudyTables) -> pd.Series:
    """Whether the table has rows at each site and round."""
    groups = table.frame.groupby([SITE, ROUND]).size().rename("rows").to_frame()
    groups.index.names = INDEX
    return over_rounds(groups.astype(float), tables)["rows"].notna()


def _eligible(tables: StudyTables, name: str) -> pd.Series:
    response = tables.response[tables.response["table"] == name]
    frame = response.set_index(["site", "round"])[["eligible"]].astype(float)
    frame.index.names = INDEX
    return over_rounds(frame, tables)["eligible"]


def eligible_numbers(tables: StudyTables, name: str, index: pd.MultiIndex) -> np.ndarray:
    """Eligible numbers at each (site, round) of `index`, shape (g,); NaN where not declared."""
    response = tables.response[tables.response["table"] == name]
    pairs = zip(response["site"], response["round"], strict=True)
    known = dict(zip(pairs, response["eligible"].astype(float), strict=True))
    return np.array([known.get(pair, np.nan) for pair in index], dtype=float)


def _most_common(
    table: Table, columns: Sequence[str], where: Sequence[Condition], tables: StudyTables
) -> pd.Series:
    """The most common reason at each site and round; ties by the order of `REASONS`."""
    rows = chosen_rows(table, where).select(SITE, ROUND, ROW).to_native()
    given = [name for name in columns if name in table.reasons.columns]
    grid = study_grid(tables)
    if not given or rows.empty:
        return pd.Series("", index=grid, dtype=object)
    long = pd.concat(
        [rows.assign(reason=table.reasons.loc[rows.index, name].astype(object)) for name in given]
    )
    long = long[long["reason"].isin(REASONS)]
    counts = long.groupby([SITE, ROUND, "reason"]).size().rename("n").reset_index()
    counts["rank"] = counts["reason"].map({name: at for at, name in enumerate(REASONS)})
    ordered = counts.sort_values(["n", "rank"], ascending=[False, True])
    top = ordered.drop_duplicates([SITE, ROUND]).set_index([SITE, ROUND])[["reason"]]
    top.index.names = INDEX
    return over_rounds(top, tables)["reason"]
