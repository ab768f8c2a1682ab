"""Builders of other packages: the documented example works, and a faulty one is named."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.builders import BUILDERS, builders
from site_typology.features.plugins import plug_ins
from site_typology.features.profiler import build_profiles

EXAMPLE = Path(__file__).parents[2] / "examples" / "plug_in"
P90 = {"name": "p90", "builder": "percentile", "args": {"table": "visits", "column": "days"}}
VISITS = pd.DataFrame({"site": ["A"] * 11 + ["B"], "days": [float(day) for day in range(12)]})


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install packages that are nothing but entry points, as an installer would leave them."""

    def installed(**entries: str) -> None:
        folder = tmp_path / "others-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: others\nVersion: 1.0\n")
        lines = [f"{name} = {value}" for name, value in entries.items()]
        (folder / "entry_points.txt").write_text(
            "\n".join(["[site_typology.builders]", *lines, ""])
        )
        for path in (tmp_path, EXAMPLE):
            monkeypatch.syspath_prepend(str(path))
        importlib.invalidate_caches()
        plug_ins.cache_clear()

    yield installed
    plug_ins.cache_clear()
    sys.modules.pop("waiting_builders", None)


def test_the_documented_plug_in_builds_a_feature(study, install):
    install(percentile="waiting_builders:Percentile")
    assert set(builders()) == {*BUILDERS, "percentile"}
    profiles = build_profiles(study({"visits": VISITS}, [P90]))
    assert profiles.values.loc[("A", "all"), "p90"] == 9.0
    assert profiles.info("p90").builder == "percentile"


def test_arguments_of_a_plug_in_are_checked_like_any_others(study, install):
    install(percentile="waiting_builders:Percentile")
    wrong = {**P90, "args": {"table": "visits", "column": "day", "shar": 0.5}}
    with pytest.raises(StudyError, match=r"no such argument. Did you mean 'share'\?"):
        build_profiles(study({"visits": VISITS}, [wrong]))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"percentile": "no_such_module:Percentile"}, "cannot be loaded: ModuleNotFoundError"),
        ({"percentile": "waiting_builders:PercentileArgs"}, "cannot be loaded: ValidationError"),
        ({"percentile": "collections:Counter"}, "is no site_typology.features.contract.Builder"),
        ({"p_90": "waiting_builders:Percentile"}, "the entry point must have that name"),
    ],
)
def test_a_plug_in_that_fails_is_named_where_it_is_used(study, install, entry, message):
    install(**entry)
    used = {**P90, "builder": next(iter(entry))}
    with pytest.raises(StudyError) as error:
        build_profiles(study({"visits": VISITS}, [used]))
    assert message in str(error.value)
    assert "others" in str(error.value)


def test_a_plug_in_cannot_take_the_name_of_a_shipped_builder(install):
    install(mean="waiting_builders:Percentile")
    assert builders()["mean"] is BUILDERS["mean"]
    assert "the name 'mean' is taken" in plug_ins(frozenset(BUILDERS)).faults["mean"]


def test_a_study_that_uses_none_does_not_mind_a_faulty_plug_in(study, install):
    install(percentile="no_such_module:Percentile")
    mean = {**P90, "builder": "mean"}
    assert build_profiles(study({"visits": VISITS}, [mean])).values.shape == (2, 1)
