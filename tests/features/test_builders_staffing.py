"""Staffing by the definitions of the field: heads, leavers, stability, vacancies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles

WINDOW = ["2021-01-01", "2021-12-31"]
COLUMNS = {"table": "staff", "person": "id", "start": "from", "end": "to"}
ENDED = {"column": "why", "values": ["End of fixed term"]}


def rate(name: str, **args) -> dict:
    return {"name": name, "builder": name, "args": {**COLUMNS, "window": WINDOW, **args}}


RATES = [rate("stability_index"), rate("leaver_rate"), rate("joiner_rate")]


def staff(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["site", "id", "from", "to", "why"])


def others(site: str = "Z") -> list[tuple]:
    """A second site, so that features vary: four in post, two of whom leave and one joins."""
    return [
        (site, f"{site}1", "2019-01-01", None, None),
        (site, f"{site}2", "2019-01-01", None, None),
        (site, f"{site}3", "2019-01-01", "2021-05-05", "Moved"),
        (site, f"{site}4", "2019-01-01", "2021-06-05", "Moved"),
        (site, f"{site}5", "2021-06-05", None, None),
    ]


def values(profiles, site: str = "A") -> dict[str, float]:
    return profiles.values.loc[(site, "all")].to_dict()


def test_one_leaver_of_eight_moves_the_rate_by_an_eighth(study):
    rows = [("A", f"p{at}", "2020-01-01", None, None) for at in range(7)]
    rows += [
        ("A", "p7", "2020-01-01", "2021-03-31", "Moved"),
        ("A", "new", "2021-04-01", None, None),
    ]
    profiles = build_profiles(study({"staff": staff(*rows, *others())}, RATES))
    assert values(profiles) == {
        "stability_index": 0.875,
        "leaver_rate": 0.125,
        "joiner_rate": 0.125,
    }
    # Z: 4 at the start, 3 at the end.
    assert values(profiles, "Z") == pytest.approx(
        {"stability_index": 0.5, "leaver_rate": 2 / 3.5, "joiner_rate": 1 / 3.5}
    )
    errors = profiles.standard_errors.loc[("A", "all")]
    # With two sites the other is worth 2 units: the rate of both is 3.5 / 11.5 with half a count.
    assert errors["leaver_rate"] == pytest.approx(np.sqrt(8 * 3 / (8 + 2 / (3.5 / 11.5))) / 8)
    p = (7 + 2 * 9.5 / 13) / 10
    assert errors["stability_index"] == pytest.approx(np.sqrt(p * (1 - p) / 8))
    assert profiles.counts.loc[("Z", "all")].tolist() == [4, 3.5, 3.5]


def test_stability_ignores_those_who_join_and_leave_inside_the_window(study):
    rows = [("A", f"p{at}", "2020-01-01", None, None) for at in range(4)]
    rows += [("A", "brief", "2021-02-01", "2021-06-01", "Moved")]
    profiles = build_profiles(study({"staff": staff(*rows, *others())}, RATES))
    assert values(profiles) == {"stability_index": 1.0, "leaver_rate": 0.25, "joiner_rate": 0.25}


def test_two_assignments_are_one_head_and_a_move_inside_is_no_leaver(study):
    rows = [
        ("A", "two", "2020-01-01", None, None),
        ("A", "two", "2020-06-01", None, None),
        ("A", "mover", "2020-01-01", "2021-03-31", "Promoted"),
        ("A", "mover", "2021-03-31", None, None),
        ("A", "back", "2020-01-01", "2021-03-31", "Break"),
        ("A", "back", "2021-09-01", None, None),
    ]
    profiles = build_profiles(study({"staff": staff(*rows, *others())}, RATES))
    assert values(profiles) == {"stability_index": 1.0, "leaver_rate": 0.0, "joiner_rate": 0.0}
    assert profiles.counts.loc[("A", "all"), "stability_index"] == 3
    assert profiles.standard_errors.loc[("A", "all"), "leaver_rate"] > 0


def test_a_move_to_another_site_leaves_one_and_joins_the_other(study):
    rows = [
        ("A", "stays", "2020-01-01", None, None),
        ("A", "mover", "2020-01-01", "2021-03-31", "Moved"),
        ("B", "mover", "2021-04-01", None, None),
        ("B", "there", "2020-01-01", None, None),
    ]
    profiles = build_profiles(study({"staff": staff(*rows)}, RATES))
    assert values(profiles, "A")["leaver_rate"] == pytest.approx(1 / 1.5)
    assert values(profiles, "B")["joiner_rate"] == pytest.approx(1 / 1.5)


def test_trainees_whose_term_ends_are_not_leavers(study):
    rows = [
        ("A", "p1", "2020-01-01", None, None),
        ("A", "p2", "2020-01-01", "2021-12-31", "Moved"),
        ("A", "trainee", "2020-01-01", "2021-12-31", "End of fixed term"),
        ("A", "qualified", "2020-01-01", "2021-08-31", "End of fixed term"),
        ("A", "qualified", "2021-09-01", None, None),
        ("A", "left_later", "2020-01-01", "2021-08-31", "End of fixed term"),
        ("A", "left_later", "2021-09-01", "2021-11-30", "Moved"),
    ]
    features = [
        rate("stability_index", not_leavers=ENDED),
        rate("leaver_rate", not_leavers=ENDED),
        {**rate("leaver_rate"), "name": "all_ends"},
    ]
    steady = ("Y", "y1", "2019-01-01", None, None)
    profiles = build_profiles(study({"staff": staff(*rows, *others(), steady)}, features))
    found = values(profiles)
    # 5 at the start, 2 at the end; p2 and left_later leave, the trainee finishes.
    assert found["leaver_rate"] == pytest.approx(2 / 3.5)
    assert found["all_ends"] == pytest.approx(3 / 3.5)
    assert found["stability_index"] == pytest.approx(2 / 4)


def test_heads_at_the_end_are_heads_at_the_start_and_joiners_without_leavers(study):
    rng = np.random.default_rng(11)
    n = 400
    start = pd.Timestamp("2019-06-01") + pd.to_timedelta(rng.integers(0, 1200, n), unit="D")
    end = start + pd.to_timedelta(rng.integers(1, 900, n), unit="D")
    rows = pd.DataFrame(
        {
            "site": rng.choice(list("ABCDE"), n), "id": rng.integers(0, 250, n).astype(str),
            "from": start.strftime("%d/%m/%Y"), "why": "Moved",
            "to": np.where(rng.random(n) < 0.3, None, end.strftime("%Y-%m-%d")),
        }
    )  # fmt: skip
    profiles = build_profiles(study({"staff": rows}, RATES))
    base, mean = profiles.counts["stability_index"], profiles.counts["leaver_rate"]
    at_end = 2 * mean - base
    moved = (profiles.values["joiner_rate"] - profiles.values["leaver_rate"]) * mean
    np.testing.assert_allclose(at_end, base + moved)


def test_a_window_for_each_round(study):
    windows = {"r1": ["2020-01-01", "2020-12-31"], "r2": WINDOW}
    rows = staff(
        *others("A"), ("B", "x", "2019-01-01", "2020-02-02", "Moved"),
        ("B", "y", "2019-01-01", None, None), ("C", "late", "2022-06-01", None, None),
    )  # fmt: skip
    features = [rate("leaver_rate", window=windows), rate("joiner_rate", window={"r2": WINDOW})]
    profiles = build_profiles(
        study({"staff": rows}, features, rounds=["r1", "r2"], sites=list("ABCD"))
    )
    table = profiles.values["leaver_rate"].unstack("round")
    assert table.loc["A"].tolist() == pytest.approx([0, 2 / 3.5])
    assert table.loc["B"].tolist() == pytest.approx([1 / 1.5, 0])
    assert profiles.reasons["leaver_rate"].loc[("C", "r2")] == "not applicable"
    assert profiles.reasons["leaver_rate"].loc[("D", "r2")] == "not asked"
    assert profiles.reasons["joiner_rate"].loc[("A", "r1")] == "not asked"


def test_vacancies_of_funded_posts(study):
    rows = staff(
        ("A", "p1", "2020-01-01", None, None),
        ("A", "p1", "2020-01-01", "2021-12-31", None),
        ("A", "p2", "2021-12-31", None, None),
        ("A", "p3", "2022-01-01", None, None),
        ("B", "p4", "2020-01-01", None, None),
        ("C", "p5", "2020-01-01", None, None),
    ).assign(fte=[0.6, 0.4, 0.9, 1.0, 1.5, 1.0])
    funded = pd.DataFrame({"site": list("AABC"), "posts": [1.0, 1.5, 1.2, np.nan]})
    feature = {
        "name": "vacant",
        "builder": "vacancy_rate",
        "args": {
            "table": "staff", "fte": "fte", "start": "from", "end": "to", "at": "2021-12-31",
            "funded": {"table": "posts", "column": "posts"},
        },
    }  # fmt: skip
    reasons = {"posts": pd.DataFrame({"posts": ["", "", "", "suppressed"]})}
    profiles = build_profiles(study({"staff": rows, "posts": funded}, [feature], reasons=reasons))
    # A: 1.5 of 2.5 in post (the second assignment ended that day); B has more than is funded.
    assert profiles.values["vacant"].tolist()[:2] == pytest.approx([0.4, -0.25])
    assert profiles.reasons["vacant"].loc[("C", "all")] == "suppressed"
    assert (profiles.standard_errors["vacant"].dropna() > 0).all()


def test_vacancy_is_unknown_where_a_post_has_no_funding_figure(study):
    rows = pd.DataFrame(
        {"site": list("AB"), "fte": [4.0, 4.0], "from": "2020-01-01", "to": None}
    ).astype({"to": "str"})
    funded = pd.DataFrame({"site": list("AAB"), "posts": [10.0, None, 5.0]})
    feature = {
        "name": "vacant",
        "builder": "vacancy_rate",
        "args": {
            "table": "staff", "fte": "fte", "start": "from", "end": "to", "at": "2021-12-31",
            "funded": {"table": "posts", "column": "posts"},
        },
    }  # fmt: skip
    reasons = {"posts": pd.DataFrame({"posts": ["", "suppressed", ""]})}
    profiles = build_profiles(study({"staff": rows, "posts": funded}, [feature], reasons=reasons))
    assert profiles.values["vacant"].isna().tolist() == [True, False]
    assert profiles.values["vacant"].iloc[1] == pytest.approx(0.2)
    assert profiles.reasons["vacant"].tolist() == ["suppressed", ""]


def test_dates_and_people_that_cannot_be_right_are_refused(study):
    rows = staff(
        ("A", "p1", "2020-01-01", "2019-01-01", None),
        ("A", "p2", None, None, None),
        ("A", None, "soon", None, None),
    )
    bad = rate("leaver_rate", not_leavers={"column": "why", "values": ["Retired"]})
    bad["args"]["window"] = {"r9": WINDOW}
    turned = {**rate("joiner_rate", window=WINDOW[::-1])}
    with pytest.raises(StudyError) as caught:
        build_profiles(study({"staff": rows}, [bad, turned]))
    text = str(caught.value)
    assert "'to' stands before 'from' in table 'staff', row 1" in text
    assert "1 assignment of table 'staff' has no 'from' (row 2)" in text
    assert "must hold dates such as 2021-09-30 or 30/09/2021; found 'soon' in row 3" in text
    assert "Column 'id' of table 'staff' is empty in row 3" in text
    assert "'r9' is no round of the study. Rounds: 'all'" in text
    assert "'Retired' matches no value of column 'why'" in text
    assert "A window is [from, to]" in text


def test_the_remedy_for_missing_starts_works(study):
    rows = staff(("A", "p2", None, None, None), ("A", "p1", "2020-01-01", None, None), *others())
    remedy = [{"column": "from", "values": [""], "negate": True}]
    profiles = build_profiles(study({"staff": rows}, [rate("leaver_rate", where=remedy)]))
    assert values(profiles) == {"leaver_rate": 0.0}
