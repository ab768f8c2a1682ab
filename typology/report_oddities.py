"""Parts of the quality report about features: doubles, values far out, changes between rounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd

from site_typology.feature_info import FeatureInfo
from site_typology.features.assessment import Assessment
from site_typology.features.redundancy import IDENTICAL
from site_typology.features.roundchanges import SAME_IN_BOTH
from site_typology.report_words import USES, Unit, count_of, figure

MOST_SITES, MOST_ROWS, MOST_TAIL = 60, 25, 3

Units = dict[str, tuple[Unit, FeatureInfo]]
"""How the values of each feature are written, and what it is."""


def feature_units(assessment: Assessment) -> Units:
    """Choose how the values of each feature that is no category are written."""
    return {
        info.name: (Unit.of(info, assessment.profiles.values[info.name]), info)
        for info in assessment.profiles.features
        if info.kind != "category"
    }


def same_rows(assessment: Assessment) -> dict[str, Any]:
    """Pairs of features that say the same thing."""
    rows = [
        {
            "title": row.title,
            "other": row.other_title,
            "why": row.why,
            "correlation": _two(row.correlation),
            "corrected": _two(row.corrected),
            "interval": _interval(row.low, row.high, exact=row.why == IDENTICAL),
            "use": "both build types" if row.both_build else "not both build types",
            "act": bool(row.both_build),
        }
        for row in assessment.same.head(MOST_ROWS).itertuples()
    ]
    return {"rows": rows, "left_out": len(assessment.same) - len(rows)}


def extreme_rows(assessment: Assessment, units: Units) -> dict[str, Any]:
    """Values far out, with their rows; features with a long tail by themselves."""
    extremes = assessment.extremes
    tail = extremes["tail"].astype(bool)
    single = extremes[~tail]
    single = single.iloc[np.argsort((single["use"] != "build").to_numpy(), kind="stable")]
    rows = [_extreme(row, assessment, units) for row in single.head(MOST_ROWS).itertuples()]
    tails = [
        {
            "title": str(own["title"].iloc[0]),
            "sites": count_of(len(own), "site"),
            "furthest": ", ".join(
                f"{row.site} ({units[str(feature)][0].write(row.value)})"
                for row in own.head(MOST_TAIL).itertuples()
            ),
            "usual": _usual(next(own.itertuples()), units[str(feature)][0]),
        }
        for feature, own in extremes[tail].groupby("feature", sort=False)
    ]
    return {"rows": rows, "left_out": len(single) - len(rows), "tails": tails}


def _usual(row: Any, unit: Unit) -> str:
    return f"{unit.write(row.median)} ({unit.write(row.low)} to {unit.write(row.high)})"


def _extreme(row: Any, assessment: Assessment, units: Units) -> dict[str, Any]:
    unit, info = units[row.feature]
    behind = assessment.rows[
        (assessment.rows["feature"] == row.feature) & (assessment.rows["site"] == row.site)
    ]
    return {
        "site": str(row.site),
        "title": row.title,
        "unit": info.unit,
        "value": unit.write(row.value),
        "usual": _usual(row, unit),
        "n": "" if math.isnan(row.n) else figure(round(row.n, 1)),
        "z": f"{abs(row.z):.1f}",
        "side": "above" if row.z > 0 else "below",
        "rows": [
            _row_words(str(table), str(column), own, unit)
            for (table, column), own in behind.groupby(["table", "column"], sort=False)
        ],
    }


def _row_words(table: str, column: str, own: pd.DataFrame, unit: Unit) -> str:
    """Rows of one table behind a value, as ``staff, rows 4 (1.2), 9 (1.0) and 3 more``."""
    total = int(own["rows"].iloc[0])
    write = figure if column or unit.percent else unit.write
    shown = [
        f"{row.row:,}" + ("" if math.isnan(row.value) else f" ({write(row.value)})")
        for row in own.itertuples()
    ]
    more = f" and {total - len(shown):,} more" if total > len(shown) else ""
    without = float(own["without"].iloc[0])
    rest = "" if math.isnan(without) else f"; without the first {unit.write(without)}"
    place = f"{table}, {column}" if column else table
    return f"{place}, row{'s' if total > 1 else ''} {', '.join(shown)}{more}{rest}"


def change_rows(assessment: Assessment, units: Units) -> dict[str, Any]:
    """Changes of sites, features that build types first, and of features."""
    changes = assessment.changes
    flagged = changes[changes["flag"] != ""]
    order = np.lexsort((-flagged["z"].abs().to_numpy(dtype=float), flagged["use"] != "build"))
    flagged = flagged.iloc[order]
    rows = [
        {
            "site": str(row.site),
            "title": row.title,
            "use": USES[row.use],
            "rounds": f"{row.earlier} to {row.later}",
            "before": units[row.feature][0].write(row.before),
            "after": units[row.feature][0].write(row.after),
            "change": _signed(units[row.feature][0], row.change),
            "error": "none"
            if row.standard_error == 0
            else _points(units[row.feature][0], row.standard_error),
            "flag": row.flag,
        }
        for row in flagged.head(MOST_ROWS).itertuples()
    ]
    features = assessment.feature_changes
    features = features.iloc[np.argsort((features["use"] != "build").to_numpy(), kind="stable")]
    still = (features["note"] == SAME_IN_BOTH).groupby(features["feature"]).transform("all")
    return {
        "rows": rows,
        "left_out": len(flagged) - len(rows),
        "features": [_feature_change(row, units) for row in features[~still].itertuples()],
        "still": list(dict.fromkeys(features.loc[still, "title"].map(str))),
        "moved": [
            {"site": str(row.site), "rounds": f"{row.earlier} to {row.later}", "moved": row.moved}
            for row in assessment.moved.head(MOST_SITES).itertuples()
        ],
        "rounds": len(assessment.profiles.rounds),
    }


def _feature_change(row: Any, units: Units) -> dict[str, Any]:
    mean = interval = ""
    if not row.note and row.feature in units:
        unit = units[row.feature][0]
        mean = _signed(unit, row.mean_change)
        if not math.isnan(row.low):
            ends = (_signed(unit, end).removesuffix(" points") for end in (row.low, row.high))
            interval = " to ".join(end.removesuffix(" point") for end in ends)
    return {
        "title": row.title,
        "use": USES[row.use],
        "rounds": f"{row.earlier} to {row.later}",
        "sites": str(row.sites) if not row.note else "",
        "mean": mean or row.note,
        "interval": interval,
        "leaves_zero": bool(interval) and (row.low > 0 or row.high < 0),
        "flagged": str(row.flagged) if not row.note else "",
        "came": str(row.came),
        "went": str(row.went),
    }


def _signed(unit: Unit, value: float) -> str:
    """Write a change with its sign.

    Examples
    --------
    >>> _signed(Unit(False, 1), 0.5), _signed(Unit(False, 1), -0.5), _signed(Unit(False, 1), 0.0)
    ('+0.5', '−0.5', '0.0')
    >>> _signed(Unit(True, 0), 0.1)
    '+10 points'
    """
    text = _points(unit, value)
    return f"+{text}" if value > 0 and any(digit in text for digit in "123456789") else text


def _points(unit: Unit, value: float) -> str:
    """Write a difference; 10 % more of 30 % is 33 %, so that of percentages is in points.

    Examples
    --------
    >>> _points(Unit(True, 0), 0.02), _points(Unit(True, 0), -0.01)
    ('2 points', '−1 point')
    """
    text = unit.write(value)
    return text.replace("%", " point" if text in ("1%", "−1%") else " points")


def _interval(low: float, high: float, *, exact: bool) -> str:
    """Write the interval of a corrected correlation, which was held between -1 and 1.

    Examples
    --------
    >>> _interval(-1.0, -0.9, exact=False), _interval(1.0, 1.0, exact=True)
    ('−1.00 to −0.90', 'exact')
    >>> _interval(-1.0, -1.0, exact=False)
    'all past −1: the errors may be stated too large'
    """
    if math.isnan(low):
        return ""
    if exact:
        return "exact"
    if low == high:
        return f"all past {low:.0f}: the errors may be stated too large".replace("-", "−")
    return f"{_two(low)} to {_two(high)}"


def _two(value: float) -> str:
    """Write a correlation.

    Examples
    --------
    >>> _two(-1.0), _two(0.9), _two(math.nan)
    ('−1.00', '0.90', '')
    """
    if math.isnan(value):
        return ""
    return f"{value:.2f}".replace("-", "−")
