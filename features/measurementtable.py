"""The measurement table of a study: what is known of how well each feature was measured."""

from __future__ import annotations

import numpy as np
import pandas as pd

from site_typology.profiles import SiteProfiles

FIGURES = (
    "informants_per_site", "response_rate", "alpha", "omega", "lowest_item_rest", "icc1", "icc2",
    "rwg_median", "rwg_agreeing", "ad_median", "reliability",
)  # fmt: skip
"""Figures of `FeatureInfo.measurement` that the table shows, in order."""
MEASUREMENT_COLUMNS = ["feature", "title", "use", "kind", "sites", "n", *FIGURES, "flags"]


def measurement_table(profiles: SiteProfiles, round_: str | None = None) -> pd.DataFrame:
    """Show how well each feature was measured, one row a feature.

    Parameters
    ----------
    profiles : SiteProfiles
        Built from a study; its measurement is that of the typology's round.
    round_ : str, optional
        Round that `sites` and `n` are counted in; the last by default.

    Returns
    -------
    DataFrame
        Columns `MEASUREMENT_COLUMNS`: ``sites`` with a value and ``n``, the number of informants
        (or whatever else is behind the values) over all of them; `FIGURES`, NaN where they do not
        apply; ``flags``, what should be looked at, in sentences.

    Examples
    --------
    >>> values = pd.DataFrame({"wsa": [1.0, 2.0, None]}, index=["A", "B", "C"])
    >>> table = measurement_table(SiteProfiles.from_frame(values))
    >>> table[["feature", "sites", "flags"]].values.tolist()
    [['wsa', 2, '']]
    """
    shown = profiles.select(round=round_ if round_ is not None else profiles.rounds[-1])
    records = []
    for info in profiles.features:
        counts = shown.counts[info.name].to_numpy(dtype=float, na_value=np.nan)
        behind = counts[~np.isnan(counts)]
        records.append(
            {
                "feature": info.name,
                "title": info.title,
                "use": info.use,
                "kind": info.kind,
                "sites": int(shown.values[info.name].notna().sum()),
                "n": float(behind.sum()) if len(behind) else np.nan,
                **{name: float(info.measurement.get(name, np.nan)) for name in FIGURES},
                "flags": " ".join(info.flags),
            }
        )
    return pd.DataFrame(records, columns=MEASUREMENT_COLUMNS)
