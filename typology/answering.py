"""Put together the whole answer for each site, from what it takes to place it and its peers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.answer import Chance, Gap, Peer, Share, SiteAnswer, Status, Wanted
from site_typology.answer_words import possible_words, shortfall_words, why_none, why_type
from site_typology.collecting import (
    SURE,
    best_to_collect,
    collecting_words,
    group_title,
    what_to_collect,
)
from site_typology.feature_info import fewest_features, usable_cells
from site_typology.fitted_sites import FittedSites, Group, Place
from site_typology.models.conformal import least_sites, possible_types
from site_typology.models.site_terms import (
    SiteCells,
    Terms,
    distance_terms,
    log_odds_terms,
)
from site_typology.peers import Values, nearest_peers

if TYPE_CHECKING:
    from site_typology.assign import Placed
    from site_typology.models.working import WorkingData
    from site_typology.profiles import SiteProfiles

LEVEL = 0.9
"""How often sets of possible types are to hold the right one."""
COLUMNS = ("possible", "peers", "collect", "why")
"""Columns that answers add to the frame of an assignment."""


@dataclass(frozen=True)
class Answering:
    """Answers for the profiles that were assigned.

    Parameters
    ----------
    fitted : FittedSites
    profiles : SiteProfiles
        With every feature of the typology.
    data : WorkingData
        The same on the working scale; every error is known.
    placed : Placed
    frame : DataFrame
        Of the assignment.
    """

    fitted: FittedSites
    profiles: SiteProfiles
    data: WorkingData
    placed: Placed
    frame: pd.DataFrame

    @classmethod
    def of(cls, fitted: FittedSites, profiles: SiteProfiles, frame: pd.DataFrame) -> Answering:
        """Get ready to answer for profiles, given the frame that they were assigned."""
        data = fitted.assigner.working(profiles)
        return cls(fitted, profiles, data, fitted.assigner.placed(data), frame)

    def answer(self, at: int) -> SiteAnswer:
        """Give the whole answer for the profile in row `at`."""
        row = self._rows[at]
        status = status_of(str(row["reason"]))
        site = SiteCells(self.data.values[at], self.data.errors[at])
        chances = self.placed.probabilities[at]
        order = np.argsort(-chances, kind="stable")
        terms, of, why, shares = self._why(status, at, site, order)
        collect, collect_words = self._collect(status, at, site)
        possible, words = self._possible(status, at)
        known = status in ("type", "none of these")
        peers: tuple[Peer, ...] = ()
        if status != "not enough data":
            place = Place.of(self.fitted.assigner, site, chances)
            peers = nearest_peers(self.fitted, str(row["site"]), place, self._own(at))
        return SiteAnswer(
            site=str(row["site"]),
            round=str(row["round"]),
            status=status,
            type=int(row["type"]) if status == "type" else None,
            name=str(row["name"]),
            confidence=float(row["confidence"]) if status == "type" else None,
            next=self._chance(at, int(order[1])) if status == "type" and len(order) > 1 else None,
            probabilities=tuple(self._chance(at, kind) for kind in range(len(self._names))),
            distance=float(self.placed.distance[at]) if known else None,
            as_far=float(np.exp(self.placed.tail[at])) if known else None,
            possible=possible,
            possible_words=words,
            observed=int(self._observed[at]),
            features=len(self.fitted.natural.infos),
            gaps=self._gaps(at),
            reason=str(row["reason"]),
            why=why,
            shares=shares,
            base=terms.base,
            shares_of=of,
            peers=peers,
            collect=collect,
            collect_words=collect_words,
        )

    def table(self) -> pd.DataFrame:
        """Give the frame of the assignment with the columns `COLUMNS`."""
        rows = [self._row(self.answer(at)) for at in range(len(self.frame))]
        more = pd.DataFrame(rows, columns=list(COLUMNS), dtype="str")
        return pd.concat([self.frame, more.set_axis(self.frame.index, axis=0)], axis=1)

    def _row(self, answer: SiteAnswer) -> tuple[str, ...]:
        possible = "; ".join(map(str, answer.possible))
        peers = "; ".join(peer.site for peer in answer.peers)
        return possible, peers, answer.collect_words, answer.why

    @property
    def _names(self) -> dict[int, str]:
        return dict(self.fitted.assigner.names)

    @cached_property
    def _rows(self) -> list[dict[str, Any]]:
        columns = ["site", "round", "type", "name", "confidence", "reason"]
        return [
            dict(zip(columns, row, strict=True))
            for row in self.frame[columns].itertuples(index=False)
        ]

    @cached_property
    def _values(self) -> np.ndarray:
        names = [info.name for info in self.fitted.natural.infos]
        return np.asarray(self.profiles.values[names].to_numpy(dtype=float, na_value=np.nan))

    @cached_property
    def _observed(self) -> np.ndarray:
        return np.asarray(usable_cells(self.profiles.values, self.fitted.natural.infos).sum(axis=1))

    @cached_property
    def _errors(self) -> np.ndarray:
        names = [info.name for info in self.fitted.natural.infos]
        errors = self.profiles.standard_errors[names]
        return np.asarray(errors.to_numpy(dtype=float, na_value=np.nan))

    @cached_property
    def _reasons(self) -> np.ndarray:
        names = [info.name for info in self.fitted.natural.infos]
        return np.asarray(self.profiles.reasons[names].to_numpy())

    @cached_property
    def _kept(self) -> np.ndarray:
        p_values = self.fitted.calibration.p_values(self.data)
        return possible_types(p_values, self.placed.probabilities, LEVEL)

    def _own(self, at: int) -> Values:
        return Values(self._values[at], self._errors[at])

    def _chance(self, at: int, kind: int) -> Chance:
        probability = float(self.placed.probabilities[at, kind])
        return Chance(kind + 1, self._names[kind + 1], probability)

    def _gaps(self, at: int) -> tuple[Gap, ...]:
        cells = zip(self.fitted.natural.infos, self._values[at], self._reasons[at], strict=True)
        return tuple(
            Gap(info.name, info.title, str(reason))
            for info, value, reason in cells
            if math.isnan(value)
        )

    def _why(
        self, status: Status, at: int, site: SiteCells, order: np.ndarray
    ) -> tuple[Terms, str, str, tuple[Share, ...]]:
        model, nothing = self.fitted.assigner.model, Terms(0.0, np.zeros(len(site.values)))
        if status == "type":
            own = self._chance(at, int(order[0]))
            other = self._chance(at, int(order[1])) if len(order) > 1 else None
            if other is None:
                return nothing, "", why_type(own, None, (), 0.0), ()
            terms = log_odds_terms(model, site, own.type - 1, other.type - 1)
            shares = self._shares(terms, at, self.fitted.centre)
            of = f"log-odds of type {own.type} against type {other.type}"
            return terms, of, why_type(own, other, shares, terms.base), shares
        if status == "none of these":
            kind = int(self.placed.nearest[at])
            terms = distance_terms(model, site, kind)
            shares = self._shares(terms, at, self.fitted.type_means[kind])
            farther = 1 - float(np.exp(self.fitted.assigner.reach))
            of = f"squared distance to type {kind + 1}"
            return terms, of, why_none(self._chance(at, kind), farther, shares), shares
        reason = str(self._rows[at]["reason"])
        return nothing, "", f"{reason[0].upper()}{reason[1:]}.", ()

    def _shares(self, terms: Terms, at: int, means: np.ndarray) -> tuple[Share, ...]:
        shares = [
            self._share(group, float(terms.terms[group.columns].sum()), at, means)
            for group in self.fitted.groups
            if not np.isnan(self.data.values[at, group.columns]).any()
        ]
        return tuple(sorted(shares, key=lambda share: -abs(share.amount)))

    def _share(self, group: Group, amount: float, at: int, means: np.ndarray) -> Share:
        off = [abs(self._values[at, one] - means[one]) for one in group.members]
        shown = group.members[int(np.argmax(np.nan_to_num(off)))]
        info, unit = self.fitted.natural.infos[shown], self.fitted.units[shown]
        value, mean = unit.write(self._values[at, shown]), unit.write(float(means[shown]))
        title = info.title if info.composition else group_title(self.fitted, group)
        return Share(group.name, title, value, mean, amount)

    def _collect(self, status: Status, at: int, site: SiteCells) -> tuple[tuple[Wanted, ...], str]:
        if status not in ("type", "not enough data") or self.fitted.assigner.model.k < 2:
            return (), ""
        if self.fitted.assigner.no_claim:
            return (), ""
        short = status == "not enough data"
        chances = self.placed.probabilities[at]
        now = float(chances.max())
        if not short and now >= SURE:
            return (), ""
        wanted = what_to_collect(self.fitted, site, chances, gaps_only=short)
        words = collecting_words(best_to_collect(wanted), now)
        if short:
            features = len(self.fitted.natural.infos)
            least = fewest_features(self.fitted.assigner.min_observed, features)
            words = shortfall_words(least - int(self._observed[at]), words)
        return wanted, words

    def _possible(self, status: Status, at: int) -> tuple[tuple[int, ...], str]:
        if status != "type" or len(self._names) < 2:
            return (), ""
        calibration = self.fitted.calibration
        kept = np.flatnonzero(self._kept[at]) if calibration.carries(LEVEL) else ()
        possible = tuple(int(kind) + 1 for kind in kept)
        counts, least = calibration.counts, least_sites(LEVEL)
        return possible, possible_words(possible, self._names, LEVEL, counts, least)


def status_of(reason: str) -> Status:
    """Say which kind of answer a reason stands for; ``""`` is a type.

    Examples
    --------
    >>> status_of(""), status_of("none of these: 9.1 within-type SDs from type 1 ...")
    ('type', 'none of these')
    """
    kinds: tuple[Status, ...] = ("none of these", "not enough data", "no typology claimed")
    return next((kind for kind in kinds if reason.startswith(kind)), "type")
