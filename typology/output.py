"""The output contract of a run: what is written, under which name, all of it or nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from site_typology.describe import describe_types
from site_typology.errors import Problem, StudyError
from site_typology.estimates import site_estimates
from site_typology.figures import write_figures
from site_typology.profile_files import write_wide
from site_typology.profiles import SiteProfiles
from site_typology.replicates import PAIR_COLUMNS
from site_typology.rule_list import rules_table
from site_typology.specification_curve import COLUMNS, SITE_COLUMNS, SpecificationCurve
from site_typology.spreadsheet import neutralise
from site_typology.system_errors import told
from site_typology.two_rules import axis_table, two_rules
from site_typology.typology import Typology

if TYPE_CHECKING:
    from site_typology.explain import Explanation

RUN_FILE = "run.json"
CONTRACT = (
    "INTERNAL.txt",
    "profiles.csv",
    "profiles.parquet",
    "ledger.csv",
    "candidates.csv",
    "comembership.csv",
    "evidence.json",
    "types.csv",
    "memberships.csv",
    "axis.csv",
    "drivers.csv",
    "explanation.csv",
    "rules.csv",
    "evaluation.csv",
    "specifications.csv",
    "specification_sites.csv",
    "specifications.json",
    "typology",
    "report.html",
    "report.docx",
    "report.xlsx",
    "report.json",
    "figures",
    RUN_FILE,
)
"""Every name that a run writes."""
MARKING = (
    "Internal: these files name sites and show exact figures. Keep them in the evaluation team.\n"
    "What may leave it: site-typology share THIS_FOLDER --to FOLDER\n"
)


def write_outputs(
    out: str | Path,
    typology: Typology,
    profiles: SiteProfiles,
    report: str,
    figures: Mapping[str, str],
    explanation: Explanation,
    files: Mapping[str, bytes] | None = None,
    curve: SpecificationCurve | None = None,
    run: Mapping[str, Any] | None = None,
) -> Path:
    """Write the results of a run to a folder, replacing those of an earlier run.

    Parameters
    ----------
    out : str or Path
        Folder; made if needed. Other files in it are left alone.
    typology : Typology
        The proposal.
    profiles : SiteProfiles
        Profiles of every round.
    report : str
        The report as HTML.
    figures : mapping of str to str
        Figures as SVG by name.
    explanation : Explanation
        What membership is associated with.
    files : mapping of str to bytes, optional
        The report in other formats, from `site_typology.report_files.report_files`.
    curve : SpecificationCurve, optional
        Where a grid of specifications was tried.
    run : mapping, optional
        How the results were made: content of `RUN_FILE`.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    StudyError
        The folder cannot be written.
    """

    def fill(folder: Path) -> None:
        (folder / "INTERNAL.txt").write_text(MARKING, encoding="utf-8")
        _fill_profiles(folder, profiles)
        write_tables(folder, typology)
        write_explanation(folder, typology, explanation)
        fill_specifications(folder, curve)
        (folder / "report.html").write_text(report, encoding="utf-8")
        for name, content in (files or {}).items():
            (folder / name).write_bytes(content)
        write_figures(figures, folder / "figures")
        typology.save(folder / "typology")
        if run is not None:
            (folder / RUN_FILE).write_text(
                json.dumps(run, indent=1, allow_nan=False) + "\n", encoding="utf-8"
            )

    return write_whole(Path(out), fill)


def fill_specifications(folder: Path, curve: SpecificationCurve | None) -> None:
    """Write the specifications; only headings, and no content, where no grid was tried."""
    table = pd.DataFrame(columns=list(COLUMNS)) if curve is None else curve.table
    sites = pd.DataFrame(columns=list(SITE_COLUMNS)) if curve is None else curve.sites
    write_csv(table, folder / "specifications.csv")
    write_csv(sites, folder / "specification_sites.csv")
    content = None if curve is None else curve.to_dict()
    text = json.dumps(content, indent=1, allow_nan=False)
    (folder / "specifications.json").write_text(text + "\n", encoding="utf-8")


def write_tables(folder: Path, typology: Typology) -> None:
    """Write every figure of a typology to a folder: the evidence and the tables."""
    write_csv(typology.evidence.candidates, folder / "candidates.csv")
    write_csv(comembership_table(typology), folder / "comembership.csv")
    write_csv(describe_types(typology), folder / "types.csv")
    write_csv(typology.memberships, folder / "memberships.csv")
    write_csv(axis_table(typology, two_rules(typology)), folder / "axis.csv")
    evidence = json.dumps(typology.evidence.to_dict(), indent=1, allow_nan=False)
    (folder / "evidence.json").write_text(evidence + "\n", encoding="utf-8")


def write_explanation(folder: Path, typology: Typology, explanation: Explanation) -> None:
    """Write every figure of an explanation to a folder."""
    write_csv(explanation.per_type, folder / "drivers.csv")
    write_csv(explanation.per_site, folder / "explanation.csv")
    write_csv(rules_table(typology, explanation.rules), folder / "rules.csv")
    write_csv(explanation.evaluation, folder / "evaluation.csv")


def comembership_table(typology: Typology) -> pd.DataFrame:
    """Pairs of sites and how often resamples put them in one type; empty where they are not kept.

    Columns `site_typology.replicates.PAIR_COLUMNS`; sites in order of name.
    """
    replicates = typology.evidence.replicates
    if replicates is None:
        return pd.DataFrame(columns=list(PAIR_COLUMNS))
    return replicates.pairs(list(typology.evidence.site_stability.index))


def write_whole(out: Path, fill: Callable[[Path], None]) -> Path:
    """Let `fill` write into a folder apart, then move what it wrote into `out`.

    Parameters
    ----------
    out : Path
        Where the files are to stand.
    fill : callable
        Writes files into the folder it is given.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    StudyError
        `out` cannot be a folder or be written to, or the system refuses something else meanwhile.

    Examples
    --------
    >>> out = write_whole(Path(tempfile.mkdtemp()) / "out", lambda d: (d / "a.txt").touch())
    >>> [path.name for path in out.iterdir()]
    ['a.txt']
    """
    check_writable(out)
    apart: dict[Path, Path] = {}
    with told(str(out), "the results were written", apart):
        staging = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
        new, old = staging / "new", staging / "old"
        apart[new] = out
        try:
            new.mkdir()
            old.mkdir()
            fill(new)
            out.mkdir(exist_ok=True)
            _exchange(new, old, out)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    return out


def _exchange(new: Path, old: Path, out: Path) -> None:
    """Move everything in `new` to `out`, and what stood there to `old`; undo it on any failure."""
    moved: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        source.replace(target)
        moved.append((source, target))

    try:
        for path in sorted(new.iterdir()):
            place = out / path.name
            if place.exists() or place.is_symlink():
                move(place, old / path.name)
            move(path, place)
    except BaseException:  # An interrupt too must leave what was there; raised again below.
        for source, target in reversed(moved):
            target.replace(source)
        raise


def check_writable(out: Path) -> None:
    """Raise `StudyError` where `out` cannot become a folder; make its parents."""
    place = out
    try:
        if out.exists() and not out.is_dir():
            raise StudyError(str(out), [Problem("out", "Is a file. Name a folder to write to.")])
        out.parent.mkdir(parents=True, exist_ok=True)
        for place in (out.parent, out) if out.exists() else (out.parent,):
            tempfile.TemporaryDirectory(dir=place).cleanup()
    except OSError as error:
        file = next((one for one in out.parents if one.is_file()), None)
        reason = f"{place} cannot be written to: {error.strerror or error}."
        said = f"{reason if file is None else f'{file} is a file.'} Name another folder."
        raise StudyError(str(out), [Problem("out", said)]) from error


def write_profiles(out: str | Path, profiles: SiteProfiles) -> Path:
    """Write only the profiles and the ledger of a study to a folder; see `write_outputs`."""
    return write_whole(Path(out), lambda folder: _fill_profiles(folder, profiles))


def _fill_profiles(folder: Path, profiles: SiteProfiles) -> None:
    write_wide(profiles, folder / "profiles.csv")
    site_estimates(profiles).to_parquet(folder / "profiles.parquet", index=False)
    write_csv(profiles.ledger, folder / "ledger.csv")


def write_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table without its index, formulas made harmless."""
    neutralise(frame).to_csv(path, index=False)
