"""Response weights reach the estimates of every survey builder and survive every step."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import Problems
from site_typology.features.engines import in_engine
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import StudyTables
from site_typology.features.weighting import (
    RESPONSE_WEIGHT,
    apply_weights,
    without_response_weights,
)
from site_typology.study import Study
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


# --- They reach every estimate ---------------------------------------------------------------

ITEMS = {"name": "wsa", "table": "survey", "items": ["q1", "q2", "q3"], "range": [1, 5]}
SPLIT = {"table": "survey", "columns": {"direct": "d", "wsa": "w"}, "of": "informants"}
ESTIMATES: dict[str, dict[str, Any]] = {
    "mean": {"table": "survey", "column": "q1"},
    "share": {"table": "survey", "column": "role", "values": ["lead"]},
    "median": {"table": "survey", "column": "d"},
    "scale": {"scale": "wsa"},
    "orientation_scale": {"scale": "wsa"},
    "composition": SPLIT,
    "diversity": SPLIT,
    "orientation_time": SPLIT,
}


def survey(seed: int = 6, n: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = pd.DataFrame(rng.integers(1, 6, (n, 3)).astype(float), columns=["q1", "q2", "q3"])
    return rows.mask(rng.random((n, 3)) < 0.15).assign(
        site=np.repeat(list("ABC"), n // 3),
        d=rng.uniform(1, 9, n),
        w=rng.uniform(1, 9, n),
        role=rng.choice(["lead", "other"], n),
        phase=rng.choice(["primary", "secondary"], n),
        times=rng.integers(1, 4, n).astype(float),
    )


@pytest.mark.parametrize("builder", ESTIMATES)
@pytest.mark.parametrize("where", [[], [{"column": "q2", "values": ["1", "2", "3"]}]])
def test_weight_two_is_a_row_twice(study, builder, where):
    """Response weights that come out as 1, 2 and 3 give the values of rows once to three times."""
    rows = survey()
    feature = {"name": "f", "builder": builder, "args": {**ESTIMATES[builder], "where": where}}
    twice = rows.loc[rows.index.repeat(rows["times"].astype(int))]
    margins = {"phase": rows.groupby("phase")["times"].sum().to_dict()}
    weighted = weigh(
        study({"survey": rows}, [feature], scales=[ITEMS]),
        method="raking", margins=margins, base="times",
    )  # fmt: skip
    np.testing.assert_allclose(weights(weighted), rows["times"])
    one = build_profiles(weighted)
    two = build_profiles(study({"survey": twice}, [feature], scales=[ITEMS]))
    np.testing.assert_allclose(one.values, two.values, rtol=1e-9)
    plain = build_profiles(without_response_weights(weighted))
    assert not np.allclose(one.values, plain.values)


def test_a_weight_of_zero_is_no_row(study):
    rows = survey().assign(times=lambda frame: frame["times"] - 1)
    feature = [{"name": "f", "builder": "mean", "args": ESTIMATES["mean"]}]
    margins = {"phase": rows.groupby("phase")["times"].sum().to_dict()}
    weighted = weigh(
        study({"survey": rows}, feature), method="raking", margins=margins, base="times"
    )
    left = rows[rows["times"] > 0]
    one = build_profiles(weighted)
    two = build_profiles(study({"survey": left}, feature, declared={"survey": {"weight": "times"}}))
    np.testing.assert_allclose(one.values, two.values)
    np.testing.assert_allclose(one.counts, two.counts)


def test_order_of_rows_does_not_matter(study):
    everyone = settings()
    frames = {"settings": listed(everyone), "survey": respond(everyone)}
    mixed = {name: frame.sample(frac=1, random_state=1) for name, frame in frames.items()}
    options = {"method": "propensity", "frame": LIST, "columns": ["phase", "size"]}
    one, two = (build_profiles(weigh(study(each, [MEAN]), **options)) for each in (frames, mixed))
    np.testing.assert_allclose(one.values, two.values.loc[one.values.index])
    np.testing.assert_allclose(one.standard_errors, two.standard_errors)


# --- They survive every step -----------------------------------------------------------------


@pytest.mark.parametrize("engine", ["polars", "duckdb"])
@pytest.mark.parametrize("method", ["raking", "propensity"])
def test_every_engine_makes_the_same_weights(returns, engine, method):
    options = {
        "method": method, "frame": LIST, "columns": ["phase", "size"], "trim": 1.5,
    }  # fmt: skip
    here = weigh(returns, **options)
    moved = {
        name: dataclasses.replace(table, rows=in_engine(table.collect(), engine))
        for name, table in returns.tables.items()
    }
    there = weigh(dataclasses.replace(returns, tables=moved), **options)
    np.testing.assert_allclose(weights(here), weights(there), rtol=1e-9)
    one, two = build_profiles(here), build_profiles(there)
    np.testing.assert_allclose(one.values, two.values, rtol=1e-9)
    np.testing.assert_allclose(one.standard_errors, two.standard_errors, rtol=1e-9)


def test_each_round_has_weights_of_its_own(study):
    everyone = settings()
    first, second = respond(everyone, 1).assign(round="1"), respond(everyone, 2).assign(round="2")
    tables = study(
        {"settings": listed(everyone), "survey": pd.concat([first, second])},
        [MEAN],
        rounds=["1", "2"],
        declared={"survey": {"round": "round"}},
    )
    options = {"method": "propensity", "frame": LIST, "columns": ["phase"]}
    both = weights(weigh(tables, **options))
    for own, found in ((first, both[: len(first)]), (second, both[len(first) :])):
        rate = everyone["phase"].value_counts() / own["phase"].value_counts()
        np.testing.assert_allclose(found, own["phase"].map(rate))


STUDY = """
[study]
name = "weighted"
sites = "sites"
rounds = ["1", "2"]
[tables.sites]
path = "sites.csv"
site = "site"
[tables.settings]
path = "settings.csv"
role = "settings"
site = "site"
[tables.survey]
path = "survey.csv"
role = "survey"
link = { table = "settings", on = "urn" }
round = "round"
where = [{ column = "consent", values = ["yes"] }]
[weights.response]
table = "survey"
method = "raking"
columns = ["phase"]
frame = { table = "settings", on = "urn" }
[[features]]
name = "score"
builder = "mean"
args = { table = "survey", column = "y" }
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """Write a study whose survey is linked through the list, has rounds and drops some rows."""
    everyone = settings()
    survey = pd.concat(
        [respond(everyone, seed).assign(round=name) for seed, name in ((1, "1"), (2, "2"))]
    )
    survey["consent"] = np.where(np.arange(len(survey)) % 5 == 0, "no", "yes")
    survey.drop(columns=["site", "phase", "size"]).to_csv(tmp_path / "survey.csv", index=False)
    listed(everyone).to_csv(tmp_path / "settings.csv", index=False)
    everyone[["site"]].drop_duplicates().to_csv(tmp_path / "sites.csv", index=False)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


def test_weights_survive_links_filters_and_rounds(written):
    """Against plain pandas on the files."""
    profiles = Study.load(written / "study.toml").profiles()
    survey = pd.read_csv(written / "survey.csv", dtype={"round": str})
    everyone = pd.read_csv(written / "settings.csv")
    rows = survey[survey["consent"] == "yes"].merge(everyone, on="urn")
    asked = everyone["phase"].value_counts()
    answered = rows.groupby(["round", "phase"])["y"].transform("size")
    rows["w"] = rows["phase"].map(asked) / answered
    rows["wy"] = rows["w"] * rows["y"]
    sums = rows.groupby(["site", "round"])[["wy", "w"]].sum()
    expected = (sums["wy"] / sums["w"]).loc[profiles.values.index]
    np.testing.assert_allclose(profiles.values["score"], expected)


def test_the_ledger_still_accounts_for_every_row(written):
    ledger = Study.load(written / "study.toml").profiles().ledger
    rows = ledger[(ledger["table"] == "survey") & (ledger["entry"] == "rows")]
    assert rows["n"].sum() == len(pd.read_csv(written / "survey.csv"))
