"""LibreOffice works the spreadsheet out as the model does, cell by cell.

Skipped where LibreOffice (Debian's package ``libreoffice-calc-nogui``) is not installed.
"""

from __future__ import annotations

import dataclasses
import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pytest

from site_typology import FeatureInfo, ProposeSettings, SiteProfiles, Typology, propose
from site_typology.short_form import short_form
from site_typology.short_rule import FAR, PLACED, SHORT, ShortRule, fitted_table
from site_typology.short_sheet import Asked, sheet_bytes

KINDS = {
    "wsa": FeatureInfo("wsa", range=(1.0, 5.0)),
    "turnover": FeatureInfo("turnover", "share"),
    "calls": FeatureInfo("calls", "rate"),
    "level": FeatureInfo("level", "ordinal", range=(0.0, 6.0)),
    **{f"time.{at}": FeatureInfo(f"time.{at}", "composition", composition="time") for at in "abc"},
}
NONSENSE = ("four", " ", "2,5", "'=1", -0.5, 45.0, 1e200, -1e200)


@pytest.fixture(scope="module")
def every_kind(quick: ProposeSettings) -> Typology:
    """Thirty-six sites of three types, with a feature of every kind; levels are 1 to 4."""
    random, n = np.random.default_rng(11), 36
    kind = np.arange(n) % 3
    people = random.integers(8, 30, size=n).astype(float)
    parts = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])[kind]
    time = np.array([random.multinomial(60, row) / 60 for row in parts])
    left = random.binomial(people.astype(int), np.array([0.1, 0.4, 0.8])[kind])
    calls = random.poisson(np.array([4.0, 12.0, 30.0])[kind] * people) / people
    values = pd.DataFrame(
        {
            "wsa": np.clip(np.array([1.8, 3.0, 4.2])[kind] + random.normal(size=n) * 0.3, 1, 5),
            "turnover": left / people,
            "calls": calls,
            "level": kind + random.integers(1, 3, size=n) * 1.0,
            **dict(zip(("time.a", "time.b", "time.c"), time.T, strict=True)),
        },
        [f"Site {at:02d}" for at in range(n)],
    )
    share = (left + 0.5) / (people + 1)
    errors = values * 0.0
    errors["wsa"] = 0.8 / np.sqrt(people)
    errors["turnover"] = np.sqrt(share * (1 - share) / people)
    errors["calls"] = np.sqrt((calls + 0.5 / people) / people)
    errors.iloc[:, 4:] = np.sqrt((time * (1 - time) + 0.01) / 60)
    profiles = SiteProfiles.from_frame(values, errors, values * 0 + people[:, None], kinds=KINDS)
    return propose(profiles, seed=2, settings=quick, name="every kind")


