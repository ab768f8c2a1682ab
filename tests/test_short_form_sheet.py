"""The spreadsheet's formulas agree with the model, worked out by an evaluator.

The evaluator knows the text of the cells and nothing of how it was made: openpyxl's tokenizer takes
each formula apart and the few functions that occur are written here anew.
"""

import dataclasses
import io
import math
import re

import numpy as np
import openpyxl
import pandas as pd
import pytest
from openpyxl.formula import Tokenizer

from site_typology import FeatureInfo, SiteProfiles, Typology, propose
from site_typology.assigning import assign_file
from site_typology.differences import MismatchError
from site_typology.short_form import short_form
from site_typology.short_rule import FAR, PLACED, SHORT, ShortRule, fitted_table
from site_typology.short_sheet import Asked, sheet_bytes

KINDS = {
    "calls": FeatureInfo("calls", kind="rate"),
    "turnover": FeatureInfo("turnover", kind="share", unit="share of staff"),
    "level": FeatureInfo("level", kind="ordinal"),
    "wsa": FeatureInfo("wsa", range=(1.0, 5.0)),
    **{f"time.{at}": FeatureInfo(f"time.{at}", "composition", composition="time") for at in "abc"},
}


# --- An evaluator ----------------------------------------------------------------------------


def numbers(values):
    """Numbers among arguments: blank cells and texts in cells do not count."""
    flat = [v for value in values for v in (value if isinstance(value, list) else [value])]
    return [v for v in flat if isinstance(v, int | float) and not isinstance(v, bool)]


def plain(value):
    return 0.0 if value is None else value


FUNCTIONS = {
    "IF": lambda test, yes, no: yes() if test() else no(),
    "AND": lambda *tests: all(test() for test in tests),
    "OR": lambda *tests: any(test() for test in tests),
    "ISNUMBER": lambda cell: isinstance(cell(), int | float) and not isinstance(cell(), bool),
    "ISBLANK": lambda cell: cell() is None,
    "COUNT": lambda *cells: len(numbers([cell() for cell in cells])),
    "SUM": lambda *cells: math.fsum(numbers([cell() for cell in cells])),
    "MAX": lambda *cells: max(numbers([plain(cell()) for cell in cells])),
    "MIN": lambda *cells: min(numbers([plain(cell()) for cell in cells])),
    "ABS": lambda cell: abs(plain(cell())),
    "SIGN": lambda cell: float(np.sign(plain(cell()))),
    "SQRT": lambda cell: math.sqrt(plain(cell())),
    "ASIN": lambda cell: math.asin(plain(cell())),
    "LN": lambda cell: math.log(plain(cell())),
    "EXP": lambda cell: math.exp(plain(cell())),
    "MATCH": lambda value, cells, kind: {0: cells().index(value()) + 1}[kind()],
    "INDEX": lambda cells, at: cells()[int(at()) - 1],
}


class Sheets:
    """Every cell of a workbook, worked out when it is asked for."""

    def __init__(self, book):
        self.book, self.known, self.compiled = book, {}, {}

    def value(self, sheet, address):
        key = (sheet, address)
        if key not in self.known:
            raw = self.book[sheet][address].value
            if isinstance(raw, str) and raw.startswith("="):
                self.known[key] = self.evaluate(raw, sheet)
            else:
                self.known[key] = raw
        return self.known[key]

    def area(self, reference, home):
        sheet, _, place = reference.rpartition("!")
        sheet, place = sheet or home, place.replace("$", "")
        if ":" not in place:
            return self.value(sheet, place)
        ends = place.split(":")
        first, last = (re.sub(r".*!", "", end) for end in ends)
        cells = self.book[sheet][f"{first}:{last}"]
        return [self.value(sheet, cell.coordinate) for row in cells for cell in row]

    def evaluate(self, text, home):
        words = []
        for token in Tokenizer(text).items:
            kind, sub, word = token.type, token.subtype, token.value
            if kind == "FUNC" and sub == "OPEN":
                words.append(f"{word[:-1]}_(lambda: (")
            elif kind == "SEP":
                words.append("), lambda: (")
            elif kind == "FUNC":
                words.append("))")
            elif kind == "OPERAND" and sub == "RANGE":
                words.append(f"at({word!r})")
            elif kind == "OPERAND" or kind in ("PAREN", "OPERATOR-PREFIX"):
                words.append(word)
            elif kind == "OPERATOR-INFIX":
                words.append({"=": "==", "<>": "!="}.get(word, word))
            else:
                assert kind == "WHITE-SPACE", (kind, word)
        names = {f"{name}_": function for name, function in FUNCTIONS.items()}
        names |= {"at": lambda word: self.area(word, home), "__builtins__": {}}
        code = "".join(words)
        # Blank cells equal the empty text.
        code = re.sub(r"(at\('[^']*'\))==\"\"", r'(\1 in (None, ""))', code)
        return eval(code, names)  # noqa: S307 - formulas that this package wrote


