"""Studies made in memory, for tests of the feature builders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest

from site_typology.features.builders import BUILDERS
from site_typology.features.tables import ROUND, ROW, SITE, StudyTables, Table
from site_typology.study_file import parse_declaration

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


SITES = list("ABCDEF")
STAFF = {"table": "staff", "person": "id", "start": "from", "end": "to"}
WINDOW = {"window": ["2021-01-01", "2021-12-31"]}
SPLIT = {"table": "survey", "columns": {"direct": "d", "wsa": "w"}, "of": "informants"}
ARGS = {
    "scale": {"scale": "wsa"},
    "mean": {"table": "survey", "column": "q1"},
    "share": {"table": "survey", "column": "role", "values": ["lead"]},
    "median": {"table": "survey", "column": "q1"},
    "missing_rate": {"table": "survey", "columns": ["q1", "q2"], "reason": "not answered"},
    "composition": {"table": "staff", "category": "role", "parts": {"a": ["a"], "b": ["b"]}},
    "diversity": SPLIT,
    "rate": {"numerator": {"table": "staff"}, "denominator": {"table": "size", "column": "n"}},
    "banded_rate": {
        "numerator": {"table": "size", "column": "band", "bands": {"1": [0, 0], "2": [1, 5]}},
        "denominator": {"table": "size", "column": "n"},
    },
    "category": {"table": "staff", "column": "role"},
    "column": {"table": "size", "column": "n"},
    "tabulated": {
        "table": "size", "items": ["q"], "pattern": "{item}_{option}",
        "options": {"0": 0.0, "1": 1.0},
    },
    "orientation_time": SPLIT,
    "orientation_scale": {"scale": "wsa"},
    "stability_index": {**STAFF, **WINDOW},
    "leaver_rate": {**STAFF, **WINDOW},
    "joiner_rate": {**STAFF, **WINDOW},
    "leavers_per_year": {**STAFF, **WINDOW},
    "retention": {**STAFF, **WINDOW, "months": 6},
    "median_tenure": {**STAFF, "at": "2021-06-30"},
    "temporary_share": {
        **STAFF, "at": "2021-06-30", "temporary": {"column": "role", "values": ["a"]},
    },
    "vacancy_rate": {
        "table": "staff", "fte": "fte", "start": "from", "end": "to", "at": "2021-06-30",
        "funded": {"table": "size", "column": "n"},
    },
    "setting_mix": {"table": "settings"},
    "setting_diversity": {"table": "settings"},
    "setting_size": {"table": "settings"},
    "setting_need": {"table": "settings"},
    "setting_rurality": {"table": "settings"},
    "setting_spread": {"table": "settings"},
    "activity_mix": {
        "referrals": {"table": "referrals"}, "contacts": {"table": "contacts"},
        "indirect": {"table": "indirect"},
    },
    "activity_mechanism": {
        "referrals": {"table": "referrals"}, "contacts": {"table": "contacts"},
    },
    "orientation_index": {
        "sources": [
            {"feature": "orientation_time", "whole_school": ["wsa"]},
            {"feature": "orientation_scale", "weight": 2.0},
        ],
    },
    "combined": {"groups": {"one": "scale", "other": "orientation_scale"}},
}  # fmt: skip
DERIVED = ("orientation_index", "combined")
SCALE = {"name": "wsa", "table": "survey", "items": ["q1", "q2", "q3"], "range": [1, 5]}


@dataclass(frozen=True)
class EveryBuilder:
    """A study that uses every builder of the registry.

    Parameters
    ----------
    args : dict
        Builder, its arguments.
    derived : tuple of str
        Builders that are made from other features.
    sites : list of str
    scale : dict
        The scale that some builders need.
    frames : callable
        Makes the tables.
    """

    args: dict[str, dict[str, Any]]
    derived: tuple[str, ...]
    sites: list[str]
    scale: dict[str, Any]
    frames: Callable[..., dict[str, pd.DataFrame]]

    def feature(self, name: str, builder: str, args: dict[str, Any]) -> dict[str, Any]:
        """Declare a feature; categories and what is made from others only describe."""
        only_described = BUILDERS[builder].kind == "category" or builder in self.derived
        use = "evaluate" if only_described else "build"
        return {"name": name, "builder": builder, "use": use, "args": args}

    def features(self) -> list[dict[str, Any]]:
        """Declare a feature of each builder, by its name."""
        return [self.feature(name, name, args) for name, args in self.args.items()]


@pytest.fixture(scope="session")
def every_builder() -> EveryBuilder:
    """The study that uses every builder of the registry."""
    return EveryBuilder(ARGS, DERIVED, SITES, SCALE, frames)


def frames(seed: int = 21) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    n = 120
    sites = np.concatenate([SITES, rng.choice(SITES, n - len(SITES))])
    survey = pd.DataFrame(rng.integers(1, 6, (n, 3)).astype(float), columns=["q1", "q2", "q3"])
    survey = survey.mask(rng.random((n, 3)) < 0.2)
    survey = survey.assign(d=rng.uniform(1, 9, n), w=rng.uniform(1, 9, n), site=sites)
    start = pd.Timestamp("2019-01-01") + pd.to_timedelta(rng.integers(0, 1000, n), unit="D")
    end = start + pd.to_timedelta(rng.integers(100, 1500, n), unit="D")
    staff = pd.DataFrame(
        {
            "site": sites, "id": [f"p{at // 2}" for at in range(n)],
            "role": rng.choice(["a", "b"], n), "fte": rng.choice([0.5, 1.0], n),
            "from": start.strftime("%Y-%m-%d"), "to": end.strftime("%Y-%m-%d"),
        }
    )  # fmt: skip
    size = pd.DataFrame({"site": SITES, "n": [20.0, 25, 30, 35, 22, 27], "band": list("122121")})
    size = size.assign(q_0=[3.0, 4, 2, 8, 5, 6], q_1=[4.0, 9, 3, 2, 7, 5])
    settings = pd.DataFrame(
        {
            "site": sites,
            "TypeOfEstablishment (code)": rng.choice(["01", "07"], n),
            "PhaseOfEducation (name)": rng.choice(["Primary", "Secondary"], n),
        }
    )
    pupils = np.arange(100.0, 100.0 + n)
    settings = settings.assign(
        **{
            "NumberOfPupils": pupils,
            "FSM": pupils // 5,
            "UrbanRural (code)": ["C1", "E1"] * (n // 2),
        },
        Easting=400_000 + 37.0 * np.arange(n) ** 2 % 9_000,
        Northing=300_000 + 53.0 * np.arange(n) ** 2 % 7_000,
    )
    survey["role"] = rng.choice(["lead", "other"], n)
    return {
        "survey": survey,
        "staff": staff,
        "size": size,
        "settings": settings,
        **activity(sites, rng),
    }


def activity(sites: np.ndarray, rng: np.random.Generator) -> dict[str, pd.DataFrame]:
    """Referrals, contacts and indirect activity of the sites, as MHSDS has them."""
    n = len(sites)
    keys = {"site": sites, "RecordNumber": [f"r{at}" for at in range(n)], "UniqServReqID": "s"}
    month = 1450.0 + rng.integers(0, 24, n)
    contacts = pd.DataFrame({**keys, "UniqMonthID": month, "ClinContDurOfCareCont": 10.0})
    return {
        "referrals": pd.DataFrame({**keys, "ServTeamTypeRefToMH": rng.choice(["F01", "C02"], n)}),
        "contacts": contacts.assign(
            AttendOrDNACode=rng.choice(["5", "6", "7"], n),
            ConsMechanismMH=rng.choice(["01", "02", "03", "11"], n),
        ),
        "indirect": pd.DataFrame(
            {**keys, "UniqMonthID": month, "DurationIndirectAct": rng.uniform(5, 60, n)}
        ),
    }
