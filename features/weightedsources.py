"""Weighted means of several sources at one site, with the error that follows from theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo
from site_typology.features.contract import Built
from site_typology.features.sharederror import error_correlation
from site_typology.features.sources import Source


def shared_errors(
    built: Sequence[Built], signs: Mapping[str, float] | None = None
) -> dict[tuple[str, str], float]:
    """Correlation between the errors of two features that the same informants answered.

    Parameters
    ----------
    built : sequence of Built
        Compositions are left out: what their errors share with others is not known.
    signs : mapping of str to float, optional
        -1 for a feature that enters turned round.
    """
    single = [each for each in built if len(each.infos) == 1]
    matrix = error_correlation(single)
    turned = signs or {}
    return {
        (one, other): float(matrix.loc[one, other]) * turned.get(one, 1.0) * turned.get(other, 1.0)
        for one in matrix.index
        for other in matrix.columns
        if one != other and matrix.loc[one, other] != 0
    }


def weighted_mean(
    sources: Sequence[Source],
    weights: np.ndarray,
    needed: int,
    shared: Mapping[tuple[str, str], float],
) -> pd.DataFrame:
    """Weighted mean of the sources that a site has, with its error.

    Parameters
    ----------
    sources : sequence of Source
    weights : ndarray, shape (g, q)
        Of each source at each site and round.
    needed : int
        Sources without which there is no mean.
    shared : mapping of (str, str) to float
        Correlation between the errors of two sources.

    Returns
    -------
    DataFrame
        ``value, standard_error, n, sources, reason``: n adds up what stands behind the sources; a
        site without enough of them has the reason of the missing one with the largest weight.
    """
    values = np.column_stack([source.value.to_numpy(dtype=float) for source in sources])
    errors = np.column_stack([source.error.to_numpy(dtype=float) for source in sources])
    there = ~np.isnan(values)
    own = np.where(there, weights, 0.0)
    enough = there.sum(axis=1) >= needed
    total = np.where(enough & (own.sum(axis=1) > 0), own.sum(axis=1), np.nan)
    share = own / total[:, None]
    q = len(sources)
    correlation = np.eye(q)
    for (one, other), rho in shared.items():
        names = [source.name for source in sources]
        correlation[names.index(one), names.index(other)] = rho
    terms = np.where(there, share * errors, 0.0)
    blank = np.isnan(total)
    variance = np.einsum("gk,kl,gl->g", terms, correlation, terms)
    reasons = np.column_stack([source.reason.astype(object) for source in sources])
    heaviest = np.where(there, -1.0, np.nan_to_num(weights)).argmax(axis=1)
    reason = reasons[np.arange(len(reasons)), heaviest]
    n = np.column_stack([source.n.to_numpy(dtype=float) for source in sources])
    return pd.DataFrame(
        {
            "value": np.where(blank, np.nan, (share * np.nan_to_num(values)).sum(axis=1)),
            "standard_error": np.where(blank, np.nan, np.sqrt(np.maximum(variance, 0.0))),
            "n": np.where(blank, np.nan, np.where(there, np.nan_to_num(n), 0.0).sum(axis=1)),
            "sources": np.where(blank, np.nan, there.sum(axis=1)),
            "reason": np.where(blank, reason, ""),
        },
        index=sources[0].value.index,
    )


def placed_mean(info: FeatureInfo, cells: pd.DataFrame, agreement: pd.DataFrame) -> Built:
    """Make the one feature of `weighted_mean` cells."""
    columns = ("value", "standard_error", "n", "reason")
    value, error, n, reason = (cells[[column]].set_axis([info.name], axis=1) for column in columns)
    return Built((info,), value, error, n, reason, source_agreement=agreement)
