"""Simulate one data set of a plan, look for types in it, and see how well sites are placed."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from site_typology.candidates import rows_of
from site_typology.models.mixture import BUDGET, fit_types
from site_typology.models.planting import PlantedTypes
from site_typology.models.plausible import SeenCells
from site_typology.models.resampling import adjusted_rand
from site_typology.models.temperature import tempered
from site_typology.models.unimodal import add_errors
from site_typology.models.working import WorkingData, exact_data
from site_typology.nulltest import types_to_try
from site_typology.planning_material import Design, Material, Pattern, reliability
from site_typology.planning_settings import PlanSettings
from site_typology.power import gains_and_reference
from site_typology.screening import FEWEST_SITES, FEWEST_VALUES
from site_typology.sub_sample import drawn_sites

TEMPERATURES = tuple(1.2**at for at in range(16))
"""Temperatures of memberships tried, 1 to about 15."""

_Placing = tuple[float, tuple[float, ...], tuple[float, ...], tuple[float, ...], float]
_NO_TYPES: _Placing = (np.nan, *((np.nan,) * len(TEMPERATURES),) * 3, np.nan)
_NOBODY_PLACED: _Placing = (0.0, *((0.0,) * len(TEMPERATURES),) * 3, 0.0)


@dataclass(frozen=True)
class Task:
    """One data set to simulate; separation 0 has no types."""

    design: Design
    separation: float
    replicate: int

    @property
    def name(self) -> str:
        """Name of the task in the file of runs."""
        of = self.design
        return f"{of.sites}/{of.informants}/{of.response}/{self.separation}/{self.replicate}"


@dataclass(frozen=True)
class Outcome:
    """What one simulated data set showed.

    Parameters
    ----------
    gains : tuple of float
        Gain at each number of types; empty where too few sites or features had data.
    reference : tuple of tuple of float
        The same for data sets from one unimodal population fitted to it.
    agreement : float
        Adjusted Rand index of the fitted types with the planted ones over all sites, those
        apart counting as types of their own; NaN without types.
    placed : tuple of float
        Share of all sites placed with the confidence asked for, at each of `TEMPERATURES`; NaN
        without types.
    rightly : tuple of float
        Share of all sites placed so, and in the type that matches their true one.
    sureness : tuple of float
        Mean probability of a site's likeliest type at each temperature.
    right : float
        Share of the sites placed at all whose likeliest type is their true one.
    apart : float
        Share of sites with too little data to take part.
    reliability : float
    answering : float
        Informants who answered at a site and survey; NaN if the survey is as now.
    """

    gains: tuple[float, ...]
    reference: tuple[tuple[float, ...], ...]
    agreement: float
    placed: tuple[float, ...]
    rightly: tuple[float, ...]
    sureness: tuple[float, ...]
    right: float
    apart: float
    reliability: float
    answering: float

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Outcome:
        """Make an outcome from JSON, where NaN is null."""
        return cls(**{name: _filled(value) for name, value in content.items()})

    def to_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        return {name: _blank(value) for name, value in dataclasses.asdict(self).items()}


def _filled(value: Any) -> Any:
    """NaN for None, and tuples for lists."""
    if isinstance(value, list):
        return tuple(_filled(each) for each in value)
    return np.nan if value is None else float(value)


def _blank(value: Any) -> Any:
    """None for NaN, in tuples too."""
    if isinstance(value, tuple):
        return [_blank(each) for each in value]
    return None if np.isnan(value) else value


def simulate_one(material: Material, settings: PlanSettings, task: Task) -> Outcome:
    """Simulate one data set, look for types as the null test does, and fit the types planted.

    Parameters
    ----------
    material : Material
    settings : PlanSettings
    task : Task
    """
    made = plant(material, settings, task)
    known = (
        1 - float(made.kept.mean()),
        reliability(material.population, made.pattern),
        made.pattern.answering,
    )
    ks = types_to_try(task.design.sites, settings.max_types)
    if made.data.n < max(FEWEST_SITES, settings.k, *ks) or made.data.q < 2:
        return Outcome((), (), *(_NO_TYPES if task.separation == 0 else _NOBODY_PLACED), *known)
    data = made.data
    if data.n > settings.subsample:
        at = drawn_sites(data.n, settings.subsample, int(made.rng.integers(2**31)))
        data = rows_of(data, at)
    gains, reference = gains_and_reference(
        data, ks, settings.reference_draws, made.rng, settings.min_sites
    )
    rows = tuple(map(tuple, reference.tolist()))
    fitted = _placing(made, settings) if task.separation > 0 else _NO_TYPES
    return Outcome(tuple(gains.tolist()), rows, *fitted, *known)


@dataclass(frozen=True)
class Planted:
    """A simulated data set: sites with enough data, which they are, and the types behind all.

    Parameters
    ----------
    data : WorkingData
    kept : ndarray of bool, shape (m,)
        Sites of `data` among those of the design.
    labels : ndarray of int, shape (m,)
        True types, 1 and up.
    pattern : Pattern
    rng : numpy.random.Generator
        To go on with.
    """

    data: WorkingData
    kept: np.ndarray
    labels: np.ndarray
    pattern: Pattern
    rng: np.random.Generator


def plant(material: Material, settings: PlanSettings, task: Task) -> Planted:
    """Simulate one data set with types planted, or none at separation 0.

    The random numbers depend on the design and the replicate, not on the separation: the same
    sites with types farther apart, so that rows of one design differ by less than their errors.
    """
    rng = np.random.default_rng(_stream(settings.seed, task))
    pattern = material.sites_under(task.design, rng)
    types = PlantedTypes.draw(material.population, settings.k, task.separation, rng)
    truth, labels = types.simulate(task.design.sites, rng)
    data, kept, columns = _kept(pattern, settings.min_observed)
    return Planted(add_errors(truth[kept][:, columns], data, rng), kept, labels + 1, pattern, rng)


def _placing(made: Planted, settings: PlanSettings) -> _Placing:
    """Agreement of refitted types with those planted, and sites placed at each temperature."""
    model = fit_types(made.data, settings.k, int(made.rng.integers(2**31)), budget=BUDGET)
    truth = made.labels[made.kept]
    model = model.numbered_as(np.eye(settings.k)[truth - 1], made.data)
    log_joint = model.log_joint(SeenCells.of(made.data))
    found = np.zeros(len(made.kept), dtype=np.int64)
    found[made.kept] = log_joint.argmax(axis=1) + 1
    right = found[made.kept] == truth
    placed, rightly, sureness = [], [], []
    for temperature in TEMPERATURES:
        shares = tempered(log_joint, temperature)
        highest = shares.max(axis=1)
        sure = highest >= settings.confidence
        placed.append(float(sure.sum()) / len(made.kept))
        rightly.append(float((sure & right).sum()) / len(made.kept))
        sureness.append(float(highest.mean()))
    agreement = adjusted_rand(found, made.labels)
    return agreement, tuple(placed), tuple(rightly), tuple(sureness), float(right.mean())


def _stream(seed: int, task: Task) -> list[int]:
    same = dataclasses.replace(task, separation=0.0).name
    return [seed, int.from_bytes(hashlib.sha256(same.encode()).digest()[:16])]


def _kept(pattern: Pattern, min_observed: float) -> tuple[WorkingData, np.ndarray, np.ndarray]:
    """Set sites with too little data apart, and leave out columns with hardly a value."""
    observed = pattern.observed
    kept = observed.mean(axis=1) >= min_observed - 1e-9
    kept &= observed.any(axis=1)
    columns = np.flatnonzero(observed[kept].sum(axis=0) >= FEWEST_VALUES)
    values = np.where(observed[kept][:, columns], 0.0, np.nan)
    errors = pattern.errors[kept][:, columns[:, None], columns[None, :]]
    return exact_data(values, errors), kept, columns
