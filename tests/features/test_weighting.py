"""Response weights are right: counts met, propensities, design weights, trimming, the report."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import Problems, StudyError
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import ROW, StudyTables
from site_typology.features.weighting import (
    RESPONSE_WEIGHT,
    apply_weights,
)
from site_typology.weighting_declaration import Weighting

MEAN = {"name": "score", "builder": "mean", "args": {"table": "survey", "column": "y"}}
LIST = {"table": "settings", "on": "urn"}


def weigh(tables: StudyTables, **weighting: Any) -> StudyTables:
    """Add one weighting to a study and carry it out."""
    declared = Weighting.model_validate({"table": "survey", **weighting})
    study = tables.declaration.model_copy(update={"weights": {"w": declared}})
    found = Problems("study.toml")
    weighted = apply_weights(dataclasses.replace(tables, declaration=study), found)
    found.raise_if_any()
    return weighted


def weights(tables: StudyTables) -> np.ndarray:
    return tables.tables["survey"].collect([RESPONSE_WEIGHT])[RESPONSE_WEIGHT].to_numpy()


def settings(n: int = 240, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    phase = rng.choice(["primary", "secondary", "special"], n, p=[0.5, 0.35, 0.15])
    return pd.DataFrame(
        {
            "site": rng.choice(list("ABCD"), n),
            "urn": [f"s{at}" for at in range(n)],
            "phase": phase,
            "size": rng.choice(["small", "large"], n),
            "pupils": rng.integers(50, 1_500, n).astype(float),
            "y": 10.0 * (phase == "primary") + rng.normal(size=n),
        }
    )


def respond(everyone: pd.DataFrame, seed: int = 4) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    chance = np.where(everyone["phase"] == "primary", 0.7, 0.3)
    answered = everyone[rng.random(len(everyone)) < chance]
    return answered.drop(columns="pupils").reset_index(drop=True)


def listed(everyone: pd.DataFrame) -> pd.DataFrame:
    return everyone.drop(columns="y")


@pytest.fixture
def returns(study):
    everyone = settings()
    return study({"settings": listed(everyone), "survey": respond(everyone)}, [MEAN])


# --- Right weights ---------------------------------------------------------------------------


def test_raking_gives_the_counts_of_the_list(returns):
    weighted = weigh(returns, method="raking", frame=LIST, columns=["phase", "size"])
    rows = weighted.tables["survey"].collect(["phase", "size", RESPONSE_WEIGHT])
    for column in ("phase", "size"):
        ours = rows.groupby(column)[RESPONSE_WEIGHT].sum()
        assert ours.to_dict() == pytest.approx(settings()[column].value_counts().to_dict())


def test_margins_may_be_given_instead_of_a_list(returns):
    margins = {column: settings()[column].value_counts().to_dict() for column in ("phase", "size")}
    one = weights(weigh(returns, method="raking", margins=margins))
    other = weights(weigh(returns, method="raking", frame=LIST, columns=["phase", "size"]))
    np.testing.assert_allclose(one, other)


def test_a_list_of_counts_does_for_a_list_of_settings(study):
    everyone = settings()
    counts = everyone.groupby(["site", "phase"]).size().rename("n").reset_index()
    both = study({"settings": counts, "survey": respond(everyone)}, [MEAN])
    found = weights(weigh(
        both, method="raking", frame={"table": "settings", "count": "n"}, columns=["phase"]
    ))  # fmt: skip
    assert found.sum() == pytest.approx(len(everyone))


def test_propensity_of_one_column_is_its_response_rate(returns):
    weighted = weigh(returns, method="propensity", frame=LIST, columns=["phase"])
    rows = weighted.tables["survey"].collect(["phase", RESPONSE_WEIGHT])
    asked, answered = settings()["phase"].value_counts(), rows["phase"].value_counts()
    expected = rows["phase"].map(asked / answered)
    np.testing.assert_allclose(rows[RESPONSE_WEIGHT], expected)


def test_design_weights_are_multiplied_by_the_factor(study):
    everyone = settings()
    survey = respond(everyone).assign(d=lambda frame: 1.0 + np.arange(len(frame)) % 3)
    tables = study({"settings": listed(everyone), "survey": survey}, [MEAN])
    plain = weights(weigh(tables, method="propensity", frame=LIST, columns=["phase"]))
    found = weights(weigh(tables, method="propensity", frame=LIST, columns=["phase"], base="d"))
    np.testing.assert_allclose(found, plain * survey["d"])
    raked = weigh(tables, method="raking", frame=LIST, columns=["phase"], base="d")
    rows = raked.tables["survey"].collect(["phase", "d", RESPONSE_WEIGHT])
    sums = rows.groupby("phase")[RESPONSE_WEIGHT].sum()
    assert sums.to_dict() == pytest.approx(everyone["phase"].value_counts().to_dict())
    assert (rows[RESPONSE_WEIGHT] / rows["d"]).groupby(rows["phase"]).std().max() < 1e-12


def test_the_weight_of_a_table_is_the_design_weight_unless_another_is_named(study):
    everyone = settings()
    survey = respond(everyone).assign(d=lambda frame: 1.0 + np.arange(len(frame)) % 3)
    frames = {"settings": listed(everyone), "survey": survey}
    weighted = study(frames, [MEAN], declared={"survey": {"weight": "d"}})
    options = {"method": "raking", "frame": LIST, "columns": ["phase"]}
    np.testing.assert_allclose(
        weights(weigh(weighted, **options)),
        weights(weigh(study(frames, [MEAN]), base="d", **options)),
    )


def test_trimmed_weights_keep_their_sum(returns):
    options = {"method": "raking", "frame": LIST, "columns": ["phase", "size"]}
    full, trimmed = weights(weigh(returns, **options)), weigh(returns, **options, trim=1.5)
    found = weights(trimmed)
    assert full.max() > 1.5 * np.median(full)
    assert found.max() <= 1.5 * np.median(full) + 1e-9
    assert found.sum() == pytest.approx(full.sum())
    report = trimmed.weighting.set_index("site")
    assert report.loc["", "trimmed"] == (found == found.max()).sum() > 0


def test_each_site_by_itself(returns):
    options = {"method": "raking", "frame": LIST, "columns": ["phase"], "within": "site"}
    weighted = weigh(returns, **options)
    report = weighted.weighting.set_index("site")["weighted"].drop("")
    assert report.to_dict() == pytest.approx(settings()["site"].value_counts().to_dict())


def test_the_report_is_kishs(returns):
    weighted = weigh(returns, method="propensity", frame=LIST, columns=["phase", "size"])
    rows = weighted.tables["survey"].collect(["site", RESPONSE_WEIGHT])
    report = weighted.weighting.set_index("site")
    for site in ("A", "B", "C", "D", ""):
        w = rows.loc[rows["site"] == site if site else rows.index, RESPONSE_WEIGHT]
        row = report.loc[site]
        assert row["respondents"] == len(w)
        assert row["effective_n"] == pytest.approx(w.sum() ** 2 / (w**2).sum())
        assert row["design_effect"] == pytest.approx(1 + w.var(ddof=0) / w.mean() ** 2)
        assert (row["smallest"], row["largest"]) == pytest.approx((w.min(), w.max()))


@pytest.mark.parametrize("method", ["raking", "propensity"])
def test_weights_undo_the_bias_of_response(study, method):
    """Mean error of four site means over 15 surveys: Monte Carlo error .08, bias without 2."""
    plain, weighted = [], []
    for seed in range(15):
        everyone = settings(seed=100 + seed)
        truth = everyone.groupby("site")["y"].mean()
        tables = study({"settings": listed(everyone), "survey": respond(everyone, seed)}, [MEAN])
        found = (
            build_profiles(
                weigh(tables, method=method, frame=LIST, columns=["phase"], within="study")
            )
            .values["score"]
            .droplevel("round")
        )
        raw = build_profiles(tables).values["score"].droplevel("round")
        plain.append((raw - truth).mean())
        weighted.append((found - truth).mean())
    assert np.mean(plain) > 1.5
    assert abs(np.mean(weighted)) < 0.3


# --- Rules for what is not known -------------------------------------------------------------


def test_rows_without_a_value_get_the_average_where_the_study_says_so(study):
    everyone = settings()
    survey = respond(everyone)
    survey.loc[[3, 8], "urn"] = [np.nan, "elsewhere"]
    tables = study({"settings": listed(everyone), "survey": survey}, [MEAN])
    options = {"method": "propensity", "frame": LIST, "columns": ["phase"]}
    with pytest.raises(StudyError, match="2 rows of table 'survey' have no value of 'phase'"):
        weigh(tables, **options)
    weighted = weigh(tables, **options, unknown="average")
    found = weights(weighted)
    known = np.delete(found, [3, 8])
    np.testing.assert_allclose(found[[3, 8]], known.mean())
    ledger = weighted.ledger[weighted.ledger["entry"] == "weights"]
    assert ledger["n"].sum() == 2 and set(ledger["outcome"]) == {"average weight"}
    assert weighted.weighting.set_index("site").loc["", "averaged"] == 2


SMALL = pd.DataFrame(
    {
        "site": list("AAAABBBB"),
        "urn": [f"s{at}" for at in range(8)],
        "phase": ["primary", "primary", "secondary", "secondary"] * 2,
    }
)


def answers(site: str, urns: list[str], **more: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"site": list(site), "urn": urns, "y": 1.0, **more})


@pytest.mark.parametrize("method", ["raking", "propensity"])
def test_a_site_of_which_nothing_is_known_has_the_average_too(study, method):
    """B asked four, and the keys of its two answers are mistyped: each stands for two."""
    survey = answers("AAABB", ["s0", "s2", "s3", "x", "y"])
    tables = study({"settings": SMALL, "survey": survey}, [MEAN])
    rules = {"unknown": "average", "uncovered": "drop", "within": "site"}
    weighted = weigh(tables, method=method, frame=LIST, columns=["phase"], **rules)
    np.testing.assert_allclose(weights(weighted), [2, 1, 1, 2, 2])
    assert build_profiles(weighted).values["score"].tolist() == [1, 1]
    averaged = weighted.ledger[weighted.ledger["outcome"] == "average weight"]
    assert averaged[["site", "n"]].to_numpy().tolist() == [["B", 2]]


def test_a_site_whose_rows_all_weigh_nothing_has_weights_of_0(study):
    survey = answers("AAB", ["s0", "s2", "s4"], w=[1.0, 1.0, 0.0])
    tables = study({"settings": SMALL, "survey": survey}, [MEAN])
    rules = {"base": "w", "within": "site", "uncovered": "drop"}
    weighted = weigh(tables, method="raking", frame=LIST, columns=["phase"], **rules)
    np.testing.assert_allclose(weights(weighted), [2, 2, 0])


def test_that_nothing_is_known_of_anybody_is_refused(study):
    tables = study({"settings": SMALL, "survey": answers("AB", ["x", "y"])}, [MEAN])
    with pytest.raises(StudyError, match="That is all of them, so that none can be weighed"):
        weigh(tables, method="raking", frame=LIST, columns=["phase"], unknown="average")


def test_answers_from_another_site_than_the_list_says_are_refused(study):
    """The only primary school that answered is listed at A, and its answers say B."""
    survey = answers("AABB", ["s2", "s3", "s0", "s6"])
    tables = study({"settings": SMALL, "survey": survey}, [MEAN])
    rules = {"within": "site", "uncovered": "drop"}
    with pytest.raises(StudyError, match="Some of 'primary' answered at site 'B', where the list"):
        weigh(tables, method="propensity", frame=LIST, columns=["phase"], **rules)


def test_rows_that_weigh_nothing_have_no_say_in_the_median_that_trims(returns):
    survey = returns.tables["survey"].collect()
    plain = {"method": "propensity", "frame": LIST, "columns": ["phase"], "trim": 1.9}
    trimmed_once = weights(weigh(returns, **plain))
    rows = pd.concat([survey.assign(w=1.0), survey.assign(w=0.0), survey.assign(w=0.0)])
    rows = rows.reset_index(drop=True).assign(**{ROW: range(1, 3 * len(survey) + 1)})
    table = returns.tables["survey"].of_rows(rows)
    more = dataclasses.replace(returns, tables={**returns.tables, "survey": table})
    weighed = weights(weigh(more, **plain, base="w"))
    np.testing.assert_allclose(weighed[: len(survey)], trimmed_once)


@pytest.mark.parametrize("number", [np.inf, 1e200])
def test_numbers_too_large_to_weigh_with_are_refused(study, number):
    survey = answers("AAB", ["s0", "s2", "s4"], w=[1.0, 1.0, number])
    frame = SMALL.assign(pupils=[*[100.0] * 7, number])
    tables = study({"settings": frame, "survey": survey}, [MEAN])
    ways = (
        {"base": "w", "columns": ["phase"]},
        {"columns": ["pupils"], "numeric": ["pupils"]},
        {"columns": ["phase"], "frame": {**LIST, "count": "pupils"}},
    )
    for way in ways:
        with pytest.raises(StudyError, match="holds numbers too large to calculate with"):
            weigh(tables, **{"method": "propensity", "frame": LIST, **way})


@pytest.mark.parametrize("method", ["raking", "propensity"])
def test_a_category_without_answers_is_refused_or_left_out(study, method):
    everyone = settings()
    survey = respond(everyone[everyone["phase"] != "special"])
    tables = study({"settings": listed(everyone), "survey": survey}, [MEAN])
    options = {"method": method, "frame": LIST, "columns": ["phase"]}
    with pytest.raises(StudyError, match="Nobody answered among 'phase' 'special'"):
        weigh(tables, **options)
    weighted = weigh(tables, **options, uncovered="drop")
    ledger = weighted.ledger[weighted.ledger["entry"] == "weights"]
    assert ledger["outcome"].tolist() == ["unrepresented"]
    assert np.isfinite(weights(weighted)).all()


def test_without_weights_declared_nothing_changes(returns):
    assert apply_weights(returns, Problems("study.toml")) is returns
    described = weigh(returns, method="none", frame=LIST, columns=["phase"])
    assert described.tables["survey"].adjusted_weight is None


# --- Refusals --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weighting", "said"),
    [
        ({"method": "raking", "margins": {"phase": {"primary": 1, "secondary": 1}}}, "'special'"),
        (
            {
                "method": "raking",
                "margins": {
                    "phase": {"primary": 5, "secondary": 3, "special": 2},
                    "size": {"small": 9, "large": 9},
                },
            },
            "add up to 18, those of 'phase' to 10",
        ),
        ({"method": "raking", "margins": {"faze": {"a": 1}}}, "Column 'faze' is not in table"),
        (
            {"method": "raking", "frame": LIST, "columns": ["phase"], "base": "phase"},
            "must hold numbers",
        ),
        (
            {"method": "raking", "frame": LIST, "columns": ["phase"], "base": "y"},
            "negative or missing",
        ),
        (
            {
                "method": "propensity",
                "frame": {"table": "settings", "on": "urn", "key": "size"},
                "columns": ["phase"],
            },
            "names a row of table 'settings' once",
        ),
        (
            {
                "method": "propensity",
                "frame": {"table": "settings", "on": "urn", "key": "pupils"},
                "columns": ["phase"],
            },
            "is text and 'pupils' of table 'settings' is numbers",
        ),
        (
            {"method": "propensity", "frame": LIST, "columns": ["phase"], "numeric": ["phase"]},
            "must hold numbers",
        ),
        ({"method": "raking", "frame": LIST, "columns": ["phase"], "trim": 1.01}, "Raise trim"),
    ],
)
def test_what_does_not_fit_the_tables_is_refused(returns, weighting, said):
    with pytest.raises(StudyError, match=said):
        weigh(returns, **weighting)


def test_more_answers_than_asked_are_refused(study):
    everyone = settings()
    survey = pd.concat([respond(everyone)] * 3)
    tables = study({"settings": listed(everyone), "survey": survey}, [MEAN])
    with pytest.raises(StudyError, match="More answered than were asked"):
        weigh(tables, method="propensity", frame={"table": "settings"}, columns=["phase"])


def test_all_problems_are_told_at_once(returns):
    wrong = {"base": "nothing", "frame": {"table": "settings", "on": "URN", "count": "heads"}}
    with pytest.raises(StudyError) as told:
        weigh(returns, method="propensity", columns=["faze"], **wrong)
    assert len(told.value.problems) == 5


@pytest.mark.parametrize(
    ("weighting", "said"),
    [
        ({"method": "raking"}, "say who was asked"),
        ({"method": "propensity", "margins": {"phase": {"a": 1.0}}}, "are for method = 'raking'"),
        ({"method": "raking", "margins": {"phase": {"a": 0.0}}}, "numbers above 0"),
        ({"method": "raking", "margins": {"phase": {"a": float("inf")}}}, "finite numbers above 0"),
        ({"method": "raking", "margins": {"phase": {"a": 1.0}}, "frame": LIST}, "give counts once"),
        (
            {"method": "raking", "margins": {"phase": {"a": 1.0}}, "within": "site"},
            "needs a 'frame'",
        ),
        ({"method": "raking", "frame": LIST, "columns": ["a"], "classes": 5}, "are for method"),
        (
            {"method": "propensity", "frame": {"table": "t", "key": "k"}, "columns": ["a"]},
            "needs 'on'",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(weighting, said):
    with pytest.raises(ValueError, match=said):
        Weighting.model_validate({"table": "survey", **weighting})
