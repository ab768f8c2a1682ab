"""A typology: its types with the evidence for them, to look at, save, load and assign by."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from site_typology.assign import Assigner, Assignment, assign_profiles
from site_typology.errors import Problem, StudyError
from site_typology.profiles import SiteProfiles
from site_typology.results import Candidate, Evidence, Verdict
from site_typology.settings import ProposeSettings
from site_typology.verdict_words import ENOUGH

if TYPE_CHECKING:
    from site_typology.explain import Explanation
    from site_typology.fitted_sites import FittedSites
    from site_typology.models.mixture import TypeModel
    from site_typology.models.plausible import Population
    from site_typology.models.working import WorkingScale

MEMBERSHIP_COLUMNS = (
    "site",
    "type",
    "confidence",
    "next_type",
    "reason",
    "name",
    "next_confidence",
    "distance",
)
"""Columns of the memberships, before ``p_1, ..., p_k``."""


@dataclass(frozen=True)
class Typology:
    """What `site_typology.propose` found.

    Parameters
    ----------
    name : str
    profiles : SiteProfiles
        The round that the types were built on, build and evaluation features.
    assigner : Assigner
        What it takes to place a site: features, scale and types.
    population : Population
        One population of true profiles.
    evidence : Evidence
    candidates : tuple of Candidate
    memberships : DataFrame
        One row a site, in the order of the profiles: ``site, type, confidence, next_type, reason,
        name, next_confidence, distance, p_1, ..., p_k``; see `Assignment`.
    posterior_means : DataFrame
        Sites with enough data by working columns: the mean of a site's true profile given its
        measured one, under one population.
    settings : ProposeSettings
    seed : int
    """

    name: str
    profiles: SiteProfiles
    assigner: Assigner
    population: Population
    evidence: Evidence
    candidates: tuple[Candidate, ...]
    memberships: pd.DataFrame
    posterior_means: pd.DataFrame
    settings: ProposeSettings
    seed: int

    @classmethod
    def of(
        cls,
        *,
        name: str,
        profiles: SiteProfiles,
        assigner: Assigner,
        population: Population,
        evidence: Evidence,
        candidates: tuple[Candidate, ...],
        posterior_means: pd.DataFrame,
        settings: ProposeSettings,
        seed: int,
    ) -> Typology:
        """Make a typology and place its own sites."""
        placed = assigner.place(profiles)
        probabilities = [column for column in placed if str(column).startswith("p_")]
        memberships = placed[[*MEMBERSHIP_COLUMNS, *probabilities]]
        return cls(
            name,
            profiles,
            assigner,
            population,
            evidence,
            candidates,
            memberships,
            posterior_means,
            settings,
            seed,
        )

    def __repr__(self) -> str:
        placed = int(self.labels.notna().sum())
        return (
            f"<Typology {self.name!r}: {self.verdict}, {self.k} type{'' if self.k == 1 else 's'}, "
            f"{placed} of {len(self.labels)} sites placed>"
        )

    @property
    def verdict(self) -> Verdict:
        """``supported``, ``tentative``, ``not supported`` or ``insufficient``."""
        return self.evidence.verdict

    @property
    def k(self) -> int:
        """Number of types claimed; 1 where none is."""
        return self.evidence.k

    @property
    def scale(self) -> WorkingScale:
        """The working scale that types were found on."""
        return self.assigner.scale

    @property
    def model(self) -> TypeModel:
        """The types, or one population where none are claimed."""
        return self.assigner.model

    @property
    def names(self) -> Mapping[int, str]:
        """Names of the types."""
        return self.assigner.names

    @property
    def labels(self) -> pd.Series:
        """Type by site, Int64; missing where a site has none."""
        return self.memberships.set_index("site")["type"]

    def named(self, names: Mapping[int, str]) -> Typology:
        """Give types other names.

        Parameters
        ----------
        names : mapping of int to str
            New names by type; types left out keep theirs.

        Returns
        -------
        Typology

        Raises
        ------
        StudyError
            A type that does not exist.
        """
        problems = [
            Problem(f"type {number}", f"Does not exist. Types: {', '.join(map(str, self.names))}.")
            for number in names
            if number not in self.names
        ]
        if problems:
            raise StudyError("names", problems)
        named = {number: names.get(number, name) for number, name in self.names.items()}
        column = [named[kind] if pd.notna(kind) else "" for kind in self.memberships["type"]]
        return dataclasses.replace(
            self,
            assigner=dataclasses.replace(self.assigner, names=named),
            memberships=self.memberships.assign(name=pd.Series(column, dtype="str")),
        )

    def assign(
        self, profiles: SiteProfiles, *, absent: Mapping[str, str] | None = None
    ) -> Assignment:
        """Give sites their types, or the reason why they have none.

        Parameters
        ----------
        profiles : SiteProfiles
            Of new sites, or of the same again; any number of rounds.
        absent : mapping of str to str, optional
            Features that the profiles lack altogether, each with the reason.

        Returns
        -------
        Assignment

        Raises
        ------
        StudyError
            Features that differ from those of the typology; lists every one.
        """
        correlation = self.profiles.error_correlation
        return assign_profiles(self.assigner, profiles, absent, correlation, self.fitted)

    @cached_property
    def fitted(self) -> FittedSites:
        """The sites that the types were fitted to, ready to be compared with new ones."""
        from site_typology.fitted_sites import FittedSites

        return FittedSites.of(self)

    def explain(self, *, seed: int = 0) -> Explanation:
        """Explain membership by features, see `site_typology.explain`."""
        from site_typology.explain import explain

        return explain(self, seed=seed)

    def describe(self) -> pd.DataFrame:
        """Describe the types in natural units, see `site_typology.describe`."""
        from site_typology.describe import describe_types

        return describe_types(self)

    def save(self, folder: str | Path) -> Path:
        """Write the typology to a folder: JSON, NumPy arrays and Parquet, nothing executable."""
        from site_typology.typology_files import save_typology

        return save_typology(self, folder)


def load(folder: str | Path) -> Typology:
    """Read a typology written by `Typology.save`.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Typology

    Raises
    ------
    StudyError
        No typology there, of another format version, or damaged.

    Examples
    --------
    >>> load("nowhere")
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: nowhere: 1 problem
      manifest.json  Not found. Give a folder that holds a saved typology.
    """
    from site_typology.typology_files import load_typology

    return load_typology(folder)


def short_reason(evidence: Evidence) -> str:
    """Say in a few words why no type is given."""
    if evidence.verdict == "not supported":
        return ENOUGH[evidence.null_test.against]
    if evidence.unplaced:
        return "the data cannot tell which sites belong together"
    return "the data cannot tell whether there are types"
