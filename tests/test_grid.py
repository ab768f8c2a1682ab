"""The specification grid: what a file may say, and which specifications come of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from site_typology import FeatureInfo, SiteProfiles, StudyError
from site_typology.candidate_material import Specification
from site_typology.candidates import try_candidates
from site_typology.grid import Choices, Facts, Grid, as_proposed, lay_out
from site_typology.grid_material import GridSource, evidence_sites, facts_of, feature_sets, prepare
from site_typology.models.plausible import fit_population
from site_typology.models.working import WorkingScale
from site_typology.screening import screen

INFOS = [
    FeatureInfo("wsa", family="orientation"),
    FeatureInfo("time.a", family="orientation", composition="time", kind="composition"),
    FeatureInfo("time.b", family="orientation", composition="time", kind="composition"),
    FeatureInfo("need", family="settings"),
    FeatureInfo("lead", family="context", kind="category", use="evaluate"),
]
KNOWN = Facts(weighted=True)


def first(missing="plausible", link="working", **changed):
    chosen = {
        "features": "all", "link": link, "weights": "declared", "missing": missing, "seed": 1,
        "algorithm": "kmeans", "space": "features", "k": 3,
    }  # fmt: skip
    return Choices(**{**chosen, **changed})


# --- What a file may say ---------------------------------------------------------------------


def test_every_problem_of_a_grid_is_told():
    with pytest.raises(ValidationError) as caught:
        Grid.model_validate(
            {
                "features": ["all", "survey"],
                "links": ["log"],
                "algorithms": ["kmeans", "kmeens"],
                "spaces": ["pca", "pca"],
                "k": [1],
                "seeds": [],
                "null_draws": 5,
                "feature_sets": {"all": ["wsa"], "other": []},
                "drawz": 3,
            }
        )
    places = {str(detail["loc"][0]): detail["msg"] for detail in caught.value.errors()}
    assert set(places) == {
        "links", "algorithms", "spaces", "k", "seeds", "null_draws", "feature_sets", "drawz",
    }  # fmt: skip
    told = places["feature_sets"]
    assert "'survey' is no set" in told and "'all' has a meaning" in told
    assert "'other' is empty" in told
    assert "kmeens" in places["algorithms"] and "ward" in places["algorithms"]


def test_feature_sets_of_a_study():
    grid = Grid(
        features=["all", "without:each", "family:settings", "mine"],
        feature_sets={"mine": ["time.a", "family:settings"]},
    )
    every = ("wsa", "time.a", "time.b", "need")
    assert feature_sets(grid, INFOS) == {
        "all": every,
        "without:orientation": ("need",),
        "without:settings": every[:3],
        "family:settings": ("need",),
        # Parts of a composition are taken whole; a category that only describes is no part.
        "mine": ("time.a", "time.b", "need"),
    }


def test_unknown_features_and_families_are_all_told():
    grid = Grid(features=["without:staff", "mine"], feature_sets={"mine": ["was", "family:x"]})
    with pytest.raises(StudyError) as caught:
        feature_sets(grid, INFOS)
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "'staff'" in text and "'was'" in text and "'x'" in text and "orientation" in text


# --- What is combined ------------------------------------------------------------------------


def test_every_combination_once_and_the_rest_with_a_reason():
    grid = Grid(
        links=["working", "plain"],
        missing=["plausible", "mean"],
        weights=["declared", "none"],
        spaces=["features", "famd", "pca"],
        algorithms=["mixture", "kmeans", "kmedoids", "hdbscan"],
        k=[2, 3],
        seeds=[1, 2],
    )
    laid = lay_out(grid, ["all", "without:x"], (2, 3, 4), Facts(), 1)
    assert len(set(laid.listed)) == len(laid.listed) == laid.possible
    prepared = 2 * 2 * 2 * 2  # features, links, missing, seeds
    # k-medoids: only on the working scale, not with filled gaps; famd is pca without categories.
    assert laid.possible == prepared * (2 + 2 * 2 + 2) + 2 * 2 * 2
    every = 2 * 2 * 2 * 2 * 2 * 4 * 3 * 2
    assert sum(laid.left_out.values()) + laid.possible == every
    told = " ".join(laid.left_out)
    for words in (
        "the study has no response weights", "without categories it is pca", "which no link",
        "leaves gaps out", "mixture in other spaces: it has its own (features)",
        "hdbscan with each k",
    ):  # fmt: skip
        assert words in told


def test_what_would_be_the_same_is_left_out_for_the_sets_where_it_is():
    grid = Grid(links=["working", "plain"], missing=["mean", "complete"], k=[2, 3])
    facts = Facts(one_scale=frozenset({"all"}), whole=frozenset({"family:x"}))
    laid = lay_out(grid, ["all", "family:x"], (2,), facts, 1)
    assert {(one.features, one.link) for one in laid.listed} == {
        ("all", "working"), ("family:x", "working"), ("family:x", "plain"),
    }  # fmt: skip
    assert {(one.features, one.missing) for one in laid.listed} == {
        ("all", "mean"), ("all", "complete"), ("family:x", "mean"),
    }  # fmt: skip
    assert sorted(laid.left_out.values()) == [12, 12]
    only = lay_out(Grid(links=["plain"], missing=["complete"]), ["all"], (2,), facts, 1)
    assert len(only.listed) == 3


def test_facts_of_a_study(source):
    # Continuous features only, gaps, a category that describes.
    assert facts_of(source) == Facts(one_scale=frozenset({"all"}))


def test_a_grid_too_large_is_drawn_from_by_the_seed_and_keeps_the_proposals_choices():
    grid = Grid(algorithms=["kmeans", "mixture", "ward"], seeds=list(range(20)), most=30)

    def drawn(seed):
        return lay_out(grid, ["all"], (2, 3), KNOWN, seed)

    laid = drawn(1)
    assert (len(laid.listed), laid.possible) == (30, 120)
    assert laid.left_out["not among the 30 drawn at random of 120 (most)"] == 90
    assert laid == drawn(1) != drawn(2)
    assert [one.k for one in laid.listed if as_proposed(one) and one.seed == 0] == [2, 3]
    whole = lay_out(grid.model_copy(update={"most": 500}), ["all"], (2, 3), KNOWN, 1).listed
    assert list(laid.listed) == [one for one in whole if one in set(laid.listed)]


# --- What is fitted --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def source(typed_profiles):
    profiles = typed_profiles
    grid = Grid(spaces=["features", "pca"], draws=4, bootstraps=4)
    sets = feature_sets(grid, profiles.features)
    sites = evidence_sites(profiles, 1 / 3, 400, 1)
    return GridSource({"declared": profiles}, sets, sites, grid, 1 / 3, 3, 0.05, 1)


def working(source):
    kept = screen(source.profiles["declared"], source.min_observed).profiles
    return WorkingScale.fit(kept).transform(kept)


def laid_with_families(profiles, families, grid):
    infos = [
        dataclasses.replace(info, family=families.get(info.name, "y")) for info in profiles.features
    ]
    own = SiteProfiles(profiles.values, profiles.standard_errors, None, None, infos)
    sets = feature_sets(grid, infos)
    source = GridSource({"declared": own}, sets, own.sites, grid, 1 / 3, 3, 0.05, 1)
    return lay_out(grid, list(sets), (2, 3), facts_of(source), 1)


def test_equal_and_empty_feature_sets_are_not_fitted_twice(typed_profiles):
    """With two families, one without the other is that one alone; with one, nothing is left."""
    mine = {"mine": ["all"]}
    grid = Grid(features=["mine", "family:each", "without:each", "all"], feature_sets=mine)
    laid = laid_with_families(typed_profiles, {"wsa": "x", "need": "x"}, grid)
    assert {one.features for one in laid.listed} == {"all", "family:x", "family:y"}
    for reason in (
        "without:x: the same features as family:y",
        "without:y: the same features as family:x",
        "mine: the same features as all",
    ):
        assert laid.left_out[reason] > 0
    laid = laid_with_families(typed_profiles, {}, grid)
    assert {one.features for one in laid.listed} == {"all"}
    assert laid.left_out["without:y: no feature is left"] > 0


def test_plausible_is_what_the_proposal_sees(source):
    material, data = prepare(source, first()), working(source)
    np.testing.assert_array_equal(material.data.values, data.values)
    np.testing.assert_array_equal(material.data.errors, data.errors)
    assert material.draws.shape == (4, data.n, data.q)


def test_one_conditional_mean_is_the_mean_of_plausible_values(source):
    material = prepare(source, first("conditional"))
    whole = prepare(source, first())
    np.testing.assert_array_equal(material.draws, whole.means[None])
    assert material.data.observed.all() and not material.data.errors.any()


def test_the_columns_mean_fills_gaps_and_leaves_values(source):
    material, data = prepare(source, first("mean")), working(source)
    gaps = ~data.observed
    assert gaps.any()
    expected = np.broadcast_to(np.nanmean(data.values, axis=0), data.values.shape)
    np.testing.assert_allclose(material.data.values[gaps], expected[gaps])
    np.testing.assert_array_equal(material.data.values[~gaps], data.values[~gaps])


def test_complete_cases_are_the_sites_without_a_gap(source):
    material, data = prepare(source, first("complete")), working(source)
    whole = data.observed.all(axis=1)
    assert 6 <= whole.sum() < data.n
    assert material.data.sites == tuple(np.array(data.sites)[whole])
    np.testing.assert_array_equal(material.draws[0], data.values[whole])


def test_too_few_complete_cases_are_refused_with_the_number(source):
    profiles = source.profiles["declared"]
    names = [info.name for info in profiles.features if info.builds]
    gappy = profiles.select()
    for at, site in enumerate(gappy.sites):
        if at >= 3:
            cell = ((site, "all"), names[at % len(names)])
            gappy.values.loc[cell] = gappy.standard_errors.loc[cell] = np.nan
            gappy.reasons.loc[cell] = "not answered"
    few = GridSource({"declared": gappy}, *list(vars(source).values())[1:])
    with pytest.raises(StudyError, match=r"[0-3] of \d+ sites have every feature; at least 6"):
        prepare(few, first("complete"))


def test_plain_numbers_are_standardised_values(source):
    data = prepare(source, first(link="plain")).data
    kept = screen(source.profiles["declared"], source.min_observed).profiles
    plain = kept.values[list(data.columns)].astype(float)
    expected = (plain - plain.mean()) / plain.std(ddof=1)
    np.testing.assert_allclose(data.values, expected.to_numpy(), atol=1e-12)
    error = kept.standard_errors[list(data.columns)].astype(float) / plain.std(ddof=1)
    np.testing.assert_allclose(
        np.sqrt(np.einsum("ijj->ij", data.errors)), error.fillna(0.0).to_numpy(), atol=1e-12
    )


def test_spaces_rest_on_the_data_of_the_specification(source):
    material = prepare(source, first("mean"))
    population = fit_population(material.data)
    spread = np.sqrt(np.diag(population.covariance))
    np.testing.assert_allclose(np.diag(material.space("features").loadings), 1 / spread)


@pytest.mark.parametrize("missing", ["plausible", "conditional", "mean", "complete"])
@pytest.mark.parametrize("algorithm", ["mixture", "kmeans", "ward", "kmedoids", "stepmix"])
def test_types_far_apart_are_found_whatever_is_chosen(source, true_types, missing, algorithm):
    material = prepare(source, first(missing))
    own = {"mixture": "features", "kmedoids": "gower", "stepmix": "measured"}.get(algorithm, "pca")
    found = try_candidates([Specification(algorithm, own, 3)], material, 2, 1)[0]
    true = true_types.loc[list(material.data.sites)].to_numpy()
    pairs = {(int(a), int(b)) for a, b in zip(found.labels, true, strict=True)}
    assert len(pairs) == 3
