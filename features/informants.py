"""The mean over a site's informants, its standard error and how reliable it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from site_typology.declaration import FeatureDeclaration
from site_typology.features.aggregate import Moments, moments
from site_typology.features.answers import Answers
from site_typology.features.contract import Builder, Built, Estimate, place
from site_typology.features.gaps import eligible_numbers, gap_reasons
from site_typology.features.measurement import (
    half_count_variance,
    intraclass,
    known,
    population_factor,
    site_variance,
    variance_freedom,
)
from site_typology.features.prepared import sums_of
from site_typology.features.tables import StudyTables, Table


def survey_errors(
    sums: Moments, tables: StudyTables, table: Table, *, of_shares: bool = False
) -> np.ndarray:
    """Standard errors of the means of informants, shape (g, q).

    The variance between a site's informants is drawn towards the one pooled over sites
    (`measurement.site_variance`; for a share: binomial with half a count added), divided by the
    effective number of informants, with the finite population correction where the study
    declares who was eligible. NaN where no site has two informants. Where a feature uses some of
    a table's rows, as many of the eligible are taken to belong to them as of those who responded
    (Cochran 1977, section 2.12).
    """
    n = sums.effective
    variance = half_count_variance(sums.mean, n) if of_shares else site_variance(sums) / n
    if table.declaration.role != "survey" and not (sums.rows > 1).any():
        # One row a site outside a survey is the site's own figure, not an informant's view.
        variance = np.zeros_like(n)
    eligible = _eligible(sums, tables, table)
    factors = [population_factor(sums.n[:, at], eligible, n[:, at]) for at in range(n.shape[1])]
    return np.asarray(np.sqrt(variance * np.stack(factors, axis=1)))


def population_factors(
    rows: pd.DataFrame, tables: StudyTables, table: Table, column: str
) -> np.ndarray:
    """Finite population correction of the mean of `column` at each group of `rows`, shape (g,)."""
    sums = moments(rows, [column])
    return population_factor(sums.n[:, 0], _eligible(sums, tables, table), sums.effective[:, 0])


def _eligible(sums: Moments, tables: StudyTables, table: Table) -> np.ndarray:
    """Eligible people behind the chosen rows at each group, shape (g,); NaN where unknown."""
    everyone = table.rows_by_site.reindex(sums.index)
    share = sums.rows / everyone.to_numpy(dtype=float)
    return np.asarray(eligible_numbers(tables, table.name, sums.index) * share)


def survey_measurement(sums: Moments, tables: StudyTables, at: int = 0) -> dict[str, float]:
    """ICC(1), ICC(2) and informants a site of column `at`, in the typology's round."""
    current = sums.at(tables.declaration.typology_round)
    icc1, icc2 = intraclass(current)
    answered = current.n[:, at]
    per_site = float(answered[answered > 0].mean()) if (answered > 0).any() else np.nan
    return known({"icc1": icc1[at], "icc2": icc2[at], "informants_per_site": per_site})


def mean_over_informants(
    builder: Builder[Any],
    feature: FeatureDeclaration,
    asked: Answers,
    tables: StudyTables,
    described: Mapping[str, Any],
    figures: Mapping[str, float] | None = None,
) -> Built:
    """Build a feature that is the site mean of what it takes from each informant.

    Parameters
    ----------
    described : mapping
        Source, definition and more for `Builder.info`.
    figures : mapping of str to float, optional
        What else is known of the measurement.
    """
    sums, missing = sums_of(asked)
    errors = survey_errors(sums, tables, asked.table, of_shares=builder.kind == "share")
    measurement = {**survey_measurement(sums, tables), **(figures or {})}
    freedom = float(variance_freedom(sums)[0])
    if builder.kind != "share" and freedom > 0:
        measurement["error_df"] = freedom
    info = builder.info(feature, measurement=measurement, **described)
    estimate = Estimate(sums.index, sums.mean[:, 0], errors[:, 0], sums.n[:, 0])
    gaps = gap_reasons(feature, tables, asked.table, asked.columns, asked.where, missing)
    return place(
        {feature.name: estimate},
        [info],
        tables,
        gaps,
        informants=asked,
        table=asked.table.name,
    )
