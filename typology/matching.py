"""Compare the features of new profiles with those that a typology was built from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from site_typology.errors import Problems
from site_typology.feature_info import FeatureInfo
from site_typology.profiles import SiteProfiles


def match_features(
    features: Sequence[FeatureInfo], profiles: SiteProfiles, absent: Mapping[str, str]
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

    Returns
    -------
    SiteProfiles
        The profiles with every feature of the typology.
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
    extra = [name for name, info in given.items() if name not in known and info.use == "build"]
    notes = (f"Not used by the typology: {', '.join(extra)}.",) if extra else ()
    return (_with_gaps(profiles, features, absent) if absent else profiles), notes


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


def _with_gaps(
    profiles: SiteProfiles, features: Sequence[FeatureInfo], absent: Mapping[str, str]
) -> SiteProfiles:
    added = [info for info in features if info.name in absent]
    names = [info.name for info in added]
    index = profiles.values.index
    gaps = pd.DataFrame(np.nan, index=index, columns=names)
    reasons = pd.DataFrame({name: [absent[name]] * len(index) for name in names}, index=index)
    every = [*profiles.values.columns, *names]
    correlation = profiles.error_correlation.reindex(index=every, columns=every, fill_value=0.0)
    correlation = correlation.mask(np.eye(len(every), dtype=bool), 1.0)
    return SiteProfiles(
        pd.concat([profiles.values, gaps], axis=1),
        pd.concat([profiles.standard_errors, gaps], axis=1),
        pd.concat([profiles.counts, gaps], axis=1),
        pd.concat([profiles.reasons, reasons], axis=1),
        (*profiles.features, *added),
        profiles.ledger,
        correlation,
        profiles.response,
    )
