"""The specification curve: agreement, companions, the table, the picture and the report."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import adjusted_rand_score

from site_typology.figure_canvas import render
from site_typology.figures_specifications import specification_drawing
from site_typology.grid import Choices, Facts, Grid, Laid, as_proposed, lay_out
from site_typology.grid_material import GridSource, evidence_sites, feature_sets
from site_typology.grid_runs import Fitted, GridRun, expected_seconds, run_grid
from site_typology.report import report_html
from site_typology.report_specifications import specification_content
from site_typology.specification_agreement import (
    kept_companions,
    mean_with_others,
    pairwise_agreement,
)
from site_typology.specification_choices import comparable
from site_typology.specification_curve import (
    COLUMNS,
    SITE_COLUMNS,
    SpecificationCurve,
    specification_curve,
)

# --- Agreement -------------------------------------------------------------------------------


def test_agreement_is_the_adjusted_rand_index_over_the_sites_both_place():
    rng = np.random.default_rng(1)
    first, second = rng.integers(0, 4, size=(6, 25)), rng.integers(0, 3, size=(5, 25))
    found = pairwise_agreement(first, second)
    for i, j in np.ndindex(found.shape):
        both = (first[i] > 0) & (second[j] > 0)
        assert found[i, j] == pytest.approx(adjusted_rand_score(first[i, both], second[j, both]))


def test_agreement_of_what_cannot_be_compared():
    none, one, every = np.zeros((1, 3), int), np.ones((1, 3), int), np.array([[1, 2, 3]])
    assert np.isnan(pairwise_agreement(none, one)).all()
    assert pairwise_agreement(one, one) == pairwise_agreement(every, every) == 1.0
    assert pairwise_agreement(one, every) == 0.0


def test_mean_agreement_leaves_out_oneself_and_what_has_none():
    pairs = np.array([[1.0, 0.5, np.nan], [0.5, 1.0, 0.1], [np.nan, 0.1, 1.0]])
    assert mean_with_others(pairs).tolist() == pytest.approx([0.5, 0.3, 0.1])


def test_companions_worked_by_hand():
    # Site 0 has companions 1, 2 in the proposal; here 1, 3; site 4 is placed by neither pair.
    own, other = np.array([[1, 1, 1, 2, 0]]), np.array([[2, 2, 1, 2, 1]])
    assert kept_companions(other, own, 0).item() == pytest.approx(1 / 3)
    alone = np.array([[1, 2, 2, 2, 2]])
    assert kept_companions(alone, alone, 0).item() == 1.0
    assert kept_companions(alone, own, 0).item() == 0.0
    assert np.isnan(kept_companions(other, own, 4).item())
    # Only sites that both place count: of companions 1, 2 in the proposal, 2 has no place here.
    assert kept_companions(np.array([[1, 1, 0, 2, 1]]), own, 0).item() == 1.0


# --- The whole -------------------------------------------------------------------------------

GRID = Grid(
    links=["working", "plain"],
    missing=["plausible", "mean", "complete"],
    algorithms=["mixture", "ward", "hdbscan"],
    k=[2, 3],
    draws=3,
    bootstraps=3,
)


@pytest.fixture(scope="module")
def tried(typed_profiles):
    sets = feature_sets(GRID, typed_profiles.features)
    sites = evidence_sites(typed_profiles, 1 / 3, 400, 5)
    source = GridSource({"declared": typed_profiles}, sets, sites, GRID, 1 / 3, 3, 0.05, 5)
    laid = lay_out(GRID, list(sets), (2, 3), Facts(), 5)
    return source, laid, run_grid(source, laid.listed)


@pytest.fixture(scope="module")
def curve(tried, typed):
    source, laid, run = tried
    return specification_curve(run, laid, source.sites, typed.labels, typed.evidence.p_value)


@pytest.fixture(scope="module")
def unclaimed(tried):
    source, laid, run = tried
    return specification_curve(run, laid, source.sites, None, 0.5)


def test_the_table_has_every_specification_and_its_figures(curve, tried):
    table = curve.table
    assert tuple(table.columns) == COLUMNS and len(table) == len(tried[1].listed) == 2 * 3 * 5
    assert table["k"].isin(["2", "3", "auto"]).all()
    assert table["as_proposed"].sum() == 2
    assert table[table["k"] != "auto"]["stability"].notna().all()
    assert set(table["null_test"]) == {"of the proposal", "not run"}
    assert table["p_value"].notna().equals(table["null_test"] == "of the proposal")
    complete = table["missing"] == "complete"
    assert (table[complete]["sites"] < table[~complete]["sites"].min()).all()
    assert (table["compared"] <= table["placed"]).all()


def test_three_types_far_apart_survive_every_choice_but_their_number(curve, typed):
    table = curve.table
    assert (table[(table["k"] == "3")]["agreement"] == 1).all()
    assert (table[table["k"] == "2"]["agreement"] < 0.7).all()
    assert max(curve.explained, key=curve.explained.get) == "k"
    assert curve.k == typed.k == 3
    assert curve.metrics["specification_agreement_median_at_k"] == 1.0
    assert curve.metrics["specifications"] == 30


def test_sites_keep_their_companions(curve, typed):
    sites = curve.sites
    assert tuple(sites.columns) == SITE_COLUMNS
    labels = sites.set_index("site")["type"]
    assert labels.equals(typed.labels.rename_axis("site").reindex(labels.index))
    assert (sites["kept"] > 0.6).all() and (sites["kept"] < 1).all()
    assert sites["specifications"].between(12, 30).all()


def test_without_a_claim_specifications_are_compared_with_each_other(unclaimed, curve):
    content = unclaimed.to_dict()
    assert content["agreement_with"] == "the other specifications"
    assert unclaimed.sites["type"].isna().all() and unclaimed.explained_at_k == {}
    assert "specification_agreement_median_at_k" not in unclaimed.metrics
    assert unclaimed.table["agreement"].between(0, 1).all()
    assert not unclaimed.table["agreement"].equals(curve.table["agreement"])


def test_the_json_has_the_figures_of_the_table(curve):
    content = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert content["specifications"] == 30 and content["not_fitted"] == 0
    assert content["median_agreement"] == curve.table["agreement"].median()
    links = [row for row in content["levels"] if row["choice"] == "link"]
    assert [row["level"] for row in links] == ["working", "plain"]
    assert sum(row["specifications"] for row in links) == 30
    assert any("hdbscan" in why for why in content["left_out"])


def test_the_picture_says_in_words_what_it_shows(curve, unclaimed):
    for made, whom in ((curve, "the proposal"), (unclaimed, "the other specifications")):
        svg = render("specifications", specification_drawing(made))
        assert svg.startswith("<svg") and f"30 specifications with {whom}" in svg
        assert "Gaps and errors, median agreement: plausible values" in svg
        assert svg == render("specifications", specification_drawing(made))
        assert ">Response weights<" not in svg  # One level only.
    assert "Agreement with" in svg


def test_the_report_has_a_section_of_its_own(curve, unclaimed, typed):
    explanation = typed.explain(seed=1)
    drawn = {"specifications": render("specifications", specification_drawing(curve))}
    page = report_html(typed, explanation, figures=drawn, curve=curve)
    assert 'id="specifications"' in page and 'href="#specifications"' in page
    assert "30 specifications were fitted." in page and "specifications-title" in page
    assert "find as many types as the proposal (3)" in page
    assert "combinations left out: hdbscan with each k" in page
    other = report_html(typed, explanation, figures={}, curve=unclaimed)
    assert "no proposal to agree with" in other
    assert 'id="specifications"' not in report_html(typed, explanation, figures={})


def test_a_specification_without_a_result_says_why(tried, typed):
    source, laid, run = tried
    few = {
        one: (fitted if one.missing != "complete" else type(fitted)(
            (0,) * len(source.sites), 4, np.nan, np.nan, np.nan, "4 sites are left."
        ))
        for one, fitted in run.fitted.items()
    }  # fmt: skip
    made = specification_curve(
        GridRun(few, {}), laid, source.sites, typed.labels, typed.evidence.p_value
    )
    blank = made.table[made.table["missing"] == "complete"]
    assert len(blank) == 10 and blank["agreement"].isna().all()
    assert (blank["reason"] == "4 sites are left.").all()
    assert made.to_dict()["not_fitted"] == 10
    words = specification_content(made)["words"][0]
    assert words.startswith("20 specifications were fitted; 10 more have no result. ")
    page = report_html(typed, typed.explain(seed=1), figures={}, curve=made)
    assert "10 specifications without a result: 4 sites are left." in page


def halves(*specifications: tuple[str, str, tuple[int, ...]]) -> SpecificationCurve:
    """A curve of specifications (algorithm, features, labels of 12 sites), with no claim."""
    fitted = {
        Choices(features, "working", "declared", "plausible", 1, algorithm, "features", 2): Fitted(
            labels, 12, 0.8, 0.8, 0.3
        )
        for algorithm, features, labels in specifications
    }
    sites = [f"S{at:02d}" for at in range(12)]
    laid = Laid(tuple(fitted), {}, len(fitted))
    return specification_curve(GridRun(fitted, {}), laid, sites, None, 0.5)


def test_of_a_pair_that_cannot_be_compared_one_is_kept():
    whole, turned = (1,) * 6 + (2,) * 6, (1, 2) * 6
    first, last = (1, 1, 1, 2, 2, 2) + (0,) * 6, (0,) * 6 + (1, 1, 1, 2, 2, 2)
    made = halves(
        ("ward", "all", whole), ("kmeans", "all", turned), ("mixture", "all", first),
        ("ward", "x", whole), ("kmeans", "x", turned), ("mixture", "x", last),
    )  # fmt: skip
    assert made.explained_from == made.to_dict()["explained_from"] == 5
    # Of the five kept, only the algorithm has a say in the answer: the pairs of one agree.
    assert made.explained["algorithm"] > 0.9
    words = specification_content(made)["words"][-1]
    assert "of the variation (5 of 6 specifications: " in words
    plain = halves(("ward", "all", whole), ("kmeans", "all", turned), ("ward", "x", first))
    assert plain.explained_from == 3
    assert specification_content(plain)["words"][-1].endswith("of the variation.")


def test_what_has_most_gaps_is_left_out_first():
    pairs = np.ones((5, 5))
    for one, other in [(0, 1), (0, 2), (0, 3), (3, 4)]:
        pairs[one, other] = pairs[other, one] = np.nan
    assert comparable(pairs).tolist() == [1, 2, 3]
    assert comparable(np.full((2, 2), np.nan)).tolist() == []


# --- Running ---------------------------------------------------------------------------------


def rows(run: GridRun) -> pd.DataFrame:
    return pd.DataFrame([one.to_dict() for one in run.fitted.values()])


def test_going_on_gives_the_same_as_one_go(tried, tmp_path):
    source, laid, run = tried
    told: list[str] = []

    def stop(step: str, done: float) -> None:
        told.append(step)
        if done > 0.4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_grid(source, laid.listed, out=tmp_path, key="a", progress=stop)
    assert told[0] == "specifications 0 of 30" and "left" in told[-1]
    kept = (tmp_path / "grid-runs.jsonl").read_bytes()
    shares: list[float] = []
    again = run_grid(
        source, laid.listed, out=tmp_path, key="a", progress=lambda _, done: shares.append(done)
    )
    assert shares[0] > 0.4 and (tmp_path / "grid-runs.jsonl").read_bytes().startswith(kept)
    pd.testing.assert_frame_equal(rows(again), rows(run), check_exact=True)
    other = run_grid(source, laid.listed[:2], out=tmp_path, key="b")
    pd.testing.assert_frame_equal(rows(other), rows(run)[:2], check_exact=True)


def test_as_proposed_are_the_choices_of_the_proposal(tried, typed):
    run = tried[2]
    own = next(one for one in run.fitted if as_proposed(one) and one.k == 3)
    labels = pd.Series(run.fitted[own].labels, tried[0].sites)
    assert adjusted_rand_score(labels, typed.labels[labels.index]) == 1.0


def test_the_time_expected_is_that_of_the_fits(tried):
    source, laid, _ = tried
    one = expected_seconds(source, laid.listed, 1)
    assert 0 < one < 600
    assert expected_seconds(source, laid.listed[:4], 1) < one


def test_the_time_expected_does_not_hang_on_plausible_values(tried):
    source, laid, _ = tried
    plain = [one for one in laid.listed if one.missing == "mean"]
    assert plain and expected_seconds(source, plain, 1) > 0


def test_null_tests_of_scales_are_run_where_asked_for(typed_profiles):
    grid = Grid(links=["working", "plain"], algorithms=["ward"], k=[3], draws=2, bootstraps=2,
                null_draws=19)  # fmt: skip
    sets = feature_sets(grid, typed_profiles.features)
    sites = evidence_sites(typed_profiles, 1 / 3, 400, 5)
    source = GridSource({"declared": typed_profiles}, sets, sites, grid, 1 / 3, 3, 0.05, 5)
    laid = lay_out(grid, list(sets), (2, 3), Facts(), 5)
    run = run_grid(source, laid.listed)
    made = specification_curve(run, laid, sites, None, 0.5)
    assert made.table["null_test"].tolist() == ["run", "run"]
    assert made.table["p_value"].tolist() == [0.05, 0.05]
