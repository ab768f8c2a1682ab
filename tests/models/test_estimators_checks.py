"""The estimators keep scikit-learn's contract, and its routing of metadata."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from site_typology import ErrorsInVariablesMixture, TrueProfiles


@parametrize_with_checks(
    [
        TrueProfiles(),
        TrueProfiles(shrinkage=0),
        ErrorsInVariablesMixture(),
        ErrorsInVariablesMixture(2, random_state=1),
    ]
)
def test_scikit_learns_contract(estimator, check):
    check(estimator)


def measured(n=24, q=3, seed=1):
    """Two groups seen with errors of 0.2 to 1.5 and gaps."""
    rng = np.random.default_rng(seed)
    truth = 4.0 * (np.arange(n) % 2)[:, None] + rng.normal(size=(n, q))
    errors = rng.uniform(0.2, 1.5, size=(n, q))
    values = truth + errors * rng.normal(size=(n, q))
    return np.where(rng.random((n, q)) < 0.1, np.nan, values), errors


def by_hand(model, X, errors, folds):
    scores = []
    for held in np.array_split(np.arange(len(X)), folds):
        rest = np.setdiff1d(np.arange(len(X)), held)
        scores.append(model.fit(X[rest], errors=errors[rest]).score(X[held], errors=errors[held]))
    return scores


@pytest.mark.parametrize("model", [TrueProfiles(), ErrorsInVariablesMixture(2, random_state=1)])
@pytest.mark.parametrize("covariances", [False, True])
def test_cross_validation_hands_each_fold_its_errors(model, covariances):
    X, errors = measured()
    if covariances:
        errors = errors[:, :, None] ** 2 * np.eye(3)
    with config_context(enable_metadata_routing=True):
        found = cross_val_score(model, X, cv=4, params={"errors": errors})
    np.testing.assert_allclose(found, by_hand(model, X, errors, 4))
    with config_context(enable_metadata_routing=True):
        without = cross_val_score(model, X, cv=4)
    assert np.abs(found - without).max() > 0.01


def test_a_grid_search_in_a_pipeline_sees_the_errors():
    X, errors = measured()
    pipeline = make_pipeline(
        FunctionTransformer(feature_names_out="one-to-one"),
        ErrorsInVariablesMixture(random_state=1),
    )
    name = "errorsinvariablesmixture"
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(pipeline, {f"{name}__n_components": [1, 2]}, cv=3)
        search.fit(X, errors=errors)
        chances = search.best_estimator_.predict_proba(X, errors=errors)
    alone = ErrorsInVariablesMixture(2, random_state=1).fit(X, errors=errors)
    assert search.best_params_ == {f"{name}__n_components": 2}
    np.testing.assert_allclose(chances, alone.predict_proba(X, errors=errors))


def test_a_transformer_in_a_pipeline_gets_errors_in_fit_and_transform():
    X, errors = measured()
    with config_context(enable_metadata_routing=True):
        pipeline = make_pipeline(TrueProfiles(), FunctionTransformer(np.cumsum))
        found = pipeline.fit(X, errors=errors).transform(X, errors=errors)
        again = pipeline.fit_transform(X, errors=errors)
    expected = np.cumsum(TrueProfiles().fit_transform(X, errors=errors))
    np.testing.assert_allclose(found, expected)
    np.testing.assert_allclose(again, expected)


def test_frames_keep_their_columns():
    X, errors = measured()
    names = ["workload", "support", "reach"]
    frame, beside = pd.DataFrame(X, columns=names), pd.DataFrame(errors, columns=names)
    model = TrueProfiles().set_output(transform="pandas").fit(frame, errors=beside)
    assert list(model.transform(frame, errors=beside)) == names
    with pytest.raises(ValueError, match="feature names should match"):
        model.transform(frame[names[::-1]], errors=beside)
