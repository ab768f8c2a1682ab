"""Declared rules of the staffing builders, each on a table small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles

WINDOW = ["2021-01-01", "2021-12-31"]
BASE = {"table": "staff", "person": "id", "start": "from", "end": "to"}
COLUMNS = ["site", "id", "from", "to", "role", "kind", "status", "employer", "fte"]
EMHP = [{"column": "role", "values": ["EMHP"]}]
SITES = list("ABZ")


def feature(name: str, builder: str, **args) -> dict:
    windowed = {} if "at" in args else {"window": WINDOW}
    return {"name": name, "builder": builder, "args": {**BASE, **windowed, **args}}


def person(site, who, start, end=None, **more) -> dict:
    base = {"role": "EMHP", "kind": "Permanent", "status": "Active", "employer": "T", "fte": 1.0}
    return {**base, "site": site, "id": who, "from": start, "to": end, **more}


def built(study, rows: list[dict], features: list[dict], **more):
    """Profiles with a third site, so that features vary: four in post, one leaves, two join."""
    other = [person("Z", f"z{at}", "2018-01-01", fte=0.5 + at / 10) for at in range(3)]
    other += [person("Z", "z3", "2019-01-01", "2021-03-03", kind="Fixed term")]
    other += [person("Z", f"n{at}", "2021-02-01", kind="Fixed term") for at in range(2)]
    frame = pd.DataFrame([*rows, *other], columns=COLUMNS)
    return build_profiles(study({"staff": frame, **more}, features, sites=SITES))


def at_a(profiles) -> dict[str, float]:
    return profiles.values.loc[("A", "all")].to_dict()


def aside(profiles, name: str) -> dict[str, int]:
    ledger = profiles.ledger
    own = ledger[(ledger["entry"] == f"feature {name}") & (ledger["site"] == "A")]
    assert (own["outcome"] == "set aside").all()
    return dict(zip(own["reason"], own["n"], strict=True))


# --- Published figures -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "leavers", "end", "rate", "stability"),
    [(3098, 316, 3164, 0.101, 0.898), (3145, 217, 3333, 0.067, 0.931)],
    ids=["nurses", "doctors"],
)
def test_published_leaver_rate_and_stability_index_agree(
    study, start, leavers, end, rate, stability
):
    """NHS Digital figures, September 2018 to 2019 (written answer 112582, House of Commons, 31
    January 2022): nurses, 31,628 leavers, 10.1 % and 89.8 %; doctors, 4,340, 6.7 % and 93.1 %.

    The two figures of a group imply its headcounts: leavers / (1 - index) at the start, and twice
    leavers / rate less that at the end; here at 1 to 100 and 1 to 20.
    """
    rows = [person("A", f"s{at}", "2015-01-01") for at in range(start - leavers)]
    rows += [person("A", f"l{at}", "2015-01-01", "2021-06-01") for at in range(leavers)]
    rows += [person("A", f"j{at}", "2021-07-01") for at in range(end - start + leavers)]
    features = [feature("rate", "leaver_rate"), feature("index", "stability_index")]
    found = at_a(built(study, rows, features))
    assert round(found["rate"], 3) == rate
    assert round(found["index"], 3) == stability
    assert found["rate"] + found["index"] != pytest.approx(1.0, abs=5e-4)
    # NHS Education for Scotland divides by those at the start instead: 1 - stability index.
    assert leavers / start == pytest.approx(1 - found["index"])


# --- Who counts ------------------------------------------------------------------------------


def test_bank_staff_are_left_out_and_counted_in_the_ledger(study):
    rows = [
        person("A", "p1", "2020-01-01"),
        person("A", "p2", "2020-01-01", "2021-05-05"),
        person("A", "b1", "2020-01-01", "2021-05-05", kind="Bank"),
        person("A", "b2", "2021-02-01", kind="Bank"),
        person("A", "old", "2019-01-01", "2020-05-05"),
    ]
    bank = {"column": "kind", "values": ["Bank"]}
    features = [feature("without", "leaver_rate", bank=bank), feature("with", "leaver_rate")]
    profiles = built(study, rows, features)
    assert at_a(profiles) == pytest.approx({"without": 1 / 1.5, "with": 2 / 2.5})
    assert aside(profiles, "without") == {"bank staff": 2, "at another time": 1}
    assert aside(profiles, "with") == {"at another time": 1}
    info = profiles.features[0]
    assert "Bank staff ('Bank') are left out." in info.definition


def test_every_row_is_used_or_set_aside(study):
    rows = [
        person("A", "p1", "2020-01-01"),
        person("A", "p2", "2020-01-01", role="Supervisor"),
        person("A", "p3", "2020-01-01", kind="Bank", role="Supervisor"),
        person("A", "p4", "2023-01-01"),
    ]
    bank = {"column": "kind", "values": ["Bank"]}
    for builder, args in (
        ("joiner_rate", {}),
        ("retention", {"months": 6, "since": "window"}),
        ("median_tenure", {"at": "2021-06-30"}),
    ):
        profiles = built(study, rows, [feature("f", builder, bank=bank, where=EMHP, **args)])
        expected = {"not of the population": 1, "bank staff": 1, "at another time": 1}
        assert aside(profiles, "f") == expected


@pytest.mark.parametrize(("counts_as", "rate"), [("in post", 1 / 2.5), ("absent", 1 / 1.5)])
@pytest.mark.parametrize(
    ("rule", "status", "words"),
    [("secondment", "Seconded out", "The seconded"), ("career_break", "Break", "career break")],
)
def test_the_seconded_and_those_on_a_break_count_as_declared(
    study, counts_as, rate, rule, status, words
):
    rows = [
        person("A", "p1", "2020-01-01"),
        person("A", "p2", "2020-01-01", "2021-05-05"),
        person("A", "away", "2020-01-01", status=status),
    ]
    declared = {rule: {"column": "status", "values": [status], "counts_as": counts_as}}
    profiles = built(study, rows, [feature("f", "leaver_rate", **declared)])
    assert at_a(profiles)["f"] == pytest.approx(rate)
    assert words in profiles.features[0].definition
    assert f"count as {counts_as}." in profiles.features[0].definition


def test_one_who_goes_on_a_career_break_has_left_unless_declared_otherwise(study):
    rows = [
        person("A", "p1", "2020-01-01"),
        person("A", "p2", "2020-01-01", "2021-05-05"),
        person("A", "p2", "2021-05-05", status="Break"),
    ]
    rule = {"column": "status", "values": ["Break"]}
    features = [
        feature("national", "leaver_rate", career_break={**rule, "counts_as": "absent"}),
        feature("in_post", "leaver_rate", career_break={**rule, "counts_as": "in post"}),
    ]
    assert at_a(built(study, rows, features)) == pytest.approx({"national": 1 / 1.5, "in_post": 0})


def test_a_short_break_is_no_leaving(study):
    rows = [
        person("A", "p1", "2020-01-01"),
        person("A", "back", "2020-01-01", "2021-12-20"),
        person("A", "back", "2022-01-09"),
    ]
    features = [
        feature("strict", "leaver_rate"),
        feature("loose", "leaver_rate", gap_days=20),
        feature("less", "leaver_rate", gap_days=19),
        feature("tenure", "median_tenure", at="2022-02-01", gap_days=20),
    ]
    found = at_a(built(study, rows, features))
    assert found == pytest.approx(
        {"strict": 1 / 1.5, "loose": 0.0, "less": 1 / 1.5, "tenure": 762 * 12 / 365.25}
    )


# --- Scope -----------------------------------------------------------------------------------


def test_a_move_inside_the_employer_is_neither_leaving_nor_joining(study):
    rows = [
        person("A", "stays", "2020-01-01"),
        person("A", "moves", "2020-01-01", "2021-03-31"),
        person("B", "moves", "2021-03-31"),
        person("A", "changes", "2020-01-01", "2021-03-31"),
        person("B", "changes", "2021-03-31", employer="U"),
        person("A", "moves_and_leaves", "2020-01-01", "2021-03-31"),
        person("B", "moves_and_leaves", "2021-03-31", "2021-09-30"),
    ]
    names = ("leaver_rate", "joiner_rate", "stability_index")
    profiles = built(study, rows, [feature(name, name, scope=["employer"]) for name in names])
    # A: 4 at the start, 1 at the end; only `changes` leaves from there.
    assert at_a(profiles) == pytest.approx(
        {"leaver_rate": 1 / 2.5, "joiner_rate": 0.0, "stability_index": 2 / 4}
    )
    # B: 0 at the start, 2 at the end; `changes` joins the other employer.
    at_b = profiles.values.loc[("B", "all")]
    assert at_b["leaver_rate"] == pytest.approx(1 / 1)
    assert at_b["joiner_rate"] == pytest.approx(1 / 1)
    assert np.isnan(at_b["stability_index"])
    assert "Leaving means leaving the employer" in profiles.features[0].definition


def test_leaving_a_role_at_the_site(study):
    rows = [
        person("A", "p1", "2020-01-01"),
        person("A", "p2", "2020-01-01", "2021-03-31"),
        person("A", "p2", "2021-03-31", role="Supervisor"),
    ]
    features = [
        feature("whole", "leaver_rate"),
        feature("role", "leaver_rate", scope=["site", "role"]),
        feature("emhp", "leaver_rate", where=EMHP),
        feature("emhp_stay", "leaver_rate", where=EMHP, other_posts="stay"),
        feature("index", "stability_index", where=EMHP, other_posts="stay"),
    ]
    found = at_a(built(study, rows, features))
    assert found == pytest.approx(
        {"whole": 0.0, "role": 1 / 2, "emhp": 1 / 1.5, "emhp_stay": 0.0, "index": 1.0}
    )


# --- FTE -------------------------------------------------------------------------------------


def test_rates_in_fte(study):
    rows = [
        person("A", "p1", "2020-01-01", fte=1.0),
        person("A", "two", "2020-01-01", "2021-05-05", fte=0.2),
        person("A", "two", "2020-01-01", "2021-06-05", fte=0.4),
        person("A", "p3", "2020-01-01", fte=0.8),
        person("A", "new", "2021-07-01", "2021-09-01", fte=0.5),
        person("A", "late", "2021-07-01", fte=0.6),
    ]
    names = ("leaver_rate", "joiner_rate", "stability_index", "leavers_per_year")
    features = [feature(name, name, measure="fte", fte="fte") for name in names]
    profiles = built(study, rows, features)
    # 2.4 FTE at the start and at the end; the last 0.4 of `two` and 0.5 of `new` leave.
    at_start, at_end = 2.4, 2.4
    days = 364 * 1.8 + 124 * 0.2 + 155 * 0.4 + 62 * 0.5 + 183 * 0.6
    assert at_a(profiles) == pytest.approx(
        {
            "leaver_rate": 0.9 / ((at_start + at_end) / 2),
            "joiner_rate": 1.1 / ((at_start + at_end) / 2),
            "stability_index": 1.8 / 2.4,
            "leavers_per_year": 0.9 / (days / 365.25),
        }
    )
    assert (profiles.standard_errors.loc[("A", "all")] > 0).all()
    # Kish's effective number of the three people at the start.
    effective = 2.4**2 / (1.0**2 + 0.6**2 + 0.8**2)
    assert profiles.counts.loc[("A", "all"), "stability_index"] == pytest.approx(effective)
    assert "In FTE." in profiles.features[0].definition


def test_fte_of_one_for_all_is_heads(study):
    rng = np.random.default_rng(5)
    start = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, 60), unit="D")
    rows = [
        person(site, f"{site}{at}", str(day.date()), str((day + pd.Timedelta(days=400)).date()))
        for at, (site, day) in enumerate(zip(rng.choice(SITES, 60), start, strict=True))
    ]
    rows += [person("A", "x", "2020-01-01"), person("B", "y", "2020-01-01")]
    for name in ("leaver_rate", "joiner_rate", "stability_index", "leavers_per_year"):
        heads, fte = feature("heads", name), feature("fte", name, measure="fte", fte="fte")
        frame = pd.DataFrame(rows, columns=COLUMNS)
        profiles = build_profiles(study({"staff": frame}, [heads, fte]))
        np.testing.assert_allclose(profiles.values["heads"], profiles.values["fte"])
        np.testing.assert_allclose(
            profiles.standard_errors["heads"], profiles.standard_errors["fte"]
        )


def test_an_unknown_fte_leaves_the_site_without_a_value(study):
    rows = [person("A", "p1", "2020-01-01", fte=np.nan), person("B", "p2", "2020-01-01")]
    features = [
        feature("f", "stability_index", measure="fte", fte="fte"),
        feature("h", "stability_index"),
    ]
    profiles = built(study, rows, features)
    assert np.isnan(at_a(profiles)["f"])
    assert at_a(profiles)["h"] == 1.0
    assert profiles.reasons.loc[("A", "all"), "f"] == "not answered"


# --- On a date -------------------------------------------------------------------------------


def test_temporary_share_by_heads_and_by_fte(study):
    rows = [
        person("A", "p1", "2020-01-01", fte=0.5),
        person("A", "p2", "2020-01-01", kind="Fixed term", fte=1.0),
        person("A", "both", "2020-01-01", kind="Fixed term", fte=0.3),
        person("A", "both", "2020-01-01", fte=0.2),
        person("A", "gone", "2020-01-01", "2021-06-30", kind="Fixed term"),
        person("A", "unknown", "2020-01-01", kind=None),
        person("A", "bank", "2020-01-01", kind="Bank"),
    ]
    rules = {
        "at": "2021-06-30",
        "temporary": {"column": "kind", "values": ["Fixed term"]},
        "bank": {"column": "kind", "values": ["Bank"]},
    }
    features = [
        feature("heads", "temporary_share", **rules),
        feature("fte", "temporary_share", measure="fte", fte="fte", **rules),
    ]
    profiles = built(study, rows, features)
    assert at_a(profiles) == pytest.approx({"heads": 1 / 3, "fte": 1.3 / 2.0})
    effective = 2.0**2 / (0.5**2 + 1.0**2 + 0.5**2)
    assert profiles.counts.loc[("A", "all")].tolist() == pytest.approx([3, effective])
    assert aside(profiles, "heads") == {
        "contract not known": 1, "bank staff": 1, "at another time": 1,
    }  # fmt: skip


def test_median_tenure_of_those_in_post(study):
    rows = [
        person("A", "p1", "2020-06-30"),
        person("A", "p2", "2019-06-30", "2021-01-01"),
        person("A", "p2", "2021-01-02", role="Supervisor"),
        person("A", "p3", "2021-03-30"),
        person("A", "gone", "2010-01-01", "2021-06-30"),
    ]
    features = [
        feature("whole", "median_tenure", at="2021-06-30"),
        feature("role", "median_tenure", at="2021-06-30", scope=["site", "role"]),
    ]
    profiles = built(study, rows, features)
    month = 365.25 / 12
    assert at_a(profiles) == pytest.approx({"whole": 365 / month, "role": 179 / month})
    assert profiles.counts.loc[("A", "all"), "whole"] == 3
    assert profiles.reasons.loc[("B", "all"), "whole"] == "not asked"


def test_vacancies_of_supervisors_in_heads_and_fte(study):
    rows = [
        person("A", "s1", "2020-01-01", role="Supervisor", fte=0.6),
        person("A", "s1", "2020-01-01", role="Supervisor", fte=0.2),
        person("A", "p1", "2020-01-01"),
        person("B", "s2", "2020-01-01", role="Supervisor"),
        person("Z", "s3", "2020-01-01", role="Supervisor"),
    ]
    posts = pd.DataFrame(
        {
            "site": list("AABZ"), "role": ["Supervisor", "EMHP", "Supervisor", "Supervisor"],
            "fte": [2.0, 4.0, 1.0, 1.0], "heads": [4.0, 4, 1, 1],
        }
    )  # fmt: skip
    supervisors = [{"column": "role", "values": ["Supervisor"]}]
    shared = {"table": "staff", "start": "from", "end": "to", "at": "2021-06-30"}
    features = [
        {
            "name": column,
            "builder": "vacancy_rate",
            "args": {
                **shared, "fte": "fte", "person": "id", "measure": column, "where": supervisors,
                "funded": {"table": "posts", "column": column, "where": supervisors},
            },
        }
        for column in ("fte", "heads")
    ]  # fmt: skip
    profiles = built(study, rows, features, posts=posts)
    assert at_a(profiles) == pytest.approx({"fte": 1.2 / 2.0, "heads": 3 / 4})


@pytest.mark.parametrize(
    ("counts_as", "heads", "fte"), [("in post", 3, 1.0 + 0.5 + 0.8), ("absent", 1, 1.0)]
)
def test_vacancies_by_the_rules_for_bank_secondment_and_breaks(study, counts_as, heads, fte):
    rows = [
        person("A", "p1", "2020-01-01"),
        person("A", "bank", "2020-01-01", kind="Bank"),
        person("A", "lent", "2020-01-01", status="Seconded out", fte=0.5),
        person("A", "break", "2020-01-01", status="Break", fte=0.8),
        person("A", "gone", "2020-01-01", "2021-06-30"),
    ]
    posts = pd.DataFrame({"site": list("AZ"), "funded": [4.0, 8.0]})
    declared = {
        **BASE,
        "fte": "fte",
        "at": "2021-06-30",
        "funded": {"table": "posts", "column": "funded"},
        "bank": {"column": "kind", "values": ["Bank"]},
        "secondment": {"column": "status", "values": ["Seconded out"], "counts_as": counts_as},
        "career_break": {"column": "status", "values": ["Break"], "counts_as": counts_as},
    }
    features = [
        {"name": measure, "builder": "vacancy_rate", "args": {**declared, "measure": measure}}
        for measure in ("heads", "fte")
    ]
    profiles = built(study, rows, features, posts=posts)
    assert at_a(profiles) == pytest.approx({"heads": (4 - heads) / 4, "fte": (4 - fte) / 4})
    expected = {"bank staff": 1, "at another time": 1}
    if counts_as == "absent":
        expected |= {"on secondment": 1, "on career break": 1}
    assert aside(profiles, "heads") == aside(profiles, "fte") == expected
    assert f"The seconded ('Seconded out') count as {counts_as}." in profiles.features[0].definition


# --- Refusals --------------------------------------------------------------------------------


def test_rules_that_cannot_hold_are_refused(study):
    rows = [person("A", "p1", "2020-01-01")]
    wrong = feature(
        "f",
        "leaver_rate",
        scope=["team"],
        bank={"column": "kind", "values": ["Agency"]},
        secondment={"column": "stat", "values": ["Out"], "counts_as": "absent"},
    )
    no_fte = feature("g", "stability_index", measure="fte")
    backwards = feature("h", "retention", months=-1)
    no_person = {
        "name": "v",
        "builder": "vacancy_rate",
        "args": {
            "table": "staff", "start": "from", "end": "to", "at": "2021-06-30",
            "measure": "heads", "funded": {"table": "staff"},
        },
    }  # fmt: skip
    with pytest.raises(StudyError) as caught:
        built(study, rows, [wrong, no_fte, backwards, no_person])
    text = " ".join(str(caught.value).split())
    assert "features.f.scope Column 'team' is not in table 'staff'" in text
    assert "features.f.bank 'Agency' matches no value of column 'kind'" in text
    assert "features.f.secondment Column 'stat' is not in table 'staff'" in text
    assert "Measure = 'fte' needs 'fte'" in text
    assert "greater than 0" in text
    assert "needs 'person'" in text
