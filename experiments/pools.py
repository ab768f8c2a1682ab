"""Where the work of a run is done: processes, threads, or the workers of a Dask cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from site_typology.errors import Problem, StudyError

GO_ON = (
    "What is finished is kept: --resume goes on from there, with this cluster mended, another "
    "one or none."
)
PATIENCE = "20s"
"""How long a scheduler may take to answer."""
FEWEST = 2
"""Workers that a cluster is taken to have: with one, tasks would stay in this process."""


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
        Both are asked for, Dask is not installed, or the scheduler does not answer, has no
        workers, or is lost in the middle. Workers that are all lost are waited for.

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
        from distributed.comm import CommClosedError
    except ImportError as error:
        message = "Dask is not installed. In a clone of this project: pip install '.[dask]'"
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
        try:
            with joblib.parallel_config(_cluster()):
                yield max(FEWEST, int(cores))
        except OSError as error:
            if client.status == "running" and not isinstance(error, CommClosedError):
                raise  # It is not about the cluster.
            message = f"The scheduler at {scheduler} was lost: {error}. {GO_ON}"
            raise StudyError("run", [Problem("scheduler", message)]) from error


def _cluster() -> Any:
    """Joblib's backend for Dask, for a cluster of one core or of none for the moment too.

    Joblib counts the cores before each batch, does the tasks itself where there is one, and gives
    up after some seconds where there is none. Its own class has no public name.
    """
    from joblib._dask import DaskDistributedBackend

    class Cluster(DaskDistributedBackend):
        def effective_n_jobs(self, n_jobs: int) -> int:
            return max(FEWEST, int(sum(self.client.ncores().values())))

    return Cluster()
