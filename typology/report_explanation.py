"""Parts of the report that explain: what membership is associated with, rules, comparisons."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.explain import direction_word
from site_typology.feature_titles import titles_of
from site_typology.report_words import Unit, count_of, figure
from site_typology.rule_list import rule_words

if TYPE_CHECKING:
    from site_typology.explain import Explanation
    from site_typology.faithful import Faithfulness
    from site_typology.rule_list import RuleList
    from site_typology.typology import Typology

REASONS_TOLD = 2
DRIVERS_TOLD = 5
NOTHING = "nothing clearly"


def explanation_content(typology: Typology, explanation: Explanation) -> dict[str, Any]:
    """Everything that the explaining sections of the report show."""
    return {
        "fidelity": fidelity_words(explanation),
        "faithfulness": faithfulness_words(explanation.faithfulness),
        "example": worked_example(typology, explanation),
        "rules": rule_rows(typology, explanation.rules),
        "rules_words": accuracy_words(explanation.rules),
        "evaluation": evaluation_rows(typology, explanation),
    }


def fidelity_words(explanation: Explanation) -> str:
    """Say how far what is explained is the typology itself."""
    if not explanation.shown:
        return ""
    if explanation.method == "exact":
        return (
            "the contributions are exact. They are those of the model that gives sites their "
            "types, not of an imitation of it, and come from a formula. The spread says how far "
            "measurement error and gaps leave them open. Whether there are types at all is for the "
            "verdict to say."
        )
    return (
        "a simple model that imitates the typology tells the type of a site it has not seen in "
        f"{explanation.fidelity:.0%} of cases, on average over types (± "
        f"{explanation.fidelity_sd:.0%} over repeats), where guessing gives "
        f"{explanation.chance:.0%}."
    )


def faithfulness_words(found: Faithfulness | None) -> str:
    """Say what replacing features did; empty where it was not checked."""
    if found is None:
        return ""
    return (
        f"At each of {count_of(found.sites, 'site')} the quarter of its features that is called "
        "most important for its type rather than the next was replaced by figures of other sites, "
        "and then the quarter called least important; each time the site was assigned again. The "
        f"important ones changed the log-odds more at {found.share:.0%} of sites (sign test p "
        f"{_p_words(found.p_value)}): by {figure(round(found.most, 1))} on average, against "
        f"{figure(round(found.least, 1))}. The most probable type became another in "
        f"{found.moved_most:.0%} of these replacements, against {found.moved_least:.0%}."
    )


def _p_words(p: float) -> str:
    return "below 0.001" if p < 0.001 else f"= {p:.3f}"


def driver_tables(typology: Typology, explanation: Explanation) -> list[dict[str, Any]]:
    """For each type the features that go with it most, as rows."""
    titles = titles_of(typology.profiles.features)
    return [
        {
            "label": str(label),
            "rows": [
                {
                    "title": titles[row.feature],
                    "share": f"{row.share:.0%}",
                    "importance": f"{row.importance:.2f}",
                    "spread": f"{row.spread:.2f}",
                    "direction": speaks_words(row, titles),
                }
                for row in own.head(DRIVERS_TOLD).itertuples()
            ],
        }
        for label, own in explanation.per_type.groupby("type")
    ]


def speaks_words(row: Any, titles: dict[str, str]) -> str:
    """Say which values speak for a type, of a composition those of one part."""
    word = direction_word(row.direction)
    if not word:
        return "no one direction"
    return f"{word} values" + (f" of {titles[row.part]}" if row.part else "")


def site_reasons(
    typology: Typology, explanation: Explanation, sites: list[str]
) -> dict[str, dict[str, str]]:
    """For each site the features that pull it to its own type, and to the next one.

    Only those measured at the site whose pull is larger than its spread over plausible values;
    empty words where the site has no type or nothing is shown.
    """
    every = explanation.per_site
    every = every[every["site"].isin(sites) & every["known"].astype(bool)]
    found = {str(site): rows for site, rows in every.groupby("site", sort=False)}
    titles = titles_of(typology.profiles.features)
    return {
        site: _for_and_against(typology, titles, found[str(site)])
        if str(site) in found
        else {"own": "", "other": ""}
        for site in sites
    }


def _for_and_against(
    typology: Typology, titles: dict[str, str], rows: pd.DataFrame
) -> dict[str, str]:
    rows = rows[rows["against_next"].abs() > rows["against_next_spread"]]
    rows = rows.sort_values("against_next", key=lambda pull: pull.abs(), ascending=False)
    own, other = rows[rows["against_next"] > 0], rows[rows["against_next"] < 0]
    return {
        name: "; ".join(
            reason_words(typology, titles, row) for row in side.head(REASONS_TOLD).itertuples()
        )
        or NOTHING
        for name, side in (("own", own), ("other", other))
    }


def reason_words(typology: Typology, titles: dict[str, str], row: Any) -> str:
    """A feature's title with the site's value in natural units."""
    value = value_words(typology, row.feature, row.value)
    return titles[row.feature] + (f" {value}" if value else "")


def value_words(typology: Typology, feature: str, value: float) -> str:
    """One value in natural units; empty where there is none, as for a whole composition."""
    if pd.isna(value):
        return ""
    info = typology.profiles.info(feature)
    return Unit.of(info, typology.profiles.values[feature].astype(float)).write(value)


def worked_example(typology: Typology, explanation: Explanation) -> dict[str, Any] | None:
    """The least sure site, reckoned through: what each feature adds to its log-odds."""
    shares = explanation.shares
    if shares is None or explanation.method != "exact":
        return None
    members = typology.memberships.dropna(subset="type").sort_values(["confidence", "site"])
    site = members[members["site"].isin(shares.sites)].iloc[0]
    titles = titles_of(typology.profiles.features)
    rows = explanation.per_site[explanation.per_site["site"] == str(site["site"])]
    rows = rows.sort_values("measured", key=lambda part: part.abs(), ascending=False)
    base = float(rows["measured_base"].iloc[0])
    return {
        "site": site["site"],
        "type": str(int(site["type"])),
        "next_type": str(int(site["next_type"])),
        "rows": [
            {
                "title": titles[row.feature],
                "value": value_words(typology, row.feature, row.value)
                or ("" if row.known else "not known"),
                "measured": _signed(row.measured),
                "plausible": f"{_signed(row.against_next)} ± {row.against_next_spread:.2f}",
            }
            for row in rows.itertuples()
        ],
        "base": _signed(base),
        "total": _signed(base + float(rows["measured"].sum())),
        "confidence": _percent(site["confidence"]),
        "next_confidence": _percent(site["next_confidence"]),
    }


def _percent(share: float) -> str:
    """Write a probability, never as none or certain.

    Examples
    --------
    >>> _percent(0.61234), _percent(0.99999), _percent(1e-9)
    ('61.2%', 'above 99.9%', 'below 0.1%')
    """
    if share > 0.999:
        return "above 99.9%"
    return "below 0.1%" if share < 0.001 else f"{share:.1%}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def rule_rows(typology: Typology, rules: RuleList | None) -> list[dict[str, Any]]:
    """One row a rule."""
    return [
        {
            "words": rule_words(line, typology),
            "label": str(line.type),
            "sites": line.sites,
            "right": line.right,
        }
        for line in (rules.lines if rules else ())
    ]


_PARTS = {2: "one half", 3: "two thirds", 4: "three quarters", 5: "four fifths"}
"""What rules are made from, by number of folds."""


def accuracy_words(rules: RuleList | None) -> str:
    """Say how often the rules are right; empty where there are none."""
    if rules is None:
        return ""
    told = (
        "They could not be tried on sites that they were not made from, as a type has a single "
        "site."
        if np.isnan(rules.accuracy)
        else f"Made anew from {_PARTS[rules.folds]} of the sites and tried on the rest, such rules "
        f"give {rules.accuracy:.0%} of sites the type they have, on average over types (± "
        f"{rules.sd:.0%} over repeats); guessing gives {rules.chance:.0%}."
    )
    unreached = ""
    if rules.unreached:
        types = ", ".join(map(str, rules.unreached))
        unreached = f" No rule ends in type {types}: three splits are too few for it."
    return f"{told} On the sites themselves it is {rules.fitted:.0%}.{unreached}"


def evaluation_rows(typology: Typology, explanation: Explanation) -> list[dict[str, str]]:
    """One row a feature, or composition, that did not build the types."""
    titles, rows = titles_of(typology.profiles.features), []
    for row in explanation.evaluation.itertuples():
        tested = not row.why_not
        rows.append(
            {
                "title": titles[row.feature],
                "sites": str(row.sites),
                "share": f"{row.share:.0%}" if tested else "",
                "p": figure(round(row.p_value, 4)) if tested else "",
                "holm": figure(round(row.p_holm, 4)) if tested else "",
                "outcome": ("associated with the types" if row.associated else "none shown")
                if tested
                else f"Not tested. {row.why_not}",
            }
        )
    return rows