def worked_out(book):
    """Every answer, as a function of the row and the column."""
    cells, sheet = Sheets(book), book["Sites"]
    return lambda row, column: cells.value("Sites", sheet.cell(row, column).coordinate)


def answers(typology, rule, values, counts):
    """Fill sites in and read the answers."""
    found = dataclasses.replace(short_form(typology, features=1, draws=200, studies=2), rule=rule)
    book = openpyxl.load_workbook(io.BytesIO(sheet_bytes(found, {}, rows=len(values))))
    sheet, asked = book["Sites"], Asked.of(rule.questions)
    for row, site in enumerate(values.index, start=2):
        sheet.cell(row, 1, str(site))
        for name, at in asked.values.items():
            value = values.loc[site, name]
            sheet.cell(row, at, None if np.isnan(value) else float(value))
        for own in rule.questions:
            if own.counted:
                number = own.number(counts.loc[[site]])[0]
                at = asked.numbers[own.name]
                sheet.cell(row, at, None if np.isnan(number) else float(number))
    answer, first = worked_out(book), len(asked.headings) + 1
    read = [[answer(row, first + at) for at in range(5)] for row in range(2, len(values) + 2)]
    heads = ["name", "type", "confidence", "next", "next_confidence"]
    return pd.DataFrame(read, values.index, heads)


def check(typology, rule, values, counts):
    """The answers are those of the rule, one by one."""
    told = answers(typology, rule, values, counts)
    placed = rule.place(values, counts)
    words = {SHORT: "not enough data", FAR: "none of these"}
    expected = [
        words.get(state) or rule.names[kind]
        for state, kind in zip(placed["state"], placed["type"], strict=True)
    ]
    assert told["name"].tolist() == expected
    inside = placed["state"] == PLACED
    assert (told.loc[inside, "type"] == placed.loc[inside, "type"]).all()
    for name in ("confidence", "next_confidence"):
        given = told.loc[inside, name].astype(float)
        np.testing.assert_allclose(given, placed.loc[inside, name], atol=1e-9)
    following = [rule.names[kind] for kind in placed.loc[inside, "next_type"]]
    assert told.loc[inside, "next"].tolist() == following
    assert (told.loc[~inside, "confidence"] == "").all()
    return told, placed


