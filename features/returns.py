"""Who answered: the response of each site to each table, and the sites that sent nothing back."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.features.ledger import rows_left_out

MAP_COLUMNS = ["table", "round", "site", "eligible", "responded", "rate", "left", "left_out"]


def response_map(response: pd.DataFrame, ledger: pd.DataFrame | None = None) -> pd.DataFrame:
    """Response of each site to each table in each round.

    Parameters
    ----------
    response : DataFrame
        ``table, site, round, eligible, responded``, as profiles and tables carry it.
    ledger : DataFrame, optional
        Says which rows the study leaves out on purpose.

    Returns
    -------
    DataFrame
        Columns `MAP_COLUMNS`. `rate` is a share, NaN where nobody was asked or the number is not
        known; `left` counts those asked who have not answered, NaN where it is not known;
        `left_out` counts the rows that `where` leaves out at a site of which no row is used.
        They have answered, or were never to, so they are not left to ask.

    Examples
    --------
    >>> asked = pd.DataFrame({"table": "staff", "site": ["A", "B"], "round": "all",
    ...                       "eligible": [4.0, None], "responded": [1, 2]})
    >>> response_map(asked)[["rate", "left"]].values.tolist()
    [[0.25, 3.0], [nan, nan]]
    """
    frame = response.copy()
    asked = frame["eligible"].astype(float)
    frame["eligible"] = asked
    frame["responded"] = frame["responded"].astype(float)
    frame["rate"] = frame["responded"] / asked.mask(asked == 0)
    frame["left_out"] = 0
    if ledger is not None and len(frame):
        aside = rows_left_out(ledger)
        keys = pd.MultiIndex.from_frame(frame[list(aside.index.names)])
        frame["left_out"] = aside.reindex(keys, fill_value=0).to_numpy()
    frame["left"] = (asked - frame["responded"] - frame["left_out"]).clip(lower=0)
    return frame[MAP_COLUMNS].reset_index(drop=True)


def left_out(response: pd.DataFrame) -> pd.Series:
    """Whether the study leaves out all that is there of a table at a site, and nobody is left.

    Parameters
    ----------
    response : DataFrame
        From `response_map`.
    """
    return (response["left_out"] > 0) & ~(response["left"] > 0)


def in_round(response: pd.DataFrame, round_: str) -> pd.DataFrame:
    """Rows of one round, with those of tables that stand for every round."""
    return response[response["round"].isin([round_, ONE_ROUND])]


def silent_sites(response: pd.DataFrame, round_: str) -> list[str]:
    """Sites from which no table has a single return in a round.

    Parameters
    ----------
    response : DataFrame
        From `response_map`. A table that asked nobody at a site, or of which the study leaves out
        all that is there, does not count against it.
    round_ : str

    Returns
    -------
    list of str
        In the order of the response.

    Examples
    --------
    >>> asked = pd.DataFrame({"table": ["staff", "staff", "heads"], "site": ["A", "B", "B"],
    ...                       "round": "all", "eligible": [4.0, 3, 1], "responded": [1, 0, 0]})
    >>> silent_sites(response_map(asked), "all")
    ['B']
    """
    own = in_round(response, round_)
    own = own[~left_out(own)]
    asked = own[own["eligible"].isna() | (own["eligible"] > 0)]
    # A site where the number of returns is not known may well have sent some.
    returns = asked.groupby("site", sort=False)["responded"].sum(skipna=False)
    return [str(site) for site in returns.index[returns == 0]]


def source_table(source: str, tables: Sequence[str]) -> str:
    """Table that the source of a feature names first; ``""`` where it is none of `tables`.

    Examples
    --------
    >>> source_table("staff: q1, q2", ["staff", "staff: leavers"]), source_table("roll: n", [])
    ('staff', '')
    """
    fitting = [name for name in tables if source.startswith(f"{name}: ")]
    return max(fitting, key=len, default="")
