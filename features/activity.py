"""How routine activity divides: over functions, and over mechanisms of contact.

Routine data hardly record whole-school work, which these shares therefore do not show: they are
a proxy of how clinical the recorded work is, to be set beside surveys and returns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.activitychecks import activity_problems
from site_typology.features.contract import Builder, BuilderArgs, Built, Code, Estimate, place
from site_typology.features.gaps import gap_reasons
from site_typology.features.mhsds import (
    AMOUNT,
    ATTENDANCE_UNKNOWN,
    MONTH,
    NO_AMOUNT,
    NO_MECHANISM,
    NO_MONTH,
    NOT_ATTENDED,
    OTHER_TEAM,
    PART,
    REASON,
    Contacts,
    DropIns,
    Groups,
    Indirect,
    Referrals,
    ledger_entries,
    minutes_between,
    plain_code,
    read,
    referral_reasons,
)
from site_typology.features.selection import WEIGHT
from site_typology.features.shares import USED, Shares, count_shares, total_shares
from site_typology.features.tables import ROUND, SITE, StudyTables

SOURCES = {"direct": "contacts", "indirect": "indirect", "group": "groups", "drop_in": "drop_ins"}
"""Parts of the activity and the argument that names the table of each."""


class ActivityArgs(BuilderArgs):
    """What both builders of activity need."""

    referrals: Referrals = Field(description="Referrals with the type of team.")
    contacts: Contacts = Field(description="Care contacts (MHS201).")
    team_types: tuple[Code, ...] = Field(
        ("F01", "D05"), min_length=1, description="Types of team that count, together."
    )
    attended: tuple[Code, ...] = Field(
        ("5", "6"), min_length=1, description="Codes of a contact that took place."
    )
    count: Literal["minutes", "rows"] = Field(
        "minutes", description="Take shares of minutes, or of contacts and sessions."
    )

    @model_validator(mode="after")
    def _where_by_table(self) -> ActivityArgs:
        if self.where:
            raise ValueError("give where within the table that it chooses rows of.")
        return self


class ActivityMixArgs(ActivityArgs):
    """Arguments of `ActivityMix`."""

    indirect: Indirect | None = Field(None, description="Indirect activity (MHS204).")
    groups: Groups | None = Field(None, description="Group sessions (MHS301).")
    drop_ins: DropIns | None = Field(None, description="Drop-in contacts (MHS302).")

    @model_validator(mode="after")
    def _two_parts(self) -> ActivityMixArgs:
        if self.indirect is None and self.groups is None and self.drop_ins is None:
            raise ValueError("a mix needs 'indirect', 'groups' or 'drop_ins' beside 'contacts'.")
        return self


class ActivityMechanismArgs(ActivityArgs):
    """Arguments of `ActivityMechanism`."""

    count: Literal["minutes", "rows"] = Field(
        "rows", description="Take shares of contacts, or of minutes."
    )
    mechanisms: dict[str, tuple[Code, ...]] = Field(
        {"face_to_face": ("01",), "telephone": ("02",), "video": ("11",)},
        description="Mechanism = codes; any other code is 'other'.",
    )
    earlier: dict[str, tuple[Code, ...]] = Field(
        {"video": ("03",)}, description="Codes of a mechanism before change_month, where they were "
        "others.",
    )  # fmt: skip
    change_month: int = Field(1459, description="Reporting month from which mechanisms hold.")

    @model_validator(mode="after")
    def _known_mechanisms(self) -> ActivityMechanismArgs:
        if unknown := [name for name in self.earlier if name not in self.mechanisms]:
            raise ValueError(f"earlier names {unknown}, not among mechanisms.")
        if "other" in self.mechanisms:
            raise ValueError("'other' is what no mechanism has; leave it out of mechanisms.")
        for codes in (self.mechanisms, {**self.mechanisms, **self.earlier}):
            every = [code.lstrip("0") for wanted in codes.values() for code in wanted]
            if len(set(every)) < len(every):
                raise ValueError("a code stands in two mechanisms of the same months.")
        return self


class _Activity(Builder[Any]):
    """What both builders do with the rows that count."""

    kind: ClassVar[Kind] = "composition"
    family: ClassVar[str] = "orientation"
    takes_windows: ClassVar[bool] = True

    def problems(
        self, feature: FeatureDeclaration, args: ActivityArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check tables, headings and codes."""
        yield from activity_problems(feature, args, tables)

    def placed(
        self,
        feature: FeatureDeclaration,
        args: ActivityArgs,
        tables: StudyTables,
        rows: dict[str, pd.DataFrame],
        parts: tuple[str, ...],
    ) -> Built:
        """Make one feature of each part of the rows, and the ledger of each table."""
        everything = pd.concat(list(rows.values()), ignore_index=True)
        used = everything[everything[REASON] == ""]
        shares = monthly_shares(used, parts)
        ours = everything[REASON].isin(["", NO_MONTH, NO_AMOUNT, NO_MECHANISM])
        figures = {"coverage": len(used) / max(int(ours.sum()), 1)}
        unit = "minutes" if args.count == "minutes" else "contacts and sessions"
        infos, estimates = [], {}
        for at, part in enumerate(parts):
            name = f"{feature.name}.{part}"
            estimates[name] = Estimate(
                shares.index, shares.value[:, at], shares.standard_error[:, at], shares.n
            )
            infos.append(
                self.info(
                    feature,
                    source=f"{', '.join(rows)}: attended, of {', '.join(args.team_types)} in "
                    f"{args.referrals.table}",
                    definition=f"Share of recorded {unit} of team types "
                    f"{', '.join(args.team_types)}: contacts attended, by month; months are the "
                    "draws. Whole-school work is not recorded.",
                    name=name,
                    label=f"{feature.label or feature.name}: {part.replace('_', ' ')}",
                    composition=feature.name,
                    unit=f"share of {unit}",
                    range=(0.0, 1.0),
                    measurement=figures,
                )
            )
        contacts = args.contacts
        gaps = gap_reasons(feature, tables, tables.tables[contacts.table], (), contacts.where)
        entries = [ledger_entries(feature.name, name, own) for name, own in rows.items()]
        ledger = pd.concat(entries, ignore_index=True)
        return place(
            estimates, infos, tables, gaps, ledger=ledger, covariance=shares.covariance_frame
        )


