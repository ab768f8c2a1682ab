"""Write what may leave the team from the results of a run, with the keys kept beside the run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from site_typology.declaration import Disclosure
from site_typology.describe import type_names
from site_typology.document_page import document_html
from site_typology.errors import Problem, Problems, StudyError
from site_typology.figure_canvas import render, render_png
from site_typology.output import write_csv, write_whole
from site_typology.pseudonyms import kept_secret, pseudonyms
from site_typology.report_files import RECORD, report_files
from site_typology.share_content import Shareable, shareable
from site_typology.share_guard import figure_texts, is_unmistakable, named_in
from site_typology.share_sections import Hidden
from site_typology.share_tables import unnamed_categories
from site_typology.study_file import read_declaration
from site_typology.typology import Typology
from site_typology.typology_files import check_saved, load_typology

SHARED = (
    "report.html", "report.docx", "report.xlsx", "report.json", "assignments.csv",
    "suppressed.csv",
)  # fmt: skip
"""Every name that a share writes."""
KEPT = "sharing"
"""Folder beside the results for what must not leave: secrets, who is who, full reasons."""


PLACE = "-folder.txt"
"""Ending of the file that says which folder a name stands for."""


@dataclass(frozen=True)
class Share:
    """What was written: the folder to hand over, what is hidden in it, what was kept."""

    folder: Path
    hidden: list[Hidden]
    kept: Path


def share_results(results: str | Path, to: str | Path, study: str | Path | None = None) -> Share:
    """Write the report and the assignments of a run as they may leave the team.

    Parameters
    ----------
    results : str or Path
        Folder that `site-typology run` wrote.
    to : str or Path
        Folder to hand over; made if needed, an earlier share in it is replaced.
    study : str or Path, optional
        Study file to take the rules from; those of the run by default.

    Returns
    -------
    Share
        Its folder holds the names in `SHARED`. In ``sharing/`` of `results` stand, under the name
        of the folder, the secret of the pseudonyms, who is who, where the folder is, and why each
        figure is hidden.

    Raises
    ------
    StudyError
        No results there, too few sites, a folder that holds something else, lies in the results or
        has the name of an earlier one elsewhere, or a text of the report that names a site.
        Nothing is written then.
    """
    results, to = Path(results).resolve(), Path(to).resolve()
    _check_place(results, to)
    saved = results / "typology"
    check_saved(saved, results, "Give the folder of a run; it holds typology/.")
    typology = load_typology(saved)
    title, rules = _title_and_rules(results, study)
    sites = [str(site) for site in typology.profiles.sites]
    if len(sites) <= rules.small_number:
        said = f"{len(sites)} sites are a small number themselves (up to {rules.small_number})."
        raise StudyError(str(results), [Problem("sites", said)])
    kept = results / KEPT / to.name
    _check_name(kept, to)
    secret = kept_secret(kept.with_name(f"{to.name}.key"))
    names = pseudonyms(sites, secret)
    made = shareable(typology, names, rules, title or typology.name, secret)
    figures = {name: render(name, drawing) for name, drawing in made.drawings.items()}
    _guard(typology, made, figures, title or typology.name, rules)
    write_whole(to, lambda folder: _fill(folder, made, figures, rules))
    kept.with_name(f"{to.name}{PLACE}").write_text(f"{to}\n", encoding="utf-8")
    who = pd.DataFrame({"pseudonym": names.values(), "site": names.keys()})
    _write_kept(who.sort_values("pseudonym"), kept.with_name(f"{to.name}-sites.csv"))
    _write_kept(_hidden_rows(made.hidden, "why"), kept.with_name(f"{to.name}-suppressed.csv"))
    return Share(to, made.hidden, kept.parent)


def _check_place(results: Path, to: Path) -> None:
    found = Problems(str(to))
    if results in (to, *to.parents) or to in results.parents:
        found.add(
            "to", f"Lies in {results}, or around it. Name a folder apart: all of it goes out."
        )
    elif to.is_dir():
        strange = sorted(path.name for path in to.iterdir() if path.name not in SHARED)
        if strange:
            found.add(
                "to", f"Holds {', '.join(strange[:5])}, not of a share. Name an empty folder."
            )
    found.raise_if_any()


def _check_name(kept: Path, to: Path) -> None:
    """Refuse one name for two folders: both would get the same pseudonyms."""
    place = kept.with_name(f"{to.name}{PLACE}")
    used = place.read_text(encoding="utf-8").strip() if place.exists() else str(to)
    if used != str(to):
        said = (
            f"The name {to.name} stands for {used}, and its pseudonyms would be the same. Take "
            f"another name; if both are for the same people, delete {place} first."
        )
        raise StudyError(str(to), [Problem("to", said)])


def _title_and_rules(results: Path, study: str | Path | None) -> tuple[str, Disclosure]:
    if study is not None:
        path = Path(study)
        declared = read_declaration(path / "study.toml" if path.is_dir() else path).study
        return declared.title, declared.disclosure
    path = results / RECORD
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return str(record["title"]), Disclosure.model_validate(record["disclosure"])
    except (OSError, KeyError, TypeError, ValueError, ValidationError) as error:
        said = "Missing or not as a run writes it. Run the study again, or name it with --study."
        raise StudyError(str(path), [Problem("file", said)]) from error


def _guard(
    typology: Typology, made: Shareable, figures: dict[str, str], title: str, rules: Disclosure
) -> None:
    """Refuse to write where a text names a site, or a title or label a category not to be named."""
    sites = [str(site) for site in typology.profiles.sites]
    given = [
        ("title", title),
        *(("name of a type", name) for name in type_names(typology).values()),
    ]
    labels, categories = _label_texts(typology), _category_texts(typology, rules)
    everything = [*made.document.texts(), *figure_texts(figures)]
    rare = [name for _, name in unnamed_categories(typology, rules)]
    said = [
        *named_in([*given, *labels, *categories], sites, codes=True),
        *named_in(everything, filter(is_unmistakable, sites)),
        *named_in([*given, *labels], rare, codes=True),
    ]
    found = Problems("report for sharing")
    for place, name in dict.fromkeys(said):
        found.add(
            place,
            f"Says {name!r}, the name of a site or of a category that too few sites have. Change "
            "the title, label or name that says it, and run again.",
        )
    found.raise_if_any()


def _label_texts(typology: Typology) -> list[tuple[str, str]]:
    """Names of tables and labels of features that a shared report prints, each with what it is."""
    profiles = typology.profiles
    texts = [("table of a survey", str(name)) for name in profiles.response["table"].unique()]
    for info in profiles.features:
        for text in (info.title, info.unit, info.family, info.composition):
            texts.append((f"feature {info.name}", text))
    return texts


def _category_texts(typology: Typology, rules: Disclosure) -> list[tuple[str, str]]:
    """Categories that a shared report names."""
    profiles, hidden = typology.profiles, unnamed_categories(typology, rules)
    return [
        (f"category of {info.name}", name)
        for info in profiles.features
        if info.kind == "category"
        for name in profiles.values[info.name].dropna().astype(str).unique()
        if (info.title, name) not in hidden
    ]


def _fill(folder: Path, made: Shareable, figures: dict[str, str], rules: Disclosure) -> None:
    (folder / "report.html").write_text(document_html(made.document, figures), encoding="utf-8")
    pictures = {name: render_png(drawing) for name, drawing in made.drawings.items()}
    about = {"internal": False, "disclosure": rules.model_dump()}
    for name, content in report_files(made.document, pictures, about).items():
        (folder / name).write_bytes(content)
    write_csv(made.assignments, folder / "assignments.csv")
    write_csv(_hidden_rows(made.hidden, "told"), folder / "suppressed.csv")


def _write_kept(frame: pd.DataFrame, path: Path) -> None:
    """Write a table that its owner alone can read, as the secret is."""
    path.touch(mode=0o600)
    path.chmod(0o600)  # An earlier version of it may be there.
    write_csv(frame, path)


def _hidden_rows(hidden: list[Hidden], reason: str) -> pd.DataFrame:
    return pd.DataFrame(
        [(each.table, each.cell, each.rule, getattr(each, reason)) for each in hidden],
        columns=["table", "cell", "rule", "reason"],
    )