@pytest.fixture(scope="module")
def fitted(every_kind: Typology) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values of the fitted sites and the numbers of informants, as they would be typed in."""
    return fitted_table(every_kind, ShortRule.full(every_kind).features)


def by_office(typology: Typology, rows: list[dict[int, object]], folder: Path) -> pd.DataFrame:
    """Fill in what stands in each column of a row; read the answers of the full form."""
    program = shutil.which("soffice")
    if program is None:
        pytest.skip("LibreOffice is not installed; Debian's libreoffice-calc-nogui is enough")
    rule = ShortRule.full(typology)
    found = dataclasses.replace(short_form(typology, features=1, draws=200, studies=2), rule=rule)
    book = openpyxl.load_workbook(io.BytesIO(sheet_bytes(found, {}, rows=len(rows))))
    for row, cells in enumerate(rows, start=2):
        for at, value in cells.items():
            book["Sites"].cell(row, at, value)
    source, made = folder / "form.xlsx", folder / "made"
    book.save(source)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    # A file that has never been worked out is, when it is converted.
    command = [program, "--headless", profile, "--convert-to", "xlsx", "--outdir", made, source]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    sheet = openpyxl.load_workbook(made / "form.xlsx", data_only=True)["Sites"]
    first = len(Asked.of(rule.questions).headings) + 1
    told = sheet.iter_rows(2, len(rows) + 1, first, first + 4, values_only=True)
    heads = ["name", "type", "confidence", "next", "next_confidence"]
    return pd.DataFrame([["" if one is None else one for one in row] for row in told], None, heads)


def cells_of(
    rule: ShortRule, site: str, values: pd.Series, counts: pd.DataFrame
) -> dict[int, object]:
    """What is typed in for a site, by column; gaps are left out."""
    asked = Asked.of(rule.questions)
    given = {at: float(values[name]) for name, at in asked.values.items()}
    for own in rule.questions:
        if own.counted:
            given[asked.numbers[own.name]] = float(own.number(counts)[0])
    return {1: site, **{at: value for at, value in given.items() if not np.isnan(value)}}


def test_the_answers_are_those_of_the_model_with_gaps_far_out_and_at_other_levels(
    every_kind, fitted, tmp_path: Path
):
    rule, random = ShortRule.full(every_kind), np.random.default_rng(7)
    values, counts = fitted
    gaps = values.mask(random.random(values.shape) < 0.4).add_prefix("gaps ", axis=0)
    unsaid = counts.mask(random.random(counts.shape) < 0.5).add_prefix("gaps ", axis=0)
    far = values.head(3).assign(calls=3000.0).add_prefix("far ", axis=0)
    level = values.head(4).assign(level=[0.0, 2.4, 5.0, 6.0]).add_prefix("level ", axis=0)
    values = pd.concat([values, gaps, far, level])
    counts = pd.concat([counts, unsaid, far * np.nan, level * np.nan])
    rows = [cells_of(rule, site, values.loc[site], counts.loc[[site]]) for site in values.index]
    told = by_office(every_kind, rows, tmp_path).set_axis(values.index)
    placed = rule.place(values, counts)
    assert {SHORT, PLACED, FAR} == set(placed["state"])
    inside = placed["state"] == PLACED
    assert inside[level.index].any()
    words = {SHORT: "not enough data", FAR: "none of these"}
    named = placed["type"].map(rule.names).where(inside, placed["state"].map(words))
    assert told["name"].tolist() == named.tolist()
    assert told.loc[inside, "type"].tolist() == placed.loc[inside, "type"].tolist()
    following = placed.loc[inside, "next_type"].map(rule.names)
    assert told.loc[inside, "next"].tolist() == following.tolist()
    for name in ("confidence", "next_confidence"):
        given = told.loc[inside, name].astype(float)
        np.testing.assert_allclose(given, placed.loc[inside, name], atol=1e-9)
        assert (told.loc[~inside, name] == "").all()
    labels = every_kind.labels.dropna()
    assert len(labels) >= 30
    assert told.loc[labels.index, "type"].astype(int).tolist() == labels.tolist()


def test_what_no_site_can_have_is_said_wherever_it_stands(every_kind, fitted, tmp_path: Path):
    """One cell is wrong, the rest is a fitted site's: no answer, neither a gap nor an error."""
    rule = ShortRule.full(every_kind)
    asked, site = Asked.of(rule.questions), fitted[0].index[0]
    can_be = {(asked.values["calls"], value) for value in (-0.5, 45.0)}  # A rate has no limits.
    can_be |= {(at, 45.0) for at in asked.numbers.values()}
    places = (*asked.values.values(), *asked.numbers.values())
    wrong = [(at, value) for at in places for value in NONSENSE if (at, value) not in can_be]
    good = cells_of(rule, site, fitted[0].loc[site], fitted[1].loc[[site]])
    rows = [*({**good, at: value} for at, value in wrong), good]
    told = by_office(every_kind, rows, tmp_path)
    for row, (at, value) in enumerate(wrong):
        said = told.loc[row].tolist()
        assert said == ["check the values", "", "", "", ""], (asked.headings[at - 1], value)
    assert told["name"].iloc[-1] == rule.names[int(every_kind.labels[site])]
