"""What the profiles of the studies of real data show, before anybody looks for types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

import site_typology as st
from site_typology.declaration import FeatureDeclaration, ScaleDeclaration
from site_typology.features.aggregate import Moments
from site_typology.features.answers import Answers, joint_rows
from site_typology.features.assessment import Assessment
from site_typology.features.builders import BUILDERS
from site_typology.features.findings import findings
from site_typology.features.measurement import intraclass
from site_typology.features.measurementtable import measurement_table
from site_typology.features.tables import SITE, StudyTables

MOST_CELLS = 10_000_000
WEIGHT = "schools_represented"


def profile_tables(study: st.Study) -> dict[str, pd.DataFrame]:
    """Everything that is shown of one study, as tables by heading."""
    assessment = study.assess()
    shown = {
        "Measurement": measurement(assessment),
        "Items of scales to look at": flags(assessment),
        "Response": response(assessment),
        "Response by kind of site": groups(assessment),
        "How alike those who answered are to those asked": indicators(assessment),
        "Values missing": gaps(assessment),
        "Pupils' scores beside the OECD's": correlations(study),
        "Item means rebuilt from counts beside the published ones": rebuilt(study),
        "Correlation of response and not knowing with what was answered": willing(study),
        "Means over schools and over the country's": weighted(study),
        "Features that say the same thing twice, of those that build types": twice(assessment),
        "Values far from the rest": extremes(assessment),
        "What the check says": said(assessment),
    }
    return {heading: table for heading, table in shown.items() if len(table)}


def measurement(assessment: Assessment) -> pd.DataFrame:
    """The measurement table, with the 95 % interval of each reliability."""
    table = measurement_table(assessment.profiles, assessment.round)
    table = table[table["kind"] != "category"]
    limits = assessment.precision.set_index("feature")[["low", "high"]].reindex(table["feature"])
    table["interval"] = [
        f"{low:.2f} to {high:.2f}" if low == low else "" for low, high in limits.to_numpy()
    ]
    columns = ["feature", "use", "sites", "informants_per_site", "response_rate", "alpha", "omega",
               "icc1", "icc2", "rwg_median", "rwg_agreeing", "ad_median", "reliability",
               "interval"]  # fmt: skip
    return table[columns].dropna(axis=1, how="all")


def flags(assessment: Assessment) -> pd.DataFrame:
    """What the measurement of a feature gives reason to look at."""
    table = measurement_table(assessment.profiles, assessment.round)
    return table.loc[table["flags"] != "", ["feature", "flags"]]


def response(assessment: Assessment) -> pd.DataFrame:
    """Asked and answered by table."""
    rows = []
    for table, own in assessment.response.groupby("table", sort=False):
        known = own[own["eligible"] > 0]
        if known.empty:
            rows.append({"table": table, "answered": own["responded"].sum()})
            continue
        rates = known["rate"]
        rows.append(
            {
                "table": table,
                "asked": known["eligible"].sum(),
                "answered": own["responded"].sum(),
                "rate": known["responded"].sum() / known["eligible"].sum(),
                "lowest": rates.min(),
                "median": rates.median(),
                "highest": rates.max(),
                "sites asked": len(known),
                "nobody": int((known["responded"] == 0).sum()),
                "below 50 %": int((rates < 0.5).sum()),
                "more than asked": int((rates > 1).sum()),
            }
        )
    return pd.DataFrame(rows).dropna(axis=1, how="all")


def groups(assessment: Assessment) -> pd.DataFrame:
    """Response of each kind of those asked."""
    return assessment.groups[["table", "category", "asked", "answered", "rate", "partial"]]


def indicators(assessment: Assessment) -> pd.DataFrame:
    """R-indicators."""
    columns = ["table", "asked", "rate", "r", "standard_error", "variation"]
    return assessment.representative[columns]


def gaps(assessment: Assessment) -> pd.DataFrame:
    """Cells without a value by reason."""
    counted = assessment.missing.groupby(["reason", "remedy"], sort=False).size()
    return counted.rename("cells").reset_index()


def correlations(study: st.Study) -> pd.DataFrame:
    """Correlation of each scale with the OECD's own score of the same pupils."""
    features = {feature.name: feature for feature in study.declaration.features}
    rows = []
    for name, feature in features.items():
        theirs = features.get(f"oecd_{name}")
        if theirs is None:
            continue
        pair = joint_rows(
            [answers(feature, study.tables), answers(theirs, study.tables)], MOST_CELLS
        )
        both = pair.dropna(subset=[feature.name, theirs.name])
        scale = _scale(feature, study)
        means = pair.groupby(SITE)[[feature.name, theirs.name]].mean()
        rows.append(
            {
                "scale": name,
                "OECD score": theirs.args["column"],
                "items": len(scale.items),
                "pupils": len(both),
                "correlation": both[feature.name].corr(both[theirs.name]),
                "of school means": means[feature.name].corr(means[theirs.name]),
                "variance by the sum": by_the_sum(scale, theirs.args["column"], study.tables),
            }
        )
    return pd.DataFrame(rows)


def by_the_sum(scale: ScaleDeclaration, column: str, tables: StudyTables) -> float:
    """Share of a score's variance that lies between the sums of items, of complete answers.

    A score by a Rasch or partial credit model hangs on nothing but the sum of its items, so that
    this is 1 if the items are the same and keyed alike, however bent the score is.
    """
    frame = tables.tables[scale.table].collect([*scale.items, column]).dropna()
    items, score = frame[list(scale.items)], frame[column]
    turned = [sum(scale.range) - items[name] if name in scale.reverse else items[name]
              for name in scale.items]  # fmt: skip
    within = score - score.groupby(pd.concat(turned, axis=1).sum(axis=1)).transform("mean")
    return float(1 - (within**2).sum() / ((score - score.mean()) ** 2).sum())


