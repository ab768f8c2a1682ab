"""Make a tracked run again and say whether every figure agrees."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from site_typology.errors import Problem
from site_typology.experiments.agreement import (
    CLOSE,
    EVIDENCE,
    EXPLANATION,
    SPECIFICATIONS,
    TABLES,
    Agreement,
    compare_folders,
    compare_values,
)
from site_typology.experiments.environment import differences, environment
from site_typology.experiments.logged_model import ARTIFACT, check_there, typology_at
from site_typology.experiments.origin import Origin, read_run_file
from site_typology.experiments.store import Store, TrackingError, choose_store, open_store, tracking
from site_typology.output import RUN_FILE, fill_specifications, write_explanation, write_tables

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from site_typology.profiles import SiteProfiles
    from site_typology.study import Study
    from site_typology.typology import Typology

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Rerun:
    """What came of making a run again.

    Parameters
    ----------
    run_id : str
        The summary run.
    name : str
        Its name.
    source : str
        In words, what it was made from.
    agreement : Agreement
    unlike : tuple of str
        What differs here from where the run was made, and was gone on with or does not matter.
    """

    run_id: str
    name: str
    source: str
    agreement: Agreement
    unlike: tuple[str, ...]


def rerun(
    run_id: str,
    *,
    tracking_uri: str | None = None,
    study: str | Path | None = None,
    workers: int = 1,
    anyway: bool = False,
    close: float = CLOSE,
    progress: Progress | None = None,
) -> Rerun:
    """Make a run again with its data, settings and seed, and compare the results.

    Parameters
    ----------
    run_id : str
        The summary run, or that of any candidate of it.
    tracking_uri : str, optional
        MLflow store; see `choose_store`.
    study : str or Path, optional
        The study file; by default that of the run where it is still there, and otherwise the
        profiles that were logged with the run.
    workers : int
        Processes; they do not change the results.
    anyway : bool
        Go on though data, study file or versions are others.
    close : float
        See `compare_folders`.
    progress : callable, optional

    Returns
    -------
    Rerun

    Raises
    ------
    TrackingError
        There is no such run, or it was not logged by site-typology; or data, study file, code or
        versions differ and `anyway` is not asked for, with each difference.
    """
    from site_typology.experiments.runner import fidelity
    from site_typology.explain import explain
    from site_typology.proposal import propose

    store = choose_store(".", tracking_uri)
    check_there(store)
    client = open_store(store)
    with tempfile.TemporaryDirectory() as place:
        old, new = Path(place) / "old", Path(place) / "new"
        old.mkdir()
        new.mkdir()
        with tracking(store):
            run = _summary(client, run_id, store)
            _download(client, run.info.run_id, old)
            content = read_run_file(old / RUN_FILE)
        before = typology_at(f"runs:/{run.info.run_id}/{ARTIFACT}", store)
        loaded = _study(study, content)
        profiles = loaded.typology_profiles() if loaded else before.profiles
        firm, loose = _unlike(content, loaded, profiles)
        if firm and not anyway:
            raise TrackingError(f"run {run.info.run_id}", _refused(firm))
        again = propose(
            profiles,
            seed=content["seed"],
            settings=before.settings,
            workers=workers,
            progress=progress,
            name=before.name,
        )
        named = {int(number): name for number, name in content["names"].items()}
        again = again.named({key: name for key, name in named.items() if key in again.names})
        write_tables(new, again)
        tables: tuple[str, ...] = TABLES
        if content["explanation"]:
            explanation = explain(again, seed=content["seed"])
            write_explanation(new, again, explanation)
            tables += EXPLANATION
        if content["grid"] and loaded:
            _try_grid_again(new, content, loaded, again, workers, progress)
            tables += SPECIFICATIONS
        found = compare_folders(old, new, close, tables)
        if content["explanation"]:
            found = _with_fidelity(found, content["explanation"], fidelity(explanation), close)
        if content["grid"] and not loaded:
            loose.append("the grid of other choices, which only the study file can try again")
    source = f"the study file {loaded.path}" if loaded else "the profiles logged with the run"
    return Rerun(run.info.run_id, run.info.run_name, source, found, (*firm, *loose))


def _try_grid_again(
    folder: Path,
    content: dict[str, Any],
    study: Study,
    again: Typology,
    workers: int,
    progress: Progress | None,
) -> None:
    """Fit the specifications of the run again and write their tables to a folder."""
    from site_typology.experiments.run_plan import plan_grid, try_grid
    from site_typology.grid import Grid

    grid = Grid.model_validate(content["grid"])
    planned = plan_grid(study, again.settings, grid, content["seed"])
    curve = try_grid(planned, again, workers=workers, progress=progress)
    fill_specifications(folder, curve)


def _summary(client: MlflowClient, run_id: str, store: Store) -> Any:
    """Find the summary run, from its id or from that of one of its candidates."""
    run = client.get_run(run_id)
    tags = run.data.tags
    if tags.get("kind") == "candidate":
        wanted = f"tags.batch = '{tags['batch']}' and tags.kind = 'summary'"
        found = client.search_runs([run.info.experiment_id], wanted)
        run = found[0] if found else run
    if run.data.tags.get("kind") != "summary":
        said = f"Run {run_id} is no summary of site-typology, and belongs to none."
        raise TrackingError(f"MLflow at {store.shown}", [Problem("run", said)])
    return run


def _download(client: MlflowClient, run_id: str, folder: Path) -> None:
    there = {item.path for item in client.list_artifacts(run_id)}
    for name in (RUN_FILE, EVIDENCE, *TABLES, *EXPLANATION, *SPECIFICATIONS):
        if name in there:
            client.download_artifacts(run_id, name, str(folder))


def _study(given: str | Path | None, content: dict[str, Any]) -> Study | None:
    from site_typology.study import Study

    if given is not None:
        return Study.load(given)
    kept = content["study_file"]
    return Study.load(kept) if kept and Path(kept).is_file() else None


def _unlike(
    content: dict[str, Any], study: Study | None, profiles: SiteProfiles
) -> tuple[list[str], list[str]]:
    """What differs here, in words: what may change figures, and what should not."""
    firm, loose = differences(Origin.from_dict(content).environment, environment())
    if content["data_hash"] != profiles.hash:
        firm.insert(0, f"the data {content['data_hash'][:12]}, here {profiles.hash[:12]}")
    if study is not None and content["study_hash"] != study.hash:
        firm.insert(0, f"the study file {content['study_hash'][:12]}, here {study.hash[:12]}")
    return firm, loose


def _refused(unlike: list[str]) -> list[Problem]:
    remedy = "Bring back what the run was made with, or go on with --anyway."
    return [
        *(Problem("differs", f"{one[0].upper()}{one[1:]}.") for one in unlike),
        Problem("so", f"Figures that differ then would not say why. {remedy}"),
    ]


def _with_fidelity(
    found: Agreement, before: Mapping[str, float], now: Mapping[str, float], close: float
) -> Agreement:
    """Compare how far the explanation can be believed as well."""
    cells = [
        (RUN_FILE, f"explanation.{name}", value, now.get(name)) for name, value in before.items()
    ]
    more = compare_values(cells, close)
    return Agreement(
        found.figures + more.figures,
        found.texts + more.texts,
        found.identical + more.identical,
        (*found.differences, *more.differences),
    )
