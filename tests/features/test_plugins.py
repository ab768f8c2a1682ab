"""Builders of other packages: the documented example works, and a faulty one is named."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import shutil
import sys
from pathlib import Path

import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.builders import BUILDERS, builders
from site_typology.features.plugins import plug_ins
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import Table

NEEDS_SPARK = pytest.mark.skipif(
    importlib.util.find_spec("pyspark") is None, reason="pyspark is absent"
)
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
        # A copy: where the example itself was installed from, it has entry points beside it.
        shutil.copy(EXAMPLE / "waiting_builders.py", tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
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


@pytest.mark.parametrize("engine", ["polars", "duckdb", pytest.param("spark", marks=NEEDS_SPARK)])
def test_a_plug_in_gives_the_same_in_every_engine(study, install, engine, request):
    if engine == "spark":
        request.getfixturevalue("spark")
    install(percentile="waiting_builders:Percentile")
    days = {"1": ["2021-01-01", "2021-06-30"], "2": ["2021-07-01", "2021-12-31"]}
    seen = [f"2021-{month:02d}-09" for month in range(1, 13)]
    by_round = {"column": "seen", "window": days}
    features = [P90, {**P90, "name": "dated", "args": {**P90["args"], "where": [by_round]}}]
    tables = study({"visits": VISITS.assign(seen=seen)}, features, rounds=["1", "2"])
    first = build_profiles(tables)
    assert first.values.loc["A"].to_numpy().tolist() == [[9.0, 4.5], [9.0, 9.6]]
    moved = {
        name: Table.of(name, table.declaration, table.collect(), engine=engine)
        for name, table in tables.tables.items()
    }
    second = build_profiles(dataclasses.replace(tables, tables=moved))
    pd.testing.assert_frame_equal(first.values, second.values, rtol=1e-9)
    pd.testing.assert_frame_equal(first.reasons, second.reasons)


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


FAULTY = """
import dataclasses
import math
from waiting_builders import Percentile


class Crashing(Percentile):
    name = "crashing"

    def build(self, feature, args, tables):
        raise ZeroDivisionError("no days")


class Endless(Percentile):
    name = "endless"

    def build(self, feature, args, tables):
        made = super().build(feature, args, tables)
        return dataclasses.replace(made, values=made.values * math.inf)
"""


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("crashing:Crashing", "The plug-in builder 'crashing' failed: ZeroDivisionError: no days."),
        ("endless:Endless", "A value must be a finite number; found inf at 'A', 'B'."),
    ],
)
def test_a_plug_in_that_fails_at_work_is_named(study, install, tmp_path, name, message):
    (tmp_path / "faulty_builders.py").write_text(FAULTY)
    builder, made = name.split(":")
    install(**{builder: f"faulty_builders:{made}"})
    with pytest.raises(StudyError) as error:
        build_profiles(study({"visits": VISITS[1:]}, [{**P90, "builder": builder}]))
    sys.modules.pop("faulty_builders")
    assert f"features.p90  {message}" in str(error.value)
    cause = error.value.__cause__
    assert (type(cause) is ZeroDivisionError) == (builder == "crashing")
