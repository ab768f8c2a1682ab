"""The contract of a feature builder: its arguments, what it is given and what it gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Generic, TypeVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from site_typology.declaration import (
    ONE_ROUND,
    Condition,
    FeatureDeclaration,
    Kind,
    StudyDeclaration,
)
from site_typology.errors import Problem
from site_typology.feature_info import FeatureInfo
from site_typology.features.answers import Answers
from site_typology.features.tables import StudyTables, code_text
from site_typology.profile_checks import INDEX


def _as_code(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return code_text(float(value)) if isinstance(value, int | float) else value


Code = Annotated[str, BeforeValidator(_as_code)]
"""A code as a study file may write it: ``3`` and ``"3"`` are the same."""


class BuilderArgs(BaseModel):
    """Arguments that every builder takes; unknown ones are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    where: tuple[Condition, ...] = Field((), description="Rows to use; all of the table's if none.")


A = TypeVar("A", bound=BuilderArgs)


@dataclass(frozen=True)
class Estimate:
    """Values of one feature at the sites and rounds that a table has rows for.

    Parameters
    ----------
    index : MultiIndex of (site, round), length g
    value, standard_error, n : ndarray of shape (g,)
        NaN where there is no value.
    reason : ndarray of str, shape (g,), optional
        Why there is no value, where the computation itself knows; ``""`` elsewhere.
    """

    index: pd.MultiIndex
    value: np.ndarray
    standard_error: np.ndarray
    n: np.ndarray
    reason: np.ndarray | None = None

    def to_frame(self) -> pd.DataFrame:
        """Columns ``value, standard_error, n, reason``."""
        gap = pd.isna(self.value)
        reason = np.full(len(gap), "", dtype=object) if self.reason is None else self.reason
        content = {
            "value": self.value,
            "standard_error": np.where(gap, np.nan, self.standard_error),
            "n": np.where(gap, np.nan, self.n),
            "reason": np.where(gap, reason, ""),
        }
        return pd.DataFrame(content, index=self.index)


@dataclass(frozen=True)
class Built:
    """What a builder gives back: cells of its features at every site and round of the study.

    Parameters
    ----------
    infos : tuple of FeatureInfo
        One a column.
    values, standard_errors, counts, reasons : DataFrame
        Index (site, round), one column a feature.
    informants : Answers, optional
        For a feature that is a mean over informants: what it takes from each of them, not yet
        computed; features of one table share these rows and so their errors.
    table : str
        Table that the informants come from.
    ledger : DataFrame, optional
        Rows that the builder set aside, with the ledger's columns.
    answered_by : str
        Who answered, where their single answers are not given; features with the same one share
        error by `common_error`.
    common_error : float
        Correlation of a feature's error with the part of it that all features of `answered_by`
        have in common.
    covariance : DataFrame, optional
        Error covariance of a composition's D parts: index (site, round), D * D columns, row by
        row of the matrix.
    source_agreement : DataFrame, optional
        Agreement between the sources of the feature, with columns ``AGREEMENT_COLUMNS``.
    """

    infos: tuple[FeatureInfo, ...]
    values: pd.DataFrame
    standard_errors: pd.DataFrame
    counts: pd.DataFrame
    reasons: pd.DataFrame
    informants: Answers | None = None
    table: str = ""
    ledger: pd.DataFrame | None = field(default=None)
    answered_by: str = ""
    common_error: float = 0.0
    covariance: pd.DataFrame | None = None
    source_agreement: pd.DataFrame | None = None


