"""What a plan tries, and what is assumed where there are no data yet."""

from __future__ import annotations

import dataclasses
import numbers
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from site_typology.errors import Problem, Problems
from site_typology.screening import FEWEST_SITES
from site_typology.settings import FEWEST_DRAWN

_LISTS = {
    "sites": "sites",
    "informants": "informants",
    "response": "response",
    "separations": "separation",
}
"""Settings with several values, and how messages name them."""


@dataclass(frozen=True)
class PlanSettings:
    """What `site_typology.plan` tries; every combination of the first four is one row.

    Parameters
    ----------
    sites : tuple of int
        Numbers of sites.
    informants : tuple of int
        Informants asked at each site in every survey; none for as many as now, or as assumed.
    response : tuple of float
        Share of them who answer, above 0; none for as now, or as assumed.
    separations : tuple of float
        Distances between types in within-type SDs.
    matters : float, optional
        The separation that the sentence is about. By default what the study declares, otherwise
        6, and the smallest of `separations` if 6 is not among them.
    k : int
        Types planted, and fitted to see how well sites can be placed.
    max_types : int, optional
        Most types that the null test tries, as in a study file.
    min_sites : int
        Fewest sites of a type; a study file's own value is used for a study.
    subsample : int
        Sites that the null test looks at, drawn at random where there are more, as in a
        specification.
    replicates : int
        Data sets simulated a cell.
    reference_draws : int
        Reference data sets a replicate; see `site_typology.power.deviations`.
    alpha : float
        Level of the null test.
    target : float
        Power asked for.
    confidence : float
        Membership probability from which on a site counts as placed.
    min_observed : float
        Share of the features that a site needs to take part; a study file's own value is used
        for a study.
    seed : int
        The same seed gives the same table for any number of workers.

    Raises
    ------
    StudyError
        Settings out of range; lists every one.

    Examples
    --------
    >>> PlanSettings(sites=(4,), target=80)
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: plan: 2 problems
      sites   Expected 9 or more, 3 for each of 3 types; found 4.
      target  Expected a share above 0 and below 1, found 80.
    """

    sites: tuple[int, ...] = (25, 60, 150)
    informants: tuple[int, ...] = ()
    response: tuple[float, ...] = ()
    separations: tuple[float, ...] = (4.0, 6.0, 8.0)
    matters: float | None = None
    k: int = 3
    max_types: int | None = None
    min_sites: int = 3
    subsample: int = 400
    replicates: int = 40
    reference_draws: int = 10
    alpha: float = 0.05
    target: float = 0.8
    confidence: float = 0.8
    min_observed: float = 1 / 3
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("sites", "informants", "response", "separations"):
            object.__setattr__(self, name, tuple(getattr(self, name)))
        found = Problems("plan")
        found.extend(setting_problems(dataclasses.asdict(self)))
        found.raise_if_any()

    def about(self, declared: float | None) -> PlanSettings:
        """Settle which separation matters and make sure that it is tried."""
        fallback = 6.0 if 6.0 in self.separations else min(self.separations)
        matters = self.matters or declared or fallback
        tried = tuple(sorted({*map(float, self.separations), float(matters)}))
        return dataclasses.replace(self, matters=float(matters), separations=tried)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in dataclasses.asdict(self).items()
        }


def setting_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Say everything that is wrong with settings given by name."""
    k = values["k"]
    if not _whole(k) or not 2 <= k <= 8:
        yield Problem("types", f"Expected a whole number from 2 to 8, found {k!r}.")
        k = 2
    each = max(3, values["min_sites"]) if _whole(values["min_sites"]) else 3
    fewest = max(FEWEST_SITES, each * k)
    counts = {"sites": (fewest, f", {each} for each of {k} types"), "informants": (1, "")}
    for name, (low, why) in counts.items():
        for value in values[name]:
            if not _whole(value) or value < low:
                what = f"{low} or more{why}" if _whole(value) else "a whole number"
                yield Problem(name, f"Expected {what}; found {value!r}.")
    for value in values["response"]:
        if not _number(value) or not 0 < value <= 1:
            yield Problem("response", f"Expected a share above 0, up to 1; found {value!r}.")
    matters = () if values["matters"] is None else (values["matters"],)
    for value in (*values["separations"], *matters):
        if not _number(value) or not 0 < value < 1000:
            yield Problem("separation", f"Expected a number above 0, found {value!r}.")
    for name, where in _LISTS.items():
        if not values[name] and name in ("sites", "separations"):
            yield Problem(where, "Is empty. Name one at least.")
        if len(set(values[name])) < len(values[name]):
            yield Problem(where, "Names one twice.")
    yield from _simulation_problems(values)


def _simulation_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Say what is wrong with how it is simulated."""
    least = {"replicates": 2, "reference_draws": 2, "seed": 0, "min_sites": 2}
    for name, low in {**least, "subsample": FEWEST_DRAWN}.items():
        if not _whole(values[name]) or values[name] < low:
            yield Problem(name, f"Expected a whole number, {low} or more; found {values[name]!r}.")
    if values["max_types"] is not None and values["max_types"] < 2:
        yield Problem("max_types", f"Expected 2 or more, found {values['max_types']!r}.")
    for name in ("alpha", "target", "confidence"):
        if not _number(values[name]) or not 0 < values[name] < 1:
            yield Problem(name, f"Expected a share above 0 and below 1, found {values[name]!r}.")
    if not 0 < values["min_observed"] <= 1:
        given = values["min_observed"]
        yield Problem("min_observed", f"Expected a share above 0, up to 1; found {given!r}.")
    counts = (values["replicates"], values["reference_draws"], values["alpha"])
    if all(map(_number, counts)) and values["alpha"] > 0:
        pooled = counts[0] * counts[1]
        if pooled + 1 < 1 / counts[2]:
            yield Problem(
                "replicates",
                f"{counts[0]} with {counts[1]} reference draws each cannot give a p-value of "
                f"{counts[2]}. Ask for more replicates.",
            )


