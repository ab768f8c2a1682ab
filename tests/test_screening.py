import numpy as np
import pandas as pd
import pytest

from site_typology import SiteProfiles, StudyError
from site_typology.screening import screen


def frame(sites=20, **columns):
    rng = np.random.default_rng(5)
    base = {"wsa": rng.normal(3, 1, sites), "need": rng.normal(20, 4, sites)}
    index = [f"T{at:02d}" for at in range(sites)]
    return pd.DataFrame({**base, **columns}, index=index)


def problems_of(profiles):
    with pytest.raises(StudyError) as caught:
        screen(profiles, 1 / 3)
    return {problem.where: problem.message for problem in caught.value.problems}


def test_constant_and_empty_features_are_refused_together():
    given = SiteProfiles.from_frame(frame(same=[2.0] * 20, none=[np.nan] * 20))
    found = problems_of(given)
    assert set(found) == {"features.same", "features.none"}
    assert "constant" in found["features.same"]
    assert "not answered" in found["features.none"]


@pytest.mark.parametrize("levels", [2, 3, 4])
def test_an_exact_feature_on_few_levels_is_a_category_in_numbers(levels):
    column = np.arange(20) % levels
    found = problems_of(SiteProfiles.from_frame(frame(kind=column.astype(float))))
    assert f"only {levels} different values (0, 1" in found["features.kind"]


def test_few_levels_with_an_error_or_at_few_sites_are_kept():
    values = frame(score=np.arange(20) % 3 + 0.0)
    errors = pd.DataFrame(0.4, index=values.index, columns=["score"])
    assert screen(SiteProfiles.from_frame(values, errors), 1 / 3).apart == {}
    few = frame(sites=8, score=np.arange(8) % 3 + 0.0)
    assert screen(SiteProfiles.from_frame(few), 1 / 3).apart == {}


def test_values_of_unknown_error_are_refused():
    values = frame()
    errors = pd.DataFrame(np.nan, index=values.index, columns=["wsa"])
    found = problems_of(SiteProfiles.from_frame(values, errors))
    assert "error is not known at all 20 sites" in found["features.wsa"]
    assert "two informants" in found["features.wsa"]


def test_sites_with_a_value_of_unknown_error_are_named():
    values = frame()
    errors = pd.DataFrame(0.3, index=values.index, columns=["wsa"])
    errors.loc[["T03", "T11"], "wsa"] = np.nan
    values.loc["T11", "wsa"] = np.nan
    message = problems_of(SiteProfiles.from_frame(values, errors))["features.wsa"]
    assert "not known at 1 of the 19 sites that have one: T03." in message
    assert "informants" not in message


def test_a_site_with_too_little_data_is_set_apart_with_what_is_missing():
    values = frame(more=np.linspace(0, 1, 20), other=np.linspace(3, 1, 20) ** 2)
    values.loc["T03", ["wsa", "need", "more"]] = np.nan
    screened = screen(SiteProfiles.from_frame(values), 1 / 3)
    assert list(screened.apart) == ["T03"]
    assert "1 of 4 features observed" in screened.apart["T03"]
    assert "wsa (not answered)" in screened.apart["T03"]
    assert "T03" not in screened.profiles.sites


def test_parts_count_where_their_composition_is_whole():
    parts = np.random.default_rng(6).dirichlet([4.0] * 4, size=20)
    mix = {f"mix.{name}": parts[:, at] for at, name in enumerate("wxyz")}
    values = frame(**mix)
    values.loc["T03", ["wsa", "need", "mix.w"]] = np.nan
    values.loc["T04", ["wsa", "need"]] = np.nan
    values.loc["T05", ["mix.w", "mix.x"]] = np.nan
    kinds = dict.fromkeys(mix, "composition:mix")
    screened = screen(SiteProfiles.from_frame(values, kinds=kinds), 1 / 3)
    assert list(screened.apart) == ["T03"], "a whole mix, or two of six, is enough"
    assert "0 of 6 features observed" in screened.apart["T03"]


def test_too_few_sites_is_the_only_thing_said():
    given = SiteProfiles.from_frame(frame(sites=2, same=[1.0, 1.0]))
    assert list(problems_of(given)) == ["sites"]
