"""What candidates are fitted to, and their list: data, plausible values, spaces, specifications."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from site_typology.errors import Problem, StudyError
from site_typology.models.clusterers import CLUSTERERS
from site_typology.models.distance import NaturalProfiles
from site_typology.models.mixture import TypeModel, fit_types
from site_typology.models.natural import NaturalSites
from site_typology.models.plausible import Population, plausible_values, posterior
from site_typology.models.reducers import (
    FAMILIES,
    FAMILY,
    SPACES,
    Categories,
    Space,
    family_spaces,
    features_space,
)
from site_typology.models.resampling import derived_seed
from site_typology.models.working import WorkingData

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

PROPOSAL: Final = "mixture"
ALL_FEATURES: Final = "features"


@dataclass(frozen=True)
class Specification:
    """One candidate to try; `k` is 0 where the algorithm chooses the number of types."""

    algorithm: str
    space: str
    k: int

    @property
    def name(self) -> str:
        """``algorithm/space/k``, with ``auto`` where the algorithm chooses."""
        return f"{self.algorithm}/{self.space}/{self.k or 'auto'}"


@dataclass(frozen=True)
class Material:
    """What candidates are fitted to.

    Parameters
    ----------
    data : WorkingData
        n sites.
    spaces : mapping of str to Space
    means : ndarray, shape (n, q)
        Posterior means of the true profiles.
    draws : ndarray, shape (m, n, q)
        Plausible values.
    natural : NaturalSites, optional
        The sites in natural units, with their categories.
    """

    data: WorkingData
    spaces: Mapping[str, Space]
    means: Floats
    draws: Floats
    natural: NaturalSites | None = None

    def space(self, name: str) -> Space:
        """Give the space of a candidate; all features for one that works on its own scale."""
        return self.spaces.get(name, self.spaces["features"])

    def laid_out(self, points: Floats) -> NaturalProfiles | None:
        """Lay plausible values out in natural units; None where these are not known."""
        return None if self.natural is None else self.natural.at(points)


def specifications(
    algorithms: Sequence[str], spaces: Sequence[str], ks: Sequence[int]
) -> list[Specification]:
    """List the candidates; the mixture of the proposal is always among them.

    A clusterer with a scale of its own is tried there, the others in every space.

    Examples
    --------
    >>> [spec.name for spec in specifications(["ward", "hdbscan"], ["pca"], [2])]
    ['mixture/features/2', 'ward/pca/2', 'hdbscan/pca/auto']
    """
    listed = [Specification(PROPOSAL, "features", k) for k in ks]
    for algorithm in algorithms:
        if algorithm == PROPOSAL:
            continue
        clusterer = CLUSTERERS[algorithm]
        numbers = [0] if clusterer.chooses_k else list(ks)
        own = [clusterer.own_space] if clusterer.own_space else spaces
        listed += [Specification(algorithm, space, k) for space in own for k in numbers]
    return listed


def material_of(
    data: WorkingData,
    population: Population,
    draws: int,
    seed: int,
    *,
    spaces: Sequence[str] = (ALL_FEATURES,),
    natural: NaturalSites | None = None,
) -> Material:
    """Draw plausible values and lay out the spaces.

    Parameters
    ----------
    data : WorkingData
    population : Population
        One population fitted to them.
    draws : int
    seed : int
    spaces : sequence of str
        As in `spaces_of`.
    natural : NaturalSites, optional

    Raises
    ------
    StudyError
        A family that no feature has.
    """
    means = posterior(population, data)[0]
    return Material(
        data,
        spaces_of(spaces, population, data, means, natural),
        means,
        plausible_values(population, data, draws, derived_seed(seed, "plausible values")),
        natural,
    )


def spaces_of(
    wanted: Sequence[str],
    population: Population,
    data: WorkingData,
    means: Floats,
    natural: NaturalSites | None = None,
) -> dict[str, Space]:
    """Lay out the spaces wanted, and that of all features in any case.

    ``"families"`` stands for one space a family of features; see `space_names`.

    Raises
    ------
    StudyError
        A family that no feature has.
    """
    codes = natural.measured.categories if natural else np.empty((data.n, 0), dtype=np.int64)
    shape = population.mean, population.covariance, data.columns
    families = family_spaces(*shape, natural.families) if natural else {}
    found = {ALL_FEATURES: features_space(*shape)}
    for name in wanted:
        if name == FAMILIES:
            found |= families
        elif name in SPACES:
            found[name] = SPACES[name](*shape, Categories(codes, means))
        elif name in families:
            found[name] = families[name]
        else:
            known = ", ".join(families) or "none"
            message = f"{name!r} is not among the families of the features: {known}."
            raise StudyError("settings", [Problem("spaces", message)])
    return found


def space_names(wanted: Sequence[str], spaces: Mapping[str, Space]) -> list[str]:
    """Names of the spaces to try candidates in: those wanted, families written out.

    Parameters
    ----------
    wanted : sequence of str
    spaces : mapping of str to Space
        As `spaces_of` lays them out.
    """
    families = [name for name in spaces if name.startswith(FAMILY)]
    written = [families if name == FAMILIES else [name] for name in wanted]
    return list(dict.fromkeys(name for names in written for name in names))


def types_of(material: Material, k: int, seed: int, least: int) -> tuple[TypeModel, Labels]:
    """Fit the types of the proposal, of `least` sites each if there are such; number them."""
    data = material.data
    model = fit_types(data, k, derived_seed(seed, "types"), least=least)
    found = model.memberships(data).argmax(axis=1) + 1
    points = material.space(ALL_FEATURES).transform(material.means)
    labels, order = by_size(found, points, k)
    ordered = dataclasses.replace(model, weights=model.weights[order], means=model.means[order])
    return ordered, labels


def by_size(
    labels: Labels, points: Floats, k: int | None = None
) -> tuple[Labels, NDArray[np.int64]]:
    """Number types from the largest to the smallest, ties by the mean of the first coordinates.

    Parameters
    ----------
    labels : ndarray of int, shape (n_sites,)
        1 to k, 0 for none; a type may be empty.
    points : ndarray, shape (n_sites, n_coordinates)
    k : int, optional
        Number of types, where the last may be empty.

    Returns
    -------
    ndarray of int, shape (n_sites,)
    ndarray of int, shape (k,)
        Positions of the types in their new order.

    Examples
    --------
    >>> by_size(np.array([1, 2, 2, 0]), np.zeros((4, 1)))[0].tolist()
    [2, 1, 1, 0]
    """
    k = int(labels.max(initial=0)) if k is None else k
    keys = []
    for at in range(1, k + 1):
        members = points[labels == at]
        centre = members.mean(axis=0) if len(members) else np.full(points.shape[1], np.inf)
        keys.append((-len(members), tuple(centre), at))
    order = np.array([key[-1] - 1 for key in sorted(keys)], dtype=np.int64)
    number = np.zeros(k + 1, dtype=np.int64)
    number[order + 1] = np.arange(1, k + 1)
    return number[labels], order
