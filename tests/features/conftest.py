"""Studies made in memory, for tests of the feature builders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from site_typology.declaration import parse_declaration
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, Table

MakeStudy = Callable[..., StudyTables]


@pytest.fixture(scope="session")
def study() -> MakeStudy:
    """Make `StudyTables` of frames that have a column ``site`` and perhaps ``round``."""
    return make_study


def make_study(
    frames: dict[str, pd.DataFrame],
    features: list[dict[str, Any]],
    *,
    sites: pd.DataFrame | list[str] | None = None,
    rounds: list[str] | None = None,
    scales: list[dict[str, Any]] | None = None,
    declared: dict[str, dict[str, Any]] | None = None,
    reasons: dict[str, pd.DataFrame] | None = None,
    eligible: pd.DataFrame | None = None,
) -> StudyTables:
    if sites is None:
        sites = sorted({site for frame in frames.values() for site in frame["site"]})
    listing = sites if isinstance(sites, pd.DataFrame) else pd.DataFrame({"site": sites})
    everything = {"sites": listing, **frames}
    content = {
        "study": {"name": "made", "sites": "sites", "rounds": rounds or []},
        "tables": {
            name: {"path": f"{name}.csv", "site": "site", **(declared or {}).get(name, {})}
            for name in everything
        },
        "scales": scales or [],
        "features": features,
    }
    tables = {}
    declaration = parse_declaration(content)
    for name, frame in everything.items():
        frame = frame.reset_index(drop=True)
        kept = frame.drop(columns=[column for column in ("round",) if column in frame])
        frame = kept.assign(
            **{
                SITE: frame["site"].astype(str),
                ROUND: frame["round"].astype(str) if "round" in frame else "all",
                ROW: range(1, len(frame) + 1),
            }
        )
        given = (reasons or {}).get(name, pd.DataFrame(index=frame.index))
        tables[name] = Table.of(name, declaration.tables[name], frame, given)
    ledger = pd.DataFrame(columns=["table", "entry", "site", "round", "outcome", "reason", "n"])
    columns = ["table", "site", "round", "eligible", "responded"]
    response = pd.DataFrame(columns=columns) if eligible is None else eligible[columns]
    names = tuple(listing["site"].astype(str))
    return StudyTables(declaration, names, tables, ledger, response)
