"""Results as values: a rule and its figure, the null test, power, candidates and the evidence."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd

from site_typology.replicates import STABLE_COLUMNS, STABLE_FIGURES, Replicates

Verdict = Literal["supported", "tentative", "not supported", "insufficient"]
Against = Literal["one population", "a continuum"]
"""What the sites were compared with: two ways of having no types."""
SCORE_COLUMNS = ("site", "score", "low", "high")
"""Columns of the scores of an `Axis`."""
NUMBER_COLUMNS = ("k", "share", "monte_carlo_error", "resamples")
"""Columns of how often each number of types is chosen."""


@dataclass(frozen=True)
class Rule:
    """One rule of the verdict, fixed before the data are looked at.

    Parameters
    ----------
    name : str
        Short name, part of the output contract.
    figure : float
        What was found; NaN where it could not be computed.
    threshold : float
        What the figure is compared with.
    relation : {"<=", ">=", ">"}
        How the figure must stand to the threshold.
    meaning : str
        The rule in one sentence that a reader without statistics can follow.
    """

    name: str
    figure: float
    threshold: float
    relation: Literal["<=", ">=", ">"]
    meaning: str

    @property
    def holds(self) -> bool:
        """Whether the figure keeps to the threshold; never for NaN."""
        if self.relation == "<=":
            return bool(self.figure <= self.threshold)
        if self.relation == ">":
            return bool(self.figure > self.threshold)
        return bool(self.figure >= self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, with ``holds``; NaN becomes None."""
        return {**_plain(dataclasses.asdict(self)), "holds": self.holds}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Rule:
        """Make a rule from `to_dict` output."""
        known = {field.name: content[field.name] for field in dataclasses.fields(cls)}
        known["figure"] = float("nan") if known["figure"] is None else known["figure"]
        return cls(**known)


@dataclass(frozen=True)
class NullTest:
    """Monte Carlo test of sites without types against types.

    Parameters
    ----------
    p_value : float
        ``(exceeding + 1) / (draws + 1)``, from ``draws`` reference data sets.
    gains : DataFrame
        One row a number of types: ``k, gain, reference_mean, reference_sd, standardised``;
        the last three are NaN where few of the reference data sets have types of that number.
    reference_maxima : ndarray, shape (draws,)
        Largest standardised gain of each reference data set.
    observed : float
        Largest standardised gain of the data.
    against : {"one population", "a continuum"}
        What it is the test against: of the two, that which the data are more like.
    """

    p_value: float
    draws: int
    exceeding: int
    observed: float
    reference_maxima: np.ndarray
    gains: pd.DataFrame
    against: Against = "one population"

    @property
    def monte_carlo_error(self) -> float:
        """Standard error of the p-value from the finite number of draws."""
        return float(np.sqrt(self.p_value * (1 - self.p_value) / (self.draws + 1)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "p_value": self.p_value,
            "draws": self.draws,
            "exceeding": self.exceeding,
            "observed": self.observed,
            "monte_carlo_error": self.monte_carlo_error,
            "against": self.against,
            "gains": _plain(self.gains.to_dict("records")),
        }


@dataclass(frozen=True)
class Power:
    """How often types of a given separation would be found in data like these.

    Parameters
    ----------
    table : DataFrame
        One row a separation: ``separation, power, standard_error, replicates``.
    target : float
        Power asked for.
    """

    table: pd.DataFrame
    target: float = 0.8

    @property
    def smallest_separation(self) -> float:
        """Smallest tried separation found with the power asked for; NaN if none was."""
        reached = self.table.loc[self.table["power"] >= self.target, "separation"]
        return float(reached.min()) if len(reached) else float("nan")

    def at(self, separation: float) -> float:
        """Power at a separation, interpolated between those tried."""
        table = self.table.sort_values("separation")
        return float(np.interp(separation, table["separation"], table["power"]))

    def error_at(self, separation: float) -> float:
        """Monte Carlo standard error of `at`: of the separation tried next to it, the larger."""
        apart = (self.table["separation"] - separation).abs()
        return float(self.table.loc[apart == apart.min(), "standard_error"].max())

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "target": self.target,
            "smallest_separation": _plain(self.smallest_separation),
            "table": _plain(self.table.to_dict("records")),
        }


@dataclass(frozen=True)
class Axis:
    """The line that sites lie along, which describes them where types do not.

    Parameters
    ----------
    rules : tuple of Rule
        Whether sites lie along one axis: a continuum.
    scores : DataFrame
        One row a site with enough data, columns `SCORE_COLUMNS`: place along the axis from 0 to
        100, with its 95 % interval.
    """

    rules: tuple[Rule, ...]
    scores: pd.DataFrame

    @property
    def is_continuum(self) -> bool:
        """Whether every rule holds."""
        return all(rule.holds for rule in self.rules)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "is_continuum": self.is_continuum,
            "rules": [rule.to_dict() for rule in self.rules],
            "scores": _plain(self.scores.to_dict("records")),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Axis:
        """Make an axis from `to_dict` output."""
        scores = pd.DataFrame(content["scores"], columns=list(SCORE_COLUMNS))
        return cls(tuple(map(Rule.from_dict, content["rules"])), scores)


