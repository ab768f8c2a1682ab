"""Activity tables in the shape of MHSDS: whose rows count, where each goes, and in which month.

The Mental Health Services Data Set (England) keeps referrals with their team type, care contacts
(MHS201), indirect activity (MHS204), group sessions (MHS301) and drop-in contacts (MHS302) in
tables of their own, by reporting month. Contacts and indirect activity join their referral on
the record number, which names a person in one month's submission, and the service request.
Version 6 renamed two columns; where an extract spans the change, both are read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from site_typology.declaration import Condition
from site_typology.features.selection import row_values
from site_typology.features.tables import ROUND, SITE, StudyTables, Table, as_text
from site_typology.profiles import LEDGER_COLUMNS

AMOUNT, MONTH, PART, REASON = "amount", "month", "part", "reason"
NO_KEY, NO_REFERRAL = "no referral named", "linked to no referral"
OTHER_SITE, OTHER_TEAM = "referral at another site", "another team type"
NOT_ATTENDED, ATTENDANCE_UNKNOWN = "not attended", "attendance not recorded"
NO_MONTH, NO_AMOUNT, NO_MECHANISM = "no reporting month", "no minutes", "no mechanism"

_MINUTES_A_DAY = 24 * 60
_TIME = r"(\d{1,2}):(\d{2})(?::(\d{2}))?"


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Headings = Annotated[tuple[str, ...], BeforeValidator(_several)]
"""One heading or several, for a column that was renamed; the first that a row fills counts."""


class _Activity(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str = Field(description="Table of the study.")
    month: str = Field("UniqMonthID", description="Column with the reporting month, a number.")
    where: tuple[Condition, ...] = Field((), description="Rows to use; all if none.")


class Referrals(BaseModel):
    """Referrals with the type of the team."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table: str = Field(description="Table with one row a referral and team in each month.")
    keys: Headings = Field(
        ("RecordNumber", "UniqServReqID"), description="Columns that name a referral."
    )
    team_type: Headings = Field(
        ("ServTeamTypeMH", "ServTeamTypeRefToMH"),
        description="Column with the type of team; the name of version 6, then of version 5.",
    )


class Contacts(_Activity):
    """Care contacts (MHS201)."""

    keys: Headings = Field(
        ("RecordNumber", "UniqServReqID"), description="Columns that name the referral."
    )
    attended: Headings = Field(
        ("AttendStatus", "AttendOrDNACode"),
        description="Column with the attendance; the name of version 6, then of version 5.",
    )
    mechanism: Headings = Field(
        ("ConsMechanismMH", "ConsMediumUsed"),
        description="Column with the mechanism; the name from version 5, then of version 4.",
    )
    minutes: str = Field("ClinContDurOfCareCont", description="Column with the minutes.")


class Indirect(_Activity):
    """Indirect activity (MHS204)."""

    keys: Headings = Field(
        ("RecordNumber", "UniqServReqID"), description="Columns that name the referral."
    )
    minutes: str = Field("DurationIndirectAct", description="Column with the minutes.")


class Groups(_Activity):
    """Group sessions (MHS301), which name a team's type but no referral."""

    team_type: Headings = Field(
        ("ServTeamTypeMH", "ServTeamTypeRefToMH"),
        description="Column with the type of team; [] if every row counts.",
    )
    minutes: str = Field("ClinContDurOfGroupSess", description="Column with the minutes.")


class DropIns(_Activity):
    """Drop-in contacts (MHS302), which name a team's type, a start and an end."""

    team_type: Headings = Field(
        ("MHDropInContactServiceType",),
        description="Column with the type of team; [] if every row counts.",
    )
    start: str = Field("StartTimeDropInContact", description="Column with the time of start.")
    end: str = Field("EndTimeDropInContact", description="Column with the time of end.")
    minutes: str | None = Field(
        None, description="Column with the minutes, instead of start and end."
    )


