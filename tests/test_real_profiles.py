"""What the profiles of the studies of real data must show; expected figures by plain pandas."""

from __future__ import annotations

import functools
import importlib.util
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from site_typology.features.bandedcounts import expected_counts, fitted_rates
from site_typology.study import Study

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SITE_TYPOLOGY_DATA", ROOT.parent / "shared" / "data"))
NAMES = ("nyc2011", "pisa2003_nld", "talis2018_ita")

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(
        not all((DATA / name).is_dir() for name in NAMES),
        reason=f"The real data are not in {DATA}; set SITE_TYPOLOGY_DATA to where they are.",
    ),
]


@functools.cache
def load(name: str) -> Study:
    os.environ.setdefault("SITE_TYPOLOGY_DATA", str(DATA))
    return Study.load(ROOT / "examples" / name / "study.toml")


@functools.cache
def shown() -> ModuleType:
    """The module that prints the tables of the pages."""
    spec = importlib.util.spec_from_file_location(
        "profile_tables", ROOT / "examples" / "profile_tables.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def survey() -> pd.DataFrame:
    """The city's survey as text, without the row that is cut."""
    path = DATA / "nyc2011" / "survey_all.txt"
    frame = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, encoding="utf-8-sig")
    return frame.set_index("dbn").iloc[:-1]


# --- New York City ---------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "table"), [("p", "parents"), ("t", "teachers"), ("s", "pupils")])
def test_nyc_response_is_what_the_city_states(group: str, table: str) -> None:
    """Answered of asked at every school, to the whole percent; the city stops at 100."""
    response = load("nyc2011").assess().response
    own = response[response["table"] == table].set_index("site")
    stated = pd.to_numeric(survey()[f"rr_{group}"], errors="coerce")
    asked = own["eligible"] > 0
    assert int(asked.sum()) == (301 if group == "s" else 454)
    ours = 100 * own.loc[asked, "rate"].clip(upper=1)
    assert (ours - stated[asked]).abs().max() <= 0.5 + 1e-9
    number = pd.to_numeric(survey()[f"N_{group}"], errors="coerce").fillna(0)
    pd.testing.assert_series_equal(own["responded"], number, check_names=False, check_dtype=False)


def test_nyc_parents_of_some_kinds_of_schools_answer_less() -> None:
    """By hand: rates 33.7 % at high schools and 63.9 % at elementary ones; R = 1 - 2 S."""
    assessment = load("nyc2011").assess()
    frame = survey()
    numbers = frame[["nr_p", "N_p"]].apply(pd.to_numeric, errors="coerce").fillna(0)
    sums = numbers.groupby(frame["schooltype"]).sum()
    rate = sums["N_p"] / sums["nr_p"]
    spread = np.sqrt(np.average((rate - sums["N_p"].sum() / sums["nr_p"].sum()) ** 2,
                                weights=sums["nr_p"]))  # fmt: skip
    found = assessment.representative.set_index("table")
    assert found.loc["parents", "r"] == pytest.approx(1 - 2 * spread, abs=0.001)
    assert found["r"].round(2).to_dict() == {"parents": 0.72, "teachers": 0.93, "pupils": 0.88}
    groups = assessment.groups[assessment.groups["table"] == "parents"].set_index("category")
    np.testing.assert_allclose(groups["rate"], rate[groups.index])
    assert groups.loc["High School", "rate"] == pytest.approx(0.337, abs=0.001)


def test_nyc_item_means_agree_to_the_rounding_of_the_published_ones() -> None:
    table = shown().rebuilt(load("nyc2011")).set_index("feature")
    assert len(table) == 11
    assert table["items"].sum() == 94
    assert table["largest difference"].max() < 0.0501  # one decimal is half of 0.1 either way
    assert (table["beyond rounding"] == 0).all()
    assert table["item means"].sum() > 38_000


