"""Proposing: known types found, none made up, laws of order and units, refusals."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

import site_typology as st
from site_typology import ProposeSettings, SiteProfiles, StudyError, propose
from site_typology.candidates import COLUMNS
from site_typology.models.resampling import adjusted_rand


def frames(profiles: SiteProfiles) -> tuple[pd.DataFrame, pd.DataFrame]:
    return profiles.values.droplevel("round"), profiles.standard_errors.droplevel("round")


def measured(profiles: SiteProfiles) -> SiteProfiles:
    return profiles.select(use="build")


def same_types(first: pd.Series, second: pd.Series) -> float:
    pair = pd.concat([first, second], axis=1, join="inner").dropna().astype(int).to_numpy()
    return adjusted_rand(pair[:, 0], pair[:, 1])


def test_known_types_are_found(typed, true_types):
    assert typed.verdict == "supported", typed.evidence.why
    assert typed.k == typed.evidence.best_k == 3
    assert same_types(typed.labels, true_types) == 1.0
    assert typed.evidence.p_value == pytest.approx(1 / 20)
    assert typed.evidence.power is None


def test_no_types_are_made_up(untyped):
    assert untyped.verdict in ("not supported", "insufficient")
    assert untyped.k == 1
    assert untyped.labels.isna().all()
    assert str(untyped.labels.dtype) == "Int64"
    reasons = untyped.memberships.set_index("site")["reason"].drop("Site 07")
    assert reasons.str.startswith("no typology claimed").all()
    assert untyped.evidence.power is not None
    assert untyped.evidence.candidates.loc[untyped.evidence.candidates["proposed"], "k"].item() == 1


def test_a_site_with_too_little_data_is_kept_with_its_reason(typed):
    row = typed.memberships.set_index("site").loc["Site 07"]
    assert row["reason"].startswith("not enough data: 1 of 5 features observed")
    assert pd.isna(row["type"])
    assert "Site 07" not in typed.posterior_means.index
    for candidate in typed.candidates:
        assert candidate.reasons["Site 07"].startswith("not enough data")
        assert set(candidate.labels.index) == set(typed.labels.index)


def test_memberships_stand_in_the_order_of_the_profiles(typed):
    assert typed.memberships["site"].tolist() == typed.profiles.sites
    assert typed.memberships.columns[:5].tolist() == [
        "site",
        "type",
        "confidence",
        "next_type",
        "reason",
    ]


def test_types_are_numbered_from_the_largest(typed):
    sizes = typed.labels.value_counts()
    assert sizes.sort_index().is_monotonic_decreasing


def test_candidates_cover_the_catalogue_and_one_population(typed, quick):
    table = typed.evidence.candidates
    assert table.columns.tolist() == list(COLUMNS)
    assert table["name"].is_unique
    assert set(table["algorithm"]) == {"one_population", "mixture", *quick.algorithms}
    assert table["proposed"].sum() == 1
    assert table.loc[table["proposed"], "name"].item() == "mixture/features/3"
    assert table.loc[table["proposed"], "agreement"].item() == 1.0
    assert [candidate.name for candidate in typed.candidates] == table["name"].tolist()


def test_stability_of_types_and_sites_is_told(typed, quick):
    stability = typed.evidence.type_stability
    assert stability["type"].tolist() == [1, 2, 3]
    assert (stability["low"] <= stability["mean"]).all()
    assert (stability["replicates"] <= quick.bootstraps).all()
    assert set(typed.evidence.site_stability.index) == set(typed.posterior_means.index)


def test_results_do_not_depend_on_the_number_of_workers(typed, typed_profiles, quick):
    two = propose(typed_profiles, seed=5, settings=quick, workers=2, name="typed")
    assert two.evidence.to_dict() == typed.evidence.to_dict()
    pd.testing.assert_frame_equal(two.memberships, typed.memberships)
    pd.testing.assert_frame_equal(two.posterior_means, typed.posterior_means)


def test_order_of_sites_and_features_does_not_matter(typed, typed_profiles, quick):
    values, errors = frames(measured(typed_profiles))
    order = np.random.default_rng(1).permutation(len(values))
    turned = SiteProfiles.from_frame(values.iloc[order, ::-1], errors.iloc[order, ::-1])
    found = propose(turned, seed=5, settings=quick)
    assert found.evidence.to_dict() == typed.evidence.to_dict()
    pd.testing.assert_series_equal(found.labels.sort_index(), typed.labels.sort_index())


def test_units_of_features_do_not_matter(typed, typed_profiles, quick):
    values, errors = frames(measured(typed_profiles))
    units = pd.Series({"wsa": 1000.0, "clinical": 0.01, "need": 1.0, "advice": -7.0, "reach": 60.0})
    scaled = SiteProfiles.from_frame(values * units, errors * units.abs())
    found = propose(scaled, seed=5, settings=quick)
    assert found.verdict == typed.verdict
    assert same_types(found.labels, typed.labels) == 1.0


def test_features_that_only_describe_change_nothing(typed, typed_profiles, quick):
    without = propose(measured(typed_profiles), seed=5, settings=quick)
    assert without.evidence.to_dict() == typed.evidence.to_dict()


def test_leaving_an_algorithm_out_changes_no_other_figure(typed, typed_profiles, quick):
    fewer = dataclasses.replace(quick, algorithms=("kmeans",))
    found = propose(typed_profiles, seed=5, settings=fewer).evidence.candidates
    whole = typed.evidence.candidates
    kept = whole[whole["algorithm"] != "hdbscan"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found, kept)


def test_progress_is_told_step_by_step(untyped, quick):
    told: list[tuple[str, float]] = []
    settings = dataclasses.replace(
        quick, bootstraps=1, draws=1, number_resamples=2, power_replicates=1
    )
    propose(
        measured(untyped.profiles),
        seed=5,
        settings=settings,
        progress=lambda step, share: told.append((step, share)),
    )
    steps = list(dict.fromkeys(step for step, _ in told))
    assert steps[:2] == ["null test, one population", "number of types, resamples"]
    assert steps[2] == "number of types, one population" and "candidates" in steps
    for step in steps:
        shares = [share for name, share in told if name == step]
        assert shares == sorted(shares)
        assert shares[-1] == 1.0


def test_an_interrupt_in_the_middle_gets_out(typed_profiles, quick):
    def interrupt(step: str, share: float) -> None:
        if step == "candidates" and share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        propose(typed_profiles, seed=5, settings=quick, progress=interrupt)


def test_the_last_round_is_used_unless_another_is_named(typed_profiles, quick):
    values, errors = frames(measured(typed_profiles))

    def at(round_: str, frame: pd.DataFrame) -> pd.DataFrame:
        pairs = [(site, round_) for site in frame.index]
        return frame.set_axis(pd.MultiIndex.from_tuples(pairs, names=["site", "round"]), axis=0)

    noise = values * 0 + np.random.default_rng(8).normal(size=values.shape)
    both = SiteProfiles.from_frame(
        pd.concat([at("2021", noise), at("2022", values)]),
        pd.concat([at("2021", errors), at("2022", errors)]),
    )
    assert propose(both, seed=5, settings=quick).profiles.rounds == ["2022"]
    with pytest.raises(StudyError, match=r"'2023' is not in the profiles. Rounds: 2021, 2022"):
        propose(both, seed=5, settings=quick, round="2023")


def test_the_public_name_is_the_function_however_it_is_imported():
    import site_typology.proposal  # noqa: F401 - loading it is the point

    assert callable(st.propose)
    assert st.propose is propose


def refusal(frame: pd.DataFrame, **kinds) -> dict[str, str]:
    with pytest.raises(StudyError) as refused:
        propose(SiteProfiles.from_frame(frame, kinds=kinds or None), seed=1)
    return {problem.where: problem.message for problem in refused.value.problems}


def table(n: int = 8) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame(
        random.normal(size=(n, 4)), [f"S{at}" for at in range(n)], ["a", "b", "c", "d"]
    )


def test_two_sites_are_too_few():
    found = refusal(table(2))
    assert found == {
        "sites": "2 sites have enough data; at least 6 are needed to look for types. Add sites."
    }


def test_sites_without_data_do_not_count():
    frame = table(8)
    frame.iloc[:4, :3] = np.nan
    assert "4 sites have enough data out of 8" in refusal(frame)["sites"]


def test_a_constant_feature_is_refused_and_all_problems_are_listed():
    frame = table(8).assign(b=3.0, c=[1.0, 2.0] + [np.nan] * 6)
    found = refusal(frame)
    assert "the same value (3) at all 8 sites" in found["features.b"]
    assert "Has a value at 2 of 8 sites" in found["features.c"]


def test_nothing_but_gaps_is_refused():
    found = refusal(table(8) * np.nan)
    assert "All 32 cells" in found["values"]
    assert "not answered (32)" in found["values"]


def test_one_feature_is_too_few_and_two_parts_count_as_one():
    assert "at least two features" in refusal(table()[["a"]])["features"]
    share = pd.Series(np.linspace(0.1, 0.9, 8), table().index)
    parts = pd.DataFrame({"mix.x": share, "mix.y": 1 - share})
    kinds = {"mix.x": "composition:mix", "mix.y": "composition:mix"}
    assert "count as one" in refusal(parts, **kinds)["features"]


@pytest.mark.parametrize("seed", [-1, 1.5, True, None])
def test_a_seed_is_a_whole_number(seed, typed_profiles):
    with pytest.raises(StudyError, match="seed"):
        propose(typed_profiles, seed=seed)


def test_settings_list_every_mistake():
    with pytest.raises(StudyError) as refused:
        ProposeSettings(algorithms=("kmens",), spaces=(), draws=0, alpha=0.01, min_observed=0)
    places = {problem.where for problem in refused.value.problems}
    assert places == {"algorithms", "spaces", "draws", "min_observed"}
    with pytest.raises(StudyError, match="no p-value can reach"):
        ProposeSettings(reference_draws=19, alpha=0.01)
    with pytest.raises(StudyError, match="Is not a setting"):
        ProposeSettings.from_dict({"drws": 3})


def test_settings_survive_json():
    settings = ProposeSettings(max_types=3, separations=(5.0,))
    assert ProposeSettings.from_dict(settings.to_dict()) == settings