class ActivityMix(_Activity):
    """Recorded activity by function: direct, indirect, group and drop-in."""

    name: ClassVar[str] = "activity_mix"
    Args: ClassVar[type[BuilderArgs]] = ActivityMixArgs

    def build(
        self, feature: FeatureDeclaration, args: ActivityMixArgs, tables: StudyTables
    ) -> Built:
        """Take the shares by site and round."""
        rows = {args.contacts.table: contact_rows(args, tables)}
        if args.indirect is not None:
            rows[args.indirect.table] = _indirect_rows(args, args.indirect, tables)
        if args.groups is not None:
            rows[args.groups.table] = _session_rows(args, args.groups, tables, "group")
        if args.drop_ins is not None:
            rows[args.drop_ins.table] = _session_rows(args, args.drop_ins, tables, "drop_in")
        parts = tuple(part for part, name in SOURCES.items() if getattr(args, name) is not None)
        return self.placed(feature, args, tables, rows, parts)


class ActivityMechanism(_Activity):
    """Attended contacts by mechanism: face to face, telephone, video, other."""

    name: ClassVar[str] = "activity_mechanism"
    Args: ClassVar[type[BuilderArgs]] = ActivityMechanismArgs

    def build(
        self, feature: FeatureDeclaration, args: ActivityMechanismArgs, tables: StudyTables
    ) -> Built:
        """Take the shares by site and round."""
        rows = contact_rows(args, tables)
        rows[PART] = mechanism_parts(rows, args)
        rows[REASON] = rows[REASON].where((rows[REASON] != "") | rows[PART].notna(), NO_MECHANISM)
        parts = (*args.mechanisms, "other")
        return self.placed(feature, args, tables, {args.contacts.table: rows}, parts)


def contact_rows(args: ActivityArgs, tables: StudyTables) -> pd.DataFrame:
    """Care contacts with their month, amount and mechanism, and why one does not count."""
    contacts = args.contacts
    keys = {f"key {at}": name for at, name in enumerate(contacts.keys)}
    rows = read(
        tables.tables[contacts.table],
        contacts.where,
        {
            **keys,
            "attended": contacts.attended,
            "mechanism": contacts.mechanism,
            MONTH: contacts.month,
            "minutes": contacts.minutes if args.count == "minutes" else None,
        },
    )
    reason = referral_reasons(rows, list(keys), args.referrals, _teams(args), tables)
    code = plain_code(rows["attended"])
    here = code.isin([attended.lstrip("0") for attended in args.attended])
    said = np.where(code.isna(), ATTENDANCE_UNKNOWN, np.where(here, "", NOT_ATTENDED))
    rows[REASON] = reason.where(reason != "", pd.Series(said, index=rows.index, dtype="str"))
    return _counted(rows, args, "direct")


