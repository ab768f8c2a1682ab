"""Response rates by site, setting and group, and how representative the response is."""

from __future__ import annotations

from collections.abc import Iterable

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.features.asked import Asked, is_timeless
from site_typology.features.asksettings import KEY, listed_rows
from site_typology.features.engines import collected
from site_typology.features.factors import model_of, response_cells
from site_typology.features.propensity import NoPropensityError
from site_typology.features.representativeness import partial_r, r_indicator
from site_typology.features.tables import ROUND, SITE, StudyTables, as_text
from site_typology.features.weighting import asked_of

RATE_COLUMNS = ["table", "round", "site", "eligible", "responded", "rate"]
SETTING_COLUMNS = ["weighting", "table", "round", "site", "asked", "answered", "rate"]
GROUP_COLUMNS = [
    "weighting", "table", "round", "column", "category", "asked", "answered", "rate", "partial",
]  # fmt: skip
REPRESENTATIVENESS_COLUMNS = [
    "weighting", "table", "round", "asked", "answered", "rate", "r", "r_unadjusted",
    "standard_error", "variation", "reason",
]  # fmt: skip


def response_rates(response: pd.DataFrame) -> pd.DataFrame:
    """Response rate of each table: answered by asked, at each site and over all of them.

    Everybody asked counts as eligible, and a partial return as an answer (AAPOR Standard
    Definitions, response rate 2).

    Parameters
    ----------
    response : DataFrame
        ``table, site, round, eligible, responded``, as tables and profiles carry it.

    Returns
    -------
    DataFrame
        Columns `RATE_COLUMNS`. ``site`` is blank in the row over all sites of a table and round,
        which leaves out sites where the number asked is not known. The rate is NaN where nobody
        was asked or the number is not known; it passes 1 where more answered than were asked.

    Examples
    --------
    >>> asked = pd.DataFrame({"table": "staff", "site": ["A", "B", "C"], "round": "all",
    ...                       "eligible": [4.0, 6.0, None], "responded": [1, 3, 2]})
    >>> response_rates(asked)[["site", "rate"]].values.tolist()
    [['', 0.4], ['A', 0.25], ['B', 0.5], ['C', nan]]
    """
    frame = response.astype({"eligible": float, "responded": float})
    known = frame[frame["eligible"].notna()]
    every = frame[["table", "round"]].drop_duplicates()
    sums = known.groupby(["table", "round"], sort=False)[["eligible", "responded"]].sum()
    overall = every.merge(sums.reset_index(), on=["table", "round"], how="left").assign(site="")
    both = pd.concat([overall, frame], ignore_index=True)
    both["rate"] = both["responded"] / both["eligible"].mask(both["eligible"] == 0)
    order = both.groupby(["table", "round"], sort=False).ngroup()
    return both.iloc[np.argsort(order, kind="stable")].reset_index(drop=True)[RATE_COLUMNS]


def response_by_setting(tables: StudyTables) -> pd.DataFrame:
    """How many of those on the list of each weighting were asked and answered, at each site.

    A list of settings with a key gives settings asked and answered, whatever the number of
    people who answered for one; ``site`` is blank in the row over all sites.

    Returns
    -------
    DataFrame
        Columns `SETTING_COLUMNS`, by weighting and round.
    """
    parts = []
    for asked in _with_list(tables):
        cells = asked.cells
        by_site = cells.groupby(["round", "site"], sort=True)[["asked", "answered"]].sum()
        overall = cells.groupby("round", sort=True)[["asked", "answered"]].sum().reset_index()
        both = pd.concat([overall.assign(site=""), by_site.reset_index()], ignore_index=True)
        both["rate"] = both["answered"] / both["asked"].mask(both["asked"] == 0)
        parts.append(_named(both.sort_values(["round", "site"]), asked))
    return _together(parts, SETTING_COLUMNS)