def test_nyc_parents_who_do_not_know() -> None:
    """Fifth options of question 8 by all five, mean of its six items."""
    frame = survey()
    shares = []
    for item in "abcdef":
        names = [f"p_N_q8{item}_{option}" for option in range(1, 6)]
        counts = frame[names].apply(pd.to_numeric, errors="coerce")
        shares.append(counts[names[-1]] / counts.sum(axis=1).replace(0, np.nan))
    expected = pd.concat(shares, axis=1).mean(axis=1).dropna()
    profiles = load("nyc2011").typology_profiles()
    ours = profiles.values["parents_unsure"].droplevel("round").astype(float).dropna()
    np.testing.assert_allclose(ours, expected[ours.index], atol=1e-12)
    assert [ours.min(), ours.mean(), ours.max()] == pytest.approx([0, 0.246, 0.476], abs=0.001)
    assert profiles.info("parents_unsure").measurement["response_rate"] == pytest.approx(
        0.5026, abs=1e-4
    )


# --- Netherlands -----------------------------------------------------------------------------

LOWEST = {
    "belonging": 0.97, "attitude_school": 0.97, "relations": 0.98, "teacher_support": 0.98,
    "discipline": 0.97, "maths_interest": 0.99, "maths_efficacy": 0.97, "maths_anxiety": 0.98,
    "maths_motivation": 0.98, "maths_concept": 0.99, "control_strategies": 0.98,
    "elaboration": 0.99, "memorisation": 0.99, "competitive": 0.99, "cooperative": 0.99,
    "home_computer": 0.99, "home_culture": 0.99, "home_study": 0.98, "home_possessions": 0.97,
}  # fmt: skip
"""What the correlation of our score and the OECD's of the same pupils does not fall below."""


@functools.cache
def correlations() -> pd.DataFrame:
    return pd.DataFrame(shown().correlations(load("pisa2003_nld")).set_index("scale"))


@pytest.mark.parametrize("scale", LOWEST)
def test_pisa_scores_of_pupils_are_those_of_the_oecd(scale: str) -> None:
    found = correlations().loc[scale]
    assert LOWEST[scale] <= found["correlation"] <= 1
    assert found["pupils"] > 3700
    # The OECD's score hangs on nothing but the sum of these items, so they are the same ones.
    assert found["variance by the sum"] == pytest.approx(1, abs=1e-4)


def test_pisa_every_score_of_the_oecd_that_has_items_is_met() -> None:
    """Scores with values in this file; those of computer use have neither values nor items."""
    labels = pd.read_csv(DATA / "pisa2003_nld" / "codebook.csv")
    scored = labels.loc[labels["label"].str.contains(r"\(WLE\)", na=False), "variable"]
    pupils = pd.read_csv(DATA / "pisa2003_nld" / "students.csv")
    there = {name for name in scored if name in pupils and pupils[name].notna().any()}
    assert set(correlations()["OECD score"]) == there | {"HOMEPOS"}
    # 75 of the 76 four-point items; ST38Q04, of working from the book, is in no score.
    items = {item for scale in load("pisa2003_nld").declaration.scales for item in scale.items}
    four = [f"ST{q}" for q in (24, 26, 27, 30, 31, 32, 34, 37, 38)]
    asked = {name for name in pupils if name[:4] in four}
    assert len(asked) == 76
    assert asked - items == {"ST38Q04"}


def test_pisa_one_wrong_item_is_seen() -> None:
    """ST34Q12 for ST34Q13 in memorisation: a correlation of .914, and yet not the same items."""
    study = load("pisa2003_nld")
    scale = next(each for each in study.declaration.scales if each.name == "memorisation")
    wrong = ("ST34Q06", "ST34Q07", "ST34Q09", "ST34Q12")
    other = scale.model_copy(update={"items": wrong, "reverse": wrong})
    assert shown().by_the_sum(other, "MEMOR", study.tables) < 0.9
    pupils = pd.read_csv(DATA / "pisa2003_nld" / "students.csv")
    score = -pupils[list(wrong)].mean(axis=1)
    assert score.corr(pupils["MEMOR"]) == pytest.approx(0.914, abs=0.002)


def test_pisa_alpha_of_a_scale_by_hand() -> None:
    pupils = pd.read_csv(DATA / "pisa2003_nld" / "students.csv")
    items = pupils.loc[pupils["UH"] == 0, [f"ST38Q{n:02}" for n in (2, 6, 8, 9, 11)]].dropna()
    alpha = 5 / 4 * (1 - items.var().sum() / items.sum(axis=1).var())
    measured = load("pisa2003_nld").typology_profiles().info("discipline").measurement
    assert measured["alpha"] == pytest.approx(alpha, abs=1e-9)


