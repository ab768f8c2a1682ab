"""Two typologies compared: figures, numbers, flow, every site's fate, files and command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology import Typology
from site_typology.cli import main
from site_typology.comparison import STATUSES, Grouping, compare
from site_typology.comparison_files import summary, write_comparison
from site_typology.errors import StudyError


def grouping(title: str, kinds: dict[str, int | None], **names: str) -> Grouping:
    labels = pd.Series(kinds, dtype="Int64")
    return Grouping(
        title,
        labels,
        {int(number[1:]): name for number, name in names.items()},
        pd.Series(np.where(labels.isna(), np.nan, 0.9), labels.index),
        pd.Series(np.where(labels.isna(), "too few data", ""), labels.index),
    )


BEFORE = grouping(
    "2022", {"A": 1, "B": 1, "C": 1, "D": 2, "E": 2, "F": None, "G": 1}, t1="School", t2="Clinic"
)
AFTER = grouping(
    "2024",
    {"A": 2, "B": 2, "C": 3, "D": 1, "E": None, "F": 1, "H": 1},
    t1="Clinical",
    t2="Whole",
    t3="Rural",
)


def test_types_after_bear_the_numbers_of_those_they_share_most_with() -> None:
    found = compare(BEFORE, AFTER)
    assert found.numbers == {1: 2, 2: 1, 3: 3}
    assert found.after.names == {2: "Clinical", 1: "Whole", 3: "Rural"}


def test_the_matching_is_best_over_all_types_together() -> None:
    """Type by type, 1 would go to 1 (5 sites) and leave 2 with nothing; together 4 + 4 is more."""
    kinds = [(1, 1)] * 5 + [(1, 2)] * 4 + [(2, 1)] * 4
    sites = [f"S{at}" for at in range(len(kinds))]
    first = grouping("a", dict(zip(sites, (a for a, _ in kinds), strict=True)), t1="x", t2="y")
    second = grouping("b", dict(zip(sites, (b for _, b in kinds), strict=True)), t1="x", t2="y")
    assert compare(first, second).numbers == {1: 2, 2: 1}


def test_a_type_that_shares_no_site_gets_a_number_of_its_own() -> None:
    first = grouping("a", {"A": 1, "B": 1, "D": 2}, t1="x", t2="y")
    second = grouping("b", {"A": 1, "B": 1, "G": 2}, t1="x", t2="z")
    assert compare(first, second).numbers == {1: 1, 2: 3}


def test_figures_are_those_of_the_sites_placed_in_both() -> None:
    """A, B, C, D are: {A, B, C}, {D} against {A, B}, {C}, {D}, worked out by hand.

    One pair together in both, of 3 and 1 pairs: (1 - 3 * 1 / 6) / ((3 + 1) / 2 - 3 * 1 / 6) = 1/3.
    Mutual information is the entropy of {3, 1} out of 4, as the second refines the first.
    """
    figures = compare(BEFORE, AFTER).figures
    assert figures["sites_in_both"] == 6
    assert figures["placed_in_both"] == 4
    assert figures["adjusted_rand"] == pytest.approx(1 / 3)
    assert figures["mutual_information"] == pytest.approx(
        -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    )
    assert figures["same_type"] == pytest.approx(3 / 4)
    assert figures["adjusted_mutual_information"] < 1


def test_every_site_of_either_has_one_row_with_what_became_of_it() -> None:
    sites = compare(BEFORE, AFTER).sites.set_index("site")
    assert sites["status"].to_dict() == {
        "A": "same",
        "B": "same",
        "C": "changed",
        "D": "same",
        "E": "lost its type",
        "F": "gained a type",
        "G": "only in one",
        "H": "only in one",
    }
    assert set(sites["status"]) <= set(STATUSES)
    assert sites.loc["E", "to_reason"] == "too few data"
    assert sites.loc["G", "to_reason"] == "not among its sites"
    assert sites.loc["D", "own_number"] == 1
    assert sites.loc["D", "to_type"] == 2


def test_the_flow_counts_every_site_that_is_in_both() -> None:
    flow = compare(BEFORE, AFTER).flow
    assert flow["sites"].sum() == 6
    rows = {(row.from_type, row.to_type): row.sites for row in flow.itertuples()}
    assert rows == {(0, 2): 1, (1, 1): 2, (1, 3): 1, (2, 0): 1, (2, 2): 1}
    kept = flow[(flow["from_type"] == 1) & (flow["to_type"] == 1)]
    assert kept["share_of_from"].item() == pytest.approx(2 / 3)
    assert kept["share_of_to"].item() == 1.0


def test_sites_of_two_studies_that_have_none_in_common_are_refused() -> None:
    with pytest.raises(StudyError, match="No site is in both"):
        compare(BEFORE, grouping("other", {"X": 1, "Y": 2}, t1="x", t2="y"))


def test_a_side_without_types_has_no_agreement_and_says_so() -> None:
    none = grouping("thin", {"A": None, "B": None, "C": None})
    found = compare(BEFORE, none)
    assert np.isnan(found.figures["adjusted_rand"])
    assert "thin claims no types" in summary(found)
    assert found.to_dict()["figures"]["adjusted_rand"] is None


def test_files_escape_what_people_wrote_and_come_whole(tmp_path: Path) -> None:
    kinds = {"=1+1": 1, "<b>x</b>": 1, "C": 2}
    first = grouping("<i>old</i>", kinds, t1="<script>1</script>", t2="b")
    second = grouping("new", {**kinds, "C": 1}, t1="a", t2="b")
    write_comparison(tmp_path / "out", compare(first, second))
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "<script>" not in page
    assert "<i>old" not in page
    assert "<b>x" not in page
    assert "'=1+1" in (tmp_path / "out" / "sites.csv").read_text(encoding="utf-8")
    kept = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert kept["statuses"]["changed"] == 1
    picture = (tmp_path / "out" / "flow.svg").read_text(encoding="utf-8")
    assert "3 sites are in both, 1 of them not under the same type" in picture


def test_the_command_compares_a_run_with_one_of_its_candidates(
    typed: Typology, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = typed.save(tmp_path / "typology")
    candidate = next(item.name for item in typed.candidates if item.name.startswith("kmeans"))
    sides = [str(folder), f"{folder}#{candidate}", "--titles", "ours", "k-means"]
    with pytest.raises(SystemExit) as ended:
        main(["compare", *sides, "--json"])
    assert ended.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["before"], told["after"]) == ("ours", "k-means")
    assert sum(row["sites"] for row in told["flow"]) == len(typed.profiles.sites)


def test_a_candidate_that_is_not_there_is_named_with_those_that_are(
    typed: Typology, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = typed.save(tmp_path / "typology")
    with pytest.raises(SystemExit) as ended:
        main(["compare", str(folder), f"{folder}#magic"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "no candidate 'magic'" in said
    assert "kmeans/features/3" in said
