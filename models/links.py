"""Links from natural units to a scale on which errors do not depend on the value, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from site_typology.errors import Problems
from site_typology.models.ordinal import OrdinalBlock

if TYPE_CHECKING:
    import pandas as pd

    from site_typology.profiles import SiteProfiles

PSEUDO_COUNTS = 4.0
"""Counts added to a composition, spread as the overall mix, before log-ratios are taken."""
UNKNOWN_COUNT = 100.0
"""Count behind a composition with neither errors nor counts."""
SingleLink = Literal["identity", "arcsine root", "square root"]
LINK_OF_KIND: dict[str, SingleLink] = {
    "continuous": "identity",
    "ordinal": "identity",  # With an error of its own, such as a median of answers.
    "share": "arcsine root",
    "rate": "square root",
}


class Cells(Protocol):
    """What links read of profiles: tables of values, errors and n with the same index."""

    @property
    def values(self) -> pd.DataFrame:
        """Values in natural units; NaN where missing."""

    @property
    def standard_errors(self) -> pd.DataFrame:
        """Their standard errors; 0 where exact."""

    @property
    def counts(self) -> pd.DataFrame:
        """The number behind each; NaN where unknown."""


class Block(Protocol):
    """Features that are linked together: one feature, or the parts of one composition."""

    @property
    def name(self) -> str:
        """Name of the feature, or of the composition."""

    @property
    def features(self) -> tuple[str, ...]:
        """Natural features of the block."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Working columns that it makes."""

    def link(self, profiles: Cells) -> np.ndarray:
        """Give linked values, shape (n, columns); NaN for a gap."""

    def error(self, profiles: Cells) -> np.ndarray:
        """Give error covariances of the linked values, shape (n, columns, columns)."""

    def unlink(self, points: np.ndarray) -> np.ndarray:
        """Bring linked values (m, columns) back to natural units (m, features)."""

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""


@dataclass(frozen=True)
class SingleBlock:
    """One feature: identity, arcsine root of a share, or (signed) square root of a rate.

    Parameters
    ----------
    name : str
    kind : {"identity", "arcsine root", "square root"}
    """

    name: str
    kind: SingleLink

    @property
    def features(self) -> tuple[str, ...]:
        """The one feature."""
        return (self.name,)

    @property
    def columns(self) -> tuple[str, ...]:
        """The one column, named as the feature."""
        return (self.name,)

    def link(self, profiles: Cells) -> np.ndarray:
        """Give linked values, shape (n, 1)."""
        value = _column(profiles.values, self.name)
        if self.kind == "arcsine root":
            value = np.arcsin(np.sqrt(np.clip(value, 0.0, 1.0)))
        elif self.kind == "square root":
            value = np.sign(value) * np.sqrt(np.abs(value))
        return value[:, None]

    def error(self, profiles: Cells) -> np.ndarray:
        """Give error variances by the delta method, shape (n, 1, 1)."""
        value = _column(profiles.values, self.name)
        error = _stated_errors(profiles, self.name)
        if self.kind == "arcsine root":
            smooth = _smoothed_share(np.clip(value, 0.0, 1.0), error)
            error = _ratio(error, 2 * np.sqrt(smooth * (1 - smooth)))
        elif self.kind == "square root":
            error = _ratio(error, 2 * np.sqrt(_smoothed_rate(np.abs(value), error)))
        return np.where(np.isnan(value), 0.0, error)[:, None, None] ** 2

    def unlink(self, points: np.ndarray) -> np.ndarray:
        """Bring linked values back to natural units."""
        if self.kind == "arcsine root":
            return np.asarray(np.sin(np.clip(points, 0.0, np.pi / 2)) ** 2)
        if self.kind == "square root":
            return np.asarray(np.sign(points) * points**2)
        return points

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, "kind": self.kind}


