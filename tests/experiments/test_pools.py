"""The same numbers from processes, threads and a Dask cluster, one of whose workers is killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from site_typology.errors import StudyError
from site_typology.experiments.pools import pool
from site_typology.grid import Facts, Grid, lay_out
from site_typology.grid_material import GridSource, evidence_sites, feature_sets
from site_typology.grid_runs import run_grid
from site_typology.kept_tasks import KeptTasks
from site_typology.models.parallel import run_tasks
from site_typology.profiles import SiteProfiles
from site_typology.proposal import propose

GRID = Grid(
    links=["working", "plain"],
    missing=["plausible", "conditional", "mean"],
    algorithms=["mixture", "kmeans", "ward"],
    seeds=[1, 2],
    draws=3,
    bootstraps=4,
)


@pytest.fixture(scope="module")
def grid():
    """A source and its specifications."""
    rng = np.random.default_rng(2)
    centres = np.eye(3, 4)[np.arange(24) % 3] * 6
    sites = [f"S{at:02d}" for at in range(24)]
    frame = pd.DataFrame(centres + rng.normal(size=(24, 4)), sites, list("abcd"))
    frame.iloc[3, 1] = np.nan
    profiles = SiteProfiles.from_frame(frame, frame * 0 + 0.3)
    sets = feature_sets(GRID, profiles.features)
    kept = evidence_sites(profiles, 1 / 3, 400, 1)
    source = GridSource({"declared": profiles}, sets, kept, GRID, 1 / 3, 3, 0.05, 1)
    laid = lay_out(GRID, list(sets), (2, 3), Facts(), 1)
    return source, laid.listed


@pytest.fixture(scope="module")
def expected(grid):
    return run_grid(*grid).fitted


def libraries(_: int) -> list[int]:
    """Threads that each numerical library may use in the process of a task."""
    return [one["num_threads"] for one in threadpool_info()]


@pytest.mark.parametrize("threads", [False, True], ids=["processes", "threads"])
def test_two_workers_give_the_same_on_one_thread_each(grid, expected, threads):
    with pool(2, threads=threads) as workers:
        found = run_grid(*grid, workers=workers).fitted
        used = run_tasks(libraries, range(4), workers=workers)
    assert found == expected
    assert {number for one in used for number in one} == {1}


# --- A cluster -------------------------------------------------------------------------------


def dask(*words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    return subprocess.Popen(
        [sys.executable, "-m", *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def cluster():
    """Start a scheduler on loopback and two workers of one thread, each a process of its own."""
    distributed = pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    place = ["--host", "127.0.0.1"]
    started = [
        dask("distributed.cli.dask_scheduler", *place, "--port", address.rsplit(":", 1)[1],
             "--no-dashboard")
    ]  # fmt: skip
    alone = ["--nworkers", "1", "--nthreads", "1", "--no-nanny", "--no-dashboard", *place]
    started += [dask("distributed.cli.dask_worker", address, *alone) for _ in range(2)]
    try:
        with distributed.Client(address, timeout="60s") as client:
            client.wait_for_workers(2, timeout=60)
        yield address, started[1:]
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.wait()


@pytest.mark.server
def test_a_cluster_gives_the_same_though_a_worker_is_killed(grid, expected, cluster, tmp_path):
    address, workers = cluster
    killed: list[float] = []

    def kill_one(step: str, done: float) -> None:
        if done > 0.2 and not killed:
            os.kill(workers[0].pid, signal.SIGKILL)
            killed.append(done)

    with pool(1, scheduler=address) as number:
        assert number == 2
        used = run_tasks(libraries, range(4), workers=number)
        found = run_grid(*grid, workers=number, out=tmp_path, progress=kill_one).fitted
    assert killed and workers[0].wait(10) == -signal.SIGKILL and workers[1].poll() is None
    assert found == expected
    assert {number for one in used for number in one} == {1}


@pytest.mark.server
def test_a_worker_killed_while_it_computes_loses_nothing(cluster):
    address = cluster[0]
    replaced = dask(
        "distributed.cli.dask_worker", address, "--nworkers", "1", "--nthreads", "1", "--no-nanny",
        "--no-dashboard", "--host", "127.0.0.1",
    )  # fmt: skip
    try:
        with pool(1, scheduler=address) as number:
            from distributed import get_client

            get_client().wait_for_workers(2, timeout=60)
            found = run_tasks(slow_or_dead, [(at, replaced.pid) for at in range(8)], workers=number)
        assert found == [at * at for at in range(8)]
        assert replaced.wait(10) == -signal.SIGKILL
    finally:
        with contextlib.suppress(ProcessLookupError):
            replaced.kill()
        replaced.wait()


def process_of(_: int) -> int:
    """Number of the process that does a task."""
    return os.getpid()


def slow_or_dead(item: tuple[int, int]) -> int:
    """Take a moment; the worker named ends itself in the middle of it."""
    number, doomed = item
    time.sleep(0.2)
    if os.getpid() == doomed:
        os.kill(doomed, signal.SIGKILL)
    return number * number


def test_a_scheduler_that_is_not_there_is_told(monkeypatch):
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    monkeypatch.setattr("site_typology.experiments.pools.PATIENCE", "1s")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with (
            pytest.raises(StudyError, match="No Dask scheduler answers"),
            pool(2, scheduler=address),
        ):
            pass


@pytest.fixture
def small_cluster():
    """Start a scheduler on loopback and one worker of one thread."""
    pytest.importorskip("distributed", reason="the extra 'dask' is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, place = f"tcp://127.0.0.1:{port}", ["--host", "127.0.0.1", "--no-dashboard"]
    worker = ["distributed.cli.dask_worker", address, *place, "--nthreads", "1", "--no-nanny"]
    started = [dask("distributed.cli.dask_scheduler", *place, "--port", str(port)), dask(*worker)]
    until = time.monotonic() + 60
    try:
        while True:
            with contextlib.suppress(StudyError), pool(1, scheduler=address):
                break
            assert time.monotonic() < until
        yield address, started, worker
    finally:
        for process in started:
            process.kill()
            process.wait()


@pytest.mark.server
def test_one_core_does_the_work_and_where_it_is_lost_another_is_waited_for(small_cluster):
    address, started, worker = small_cluster

    def replace(step: str, done: float) -> None:
        if done > 0 and len(started) == 2:
            started[1].kill()
            started[1].wait()
            started.append(dask(*worker))

    with pool(1, scheduler=address) as number:
        found = run_tasks(process_of, range(24), workers=number, progress=replace)
    assert set(found) == {started[1].pid, started[2].pid}


@pytest.mark.server
def test_evidence_from_a_cluster_is_the_same_and_is_kept(small_cluster, typology, small, tmp_path):
    path = tmp_path / "tasks.jsonl"
    with pool(1, scheduler=small_cluster[0]) as number:
        found = propose(
            typology.profiles, seed=3, settings=small, workers=number, name=typology.name,
            kept=KeptTasks(path, "key"),
        )  # fmt: skip
    assert found.evidence.to_dict() == typology.evidence.to_dict()
    pd.testing.assert_frame_equal(found.memberships, typology.memberships)
    tasks = [json.loads(line)["task"] for line in path.read_text().splitlines()]
    assert len(set(tasks)) == len(tasks) and {"candidates 0", "stability 0"} <= set(tasks)


@pytest.mark.server
def test_a_scheduler_that_is_lost_is_told_with_how_to_go_on(small_cluster):
    address, started, _ = small_cluster
    with (
        pytest.raises(StudyError, match=r"was lost: .*--resume goes on from there"),
        pool(1, scheduler=address) as number,
    ):
        run_tasks(abs, range(99), workers=number, progress=lambda *_: started[0].kill())


def test_without_dask_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(StudyError, match=r"pip install '\.\[dask\]'"),
        pool(1, scheduler="tcp://x:1"),
    ):
        pass


def test_threads_and_a_cluster_at_once_are_refused():
    with pytest.raises(StudyError, match="either"), pool(1, threads=True, scheduler="tcp://x:1"):
        pass
