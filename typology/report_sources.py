"""Parts of the quality report about who stands for whom: weights and the agreement of sources."""

from __future__ import annotations

from typing import Any

import numpy as np

from site_typology.declaration import ONE_ROUND
from site_typology.features.assessment import Assessment
from site_typology.features.returns import in_round
from site_typology.features.sourceagreement import DIFFERENCE, source_words
from site_typology.report_words import figure

MOST_ROWS = 25


def weight_rows(assessment: Assessment) -> dict[str, Any]:
    """Response by kind of those asked, what weights change and what they cost."""
    titles = {info.name: info.title for info in assessment.profiles.features}
    groups = in_round(assessment.groups, assessment.round)
    effects = in_round(assessment.weight_effect, assessment.round)
    effects = effects.iloc[np.argsort(-effects["in_spreads"].fillna(0).to_numpy(dtype=float))]
    silent = in_round(assessment.silent_settings, assessment.round)
    weighting = assessment.profiles.weighting
    overall = weighting[weighting["site"] == ""] if len(weighting) else weighting
    return {
        "groups": [
            {
                "table": str(row.table),
                "column": str(row.column),
                "category": str(row.category),
                "answered": f"{row.answered:,.0f} of {row.asked:,.0f}",
                "rate": f"{row.rate:.0%}" if row.asked else "",
            }
            for row in groups.head(MOST_ROWS).itertuples()
        ],
        "groups_left_out": max(0, len(groups) - MOST_ROWS),
        "silent": f"{len(silent):,} of those asked" if len(silent) else "",
        "effects": [
            {
                "title": titles.get(str(row.feature), str(row.feature)),
                "sites": f"{row.sites:,}",
                "spreads": figure(float(row.in_spreads)),
                "ranks": figure(float(row.rank_correlation)),
                "errors": f"{row.error_ratio:.2f} times as large"
                if np.isfinite(row.error_ratio)
                else "",
                "site": str(row.site),
            }
            for row in effects.head(MOST_ROWS).itertuples()
        ],
        "effective": [
            {
                "table": str(row.table),
                "round": "" if row.round == ONE_ROUND else str(row.round),
                "answers": f"{row.respondents:,.0f}",
                "effective": figure(round(float(row.effective_n), 1)),
                "span": f"{figure(float(row.smallest))} to {figure(float(row.largest))}",
            }
            for row in overall.itertuples()
        ],
    }


def agreement_rows(assessment: Assessment) -> dict[str, Any]:
    """Figures of each pair of sources, and the sites where they differ by more than error."""
    frame = in_round(assessment.profiles.source_agreement, assessment.round)
    overall = frame[frame["site"] == ""]
    titles = {info.name: info.title for info in assessment.profiles.features}
    apart = frame[
        (frame["site"] != "") & (frame["measure"] == DIFFERENCE) & (frame["beyond_error"] == "yes")
    ]
    by = ["feature", "one", "other", "one_group", "other_group", "scale"]
    pairs = overall.groupby(by, sort=False)
    return {
        "pairs": [
            {
                "feature": titles.get(str(feature), str(feature)),
                "one": source_words(str(one), str(group)),
                "other": source_words(str(other), str(other_group)),
                "scale": str(scale),
                "sites": f"{int(rows['n'].max()):,}",
                "figures": [
                    f"{row.measure}: {figure(float(row.value))}"
                    + (
                        f" (standard error {figure(float(row.standard_error))})"
                        if np.isfinite(row.standard_error)
                        else ""
                    )
                    for row in rows.itertuples()
                ],
            }
            for (feature, one, other, group, other_group, scale), rows in pairs
        ],
        "sites": [
            {
                "site": str(row.site),
                "feature": titles.get(str(row.feature), str(row.feature)),
                "sources": f"{source_words(row.one, row.one_group)}, "
                f"{source_words(row.other, row.other_group)}",
                "difference": figure(float(row.value)),
                "error": figure(float(row.standard_error)),
            }
            for row in apart.head(MOST_ROWS).itertuples()
        ],
        "left_out": max(0, len(apart) - MOST_ROWS),
    }
