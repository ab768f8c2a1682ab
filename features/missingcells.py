"""Cells without a value: why, and whether asking again could fill them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.features.ledger import rows_left_out
from site_typology.features.returns import source_table
from site_typology.profile_checks import INDEX
from site_typology.profiles import SiteProfiles

ASK_AGAIN, ASK_ANOTHER, ASK_FIRST, NOTHING = (
    "ask again",
    "ask someone else",
    "ask, or check the link",
    "nothing to chase",
)

REMEDIES: Mapping[str, str] = MappingProxyType(
    {
        "not answered": ASK_AGAIN,
        "skipped": ASK_AGAIN,
        "don't know": ASK_ANOTHER,
        "refused": ASK_ANOTHER,
        "not asked": ASK_FIRST,
        "not applicable": NOTHING,
        "routed": NOTHING,
        "suppressed": NOTHING,
        "unavailable": NOTHING,
        "structurally absent": NOTHING,
        "low reliability": NOTHING,
        "rounds to zero": NOTHING,
    }
)
"""What could fill a cell that is missing for a reason.

A site is "not asked" where no row of the table is its own, which a broken link brings about too.
"""

CELL_COLUMNS = ["feature", "use", "round", "site", "reason", "remedy"]


def missing_cells(profiles: SiteProfiles) -> pd.DataFrame:
    """List every cell without a value.

    Parameters
    ----------
    profiles : SiteProfiles

    Returns
    -------
    DataFrame
        Columns `CELL_COLUMNS`, one row a cell. Where the study leaves out all rows that a site
        has of the feature's table there is nothing to chase, whatever the reason.

    Examples
    --------
    >>> frame = pd.DataFrame({"wsa": [2.1, None]}, index=["A", "B"])
    >>> missing_cells(SiteProfiles.from_frame(frame))[["site", "remedy"]].values.tolist()
    [['B', 'ask again']]
    """
    if not profiles.features or not len(profiles):
        return pd.DataFrame(columns=CELL_COLUMNS, dtype="str")
    parts = []
    for info in profiles.features:
        reasons = profiles.reasons[info.name]
        own = reasons[reasons != ""].rename("reason").reset_index()
        parts.append(own.assign(feature=info.name, use=info.use))
    cells = pd.concat(parts, ignore_index=True)
    cells["remedy"] = [REMEDIES.get(reason, NOTHING) for reason in cells["reason"]]
    cells.loc[_left_out(cells, profiles), "remedy"] = NOTHING
    return cells[CELL_COLUMNS]


def _left_out(cells: pd.DataFrame, profiles: SiteProfiles) -> list[bool]:
    """Whether a cell is empty because the study leaves out its table's rows at the site."""
    aside = set(rows_left_out(profiles.ledger).index)
    tables = sorted({table for table, _, _ in aside})
    sources = {info.name: source_table(info.source, tables) for info in profiles.features}
    return [
        any((sources[cell.feature], cell.site, each) in aside for each in (cell.round, ONE_ROUND))
        for cell in cells.itertuples()
    ]


def missing_by(cells: pd.DataFrame, by: str) -> pd.DataFrame:
    """Count missing cells by feature or by site, and by reason.

    Parameters
    ----------
    cells : DataFrame
        From `missing_cells`.
    by : {"feature", "site"}

    Returns
    -------
    DataFrame
        Columns `by`, ``cells``, ``to_chase`` (cells that asking could fill) and ``reasons``, a
        mapping of reason to count; most missing first.

    Examples
    --------
    >>> frame = pd.DataFrame({"wsa": [2.1, None], "need": [None, None]}, index=["A", "B"])
    >>> missing_by(missing_cells(SiteProfiles.from_frame(frame.astype(float))), "site")["cells"]
    0    2
    1    1
    Name: cells, dtype: int64
    """
    if by not in (*INDEX, "feature"):
        raise ValueError(f"Expected 'feature', 'site' or 'round'; found {by!r}.")
    records = [
        {
            by: str(name),
            "cells": len(own),
            "to_chase": int((own["remedy"] != NOTHING).sum()),
            "reasons": {str(reason): int(n) for reason, n in own["reason"].value_counts().items()},
        }
        for name, own in cells.groupby(by, sort=False)
    ]
    frame = pd.DataFrame(records, columns=[by, "cells", "to_chase", "reasons"])
    frame = frame.astype({by: "str", "cells": int, "to_chase": int})
    return frame.sort_values("cells", ascending=False, kind="stable").reset_index(drop=True)
