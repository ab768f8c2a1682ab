"""Tasks in order, on one process or several, that can be interrupted."""

from __future__ import annotations

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
