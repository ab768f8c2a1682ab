"""What a study should know of a scale before it averages it: consistency, keys and agreement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import narwhals as nw
import numpy as np
import pandas as pd

from site_typology.declaration import Condition, ScaleDeclaration
from site_typology.features.agreement import (
    ANSWER,
    COUNT,
    ITEM,
    agreement_figures,
    spread_of,
    uniform_variance,
)
from site_typology.features.engines import grouped
from site_typology.features.itemsums import item_sums
from site_typology.features.itemtable import item_table
from site_typology.features.measurement import known
from site_typology.features.scalestats import FEWEST_ROWS, alpha_of, omega_of
from site_typology.features.selection import lazy_rows
from site_typology.features.tables import ROUND, SITE, Table


@dataclass(frozen=True)
class ScaleFigures:
    """How a scale measures.

    Parameters
    ----------
    figures : mapping of str to float
        Those known of ``alpha``, ``omega``, ``lowest_item_rest``, ``flagged_items``,
        ``rwg_median``, ``rwg_agreeing`` and ``ad_median``.
    flags : tuple of str
        A sentence for each item that runs against the others or has little in common with them.
    items : DataFrame
        From `site_typology.features.itemtable.item_table`.
    """

    figures: Mapping[str, float]
    flags: tuple[str, ...]
    items: pd.DataFrame


def scale_figures(
    table: Table,
    scale: ScaleDeclaration,
    where: Sequence[Condition],
    keyed: Mapping[str, nw.Expr],
    round_: str,
) -> ScaleFigures:
    """Measure a scale by small queries, whatever the engine and the number of informants.

    Alpha, omega and item-rest correlations are over all informants (and rounds) who answered
    every item; agreement within sites is over all answers of one round, unweighted, against
    random answers.

    Parameters
    ----------
    keyed : mapping of str to narwhals.Expr
        Items with reverse keys turned.
    round_ : str
        Round of the typology.
    """
    key = ("scale figures", scale.model_dump_json(), *(each.model_dump_json() for each in where))
    if (remembered := table.recall(key)) is None:
        remembered = _scale_figures(table, scale, where, keyed, round_)
        table.remember(key, remembered)
    found: ScaleFigures = remembered
    return found


def _scale_figures(
    table: Table,
    scale: ScaleDeclaration,
    where: Sequence[Condition],
    keyed: Mapping[str, nw.Expr],
    round_: str,
) -> ScaleFigures:
    rows = lazy_rows(table, where, keyed)
    found = item_sums(rows, scale.items).overall
    items = item_table(found, scale.reverse)
    flags = tuple(dict.fromkeys(flag for flag in items["flag"] if flag))
    figures: dict[str, float] = {"flagged_items": float((items["flag"] != "").sum())}
    if found.rows >= FEWEST_ROWS:
        figures["alpha"] = alpha_of(found.covariance)
        figures["omega"] = omega_of(found.covariance)
        rest = items["item_rest"].to_numpy()
        if np.isfinite(rest).any():
            figures["lowest_item_rest"] = float(np.nanmin(rest))
    counts = answer_counts(table, scale, where, keyed)
    if len(counts):
        whole = np.equal(np.mod(counts[ANSWER], 1), 0).all()
        null = uniform_variance(*scale.range, steps=bool(whole))
        figures |= agreement_figures(spread_of(counts, scale.items), round_, null)
    return ScaleFigures(known(figures), flags, items)


def answer_counts(
    table: Table,
    scale: ScaleDeclaration,
    where: Sequence[Condition],
    keyed: Mapping[str, nw.Expr],
) -> pd.DataFrame:
    """Count how many informants of a site gave each answer to each item.

    Returns
    -------
    DataFrame
        Columns ``site, round, item, answer, n``, sorted, as
        `site_typology.features.agreement.spread_of` takes it.
    """
    parts = [
        lazy_rows(table, where, {ANSWER: keyed[item].cast(nw.Float64), ITEM: nw.lit(at)}).select(
            SITE, ROUND, ITEM, ANSWER
        )
        for at, item in enumerate(scale.items)
    ]
    by = [SITE, ROUND, ITEM, ANSWER]
    there = nw.concat(parts, how="vertical").filter(~nw.col(ANSWER).is_null())
    counts = grouped(there, by, [nw.len().alias(COUNT)])
    counts[ITEM] = np.array(scale.items, dtype=object)[counts[ITEM].to_numpy(dtype=int)]
    return counts.rename(columns={SITE: "site", ROUND: "round"})
