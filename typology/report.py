"""The report: one self-contained HTML file that needs neither network nor script."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from site_typology.declaration import Disclosure
from site_typology.describe import is_claimed, type_sizes
from site_typology.features.assessment import Assessment, assess
from site_typology.report_axis import axis_content
from site_typology.report_checklist import checklist
from site_typology.report_data import feature_table, ledger_table, missing_share
from site_typology.report_explanation import driver_tables, explanation_content, site_reasons
from site_typology.report_method import (
    candidate_rows,
    gain_rows,
    number_rows,
    number_words,
    settings_table,
    stability_rows,
    stability_words,
    versions,
)
from site_typology.report_quality import quality_content
from site_typology.report_specifications import specification_content
from site_typology.report_types import (
    borderline_count,
    borderline_table,
    one_population,
    profile_table,
    site_table,
    sureness_words,
    type_cards,
    type_marks,
    undrawn_words,
)
from site_typology.report_words import (
    BADGES,
    GLOSSARY,
    figure,
    heading_without_types,
    headline,
    key_figures,
    rule_words,
)

if TYPE_CHECKING:
    from site_typology.explain import Explanation
    from site_typology.specification_curve import SpecificationCurve
    from site_typology.typology import Typology

TEMPLATE, STYLE = "report.html.j2", "report.css"


def report_html(
    typology: Typology,
    explanation: Explanation,
    *,
    title: str = "",
    sources: Mapping[str, str] | None = None,
    disclosure: Disclosure | None = None,
    figures: Mapping[str, str] | None = None,
    assessment: Assessment | None = None,
    curve: SpecificationCurve | None = None,
) -> str:
    """Write the report on a typology.

    Parameters
    ----------
    typology : Typology
    explanation : Explanation
        From `site_typology.explain.explain`.
    title : str
        Title for readers; the typology's name by default.
    sources : mapping of str to str, optional
        Where each table came from, by table: a file name, a number of rows, a date.
    disclosure : Disclosure, optional
        Rules by which thin figures are flagged; the defaults if not given. The report names sites
        and shows every figure, so it is marked as internal.
    figures : mapping of str to str, optional
        From `site_typology.figures.figures`, where they are at hand; drawn otherwise.
    assessment : Assessment, optional
        How good the data are, from `Study.assess`; worked out from the profiles of the typology
        otherwise, which know neither other rounds nor the rows behind a value.

    curve : SpecificationCurve, optional
        How far the answer survives other choices, where a grid of them was tried.

    Returns
    -------
    str
        A whole HTML page. Every text of the study is escaped.
    """
    if figures is None:
        from site_typology.figures import figures as draw

        figures = draw(typology, explanation)
    rules = disclosure or Disclosure()
    if assessment is None:
        assessment = assess(typology.profiles, minimum=rules.min_informants)
    content = {
        **_content(typology, explanation, rules, sources or {}),
        "quality": quality_content(assessment),
        "specifications": specification_content(curve),
    }
    return render_page(TEMPLATE, {**content, "title": title or typology.name, "figures": figures})


def _content(
    typology: Typology,
    explanation: Explanation,
    disclosure: Disclosure,
    sources: Mapping[str, str],
) -> dict[str, Any]:
    profiles, evidence = typology.profiles, typology.evidence
    profile = profile_table(typology, disclosure)
    sites, features = site_table(typology, disclosure), feature_table(profiles, disclosure)
    return {
        "evidence": evidence,
        "claimed": is_claimed(typology),
        "badge": BADGES[evidence.verdict],
        "headline": headline(evidence, len(profiles.sites)),
        "heading_without_types": heading_without_types(evidence),
        "key_figures": key_figures(evidence),
        "rules": [rule_words(rule) for rule in evidence.rules],
        "n_sites": len(profiles.sites),
        "n_build": sum(info.builds for info in profiles.features),
        "n_evaluate": sum(info.use == "evaluate" for info in profiles.features),
        "rounds": profiles.rounds,
        "missing_share": missing_share(profiles),
        "marks": type_marks(typology),
        "types": list(type_sizes(typology)),
        "cards": type_cards(typology, disclosure),
        "profile": profile,
        "undrawn": undrawn_words(typology, profile),
        "thin": _thin(profile, sites["rows"], features),
        "one_population": one_population(profile),
        "axis": axis_content(typology),
        "borderline": borderline_table(typology, explanation),
        "n_borderline": borderline_count(typology),
        "sureness": sureness_words(typology),
        "sites": sites,
        "explanation": explanation,
        "drivers": driver_tables(typology, explanation),
        "explained": explanation_content(typology, explanation),
        "reasons": site_reasons(typology, explanation, [row["site"] for row in sites["rows"]]),
        "ledger": ledger_table(profiles.ledger, sources),
        "features": features,
        "disclosure": disclosure,
        "candidates": candidate_rows(typology),
        "gains": gain_rows(evidence.null_test),
        "numbers": number_rows(evidence),
        "numbers_words": number_words(evidence),
        "steadiness": stability_rows(evidence),
        "steadiness_words": stability_words(evidence),
        "settings": settings_table(typology),
        "versions": versions(),
        "checklist": checklist(typology, explanation),
        "glossary": GLOSSARY,
    }


def _thin(
    profile: list[dict[str, Any]], sites: list[dict[str, Any]], features: list[dict[str, Any]]
) -> dict[str, bool]:
    """Tables in which a figure is flagged, so that the flag is explained below them."""
    rows = [row for group in profile for row in group["features"]]
    return {
        "profile": any(cell["thin"] for row in rows for cell in row["cells"]),
        "sites": any(row["thin"] for row in sites),
        "features": any(row["thin"] for row in features),
    }


def render_page(template: str, content: Mapping[str, Any]) -> str:
    """Fill a template of the reports; figures come as SVG under ``figures``.

    Parameters
    ----------
    template : str
        File name beside this module.
    content : mapping of str to object
        Every text is escaped where the template shows it, but for `figures`, which were escaped
        where they were drawn, and ``figure`` of `quality` if it is there.

    Returns
    -------
    str
        A whole HTML page.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    folder = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    style = Markup((folder / STYLE).read_text(encoding="utf-8"))  # noqa: S704  # our own file
    drawn = {
        name: Markup(text)  # noqa: S704  # escaped where it was drawn
        for name, text in {
            **content["figures"],
            "reliability": content.get("quality", {}).get("figure", ""),
        }.items()
        if text
    }
    return environment.get_template(template).render(
        **{**content, "figures": drawn, "style": style}
    )
