"""The settings of simulated sites: a register in the shape of GIAS and the participation list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.simulated_gias import (
    CLASSES,
    LINK_COLUMNS,
    NAMES,
    PHASE_CODES,
    RURALITY,
    TYPES,
    Class,
)
from site_typology.simulated_truth import Floats, Truth

CLOSED = 0.03
"""Share of participating settings that closed before the register was taken (assumption)."""
OUTSIDE = 0.05
"""Settings in the register that take no part, per one that does (assumption)."""
REGISTER_DATE = pd.Timestamp("2021-12-31")
SUCCEEDED = 0.7
"""Share of closed settings with a successor, where the register lists one at hand (assumption)."""


@dataclass(frozen=True)
class Settings:
    """The settings of a simulated study.

    Parameters
    ----------
    register : DataFrame
        One row a setting, columns and spelling of GIAS.
    participation : DataFrame
        Columns ``URN, site, joined``; which setting works with which site.
    invited : array of int, shape (n_sites,)
        Participating settings, closed ones included; all are sent the survey.
    links : DataFrame
        One row a link between settings, columns and types of the register's file of links: who
        came after a closed setting, and who before an open one.
    """

    register: pd.DataFrame
    participation: pd.DataFrame
    invited: np.ndarray
    links: pd.DataFrame

    @property
    def served(self) -> pd.DataFrame:
        """Rows of the register that take part and are open."""
        taking_part = self.register["URN"].isin(self.participation["URN"])
        return self.register[taking_part & (self.register["EstablishmentStatus (code)"] == "1")]


def true_mix(truth: Truth) -> Floats:
    """True shares of the classes of settings.

    Parameters
    ----------
    truth : Truth

    Returns
    -------
    array, shape (n_sites, n_classes)
        Rows add up to 1; columns in the order of `CLASSES`.
    """
    moves = {name: truth.value(name) for name in ("mix_secondary", "mix_special", "mix_post16")}
    size = len(truth.sites)
    logits = np.column_stack(
        [
            np.log(kind.share) + (moves[kind.moved_by] if kind.moved_by else np.zeros(size))
            for kind in CLASSES.values()
        ]
    )
    weights = np.exp(logits)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def draw_settings(truth: Truth, teams: np.ndarray, seed: np.random.SeedSequence) -> Settings:
    """Draw the settings that each site works with, some closed ones and some outsiders.

    Parameters
    ----------
    truth : Truth
    teams : array of int, shape (n_sites,)
    seed : SeedSequence

    Returns
    -------
    Settings
    """
    rng = np.random.default_rng(seed)
    n_invited = np.maximum(np.rint(teams * truth.value("reach")), 3).astype(int)
    n_closed = rng.binomial(n_invited - 2, CLOSED)
    n_outside = rng.binomial(n_invited, OUTSIDE)
    size = int((n_invited + n_outside).sum())
    urn = rng.choice(np.arange(100_000, 100_000 + 20 * size), size=size, replace=False)
    place, part = [], []
    for name, counts in (
        ("open", n_invited - n_closed),
        ("closed", n_closed),
        ("outside", n_outside),
    ):
        place.append(np.repeat(np.arange(len(truth.sites)), counts))
        part.append(np.full(int(counts.sum()), name))
    frame = pd.DataFrame(
        {"URN": urn.astype(str), "at": np.concatenate(place), "part": np.concatenate(part)}
    )
    frame["class"] = _draw_classes(true_mix(truth), frame["at"].to_numpy(), rng)
    register = _register(frame, truth, rng)
    # What came later has random numbers of its own, so that the rest stays what it was.
    later = np.random.default_rng(seed.spawn(1)[0])
    register = register.assign(**_places(frame["at"].to_numpy(), len(truth.sites), later))
    links = _links(frame, register, later)
    taking_part = frame["part"] != "outside"
    joined = pd.Timestamp("2018-01-01") + pd.to_timedelta(rng.integers(0, 700, size), unit="D")
    participation = pd.DataFrame(
        {
            "URN": frame["URN"],
            "site": np.array(truth.sites)[frame["at"]],
            "joined": joined.strftime("%Y-%m-%d"),
        }
    )[taking_part]
    order = rng.permutation(size)
    participation = participation.sort_values(["site", "URN"], kind="stable")
    return Settings(register.iloc[order], participation, n_invited, links)


def _draw_classes(mix: Floats, at: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    below = rng.random(len(at))[:, None] > np.cumsum(mix, axis=1)[at][:, :-1]
    return np.asarray(np.array(list(CLASSES))[below.sum(axis=1)])


def _register(frame: pd.DataFrame, truth: Truth, rng: np.random.Generator) -> pd.DataFrame:
    size = len(frame)
    kinds = [CLASSES[name] for name in frame["class"]]
    codes = [_pick(kind.types, draw) for kind, draw in zip(kinds, rng.random(size), strict=True)]
    closed = (frame["part"] == "closed").to_numpy()
    opened = pd.Timestamp("1950-09-01") + pd.to_timedelta(rng.integers(0, 24_000, size), unit="D")
    shut = REGISTER_DATE - pd.to_timedelta(rng.integers(30, 900, size), unit="D")
    pupils, fsm = _pupils(kinds, truth.value("need")[frame["at"]], rng)
    rural = _rurality(frame["at"].to_numpy(), len(truth.sites), rng)
    groups = [TYPES[code][1] for code in codes]
    counted = ~np.isnan(pupils)
    ukprn = (10_000_000 + np.arange(size)).astype(str)
    return pd.DataFrame(
        {
            "URN": frame["URN"],
            "LA (code)": [str(201 + at) for at in frame["at"]],
            "LA (name)": [f"Simulated area {at + 1}" for at in frame["at"]],
            "EstablishmentNumber": [f"{number:04d}" for number in rng.integers(1, 8000, size)],
            "EstablishmentName": _names(kinds, rng),
            "TypeOfEstablishment (code)": [f"{code:02d}" for code in codes],
            "TypeOfEstablishment (name)": [TYPES[code][0] for code in codes],
            "EstablishmentTypeGroup (code)": [code for code, _ in groups],
            "EstablishmentTypeGroup (name)": [name for _, name in groups],
            "EstablishmentStatus (code)": np.where(closed, "2", "1"),
            "EstablishmentStatus (name)": np.where(closed, "Closed", "Open"),
            "OpenDate": np.where(rng.random(size) < 0.4, "", opened.strftime("%d-%m-%Y")),
            "CloseDate": np.where(closed, shut.strftime("%d-%m-%Y"), ""),
            "PhaseOfEducation (code)": [PHASE_CODES[kind.phase] for kind in kinds],
            "PhaseOfEducation (name)": [kind.phase for kind in kinds],
            "StatutoryLowAge": [str(kind.ages[0]) for kind in kinds],
            "StatutoryHighAge": [str(kind.ages[1]) for kind in kinds],
            "FurtherEducationType (name)": [kind.further for kind in kinds],
            "SchoolCensusDate": np.where(counted, "21-01-2021", ""),
            "NumberOfPupils": _text(pupils, 0),
            "PercentageFSM": _text(fsm, 1),
            "FSM": _text(np.rint(pupils * fsm / 100), 0),
            "SENStat": _text(np.rint(pupils * 0.03), 0),
            "SENNoStat": _text(np.rint(pupils * 0.12), 0),
            "UKPRN": np.where(rng.random(size) < 0.1, "", ukprn),
            "UrbanRural (code)": [RURALITY[at][0] for at in rural],
            "UrbanRural (name)": [RURALITY[at][1] for at in rural],
            "Easting": rng.integers(300_000, 600_000, size).astype(str),
            "Northing": rng.integers(100_000, 500_000, size).astype(str),
            "LSOA (code)": [f"E0{number}" for number in rng.integers(1_000_000, 1_040_000, size)],
        }
    )  # fmt: skip


def _places(at: np.ndarray, n_sites: int, rng: np.random.Generator) -> dict[str, list[str]]:
    """Easting and northing in metres: settings about a centre of their site, near or wide."""
    width = 1000.0 * rng.uniform(3.0, 15.0, n_sites)[at]
    centre = {
        "Easting": rng.uniform(350_000, 550_000, n_sites)[at],
        "Northing": rng.uniform(150_000, 450_000, n_sites)[at],
    }
    return {
        name: _text(middle + width * rng.standard_normal(len(at)), 0)
        for name, middle in centre.items()
    }


def _links(frame: pd.DataFrame, register: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Links from closed settings to open ones that were not listed, and back.

    Two closed settings of a site with one such setting become it together.
    """
    rows: list[tuple[str, ...]] = []
    followed = (frame["part"] == "closed").to_numpy() & (rng.random(len(frame)) < SUCCEEDED)
    for _, here in frame.assign(followed=followed).groupby("at"):
        after = register.loc[here.index[here["part"] == "outside"]]
        before = register.loc[here.index[here["followed"]]]
        if after.empty:
            continue
        for turn, (_, old) in enumerate(before.iterrows()):
            new = after.iloc[turn % len(after)]
            kind = " - merged" if len(before) > len(after) else ""
            day = pd.to_datetime(old["CloseDate"], format="%d-%m-%Y") + pd.Timedelta(days=1)
            for one, other, word in ((old, new, "Successor"), (new, old, "Predecessor")):
                name, date = str(other["EstablishmentName"]), day.strftime("%d-%m-%Y")
                rows.append((str(one["URN"]), str(other["URN"]), name, f"{word}{kind}", date))
    return pd.DataFrame(rows, columns=LINK_COLUMNS)