def first_filled(rows: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """The first value as text that a row has in columns `names`; NaN where none is filled.

    Examples
    --------
    >>> rows = pd.DataFrame({"v6": [None, "5"], "v5": [6.0, 7.0]})
    >>> first_filled(rows, ["v6", "v5"]).tolist()
    ['6', '5']
    """
    found = pd.Series(np.nan, index=rows.index, dtype="str")
    for name in names:
        found = found.where(found.notna(), as_text(rows[name]))
    return found


def plain_code(codes: pd.Series) -> pd.Series:
    """Codes without padding, so that 01, 1 and 1.0 are one code.

    Examples
    --------
    >>> plain_code(pd.Series(["01", "11", "0"])).tolist()
    ['1', '11', '0']
    """
    return codes.str.replace(r"^0+(?=.)", "", regex=True)


def minutes_between(start: pd.Series, end: pd.Series) -> pd.Series:
    """Minutes from a time of day to the next one; NaN where either is no time.

    Examples
    --------
    >>> minutes_between(pd.Series(["09:30", "23:50:00"]), pd.Series(["10:15", "00:05:30"])).tolist()
    [45.0, 15.5]
    """
    spent = _clock(end) - _clock(start)
    return spent.where(spent >= 0, spent + _MINUTES_A_DAY)


def _clock(times: pd.Series) -> pd.Series:
    parts = times.astype("str").str.extract(_TIME).astype(float)
    return parts[0] * 60 + parts[1] + parts[2].fillna(0.0) / 60


def read(
    table: Table, where: Sequence[Condition], columns: Mapping[str, str | Sequence[str] | None]
) -> pd.DataFrame:
    """Rows of an activity table with columns under our own names.

    Parameters
    ----------
    columns : mapping of str to str or sequence of str
        Our name, heading or headings of the table; headings that are not there are left out.

    Returns
    -------
    DataFrame
        As `row_values`; a name with several headings holds text (`first_filled`).
    """
    wanted: dict[str, nw.Expr] = {}
    several: dict[str, list[str]] = {}
    there = set(table.columns)
    for name, headings in columns.items():
        if isinstance(headings, str):
            wanted[name] = nw.col(headings)
        elif headings is not None:
            found = [heading for heading in headings if heading in there]
            several[name] = [f"{name} {at}" for at in range(len(found))]
            wanted |= dict(zip(several[name], map(nw.col, found), strict=True))
    rows = row_values(table, where, wanted)
    for name, aliases in several.items():
        rows[name] = first_filled(rows, aliases)
    return rows


def referral_key(rows: pd.DataFrame, names: Sequence[str]) -> pd.Series:
    """The values of several key columns as one text; NaN where one of them is blank."""
    key = as_text(rows[names[0]])
    for name in names[1:]:
        key = key.str.cat(as_text(rows[name]), sep="\x1f")
    return key


def referral_reasons(
    rows: pd.DataFrame, keys: Sequence[str], referrals: Referrals, teams: Sequence[str],
    tables: StudyTables,
) -> pd.Series:  # fmt: skip
    """Why the referral of each row sets the row aside; ``""`` where it does not.

    A referral with several teams counts where one of them is of a type in `teams`.
    """
    names = {f"key {at}": name for at, name in enumerate(referrals.keys)}
    columns: dict[str, Any] = {**names, "team": referrals.team_type}
    listed = read(tables.tables[referrals.table], (), columns)
    listed["key"] = referral_key(listed, list(names))
    listed["ours"] = listed["team"].str.strip().str.upper().isin(teams)
    listed = listed.dropna(subset=["key"])
    key = referral_key(rows, keys)
    ours = listed.groupby("key")["ours"].any()
    places = pd.MultiIndex.from_frame(listed[["key", SITE]])
    here = pd.MultiIndex.from_arrays([key, rows[SITE]]).isin(places)
    conditions = [key.isna(), ~key.isin(ours.index), ~here, ~key.map(ours).eq(True)]
    found = np.select(conditions, [NO_KEY, NO_REFERRAL, OTHER_SITE, OTHER_TEAM], "")
    return pd.Series(found, index=rows.index, dtype="str")


def ledger_entries(feature: str, table: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Count used rows and rows set aside by site, round and reason; they add up to `rows`."""
    outcome = rows[REASON].eq("").map({True: "used", False: "set aside"})
    counted = rows.assign(outcome=outcome).groupby([SITE, ROUND, "outcome", REASON]).size()
    entries = counted.rename("n").reset_index().rename(columns={SITE: "site", ROUND: "round"})
    return entries.assign(table=table, entry=f"feature {feature}")[LEDGER_COLUMNS]
