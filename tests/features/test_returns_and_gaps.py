"""Who answered, what is missing, and whom to ask again: small studies counted by hand."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.declaration import REASONS
from site_typology.features.chasing import NEXT_RETURNS, chase_list, prospects
from site_typology.features.findings import findings
from site_typology.features.missingcells import (
    ASK_AGAIN,
    ASK_FIRST,
    NOTHING,
    REMEDIES,
    missing_by,
    missing_cells,
)
from site_typology.features.returns import response_map, silent_sites, source_table
from site_typology.profiles import SiteProfiles
from site_typology.quality_page import quality_html
from site_typology.study import Study

SITES = ["A", "B", "C", "D", "E"]


def surveyed(
    values: list[float | None],
    errors: list[float],
    counts: list[float],
    eligible: list[float],
    reasons: dict[str, str] | None = None,
) -> SiteProfiles:
    """One feature of a table ``staff`` at five sites."""
    frame = pd.DataFrame({"wsa": values}, SITES, dtype=float)
    made = SiteProfiles.from_frame(
        frame, pd.DataFrame({"wsa": errors}, SITES), pd.DataFrame({"wsa": counts}, SITES)
    )
    why = made.reasons.copy()
    for site, reason in (reasons or {}).items():
        why.loc[(site, "all"), "wsa"] = reason
    response = pd.DataFrame(
        {
            "table": "staff",
            "site": SITES,
            "round": "all",
            "eligible": eligible,
            "responded": [0 if np.isnan(n) else int(n) for n in counts],
        }
    )
    info = dataclasses.replace(made.features[0], source="staff: q1, q2")
    return SiteProfiles(
        made.values, made.standard_errors, made.counts, why, [info], None, None, response
    )


@pytest.fixture
def profiles() -> SiteProfiles:
    """Error 1/sqrt(n) (1 - n/N): one informant has variance 1; E was asked and nobody answered."""
    n, asked = np.array([1.0, 2, 4, 9]), np.array([10.0, 10, 8, 9])
    errors = np.sqrt((1 - n / asked) / n)
    return surveyed([1.0, 3.0, 5.0, 7.0, None], [*errors, np.nan], [*n, np.nan], [*asked, 6.0])


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(REASONS)
    assert REMEDIES["suppressed"] == REMEDIES["structurally absent"] == NOTHING
    assert REMEDIES["not answered"] == ASK_AGAIN and REMEDIES["not asked"] == ASK_FIRST


def test_rates_and_people_left() -> None:
    response = pd.DataFrame(
        {
            "table": "staff",
            "site": ["A", "B", "C", "D"],
            "round": "1",
            "eligible": [4.0, 0.0, np.nan, 2.0],
            "responded": [1, 0, 3, 3],
        }
    )
    found = response_map(response).set_index("site")
    assert found["rate"].tolist() == pytest.approx([0.25, np.nan, np.nan, 1.5], nan_ok=True)
    assert found["left"].tolist() == pytest.approx([3, 0, np.nan, 0], nan_ok=True)


def test_a_site_is_silent_only_where_somebody_was_asked() -> None:
    response = pd.DataFrame(
        {
            "table": ["staff"] * 3 + ["heads"] * 3,
            "site": ["A", "B", "C"] * 2,
            "round": ["1"] * 3 + ["all"] * 3,
            "eligible": [4.0, 0.0, np.nan, 1.0, 0.0, np.nan],
            "responded": [0, 0, 0, 1, 0, 0],
        }
    )
    assert silent_sites(response_map(response), "1") == ["C"]
    assert silent_sites(response_map(response), "2") == ["C"]  # heads stand for every round


def test_a_site_whose_number_of_returns_is_withheld_is_not_silent() -> None:
    response = pd.DataFrame(
        [("staff", "A", "1", 4.0, 0.0), ("staff", "B", "1", np.nan, np.nan)],
        columns=["table", "site", "round", "eligible", "responded"],
    )
    assert silent_sites(response_map(response), "1") == ["A"]


def test_the_longest_table_name_wins() -> None:
    assert source_table("staff: q1", ["heads", "staff"]) == "staff"
    assert source_table("staffing: q1", ["staff"]) == ""


def test_missing_cells_are_counted_by_site_feature_and_reason() -> None:
    frame = pd.DataFrame({"a": [1.0, None, None], "b": [None, 2.0, None]}, ["A", "B", "C"])
    made = SiteProfiles.from_frame(frame)
    why = made.reasons.copy()
    why.loc[("C", "all"), "b"] = "suppressed"
    made = SiteProfiles(made.values, reasons=why)
    cells = missing_cells(made)
    assert len(cells) == 4
    by_site = missing_by(cells, "site").set_index("site")
    assert by_site.loc["C", ["cells", "to_chase"]].tolist() == [2, 1]
    assert by_site.loc["C", "reasons"] == {"not answered": 1, "suppressed": 1}
    assert missing_by(cells, "feature")["cells"].tolist() == [2, 2]
    with pytest.raises(ValueError, match="found 'colour'"):
        missing_by(cells, "colour")


def test_a_complete_study_has_no_missing_cell() -> None:
    cells = missing_cells(SiteProfiles.from_frame(pd.DataFrame({"a": [1.0, 2.0]}, ["A", "B"])))
    assert cells.empty and missing_by(cells, "site").empty


def test_what_more_returns_would_do_is_as_computed_by_hand(profiles: SiteProfiles) -> None:
    response = response_map(profiles.response)
    found = prospects(profiles, response)["wsa"]
    errors = profiles.standard_errors["wsa"].to_numpy()[:4]
    signal = np.var([1, 3, 5, 7], ddof=1) - np.mean(errors**2)
    known = signal / (signal + errors**2)
    assert found.known.tolist() == pytest.approx([*known, 0.0])
    # A: 4 of 10; B: 5 of 10; C: 7 of 8; D: everybody answered; E: 3 of 6 at variance 1 each.
    later = np.array([0.6 / 4, 0.5 / 5, (1 / 8) / 7, 0.0, 0.5 / 3])
    assert found.known_next.tolist() == pytest.approx(list(signal / (signal + later)))
    assert found.known_all.tolist() == pytest.approx([1.0] * 5)
    assert found.reliability_next == pytest.approx(signal / (signal + later.mean()))
    assert NEXT_RETURNS == 3


def test_the_site_without_an_answer_comes_first_and_the_complete_one_is_not_asked(
    profiles: SiteProfiles,
) -> None:
    response = response_map(profiles.response)
    chase = chase_list(profiles, response, prospects(profiles, response))
    assert chase["site"].tolist() == ["E", "A", "B", "C"]
    assert (np.diff(chase["gain"]) <= 0).all()
    assert chase["left"].tolist() == [6, 9, 8, 4]


def test_a_site_where_the_feature_cannot_exist_is_not_chased(profiles: SiteProfiles) -> None:
    n, asked = np.array([1.0, 2, 4, 9]), np.array([10.0, 10, 8, 9])
    absent = surveyed(
        [1.0, 3.0, 5.0, 7.0, None],
        [*np.sqrt((1 - n / asked) / n), np.nan],
        [*n, np.nan],
        [*asked, 6.0],
        {"E": "structurally absent"},
    )
    response = response_map(absent.response)
    chase = chase_list(absent, response, prospects(absent, response))
    assert "E" not in set(chase["site"])


def test_without_eligible_numbers_nobody_is_ranked(profiles: SiteProfiles) -> None:
    unknown = profiles.response.assign(eligible=np.nan)
    response = response_map(unknown)
    found = prospects(profiles, response)
    assert found == {} and chase_list(profiles, response, found).empty


def test_the_ranking_does_not_depend_on_the_unit(profiles: SiteProfiles) -> None:
    response = response_map(profiles.response)
    first = chase_list(profiles, response, prospects(profiles, response))
    scaled = SiteProfiles(
        profiles.values * 1000,
        profiles.standard_errors * 1000,
        profiles.counts,
        profiles.reasons,
        profiles.features,
        None,
        None,
        profiles.response,
    )
    second = chase_list(scaled, response, prospects(scaled, response))
    pd.testing.assert_frame_equal(first, second)


def test_what_builds_types_comes_before_a_larger_gain_of_what_only_describes(
    profiles: SiteProfiles,
) -> None:
    """The same figures from pupils, who only describe, but with more to gain at every site."""
    both = SiteProfiles(
        profiles.values.assign(pupils=profiles.values["wsa"]),
        profiles.standard_errors.assign(pupils=2 * profiles.standard_errors["wsa"]),
        profiles.counts.assign(pupils=profiles.counts["wsa"]),
        profiles.reasons.assign(pupils=profiles.reasons["wsa"]),
        [
            profiles.features[0],
            dataclasses.replace(
                profiles.features[0], name="pupils", source="pupils: q1", use="evaluate"
            ),
        ],
        None,
        None,
        pd.concat([profiles.response, profiles.response.assign(table="pupils")]),
    )
    response = response_map(both.response)
    chase = chase_list(both, response, prospects(both, response))
    assert chase["use"].tolist() == ["build"] * 4 + ["evaluate"] * 4
    assert chase["rank"].tolist() == list(range(1, 9))
    assert chase["gain"].iloc[4] > chase["gain"].iloc[3]
    only = response[response["table"] == "pupils"].assign(table="staff", left=0.0)
    nobody = pd.concat([only, response[response["table"] == "pupils"]])
    chase = chase_list(both, nobody, prospects(both, nobody))
    assert set(chase["use"]) == {"evaluate"}


WHERE = """
[study]
name = "made"
sites = "sites"
[tables.sites]
path = "sites.csv"
site = "site"
[tables.pupils]
path = "pupils.csv"
role = "survey"
site = "site"
where = [{ column = "short", values = ["0"] }]
[[features]]
name = "view"
builder = "mean"
args = { table = "pupils", column = "q" }
"""


@pytest.mark.parametrize("eligible", [False, True])
def test_rows_left_out_on_purpose_are_nothing_to_chase(tmp_path: Path, eligible: bool) -> None:
    """G filled in a booklet without the question; H was asked and is silent; at I some did both."""
    rows = [f"{site},{at % 4 + 1},0" for at, site in enumerate("ABCDEF" * 3)]
    rows += ["G,,1", "G,,1", "I,2,0", "I,3,0", "I,,1"]
    (tmp_path / "pupils.csv").write_text("\n".join(["site,q,short", *rows]) + "\n")
    asked = {"G": 2, "H": 4}
    (tmp_path / "sites.csv").write_text(
        "site,asked\n" + "".join(f"{site},{asked.get(site, 5)}\n" for site in "ABCDEFGHI")
    )
    said = 'eligible = { table = "sites", column = "asked" }\n[[features]]'
    (tmp_path / "study.toml").write_text(
        WHERE.replace("[[features]]", said, 1) if eligible else WHERE
    )
    assessment = Study.load(tmp_path / "study.toml").assess()
    response = assessment.response.set_index("site")
    assert response["left_out"].to_dict() == dict.fromkeys("ABCDEFHI", 0) | {"G": 2}
    assert assessment.silent == ("H",)
    remedy = assessment.missing.set_index("site")["remedy"]
    assert remedy["G"] == NOTHING and remedy["H"] != NOTHING
    if eligible:
        assert response["left"].to_dict() == dict.fromkeys("ABCDEF", 2.0) | {"G": 0, "H": 4, "I": 3}
        assert "G" not in set(assessment.chase["site"]) and "H" in set(assessment.chase["site"])
    said = {found.section: found for found in findings(assessment)}["response"]
    assert "The study leaves out all rows of pupils at G." in said.found
    assert "nobody at 1 site" in said.found or not eligible
    page = quality_html(assessment, title="made")
    assert page.count(">left out<") == 1
