"""The quality report: one page on whether the data are good enough, without network or script."""

from __future__ import annotations

from collections.abc import Mapping

from site_typology.features.assessment import Assessment
from site_typology.figure_canvas import render
from site_typology.figures_evidence import missing_drawing
from site_typology.report import render_page
from site_typology.report_data import ledger_table
from site_typology.report_quality import quality_content

TEMPLATE = "quality.html.j2"


def quality_html(
    assessment: Assessment,
    *,
    title: str,
    sources: Mapping[str, str] | None = None,
    not_ready: str = "",
) -> str:
    """Write the quality report of a study.

    Parameters
    ----------
    assessment : Assessment
        From `site_typology.features.assessment.assess`.
    title : str
        Title for readers.
    sources : mapping of str to str, optional
        Where each table came from.
    not_ready : str
        Why types cannot be looked for in these data; ``""`` where they can.

    Returns
    -------
    str
        A whole HTML page. Every text of the study is escaped. It names sites and rows, so it is
        marked as internal.
    """
    current = assessment.current
    figures = {"missing": render("missing", missing_drawing(current))} if len(current) else {}
    return render_page(
        TEMPLATE,
        {
            "title": title,
            "n_sites": len(assessment.profiles.sites),
            "n_features": len(assessment.profiles.features),
            "rounds": assessment.profiles.rounds,
            "not_ready": not_ready,
            "quality": quality_content(assessment),
            "ledger": ledger_table(assessment.profiles.ledger, sources or {}),
            "figures": figures,
        },
    )
