"""The features of a short form are the right ones, and what they cost is what is said."""

import dataclasses
import io
import itertools
import json

import numpy as np
import openpyxl
import pandas as pd
import pytest
from scipy.stats import multivariate_normal, norm

from site_typology import Study, StudyError, cli, simulate
from site_typology.feature_info import FeatureInfo
from site_typology.models.links import SingleBlock
from site_typology.models.mixture import TypeModel
from site_typology.models.ordinal import OrdinalBlock
from site_typology.models.tails import log_tail
from site_typology.models.working import exact_data
from site_typology.short_again import Again, again
from site_typology.short_form import short_form
from site_typology.short_question import Question
from site_typology.short_rule import PLACED, ShortRule, fitted_table
from site_typology.short_search import Drawn, search
from site_typology.short_sheet import sheet_bytes
from site_typology.short_words import asked_rows, items_of, marked, notes, questionnaire_markdown


def plain_rule(means, variances, covariance=None) -> ShortRule:
    """A rule over plain numbers whose types are known."""
    means = np.asarray(means, dtype=float)
    k, q = means.shape
    questions = tuple(
        Question(
            f"x{at}", f"x{at}", SingleBlock(f"x{at}", "identity"), (FeatureInfo(f"x{at}"),),
            ((0.0, 1.0),), np.array([variances[at]]), None, 1.0, 1.0,
        )
        for at in range(q)
    )  # fmt: skip
    covariance = np.eye(q) if covariance is None else np.asarray(covariance)
    model = TypeModel(np.full(k, 1 / k), means, covariance)
    names = {at: f"type {at}" for at in range(1, k + 1)}
    reach = float(np.log(0.001))
    return ShortRule(questions, model, np.zeros(q), np.ones(q), np.eye(q), names, 1 / 3, reach, 30)


