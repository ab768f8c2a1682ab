"""Sections of a report for sharing, each made of what may be shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from site_typology.declaration import Disclosure
from site_typology.describe import is_claimed, type_names, type_sizes
from site_typology.disclosure_means import ALL, FeatureMeans
from site_typology.document import Block, Bullets, Heading, Picture, Row, Table, Text
from site_typology.figure_canvas import Drawing
from site_typology.report_checklist import checklist
from site_typology.report_method import (
    candidate_rows,
    number_rows,
    number_words,
    settings_table,
    versions,
)
from site_typology.report_words import BADGES, GLOSSARY, USES, headline, key_figures, rule_words
from site_typology.share_tables import CountTables

if TYPE_CHECKING:
    from site_typology.typology import Typology

ABOUT_SITES = ("null_test", "expected_agreement", "relative_entropy", "stability", "agreement",
               "power")  # fmt: skip
"""Rules whose figures are no counts of sites; of others only the outcome is shown."""


@dataclass(frozen=True)
class Hidden:
    """One figure that is not shown: where, by which rule, and why.

    ``why`` is for the team: it tells small counts from those hidden to protect them. ``told`` is
    for everybody and does not.
    """

    table: str
    cell: str
    rule: str
    why: str
    told: str


def about_sites(counts: CountTables) -> str:
    """Say how many sites there are, rounded."""
    shown = counts.safe.shown["sites",]
    return "Some sites" if shown is None else f"About {shown:,} sites"


def verdict_blocks(
    typology: Typology, counts: CountTables, drawings: dict[str, Drawing]
) -> list[Block]:
    """Say the verdict with the figures that tell nothing of single sites."""
    evidence = typology.evidence
    said = (
        f"{about_sites(counts)} fall into {evidence.k} types."
        if evidence.verdict == "supported"
        else headline(evidence, 0)
    )
    # How often a type's own sites come back is a fraction of small counts: only its reading is
    # shown, below.
    bare = dataclasses.replace(evidence, type_stability=evidence.type_stability.iloc[:0])
    rules = [(rule.name, rule_words(rule)) for rule in evidence.rules]
    rows = [
        Row(
            (
                words["name"],
                words["meaning"],
                words["found"] if name in ABOUT_SITES else "a count of sites, not shown",
                words["needed"],
                words["holds"],
            )
        )
        for name, words in rules
    ]
    captions = {
        "null_test": "Grey: how grouped simulated studies without types look. Line: this study.",
        "power": "How often types would be found in studies like this one, by how far apart.",
    }
    return [
        Text(BADGES[evidence.verdict], "strong"),
        Text(said, "strong"),
        Bullets(tuple(key_figures(bare))),
        *(
            Picture(name, drawing.title, drawing.description, captions[name])
            for name, drawing in drawings.items()
        ),
        Table(
            "Each rule, fixed before the data were looked at: what was found and needed",
            ("Rule", "In words", "Found", "Needed", "Outcome"),
            tuple(rows),
        ),
    ]


def type_blocks(
    typology: Typology, counts: CountTables, means: Sequence[FeatureMeans]
) -> list[Block]:
    """Describe the types, or all sites together where none are claimed."""
    claimed = is_claimed(typology)
    blocks: list[Block] = []
    if claimed:
        blocks += [
            Text("Types are numbered by size. A type describes; it does not grade."),
            Bullets(
                tuple(
                    f"Type {label}: {name}. Stability when sites are drawn again: "
                    f"{_reading(typology, label)}."
                    for label, name in type_names(typology).items()
                )
            ),
        ]
    else:
        blocks.append(
            Text(
                "No types are claimed, so no site is given one. What follows describes all sites "
                "together."
            )
        )
    blocks += [*counts.tables("types"), Heading("Means"), _means_table(typology, means)]
    blocks.append(
        Text(
            "Means over the sites that have the feature from enough people, each site counted "
            "once. “Higher” and “lower”: the 95% interval of the type's mean, measurement error "
            "included, leaves the mean of the types' means out. Types were found in the same data, "
            "so this describes types and does not test them.",
            "note",
        )
    )
    return blocks


def _reading(typology: Typology, label: str) -> str:
    found = typology.evidence.type_stability
    own = found.loc[found["type"].astype(str) == label, "reading"]
    return str(own.iloc[0]) if len(own) else "not measured"


def _means_table(typology: Typology, means: Sequence[FeatureMeans]) -> Table:
    labels = list(type_sizes(typology))
    heads = {label: "All sites" if label == ALL else f"Type {label}" for label in labels}
    rows = [
        Row(
            (
                row.info.title + (f" ({row.info.unit})" if row.info.unit else ""),
                *(row.means[label].text for label in heads),
                USES[row.info.use],
            ),
            row.info.family,
        )
        for row in means
    ]
    families = list(dict.fromkeys(row.group for row in rows))
    ordered = sorted(rows, key=lambda row: families.index(row.group))
    return Table("Means in natural units", ("Feature", *heads.values(), "Use"), tuple(ordered))


def data_blocks(counts: CountTables) -> list[Block]:
    """Say how many sites have each feature, and how many people answered."""
    return [
        Text("Why a figure is missing, and at which site, is kept by the evaluation team."),
        *counts.tables("data"),
    ]


def assignment_blocks(typology: Typology, assignments: pd.DataFrame) -> list[Block]:
    """List the sites that may be listed, or say why none are."""
    if not is_claimed(typology):
        return [Text("No types are claimed, so there are none.")]
    rows = tuple(Row((row.site, f"Type {row.type}")) for row in assignments.itertuples())
    words = Text(
        "By pseudonym. Not every site stands here: of a type whose number of sites is hidden none "
        "does, and of others as many as its rounded number allows, so that counting the rows "
        "tells no more than the table of types. A site can be told its own pseudonym and type by "
        "the evaluation team."
    )
    if not rows:
        return [words]
    return [words, Table("Sites by pseudonym, with their type", ("Site", "Type"), rows)]


def method_blocks(typology: Typology) -> list[Block]:
    """Say how it was done: models, checklist, settings, software."""
    models = [
        Row((row["name"], *(_one_decimal(row[key]) for key in ("stability", "agreement"))))
        for row in candidate_rows(typology)
    ]
    numbers = [Row((row["k"], row["share"])) for row in number_rows(typology.evidence)]
    words = number_words(typology.evidence)
    return [
        *([Text(words)] if words else []),
        *(
            [Table("How often each number of types is chosen", ("Types", "Share"), tuple(numbers))]
            if numbers
            else []
        ),
        Table(
            "Models tried: algorithm, space and number of types",
            ("Model", "Stability, mean", "Agreement with the proposal"),
            tuple(models),
        ),
        Table(
            "Items of GRoLTS (van de Schoot and others 2017) and of the guide to latent class "
            "analysis (Sinha and others 2021)",
            ("Item", "From", "Met", "Where, or why not"),
            tuple(
                Row((item.item, item.source, item.met, item.where))
                for item in checklist(typology, shared=True)
            ),
        ),
        Table(
            "Settings of the search",
            ("Setting", "Value"),
            tuple(map(Row, settings_table(typology))),
        ),
        Table("Software", ("Package", "Version"), tuple(map(Row, versions()))),
    ]


def _one_decimal(text: str) -> str:
    number = text.replace("−", "-")
    return text if text == "–" else f"{float(number):.1f}".replace("-", "−")


def rule_blocks(rules: Disclosure, hidden: Sequence[Hidden]) -> list[Block]:
    """Print the rules, and every figure that is hidden."""
    settings: dict[str, Any] = rules.model_dump()
    fields = type(rules).model_fields
    blocks: list[Block] = [
        Table(
            "Rules of this study",
            ("Rule", "Setting", "Meaning"),
            tuple(
                Row((name, str(value).lower() if value is True else str(value),
                     fields[name].description or ""))
                for name, value in settings.items()
            ),
        ),
        Bullets(
            (
                "A share of sites or people is made of counts as they are shown, and hidden where "
                "one of them is.",
                "A mean share or rate is rounded to 1, 5, 10 or 20 points, the first that is no "
                "less than what two people more or less would make of it, and hidden where 20 "
                "points are too few: no figure tells of one person, as 12.5% of eight would.",
                "Where one part of a composition is hidden, so are the others. Means over all "
                "types are not shown: they would tell how many sites each type has.",
                "Categories of fewer sites than a type needs are not named.",
                "Intervals, single sites, lowest and highest values are not shown.",
            )
        ),
    ]  # fmt: skip
    if hidden:
        rows = tuple(Row((each.table, each.cell, each.rule, each.told)) for each in hidden)
        blocks.append(
            Table("Figures that are hidden (*)", ("Table", "Cell", "Rule", "Reason"), rows)
        )
    else:
        blocks.append(Text("No figure of these tables had to be hidden."))
    return blocks


def glossary_blocks() -> list[Block]:
    """Explain the words."""
    return [text for term, meaning in GLOSSARY for text in (Text(term, "term"), Text(meaning))]
