"""``site-typology check``: how good the data are, on the terminal, as a page and as JSON."""

from __future__ import annotations

from pathlib import Path

from site_typology.console import output_console, tell
from site_typology.errors import SiteTypologyError, StudyError
from site_typology.features.quality import print_check, print_findings
from site_typology.quality_files import (
    LEDGER,
    problems_record,
    quality_json,
    quality_record,
    write_quality,
)
from site_typology.quality_page import quality_html
from site_typology.screening import screen
from site_typology.study import Study


def check_study(path: str | Path, *, out: Path | None = None, as_json: bool = False) -> bool:
    """Check a study and show what was found.

    Parameters
    ----------
    path : str or Path
        The study file.
    out : Path, optional
        Folder for ``quality.html``, the tables behind it and the ledger.
    as_json : bool
        Print one JSON record and nothing else.

    Returns
    -------
    bool
        Whether types can be looked for in these data.

    Raises
    ------
    StudyError
        The study cannot be read, or the folder not be written.
    """
    try:
        loaded = Study.load(path)
        assessment = loaded.assess()
    except StudyError as error:
        if as_json:
            print(quality_json(problems_record(error)))
        raise
    not_ready = _not_ready(loaded)
    page = ""
    if out is not None:
        sources = {name: table.path for name, table in loaded.declaration.tables.items()}
        text = quality_html(assessment, title=loaded.title, sources=sources, not_ready=not_ready)
        page = str(write_quality(out, text, assessment))
    if as_json:
        record = quality_record(assessment, study=loaded.name, not_ready=not_ready, page=page)
        print(quality_json(record))
        return not not_ready
    console = output_console()
    print_check(console, loaded.tables, loaded.profiles())
    print_findings(console, assessment)
    if not_ready:
        tell(console, f"\nNot ready to look for types. {not_ready}")
    else:
        tell(console, "\nReady to look for types.")
    if page:
        tell(console, f"Page:    {page}")
        tell(console, f"Ledger:  {Path(page).with_name(LEDGER)}")
    return not not_ready


def _not_ready(study: Study) -> str:
    """Why types cannot be looked for; ``""`` where they can."""
    try:
        screen(study.typology_profiles(), study.declaration.typology.min_observed)
    except SiteTypologyError as error:
        return str(error)
    return ""
