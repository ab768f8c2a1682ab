"""Run independent tasks in order, on one process or several, with the same results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

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
        Processes to use; 1 stays in this one.
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
    from joblib import Parallel, delayed

    size = max(BATCH * workers, -(-len(items) // MOST_BATCHES))
    with Parallel(n_jobs=workers, inner_max_num_threads=1) as parallel:
        for start in range(0, len(items), size):
            yield parallel(delayed(task)(item) for item in items[start : start + size])