def drawn(rule: ShortRule, draws: int, seed: int) -> Drawn:
    return Drawn.of(rule, draws, np.random.default_rng(seed))


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_memberships_are_those_of_the_marginal_normal_laws(temperature: float) -> None:
    """Worked out by scipy from the densities of the cells that are seen."""
    random = np.random.default_rng(1)
    root = random.normal(size=(3, 3))
    covariance = root @ root.T + np.eye(3)
    rule = plain_rule(random.normal(size=(3, 3)) * 2, [0.5, 0.2, 1.0], covariance)
    rule = dataclasses.replace(
        rule,
        correlation=np.array([[1.0, 0.3, 0.0], [0.3, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        reach=float(np.log(1e-200)),
        model=dataclasses.replace(rule.model, temperature=temperature),
    )
    values = pd.DataFrame(random.normal(size=(40, 3)), columns=list(rule.features))
    values = values.mask(random.random(values.shape) < 0.3)
    placed = rule.place(values, values * np.nan)
    assert (placed["state"] == PLACED).sum() > 25
    for site in placed.index[placed["state"] == PLACED]:
        seen = np.flatnonzero(values.loc[site].notna())
        spread = (covariance + rule.typical)[np.ix_(seen, seen)]
        density = np.array(
            [
                multivariate_normal(mean[seen], spread).pdf(values.loc[site].to_numpy()[seen])
                for mean in rule.model.means
            ]
        )
        assert placed.loc[site, "type"] == density.argmax() + 1
        shares = density ** (1 / temperature)
        assert placed.loc[site, "confidence"] == pytest.approx(shares.max() / shares.sum())


def test_the_farthest_distance_is_the_inverse_of_the_tail() -> None:
    for sites in (12, 30, None):
        rule = dataclasses.replace(plain_rule([[0, 0, 0], [4, 0, 0]], [0, 0, 0]), sites=sites)
        for cells, line in enumerate(rule.farthest(), start=1):
            kinds = np.arange(2)
            tails = log_tail(rule.model, line, kinds, np.full(2, cells), sites)
            np.testing.assert_allclose(tails, rule.reach, rtol=1e-9)


@pytest.mark.parametrize(("apart", "error"), [(2.0, 0.0), (3.0, 1.0)])
def test_accuracy_is_that_of_theory(apart: float, error: float) -> None:
    """Two types as large, one feature: the share right is Phi(distance / 2)."""
    rule = plain_rule([[0.0], [apart]], [error])
    sites = drawn(rule, 20_000, seed=3)
    said = sites.chances(rule.model, np.array([0])).argmax(axis=1)
    theory = norm.cdf(apart / 2 / np.sqrt(1 + error))
    share = (said == sites.truth).mean()
    assert abs(share - theory) < 4 * np.sqrt(theory * (1 - theory) / 20_000)


def test_simulated_sites_are_placed_as_the_types_place_any_site() -> None:
    rule = plain_rule([[0.0, 0.0, 1.0], [2.0, 1.0, 0.0]], [0.5, 0.0, 2.0])
    sites = drawn(rule, 500, seed=4)
    for columns in ([0, 1, 2], [0, 2]):
        at = np.array(columns)
        part = TypeModel(
            rule.model.weights, rule.model.means[:, at], rule.model.covariance[np.ix_(at, at)]
        )
        errors = np.repeat(rule.typical[np.ix_(at, at)][None], 500, axis=0)
        seen = exact_data(sites.data.values[:, at], errors)
        np.testing.assert_allclose(sites.chances(rule.model, at), part.memberships(seen), atol=1e-7)


def test_few_sites_cost_accuracy_and_many_do_not() -> None:
    """With types well estimated the share right is Phi(2 / 2); with 12 sites it is less."""
    rule = plain_rule([[0.0, 0.0, 0.0, 0.0], [2.0, 0.0, 0.0, 0.0]], [0.0] * 4)
    theory = norm.cdf(1.0)

    def found(sites: int) -> Again:
        return again(rule, drawn(rule, sites, seed=6).data, studies=12, seed=1)

    few, many = found(12), found(3_000)
    assert abs(many.accuracy[0] - theory) < 0.005
    assert abs(many.loss[0]) < 0.005
    assert few.accuracy[0] < theory - 4 * few.accuracy_error[0]
    assert (few.loss[-1], few.right.shape) == (0.0, (12, 4))


def test_features_that_part_the_types_are_found_and_the_noisier_one_is_left() -> None:
    """x1 and x3 part the types; x4 would as x3 does but is measured badly; others do not."""
    means = np.zeros((3, 5))
    means[1, [1]] = 4.0
    means[2, [3, 4]] = 4.0
    rule = plain_rule(means, [0.1, 0.1, 0.1, 0.1, 9.0])
    sets = search(rule, drawn(rule, 4_000, seed=1))
    assert sets[1] == (1, 3)
    assert sets[4] == (0, 1, 2, 3, 4)


def test_a_feature_that_says_nothing_alone_is_found_with_its_partner() -> None:
    """A suppressor: x1 has equal means in both types but shares x0's spread within them."""
    covariance = [[1.0, 0.95, 0.0], [0.95, 1.0, 0.0], [0.0, 0.0, 1.0]]
    rule = plain_rule([[0.0, 0.0, 0.0], [1.0, 0.0, 1.1]], [0.0, 0.0, 0.0], covariance)
    sets = search(rule, drawn(rule, 4_000, seed=1))
    # Fisher's distance of x0 and x1 is 1 / (1 - .95^2) = 10.3; of x0 and x2 it is 2.21.
    assert sets[0] == (2,) and sets[1] == (0, 1)


def test_the_search_is_as_good_as_trying_every_set() -> None:
    random = np.random.default_rng(8)
    for _ in range(3):
        root = random.normal(size=(5, 5))
        rule = plain_rule(
            random.normal(size=(3, 5)) * 1.5, [0.3] * 5, root @ root.T / 5 + np.eye(5)
        )
        sites = drawn(rule, 4_000, seed=2)

        def right(chosen, sites=sites, rule=rule) -> float:
            said = sites.chances(rule.model, np.array(chosen)).argmax(axis=1)
            return float((said == sites.truth).mean())

        for size, found in enumerate(search(rule, sites), start=1):
            best = max(right(each) for each in itertools.combinations(range(5), size))
            assert right(found) >= best - 0.01


def test_the_fewest_features_within_the_loss_are_chosen(typed) -> None:
    found = short_form(typed, max_loss=0.05, draws=4_000, studies=4)
    loss = found.curve["loss"]
    assert loss.iloc[-1] == 0 and found.curve["agreement"].iloc[-1] == 1
    wanted = int(found.curve["features"][loss <= 0.05].min())
    assert found.chosen["features"] == wanted == len(found.rule.questions) < 5
    assert short_form(typed, features=4, draws=500, studies=2).chosen["features"] == 4
    again = short_form(typed, max_loss=0.05, draws=4_000, studies=4)
    pd.testing.assert_frame_equal(found.curve, again.curve)
    assert not found.curve.equals(
        short_form(typed, max_loss=0.05, draws=4_000, studies=4, seed=1).curve
    )


def test_agreement_at_the_fitted_sites_is_counted(typed) -> None:
    found = short_form(typed, features=2, draws=500, studies=2)
    placed = found.rule.place(*fitted_table(typed, found.rule.features))
    labels = typed.labels.dropna().astype(int)
    kinds = placed["type"].reindex(labels.index).fillna(0)
    assert found.chosen["fitted"] == len(labels)
    assert found.chosen["fitted_agree"] == int((kinds == labels).sum()) > 20
    assert any("no test of it" in note for note in notes(found))


def test_a_typology_that_claims_nothing_is_refused_with_the_reason(untyped) -> None:
    with pytest.raises(StudyError, match="Claims no types") as refused:
        short_form(untyped)
    assert untyped.evidence.why in str(refused.value)


def test_numbers_that_cannot_be_are_refused_together(typed) -> None:
    with pytest.raises(StudyError, match="3 problems") as refused:
        short_form(typed, features=9, max_loss=2.0)
    assert "Expected 1 to 5; found 9" in str(refused.value)


def test_items_of_a_scale_are_listed_and_reversed_ones_marked(tmp_path, typed) -> None:
    path = simulate(tmp_path, scenario="well_measured", sites=9, seed=1)
    items = items_of(Study.load(path))
    scale = items["whole_school_orientation"]
    assert [item.column for item in scale] == ["o1", "o2", "o3", "o4", "o5", "o6"]
    assert [item.reverse for item in scale] == [False, False, True, False, False, True]
    assert all(item.text for item in scale) and (scale[0].low, scale[0].high) == (1, 5)
    found = short_form(typed, features=1, draws=200, studies=2)
    name = found.rule.questions[0].name
    _, rows = asked_rows(found.rule.questions, {name: scale})
    assert [row[0] for row in rows] == [name, *(f"item o{at}" for at in range(1, 7))]
    assert rows[3][4] == "yes: 6 less the answer counts" and rows[1][4] == "no"
    assert "item o3" in questionnaire_markdown(found, {name: scale})


def test_texts_of_a_study_do_not_become_markup() -> None:
    assert marked("<b>|x|</b>\n# y") == r"\<b\>\|x\|\</b\> \# y"


def test_the_command_writes_every_file(typed, tmp_path, capsys) -> None:
    typed.save(tmp_path / "typology")
    out = tmp_path / "form"
    asked = ["short-form", "--model", str(tmp_path / "typology"), "--out", str(out), "--json"]
    with pytest.raises(SystemExit) as left:
        cli.main([*asked, "--features", "2"])
    assert left.value.code == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["features"]) == 2 and told["max_loss"] is None
    assert {path.name for path in out.iterdir()} == {
        "short-form.json", "short-form.html", "short-form.xlsx", "questionnaire.md",
        "questionnaire.html", "curve.csv", "curve.svg",
    }  # fmt: skip
    assert json.loads((out / "short-form.json").read_text()) == told
    assert len(pd.read_csv(out / "curve.csv")) == 5
    assert told["features"][0] in (out / "questionnaire.html").read_text()


def test_the_command_says_why_it_refuses(untyped, tmp_path, capsys) -> None:
    untyped.save(tmp_path / "typology")
    with pytest.raises(SystemExit) as left:
        cli.main(["short-form", "--model", str(tmp_path), "--out", str(tmp_path / "form")])
    assert left.value.code == 2 and "Claims no types" in capsys.readouterr().err
    assert not (tmp_path / "form").exists()


@pytest.mark.parametrize(
    ("declared", "words", "kind", "takes"),
    [
        (None, "one of 2, 3, 4", "list", '"2,3,4"'),
        ((1.0, 5.0), "a number from 1 to 5", "decimal", "1"),
    ],
)
def test_a_declared_range_goes_before_the_levels_that_were_seen(
    typed, declared, words, kind, takes
) -> None:
    found = short_form(typed, features=1, draws=200, studies=2)
    info = FeatureInfo("level", "ordinal", range=declared)
    block = OrdinalBlock("level", (2.0, 3.0, 4.0), (-0.5, 0.5))
    own = dataclasses.replace(
        found.rule.questions[0], name="level", block=block, infos=(info,), single=None
    )
    assert asked_rows([own], {})[1][0][2] == words
    rule = dataclasses.replace(found.rule, questions=(own,))
    content = sheet_bytes(dataclasses.replace(found, rule=rule), {}, rows=1)
    (held,) = openpyxl.load_workbook(io.BytesIO(content))["Sites"].data_validations.dataValidation
    assert (held.type, held.formula1) == (kind, takes)
    assert ("One of: 2, 3, 4." if declared is None else "From 1 to 5.") in held.prompt
