"""Sums over rows that stream out of DuckDB are those that any engine forms."""

from __future__ import annotations

import narwhals as nw
import numpy as np
import pandas as pd
import pytest

from site_typology.features import streaming
from site_typology.features.aggregate import Part, summed
from site_typology.features.engines import in_engine
from site_typology.features.tables import ROUND, SITE

N = 700


def rows(seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            SITE: rng.choice([f"S{at:02d}" for at in range(40)], N),
            ROUND: rng.choice(["1", "2"], N),
            "weight": rng.choice([0.0, 0.5, 1.0, 2.5, np.nan], N),
            "a": rng.normal(1e6, 1.0, N),
            "b": rng.integers(1, 6, N).astype(float),
            "none": np.nan,
        }
    )
    frame.loc[rng.random(N) < 0.3, "a"] = np.nan
    return frame


def sums(engine: str, weighed: bool):
    parts = [
        Part({"a": nw.col("a"), "none": nw.col("none")}, tallies={"b": nw.col("b")}),
        Part({"b": nw.col("b")}, nw.col("b") > 3, "high", {"a": nw.col("a")}),
    ]
    weight = nw.col("weight") if weighed else None
    return summed(in_engine(rows(), engine), weight, parts)


@pytest.mark.parametrize("weighed", [True, False])
@pytest.mark.parametrize("compiled_from", [0, 300, 10**9])
def test_streamed_sums_are_those_of_memory(
    monkeypatch: pytest.MonkeyPatch, weighed: bool, compiled_from: int
) -> None:
    expected = sums("pandas", weighed)
    monkeypatch.setattr(streaming, "COMPILED_FROM", compiled_from)
    monkeypatch.setattr(streaming, "BATCH_CELLS", 1)
    found = sums("duckdb", weighed)
    for (mine, tallies), (theirs, other) in zip(found, expected, strict=True):
        pd.testing.assert_index_equal(mine.index, theirs.index)
        for part in ("rows", "n", "w", "ww", "mean", "squares_within"):
            np.testing.assert_allclose(
                getattr(mine, part), getattr(theirs, part), rtol=1e-9, atol=1e-12
            )
        pd.testing.assert_frame_equal(tallies, other, check_dtype=False)


def test_the_same_rows_give_the_same_sums_to_the_last_bit() -> None:
    first, second = sums("duckdb", True), sums("duckdb", True)
    assert all((a.wyy == b.wyy).all() for (a, _), (b, _) in zip(first, second, strict=True))


def test_no_row_gives_no_group() -> None:
    empty = in_engine(rows().astype({"none": float}), "duckdb").filter(nw.col("b") > 9)
    found, tallies = summed(empty, None, [Part({"a": nw.col("a")}, tallies={"b": nw.col("b")})])[0]
    assert len(found.index) == len(tallies) == 0
    assert found.mean.shape == (0, 1)
