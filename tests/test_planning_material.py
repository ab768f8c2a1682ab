"""What plans simulate from: assumptions, and the errors, gaps and response of a study."""

import numpy as np
import pandas as pd
import pytest

import site_typology as st
from site_typology import planning_simulation
from site_typology.planning_material import Design, assumed_material, reliability
from site_typology.planning_profiles import profiles_material
from site_typology.planning_simulation import Task, plant, simulate_one

TINY = st.PlanSettings(informants=(4,), k=2, seed=7)


def test_reliability_is_spearman_brown():
    # Ten informants with ICC(1) = 0.2: 10 * 0.2 / (1 + 9 * 0.2).
    made = assumed_material(st.Assumptions(icc1=0.2, missing=0.0), (10,), (1.0,))
    pattern = made.sites_under(Design(12, 10, 1.0), np.random.default_rng(1))
    assert reliability(made.population, pattern) == pytest.approx(2 / 2.8)
    assert pattern.answering == 10
    stated = st.Assumptions(reliability=0.6, missing=0.0)
    made = assumed_material(stated, (10,), (1.0,))
    pattern = made.sites_under(Design(12, 10, 1.0), np.random.default_rng(1))
    assert reliability(made.population, pattern) == pytest.approx(0.6)


def test_nobody_answering_makes_a_gap_and_records_stay():
    made = assumed_material(st.Assumptions(features=4, records=1, missing=0.0), (2,), (0.3,))
    pattern = made.sites_under(Design(4000, 2, 0.3), np.random.default_rng(1))
    gaps = ~pattern.observed
    assert gaps[:, :3].mean() == pytest.approx(0.49, abs=0.03)  # (1 - 0.3) ** 2
    assert (gaps[:, 0] == gaps[:, 2]).all()
    assert not gaps[:, 3].any()
    assert (pattern.errors[gaps[:, 0], :3, :] == 0).all()


def test_the_same_types_farther_apart():
    made = assumed_material(st.Assumptions(features=3), (12,), (1.0,))
    one, two = (plant(made, TINY, Task(Design(12, 12, 1.0), apart, 0)) for apart in (3.0, 20.0))
    assert (one.labels == two.labels).all()
    assert (one.data.errors == two.data.errors).all()


@pytest.mark.parametrize(("sites", "looked_at"), [(60, 60), (61, 50)])
def test_the_null_test_is_that_of_a_run(sites, looked_at, monkeypatch):
    asked = []

    def watched(data, ks, draws, rng, least):
        asked.append((data.n, ks, draws, least))
        return np.zeros(len(ks)), np.zeros((draws, len(ks)))

    monkeypatch.setattr(planning_simulation, "gains_and_reference", watched)
    most = 60 if sites == 60 else 50
    settings = st.PlanSettings(k=2, max_types=3, min_sites=7, subsample=most, reference_draws=6)
    made = assumed_material(st.Assumptions(features=3, missing=0.0), (40,), (1.0,))
    simulate_one(made, settings, Task(Design(sites, 40, 1.0), 0.0, 0))
    assert asked == [(looked_at, (2, 3), 6, 7)]


def surveyed(n=20, seed=1):
    """Sites with two survey features, from 2 to 9 informants, and one from records."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 10, n)
    sites = [f"S{at:02d}" for at in range(n)]
    values = pd.DataFrame(rng.normal(size=(n, 3)), sites, ["a", "b", "need"])
    errors = pd.DataFrame({"a": 1 / np.sqrt(counts), "b": 2 / np.sqrt(counts), "need": 0.2}, sites)
    number = pd.DataFrame({"a": counts, "b": counts}, sites).astype(float)
    return st.SiteProfiles.from_frame(values, errors, number), counts


def test_error_of_one_informant_is_learnt_from_errors_and_counts():
    profiles, counts = surveyed()
    made = profiles_material(profiles, min_observed=1 / 3)
    (survey,) = made.surveys
    spread = profiles.values[["a", "b"]].std().to_numpy()
    assert survey.one_informant == pytest.approx(np.diag([1, 4]) / np.outer(spread, spread))
    assert survey.asked == pytest.approx(counts.mean()) and survey.response == 1
    pattern = made.sites_under(Design(40, 100, 1.0), np.random.default_rng(1))
    assert pattern.errors[:, 0, 0] == pytest.approx(1 / spread[0] ** 2 / 100, rel=0.5)
    assert pattern.errors[:20, 2, 2] == pytest.approx(made.errors[:, 2, 2])


def test_as_now_takes_errors_and_gaps_as_they_are_and_does_not_depend_on_order():
    profiles, _ = surveyed()
    made = profiles_material(profiles, min_observed=1 / 3)
    pattern = made.sites_under(Design(20), np.random.default_rng(1))
    assert (pattern.errors == made.errors).all() and pattern.observed.all()
    assert np.isnan(pattern.answering)
    other = profiles_material(profiles.select(sites=profiles.sites[::-1]), min_observed=1 / 3)
    assert other.hash == made.hash


def test_response_that_differs_between_sites_by_chance_only_is_taken_as_equal():
    rng = np.random.default_rng(5)
    profiles, _ = surveyed(200)
    for spread, least, most in ((0.0, 0.0, 0.25), (0.6, 0.35, 0.9)):
        rate = np.clip(rng.gamma(1 / max(spread, 1e-9) ** 2, spread**2, 200), 0, 5) if spread else 1
        counts = np.maximum(rng.poisson(8.0 * np.ones(200) * rate), 1).astype(float)
        frame = pd.DataFrame({"a": counts, "b": counts}, profiles.sites)
        one = profiles_material(
            st.SiteProfiles.from_frame(
                profiles.values.droplevel("round"),
                profiles.standard_errors.droplevel("round"),
                frame,
            ),
            min_observed=1 / 3,
        ).surveys[0]
        assert one.willing.mean() == pytest.approx(1)
        assert least <= one.willing.std() <= most


def test_profiles_without_informants_cannot_plan_them():
    values = pd.DataFrame(np.random.default_rng(1).normal(size=(12, 3)), columns=list("abc"))
    profiles = st.SiteProfiles.from_frame(values)
    with pytest.raises(st.StudyError, match="No feature is known to be a mean over informants"):
        st.plan(profiles, TINY)
    with pytest.raises(st.StudyError) as refused:
        st.plan(profiles, TINY, survey_features=["a", "x", "y"])
    assert len(refused.value.problems) == 2