# --- Italy -----------------------------------------------------------------------------------

BANDS = {1: (0, 0), 2: (1, 5), 3: (6, 10), 4: (11, 15), 5: (16, 100)}
COUNTED = {"leavers": "TC3G14B", "joiners": "TC3G14A", "absent": "TC3G14C"}


def answered(feature: str) -> pd.DataFrame:
    """Roll and band of the schools that gave both, from the codes."""
    codes = pd.read_csv(DATA / "talis2018_ita" / "schools_codes.csv")
    frame = codes[["IDSCHOOL", "TC3G13A", COUNTED[feature]]].set_axis(
        ["site", "roll", "band"], axis=1
    )
    return frame[(frame["roll"] < 997) & frame["band"].isin(BANDS)]


@pytest.mark.parametrize("feature", COUNTED)
def test_talis_rates_stay_in_their_bands(feature: str) -> None:
    frame = answered(feature)
    profiles = load("talis2018_ita").typology_profiles()
    rate = profiles.values[feature].droplevel("round").astype(float)
    error = profiles.standard_errors[feature].droplevel("round").astype(float)
    site = frame["site"].map(lambda each: f"{each:.0f}")
    count = rate[site].to_numpy() * frame["roll"].to_numpy()
    low, high = (frame["band"].map(lambda band, at=at: BANDS[band][at]) for at in (0, 1))
    assert rate.notna().sum() == len(frame) == 186
    assert ((count >= low - 1e-9) & (count <= high + 1e-9)).all()
    # More than a Poisson count's on the whole, since the place in the band is not known either.
    wide = (frame["band"] == 5).to_numpy()
    poisson = np.sqrt(count) / frame["roll"].to_numpy()
    assert error[site].to_numpy()[wide].mean() > 1.1 * poisson[wide].mean()


@pytest.mark.parametrize(
    ("feature", "lowest"), [("leavers", 0.93), ("joiners", 0.90), ("absent", 0.92)]
)
def test_talis_intervals_cover_rates_banded_the_same_way(feature: str, lowest: float) -> None:
    """40 draws at the schools' own sizes, Monte Carlo error .003; middles cover .73 to .92."""
    frame = answered(feature)
    roll = frame["roll"].to_numpy(dtype=float)
    edges = np.array(list(BANDS.values()), dtype=float)
    low, high = edges[frame["band"].to_numpy(dtype=int) - 1].T
    mean, shape = fitted_rates(low, high, roll)
    rng = np.random.default_rng(20)
    covered, coarse = [], []
    for _ in range(40):
        true = rng.gamma(shape, mean / shape, len(roll))
        counts = np.minimum(rng.poisson(true * roll), 100)
        low, high = edges[np.searchsorted(edges[:, 1], counts)].T
        count, variance, _ = expected_counts(low, high, roll)
        covered.append(np.mean(np.abs(count - true * roll) <= 1.96 * np.sqrt(variance)))
        middle = np.where(low == 16, 20, (low + high) / 2)
        coarse.append(np.mean(np.abs(middle - true * roll) <= 1.96 * np.sqrt(middle + 0.5)))
    assert lowest < np.mean(covered) < 0.97
    assert np.mean(covered) > np.mean(coarse) + 0.01


def test_talis_the_open_band_and_the_cap_of_the_roll() -> None:
    frame = answered("joiners")
    assert (frame["band"] == 5).sum() == 72  # of 186: two in five
    assert frame["roll"].max() == 100
    assert (frame["roll"] == 100).sum() == 11


def test_talis_schools_without_a_weight_stand_for_none() -> None:
    cells = load("talis2018_ita").typology_profiles().reasons["schools_represented"]
    assert set(cells[cells != ""].index.get_level_values("site")) == {"3049", "3082"}
    table = shown().weighted(load("talis2018_ita")).set_index("feature")
    codes = pd.read_csv(DATA / "talis2018_ita" / "schools_codes.csv")
    known = codes[codes["TC3G13A"] < 997]
    expected = np.average(known["TC3G13A"], weights=known["SCHWGT"])
    assert table.loc["teachers_on_roll", "weighted"] == pytest.approx(expected)