def _indirect_rows(args: ActivityArgs, indirect: Indirect, tables: StudyTables) -> pd.DataFrame:
    keys = {f"key {at}": name for at, name in enumerate(indirect.keys)}
    minutes = indirect.minutes if args.count == "minutes" else None
    columns = {**keys, MONTH: indirect.month, "minutes": minutes}
    rows = read(tables.tables[indirect.table], indirect.where, columns)
    rows[REASON] = referral_reasons(rows, list(keys), args.referrals, _teams(args), tables)
    return _counted(rows, args, "indirect")


def _session_rows(
    args: ActivityArgs, source: Groups | DropIns, tables: StudyTables, part: str
) -> pd.DataFrame:
    """Sessions, which name no referral: the team's type stands in their own row."""
    columns: dict[str, Any] = {MONTH: source.month}
    if source.team_type:
        columns["team"] = source.team_type
    timed = isinstance(source, DropIns) and source.minutes is None
    if args.count == "minutes":
        if isinstance(source, DropIns) and source.minutes is None:
            columns |= {"start": source.start, "end": source.end}
        else:
            columns["minutes"] = source.minutes
    rows = read(tables.tables[source.table], source.where, columns)
    if timed and args.count == "minutes":
        rows["minutes"] = minutes_between(rows["start"], rows["end"])
    ours = pd.Series(True, index=rows.index)
    if source.team_type:
        ours = rows["team"].str.strip().str.upper().isin(_teams(args))
    rows[REASON] = ours.map({True: "", False: OTHER_TEAM}).astype("str")
    return _counted(rows, args, part)


def _teams(args: ActivityArgs) -> list[str]:
    return [code.strip().upper() for code in args.team_types]


def _counted(rows: pd.DataFrame, args: ActivityArgs, part: str) -> pd.DataFrame:
    """Add the part and the amount; a row without month or minutes does not count."""
    rows = rows.assign(**{PART: part})
    rows[AMOUNT] = rows["minutes"].astype(float) if args.count == "minutes" else 1.0
    unknown = np.select([rows[MONTH].isna(), rows[AMOUNT].isna()], [NO_MONTH, NO_AMOUNT], "")
    rows[REASON] = rows[REASON].where(rows[REASON] != "", unknown)
    return rows


def mechanism_parts(rows: pd.DataFrame, args: ActivityMechanismArgs) -> pd.Series:
    """The mechanism of each contact, by the codes of its month; NaN where none is recorded."""
    before = rows[MONTH] < args.change_month
    code = plain_code(rows["mechanism"])
    found = []
    for codes in ({**args.mechanisms, **args.earlier}, args.mechanisms):
        names = {each.lstrip("0"): name for name, wanted in codes.items() for each in wanted}
        found.append(code.map(names).fillna("other").where(code.notna()))
    return found[0].where(before, found[1]).astype("str")


def monthly_shares(used: pd.DataFrame, parts: tuple[str, ...]) -> Shares:
    """Shares of the parts by site and round, months being the draws; `n` counts the rows.

    A part without a row in a month is 0 there. Where no site has two months, the rows are the
    draws, weighted by their amounts.
    """
    spread = pd.DataFrame({part: used[AMOUNT].where(used[PART] == part, 0.0) for part in parts})
    rows = pd.concat([used[[SITE, ROUND, MONTH]], spread], axis=1)
    months = rows.groupby([SITE, ROUND, MONTH])[list(parts)].sum().reset_index()
    months = months.assign(**{WEIGHT: 1.0, USED: months[list(parts)].sum(axis=1) > 0})
    months[list(parts)] = months[list(parts)].where(months[USED], axis=0)
    counted = used.groupby([SITE, ROUND]).size()
    if not (months.groupby([SITE, ROUND])[USED].sum() > 1).any():
        rows = rows.assign(**{WEIGHT: 1.0, USED: spread.sum(axis=1) > 0})
        rows[list(parts)] = rows[list(parts)].where(rows[USED], axis=0)
        shares = count_shares(rows, parts)
    else:
        shares = total_shares(months, parts)
    n = counted.reindex(shares.index).to_numpy(dtype=float)
    return dataclasses.replace(shares, n=n)
