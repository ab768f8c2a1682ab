"""Activity in the shape of MHSDS: joins, team types, attendance, mechanisms, the ledger."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import site_typology
from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles

KEYS = ["RecordNumber", "UniqServReqID"]
REFERRALS = pd.DataFrame(
    [
        ("A", "r1", "s1", "F01"), ("A", "r2", "s2", "C02"), ("A", "r3", "s3", "D05"),
        ("A", "r3", "s3", "C02"), ("B", "r4", "s4", "F01"), ("B", "r5", "s5", None),
    ],
    columns=["site", *KEYS, "ServTeamTypeRefToMH"],
)  # fmt: skip
CONTACTS = pd.DataFrame(
    [
        # Before month 1459 video is 03; from it 11.
        ("A", "r1", "s1", 1458, "5", "01", 60.0), ("A", "r1", "s1", 1458, "6", "03", 30.0),
        ("A", "r3", "s3", 1459, "5", "11", 45.0), ("A", "r3", "s3", 1459, "5", "03", 15.0),
        ("A", "r1", "s1", 1459, "3", "01", 50.0), ("A", "r1", "s1", 1459, None, "01", 50.0),
        ("A", "r2", "s2", 1459, "5", "01", 99.0), ("A", "r1", "s2", 1459, "5", "01", 99.0),
        ("A", "r1", "s1", 1459, "5", "02", None), ("A", "r4", "s4", 1459, "5", "01", 9.0),
        ("B", "r4", "s4", 1458, "5", "01", 40.0), ("B", "r4", "s4", 1459, "5", None, 20.0),
        ("B", "r5", "s5", 1459, "5", "01", 20.0), ("B", None, "s5", 1459, "5", "01", 20.0),
        ("B", "r4", "s4", None, "5", "01", 20.0),
    ],
    columns=[
        "site", *KEYS, "UniqMonthID", "AttendOrDNACode", "ConsMechanismMH", "ClinContDurOfCareCont",
    ],
)  # fmt: skip
INDIRECT = pd.DataFrame(
    [("A", "r1", "s1", 1458, 30.0), ("A", "r2", "s2", 1459, 70.0), ("B", "r4", "s4", 1459, 60.0)],
    columns=["site", *KEYS, "UniqMonthID", "DurationIndirectAct"],
)
GROUPS = pd.DataFrame(
    [("A", "F01", 1459, 90.0), ("A", "C02", 1459, 90.0), ("B", "d05", 1458, 80.0)],
    columns=["site", "ServTeamTypeRefToMH", "UniqMonthID", "ClinContDurOfGroupSess"],
)
DROP_INS = pd.DataFrame(
    [("A", "F01", 1459, "09:30:00", "10:00:00"), ("B", "F01", 1459, "23:50", "00:10"),
     ("B", "F01", 1459, "soon", "10:00")],
    columns=[
        "site", "MHDropInContactServiceType", "UniqMonthID",
        "StartTimeDropInContact", "EndTimeDropInContact",
    ],
)  # fmt: skip
FRAMES = {
    "referrals": REFERRALS, "contacts": CONTACTS, "indirect": INDIRECT, "groups": GROUPS,
    "drop_ins": DROP_INS,
}  # fmt: skip
TABLES = {name: {"table": name} for name in FRAMES}
MIX = {"name": "activity", "builder": "activity_mix", "args": TABLES}
HOW = {
    "name": "how",
    "builder": "activity_mechanism",
    "args": {name: TABLES[name] for name in ("referrals", "contacts")},
}


def with_args(feature, **args):
    return {**feature, "args": {**feature["args"], **args}}


def aside(profiles, table, feature="activity"):
    ledger = profiles.ledger
    own = ledger[(ledger["table"] == table) & (ledger["entry"] == f"feature {feature}")]
    return {(row.site, row.reason): row.n for row in own.itertuples() if row.n}


def test_minutes_by_function_of_our_teams_attended_contacts(study):
    profiles = build_profiles(study(FRAMES, [MIX]))
    values = profiles.values.droplevel("round")
    # A: 60 + 30 + 45 + 15 minutes of contacts, 30 indirect, a group of 90, half an hour of drop-in.
    whole = 150 + 30 + 90 + 30
    assert values.loc["A"].tolist() == pytest.approx(
        [150 / whole, 30 / whole, 90 / whole, 30 / whole]
    )
    # B: 40 + 20, 60, 80 (the type in small letters) and 20 minutes over midnight.
    assert values.loc["B"].tolist() == pytest.approx([60 / 220, 60 / 220, 80 / 220, 20 / 220])
    assert profiles.counts["activity.direct"].tolist() == [4 + 1 + 1 + 1, 2 + 1 + 1 + 1]
    assert list(values.columns) == [
        f"activity.{p}" for p in ("direct", "indirect", "group", "drop_in")
    ]
    info = profiles.info("activity.direct")
    assert (info.kind, info.composition, info.family) == ("composition", "activity", "orientation")


def test_every_row_is_in_the_ledger_with_its_reason(study):
    profiles = build_profiles(study(FRAMES, [MIX]))
    assert aside(profiles, "contacts") == {
        ("A", ""): 4, ("A", "not attended"): 1, ("A", "attendance not recorded"): 1,
        ("A", "another team type"): 1, ("A", "linked to no referral"): 1, ("A", "no minutes"): 1,
        ("A", "referral at another site"): 1, ("B", ""): 2, ("B", "another team type"): 1,
        ("B", "no referral named"): 1, ("B", "no reporting month"): 1,
    }  # fmt: skip
    assert aside(profiles, "drop_ins") == {("A", ""): 1, ("B", ""): 1, ("B", "no minutes"): 1}
    assert aside(profiles, "groups")[("A", "another team type")] == 1
    # Of rows of our teams that took place, those without month or minutes are not covered.
    assert profiles.info("activity.direct").measurement["coverage"] == pytest.approx(12 / 15)


def test_windows_of_rounds_choose_the_activity_of_each_round(study):
    starts = {1458.0: "2021-09-01", 1459.0: "2021-10-01"}
    frames = {
        name: frame.assign(starts=frame["UniqMonthID"].map(starts))
        if "UniqMonthID" in frame
        else frame
        for name, frame in FRAMES.items()
    }
    days = {"1": ["2021-09-01", "2021-09-30"], "2": ["2021-10-01", "2021-10-31"]}
    where = [{"column": "starts", "window": days}]
    names = ("contacts", "indirect", "groups", "drop_ins")
    mix = with_args(MIX, **{name: {"table": name, "where": where} for name in names})
    profiles = build_profiles(study(frames, [mix], rounds=["1", "2"]))
    # A in 1458: 60 + 30 minutes of contacts and 30 indirect; in 1459: 45 + 15, 90 and 30.
    assert profiles.values.loc[("A", "1")].tolist() == pytest.approx([0.75, 0.25, 0, 0])
    assert profiles.values.loc[("A", "2")].tolist() == pytest.approx([60 / 180, 0, 0.5, 30 / 180])


def test_video_is_another_code_from_month_1459(study):
    profiles = build_profiles(study(FRAMES, [HOW]))
    values = profiles.values.droplevel("round")
    # A: face to face 1; video 03 in 1458 and 11 in 1459; 03 in 1459 is other; telephone 1.
    assert values.loc["A"].tolist() == pytest.approx([0.2, 0.2, 0.4, 0.2])
    assert values.loc["B"].tolist() == [1, 0, 0, 0]
    assert aside(profiles, "contacts", "how")[("B", "no mechanism")] == 1
    later = build_profiles(study(FRAMES, [with_args(HOW, change_month=1500)]))
    assert later.values.droplevel("round").loc["A"].tolist() == pytest.approx([0.2, 0.2, 0.4, 0.2])
    minutes = build_profiles(study(FRAMES, [with_args(HOW, count="minutes")]))
    assert minutes.values["how.video"].iloc[0] == pytest.approx((30 + 45) / 150)


def test_version_six_and_a_stack_of_both_give_the_same(study):
    old = build_profiles(study(FRAMES, [MIX, HOW]))
    renamed = {"AttendOrDNACode": "AttendStatus", "ServTeamTypeRefToMH": "ServTeamTypeMH"}
    new = {name: frame.rename(columns=renamed) for name, frame in FRAMES.items()}
    assert build_profiles(study(new, [MIX, HOW])).values.equals(old.values)
    half = CONTACTS["UniqMonthID"] < 1459
    stacked = pd.concat([CONTACTS[half], new["contacts"][~half]])
    both = {**FRAMES, "contacts": stacked}
    assert build_profiles(study(both, [MIX, HOW])).values.equals(old.values)
    unpadded = CONTACTS.assign(ConsMechanismMH=CONTACTS["ConsMechanismMH"].astype(float))
    assert build_profiles(study({**FRAMES, "contacts": unpadded}, [HOW])).values.equals(
        old.values[[f"how.{p}" for p in ("face_to_face", "telephone", "video", "other")]]
    )


def test_every_heading_can_be_mapped(study):
    names = {"RecordNumber": "rec", "UniqServReqID": "req", "ServTeamTypeRefToMH": "team"}
    contacts = {"UniqMonthID": "month", "AttendOrDNACode": "came", "ConsMechanismMH": "by",
                "ClinContDurOfCareCont": "spent"}  # fmt: skip
    frames = {
        "r": REFERRALS.rename(columns=names),
        "c": CONTACTS.rename(columns={**names, **contacts}),
        "i": INDIRECT.rename(columns={**names, "UniqMonthID": "m", "DurationIndirectAct": "d"}),
        "g": GROUPS.rename(columns={"ClinContDurOfGroupSess": "length"}),
    }
    keys = ["rec", "req"]
    args = {
        "referrals": {"table": "r", "keys": keys, "team_type": "team"},
        "contacts": {"table": "c", "keys": keys, "attended": "came", "month": "month",
                     "mechanism": "by", "minutes": "spent"},
        "indirect": {"table": "i", "keys": keys, "month": "m", "minutes": "d"},
        "groups": {"table": "g", "minutes": "length"},
    }  # fmt: skip
    mapped = build_profiles(study(frames, [{**MIX, "args": args}]))
    without = {name: TABLES[name] for name in ("referrals", "contacts", "indirect", "groups")}
    assert mapped.values.equals(build_profiles(study(FRAMES, [{**MIX, "args": without}])).values)


def test_every_group_counts_where_no_team_type_is_asked(study):
    args = {"groups": {"table": "groups", "team_type": []}}
    profiles = build_profiles(study(FRAMES, [with_args(MIX, **args)]))
    assert profiles.values["activity.group"].iloc[0] == pytest.approx(180 / 390)


def test_rows_instead_of_minutes(study):
    profiles = build_profiles(study(FRAMES, [with_args(MIX, count="rows")]))
    # The contact without minutes counts too, and so does the drop-in that names no time.
    assert profiles.values.droplevel("round").loc["A"].tolist() == pytest.approx(
        [5 / 8, 1 / 8, 1 / 8, 1 / 8]
    )
    assert profiles.values["activity.drop_in"].iloc[1] == pytest.approx(2 / 6)


def test_a_site_without_activity_has_a_reason(study):
    profiles = build_profiles(study(FRAMES, [MIX], sites=["A", "B", "C"]))
    assert profiles.reasons.loc[("C", "all"), "activity.direct"] == "not asked"
    assert profiles.values.loc[("C", "all")].isna().all()


def test_a_study_without_activity_that_counts_has_gaps(study):
    contacts = {"table": "contacts", "where": [{"column": "UniqMonthID", "range": [1, 2]}]}
    declared = {
        "name": "how", "builder": "activity_mechanism",
        "args": {"referrals": {"table": "referrals"}, "contacts": contacts},
    }  # fmt: skip
    profiles = build_profiles(study(FRAMES, [declared]))
    assert profiles.values.isna().all(axis=None)


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_order_of_rows_and_unit_of_minutes_do_not_matter(study, seed):
    rng = np.random.default_rng(seed)
    expected = build_profiles(study(FRAMES, [MIX, HOW]))
    shuffled = {
        name: frame.iloc[rng.permutation(len(frame))].reset_index(drop=True)
        for name, frame in FRAMES.items()
        if name != "drop_ins"
    }
    shuffled["drop_ins"] = DROP_INS
    found = build_profiles(study(shuffled, [MIX, HOW]))
    pd.testing.assert_frame_equal(found.values, expected.values, rtol=1e-9)
    pd.testing.assert_frame_equal(found.standard_errors, expected.standard_errors, rtol=1e-9)
    hours = {name: MIX["args"][name] for name in ("referrals", "contacts", "indirect", "groups")}
    in_minutes = build_profiles(study(FRAMES, [{**MIX, "args": hours}]))
    frames = {
        "referrals": REFERRALS,
        "contacts": CONTACTS.assign(ClinContDurOfCareCont=CONTACTS["ClinContDurOfCareCont"] / 60),
        "indirect": INDIRECT.assign(DurationIndirectAct=INDIRECT["DurationIndirectAct"] / 60),
        "groups": GROUPS.assign(ClinContDurOfGroupSess=GROUPS["ClinContDurOfGroupSess"] / 60),
    }
    in_hours = build_profiles(study(frames, [{**MIX, "args": hours}]))
    pd.testing.assert_frame_equal(in_hours.values, in_minutes.values, rtol=1e-9)


def test_intervals_of_shares_cover_the_truth(study):
    """200 sites of 12 months: coverage of nominal 95 % intervals, Monte Carlo error .015."""
    rng = np.random.default_rng(5)
    sites, months = 200, 12
    truth = rng.uniform(0.3, 0.7, sites)
    at = np.repeat(np.arange(sites), months)
    level = rng.lognormal(0, 0.2, (2, len(at)))
    site, month = at.astype(str), np.tile(np.arange(1459, 1459 + months), sites).astype(float)
    shared = {"site": site, "RecordNumber": [f"{s} {m}" for s, m in zip(site, month, strict=True)],
              "UniqServReqID": site, "UniqMonthID": month}  # fmt: skip
    frames = {
        "referrals": pd.DataFrame(shared).assign(ServTeamTypeMH="F01"),
        "contacts": pd.DataFrame(shared).assign(
            AttendStatus="5", ClinContDurOfCareCont=3000 * truth[at] * level[0]
        ),
        "indirect": pd.DataFrame(shared).assign(
            DurationIndirectAct=3000 * (1 - truth[at]) * level[1]
        ),
    }
    feature = {**MIX, "args": {name: {"table": name} for name in frames}}
    names = [str(number) for number in range(sites)]
    profiles = build_profiles(study(frames, [feature], sites=names))
    error = np.abs(profiles.values["activity.direct"].to_numpy() - truth)
    covered = (error <= 1.96 * profiles.standard_errors["activity.direct"].to_numpy()).mean()
    assert covered == pytest.approx(0.95, abs=0.035)


def test_one_month_has_the_error_of_its_rows(study):
    frames = {name: FRAMES[name] for name in ("referrals", "contacts", "indirect")}
    frames = {
        name: frame.assign(UniqMonthID=1459) if name != "referrals" else frame
        for name, frame in frames.items()
    }
    feature = {**MIX, "args": {name: {"table": name} for name in frames}}
    profiles = build_profiles(study(frames, [feature]))
    assert (profiles.standard_errors["activity.direct"] > 0.05).all()


def test_what_is_wrong_with_an_extract_is_said_at_once(study):
    wrong = {
        **MIX,
        "args": {
            "referrals": {"table": "referrals", "team_type": "team"},
            "contacts": {"table": "contacts", "keys": ["RecordNumber"], "minutes": "duration"},
            "indirect": {"table": "indirectly"},
            "groups": {"table": "groups", "month": "ServTeamTypeRefToMH"},
            "attended": ["7"],
        },
    }
    other = with_args(HOW, team_types=["F02"])
    where = with_args(HOW, where=[{"column": "site", "values": ["A"]}])
    doubled = with_args(HOW, mechanisms={"a": ["01"], "b": ["1"]}, earlier={"c": ["2"]})
    features = [
        {**each, "name": name}
        for name, each in zip("abcd", (wrong, other, where, doubled), strict=True)
    ]
    with pytest.raises(StudyError) as caught:
        build_profiles(study(FRAMES, features))
    text = "\n".join(f"{each.where}: {each.message}" for each in caught.value.problems)
    for said in (
        "features.a.referrals.team_type: Table 'referrals' (referrals.csv) has no column 'team'",
        "features.a.contacts.keys: Has 1 columns, referrals.keys 2",
        "Column 'duration' is not in table 'contacts'",
        "features.a.indirect.table: There is no table 'indirectly'. Did you mean 'indirect'",
        "Column 'ServTeamTypeRefToMH' of table 'groups' must hold numbers",
        "No row of table 'contacts' has '7' in 'AttendStatus', 'AttendOrDNACode'",
        "No row of table 'referrals' has 'F02'",
        "Give where within the table",
        "Earlier names ['c'], not among mechanisms",
    ):
        assert said in text, text


@pytest.mark.parametrize("engine", ["pandas", "polars", "duckdb"])
def test_files_link_contacts_to_sites_through_their_referral(tmp_path, engine):
    """As a study file declares it: one key finds the site, both keys find the team."""
    for name in ("referrals", "contacts", "indirect", "groups"):
        frame = FRAMES[name]
        if name in ("contacts", "indirect"):
            frame = frame[frame["UniqServReqID"] != "s2"].drop(columns="site")
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    pd.DataFrame({"site": ["A", "B"]}).to_csv(tmp_path / "sites.csv", index=False)
    link = 'link = { table = "referrals", on = "UniqServReqID" }'
    tables = {"sites": 'site = "site"', "referrals": 'site = "site"', "groups": 'site = "site"',
              "contacts": link, "indirect": link}  # fmt: skip
    text = '[study]\nname = "files"\nsites = "sites"\n'
    for name, place in tables.items():
        text += f'[tables.{name}]\npath = "{name}.csv"\n{place}\n'
    text += '[[features]]\nname = "activity"\nbuilder = "activity_mix"\n[features.args]\n'
    for name in ("referrals", "contacts", "indirect", "groups"):
        text += f'{name} = {{ table = "{name}" }}\n'
    (tmp_path / "study.toml").write_text(text)
    profiles = site_typology.Study.load(tmp_path / "study.toml", engine=engine).profiles()
    # The contact of r4 that claimed to be at site A belongs to B now, with its nine minutes.
    assert profiles.values["activity.direct"].tolist() == pytest.approx([150 / 270, 69 / 209])
