"""Simulate a whole multi-site study, tables as they would come in, with known truth beside."""

from __future__ import annotations

import dataclasses
import json
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from site_typology.errors import Problems
from site_typology.simulated_gias import AREA_PREFIX
from site_typology.simulated_informants import draw_informants, write_informants
from site_typology.simulated_profiles import write_truth
from site_typology.simulated_scenarios import SCENARIOS, TYPE_SHARES, Scenario
from site_typology.simulated_settings import draw_settings
from site_typology.simulated_settings_survey import draw_settings_survey, write_settings_survey
from site_typology.simulated_sites import (
    draw_activity,
    draw_invited,
    draw_returns,
    draw_teams,
    list_sites,
)
from site_typology.simulated_staff import draw_staff
from site_typology.simulated_study import study_text
from site_typology.simulated_truth import draw_truth
from site_typology.system_errors import told

STUDY = "study.toml"
MARKER = Path("truth") / "parameters.json"
MAKER = "site-typology simulate"
_STREAMS = (
    "truth", "teams", "invited", "settings", "informants", "settings_survey", "staff",
    "staff_returns", "activity", "activity_returns", "sites",
)  # fmt: skip


def simulate(
    folder: str | Path,
    *,
    scenario: str = "trailblazer",
    sites: int | None = None,
    types: int | None = None,
    separation: float | None = None,
    informants: float | None = None,
    response: float | None = None,
    missingness: float | None = None,
    seed: int = 0,
) -> Path:
    """Write the tables of a made-up study, its study file and, apart, its truth.

    Every table follows from true site profiles: surveys with gaps and non-response, staff
    histories, a register of settings, routine activity. The assumptions stand in the
    documentation of the simulator. The same arguments give the same bytes.

    Parameters
    ----------
    folder : str or Path
        Folder to write to: new, empty, or of an earlier simulation, which is replaced.
    scenario : {"trailblazer", "well_measured"}
        Where the values below come from unless given.
    sites : int, optional
        Number of sites, 1 or more.
    types : int, optional
        Number of types in the true profiles, 0 to 5; 0 and 1 are one population.
    separation : float, optional
        Mahalanobis distance between any two types, in within-type SDs of the true profiles.
    informants : float, optional
        Mean number of key informants invited at a site in a round.
    response : float, optional
        Share of them who answer, above 0 and up to 1; settings answer half as often.
    missingness : float, optional
        Share of answers (and of sites' returns) missing at a typical site, 0 to 0.8.
    seed : int
        0 or more.

    Returns
    -------
    Path
        The ``study.toml`` written.

    Raises
    ------
    StudyError
        An argument is out of range, or the folder holds something else; lists every problem.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     study = simulate(Path(folder, "study"), sites=12, seed=1)
    ...     print(study.name, *sorted(path.name for path in study.parent.iterdir())[:2])
    study.toml activity.csv establishment.csv
    """
    folder = Path(folder)
    given = {
        "sites": sites,
        "types": types,
        "separation": separation,
        "informants": informants,
        "response": response,
        "missingness": missingness,
    }
    settled = _settle(folder, scenario, given, seed)
    apart: dict[Path, Path] = {}
    with told(str(folder), "the simulated study was written", apart):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".simulate-") as workshop:
            apart[Path(workshop)] = folder
            _write(Path(workshop), scenario, settled, seed)
            return _move_into(folder, Path(workshop))


def _settle(
    folder: Path, scenario: str, given: dict[str, int | float | None], seed: int
) -> Scenario:
    """Check everything that was asked for and fill it in from the scenario."""
    found = Problems("simulate")
    if scenario not in SCENARIOS:
        listed = ", ".join(SCENARIOS)
        found.add("scenario", f"There is no scenario {scenario!r}. Give one of: {listed}.")
    limits: dict[str, tuple[float, float]] = {
        "sites": (1, 1_000_000),
        "types": (0, max(TYPE_SHARES)),
        "separation": (0, 1000),
        "informants": (1, 10_000),
        "response": (1e-6, 1),
        "missingness": (0, 0.8),
    }
    for name, value in given.items():
        low, high = limits[name]
        whole = name in ("sites", "types")
        number = isinstance(value, int | np.integer) or (
            not whole and isinstance(value, float | np.floating)
        )
        if value is None:
            continue
        if isinstance(value, bool) or not number or not low <= value <= high:
            expected = f"{'a whole number' if whole else 'a number'} from {low:g} to {high:g}"
            found.add(name, f"Expected {expected}; found {value!r}.")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        found.add("seed", f"Expected a whole number from 0; found {seed!r}.")
    _check_folder(folder, found)
    found.raise_if_any()
    asked = {name: value for name, value in given.items() if value is not None}
    settled = dataclasses.replace(SCENARIOS[scenario], **asked)  # type: ignore[arg-type]  # checked above
    if settled.sites < 3 * settled.types and settled.types > 1:
        found.add(
            "types",
            f"{settled.types} types need {3 * settled.types} sites or more; found "
            f"{settled.sites}. Give more sites or fewer types.",
        )
    found.raise_if_any()
    return settled


