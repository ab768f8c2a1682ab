"""Features whose errors are not known, or zero, still rest on informants, and `check` says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from site_typology.feature_info import FeatureInfo
from site_typology.features.assessment import assess
from site_typology.features.finding import CHASE, THIN, Finding
from site_typology.features.findings import findings
from site_typology.profiles import SiteProfiles
from site_typology.quality_page import quality_html
from site_typology.report_quality import quality_content
from site_typology.study import Study

SITES = [f"S{at:02d}" for at in range(12)]


def one_row_a_site(folder: Path) -> Path:
    """A study of 12 sites, ten people asked at each, one of whom answered."""
    pd.DataFrame({"site": SITES, "invited": 10}).to_csv(folder / "sites.csv", index=False)
    answers = {"site": SITES, "a": [1, 2, 3] * 4, "b": [5, 4, 2, 1] * 3}
    pd.DataFrame(answers).to_csv(folder / "survey.csv", index=False)
    study = folder / "study.toml"
    study.write_text(
        """
        [study]
        name = "one"
        sites = "sites"
        [tables.sites]
        path = "sites.csv"
        site = "site"
        [tables.survey]
        path = "survey.csv"
        role = "survey"
        site = "site"
        eligible = { table = "sites", column = "invited" }
        [[features]]
        name = "a"
        builder = "mean"
        args = { table = "survey", column = "a" }
        [[features]]
        name = "b"
        builder = "mean"
        args = { table = "survey", column = "b" }
        """
    )
    return study


def made(errors: float, counts: float | list[float]) -> SiteProfiles:
    values = pd.DataFrame({"view": np.arange(12.0)}, SITES)
    return SiteProfiles.from_frame(
        values,
        values * 0 + errors,
        pd.DataFrame({"view": counts}, SITES),
        {"view": FeatureInfo("view", measurement={"informants_per_site": 1.0})},
    )


def found(profiles: SiteProfiles) -> dict[str, Finding]:
    return {finding.section: finding for finding in findings(assess(profiles, minimum=5))}


def test_one_informant_at_every_site_is_something_to_do(tmp_path: Path) -> None:
    study = Study.load(one_row_a_site(tmp_path))
    assessment = study.assess()
    by_section = {finding.section: finding for finding in findings(assessment)}
    chase, thin = by_section[CHASE], by_section[THIN]
    assert (chase.level, thin.level) == ("act", "act")
    assert chase.found == ("Yes: every site rests on one informant for a, b, so no error is known.")
    assert chase.do == "Ask a second one at some sites."
    assert thin.found.startswith("12 sites rest on one informant for some figure (S00, ")
    assert "24 figures at 12 sites rest on fewer than 5" in thin.found
    assert "every site rests on one informant" in quality_html(assessment, title="One")


def test_the_number_of_informants_is_known_where_their_error_is_not() -> None:
    precision = assess(made(np.nan, 1.0)).precision.iloc[0]
    assert (precision["error"], precision["n"]) == ("error not known", 1.0)
    assert np.isnan([precision["reliability"], precision["needed"]]).all()


@pytest.mark.parametrize(
    ("errors", "level", "said"),
    [
        (np.nan, "look", "Not known: the error of view is not known."),
        (0.0, "fine", "taken as exact. More returns would add nothing"),
    ],
)
def test_many_informants_without_an_error_above_zero(errors: float, level: str, said: str) -> None:
    by_section = found(made(errors, 8.0))
    assert by_section[CHASE].level == level
    assert said in by_section[CHASE].found
    assert by_section[THIN].found == (
        "No site rests on one informant; every figure rests on 5 or more."
    )


def test_exact_figures_of_one_informant_are_thin_and_need_no_more_for_precision() -> None:
    profiles = made(0.0, [1.0, *[9.0] * 11])
    thin = found(profiles)[THIN]
    assert thin.level == "act"
    assert thin.found.startswith("1 site rests on one informant for some figure (S00)")
    [row] = quality_content(assess(profiles))["reliability"]
    assert (row["n"], row["needed"]) == ("5.4", "")  # 12 / (1 + 11 / 9)


def test_without_informants_nothing_is_to_be_chased() -> None:
    values = pd.DataFrame({"size": np.arange(12.0)}, SITES)
    by_section = found(SiteProfiles.from_frame(values, values * 0 + 0.1))
    assert by_section[CHASE].found.endswith("so there is nobody to chase.")
    assert by_section[THIN].found == "No feature rests on informants."
