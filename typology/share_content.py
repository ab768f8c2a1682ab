"""What a report for sharing says: made of what is safe, not of what is left after deleting."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from site_typology.declaration import Disclosure
from site_typology.describe import is_claimed, type_names, type_sizes
from site_typology.disclosure_counts import COMPLEMENT, SMALL
from site_typology.disclosure_means import ALL, FeatureMeans, safe_means
from site_typology.document import (
    Block,
    Bullets,
    Document,
    Heading,
    Picture,
    Row,
    Section,
    Table,
    Text,
)
from site_typology.figure_canvas import Drawing
from site_typology.figures_evidence import null_drawing, power_drawing
from site_typology.report_checklist import checklist
from site_typology.report_method import (
    candidate_rows,
    number_rows,
    number_words,
    settings_table,
    versions,
)
from site_typology.report_words import BADGES, GLOSSARY, USES, headline, key_figures, rule_words
from site_typology.share_tables import CountTables, count_tables, listed_sites

if TYPE_CHECKING:
    from site_typology.typology import Typology

MARKING = (
    "For sharing: sites have pseudonyms, small counts are hidden (*), other counts are rounded. "
    "Made from results that stay with the evaluation team."
)
ABOUT_SITES = ("null_test", "expected_agreement", "relative_entropy", "stability", "agreement",
               "power")  # fmt: skip
"""Rules whose figures are no counts of sites; of others only the outcome is shown."""
COUNTS_RULE = "Small counts, and others that would tell them"
MEANS_RULE = "Sites and people behind a mean"
TOGETHER = f"{SMALL}, or {COMPLEMENT} of one"


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
    typology: Typology, names: dict[str, str], rules: Disclosure, title: str
) -> Shareable:
    """Make the report, the assignments and the list of what is hidden.

    Parameters
    ----------
    typology : Typology
    names : dict of str to str
        Pseudonym of each site.
    rules : Disclosure
    title : str

    Returns
    -------
    Shareable
    """
    counts, means = count_tables(typology, rules), safe_means(typology, rules)
    assignments = _assignments(typology, names, counts, rules)
    hidden = [*_hidden_counts(counts), *_hidden_means(means)]
    drawings = _drawings(typology)
    sections = (
        Section("verdict", "Verdict", tuple(_verdict(typology, counts, drawings))),
        Section("types", _about(typology), tuple(_types(typology, counts, means))),
        Section("data", "The data", tuple(_data(counts))),
        Section("assignments", "Assignments", tuple(_assignment_blocks(typology, assignments))),
        Section("method", "How it was done", tuple(_method(typology))),
        Section("disclosure", "What is hidden, and by which rules", tuple(_rules(rules, hidden))),
        Section("glossary", "Glossary", tuple(_glossary())),
    )
    document = Document(title, MARKING, _lead(typology, counts), sections)
    return Shareable(document, drawings, assignments, hidden)


def _about(typology: Typology) -> str:
    return "The types" if is_claimed(typology) else "The sites as one population"


def _sites(counts: CountTables) -> str:
    shown = counts.safe.shown["sites",]
    return "Some sites" if shown is None else f"About {shown:,} sites"


def _lead(typology: Typology, counts: CountTables) -> str:
    features = typology.profiles.features
    build = sum(info.builds for info in features)
    describe = sum(info.use == "evaluate" for info in features)
    return f"Typology report for sharing. {_sites(counts)}; types built from {build} features" + (
        f", {describe} more used only to describe." if describe else "."
    )


def _drawings(typology: Typology) -> dict[str, Drawing]:
    evidence = typology.evidence
    drawings: dict[str, Drawing] = {}
    if len(evidence.null_test.reference_maxima):
        drawings["null_test"] = null_drawing(evidence.null_test)
    if evidence.power is not None and len(evidence.power.table):
        drawings["power"] = power_drawing(evidence.power)
    return drawings


def _verdict(typology: Typology, counts: CountTables, drawings: dict[str, Drawing]) -> list[Block]:
    evidence = typology.evidence
    said = (
        f"{_sites(counts)} fall into {evidence.k} types."
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


def _types(typology: Typology, counts: CountTables, means: Sequence[FeatureMeans]) -> list[Block]:
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
    ordered = [row for _, own in itertools.groupby(rows, key=lambda row: row.group) for row in own]
    return Table("Means in natural units", ("Feature", *heads.values(), "Use"), tuple(ordered))


def _data(counts: CountTables) -> list[Block]:
    return [
        Text("Why a figure is missing, and at which site, is kept by the evaluation team."),
        *counts.tables("data"),
    ]


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


def _assignment_blocks(typology: Typology, assignments: pd.DataFrame) -> list[Block]:
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


def _method(typology: Typology) -> list[Block]:
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


def _rules(rules: Disclosure, hidden: Sequence[Hidden]) -> list[Block]:
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


def _glossary() -> list[Block]:
    return [text for term, meaning in GLOSSARY for text in (Text(term, "term"), Text(meaning))]