# --- Studies ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mixed(quick) -> Typology:
    """Sites with every kind of feature: number, share, rate, composition and ordered levels."""
    random = np.random.default_rng(3)
    n = 36
    kind = np.arange(n) % 3
    people = random.integers(8, 30, size=n).astype(float)
    true_share = np.array([0.1, 0.4, 0.8])[kind]
    parts = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])[kind]
    time = np.array([random.multinomial(60, row) / 60 for row in parts])
    turnover = random.binomial(people.astype(int), true_share) / people
    calls = random.poisson(np.array([4.0, 12.0, 30.0])[kind] * people) / people
    values = pd.DataFrame(
        {
            "wsa": np.clip(np.array([1.8, 3.0, 4.2])[kind] + random.normal(size=n) * 0.3, 1, 5),
            "turnover": turnover,
            "calls": calls,
            "level": np.clip(kind + random.integers(0, 2, size=n), 0, 3).astype(float),
            **{f"time.{part}": time[:, at] for at, part in enumerate("abc")},
        },
        [f"Site {at:02d}" for at in range(n)],
    )
    smooth = (people * turnover + 0.5) / (people + 1)
    errors = pd.DataFrame(
        {
            "wsa": 0.8 / np.sqrt(people),
            "turnover": np.sqrt(smooth * (1 - smooth) / people),
            "calls": np.sqrt((calls + 0.5 / people) / people),
            "level": 0.0,
            **{
                f"time.{part}": np.sqrt((time[:, at] * (1 - time[:, at]) + 0.01) / 60)
                for at, part in enumerate("abc")
            },
        }
    ).set_axis(values.index)
    counts = values * 0 + people[:, None]
    values.loc["Site 03", ["wsa", "time.b"]] = np.nan
    values.loc["Site 08", "calls"] = np.nan
    correlation = pd.DataFrame(np.eye(7), list(values), list(values))
    correlation.loc["wsa", "turnover"] = correlation.loc["turnover", "wsa"] = 0.4
    own = SiteProfiles.from_frame(values, errors, counts, kinds=KINDS)
    profiles = SiteProfiles(
        own.values, own.standard_errors, own.counts, own.reasons, own.features, own.ledger,
        correlation, own.response,
    )  # fmt: skip
    return propose(profiles, seed=2, settings=quick, name="mixed")


@pytest.fixture(scope="module")
def table(mixed):
    return fitted_table(mixed, ShortRule.full(mixed).features)


# --- Tests -----------------------------------------------------------------------------------


def test_the_full_form_gives_every_fitted_site_the_type_of_the_model(mixed, table):
    rule = ShortRule.full(mixed)
    told, placed = check(mixed, rule, *table)
    labels = mixed.labels.dropna()
    assert len(labels) >= 30 and mixed.k == 3
    assert told.loc[labels.index, "type"].astype(int).tolist() == labels.tolist()
    assert (placed.loc[labels.index, "state"] == PLACED).all()


@pytest.mark.parametrize("which", ["typed", "unsure"])
def test_it_does_so_where_every_feature_is_a_number(which, request):
    typology = request.getfixturevalue(which)
    rule = ShortRule.full(typology)
    told, _ = check(typology, rule, *fitted_table(typology, rule.features))
    labels = typology.labels.dropna()
    assert told.loc[labels.index, "type"].astype(int).tolist() == labels.tolist()


def test_short_forms_agree_with_the_rule_with_any_gaps_and_far_out(mixed, table):
    full, random = ShortRule.full(mixed), np.random.default_rng(5)
    for places in ([0], [1, 3], [0, 2, 4], [0, 1, 2, 3, 4]):
        rule = full.keep(places, mixed)
        names = list(rule.features)
        values, counts = table[0][names], table[1][names]
        gappy = values.mask(random.random(values.shape) < 0.4)
        unsaid = counts.mask(random.random(counts.shape) < 0.5)
        _, placed = check(mixed, rule, gappy, unsaid)
        assert SHORT in set(placed["state"]) and PLACED in set(placed["state"])
    _, placed = check(mixed, rule, values.assign(calls=[400.0, 3000.0] * 18), counts)
    assert FAR in set(placed["state"])


NONSENSE = {
    "text": "four", "space": " ", "comma": "2,5", "formula as text": "'=1", "below": -0.5,
    "above": 45.0, "huge": 1e200, "hugely negative": -1e200,
}  # fmt: skip


