"""The explaining parts of the report: what is explained, the check, rules, comparisons, sums."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pandas as pd
import pytest

from site_typology import Typology
from site_typology.explain import Explanation, explain
from site_typology.report import report_html
from site_typology.report_explanation import (
    accuracy_words,
    driver_tables,
    evaluation_rows,
    faithfulness_words,
    site_reasons,
    worked_example,
)
from site_typology.rule_list import fit_rules


@pytest.fixture(scope="module")
def explanation(typed: Typology) -> Explanation:
    return explain(typed, seed=3)


def section(typology: Typology, explanation: Explanation, name: str) -> str:
    text = report_html(typology, explanation, figures={})
    inside = text.split(f'<section id="{name}"')[1].split("</section>")[0]
    return " ".join(re.sub(r"<[^>]+>", " ", inside).split())


def test_exact_values_are_called_exact_and_the_check_has_its_figures(
    typed: Typology, explanation: Explanation
):
    text = section(typed, explanation, "drivers")
    assert "the contributions are exact" in text
    assert "imitates the typology tells the type" not in text
    found = explanation.faithfulness
    assert f"more at {found.share:.0%} of sites (sign test p below 0.001)" in text
    assert "Mean contribution to the log-odds" in text
    assert faithfulness_words(None) == ""


def test_a_surrogate_is_called_so_with_its_fidelity_first(typed: Typology):
    changed = typed.memberships.copy()
    first = changed.index[(changed["type"] == 1).fillna(False)][0]
    changed.loc[first, ["type", "next_type"]] = [2, 1]
    relabelled = dataclasses.replace(typed, memberships=changed)
    found = explain(relabelled, seed=3)
    text = section(relabelled, found, "drivers")
    assert f"tells the type of a site it has not seen in {found.fidelity:.0%}" in text
    assert "Mean contribution to the probability" in text
    assert "reckoned through" not in text
    assert worked_example(relabelled, found) is None


def test_what_is_not_shown_says_why_and_keeps_rules_and_comparisons(
    typed: Typology, explanation: Explanation
):
    hidden = dataclasses.replace(
        explanation,
        shown=False,
        why_not="Too little.",
        per_type=explanation.per_type[:0],
        per_site=explanation.per_site[:0],
        shares=None,
    )
    assert section(typed, hidden, "drivers").endswith("Not shown. Too little.")
    assert "How often they are right" in section(typed, hidden, "rules")
    assert "lead" in section(typed, hidden, "evaluation")


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_the_least_sure_site_is_reckoned_through(typed: Typology, explanation: Explanation):
    found = worked_example(typed, explanation)
    members = typed.memberships.dropna(subset="type").set_index("site")
    assert members["confidence"].idxmin() == found["site"]
    site = members.loc[found["site"]]
    expected = np.log(site["confidence"] / site["next_confidence"])
    assert number(found["total"]) == pytest.approx(expected, abs=0.006)
    parts = number(found["base"]) + sum(number(row["measured"]) for row in found["rows"])
    assert parts == pytest.approx(expected, abs=0.05)


def test_reasons_are_measured_and_beyond_their_spread(typed: Typology, explanation: Explanation):
    sites = list(typed.memberships["site"])
    found = site_reasons(typed, explanation, sites)
    assert list(found) == sites
    rows = explanation.per_site.set_index(["site", "feature"])
    told = 0
    for site, sides in found.items():
        for side, sign in (("own", 1), ("other", -1)):
            for words in filter(None, sides[side].split("; ")):
                if words == "nothing clearly":
                    continue
                row = rows.loc[(site, words.split(" ")[0])]
                assert row["known"]
                assert sign * row["against_next"] > row["against_next_spread"]
                told += 1
    assert told > 30
    without = typed.labels.index[typed.labels.isna()][0]
    assert found[without] == {"own": "", "other": ""}


def test_drivers_are_shares_of_the_whole(typed: Typology, explanation: Explanation):
    tables = driver_tables(typed, explanation)
    assert [table["label"] for table in tables] == ["1", "2", "3"]
    assert explanation.per_type.groupby("type")["share"].sum().tolist() == pytest.approx([1, 1, 1])
    assert tables[0]["rows"][0]["direction"] == "higher values"


def test_comparisons_read_as_associations(typed: Typology, explanation: Explanation):
    rows = evaluation_rows(typed, explanation)
    assert [row["title"] for row in rows] == ["lead"]
    assert rows[0]["outcome"] == "none shown"
    refused = explanation.evaluation.assign(why_not="Its errors may be those of others.")
    rows = evaluation_rows(typed, dataclasses.replace(explanation, evaluation=refused))
    assert rows[0]["outcome"] == "Not tested. Its errors may be those of others."
    assert rows[0]["p"] == ""


def test_accuracy_is_told_with_what_no_rule_reaches(explanation: Explanation):
    rules = dataclasses.replace(explanation.rules, unreached=(3,))
    assert "No rule ends in type 3" in accuracy_words(rules)
    assert f"give {rules.accuracy:.0%} of sites" in accuracy_words(rules)
    unknown = dataclasses.replace(rules, accuracy=float("nan"))
    assert "could not be tried" in accuracy_words(unknown)
    assert accuracy_words(None) == ""


@pytest.mark.parametrize(
    ("sites", "part"),
    [(2, "one half"), (3, "two thirds"), (4, "three quarters"), (9, "four fifths")],
)
def test_it_is_told_from_how_many_sites_rules_are_made_anew(sites: int, part: str):
    need = np.concatenate([np.linspace(0, 1, 20), np.linspace(3, 4, sites)])
    values = pd.DataFrame({"need": need}, [f"S{at:02d}" for at in range(len(need))])
    rules = fit_rules(values, pd.Series([1] * 20 + [2] * sites, values.index), seed=1)
    assert f"Made anew from {part} of the sites" in accuracy_words(rules)


def test_every_borderline_site_is_counted_though_not_all_are_listed(
    typed: Typology, explanation: Explanation, monkeypatch: pytest.MonkeyPatch
):
    unsure = dataclasses.replace(typed, memberships=typed.memberships.assign(confidence=0.6))
    monkeypatch.setattr("site_typology.report_types.MOST_SITES", 3)
    text = section(unsure, explanation, "borderline")
    assert f"{typed.labels.notna().sum()} sites belong to a type with a probability" in text
    assert "The 3 least sure are listed." in text
