"""The benchmark of assignment in batches: its ways run, and give the same probabilities."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def batch(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The benchmark, which is no package and not installed."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module("batch")
    sys.modules.pop("batch")


def test_every_way_without_errors_gives_the_probabilities_of_scikit_learn(
    batch, typed, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch, "WAYS", [way for way in batch.WAYS if way[2] == "exact"])
    typed.save(tmp_path / "typology")
    batch.write_sites(tmp_path, tmp_path / "typology", 300)
    for at in range(len(batch.WAYS)):
        batch.run_one(at, tmp_path)
    answers = [np.load(tmp_path / f"answer-{at}.npy") for at in range(len(batch.WAYS))]
    assert len(answers) == 6
    for found in answers[1:]:
        known = ~np.isnan(found).any(axis=1)
        assert known.mean() > 0.9
        assert found[known] == pytest.approx(answers[0][known], abs=batch.AGREEMENT)
