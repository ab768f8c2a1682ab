"""The quality report as files: the page, its tables in full, and one record for machines."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from site_typology.errors import StudyError
from site_typology.features.assessment import Assessment
from site_typology.features.findings import findings
from site_typology.output import write_csv, write_whole

PAGE, FOLDER, LEDGER = "quality.html", "quality", "ledger.csv"

TABLES = (
    "response", "chase", "missing", "reliability", "few_informants", "same", "extremes",
    "source_rows", "changes", "feature_changes", "moved", "representativeness", "response_groups",
    "silent_settings", "weights", "weight_effect", "agreement",
)  # fmt: skip
"""Names of the tables in full: CSV files in the folder, keys of the record."""


def quality_tables(assessment: Assessment) -> dict[str, pd.DataFrame]:
    """Every table of the report in full, by the names in `TABLES`.

    Parameters
    ----------
    assessment : Assessment

    Returns
    -------
    dict of str to DataFrame
        Flat tables; what is known of a feature's measurement has a column a figure.
    """
    measured = pd.DataFrame(list(assessment.precision["measurement"]), dtype=float)
    reliability = assessment.precision.drop(columns="measurement")
    measured = measured.drop(columns=reliability.columns.intersection(measured.columns))
    measured.index = reliability.index
    frames = (
        assessment.response,
        assessment.chase,
        assessment.missing,
        pd.concat([reliability, measured], axis=1),
        assessment.thin,
        assessment.same,
        assessment.extremes,
        assessment.rows,
        assessment.changes,
        assessment.feature_changes,
        assessment.moved,
        assessment.representative,
        assessment.groups,
        assessment.silent_settings,
        assessment.profiles.weighting,
        assessment.weight_effect,
        assessment.profiles.source_agreement,
    )
    return dict(zip(TABLES, frames, strict=True))


def write_quality(out: str | Path, page: str, assessment: Assessment) -> Path:
    """Write the page, its tables and the ledger to a folder, all of them or none.

    Parameters
    ----------
    out : str or Path
        Folder; made if needed. Other files in it are left alone.
    page : str
        From `site_typology.quality_page.quality_html`.
    assessment : Assessment

    Returns
    -------
    Path
        The page.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """

    def fill(folder: Path) -> None:
        (folder / PAGE).write_text(page, encoding="utf-8")
        write_csv(assessment.profiles.ledger, folder / LEDGER)
        (folder / FOLDER).mkdir()
        for name, frame in quality_tables(assessment).items():
            write_csv(frame, folder / FOLDER / f"{name}.csv")

    return write_whole(Path(out), fill) / PAGE


def quality_record(
    assessment: Assessment, *, study: str, not_ready: str = "", page: str = ""
) -> dict[str, Any]:
    """Say everything as plain values, ready for JSON; what is not known is None.

    Parameters
    ----------
    assessment : Assessment
    study : str
        Name of the study.
    not_ready : str
        Why types cannot be looked for; ``""`` where they can.
    page : str
        Where the page was written; ``""`` where it was not.

    Returns
    -------
    dict
        ``study, round, sites, ready, not_ready, page, findings`` and ``tables``, by the names in
        `TABLES`, each a list of records.
    """
    return {
        "study": study,
        "round": assessment.round,
        "sites": list(assessment.profiles.sites),
        "ready": not not_ready,
        "not_ready": not_ready,
        "page": page,
        "findings": [
            {
                "section": found.section,
                "title": found.title,
                "level": found.level,
                "found": found.found,
                "do": found.do,
            }
            for found in findings(assessment)
        ],
        "tables": {
            name: [_plain(record) for record in frame.to_dict("records")]
            for name, frame in quality_tables(assessment).items()
        },
    }


def problems_record(error: StudyError) -> dict[str, Any]:
    """Say why a study cannot be read, as plain values.

    Examples
    --------
    >>> from site_typology.errors import Problem
    >>> problems_record(StudyError("study.toml", [Problem("file", "Not found.")]))["problems"]
    [{'where': 'file', 'message': 'Not found.'}]
    """
    found = [{"where": each.where, "message": each.message} for each in error.problems]
    return {"source": error.source, "ready": False, "problems": found}


def quality_json(record: Mapping[str, Any]) -> str:
    """Write a record as JSON."""
    return json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False)


def _plain(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): _value(value) for key, value in record.items()}


def _value(value: Any) -> Any:
    """A value that JSON knows.

    Examples
    --------
    >>> import numpy as np
    >>> _value(np.float64(1.5)), _value(np.nan), _value(np.bool_(True)), _value("A")
    (1.5, None, True, 'A')
    """
    plain = value.item() if hasattr(value, "item") else value
    return None if isinstance(plain, float) and not math.isfinite(plain) else plain
