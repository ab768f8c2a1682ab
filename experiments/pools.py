"""Where the work of a run is done: processes, threads, or the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from site_typology.errors import Problem, StudyError

PATIENCE = "20s"
"""How long a scheduler may take to answer."""


@contextlib.contextmanager
def pool(workers: int, *, threads: bool = False, scheduler: str | None = None) -> Iterator[int]:
    """Have `run_tasks` work there; gives the number of workers.

    Parameters
    ----------
    workers : int
        Processes or threads; on a cluster its own number counts.
    threads : bool
        Threads of this process.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://HOST:8786``. Its workers need the same
        versions of this package and what it depends on. Tasks and data go there unencrypted
        unless the cluster says otherwise; use it in a network you trust.

    Raises
    ------
    StudyError
        Both are asked for, Dask is not installed, or the scheduler does not answer or has no
        workers.

    Examples
    --------
    >>> with pool(2, threads=True) as workers:
    ...     workers
    2
    """
    import joblib

    if scheduler is None:
        with joblib.parallel_config("threading") if threads else contextlib.nullcontext():
            yield workers
        return
    if threads:
        message = "Give either --threads or --scheduler: a cluster's workers are its own."
        raise StudyError("run", [Problem("scheduler", message)])
    try:
        from distributed import Client
    except ImportError as error:
        message = "Dask is not installed. Install it: pip install 'site-typology[dask]'"
        raise StudyError("run", [Problem("scheduler", message)]) from error
    try:
        client = Client(scheduler, timeout=PATIENCE)
    except (OSError, ValueError, TimeoutError) as error:
        message = f"No Dask scheduler answers at {scheduler}: {error}."
        raise StudyError("run", [Problem("scheduler", message)]) from error
    with client:
        cores = sum(client.ncores().values())
        if not cores:
            message = f"The scheduler at {scheduler} has no workers. Start some: dask worker"
            raise StudyError("run", [Problem("scheduler", f"{message} {scheduler}")])
        with joblib.parallel_config("dask"):
            # Two at least: with one, tasks would stay in this process and not go to the cluster.
            yield max(2, int(cores))
