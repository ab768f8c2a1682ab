"""A study: its declaration, its tables and, from them, its site profiles."""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path

from site_typology.declaration import Engine, StudyDeclaration
from site_typology.errors import Problems
from site_typology.features.assessment import Assessment, assess
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles, check_features
from site_typology.features.tables import StudyTables
from site_typology.features.weighting import apply_weights, without_response_weights
from site_typology.profiles import SiteProfiles
from site_typology.study_file import STUDY_FILE, read_declaration


class Study:
    """A study whose file and tables were read and found sound.

    Parameters
    ----------
    declaration : StudyDeclaration
        What the study file says.
    tables : StudyTables
        Its tables, linked to sites.
    path : Path
        The study file.

    Examples
    --------
    >>> Study.load("nowhere.toml")
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: nowhere.toml: 1 problem
      file  Not found. Give the path of a study file.
    """

    def __init__(self, declaration: StudyDeclaration, tables: StudyTables, path: Path) -> None:
        self.declaration = declaration
        self.tables = tables
        self.path = path

    @classmethod
    def load(cls, path: str | Path, engine: Engine | None = None) -> Study:
        """Read a study file and every table it names.

        Parameters
        ----------
        path : str or Path
            A ``study.toml``, or the folder that it stands in.
        engine : {"pandas", "polars", "duckdb", "spark"}, optional
            Where the rows of Parquet and text files and of queries stay, unless a table names its
            own. Without one, large files and queries stay in DuckDB and all else in memory; the
            profiles are the same.

        Returns
        -------
        Study

        Raises
        ------
        StudyError
            With every problem of the file's form; where it has none, of the names in it; where
            these are right, of the tables and features.
        """
        path = Path(path)
        path = path / STUDY_FILE if path.is_dir() else path
        declaration = read_declaration(path)
        found = Problems(path.name)
        tables = apply_weights(read_tables(declaration, path.parent, found, engine), found)
        check_features(tables, found)
        found.raise_if_any()
        return cls(declaration, tables, path)

    @property
    def name(self) -> str:
        """Short name of the study."""
        return self.declaration.study.name

    @property
    def title(self) -> str:
        """Title for readers; the name where none is given."""
        return self.declaration.study.title or self.name

    @cached_property
    def hash(self) -> str:
        """SHA-256 of the study file."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    @cached_property
    def _profiles(self) -> SiteProfiles:
        return build_profiles(self.tables)

    @cached_property
    def _unweighted(self) -> SiteProfiles | None:
        if not any(table.adjusted_weight for table in self.tables.tables.values()):
            return None
        return build_profiles(without_response_weights(self.tables))

    @cached_property
    def _assessment(self) -> Assessment:
        return assess(
            self._profiles,
            self.tables,
            round=self.declaration.typology_round,
            minimum=self.declaration.study.disclosure.min_informants,
        )

    def profiles(self) -> SiteProfiles:
        """Build the site profiles of every round.

        Returns
        -------
        SiteProfiles

        Raises
        ------
        StudyError
            Values that their kind does not allow, such as a share above 1.
        """
        return self._profiles

    def unweighted_profiles(self) -> SiteProfiles | None:
        """Build the profiles of every round without response weights; None where none are used."""
        return self._unweighted

    def assess(self) -> Assessment:
        """Find out how good the data are, for the round that the typology is built on.

        Returns
        -------
        Assessment
            Response, gaps, reliability, oddities and changes between rounds, as tables.
        """
        return self._assessment

    def typology_profiles(self) -> SiteProfiles:
        """Return the profiles of the round that the typology is built on."""
        return self._profiles.select(round=self.declaration.typology_round)
