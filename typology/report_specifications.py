"""The part of the report on other reasonable choices: which were tried, and what they change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from site_typology.figures_specifications import TITLES, level_words
from site_typology.grid_runs import in_words
from site_typology.report_words import figure

if TYPE_CHECKING:
    from site_typology.specification_curve import SpecificationCurve

MOST_SITES = 40


def specification_content(curve: SpecificationCurve | None) -> dict[str, Any] | None:
    """Say everything that the report shows of the specification curve; None where there is none.

    Parameters
    ----------
    curve : SpecificationCurve or None

    Returns
    -------
    dict or None
        ``words`` (sentences), ``choices`` (share explained), ``levels``, ``sites`` (those whose
        companions change most first), ``more_sites``, ``left_out`` and ``unfitted``.
    """
    if curve is None or curve.agreement.empty:
        return None
    sites = curve.sites.sort_values("kept", kind="stable", na_position="last")
    unfitted = curve.table[curve.table["agreement"].isna()]
    return {
        "claimed": curve.claimed,
        "words": _words(curve),
        "choices": [
            {
                "choice": TITLES[choice],
                "explained": _percent(share),
                "at_k": _percent(curve.explained_at_k.get(choice)),
            }
            for choice, share in sorted(curve.explained.items(), key=lambda item: -_zero(item[1]))
        ],
        "levels": [
            {
                "choice": TITLES[row["choice"]],
                "level": level_words(row["choice"], row["level"]),
                "specifications": row["specifications"],
                "median": figure(row["median_agreement"]),
            }
            for row in curve.levels().to_dict("records")
        ],
        "sites": [
            {
                "site": row.site,
                "kept": _percent(row.kept),
                "mostly": _percent(row.mostly_kept),
                "specifications": row.specifications,
            }
            for row in sites.head(MOST_SITES).itertuples()
        ],
        "more_sites": max(0, len(sites) - MOST_SITES),
        "left_out": [{"reason": why, "n": n} for why, n in curve.left_out.items()],
        "unfitted": [
            {"reason": str(why or "no site was given a type"), "n": int(n)}
            for why, n in unfitted["reason"].value_counts().items()
        ],
    }


def _words(curve: SpecificationCurve) -> list[str]:
    agreement = curve.agreement
    blank = len(curve.table) - len(agreement)
    without = f"; {blank} more {'has' if blank == 1 else 'have'} no result" if blank else ""
    whom = "the proposal" if curve.claimed else "the other specifications, on average,"
    drawn = ""
    if len(curve.table) < curve.possible:
        drawn = f", drawn at random of the {curve.possible} that could be fitted"
    sentences = [
        f"{len(agreement)} specifications were fitted{drawn}{without}. Agreement with {whom} has "
        f"the median {agreement.median():.2f} and lies between {agreement.min():.2f} and "
        f"{agreement.max():.2f} (adjusted Rand index over the sites that both place: 1 for the "
        "same groups, about 0 for groups that have nothing to do with each other)."
    ]
    if curve.claimed:
        same = curve.at_k["agreement"].dropna()
        if len(same):
            sentences.append(
                f"Of the {len(same)} that find as many types as the proposal ({curve.k}), the "
                f"median is {same.median():.2f}. With another number of types the groups cannot "
                "be the same."
            )
    else:
        sentences.append(
            "No typology is claimed, so there is no proposal to agree with: the figures say how "
            "far specifications agree with each other. Groups that all algorithms find alike need "
            "not be types."
        )
    varied = {name: share for name, share in curve.explained.items() if share == share}
    if varied:
        name = max(varied, key=lambda each: varied[each])
        some = ""
        if curve.explained_from < len(agreement):
            some = (
                f" ({curve.explained_from} of {len(agreement)} specifications: those that can all "
                "be compared with each other)"
            )
        sentences.append(
            f"The choice that moves the answer most is “{TITLES[name].lower()}”: it explains "
            f"{varied[name]:.0%} of the variation{some}."
        )
    return sentences


def plan_words(count: int, possible: int, left_out: Mapping[str, int], seconds: float) -> list[str]:
    """Say before a run which specifications it will fit and how long that should take.

    Examples
    --------
    >>> plan_words(36, 36, {"ward: why": 4}, 12.0)[0]
    'Specifications to fit: 36, about 12 seconds (one fit of each algorithm was timed).'
    """
    drawn = f" of {possible}, drawn at random" if possible > count else ""
    first = (
        f"Specifications to fit: {count}{drawn}, about {in_words(seconds)} (one fit of each "
        "algorithm was timed)."
    )
    return [first, *(f"  left out: {n} × {reason}" for reason, n in left_out.items())]


def _percent(share: float | None) -> str:
    return "–" if share is None or share != share else f"{share:.0%}"


def _zero(share: float) -> float:
    return 0.0 if share != share else share
