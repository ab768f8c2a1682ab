"""Run independent tasks in order, on one worker or several, with the same results."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[str, float], None]

BATCH = 4
MOST_BATCHES = 20


def run_tasks(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    stage: str = "",
) -> list[Result]:
    """Apply `task` to every item and return the results in the order of the items.

    A task carries its own random seed, so that results do not depend on `workers`. Every
    process computes on one thread: small fits get slower, not faster, on several.

    Parameters
    ----------
    task : callable
        A module-level function or a `functools.partial` of one.
    items : sequence
        One item a task.
    workers : int
        Processes to use; 1 stays in this one. Threads, or workers of a cluster, where
        ``joblib.parallel_config`` names another backend.
    progress : callable, optional
        Called with `stage` and the share done, from 0 to 1.
    stage : str
        What is being done, in words.

    Examples
    --------
    >>> run_tasks(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    if progress is not None:
        progress(stage, 0.0)
    results: list[Result] = []
    for finished in _batches(task, items, workers):
        results += finished
        if progress is not None:
            progress(stage, len(results) / len(items))
    return results


def _batches(
    task: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[list[Result]]:
    """Give results batch by batch; nothing runs while the caller has the word."""
    from threadpoolctl import threadpool_limits

    if workers <= 1 or len(items) <= 1:
        with threadpool_limits(1):
            for item in items:
                yield [task(item)]
        return
    from joblib import delayed

    size = max(BATCH * workers, -(-len(items) // MOST_BATCHES))
    alone = partial(_on_one_thread, task, (os.getpid(), threading.get_ident()))
    with threadpool_limits(1), _parallel(workers) as parallel:
        for start in range(0, len(items), size):
            yield parallel(delayed(alone)(item) for item in items[start : start + size])


def _parallel(workers: int) -> Any:
    """Processes of this machine, or what `joblib.parallel_config` says: threads, a cluster."""
    from joblib import Parallel
    from joblib.parallel import get_active_backend

    backend = get_active_backend()[0]
    if backend.supports_inner_max_num_threads:
        return Parallel(n_jobs=workers, inner_max_num_threads=1)
    return Parallel(n_jobs=workers)


def _on_one_thread(task: Callable[[Item], Result], caller: tuple[int, int], item: Item) -> Result:
    """Do one task; where another thread does it, libraries keep to one thread there for good.

    OpenMP counts for each thread that calls it, and workers of a cluster are not started here, so
    that limits are set from inside. Lifting them after each task would let them go while another
    thread still computes.
    """
    if (os.getpid(), threading.get_ident()) != caller:
        from threadpoolctl import threadpool_limits

        threadpool_limits(1)
    return task(item)
