"""How well each feature tells sites apart, and how many more informants would be enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo
from site_typology.features.returns import source_table
from site_typology.profiles import SiteProfiles

TARGET = 0.7
"""Reliability that is usually asked of figures that groups are described by (Nunnally 1978)."""
POOR = 0.5
"""Below it, half of what sets sites apart is noise."""
FEWEST_SITES = 3

MEASURED, EXACT, UNKNOWN, CATEGORY = "measured", "exact", "error not known", "category"


def feature_precision(profiles: SiteProfiles, response: pd.DataFrame) -> pd.DataFrame:
    """Say for each feature how much of what sets sites apart is signal.

    Reliability is the share of the variance between sites that is not error, 1 - mean(SE²) /
    var(values). Its interval takes the errors as known: (J - 1) times the variance over its true
    value is chi-square with J - 1 degrees of freedom (McGraw & Wong 1996, table 7, ICC(k) of
    case 1, with many informants). `needed` turns the formula of Spearman (1910) and Brown (1910)
    round: n R*(1 - R) / (R (1 - R*)) informants a site for R* = .7, n being the harmonic mean of
    those there are. It leaves the finite population out and so asks for rather too many.

    Parameters
    ----------
    profiles : SiteProfiles
        Of one round.
    response : DataFrame
        From `site_typology.features.returns.response_map`.

    Returns
    -------
    DataFrame
        ``feature, title, use, family, table, error, sites, n, reliability, low, high, needed``
        and ``measurement`` (a mapping). `table` is the table of the response that the feature
        comes from, `error` one of ``measured``, ``exact``, ``error not known``, ``category``,
        `n` the harmonic mean number of informants a site, NaN where no informants stand behind it.

    Examples
    --------
    >>> values = pd.DataFrame({"wsa": [1.0, 2.0, 3.0]}, index=["A", "B", "C"])
    >>> profiles = SiteProfiles.from_frame(values, values * 0 + 0.5)
    >>> from site_typology.features.returns import response_map
    >>> feature_precision(profiles, response_map(profiles.response))["reliability"].tolist()
    [0.75]
    """
    tables = [str(name) for name in response["table"].unique()]
    records = [_precision(profiles, info, tables) for info in profiles.features]
    columns = [
        "feature", "title", "use", "family", "table", "error", "sites", "n", "reliability", "low",
        "high", "needed", "measurement",
    ]  # fmt: skip
    return pd.DataFrame(records, columns=columns)


def _precision(profiles: SiteProfiles, info: FeatureInfo, tables: list[str]) -> dict[str, Any]:
    table = source_table(info.source, tables)
    record: dict[str, Any] = {
        "feature": info.name,
        "title": info.title,
        "use": info.use,
        "family": info.family,
        "table": table,
        "error": CATEGORY,
        "sites": int(profiles.values[info.name].notna().sum()),
        "n": np.nan,
        "reliability": np.nan,
        "low": np.nan,
        "high": np.nan,
        "needed": np.nan,
        "measurement": dict(info.measurement),
    }
    if info.kind == "category":
        return record
    values = profiles.values[info.name].to_numpy(dtype=float)
    there = ~np.isnan(values)
    if has_informants(info, tables):
        record["n"] = _usual_count(profiles.counts[info.name].to_numpy(dtype=float)[there])
    errors = profiles.standard_errors[info.name].to_numpy(dtype=float)[there]
    if np.isnan(errors).any():
        return {**record, "error": UNKNOWN}
    if not (errors > 0).any():
        return {**record, "error": EXACT}
    record["error"] = MEASURED
    raw = signal_share(values[there], errors)
    enough = there.sum() >= FEWEST_SITES
    # Values that are all alike show no signal, but nothing can be said of its interval.
    record["reliability"] = max(0.0, np.nan_to_num(raw)) if enough else np.nan
    record["low"], record["high"] = reliability_interval(raw, int(there.sum()))
    record["needed"] = informants_needed(record["reliability"], record["n"])
    return record


def _usual_count(counts: np.ndarray) -> float:
    """Harmonic mean of the numbers above 0; NaN where there is none."""
    counts = counts[counts > 0]
    return len(counts) / float((1 / counts).sum()) if len(counts) else float("nan")


def has_informants(info: FeatureInfo, tables: list[str]) -> bool:
    """Whether informants stand behind a feature, of whom there could be more."""
    surveyed = "informants_per_site" in info.measurement
    return info.kind != "category" and (surveyed or bool(source_table(info.source, tables)))


def signal_share(values: np.ndarray, errors: np.ndarray) -> float:
    """1 - mean(SE²) / var(values), not floored; NaN with fewer than three sites or no variance."""
    spread = float(values.var(ddof=1)) if len(values) >= FEWEST_SITES else 0.0
    return 1 - float(np.mean(errors**2)) / spread if spread > 0 else float("nan")


def reliability_interval(raw: float, sites: int, level: float = 0.95) -> tuple[float, float]:
    """Interval of a reliability found at `sites` sites; see `feature_precision`.

    Examples
    --------
    >>> [round(end, 2) for end in reliability_interval(0.5, 25)]
    [0.18, 0.74]
    """
    from scipy.stats import chi2

    if np.isnan(raw):
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    freedom = sites - 1
    ratios = chi2.ppf([1 - tail, tail], freedom) / freedom
    low, high = (float(min(1.0, max(0.0, 1 - (1 - raw) * ratio))) for ratio in ratios)
    return low, high


def informants_needed(reliability: float, n: float, target: float = TARGET) -> float:
    """Informants a site for a reliability of `target`, from `n` that give `reliability`.

    Source: Spearman (1910) and Brown (1910), the prophecy formula, solved for the length.

    Examples
    --------
    >>> informants_needed(0.5, 6), informants_needed(0.8, 6), informants_needed(0.0, 6)
    (14.0, 6.0, nan)
    """
    if not reliability > 0 or np.isnan(n):
        return float("nan")
    if reliability >= target:
        return float(n)
    factor = target * (1 - reliability) / (reliability * (1 - target))
    return float(np.ceil(n * factor - 1e-9))


def thin_cells(profiles: SiteProfiles, tables: list[str], minimum: int) -> pd.DataFrame:
    """List values that rest on fewer than `minimum` informants.

    Parameters
    ----------
    profiles : SiteProfiles
        Of one round.
    tables : list of str
        Tables of informants, as the response names them.
    minimum : int

    Returns
    -------
    DataFrame
        ``feature, title, use, site, n``, fewest first; `n` counts informants and may be a
        fraction where counts were rebuilt or weighted.
    """
    parts = [
        pd.DataFrame(
            {
                "feature": info.name,
                "title": info.title,
                "use": info.use,
                "site": profiles.values.index.get_level_values("site"),
                "n": profiles.counts[info.name].to_numpy(dtype=float),
            }
        )[(profiles.values[info.name].notna() & (profiles.counts[info.name] < minimum)).to_numpy()]
        for info in profiles.features
        if has_informants(info, tables)
    ]
    if not parts:
        return pd.DataFrame(columns=["feature", "title", "use", "site", "n"])
    thin = pd.concat(parts, ignore_index=True)
    return thin.sort_values("n", kind="stable").reset_index(drop=True)
