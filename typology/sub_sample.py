"""Sub-sampling: which sites costly steps look at, and types from them for all sites."""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from site_typology.models.mixture import THOROUGH, TypeModel, fit_types
from site_typology.models.working import WorkingData

SPARED = "not among the {part} of {whole} sites, drawn at random, that candidates were tried on"
"""Why a candidate gives a site no type."""


def drawn_sites(n: int, most: int, seed: int) -> NDArray[np.intp]:
    """Positions of the sites that costly steps look at, in order: all, or `most` at random.

    Examples
    --------
    >>> drawn_sites(4, 10, seed=1).tolist(), len(drawn_sites(25_000, 400, seed=1))
    ([0, 1, 2, 3], 400)
    """
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, size=most, replace=False))


def types_of_all(
    model: TypeModel, data: WorkingData, part: WorkingData, seed: int, least: int
) -> TypeModel:
    """Fit the types of a sub-sample to all sites, from where the sub-sample puts them.

    Parameters
    ----------
    model : TypeModel
        Fitted to `part`.
    data, part : WorkingData
        All sites, and those of the sub-sample.
    seed : int
    least : int
        Sites that each type should have.

    Returns
    -------
    TypeModel
        Types numbered as in `model`, by the sites of the sub-sample that they share.

    Examples
    --------
    >>> from site_typology.models.working import exact_data
    >>> rng = np.random.default_rng(1)
    >>> rows = np.vstack([rng.normal(0, 1, (80, 2)), rng.normal(8, 1, (40, 2))])
    >>> few = TypeModel(np.array([0.5, 0.5]), np.array([[7.0, 7.0], [1.0, 1.0]]), np.eye(2))
    >>> found = types_of_all(few, exact_data(rows), exact_data(rows[::10]), seed=1, least=3)
    >>> (found.means.round() + 0.0).tolist(), found.weights.round(2).tolist()
    ([[8.0, 8.0], [0.0, 0.0]], [0.33, 0.67])
    """
    start = model.memberships(data).argmax(axis=1)
    budget = dataclasses.replace(THOROUGH, kmeans_runs=0)
    found = fit_types(data, model.k, seed, [start], budget=budget, least=least)
    return found.numbered_as(model.memberships(part), part)


def sub_sample_words(part: int, whole: int, *, claimed: bool) -> str:
    """Say that the evidence rests on some of the sites; nothing where it rests on all.

    Examples
    --------
    >>> sub_sample_words(400, 25_000, claimed=False)
    'These figures rest on 400 of the 25,000 sites, drawn at random.'
    >>> sub_sample_words(25, 25, claimed=True)
    ''
    """
    if part == whole:
        return ""
    words = f"These figures rest on {part:,} of the {whole:,} sites, drawn at random"
    return f"{words}; the types themselves are fitted to all sites." if claimed else f"{words}."