def silent_settings(tables: StudyTables) -> pd.DataFrame:
    """Rows of each list from which no answer came, to be asked again.

    Returns
    -------
    DataFrame
        ``weighting, table, round, site, setting``, for lists with a key; a list without rounds
        is gone through for each round of the survey.
    """
    columns = ["weighting", "table", "round", "site", "setting"]
    parts = []
    for asked in _with_list(tables):
        frame = asked.weighting.frame
        if frame is None or frame.on is None:
            continue
        listing = tables.tables[frame.table]
        key = nw.col(frame.key or frame.on)
        listed = collected(listed_rows(listing).select(SITE, ROUND, key))
        listed = listed.set_axis(["site", "round", "setting"], axis=1).dropna(subset="setting")
        there = collected(asked.rows.select(KEY, ROUND).unique([KEY, ROUND]))
        there = there.set_axis(["setting", "round"], axis=1)
        if is_timeless(listing):
            rounds = pd.DataFrame({"round": sorted(asked.counts["round"].unique())})
            listed = listed.drop(columns="round").merge(rounds, how="cross")
        both = listed.merge(there, on=["setting", "round"], how="left", indicator=True)
        silent = both[both["_merge"] == "left_only"].sort_values(["round", "site", "setting"])
        parts.append(_named(silent.assign(setting=as_text(silent["setting"])), asked))
    return _together(parts, columns)


def response_by_group(tables: StudyTables) -> pd.DataFrame:
    """Response rate of each category of the columns known of everybody asked.

    Returns
    -------
    DataFrame
        Columns `GROUP_COLUMNS`; for ``partial`` see `representativeness.partial_r`. Numeric
        columns are left out: they have no categories.
    """
    parts = []
    for asked in _with_list(tables):
        for round_, cells in asked.cells.groupby("round", sort=True):
            for column, aux in zip(asked.weighting.columns, asked.columns, strict=True):
                if column in asked.weighting.numeric:
                    continue
                found = partial_r(cells.assign(**{aux: as_text(cells[aux])}), aux)
                parts.append(_named(found.assign(round=str(round_), column=column), asked))
    return _together(parts, GROUP_COLUMNS)


def representativeness(tables: StudyTables) -> pd.DataFrame:
    """R-indicator of each survey whose list of those asked is known, by round.

    Returns
    -------
    DataFrame
        Columns `REPRESENTATIVENESS_COLUMNS`; see `r_indicator`. Figures are NaN where they cannot
        be had, and ``reason`` says why. Rows of the list without one of the columns are left out.
    """
    parts = []
    for asked in _with_list(tables):
        for round_, everyone in asked.cells.groupby("round", sort=True):
            known = everyone.dropna(subset=list(asked.columns))
            parts.append(_named(pd.DataFrame([_indicator(asked, known, str(round_))]), asked))
    return _together(parts, REPRESENTATIVENESS_COLUMNS)


def _indicator(asked: Asked, known: pd.DataFrame, round_: str) -> dict[str, object]:
    cells = response_cells(asked, known)
    total, answered = float(cells["asked"].sum()), float(cells["answered"].sum())
    row: dict[str, object] = {
        "round": round_,
        "asked": total,
        "answered": answered,
        "rate": answered / total if total else float("nan"),
        **dict.fromkeys(("r", "r_unadjusted", "standard_error", "variation"), float("nan")),
        "reason": "",
    }
    if (cells["answered"] > cells["asked"]).any():
        return {**row, "reason": "more answered than were asked"}
    if answered == 0:
        return {**row, "reason": "nobody answered"}
    try:
        found = r_indicator(model_of(asked, cells))
    except NoPropensityError as error:
        return {**row, "reason": str(error)}
    return {
        **row,
        "r": found.r,
        "r_unadjusted": found.r_unadjusted,
        "standard_error": found.standard_error,
        "variation": found.variation,
    }


def _with_list(tables: StudyTables) -> Iterable[Asked]:
    return (asked for asked in asked_of(tables) if asked.weighting.frame is not None)


def _named(frame: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    return frame.assign(weighting=asked.name, table=asked.weighting.table)


def _together(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    if not parts:
        return pd.DataFrame(columns=columns)
    return pd.concat(parts, ignore_index=True)[columns]