@dataclass(frozen=True)
class Assumptions:
    """What is taken for granted about a study that has no data yet.

    Parameters
    ----------
    features : int
        Features that types are built from.
    records : int
        How many of them come from records; the others are means over informants.
    icc1 : float
        Share of the variance between informants that lies between sites of one type. 0.1 is
        what LeBreton and Senter (2008, *Organizational Research Methods* 11, p. 838) call a
        medium effect.
    reliability : float, optional
        In place of `icc1`: reliability of a site's mean over those who answer at the first
        number of informants and response tried.
    record_reliability : float
        Reliability of the features from records, whatever the survey.
    informants : int
        Informants asked at each site, where a plan does not say.
    response : float
        Share of them who answer, where a plan does not say.
    missing : float
        Share of cells missing at random, beside the sites where nobody answered.
    correlation : float
        Between the true values of any two features, within a type.
    error_correlation : float
        Between the errors of two features answered by the same informants.

    Raises
    ------
    StudyError
        Assumptions out of range; lists every one.

    Examples
    --------
    >>> Assumptions(features=1, missing=1.5)
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: plan: 2 problems
      features  Expected a whole number from 2 to 200, found 1.
      missing   Expected a number from 0 to 0.9, found 1.5.
    """

    features: int = 8
    records: int = 0
    icc1: float = 0.1
    reliability: float | None = None
    record_reliability: float = 0.8
    informants: int = 12
    response: float = 0.5
    missing: float = 0.05
    correlation: float = 0.3
    error_correlation: float = 0.3

    def __post_init__(self) -> None:
        found = Problems("plan")
        found.extend(assumption_problems(dataclasses.asdict(self)))
        found.raise_if_any()

    def one_informant(self, answering: float) -> float:
        """Error variance of one informant's answer, in units of the variance between sites.

        With a reliability stated, ICC(1) follows from it by the Spearman-Brown formula.

        Parameters
        ----------
        answering : float
            Informants who answer at a site, which the reliability is of.

        Examples
        --------
        >>> round(Assumptions(icc1=0.2).one_informant(6), 6)
        4.0
        >>> round(Assumptions(reliability=0.6).one_informant(6), 6)
        4.0
        """
        if self.reliability is None:
            return (1 - self.icc1) / self.icc1
        return answering * (1 - self.reliability) / self.reliability


_LIMITS: dict[str, tuple[float, float]] = {
    "icc1": (0.001, 0.999),
    "reliability": (0.01, 0.99),
    "record_reliability": (0.01, 1),
    "response": (0.001, 1),
    "missing": (0, 0.9),
    "correlation": (0, 0.95),
    "error_correlation": (0, 0.95),
}


def assumption_problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Say everything that is wrong with assumptions given by name."""
    features = values["features"]
    whole = {"features": (2, 200), "informants": (1, 100_000)}
    if _whole(features):
        whole["records"] = (0, features)
    for name, (low, high) in whole.items():
        if not _whole(values[name]) or not low <= values[name] <= high:
            expected = f"a whole number from {low} to {high}"
            yield Problem(name, f"Expected {expected}, found {values[name]!r}.")
    for name, limits in _LIMITS.items():
        value = values[name]
        if value is None and name == "reliability":
            continue
        if not _number(value) or not limits[0] <= value <= limits[1]:
            expected = f"a number from {limits[0]:g} to {limits[1]:g}"
            yield Problem(name, f"Expected {expected}, found {value!r}.")


def _whole(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, numbers.Integral)


def _number(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, numbers.Real) and value == value