def _check_folder(folder: Path, found: Problems) -> None:
    if folder.exists() and not folder.is_dir():
        found.add("folder", f"{folder} is a file. Give the path of a folder.")
    elif folder.is_dir() and any(folder.iterdir()) and not _is_simulation(folder):
        found.add(
            "folder",
            f"{folder} is not empty and holds no earlier simulation. Give another folder.",
        )


def _is_simulation(folder: Path) -> bool:
    try:
        content = json.loads((folder / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and content.get("made_by") == MAKER


def _write(folder: Path, name: str, scenario: Scenario, seed: int) -> None:
    """Draw the truth first and every table from it, each with random numbers of its own."""
    spawned = np.random.SeedSequence(seed).spawn(len(_STREAMS))
    seeds = dict(zip(_STREAMS, spawned, strict=True))
    truth = draw_truth(scenario, seeds["truth"])
    teams = draw_teams(scenario, seeds["teams"])
    invited = draw_invited(scenario, seeds["invited"])
    settings = draw_settings(truth, teams, seeds["settings"])
    staff_returned = draw_returns(truth, scenario.missingness, seeds["staff_returns"])
    staff = draw_staff(truth, teams, staff_returned, seeds["staff"])
    activity_returned = draw_returns(truth, scenario.missingness, seeds["activity_returns"])
    listing = list_sites(truth, teams, settings.invited, invited, seeds["sites"])
    informants = draw_informants(
        truth, invited, scenario.response, scenario.missingness, seeds["informants"]
    )
    answers = draw_settings_survey(
        truth, settings.participation, scenario, seeds["settings_survey"]
    )
    activity = draw_activity(truth, teams, activity_returned, seeds["activity"])

    _write_csv(listing, folder / "sites.csv")
    write_informants(informants.rows, folder / "key_informants.sav")
    write_settings_survey(answers.rows, folder / "settings_survey.csv")
    _write_csv(settings.participation, folder / "participating_settings.csv")
    _write_csv(settings.register, folder / "settings.csv", encoding="cp1252")
    _write_csv(settings.links, folder / "settings_links.csv", encoding="cp1252")
    _write_csv(staff.workforce, folder / "workforce.csv")
    _write_csv(staff.establishment, folder / "establishment.csv")
    _write_csv(activity, folder / "activity.csv")
    (folder / "truth").mkdir()
    asked: dict[str, object] = {"made_by": MAKER, "scenario": name, "seed": int(seed)}
    census = pd.concat([informants.census, answers.census], axis=1).sort_index()
    write_truth(truth, scenario, census, asked, folder / "truth")
    present = _present(settings.served, staff.workforce)
    text = study_text(f"simulated-{name.replace('_', '-')}", scenario, present)
    (folder / STUDY).write_text(text, encoding="utf-8", newline="\n")


def _present(served: pd.DataFrame, workforce: pd.DataFrame) -> dict[str, set[str]]:
    """Values of the columns by which the study's features choose rows."""
    named = ["PhaseOfEducation (name)", "TypeOfEstablishment (name)", "UrbanRural (name)"]
    present = {
        column: {value.removeprefix(AREA_PREFIX) for value in served[column]} for column in named
    }
    for column in ("role", "assignment_category", "leaving_reason"):
        present[column] = set(workforce[column])
    return present


def _write_csv(frame: pd.DataFrame, path: Path, encoding: str = "utf-8") -> None:
    frame.to_csv(path, index=False, encoding=encoding, lineterminator="\r\n")


def _move_into(folder: Path, workshop: Path) -> Path:
    """Put finished files in place; other files of an earlier simulation's folder stay."""
    (folder / "truth").mkdir(parents=True, exist_ok=True)
    for path in sorted(workshop.rglob("*")):
        if path.is_file():
            path.replace(folder / path.relative_to(workshop))
    return folder / STUDY
