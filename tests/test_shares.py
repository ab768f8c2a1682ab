"""Explanations of a study with a composition, a share and an ordinal feature, end to end."""

from __future__ import annotations

import dataclasses

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, ProposeSettings, SiteProfiles, Typology, propose
from site_typology.describe import is_claimed
from site_typology.explain import Explanation, explain
from site_typology.models.surrogate import shap_package
from site_typology.report_explanation import driver_tables, site_reasons

PARTS = ["time.direct", "time.indirect", "time.other"]


@pytest.fixture(scope="module")
def mixed(quick: ProposeSettings) -> Typology:
    """Forty-five sites of three types that differ in how time is split, and in need."""
    rng = np.random.default_rng(3)
    n = 45
    truth = np.arange(n) % 3
    logits = 0.3 * rng.normal(size=(n, 3)) + 2.5 * np.eye(3)[truth]
    parts = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    frame = pd.DataFrame(parts, [f"Site {at:02d}" for at in range(n)], PARTS)
    frame["need"] = 4.0 * (truth == 1) + rng.normal(size=n)
    frame["trained"] = np.clip(0.5 + 0.1 * rng.normal(size=n), 0.02, 0.98)
    frame["level"] = rng.integers(1, 5, n).astype(float)
    frame.loc["Site 05", PARTS] = np.nan
    errors = pd.DataFrame(dict.fromkeys(PARTS, 0.03), frame.index)
    errors["need"] = 0.4
    kinds: dict[str, str | FeatureInfo] = {
        name: FeatureInfo(name, "composition", composition="time", label=f"Time: {name[5:]}")
        for name in PARTS
    }
    kinds |= {"trained": "share", "level": "ordinal"}
    typology = propose(
        SiteProfiles.from_frame(frame, errors, kinds=kinds), seed=2, settings=quick, name="mixed"
    )
    assert is_claimed(typology)
    return typology


@pytest.fixture(scope="module")
def explanation(mixed: Typology) -> Explanation:
    return explain(mixed, seed=4)


def test_a_composition_is_one_feature(mixed: Typology, explanation: Explanation):
    assert explanation.method == "exact"
    assert sorted(explanation.per_type["feature"].unique()) == ["level", "need", "time", "trained"]
    time = explanation.per_type[explanation.per_type["feature"] == "time"]
    assert set(time["part"]) <= set(PARTS)
    assert (time["direction"] > 0.5).any()
    others = explanation.per_type[explanation.per_type["feature"] != "time"]
    assert set(others["part"]) == {""}
    rows = explanation.per_site
    assert rows.loc[rows["feature"] == "time", "value"].isna().all()
    assert not rows[(rows["feature"] == "time") & (rows["site"] == "Site 05")]["known"].any()


def test_the_sums_hold_for_every_kind(mixed: Typology, explanation: Explanation):
    rows = explanation.per_site.groupby("site")
    total = rows["measured"].sum() + rows["measured_base"].first()
    members = mixed.memberships.dropna(subset="type").set_index("site")
    expected = np.log(members["confidence"] / members["next_confidence"])
    assert total[expected.index].to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-6)


def test_the_check_replaces_all_parts_together(explanation: Explanation):
    assert explanation.faithfulness.holds
    assert explanation.faithfulness.p_value < 1e-3


def test_a_surrogate_adds_up_the_parts(mixed: Typology):
    changed = mixed.memberships.copy()
    first = changed.index[(changed["type"] == 1).fillna(False)][0]
    changed.loc[first, ["type", "next_type"]] = [2, 1]
    found = explain(dataclasses.replace(mixed, memberships=changed), seed=4)
    assert found.method == "surrogate"
    assert found.shares.types.shape[2:] == (4, mixed.k)
    # Probabilities of all types add up to 1, so what is added to them adds up to 0.
    assert found.shares.types.sum(axis=3) == pytest.approx(0)
    assert found.shares.base.sum() == pytest.approx(1)


def test_words_name_the_part_that_speaks(mixed: Typology, explanation: Explanation):
    words = [
        row["direction"]
        for table in driver_tables(mixed, explanation)
        for row in table["rows"]
        if row["title"] == "Time (all parts)"
    ]
    assert len(words) == mixed.k
    assert any(word.startswith("higher values of Time: ") for word in words)
    reasons = site_reasons(mixed, explanation, ["Site 04", "Site 05"])
    assert "Time (all parts)" in reasons["Site 04"]["own"]
    # Nothing was measured of the split of time at this site, so it is no reason.
    assert "Time" not in reasons["Site 05"]["own"] + reasons["Site 05"]["other"]


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
@pytest.mark.filterwarnings("ignore:The NumPy global RNG was seeded:FutureWarning")
def test_plots_of_shap_draw_a_typology(explanation: Explanation):
    mpl.use("Agg")
    from matplotlib import pyplot

    one = explanation.to_shap(1)
    plots = shap_package().plots
    for plot, given in ((plots.beeswarm, one), (plots.bar, one), (plots.waterfall, one[0])):
        plot(given, show=False)
        words = {text.get_text() for text in pyplot.gcf().findobj(mpl.text.Text)}
        assert any("Time (all parts)" in word for word in words)
        pyplot.close("all")
