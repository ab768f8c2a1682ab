"""What specifications are fitted to: sites under a feature set, a scale, weights and a gap model.

Ways with gaps and errors: *plausible* draws both from what the data leave possible (multiple
imputation, `site_typology.models.plausible`); *conditional* puts each cell at its mean given the
site's other cells and errors, once; *mean* fills gaps with the mean of the sites that have a value;
*complete* leaves sites with a gap out. The last three then take every value as exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from site_typology.candidate_material import Material, material_of, spaces_of
from site_typology.candidates import rows_of
from site_typology.errors import Problem, Problems, StudyError
from site_typology.feature_info import FeatureInfo
from site_typology.grid import (
    ALL,
    EACH,
    FAMILY,
    WITHOUT,
    Choices,
    Facts,
    Grid,
    Missing,
    Weights,
)
from site_typology.models.links import blocks_of
from site_typology.models.natural import NaturalSites
from site_typology.models.plain import plain_blocks
from site_typology.models.plausible import fit_population, posterior
from site_typology.models.resampling import derived_seed
from site_typology.models.working import WorkingData, WorkingScale
from site_typology.profiles import SiteProfiles
from site_typology.screening import FEWEST_SITES, in_order, screen
from site_typology.sub_sample import drawn_sites


@dataclass(frozen=True)
class GridSource:
    """Profiles that a grid spans, and what all specifications share.

    Parameters
    ----------
    profiles : mapping of str to SiteProfiles
        One round of the study, by response weights: ``declared``, and ``none`` where it has any.
    sets : mapping of str to tuple of str
        Build features of each feature set.
    sites : tuple of str
        Sites that the evidence for the proposal rests on, in order of name.
    grid : Grid
    min_observed : float
        Share of the features that a site needs.
    least : int
        Sites of the smallest type, for the null test.
    alpha : float
    seed : int
    """

    profiles: Mapping[str, SiteProfiles]
    sets: Mapping[str, tuple[str, ...]]
    sites: tuple[str, ...]
    grid: Grid
    min_observed: float
    least: int
    alpha: float
    seed: int


def feature_sets(grid: Grid, features: Sequence[FeatureInfo]) -> dict[str, tuple[str, ...]]:
    """Write out the feature sets of a grid, in order of the grid.

    Parameters
    ----------
    grid : Grid
    features : sequence of FeatureInfo
        Features of the study; those with use ``"build"`` count.

    Raises
    ------
    StudyError
        A feature or family that the study does not have; lists every one.

    Examples
    --------
    >>> infos = [FeatureInfo("a", family="x"), FeatureInfo("b", family="y")]
    >>> feature_sets(Grid(features=["all", "without:each"]), infos)
    {'all': ('a', 'b'), 'without:x': ('b',), 'without:y': ('a',)}
    """
    own = [info for info in features if info.use == "build"]
    families = sorted({info.family for info in own})
    found = Problems("grid")
    sets: dict[str, tuple[str, ...]] = {}
    for name in grid.features:
        for start in (WITHOUT, FAMILY):
            if name == f"{start}{EACH}":
                written = [f"{start}{family}" for family in families]
                break
        else:
            written = [name]
        for each in written:
            sets[each] = _members(each, grid, own, found)
    found.raise_if_any()
    return sets


def _members(name: str, grid: Grid, own: Sequence[FeatureInfo], found: Problems) -> tuple[str, ...]:
    """Give the features of one set, in the order of the study."""
    families, names = sorted({info.family for info in own}), [info.name for info in own]
    kept: set[str] = set()
    parts = grid.feature_sets.get(name, (name,))
    for part in parts:
        family = part.removeprefix(FAMILY).removeprefix(WITHOUT)
        if part == ALL:
            kept.update(names)
        elif part.startswith((WITHOUT, FAMILY)):
            if family not in families:
                found.add(f"features.{name}", f"No family {family!r}. Found {_listed(families)}.")
            outside = part.startswith(WITHOUT)
            kept.update(info.name for info in own if (info.family == family) != outside)
        else:
            of = [info.name for info in own if part in (info.name, info.composition)]
            if not of:
                found.add(
                    f"feature_sets.{name}",
                    f"No feature {part!r} with use = 'build'. Found {_listed(names)}.",
                )
            kept.update(of)
    # Parts of a composition mean something only together.
    whole = {info.composition for info in own if info.name in kept and info.composition}
    kept.update(info.name for info in own if info.composition in whole)
    return tuple(each for each in names if each in kept)


def facts_of(source: GridSource) -> Facts:
    """Find out which specifications would repeat others for want of what they vary."""
    one_scale, whole = set(), set()
    needless = _needless(source.sets)
    for name in source.sets:
        if name in needless:
            continue
        try:
            kept = _screened(source, name, "declared")
        except StudyError:  # It cannot be fitted: its specifications say so.
            continue
        blocks = blocks_of(kept)
        if blocks == plain_blocks(kept):
            one_scale.add(name)
        names = [feature for block in blocks for feature in block.features]
        if kept.values[names].notna().to_numpy().all() and len(source.profiles) == 1:
            whole.add(name)
    features = source.profiles["declared"].features
    categories = any(info.use == "build" and info.kind == "category" for info in features)
    weighted = "none" in source.profiles
    return Facts(weighted, categories, frozenset(one_scale), frozenset(whole), needless)


def _needless(sets: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Feature sets that add nothing, and why; of equal ones that of the proposal or the first."""
    found: dict[str, str] = {}
    first: dict[tuple[str, ...], str] = {}
    for name in sorted(sets, key=lambda name: name != ALL):
        if not sets[name]:
            found[name] = "no feature is left"
        elif sets[name] in first:
            found[name] = f"the same features as {first[sets[name]]}"
        else:
            first[sets[name]] = name
    return found


