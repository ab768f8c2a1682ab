"""Tasks in order, on one process or several, that can be interrupted."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from site_typology.models.parallel import run_tasks


@pytest.mark.parametrize("workers", [1, 2])
def test_results_stand_in_the_order_of_the_items(workers):
    told: list[float] = []
    results = run_tasks(
        abs, [-3, 2, -1], workers=workers, progress=lambda _, share: told.append(share)
    )
    assert results == [3, 2, 1]
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, 1)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_gets_out_and_the_next_run_works(workers):
    def interrupt(step: str, share: float) -> None:
        if share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_tasks(abs, list(range(40)), workers=workers, progress=interrupt)
    assert run_tasks(abs, [-1, -2], workers=workers) == [1, 2]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_a_task_is_not_swallowed(workers):
    with pytest.raises(TypeError):
        run_tasks(abs, [1, "two"], workers=workers)


def test_nothing_to_do():
    assert run_tasks(abs, [], workers=2) == []


class Shelf(dict[str, int]):
    """Keeps results by name."""

    def read(self, wanted):
        return {name: self[name] for name in wanted if name in self}

    def append(self, found):
        assert not self.keys() & found.keys()
        self.update(found)


@pytest.mark.parametrize("workers", [1, 2])
def test_what_is_kept_is_not_computed_again(workers):
    shelf = Shelf({"ages 1": 20, "ages 3": 40, "sizes 0": 50})
    told: list[float] = []
    results = run_tasks(
        abs, [-1, "never computed", -3, "nor this", -5], workers=workers, stage="ages",
        kept=shelf, progress=lambda _, share: told.append(share),
    )  # fmt: skip
    assert results == [1, 20, 3, 40, 5]
    assert shelf == {f"ages {at}": value for at, value in enumerate(results)} | {"sizes 0": 50}
    assert told[0] == 0.4 and told[-1] == 1


def test_items_of_a_later_call_have_numbers_of_their_own():
    shelf = Shelf()
    run_tasks(abs, [-1, -2], stage="waves", kept=shelf)
    assert run_tasks(abs, [-3, -4], stage="waves", kept=shelf, first=2) == [3, 4]
    assert list(shelf) == ["waves 0", "waves 1", "waves 2", "waves 3"]


def test_short_tasks_are_kept_together_and_long_ones_one_by_one(monkeypatch):
    from site_typology.models import parallel

    calls: list[int] = []

    class Counted(Shelf):
        def append(self, found):
            calls.append(len(found))
            super().append(found)

    run_tasks(abs, range(50), stage="short", kept=Counted())
    monkeypatch.setattr(parallel, "MOMENT", 0.0)
    run_tasks(abs, range(3), stage="long", kept=Counted())
    assert calls == [50, 1, 1, 1]


GROWN: list[np.ndarray] = []


def grow(item: int) -> int:
    """Keep much memory in the process that does it, after some seconds of work."""
    time.sleep(0.6)
    if item >= 4:
        GROWN.append(np.ones(50_000_000))
    return os.getpid()


def test_workers_that_are_replaced_for_their_memory_lose_nothing():
    found = run_tasks(grow, range(12), workers=2)
    assert len(found) == 12 and len(set(found)) > 2