def answers(feature: FeatureDeclaration, tables: StudyTables) -> Answers:
    """Value of a feature at each informant, from the builder itself."""
    builder: Any = BUILDERS[feature.builder]
    return builder.answers(feature, builder.Args.model_validate(feature.args), tables)


def _scale(feature: FeatureDeclaration, study: st.Study) -> Any:
    return next(each for each in study.declaration.scales if each.name == feature.args.get("scale"))


def rebuilt(study: st.Study) -> pd.DataFrame:
    """Each item's mean as the builder `tabulated` makes it, beside the one that was published."""
    rows = []
    for feature in study.declaration.features:
        if feature.builder != "tabulated" or feature.kind == "share":
            continue
        off = [item_differences(feature, item, study.tables) for item in feature.args["items"]]
        differences = np.concatenate(off)
        shares = [item_icc1(feature, item, study.tables) for item in feature.args["items"]]
        rows.append(
            {
                "feature": feature.name,
                "items": len(off),
                "item means": len(differences),
                "largest difference": differences.max(),
                "beyond rounding": int((differences > 0.05 + 1e-3).sum()),
                "ICC(1), median item": np.median(shares),
                "lowest": min(shares),
                "highest": max(shares),
            }
        )
    return pd.DataFrame(rows)


def item_differences(feature: FeatureDeclaration, item: str, tables: StudyTables) -> np.ndarray:
    """Absolute differences of one item's means; published in a column such as ``p_q2a``."""
    builder: Any = BUILDERS["tabulated"]
    arguments = builder.Args.model_validate({**feature.args, "items": [item]})
    built = builder.build(feature, arguments, tables)
    ours = built.values[feature.name].droplevel("round").astype(float)
    column = feature.args["pattern"].split("_")[0] + f"_{item}"
    frame = tables.tables[feature.args["table"]].collect([SITE, column]).set_index(SITE)
    difference = (ours - frame[column].astype(float)).abs()
    return difference.dropna().to_numpy()


def item_icc1(feature: FeatureDeclaration, item: str, tables: StudyTables) -> float:
    """ICC(1) of one item. Its counts say all that an analysis of variance asks for."""
    options = feature.args["options"]
    names = [
        feature.args["pattern"].replace("{item}", item).replace("{option}", option)
        for option in options
    ]
    counts = tables.tables[feature.args["table"]].collect(names).dropna().to_numpy(dtype=float)
    score = np.array(list(options.values()))
    n, total, squares = counts.sum(axis=1), counts @ score, counts @ score**2
    index = pd.MultiIndex.from_product([range(len(n)), ["all"]], names=["site", "round"])
    columns = [array[:, None] for array in (n, n, n, total, squares)]
    icc1, _ = intraclass(Moments(index, (item,), n, *columns, np.zeros(1)))
    return float(icc1[0])


def willing(study: st.Study) -> pd.DataFrame:
    """How response and "don't know" go with each other and with the features of types."""
    profiles = study.typology_profiles()
    about = [info for info in profiles.features if info.family in ("response", "not knowing")]
    others = [info.name for info in profiles.features if info.use == "build"]
    names = [info.name for info in about]
    if not names:
        return pd.DataFrame()
    correlation = profiles.values[names + others].astype(float).corr()
    return correlation[names].reset_index(names="feature")


def weighted(study: st.Study) -> pd.DataFrame:
    """Mean of each feature over the schools asked, and over those that they stand for."""
    profiles = study.typology_profiles()
    if WEIGHT not in profiles.values:
        return pd.DataFrame()
    weight = profiles.values[WEIGHT].astype(float)
    rows = []
    for info in profiles.features:
        if info.kind == "category" or info.name == WEIGHT:
            continue
        value = profiles.values[info.name].astype(float)
        there = value.notna() & weight.notna()
        own = value[there]
        over = float(np.average(own, weights=weight[there]))
        rows.append(
            {
                "feature": info.name,
                "of schools": own.mean(),
                "weighted": over,
                "change in SDs": (over - own.mean()) / own.std(ddof=1),
            }
        )
    return pd.DataFrame(rows)


def twice(assessment: Assessment) -> pd.DataFrame:
    """Pairs of build features that are nearly the same."""
    same = assessment.same[assessment.same["both_build"].astype(bool)]
    return same[["feature", "other", "correlation", "corrected", "low", "high"]]


def extremes(assessment: Assessment) -> pd.DataFrame:
    """Values far from the rest by feature."""
    own = assessment.extremes
    found = own.groupby("feature", sort=False).agg(
        values=("site", "size"), tail=("tail", "first"), sites=("site", list)
    )
    found["sites"] = [", ".join(map(str, sites[:5])) for sites in found["sites"]]
    return found.reset_index()


def said(assessment: Assessment) -> pd.DataFrame:
    """What `site-typology check` says, a sentence or two a section."""
    return pd.DataFrame(
        [
            {"level": each.level, "question": each.title, "answer": f"{each.found} {each.do}"}
            for each in findings(assessment)
        ]
    )


def as_markdown(name: str, tables: dict[str, pd.DataFrame]) -> str:
    """Write the tables of one study as Markdown."""
    lines = [f"## {name}"]
    for heading, table in tables.items():
        lines += ["", f"### {heading}", "", _row(table.columns), "|---" * len(table.columns) + "|"]
        lines += [_row([_cell(value) for value in row]) for row in table.to_numpy(dtype=object)]
    return "\n".join([*lines, ""])


def _row(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def _cell(value: object) -> str:
    if isinstance(value, float):
        if value != value:
            return ""
        return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
    return str(value).strip()
