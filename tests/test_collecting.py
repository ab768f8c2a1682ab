"""What a further measurement is said to tell is what it tells, when it is made many times over."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from site_typology import SiteProfiles
from site_typology.assign import Assigner
from site_typology.collecting import best_to_collect, what_to_collect
from site_typology.fitted_sites import FittedSites, Natural
from site_typology.models.information import entropy, expected_information
from site_typology.models.mixture import TypeModel
from site_typology.models.site_terms import SiteCells, true_profiles
from site_typology.models.working import WorkingScale, exact_data
from site_typology.typical_errors import typical_errors

ERROR, DRAWS = 1.2, 20_000


@pytest.fixture(scope="module")
def fitted() -> FittedSites:
    """Forty sites with three features of error 1.2, and three types near each other by hand."""
    random = np.random.default_rng(1)
    values = pd.DataFrame(random.normal(size=(40, 3)) * 2, columns=["x", "y", "z"])
    values.index = [f"S{at}" for at in range(40)]
    profiles = SiteProfiles.from_frame(values, values * 0 + ERROR)
    scale = WorkingScale.fit(profiles)
    means = np.array([[0.0, 0.0, 0.0], [1.5, 0.3, 0.0], [0.2, 1.2, 0.0]])
    covariance = np.array([[0.5, 0.2, 0.0], [0.2, 0.6, 0.0], [0.0, 0.0, 1.0]])
    model = TypeModel(np.array([0.5, 0.3, 0.2]), means, covariance)
    names = {1: "One", 2: "Two", 3: "Three"}
    errors = typical_errors(profiles)
    assigner = Assigner(profiles.features, scale, model, names, 0.3, -9.0, errors)
    arrays = (profiles.values.to_numpy(float), profiles.standard_errors.to_numpy(float))
    data = scale.transform(profiles)
    return FittedSites(assigner, data, Natural(profiles.features, *arrays), {})


def simulated(fitted: FittedSites, site: SiteCells, columns: list[int]) -> tuple[float, float]:
    """Mean entropy left and mean probability of the likeliest type, one more measurement each."""
    random = np.random.default_rng(2)
    model, n = fitted.assigner.model, DRAWS
    q = model.means.shape[1]
    # Sites of the population; the seen values are weighed, so that no posterior is used here.
    kinds = random.choice(model.k, size=40 * n, p=model.weights)
    truth = model.means[kinds] + random.multivariate_normal(np.zeros(q), model.covariance, 40 * n)
    seen = site.seen
    off = site.values[seen] - truth[:, seen]
    weight = np.exp(-0.5 * np.einsum("na,ab,nb->n", off, np.linalg.inv(
        site.errors[np.ix_(seen, seen)]), off))  # fmt: skip
    chosen = random.choice(len(truth), size=n, p=weight / weight.sum())
    new = truth[chosen][:, columns]
    spread = fitted.groups[columns[0]].error[0, 0] ** 0.5
    new = new + spread * random.normal(size=new.shape)
    values = np.tile(site.values, (n, 1))
    errors = np.tile(site.errors, (n, 1, 1))
    values[:, columns] = new
    for column in columns:
        errors[:, column, column] = spread**2
    after = model.memberships(exact_data(values, errors))
    return float(np.mean([entropy(row) for row in after])), float(after.max(axis=1).mean())


def test_one_measurement_and_two_tell_as_much_as_was_expected(fitted):
    site = SiteCells(np.array([np.nan, np.nan, 0.3]), np.diag([0.0, 0.0, 0.25]))
    chances = fitted.assigner.model.memberships(exact_data(site.values[None], site.errors[None]))[0]
    wanted = {own.features: own for own in what_to_collect(fitted, site, chances)}
    for features, columns in ((("x",), [0]), (("y",), [1]), (("x", "y"), [0, 1])):
        left, sure = simulated(fitted, site, columns)
        own = wanted[features]
        # Of 20,000 draws: the Monte Carlo error of both is below 0.002.
        assert abs((1 - own.settled) * entropy(chances) - left) < 0.008
        assert abs(own.confidence - sure) < 0.008
    assert best_to_collect(tuple(wanted.values())).features == ("x", "y")


def test_a_measurement_settles_less_where_the_types_are_hardly_known(fitted):
    site = SiteCells(np.array([np.nan, np.nan, 0.3]), np.diag([0.0, 0.0, 0.25]))
    hot = dataclasses.replace(fitted.assigner.model, temperature=3.0)
    assigner = dataclasses.replace(fitted.assigner, model=hot)
    vague = dataclasses.replace(fitted, assigner=assigner)
    chances = np.array([0.5, 0.3, 0.2])
    plain, tempered = (what_to_collect(of, site, chances) for of in (fitted, vague))
    assert tempered[0].features == plain[0].features
    assert tempered[0].settled < 0.6 * plain[0].settled
    # An error three times as large, in every direction, is what a temperature of three amounts to.
    means, covariance = true_profiles(hot, site)
    total = 3 * (covariance[:1, :1] + fitted.groups[0].error)
    alone = expected_information(chances, means[:, :1], total)
    own = next(one for one in tempered if one.features == ("x",))
    assert own.confidence == pytest.approx(alone.confidence, rel=1e-6)


def test_what_says_nothing_of_the_type_is_not_asked_for(fitted):
    site = SiteCells(np.array([0.7, 0.4, np.nan]), np.diag([1e-12, 1e-12, 0.0]))
    chances = np.array([0.5, 0.3, 0.2])
    wanted = what_to_collect(fitted, site, chances)
    assert all("z" not in own.features for own in wanted)
    assert best_to_collect(wanted) is None


def test_a_value_known_badly_can_be_worth_more_than_one_that_is_missing(fitted):
    site = SiteCells(np.array([0.8, 0.4, np.nan]), np.diag([2.0, 0.01, 0.0]))
    chances = fitted.assigner.model.memberships(exact_data(site.values[None], site.errors[None]))[0]
    best = best_to_collect(what_to_collect(fitted, site, chances))
    assert best.features == ("x",) and best.missing == (False,)
    assert what_to_collect(fitted, site, chances, gaps_only=True) == ()