@dataclass(frozen=True)
class CompositionBlock:
    """The parts of a composition: smoothed counts, then isometric log-ratios.

    Shares ``p`` of m units become ``(m p + 4 mix) / (m + 4)``, so that a part of 0 has a finite
    log; the error follows by the delta method from the multinomial covariance of m units.

    Parameters
    ----------
    name : str
    parts : tuple of str
        Features that are the parts.
    mix : tuple of float
        Overall mix of the sites that the scale was fitted to.
    """

    name: str
    parts: tuple[str, ...]
    mix: tuple[float, ...]

    @property
    def features(self) -> tuple[str, ...]:
        """The parts."""
        return self.parts

    @property
    def columns(self) -> tuple[str, ...]:
        """One column fewer than parts."""
        return tuple(f"{self.name}.ilr{at + 1}" for at in range(len(self.parts) - 1))

    def link(self, profiles: Cells) -> np.ndarray:
        """Give log-ratios, shape (n, parts - 1); a gap in one part is a gap in all."""
        smooth = self._smoothed(profiles)[0]
        # One small product a site: a large one rounds a site differently beside others.
        return np.asarray((np.log(smooth)[:, None, :] @ contrasts(len(self.parts)).T)[:, 0])

    def error(self, profiles: Cells) -> np.ndarray:
        """Give error covariances of the log-ratios, shape (n, parts - 1, parts - 1)."""
        likely, count, exact = self._smoothed(profiles)
        # A slope taken where a part fell overstates the error of parts that happened to be 0;
        # one taken where the smoothed part is expected understates it. Simulated errors of small
        # parts lie half way.
        fell = self._delta_method(likely, likely, count)
        expected = self._delta_method(likely, self._smooth(likely, count), count)
        covariance = (fell + expected) / 2
        unknown = np.isnan(likely).any(axis=1) | exact
        return np.where(unknown[:, None, None], 0.0, covariance)

    def _delta_method(self, likely: np.ndarray, at: np.ndarray, count: np.ndarray) -> np.ndarray:
        """Multinomial covariance of `likely` parts of `count` units, with the slope at `at`."""
        slope = contrasts(len(self.parts)) / at[:, None, :]
        slope = slope * (np.sqrt(count) / (count + PSEUDO_COUNTS))[:, None, None]
        mean = slope @ likely[:, :, None]
        return np.asarray((slope * likely[:, None, :]) @ slope.mT - mean @ mean.mT)

    def units(self, profiles: Cells) -> np.ndarray:
        """Units that each composition is taken to rest on, shape (n,)."""
        return self._smoothed(profiles)[1]

    def unlink(self, points: np.ndarray) -> np.ndarray:
        """Bring log-ratios back to parts that add up to 1."""
        logs = points @ contrasts(len(self.parts))
        parts = np.exp(logs - logs.max(axis=1, keepdims=True))
        return np.asarray(parts / parts.sum(axis=1, keepdims=True))

    def _smoothed(self, profiles: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Smoothed parts (n, parts), the count behind each site (n,) and whether it is exact."""
        parts = _parts(profiles, self.parts)
        variance = np.zeros(len(parts))
        for name in self.parts:
            variance += _stated_errors(profiles, name) ** 2
        exact = ~(variance > 0)
        stated = _stated_count(profiles, self.parts)
        count = np.where(exact, stated, 10.0)
        for _ in range(20):
            smooth = self._smooth(parts, count)
            spread = 1 - (smooth**2).sum(axis=1)
            judged = np.divide(spread, variance, out=count.copy(), where=~exact)
            count = np.where(np.isnan(judged), UNKNOWN_COUNT, judged.clip(0.5, 1e7))
        return self._smooth(parts, count), count, exact

    def _smooth(self, parts: np.ndarray, count: np.ndarray) -> np.ndarray:
        added = PSEUDO_COUNTS * np.array(self.mix)
        return np.asarray((count[:, None] * parts + added) / (count[:, None] + PSEUDO_COUNTS))

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"name": self.name, "parts": list(self.parts), "mix": list(self.mix)}


def blocks_of(profiles: SiteProfiles) -> tuple[Block, ...]:
    """Make one block a feature or composition that types may be built from, in their order."""
    blocks: dict[str, Block] = {}
    for info in profiles.features:
        if not info.builds:
            continue
        if info.kind == "ordinal" and _is_exact(profiles, info.name):
            values = _column(profiles.values, info.name)
            blocks[info.name] = OrdinalBlock.fit(info.name, values[~np.isnan(values)])
        elif not info.composition:
            blocks[info.name] = SingleBlock(info.name, LINK_OF_KIND[info.kind])
        elif info.composition not in blocks:
            names = tuple(
                other.name
                for other in profiles.features
                if other.composition == info.composition and other.builds
            )
            mix = _overall_mix(_parts(profiles, names))
            blocks[info.composition] = CompositionBlock(info.composition, names, mix)
    return tuple(blocks.values())


def _is_exact(profiles: SiteProfiles, name: str) -> bool:
    """Whether the values of a feature are levels known exactly, two of them at least."""
    known = profiles.values[name].notna()
    exact = (profiles.standard_errors.loc[known, name] == 0).all()
    return bool(exact) and len(profiles.values.loc[known, name].unique()) > 1


def block_from_dict(content: Mapping[str, Any]) -> Block:
    """Make a block from its `to_dict` output."""
    if "levels" in content:
        return OrdinalBlock(content["name"], tuple(content["levels"]), tuple(content["cuts"]))
    if "parts" in content:
        return CompositionBlock(
            content["name"], tuple(content["parts"]), tuple(map(float, content["mix"]))
        )
    return SingleBlock(content["name"], content["kind"])


def contrasts(parts: int) -> np.ndarray:
    """Orthonormal log-ratio contrasts, shape (parts - 1, parts) (Egozcue and others 2003).

    Examples
    --------
    >>> basis = contrasts(4)
    >>> bool(np.allclose(basis @ basis.T, np.eye(3)) and np.allclose(basis.sum(axis=1), 0))
    True
    """
    basis = np.zeros((parts - 1, parts))
    for at in range(1, parts):
        basis[at - 1, :at] = 1 / at
        basis[at - 1, at] = -1.0
        basis[at - 1] *= np.sqrt(at / (at + 1))
    return basis


def refuse_unknown_errors(profiles: Cells, names: Iterable[str]) -> None:
    """Raise `StudyError` where a value has no standard error; lists every feature.

    A value without an error would weigh as if it were known exactly, which is written 0.

    Examples
    --------
    >>> import pandas as pd
    >>> from site_typology.profiles import SiteProfiles
    >>> values = pd.DataFrame({"wsa": [1.0, 2.0]}, index=["A", "B"])
    >>> errors = pd.DataFrame({"wsa": [0.5, np.nan]}, index=["A", "B"])
    >>> refuse_unknown_errors(SiteProfiles.from_frame(values, errors), ["wsa"])
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: profiles: 1 problem
      wsa  Value without a standard error at B. Give the error, or 0 where the value is exact.
    """
    found = Problems("profiles")
    for name in names:
        unknown = profiles.values[name].notna() & profiles.standard_errors[name].isna()
        if unknown.any():
            sites = dict.fromkeys(map(str, unknown.index[unknown].get_level_values("site")))
            found.add(
                name,
                f"Value without a standard error at {', '.join(sites)}. Give the error, or 0 "
                "where the value is exact.",
            )
    found.raise_if_any()


def _stated_errors(profiles: Cells, name: str) -> np.ndarray:
    """Standard errors in natural units; NaN only where the value is missing too."""
    refuse_unknown_errors(profiles, [name])
    return _column(profiles.standard_errors, name)


def _column(frame: Any, name: str) -> np.ndarray:
    return np.asarray(frame[name].to_numpy(dtype=float, na_value=np.nan), dtype=float)


def _ratio(error: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """Error over slope; an exact value stays exact even where the slope vanishes."""
    return np.asarray(np.divide(error, slope, out=np.zeros_like(error), where=error > 0))


def _smoothed_share(share: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Half a count added to each side, the number of units judged from the standard error."""
    variance = np.where(error > 0, error, 1.0) ** 2
    smooth = np.clip(share, 0.1, 0.9)
    for _ in range(20):
        units = np.maximum(smooth * (1 - smooth) / variance, 1.0)
        smooth = (share * units + 0.5) / (units + 1)
    return np.asarray(smooth)


def _smoothed_rate(rate: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Half an event added, the exposure E solved from ``error^2 E = rate + 1 / (2 E)``."""
    variance = np.where(error > 0, error, 1.0) ** 2
    exposure = (rate + np.sqrt(rate**2 + 2 * variance)) / (2 * variance)
    return np.asarray(rate + 0.5 / exposure)


def _parts(profiles: Cells, names: tuple[str, ...]) -> np.ndarray:
    """Parts (n, parts) that add up to 1; a gap in one part is a gap in all."""
    parts = np.column_stack([_column(profiles.values, name) for name in names])
    return np.asarray(parts / parts.sum(axis=1, keepdims=True))


def _overall_mix(parts: np.ndarray) -> tuple[float, ...]:
    """Mean mix of the sites, no part quite zero."""
    known = parts[~np.isnan(parts).any(axis=1)]
    if len(known) == 0:
        return tuple(np.full(parts.shape[1], 1 / parts.shape[1]))
    mix = known.mean(axis=0) + 1e-3
    return tuple(float(part) for part in mix / mix.sum())


def _stated_count(profiles: Cells, names: tuple[str, ...]) -> np.ndarray:
    """Units that each composition says it rests on; `UNKNOWN_COUNT` where it does not say."""
    stated = np.column_stack([_column(profiles.counts, name) for name in names])
    largest = np.where(np.isnan(stated), 0.0, stated).max(axis=1)
    return np.where(largest > 0, largest, UNKNOWN_COUNT)
