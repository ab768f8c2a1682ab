"""Assign sites to the types of a typology, or say why a site has none."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.errors import Problem, StudyError
from site_typology.feature_info import FeatureInfo
from site_typology.matching import match_features
from site_typology.profiles import SiteProfiles
from site_typology.screening import data_shortfall
from site_typology.typical_errors import TypicalError, with_typical_errors

if TYPE_CHECKING:
    from site_typology.answer import SiteAnswer
    from site_typology.answering import Answering
    from site_typology.fitted_sites import FittedSites
    from site_typology.models.mixture import TypeModel
    from site_typology.models.working import WorkingData, WorkingScale

OUTSIDE = 0.001
"""Share of a type's members that are farther away than the farthest site it takes in."""
TOO_LARGE = "not enough data: a value or its error is too large to compute with"


@dataclass(frozen=True)
class Placed:
    """Where profiles lie among the types.

    Parameters
    ----------
    probabilities : ndarray, shape (n, k)
    distance : ndarray, shape (n,)
        To the nearest type, in within-type SDs.
    nearest : ndarray of int, shape (n,)
        That type, from 0.
    tail : ndarray, shape (n,)
        Log probability that a member is as far from it.
    """

    probabilities: np.ndarray
    distance: np.ndarray
    nearest: np.ndarray
    tail: np.ndarray

    @property
    def unknown(self) -> np.ndarray:
        """Profiles of which nothing can be computed, since a square in it is beyond all numbers."""
        return np.asarray(np.isnan(self.tail) | np.isnan(self.probabilities).any(axis=1))

    @classmethod
    def nowhere(cls, n: int) -> Placed:
        """No types to lie among."""
        gaps = np.full(n, np.nan)
        return cls(np.empty((n, 0)), gaps, np.zeros(n, dtype=int), gaps)


@dataclass(frozen=True)
class Assigner:
    """What it takes to place a profile.

    Parameters
    ----------
    features : tuple of FeatureInfo
        Features that the types were built from.
    scale : WorkingScale
    model : TypeModel
    names : mapping of int to str
        Names of the types.
    min_observed : float
        Share of the features that a profile needs.
    reach : float
        Log probability that a member lies as far from its type as the farthest that is taken in.
    no_claim : str
        Why no typology is claimed; ``""`` where one is.
    sites : int or None
        Number of sites that the types were fitted to; None where the types are known for certain.
    errors : mapping of str to TypicalError
        Stand in for errors of new values that are not known, by feature.
    """

    features: tuple[FeatureInfo, ...]
    scale: WorkingScale
    model: TypeModel
    names: Mapping[int, str]
    min_observed: float
    reach: float
    errors: Mapping[str, TypicalError]
    no_claim: str = ""
    sites: int | None = None

    def reaching(self, reach: float) -> Assigner:
        """Take in profiles as far out as `reach`, a log probability."""
        return dataclasses.replace(self, reach=reach)

    def place(self, profiles: SiteProfiles) -> pd.DataFrame:
        """Place every profile; columns as in `Assignment`."""
        frame = pd.DataFrame(
            {
                "site": profiles.values.index.get_level_values("site").astype("str"),
                "round": profiles.values.index.get_level_values("round").astype("str"),
            }
        )
        names = [info.name for info in self.features]
        reasons = data_shortfall(profiles, names, self.min_observed).to_numpy(dtype=object)
        if self.no_claim:
            reasons[reasons == ""] = f"no typology claimed: {self.no_claim}"
            return self._finish(frame, Placed.nowhere(len(frame)), reasons)
        placed = self.placed(self.working(profiles))
        for at in np.flatnonzero((reasons == "") & (placed.tail < self.reach)):
            reasons[at] = self._none_of_these(placed.distance[at], placed.nearest[at])
        reasons[(reasons == "") & placed.unknown] = TOO_LARGE
        return self._finish(frame, placed, reasons)

    def log_tails(self, profiles: SiteProfiles) -> np.ndarray:
        """Log probability that a member is as far from its type as each profile, shape (n,)."""
        return self.placed(self.working(profiles)).tail

    def working(self, profiles: SiteProfiles) -> WorkingData:
        """Put profiles on the working scale; errors that are not known get the typical one."""
        return self.scale.transform(with_typical_errors(profiles, self.errors))

    def placed(self, data: WorkingData) -> Placed:
        """Say where profiles lie among the types, claimed or not."""
        from site_typology.models.tails import log_tail

        squared = self.model.distances(data)
        nearest = squared.argmin(axis=1)
        smallest = squared[np.arange(data.n), nearest]
        observed = self.model.observed(data)
        tail = log_tail(self.model, smallest, nearest, observed, self.sites)
        return Placed(self.model.memberships(data), np.sqrt(smallest), nearest, tail)

    def _none_of_these(self, distance: float, nearest: int) -> str:
        return (
            f"none of these: {distance:.1f} within-type SDs from type {nearest + 1}, the nearest, "
            f"farther than {1 - np.exp(self.reach):.2%} of members would be"
        )

    def _finish(self, frame: pd.DataFrame, placed: Placed, reasons: np.ndarray) -> pd.DataFrame:
        free = reasons != ""
        k = placed.probabilities.shape[1]
        order = np.argsort(-placed.probabilities, axis=1, kind="stable")
        rows = np.arange(len(frame))

        def ranked(rank: int) -> tuple[pd.arrays.IntegerArray, np.ndarray]:
            if k <= rank:
                empty = pd.array([pd.NA] * len(frame), dtype="Int64")
                return empty, np.full(len(frame), np.nan)
            types = pd.array(order[:, rank] + 1, dtype="Int64")
            types[free] = pd.NA
            confidence = np.where(free, np.nan, placed.probabilities[rows, order[:, rank]])
            return types, confidence

        first, confidence = ranked(0)
        second, next_confidence = ranked(1)
        named = ["" if pd.isna(kind) else self.names[int(kind)] for kind in first]
        unplaced = np.array([reason.startswith("not enough data") for reason in reasons], bool)
        frame = frame.assign(
            type=first,
            name=pd.Series(named, dtype="str"),
            confidence=confidence,
            next_type=second,
            next_confidence=next_confidence,
            distance=np.where(unplaced, np.nan, placed.distance),
            reason=pd.Series(reasons, dtype="str"),
        )
        for at in range(k):
            frame[f"p_{at + 1}"] = np.where(free, np.nan, placed.probabilities[:, at])
        return frame


