"""The surrogate: exact Shapley values, native gaps, honest fidelity."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandas as pd
import pytest

from site_typology.models.surrogate import cross_validate, fit_surrogate


def two_types(n: int = 30, seed: int = 3) -> tuple[pd.DataFrame, pd.Series]:
    """Types that differ in x and y; z is noise; one cell in six is missing."""
    random = np.random.default_rng(seed)
    labels = pd.Series(np.arange(n) % 2 + 1, dtype="Int64")
    values = pd.DataFrame(random.normal(size=(n, 3)), columns=["x", "y", "z"])
    values["x"] += 4.0 * (labels == 2)
    values["y"] -= 3.0 * (labels == 2)
    return values.mask(random.random(values.shape) < 1 / 6), labels


def brute_force_shapley(forest, row: np.ndarray) -> np.ndarray:
    """Shapley values by their definition, over the path-dependent game of every tree."""

    def expected(tree, node: int, known: frozenset[int]) -> np.ndarray:
        left, right = tree.children_left[node], tree.children_right[node]
        if left == -1:
            return tree.value[node][0] / tree.value[node][0].sum()
        feature, weights = tree.feature[node], tree.weighted_n_node_samples
        if feature in known:
            cell = row[feature]
            to_left = (
                tree.missing_go_to_left[node]
                if np.isnan(cell)
                else (np.float32(cell) <= tree.threshold[node])
            )
            return expected(tree, left if to_left else right, known)
        share = weights[left] / weights[node]
        return share * expected(tree, left, known) + (1 - share) * expected(tree, right, known)

    q = len(row)
    total = np.zeros((q, len(forest.classes_)))
    for feature in range(q):
        others = [other for other in range(q) if other != feature]
        for size in range(q):
            weight = math.factorial(size) * math.factorial(q - size - 1) / math.factorial(q)
            for chosen in itertools.combinations(others, size):
                without, with_it = frozenset(chosen), frozenset((*chosen, feature))
                for fitted in forest.estimators_:
                    tree = fitted.tree_
                    total[feature] += weight * (
                        expected(tree, 0, with_it) - expected(tree, 0, without)
                    )
    return total / len(forest.estimators_)


def test_shapley_values_are_those_of_the_definition_at_known_and_missing_cells():
    values, labels = two_types()
    surrogate = fit_surrogate(values, labels, seed=1)
    shap_values = surrogate.shap_values(values)
    gap = int(np.flatnonzero(values.isna().any(axis=1))[0])
    full = int(np.flatnonzero(values.notna().all(axis=1))[0])
    for site in (gap, full):
        row = values.iloc[site].to_numpy(dtype=float)
        np.testing.assert_allclose(
            shap_values[site], brute_force_shapley(surrogate.forest, row), atol=1e-6
        )


def test_shapley_values_add_up_to_the_probability():
    values, labels = two_types()
    surrogate = fit_surrogate(values, labels, seed=1)
    sums = surrogate.shap_values(values).sum(axis=1)
    base = surrogate.probabilities(values) - sums
    np.testing.assert_allclose(base, np.broadcast_to(base[0], base.shape), atol=1e-6)


def test_fidelity_is_high_for_clear_types_and_near_chance_for_labels_at_random():
    values, labels = two_types(60)
    clear = cross_validate(values, labels, seed=0, repeats=2)
    assert clear.mean > 0.9
    assert clear.chance == 0.5
    assert clear.above_chance == pytest.approx(2 * clear.mean - 1)
    random = np.random.default_rng(8)
    at_random = pd.Series(random.permutation(labels.to_numpy()), dtype="Int64")
    assert cross_validate(values, at_random, seed=0, repeats=2).mean < 0.72


def test_same_seed_same_result_and_sites_without_a_type_do_not_count():
    values, labels = two_types()
    unplaced = pd.concat([labels, pd.Series([pd.NA], dtype="Int64")], ignore_index=True)
    more = pd.concat([values, pd.DataFrame({"x": [99.0], "y": [0.0], "z": [0.0]})])
    more = more.reset_index(drop=True)
    first = cross_validate(values, labels, seed=5, repeats=2)
    assert cross_validate(more, unplaced, seed=5, repeats=2) == first
    np.testing.assert_array_equal(
        fit_surrogate(values, labels, 5).probabilities(values),
        fit_surrogate(more, unplaced, 5).probabilities(values),
    )


def test_units_of_a_feature_do_not_matter():
    values, labels = two_types()
    scaled = values.assign(x=values["x"] * 1024)
    one = fit_surrogate(values, labels, 2).probabilities(values)
    np.testing.assert_allclose(
        fit_surrogate(scaled, labels, 2).probabilities(scaled), one, atol=0.1
    )


def test_one_type_is_refused_and_a_type_of_one_site_has_no_fidelity():
    values, labels = two_types(8)
    with pytest.raises(ValueError, match="two types"):
        fit_surrogate(values, labels.where(labels == 1), seed=0)
    lonely = pd.Series([1, 1, 1, 1, 1, 1, 1, 2], dtype="Int64")
    assert np.isnan(cross_validate(values, lonely, seed=0).mean)