def test_what_no_site_can_have_is_said_wherever_it_stands(mixed, table):
    """One cell is wrong, the rest is a fitted site's: no answer, neither a gap nor an error."""
    rule = ShortRule.full(mixed)
    found = dataclasses.replace(short_form(mixed, features=1, draws=200, studies=2), rule=rule)
    asked = Asked.of(rule.questions)
    can_be = {(asked.values["calls"], value) for value in (-0.5, 45.0)}  # A rate has no limits.
    can_be |= {(at, 45.0) for at in asked.numbers.values()}
    wrong = [
        (at, value)
        for at in (*asked.values.values(), *asked.numbers.values())
        for value in NONSENSE.values()
        if (at, value) not in can_be
    ]
    site, width = table[0].index[0], len(asked.headings)
    book = openpyxl.load_workbook(io.BytesIO(sheet_bytes(found, {}, rows=len(wrong) + 2)))
    sheet = book["Sites"]
    for row in range(2, len(wrong) + 4):
        sheet.cell(row, 1, f"Site {row}")
        for name, at in asked.values.items():
            sheet.cell(row, at, float(table[0].loc[site, name]))
    for row, (at, value) in enumerate(wrong, start=2):
        sheet.cell(row, at, value)
    answer = worked_out(book)
    for row, (at, value) in enumerate(wrong, start=2):
        told = [answer(row, width + 1 + each) for each in range(5)]
        assert told == ["check the values", "", "", "", ""], (asked.headings[at - 1], value)
    for row in (len(wrong) + 2, len(wrong) + 3):
        assert answer(row, width + 1) == rule.names[int(mixed.labels[site])]


@pytest.mark.parametrize("declared", [(1.0, 5.0), None])
def test_levels_that_no_fitted_site_has_are_taken_as_assign_takes_them(declared, quick, tmp_path):
    random, kind = np.random.default_rng(8), np.arange(30) % 3
    fitted = pd.DataFrame({"wsa": kind * 6 + random.normal(size=30), "level": kind + 2.0})
    profiles = SiteProfiles.from_frame(
        fitted.set_axis([f"S{at}" for at in range(30)]),
        pd.DataFrame({"wsa": 0.5, "level": 0.0}, [f"S{at}" for at in range(30)]),
        kinds={"level": FeatureInfo("level", "ordinal", range=declared)},
    )
    typology = propose(profiles, seed=5, settings=quick)
    assert {own.name: own for own in typology.scale.blocks}["level"].levels == (2.0, 3.0, 4.0)
    levels = [1.0, 1.7, 5.0, 4.6, 0.5, 5.5, 2.4]
    values = pd.DataFrame({"wsa": 3.0, "level": levels}, [f"N{at}" for at in range(7)])
    told = answers(typology, ShortRule.full(typology), values, values * np.nan)
    inside = {site: row for site, row in told.iterrows() if row["name"] != "check the values"}
    assert list(inside) == (["N0", "N1", "N2", "N3", "N6"] if declared else ["N6"])
    new = tmp_path / "new.csv"
    for site, row in told.iterrows():
        values.loc[[site]].assign(wsa__se=0.5).to_csv(new, index_label="site")
        if site not in inside:
            with pytest.raises(MismatchError, match="level"):
                assign_file(typology, new)
            continue
        own = assign_file(typology, new)[0].frame.iloc[0]
        following = typology.assigner.names[own["next_type"]]
        assert (own["type"], following) == (row["type"], row["next"]), site
        assert own["confidence"] == pytest.approx(row["confidence"], abs=1e-9)


def test_a_part_alone_is_not_enough(mixed):
    full = ShortRule.full(mixed)
    time = [own.name for own in full.questions].index("time")
    rule = full.keep([time], mixed)
    values = pd.DataFrame(
        {"time.a": [0.7, 0.0, 0.7], "time.b": [0.2, 0.0, 0.2], "time.c": [np.nan, 0.0, 0.1]},
        ["gap", "nothing", "whole"],
    )
    told, _ = check(mixed, rule, values, values * np.nan)
    assert told["name"].tolist()[:2] == ["not enough data"] * 2
    assert told["name"].tolist()[2] in rule.names.values()


