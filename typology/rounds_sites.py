"""Sites of several rounds: matched by key, placed by one typology, every one accounted for."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.assign import Assigner
from site_typology.errors import Problems
from site_typology.matching import match_features
from site_typology.profiles import SiteProfiles
from site_typology.typical_errors import with_typical_errors

if TYPE_CHECKING:
    from site_typology.models.transitions import RoundsData
    from site_typology.models.working import WorkingData

ABSENT = "not in this round"
BEYOND = "none of these"
NOTHING_NEW = "nothing new: another round has the same values"
FOLLOWED = "followed"


@dataclass(frozen=True)
class MatchedSites:
    """Sites of several rounds under one typology.

    Parameters
    ----------
    profiles : SiteProfiles
        Of all rounds, with the features of the typology.
    rounds : tuple of str
        In order of time.
    base : str
        The round that the typology was fitted to.
    placed : DataFrame
        What the typology says of each profile by itself, columns of `Assignment`.
    reasons : DataFrame
        Sites by rounds: why a site cannot be followed there, ``""`` where it can. A site beyond all
        types can: where all sites shift, those left out would be the ones that seem to stay.
    working : mapping of str to WorkingData
        What each round measured anew on the working scale, all its sites; repeated columns are
        gaps.
    repeated : mapping of str to tuple of str
        Working columns that are the same in a round as in the base round or, that apart, an earlier
        one at every site: one table serves both, and nothing was measured anew.
    """

    profiles: SiteProfiles
    rounds: tuple[str, ...]
    base: str
    placed: pd.DataFrame
    reasons: pd.DataFrame
    working: Mapping[str, WorkingData]
    repeated: Mapping[str, tuple[str, ...]]

    @property
    def followed(self) -> list[str]:
        """Sites with enough data in two rounds or more."""
        return [str(site) for site in self.reasons.index[(self.reasons == "").sum(axis=1) > 1]]

    def labels(self, round_: str) -> pd.Series:
        """Type by site in one round, each profile placed by itself."""
        rows = self.placed[self.placed["round"] == round_].set_index("site")
        return rows["type"].astype("Int64")

    def data(self) -> RoundsData:
        """What was measured of the followed sites; a repeated column counts once."""
        from site_typology.models.transitions import RoundsData

        sites, columns = self.followed, self.working[self.base].columns
        values = np.full((len(sites), len(self.rounds), len(columns)), np.nan)
        errors = np.zeros((*values.shape, len(columns)))
        for at, round_ in enumerate(self.rounds):
            data = self.working[round_]
            place = {site: row for row, site in enumerate(data.sites)}
            here = [row for row, site in enumerate(sites) if self.reasons.loc[site, round_] == ""]
            rows = [place[sites[row]] for row in here]
            values[here, at], errors[here, at] = data.values[rows], data.errors[rows]
        return RoundsData(values, errors, self.rounds.index(self.base))

    def account(self) -> pd.DataFrame:
        """One row a site and step: ``site, from_round, to_round, status, why``."""
        parts = []
        said = self.reasons.where(self.reasons != "", _said(self.placed, self.rounds))
        for earlier, later in pairwise(self.rounds):
            both = self.reasons[[earlier, later]].set_axis(["first", "second"], axis=1)
            there = both[(both != ABSENT).any(axis=1)]
            status = np.select(
                [
                    (there["first"] == "") & (there["second"] == ""),
                    there["second"] == ABSENT,
                    there["first"] == ABSENT,
                    (there["first"] != "") & (there["second"] != ""),
                    there["first"] != "",
                ],
                [
                    FOLLOWED,
                    f"only in {earlier}",
                    f"only in {later}",
                    "not enough data in both",
                    f"not enough data in {earlier}",
                ],
                f"not enough data in {later}",
            )
            told = said.loc[there.index, [earlier, later]].replace(ABSENT, "")
            why = ["; ".join(filter(None, row)) for row in told.to_numpy()]
            parts.append(
                pd.DataFrame(
                    {"site": there.index, "from_round": earlier, "to_round": later,
                     "status": status, "why": why}
                )
            )  # fmt: skip
        return pd.concat(parts, ignore_index=True)


def joined(rounds: Mapping[str, SiteProfiles]) -> SiteProfiles:
    """Put profiles of one round each together, under the names given.

    Parameters
    ----------
    rounds : mapping of str to SiteProfiles
        In order of time; the features of the first are those of the result, and a feature that a
        later round lacks is missing there.

    Returns
    -------
    SiteProfiles

    Examples
    --------
    >>> one = SiteProfiles.from_frame(pd.DataFrame({"wsa": [1.0, 2.0]}, index=["A", "B"]))
    >>> two = SiteProfiles.from_frame(pd.DataFrame({"wsa": [3.0]}, index=["B"]))
    >>> joined({"2022": one, "2024": two}).values["wsa"].to_dict()
    {('A', '2022'): 1.0, ('B', '2022'): 2.0, ('B', '2024'): 3.0}
    """
    first = next(iter(rounds.values()))
    names = [info.name for info in first.features]

    def table(which: str, fill: object) -> pd.DataFrame:
        parts = []
        for round_, profiles in rounds.items():
            own: pd.DataFrame = getattr(profiles, which)
            sites = own.index.get_level_values("site")
            index = pd.MultiIndex.from_product([sites, [round_]], names=["site", "round"])
            own = own.set_axis(index, axis=0)
            absent = {name: fill for name in names if name not in own}
            parts.append(own.assign(**absent)[names])
        return pd.concat(parts)

    return SiteProfiles(
        table("values", np.nan),
        table("standard_errors", np.nan),
        table("counts", np.nan),
        table("reasons", "not asked"),
        first.features,
        error_correlation=first.error_correlation,
    )


def match_sites(
    assigner: Assigner,
    profiles: SiteProfiles,
    *,
    base: str,
    rounds: Sequence[str],
    error_correlation: pd.DataFrame | None = None,
) -> MatchedSites:
    """Match sites by their keys over rounds and place them by one typology.

    Parameters
    ----------
    assigner : Assigner
    profiles : SiteProfiles
        Of all the rounds.
    base : str
        The round that the typology was fitted to; one of `rounds`.
    rounds : sequence of str
        In order of time.
    error_correlation : DataFrame, optional
        As the typology was built with it.

    Returns
    -------
    MatchedSites

    Raises
    ------
    StudyError
        A round that is not there or measured nothing anew, fewer than two, features that differ
        from those of the typology, or no site with enough data in two rounds; lists every problem.
    """
    _check_rounds(profiles, base, rounds)
    matched, _ = match_features(assigner.features, profiles, {}, error_correlation)
    matched = with_typical_errors(matched, assigner.errors)
    parts = {round_: matched.select(round=round_) for round_ in rounds}
    placed = pd.concat([assigner.place(part) for part in parts.values()], ignore_index=True)
    reasons = _said(placed, rounds)
    reasons = reasons.mask(reasons.apply(lambda column: column.str.startswith(BEYOND)), "")
    whole = {round_: assigner.scale.transform(part) for round_, part in parts.items()}
    repeated = _repeated(whole, [base, *(round_ for round_ in rounds if round_ != base)])
    working = {round_: _anew(data, repeated.get(round_, ())) for round_, data in whole.items()}
    for round_, data in working.items():
        nothing = [data.sites[row] for row in np.flatnonzero(~data.observed.any(axis=1))]
        column = reasons.loc[nothing, round_]
        reasons.loc[nothing, round_] = column.mask(column == "", NOTHING_NEW)
    _check_followed(reasons)
    return MatchedSites(matched, tuple(rounds), base, placed, reasons, working, repeated)


def _said(placed: pd.DataFrame, rounds: Sequence[str]) -> pd.DataFrame:
    """Sites by rounds: why a profile by itself has no type."""
    return placed.pivot_table(
        index="site", columns="round", values="reason", aggfunc="first", sort=False
    )[list(rounds)].fillna(ABSENT)


def _check_rounds(profiles: SiteProfiles, base: str, rounds: Sequence[str]) -> None:
    found = Problems("rounds")
    known = ", ".join(profiles.rounds)
    for name in dict.fromkeys([*rounds, base]):
        if name not in profiles.rounds:
            found.add(f"round {name}", f"Not among the profiles. Rounds: {known}.")
    for name in dict.fromkeys(name for name in rounds if list(rounds).count(name) > 1):
        found.add(f"round {name}", "Named twice. Name each round once.")
    if base not in rounds:
        found.add("rounds", f"The typology was fitted to round {base}; take it in.")
    if len(rounds) < 2:
        found.add("rounds", f"Two or more are needed. Rounds: {known}.")
    found.raise_if_any()


def _check_followed(reasons: pd.DataFrame) -> None:
    found = Problems("rounds")
    if not ((reasons != ABSENT).sum(axis=1) > 1).any():
        found.add("sites", "No site is in two rounds. Sites are the same where their keys are.")
        found.raise_if_any()
    for round_, column in reasons.items():
        if (column == "").any():
            continue
        there = column[column != ABSENT]
        if (there == NOTHING_NEW).any():
            message = "Every value is the same as in another round; nothing was measured anew."
        else:
            message = f"None of its {len(there)} sites has enough data."
        found.add(f"round {round_}", f"{message} Leave it out.")
    if not found and not ((reasons == "").sum(axis=1) > 1).any():
        found.add("sites", "No site has enough data, measured anew, in two rounds.")
    found.raise_if_any()


def _anew(data: WorkingData, repeated: Sequence[str]) -> WorkingData:
    """Make gaps of repeated columns."""
    again = np.isin(data.columns, repeated)
    errors = np.where(again[:, None] | again[None, :], 0.0, data.errors)
    return dataclasses.replace(data, values=np.where(again, np.nan, data.values), errors=errors)


def _repeated(whole: Mapping[str, WorkingData], order: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Columns of every round but the first that are as in a round before it in `order`."""
    return {
        round_: tuple(
            name
            for name in whole[round_].columns
            if any(name in _same(whole[before], whole[round_]) for before in order[:at])
        )
        for at, round_ in enumerate(order)
        if at > 0
    }


def _same(base: WorkingData, other: WorkingData) -> tuple[str, ...]:
    """Columns that are the same in both rounds wherever both have a value, at 3 sites or more."""
    place = {site: row for row, site in enumerate(other.sites)}
    here = [row for row, site in enumerate(base.sites) if site in place]
    first = base.values[here]
    second = other.values[[place[base.sites[row]] for row in here]]
    names = []
    for at, name in enumerate(base.columns):
        both = ~np.isnan(first[:, at]) & ~np.isnan(second[:, at])
        if both.sum() > 2 and (first[both, at] == second[both, at]).all():
            names.append(name)
    return tuple(names)
