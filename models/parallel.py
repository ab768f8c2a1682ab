"""Run independent tasks in order, on one worker or several, with the same results."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[str, float], None]

BATCH = 4
MOST_BATCHES = 20
MOMENT = 0.3
"""Seconds of short tasks after which it is told how far they are, and results are kept."""


class Kept(Protocol):
    """Where finished tasks of a run are kept, by name, for a run that goes on from there."""

    def read(self, wanted: Collection[str]) -> Mapping[str, Any]:
        """Give the results of those that are finished."""
        ...

    def append(self, found: Mapping[str, Any]) -> None:
        """Keep results."""
        ...


def run_tasks(
    task: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    stage: str = "",
    kept: Kept | None = None,
    first: int = 0,
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
    kept : Kept, optional
        What is found there is not computed again, and what is computed is kept there batch by
        batch, under the stage and the number of the item.
    first : int
        Number of the first item, where the items of a stage come in several calls.

    Examples
    --------
    >>> run_tasks(abs, [-1, 2, -3])
    [1, 2, 3]
    """
    names = [f"{stage} {number}" for number in range(first, first + len(items))]
    results: dict[str, Result] = {} if kept is None else dict(kept.read(names))
    if progress is not None:
        progress(stage, len(results) / max(1, len(items)))
    left = {name: item for name, item in zip(names, items, strict=True) if name not in results}
    waiting = iter(left)
    for finished in _batches(task, list(left.values()), workers):
        found = {name: result for result, name in zip(finished, waiting, strict=False)}
        if kept is not None:
            kept.append(found)
        results.update(found)
        if progress is not None:
            progress(stage, len(results) / len(items))
    return [results[name] for name in names]


def _batches(
    task: Callable[[Item], Result], items: Sequence[Item], workers: int
) -> Iterator[list[Result]]:
    """Give results batch by batch; nothing runs while the caller has the word."""
    from threadpoolctl import threadpool_limits

    if workers <= 1 or len(items) <= 1:
        with threadpool_limits(1):
            yield from _moments(task, items)
        return
    from joblib import delayed

    size = max(BATCH * workers, -(-len(items) // MOST_BATCHES))
    alone = partial(_on_one_thread, task, (os.getpid(), threading.get_ident()))
    with threadpool_limits(1), _parallel(workers) as parallel:
        for start in range(0, len(items), size):
            yield parallel(delayed(alone)(item) for item in items[start : start + size])


def _moments(task: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[list[Result]]:
    """Do one task after the other and give the results moment by moment."""
    batch: list[Result] = []
    begun = time.monotonic()
    for item in items:
        batch.append(task(item))
        if time.monotonic() - begun >= MOMENT:
            yield batch
            batch, begun = [], time.monotonic()
    if batch:
        yield batch


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