@dataclass(frozen=True)
class Candidate:
    """One way of grouping the sites, tried beside others.

    Parameters
    ----------
    name : str
        ``algorithm/space/k``, such as ``ward/pca/3``.
    labels : Series of Int64
        Type of each site, 1 to `k`; missing where the algorithm gives none.
    reasons : Series of str
        Why a site has no type; ``""`` where it has one.
    stability : float
        Mean over types of the mean bootstrap Jaccard; NaN for one type.
    type_stability : Series
        Mean bootstrap Jaccard of each type (index: type).
    metrics : mapping of str to float
        Further figures: ``silhouette``, ``agreement`` (adjusted Rand with the proposal), ...
    """

    name: str
    algorithm: str
    space: str
    k: int
    labels: pd.Series
    reasons: pd.Series
    stability: float
    type_stability: pd.Series
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Evidence:
    """Everything that the verdict rests on.

    Parameters
    ----------
    verdict : {"supported", "tentative", "not supported", "insufficient"}
    k : int
        Number of types claimed; 1 where none is.
    best_k : int
        Number of types the data come nearest to, claimed or not.
    rules : tuple of Rule
    null_test : NullTest
    power : Power or None
        None where the null test rejected one population, so that power is not in question.
    why, would_change : str
        The reason for the verdict, and what would change it, in sentences.
    type_stability : DataFrame
        Bootstrap Jaccard of each type of `best_k`, and how the same index looks in data without
        types; columns `site_typology.replicates.STABLE_COLUMNS`.
    site_stability : Series
        Per site, the mean share of replicates that keep it with its type's companions; of the
        sub-sample where the evidence rests on one.
    candidates : DataFrame
        One row a candidate, see the output contract.
    figures : mapping of str to float
        Named figures behind the rules and beside them: ``expected_agreement``,
        ``relative_entropy``, ``prediction_strength``, ...
    replicates : Replicates, optional
        Every replicate behind the stability; not in `to_dict`.
    axis : Axis, optional
        Where the null test does not reject, the line that sites lie along.
    number_of_types : DataFrame
        How often each number of types is chosen when sites and measurement are left out (see
        `site_typology.number_of_types`); columns `NUMBER_COLUMNS`, empty where it was not counted.
    """

    verdict: Verdict
    k: int
    best_k: int
    rules: tuple[Rule, ...]
    null_test: NullTest
    power: Power | None
    why: str
    would_change: str
    type_stability: pd.DataFrame
    site_stability: pd.Series
    candidates: pd.DataFrame
    figures: Mapping[str, float]
    replicates: Replicates | None = None
    axis: Axis | None = None
    number_of_types: pd.DataFrame = field(default_factory=lambda: _number_table([]))

    @property
    def p_value(self) -> float:
        """p-value of the null test."""
        return self.null_test.p_value

    @property
    def claimed(self) -> bool:
        """Whether a typology is claimed at all."""
        return self.verdict in ("supported", "tentative")

    @property
    def unplaced(self) -> bool:
        """Whether one population does not explain the sites, and yet types could not place them."""
        rejected = any(rule.name == "null_test" and rule.holds for rule in self.rules)
        return rejected and not self.claimed

    def to_dict(self) -> dict[str, Any]:
        """Plain values for ``evidence.json``: ``verdict, k, p_value, rules, ...``."""
        return {
            "verdict": self.verdict,
            "k": self.k,
            "best_k": self.best_k,
            "p_value": self.p_value,
            "why": self.why,
            "would_change": self.would_change,
            "rules": [rule.to_dict() for rule in self.rules],
            "null_test": self.null_test.to_dict(),
            "number_of_types": _plain(self.number_of_types.to_dict("records")),
            "power": None if self.power is None else self.power.to_dict(),
            "type_stability": _plain(self.type_stability.to_dict("records")),
            "site_stability": _plain(self.site_stability.to_dict()),
            "candidates": _plain(self.candidates.to_dict("records")),
            "figures": _plain(dict(self.figures)),
            "axis": None if self.axis is None else self.axis.to_dict(),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Evidence:
        """Make evidence from `to_dict` output; reference maxima and replicates are not kept."""
        test, power = content["null_test"], content["power"]
        axis = content["axis"]
        return cls(
            verdict=content["verdict"],
            k=content["k"],
            best_k=content["best_k"],
            rules=tuple(map(Rule.from_dict, content["rules"])),
            null_test=NullTest(
                test["p_value"],
                test["draws"],
                test["exceeding"],
                test["observed"],
                np.empty(0),
                pd.DataFrame(test["gains"]).astype(
                    dict.fromkeys(("gain", "reference_mean", "reference_sd", "standardised"), float)
                ),
                test["against"],
            ),
            power=None if power is None else Power(pd.DataFrame(power["table"]), power["target"]),
            why=content["why"],
            would_change=content["would_change"],
            type_stability=pd.DataFrame(
                content["type_stability"], columns=list(STABLE_COLUMNS)
            ).astype(dict.fromkeys(STABLE_FIGURES, float)),
            site_stability=pd.Series(content["site_stability"], dtype=float),
            candidates=pd.DataFrame(content["candidates"]),
            figures={
                name: float("nan") if figure is None else figure
                for name, figure in content["figures"].items()
            },
            axis=None if axis is None else Axis.from_dict(axis),
            number_of_types=_number_table(content.get("number_of_types", [])),
        )


def _number_table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    kinds = {"k": int, "share": float, "monte_carlo_error": float, "resamples": int}
    return pd.DataFrame(rows, columns=list(NUMBER_COLUMNS)).astype(kinds)


def _plain(value: Any) -> Any:
    """Turn NumPy and NaN into what JSON knows."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value