def evidence_sites(
    profiles: SiteProfiles, min_observed: float, most: int, seed: int
) -> tuple[str, ...]:
    """Sites that the evidence for the proposal rests on: see `site_typology.evidence.collect`."""
    sites = screen(profiles, min_observed).profiles.sites
    drawn = drawn_sites(len(sites), most, derived_seed(seed, "sub-sample"))
    return tuple(sites[at] for at in drawn)


def prepare(source: GridSource, one: Choices) -> Material:
    """Lay out the sites under the choices that are made before they are grouped.

    Raises
    ------
    StudyError
        Too few sites or features are left, or features cannot tell sites apart.
    """
    kept = _screened(source, one.features, one.weights)
    scale = WorkingScale.fit(kept, plain_blocks(kept) if one.link == "plain" else None)
    data = scale.transform(kept)
    profiles = _with_features(source.profiles[one.weights], source.sets[one.features])
    laid = in_order(profiles.select(sites=kept.sites))
    natural = NaturalSites.of_profiles(laid, scale)
    seed = derived_seed(source.seed, f"grid, stream {one.seed}")
    spaces = source.grid.spaces
    if one.missing == "plausible":
        population = fit_population(data)
        draws = source.grid.draws
        return material_of(data, population, draws, seed, spaces=spaces, natural=natural)
    if one.missing == "complete":
        at = _complete(data)
        data, natural = rows_of(data, at), natural.rows(at)
    exact = _exact(data, one.missing)
    _refuse_constant(exact)
    population = fit_population(exact)
    found = spaces_of(spaces, population, exact, exact.values, natural)
    return Material(exact, found, exact.values, exact.values[None], natural)


def measured_data(source: GridSource, one: Choices) -> WorkingData:
    """Sites with their errors and gaps, for the null test."""
    return prepare(source, Choices(one.features, one.link, one.weights, "plausible", one.seed,
                                   one.algorithm, one.space, one.k)).data  # fmt: skip


def _screened(source: GridSource, features: str, weights: Weights) -> SiteProfiles:
    """Sites with enough data on a feature set, without categories, in order of name."""
    profiles = _with_features(source.profiles[weights], source.sets[features])
    return screen(profiles.select(sites=source.sites), source.min_observed).profiles


def _with_features(profiles: SiteProfiles, names: Sequence[str]) -> SiteProfiles:
    """Keep some features."""
    kept = list(names)
    return SiteProfiles(
        profiles.values[kept],
        profiles.standard_errors[kept],
        profiles.counts[kept],
        profiles.reasons[kept],
        [info for info in profiles.features if info.name in kept],
        error_correlation=profiles.error_correlation.loc[kept, kept],
    )


def _complete(data: WorkingData) -> np.ndarray:
    at = np.flatnonzero(data.observed.all(axis=1))
    if len(at) < FEWEST_SITES:
        message = (
            f"{len(at)} of {data.n} sites have every feature; at least {FEWEST_SITES} are needed "
            "to look for types."
        )
        raise StudyError("complete cases", [Problem("sites", message)])
    return at


def _exact(data: WorkingData, missing: Missing) -> WorkingData:
    """One value a cell, taken as exact."""
    values = data.values
    if missing == "conditional":
        values = posterior(fit_population(data), data)[0]
    elif missing == "mean":
        values = np.where(data.observed, values, np.nanmean(values, axis=0))
    return WorkingData(values, np.zeros_like(data.errors), data.sites, data.columns, data.natural)


def _refuse_constant(data: WorkingData) -> None:
    found = Problems("complete cases")
    for name, column in zip(data.columns, data.values.T, strict=True):
        if np.ptp(column) <= 1e-12:
            found.add(name, f"Is the same at all {data.n} sites.")
    found.raise_if_any()


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "none"
