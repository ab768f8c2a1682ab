"""How long 500 candidates take to log, and to list again, in a local database or on a server.

    python benchmarks/tracking.py [--candidates 500] [--server]

Candidates are copies of those of one small proposal under other names; what is logged with each is
what a run logs. ``--server`` starts a server of MLflow on loopback and logs to it as well.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from site_typology.experiments.origin import Origin
from site_typology.experiments.store import Store, choose_store, open_store
from site_typology.experiments.tracking import log_typology
from site_typology.profiles import SiteProfiles
from site_typology.proposal import propose
from site_typology.settings import ProposeSettings
from site_typology.typology import Typology


def proposal(candidates: int) -> Typology:
    """Make a small proposal with as many candidates as asked for."""
    rng = np.random.default_rng(1)
    centres = np.array([[2.0, 3.0, 0.1], [5.0, 3.0, 0.5], [2.0, 9.0, 0.9]])[np.arange(24) % 3]
    frame = pd.DataFrame(
        centres + rng.normal(scale=[0.2, 0.3, 0.01], size=(24, 3)),
        columns=["wsa", "activity", "leavers"],
        index=[f"T{at:02d}" for at in range(24)],
    )
    quick = ProposeSettings(
        algorithms=("ward",), draws=3, bootstraps=10, reference_draws=19, number_resamples=10
    )
    typology = propose(SiteProfiles.from_frame(frame), seed=3, settings=quick, name="Benchmark")
    table = typology.evidence.candidates
    rows = pd.concat([table] * (candidates // len(table) + 1), ignore_index=True).iloc[:candidates]
    rows = rows.assign(
        name=[name if at < len(table) else f"{name}/{at}" for at, name in enumerate(rows["name"])],
        proposed=[bool(own) and at < len(table) for at, own in enumerate(rows["proposed"])],
    )
    known = {candidate.name: candidate for candidate in typology.candidates}
    found = tuple(
        dataclasses.replace(known["/".join(name.split("/")[:3])], name=name)
        for name in rows["name"]
    )
    evidence = dataclasses.replace(typology.evidence, candidates=rows)
    return dataclasses.replace(typology, evidence=evidence, candidates=found)


def measure(typology: Typology, store: Store, where: str) -> None:
    """Log, list and log again; print the seconds."""
    open_store(store)  # making the database is not logging
    origin = Origin("Benchmark", "f" * 64).settled(typology)
    begun = time.perf_counter()
    tracked = log_typology(typology, origin, store)
    logged = time.perf_counter() - begun
    client = open_store(store)
    begun = time.perf_counter()
    page = client.search_runs([tracked.experiment_id], max_results=100)
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    found = client.search_runs(
        [tracked.experiment_id],
        "tags.kind = 'candidate' and metrics.min_stability > 0.5",
        max_results=1000,
        order_by=["metrics.agreement DESC"],
    )
    filtered = time.perf_counter() - begun
    begun = time.perf_counter()
    log_typology(typology, origin, store)
    again = time.perf_counter() - begun
    print(
        f"{where}: {len(tracked.candidate_runs)} candidates and the summary logged in "
        f"{logged:.1f} s; the first {len(page)} listed in {first:.2f} s; {len(found)} filtered and "
        f"sorted in {filtered:.2f} s; logged again, nothing doubled, in {again:.1f} s"
    )


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run MLflow's own server on a free port of loopback."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    words += ["--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/runs.db"]
    words += ["--artifacts-destination", str(folder / "artifacts")]
    own = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (folder / "log.txt").open("w") as log:
        process = subprocess.Popen(  # noqa: S603 - our own words
            words, cwd=folder, env={**os.environ, **own}, stdout=log, stderr=log
        )
    try:
        for _ in range(400):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5)
                break
            time.sleep(0.25)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--candidates", type=int, default=500)
    parser.add_argument("--server", action="store_true")
    asked = parser.parse_args()
    typology = proposal(asked.candidates)
    with tempfile.TemporaryDirectory() as folder:
        measure(typology, choose_store(folder), "local sqlite")
        if asked.server:
            with server(Path(folder)) as address:
                measure(typology, choose_store(folder, address), "server")


if __name__ == "__main__":
    main()
