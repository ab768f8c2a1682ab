"""Site values beside their intervals and the partially pooled values, in long form."""

from __future__ import annotations

import pandas as pd

from site_typology.intervals import LEVEL
from site_typology.pooling import pooled_interval
from site_typology.profiles import LONG_COLUMNS, SiteProfiles

ESTIMATE_COLUMNS = [
    *LONG_COLUMNS, "low", "high", "pooled", "pooled_se", "pooled_low", "pooled_high",
]  # fmt: skip


def site_estimates(profiles: SiteProfiles, level: float = LEVEL) -> pd.DataFrame:
    """Put intervals and partially pooled values beside the values of every site.

    Parameters
    ----------
    profiles : SiteProfiles
    level : float
        Of the intervals.

    Returns
    -------
    DataFrame
        Columns `ESTIMATE_COLUMNS`, one row a site, round and feature: those of
        `SiteProfiles.to_long`, the limits of each value (`site_typology.intervals`), and the value
        drawn to the mean of all sites with its error and limits (`site_typology.pooling`). NaN
        where there is nothing to say; the raw value is never replaced.

    Examples
    --------
    >>> values = pd.DataFrame({"wsa": [1.0, 3.0, 5.0]}, index=["A", "B", "C"])
    >>> profiles = SiteProfiles.from_frame(values, values * 0 + 1.0)
    >>> site_estimates(profiles).set_index("site").loc["A", ["value", "low", "pooled"]].round(2)
    value     1.00
    low      -0.96
    pooled    1.50
    Name: A, dtype: float64
    """
    low, high = profiles.intervals(level)
    pooled, errors = profiles.pooled()
    parts = []
    for info in profiles.features:
        name = info.name
        numeric = info.kind != "category"
        raw = profiles.values[name].astype(float) if numeric else low[name]
        limits = pooled_interval(
            info, pooled[name].to_numpy(), errors[name].to_numpy(), raw.to_numpy(), level
        )
        columns = (low[name], high[name], pooled[name], errors[name], *limits)
        content = dict(zip(ESTIMATE_COLUMNS[len(LONG_COLUMNS) :], columns, strict=True))
        parts.append(pd.DataFrame(content, index=profiles.values.index))
    beside = pd.concat(parts, ignore_index=True)
    return pd.concat([profiles.to_long(), beside], axis=1)