@dataclass(frozen=True)
class Assignment:
    """Types of sites that a typology was given.

    Parameters
    ----------
    frame : DataFrame
        One row a site and round: ``site, round, type, name, confidence, next_type,
        next_confidence, distance, reason, p_1, ..., p_k``. `type` and `next_type` are Int64,
        missing where a site has none; `confidence` is the probability of the type given the
        profile, its errors and gaps; `distance` is the Mahalanobis distance to the nearest type in
        within-type SDs, measurement error included. `reason` is ``""`` for a site with a type,
        or begins with ``not enough data``, ``none of these`` or ``no typology claimed``.
    notes : tuple of str
        What else the profiles held.
    profiles : SiteProfiles, optional
        Those assigned, with every feature of the typology.
    fitted : FittedSites, optional
        Sites that the typology was fitted to, for `detail` and `answers`.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    profiles: SiteProfiles | None = field(default=None, repr=False, compare=False)
    fitted: FittedSites | None = field(default=None, repr=False, compare=False)

    def detail(self, site: str, round: str | None = None) -> SiteAnswer:
        """Give the whole answer for one site: why, peers, what remains possible, what to collect.

        Parameters
        ----------
        site : str
        round : str, optional
            The last by default.

        Returns
        -------
        SiteAnswer

        Raises
        ------
        StudyError
            The site or the round was not assigned.
        """
        here = np.flatnonzero((self.frame["site"] == site).to_numpy())
        if round is not None:
            here = here[(self.frame["round"].iloc[here] == round).to_numpy()]
        if not len(here):
            which = f"{site!r}" if round is None else f"{site!r} in round {round!r}"
            message = f"{which} is not among the {len(self.frame)} profiles that were assigned."
            raise StudyError("assignment", [Problem("site", message)])
        return self._answering.answer(int(here[-1]))

    @property
    def answers(self) -> pd.DataFrame:
        """The frame with what it takes to act on it, in words, as further columns.

        ``possible`` (types that cannot be excluded at 90 %, ``; `` between them; blank where a type
        has too few sites for such a set), ``peers`` (the nearest fitted sites, ``; `` between
        them), ``collect`` (what to measure next; blank where the answer is sure) and ``why``, one
        sentence.
        """
        return self._answering.table()

    @cached_property
    def _answering(self) -> Answering:
        from site_typology.answering import Answering

        if self.profiles is None or self.fitted is None:
            message = "The typology is not at hand. Assign with `Typology.assign`."
            raise StudyError("assignment", [Problem("answers", message)])
        return Answering.of(self.fitted, self.profiles, self.frame)

    @property
    def labels(self) -> pd.Series:
        """Type by site and round."""
        return self.frame.set_index(["site", "round"])["type"]


def assign_profiles(
    assigner: Assigner,
    profiles: SiteProfiles,
    absent: Mapping[str, str] | None = None,
    error_correlation: pd.DataFrame | None = None,
    fitted: FittedSites | None = None,
) -> Assignment:
    """Assign profiles, after checking that they have the features of the typology.

    Each profile is placed by itself, so that one site or many together give the same answers. A
    value whose standard error is not known gets the typical one of the sites that the typology
    was built from, see `TypicalError`.

    Parameters
    ----------
    assigner : Assigner
    profiles : SiteProfiles
        Any number of sites and rounds.
    absent : mapping of str to str, optional
        Features that the profiles lack altogether, each with the reason; they become gaps.
    error_correlation : DataFrame, optional
        As the typology was built with it; that of the profiles by default.
    fitted : FittedSites, optional
        For the details of each answer.

    Returns
    -------
    Assignment

    Raises
    ------
    StudyError
        No site, or features that are missing or are of another kind or unit; lists every one.
    """
    matched, notes = match_features(assigner.features, profiles, absent or {}, error_correlation)
    return Assignment(assigner.place(matched), notes, matched, fitted)