class Builder(ABC, Generic[A]):
    """Makes one feature, or the parts of one composition, from the tables of a study.

    A new builder is one class and one line in `site_typology.features.builders.BUILDERS`.
    """

    name: ClassVar[str]
    kind: ClassVar[Kind]
    family: ClassVar[str] = "other"
    Args: ClassVar[type[BuilderArgs]]
    takes_windows: ClassVar[bool] = False
    """Whether a condition may have a window for each round; all rows must then come by way of
    `site_typology.features.selection.row_values`, `lazy_rows` or `chosen_rows`."""

    @abstractmethod
    def problems(
        self, feature: FeatureDeclaration, args: A, tables: StudyTables
    ) -> Iterable[Problem]:
        """Say everything that is wrong with the arguments, given these tables."""

    def answers(self, feature: FeatureDeclaration, args: A, tables: StudyTables) -> Answers | None:
        """Say what the feature takes from the rows of a table, if it is a mean over them.

        The profiler sums what all features take from one table in one query. Called only when
        `problems` found none.
        """
        return None

    @abstractmethod
    def build(self, feature: FeatureDeclaration, args: A, tables: StudyTables) -> Built:
        """Build the feature; called only when `problems` found none."""

    def info(
        self, feature: FeatureDeclaration, *, source: str, definition: str, **more: Any
    ) -> FeatureInfo:
        """Describe the feature: what the study says of it, or else what the builder says."""
        described: dict[str, Any] = {
            "name": feature.name,
            "kind": feature.kind or self.kind,
            "use": feature.use,
            "family": feature.family if feature.family != "other" else self.family,
            "label": feature.label,
            "definition": feature.definition or definition,
            "unit": more.pop("unit", ""),
            "builder": self.name,
            "source": source,
        }
        if feature.unit:
            described["unit"] = feature.unit
        return FeatureInfo(**{**described, **more})


def study_rounds(declaration: StudyDeclaration) -> tuple[str, ...]:
    """Rounds of the study in order; the one round of a study that declares none."""
    return declaration.study.rounds or (ONE_ROUND,)


def study_grid(tables: StudyTables) -> pd.MultiIndex:
    """Every site of the study at every round, shape (n_sites * n_rounds,)."""
    return _grid(tables.sites, study_rounds(tables.declaration))


@lru_cache(maxsize=2)
def _grid(sites: tuple[str, ...], rounds: tuple[str, ...]) -> pd.MultiIndex:
    # Every feature asks for it, and finding cells in it is faster the second time.
    return pd.MultiIndex.from_product([list(sites), list(rounds)], names=INDEX)


def over_rounds(frame: pd.DataFrame, tables: StudyTables) -> pd.DataFrame:
    """Bring rows indexed (site, round) to the study's grid.

    A row of the round `ONE_ROUND` holds for every round of the study.
    """
    grid = study_grid(tables)
    always = frame.index.get_level_values(1) == ONE_ROUND
    dated = frame[~always].reindex(grid)
    if not always.any():
        return dated
    timeless = frame[always].droplevel(1).reindex(grid.get_level_values(0)).set_axis(grid)
    return dated.combine_first(timeless)[list(frame.columns)] if (~always).any() else timeless


def place(
    parts: Mapping[str, Estimate],
    infos: Sequence[FeatureInfo],
    tables: StudyTables,
    gaps: pd.Series,
    **more: Any,
) -> Built:
    """Put estimates on the study's grid and say why the other cells are empty.

    Parameters
    ----------
    parts : mapping of str to Estimate
        One a feature, in the order of `infos`.
    gaps : Series of str, indexed by the grid
        The reason of a missing cell, where the estimate gives none.
    """
    columns: dict[str, dict[str, pd.Series]] = {}
    for name, estimate in parts.items():
        cells = over_rounds(estimate.to_frame(), tables)
        missing = cells["value"].isna()
        own = cells["reason"].where(cells["reason"].notna(), "").astype(object)
        reason = own.where(own != "", gaps).where(missing, "")
        columns[name] = {**{key: cells[key] for key in cells}, "reason": reason}
    frames = {
        key: pd.DataFrame({name: cells[key] for name, cells in columns.items()})
        for key in ("value", "standard_error", "n", "reason")
    }
    return Built(
        tuple(infos),
        frames["value"],
        frames["standard_error"].astype(float),
        frames["n"].astype(float),
        frames["reason"].astype(str),
        **more,
    )
