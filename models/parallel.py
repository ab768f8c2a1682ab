"""Run independent tasks in order, on one process or several, with the same results."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[str, float], None]


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
    running = _results(task, items, workers)
    try:
        for result in running:
            results.append(result)
            if progress is not None:
                progress(stage, len(results) / len(items))
    finally:
        _stop(running)
    return results


def _stop(running: Generator[Result, None, None]) -> None:
    """Cancel what still runs after an error or an interrupt; nothing is left to warn of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        running.close()


def _results(
    task: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Generator[Result, None, None]:
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if workers <= 1 or len(items) <= 1:
        with threadpool_limits(1):
            for item in items:
                yield task(item)
        return
    from joblib import Parallel, delayed

    parallel = Parallel(n_jobs=workers, return_as="generator", inner_max_num_threads=1)
    yield from parallel(delayed(task)(item) for item in items)
