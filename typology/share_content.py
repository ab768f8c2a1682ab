"""What a report for sharing says: made of what is safe, not of what is left after deleting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from site_typology.declaration import Disclosure
from site_typology.describe import is_claimed
from site_typology.disclosure_counts import COMPLEMENT, SMALL
from site_typology.disclosure_means import ALL, FeatureMeans, safe_means
from site_typology.document import Document, Section
from site_typology.figure_canvas import Drawing
from site_typology.figures_evidence import null_drawing, power_drawing
from site_typology.report_words import heading_without_types
from site_typology.share_sections import (
    Hidden,
    about_sites,
    assignment_blocks,
    data_blocks,
    glossary_blocks,
    method_blocks,
    rule_blocks,
    type_blocks,
    verdict_blocks,
)
from site_typology.share_tables import CountTables, count_tables, listed_sites

if TYPE_CHECKING:
    from site_typology.typology import Typology

MARKING = (
    "For sharing: sites have pseudonyms, small counts are hidden (*), other counts are rounded. "
    "Made from results that stay with the evaluation team."
)
COUNTS_RULE = "Small counts, and others that would tell them"
MEANS_RULE = "Sites and people behind a mean"
TOGETHER = f"{SMALL}, or {COMPLEMENT} of one"


@dataclass(frozen=True)
class Shareable:
    """Everything that may leave the team, before it is written.

    Parameters
    ----------
    document : Document
    drawings : dict of str to Drawing
        Figures by name; they show simulations, no site.
    assignments : DataFrame
        ``site`` (pseudonym) and ``type``.
    hidden : list of Hidden
        Every figure left out.
    """

    document: Document
    drawings: dict[str, Drawing]
    assignments: pd.DataFrame
    hidden: list[Hidden]


def shareable(
    typology: Typology, names: dict[str, str], rules: Disclosure, title: str, secret: bytes
) -> Shareable:
    """Make the report, the assignments and the list of what is hidden.

    Parameters
    ----------
    typology : Typology
    names : dict of str to str
        Pseudonym of each site.
    rules : Disclosure
    title : str
    secret : bytes
        That of the pseudonyms: it also chooses which counts are hidden beside small ones.

    Returns
    -------
    Shareable
    """
    counts, means = count_tables(typology, rules, secret), safe_means(typology, rules)
    assignments = _assignments(typology, names, counts, rules)
    hidden = [*_hidden_counts(counts), *_hidden_means(means)]
    drawings = _drawings(typology)
    without = heading_without_types(typology.evidence)
    heading = "The types" if is_claimed(typology) else without
    sections = (
        Section("verdict", "Verdict", tuple(verdict_blocks(typology, counts, drawings))),
        Section("types", heading, tuple(type_blocks(typology, counts, means))),
        Section("data", "The data", tuple(data_blocks(counts))),
        Section("assignments", "Assignments", tuple(assignment_blocks(typology, assignments))),
        Section("method", "How it was done", tuple(method_blocks(typology))),
        Section(
            "disclosure", "What is hidden, and by which rules", tuple(rule_blocks(rules, hidden))
        ),
        Section("glossary", "Glossary", tuple(glossary_blocks())),
    )
    document = Document(title, MARKING, _lead(typology, counts), sections)
    return Shareable(document, drawings, assignments, hidden)


def _lead(typology: Typology, counts: CountTables) -> str:
    features = typology.profiles.features
    build = sum(info.builds for info in features)
    describe = sum(info.use == "evaluate" for info in features)
    return (
        f"Typology report for sharing. {about_sites(counts)}; types built from {build} features"
        + (f", {describe} more used only to describe." if describe else ".")
    )


def _drawings(typology: Typology) -> dict[str, Drawing]:
    evidence = typology.evidence
    drawings: dict[str, Drawing] = {}
    if len(evidence.null_test.reference_maxima):
        drawings["null_test"] = null_drawing(evidence.null_test)
    if evidence.power is not None and len(evidence.power.table):
        drawings["power"] = power_drawing(evidence.power)
    return drawings


def _assignments(
    typology: Typology, names: dict[str, str], counts: CountTables, rules: Disclosure
) -> pd.DataFrame:
    rows: list[tuple[str, int]] = []
    for label, most in listed_sites(typology, counts, rules).items():
        own = typology.memberships
        sites = own.loc[(own["type"] == int(label)).fillna(False), "site"]
        # Pseudonyms are in an order of chance, so the first ones are a sample of it.
        rows += [(name, int(label)) for name in sorted(names[str(s)] for s in sites)[:most]]
    return pd.DataFrame(sorted(rows), columns=["site", "type"])


def _hidden_counts(counts: CountTables) -> list[Hidden]:
    return [Hidden(table, cell, COUNTS_RULE, why, TOGETHER) for table, cell, why in counts.hidden()]


def _hidden_means(means: Sequence[FeatureMeans]) -> list[Hidden]:
    heads = {ALL: "All sites"}
    return [
        Hidden(
            "Means in natural units",
            f"{row.info.title}, {heads.get(label, f'Type {label}')}",
            MEANS_RULE,
            mean.why,
            mean.why,
        )
        for row in means
        for label, mean in row.means.items()
        if mean.why
    ]
