"""What is said of parts of a composition that are exactly 0, for which a log does not exist."""

from __future__ import annotations

import dataclasses

import pandas as pd

from site_typology.feature_info import FeatureInfo


def zeros_said(info: FeatureInfo, values: pd.Series) -> FeatureInfo:
    """Say at how many sites a part of a composition is exactly 0, and what stands in for it.

    Parameters
    ----------
    info : FeatureInfo
    values : Series
        Its values in the typology's round.

    Returns
    -------
    FeatureInfo
        With the figure ``zeros`` and a sentence in its definition; as it was where there is no 0.

    Examples
    --------
    >>> part = FeatureInfo("mix.a", "composition", composition="mix", definition="Share.")
    >>> zeros_said(part, pd.Series([0.0, 0.2, None])).definition
    'Share. Exactly 0 at 1 of 2 sites; for log-ratios a small amount is added to every part.'
    """
    known = values.dropna()
    zeros = int((known == 0).sum()) if info.composition else 0
    if not zeros:
        return info
    said = (
        f"Exactly 0 at {zeros} of {len(known)} sites; for log-ratios a small amount is added to "
        "every part."
    )
    figures = {**info.measurement, "zeros": float(zeros)}
    return dataclasses.replace(
        info, definition=f"{info.definition} {said}".strip(), measurement=figures
    )