def _pick(weights: dict[int, float], draw: float) -> int:
    total = 0.0
    for code, weight in weights.items():
        total += weight
        if draw < total:
            return code
    return next(reversed(weights))


def _pupils(kinds: list[Class], need: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Pupils and percentage on free school meals; blank where the register has none."""
    size = len(kinds)
    typical = np.array([kind.pupils for kind in kinds])
    pupils = np.rint(typical * np.exp(0.35 * rng.standard_normal(size)))
    fsm = np.clip(need + 9.0 * rng.standard_normal(size), 0.0, 100.0).round(1)
    blank_pupils = np.array([kind.phase == "16 plus" for kind in kinds])
    blank_fsm = blank_pupils | np.array([11 in kind.types for kind in kinds])
    return np.where(blank_pupils, np.nan, pupils), np.where(blank_fsm, np.nan, fsm)


def _rurality(at: np.ndarray, n_sites: int, rng: np.random.Generator) -> np.ndarray:
    rural = rng.beta(1.0, 3.0, n_sites)[at]
    steps = np.column_stack([(1 - rural) * 0.4, 1 - rural, 1 - rural * 0.5])
    return np.asarray((rng.random(len(at))[:, None] > steps).sum(axis=1))


def _names(kinds: list[Class], rng: np.random.Generator) -> list[str]:
    picks = rng.integers(0, len(NAMES), len(kinds))
    return [f"{NAMES[pick]} {kind.title}" for pick, kind in zip(picks, kinds, strict=True)]


def _text(numbers: Floats, decimals: int) -> list[str]:
    return ["" if np.isnan(number) else f"{number:.{decimals}f}" for number in numbers]
