"""Features that did not build the types, compared between types by a test that holds its level."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.describe import is_claimed
from site_typology.shares import placed_members
from site_typology.type_means import between_sites

if TYPE_CHECKING:
    from site_typology.feature_info import FeatureInfo
    from site_typology.profiles import SiteProfiles
    from site_typology.typology import Typology

LEVEL = 0.05
LEAST_SITES = 10
MOST_KINDS = 20
"""Values that a category may have; more are names, such as that of the site."""
COLUMNS = ["feature", "sites", "share", "p_value", "p_holm", "associated", "why_not"]


def compare_evaluation(typology: Typology, seed: int) -> pd.DataFrame:
    """Compare the features in use ``"evaluate"`` between types.

    Features that built the types get no p-value: types were sought where these differ most, so
    that a test would find them different in sites without types too. A feature that had no part in
    it can be tested, as long as its errors are not those of the features that had. Memberships
    enter as probabilities, values with their errors; see
    `site_typology.models.association.association_test`. p-values are adjusted for the number of
    features tested (Holm 1979).

    Parameters
    ----------
    typology : Typology
    seed : int

    Returns
    -------
    DataFrame
        One row a feature, or composition, in use ``"evaluate"``: ``feature``; ``sites`` with a
        type and a value; ``share`` of the variation between sites that lies between types;
        ``p_value``, ``p_holm``; ``associated``, whether the latter is at most `LEVEL`; ``why_not``,
        why there is no p-value, else ``""``. Empty where no typology is claimed.
    """
    if not is_claimed(typology):
        return pd.DataFrame(columns=COLUMNS)
    profiles = typology.profiles
    members = placed_members(typology)
    shares = members[[f"p_{at + 1}" for at in range(typology.model.k)]].to_numpy(dtype=float)
    placed = profiles.select(sites=list(members.index))
    groups: dict[str, list[FeatureInfo]] = {}
    for info in profiles.features:
        if info.use == "evaluate":
            groups.setdefault(info.composition or info.name, []).append(info)
    rows = []
    for name, infos in groups.items():
        known = placed.values[[info.name for info in infos]].notna().all(axis=1).to_numpy()
        why_not = _why_not(placed, infos, known)
        share = p_value = np.nan
        if not why_not:
            from site_typology.models.association import association_test

            values, weights = _values_and_weights(placed, infos, known)
            if np.ptp(values, axis=0).max(initial=0.0) == 0:
                why_not = "It is the same at every site that has a type."
            else:
                found = association_test(values, weights, shares[known], _seed(seed, name))
                share, p_value = found.share, found.p_value
        rows.append((name, int(known.sum()), share, p_value, np.nan, False, why_not))
    return _adjusted(pd.DataFrame(rows, columns=COLUMNS))


def _seed(seed: int, name: str) -> int:
    """Give each feature a stream of its own, whatever other features there are."""
    return int(np.random.SeedSequence([seed, zlib.crc32(name.encode())]).generate_state(1)[0])


def _adjusted(table: pd.DataFrame) -> pd.DataFrame:
    from site_typology.models.association import holm

    adjusted = holm(table["p_value"].to_numpy(dtype=float))
    return table.assign(p_holm=adjusted, associated=adjusted <= LEVEL)


def _why_not(placed: SiteProfiles, infos: list[FeatureInfo], known: np.ndarray) -> str:
    """Say why a feature cannot be tested; empty where it can."""
    if known.sum() < LEAST_SITES:
        return f"Known at {known.sum()} sites with a type; {LEAST_SITES} or more are needed."
    kinds = max(placed.values[info.name][known].nunique() for info in infos)
    if infos[0].kind == "category" and kinds > MOST_KINDS:
        return f"A category of {kinds} values; those of {MOST_KINDS} or fewer are tested."
    shared = [
        build.title
        for build in placed.features
        if build.builds and any(shares_error(placed, info, build) for info in infos)
    ]
    if not shared:
        return ""
    return (
        f"Its errors may be those of features that built the types ({', '.join(shared)}): the same "
        "rows or people stand behind both, so that types could differ in it by error alone."
    )


def shares_error(profiles: SiteProfiles, one: FeatureInfo, other: FeatureInfo) -> bool:
    """Whether two features may err together: correlated errors, or errors from one table.

    Features known exactly have no errors to share.
    """
    if not (_errs(profiles, one) and _errs(profiles, other)):
        return False
    correlated = float(profiles.error_correlation.loc[one.name, other.name]) != 0
    return correlated or bool(_tables(one) & _tables(other))


def _errs(profiles: SiteProfiles, info: FeatureInfo) -> bool:
    if info.kind == "category":
        return bool(info.informant)
    errors = profiles.standard_errors[info.name].to_numpy(dtype=float, na_value=np.nan)
    known = profiles.values[info.name].notna().to_numpy()
    return bool((np.isnan(errors) | (errors > 0))[known].any())


def _tables(info: FeatureInfo) -> set[str]:
    """Tables that a feature was made from, as the source says: ``TABLE: columns; TABLE: ...``."""
    return {part.partition(":")[0].strip() for part in info.source.split(";")} - {""}


def _values_and_weights(
    placed: SiteProfiles, infos: list[FeatureInfo], known: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Columns to test (n, c) with their weights; a category has one for each of its values."""
    values, weights = [], []
    for info in infos:
        column = placed.values[info.name][known]
        if info.kind == "category":
            kinds = column.astype(str).to_numpy()
            for kind in np.unique(kinds):
                values.append((kinds == kind).astype(float))
                weights.append(np.ones(len(kinds)))
            continue
        own = column.to_numpy(dtype=float)
        errors = placed.standard_errors[info.name][known].to_numpy(dtype=float, na_value=np.nan)
        values.append(own)
        weights.append(weights_of(own, errors))
    return np.column_stack(values), np.column_stack(weights)


def weights_of(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Weigh values (n,) by one over their variance about one mean, errors (n,) included.

    All alike where the error of a value is not known, or none has one.

    Examples
    --------
    >>> weights_of(np.array([1.0, 3.0, 2.0]), np.zeros(3)).tolist()
    [1.0, 1.0, 1.0]
    """
    if np.isnan(errors).any() or not (errors > 0).any():
        return np.ones(len(values))
    tau2 = between_sites(values, errors**2, np.zeros(len(values), dtype=int))
    variances = tau2 + errors**2
    # A value known exactly among others must not outweigh them without end.
    return np.asarray(1 / np.maximum(variances, 1e-3 * variances.mean()))