def test_parts_of_an_incomplete_mix_do_not_count(mixed, table):
    rule = ShortRule.full(mixed)
    values, counts = table
    part = [name for name in rule.features if name.startswith("time.")][-1]
    rest = [name for name in rule.features if not name.startswith("time.")]
    gappy = values.iloc[:2].copy()
    gappy[rest[rule.least - 2 :]] = np.nan
    gappy.iloc[0, gappy.columns.get_loc(part)] = np.nan
    told, _ = check(mixed, rule, gappy, counts.iloc[:2])
    assert told["name"].iloc[0] == "not enough data"
    assert told["name"].iloc[1] in rule.names.values()


def test_a_row_without_a_site_stays_blank_and_text_in_a_cell_is_no_gap(typed):
    found = short_form(typed, features=2, draws=200, studies=2)
    book = openpyxl.load_workbook(io.BytesIO(sheet_bytes(found, {}, rows=3)))
    sheet, width = book["Sites"], len(Asked.of(found.rule.questions).headings)
    sheet.cell(3, 1, "Named only")
    sheet.cell(4, 1, "Text")
    sheet.cell(4, 2, "four")
    cells = Sheets(book)
    told = [cells.value("Sites", sheet.cell(row, width + 1).coordinate) for row in (2, 3, 4)]
    assert told == ["", "not enough data", "check the values"]


def test_only_plain_functions_are_used_and_formulas_are_locked(mixed):
    found = short_form(mixed, features=2, draws=200, studies=2)
    book = openpyxl.load_workbook(io.BytesIO(sheet_bytes(found, {}, rows=2)))
    used = set()
    for sheet in book:
        assert sheet.protection.sheet and not sheet.protection.password
        for cell in (cell for row in sheet.iter_rows() for cell in row):
            if cell.data_type == "f":
                assert cell.protection.locked
                used |= {
                    token.value[:-1]
                    for token in Tokenizer(cell.value).items
                    if token.type == "FUNC" and token.subtype == "OPEN"
                }
    assert used <= set(FUNCTIONS)
    assert book["Working"].sheet_state == "hidden"
    sheet = book["Sites"]
    asked = Asked.of(found.rule.questions)
    assert not any(sheet.cell(2, at).protection.locked for at in range(1, len(asked.headings) + 1))
    held = {str(rule.sqref) for rule in sheet.data_validations.dataValidation}
    assert len(held) == len(asked.values) + len(asked.numbers)


def test_names_that_look_like_formulas_are_text(typed):
    named = typed.named({1: "=SUM(A1)", 2: "@risk"})
    found = short_form(named, features=1, draws=200, studies=2)
    odd = dataclasses.replace(found.rule.questions[0], title="=1+1", name="+name")
    rule = dataclasses.replace(found.rule, questions=(odd,))
    book = openpyxl.load_workbook(
        io.BytesIO(sheet_bytes(dataclasses.replace(found, rule=rule), {}, rows=1))
    )
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    texts = [str(cell.value) for cell in cells if cell.data_type != "f"]
    assert not [text for text in texts if text.startswith(("=", "@", "+"))]
    assert "'=SUM(A1)" in texts


def test_none_of_these_begins_exactly_where_the_model_says(typed):
    """Points just within and just beyond the farthest that is taken in, by columns known."""
    full = ShortRule.full(typed)
    for places in ([0], [0, 1], [0, 1, 2]):
        rule = full.keep(places, typed)
        means = rule.model.means
        outward = means - means.mean(axis=0)
        at = int((outward**2).sum(axis=1).argmax())
        spread = rule.model.covariance + rule.typical
        apart = outward[at] @ np.linalg.solve(spread, outward[at])
        far = np.sqrt(rule.farthest()[len(means[0]) - 1, at] / apart)
        points = np.array([means[at] + far * step * outward[at] for step in (0.9999, 1.0001)])
        natural = points * rule.spread + rule.centre
        values = pd.DataFrame(natural, ["within", "beyond"], list(rule.features))
        _, placed = check(typed, rule, values, values * np.nan)
        assert placed["state"].tolist() == [PLACED, FAR]
