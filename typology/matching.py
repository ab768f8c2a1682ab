"""Compare the features of new profiles with those that a typology was built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.errors import Problems
from site_typology.feature_info import FeatureInfo
from site_typology.profile_checks import PARTS_SUM_TOLERANCE
from site_typology.profiles import SiteProfiles


@dataclass(frozen=True)
class Added:
    """A feature that profiles are completed by, one entry a profile in each series."""

    info: FeatureInfo
    values: pd.Series
    errors: pd.Series
    counts: pd.Series
    reasons: pd.Series


def match_features(
    features: Sequence[FeatureInfo],
    profiles: SiteProfiles,
    absent: Mapping[str, str],
    error_correlation: pd.DataFrame | None = None,
) -> tuple[SiteProfiles, tuple[str, ...]]:
    """Check that profiles have the features of a typology, and complete those declared absent.

    Parameters
    ----------
    features : sequence of FeatureInfo
        What the typology was built from.
    profiles : SiteProfiles
        Profiles of new sites.
    absent : mapping of str to str
        Features that the profiles lack altogether, each with the reason; they become gaps.
    error_correlation : DataFrame, optional
        Correlation between the errors of features, as the typology was built with it; a few new
        sites cannot tell it. That of the profiles by default.

    Returns
    -------
    SiteProfiles
        The profiles with every feature of the typology. A part of a composition that no new site
        has is 0 where the parts that there are make up the whole.
    tuple of str
        Notes on features that are left unused.

    Raises
    ------
    StudyError
        No site, or features that are missing or are of another kind or unit; lists every one.

    Examples
    --------
    >>> new = SiteProfiles.from_frame(pd.DataFrame({"a": [1.0], "c": [2.0]}, index=["N"]))
    >>> match_features([FeatureInfo("a"), FeatureInfo("b")], new, {})
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: profiles: 1 problem
      features.b  Missing: types were built from it (b, continuous). Add it, or declare it absent.
    """
    found = Problems("profiles")
    profiles = _with_empty_parts(profiles, features)
    if not len(profiles):
        found.add("sites", "No site to assign. Give profiles of one site or more.")
    given = {info.name: info for info in profiles.features}
    known = {info.name: info for info in features}
    for name, reason in absent.items():
        if name not in known:
            found.add(f"features.{name}", "Declared absent, but the typology does not use it.")
        elif name in given:
            found.add(f"features.{name}", "Declared absent, but the profiles have it.")
        elif not reason.strip():
            found.add(f"features.{name}", "Declared absent without a reason. Give one.")
    for name, info in known.items():
        if name in given:
            _compare_feature(info, given[name], found)
        elif name not in absent:
            found.add(
                f"features.{name}",
                f"Missing: types were built from it ({_described(info)}). Add it, or declare it "
                "absent.",
            )
    found.raise_if_any()
    extra = [name for name, info in given.items() if name not in known and info.builds]
    notes = (f"Not used by the typology: {', '.join(extra)}.",) if extra else ()
    if absent:
        profiles = _with_gaps(profiles, features, absent)
    return _with_correlation(profiles, error_correlation), notes


def _compare_feature(expected: FeatureInfo, given: FeatureInfo, found: Problems) -> None:
    for what in ("kind", "composition", "unit"):
        wanted, got = getattr(expected, what), getattr(given, what)
        if wanted != got:
            found.add(
                f"features.{expected.name}",
                f"Other {what}: expected {wanted or 'none'!r}, found {got or 'none'!r}. "
                "Build it as the typology's study did.",
            )


def _described(info: FeatureInfo) -> str:
    return ", ".join(filter(None, (info.title, info.kind, info.unit)))


def _with_empty_parts(profiles: SiteProfiles, features: Sequence[FeatureInfo]) -> SiteProfiles:
    """Add parts of a composition that no profile has, as 0 of a known whole."""
    given = {info.name: info for info in profiles.features}
    added = {}
    for info in features:
        present = [
            name for name, other in given.items() if other.composition == info.composition != ""
        ]
        if info.name in given or not present:
            continue
        whole = profiles.values[present].sum(axis=1, min_count=len(present))
        if not (whole.isna() | ((whole - 1).abs() <= PARTS_SUM_TOLERANCE)).all():
            continue
        zero = whole.mask(whole.notna(), 0.0)
        count, reason = profiles.counts[present[0]], profiles.reasons[present[0]]
        added[info.name] = Added(info, zero, zero, count, reason)
    return _with_features(profiles, added)


def _with_gaps(
    profiles: SiteProfiles, features: Sequence[FeatureInfo], absent: Mapping[str, str]
) -> SiteProfiles:
    index = profiles.values.index
    gap = pd.Series(np.nan, index=index)
    added = {
        info.name: Added(info, gap, gap, gap, pd.Series(absent[info.name], index=index))
        for info in features
        if info.name in absent
    }
    return _with_features(profiles, added)


def _with_features(profiles: SiteProfiles, added: Mapping[str, Added]) -> SiteProfiles:
    if not added:
        return profiles
    every = [*profiles.values.columns, *added]
    correlation = profiles.error_correlation.reindex(index=every, columns=every, fill_value=0.0)
    return SiteProfiles(
        profiles.values.assign(**{name: new.values for name, new in added.items()}),
        profiles.standard_errors.assign(**{name: new.errors for name, new in added.items()}),
        profiles.counts.assign(**{name: new.counts for name, new in added.items()}),
        profiles.reasons.assign(**{name: new.reasons for name, new in added.items()}),
        (*profiles.features, *(new.info for new in added.values())),
        profiles.ledger,
        correlation.mask(np.eye(len(every), dtype=bool), 1.0),
        profiles.response,
    )


def _with_correlation(profiles: SiteProfiles, known: pd.DataFrame | None) -> SiteProfiles:
    if known is None:
        return profiles
    names = list(profiles.values.columns)
    correlation = known.reindex(index=names, columns=names, fill_value=0.0)
    return SiteProfiles(
        profiles.values,
        profiles.standard_errors,
        profiles.counts,
        profiles.reasons,
        profiles.features,
        profiles.ledger,
        correlation.mask(np.eye(len(names), dtype=bool), 1.0),
        profiles.response,
    )
