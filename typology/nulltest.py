"""The null test: could one unimodal population with these errors and gaps look as typed?"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from site_typology.models.working import WorkingData
from site_typology.results import NullTest

Progress = Callable[[str, float], None]


def types_to_try(n: int, max_types: int | None = None) -> tuple[int, ...]:
    """Numbers of types tried with n sites: 2 to 4, 2 to 5 from 60 sites on, 3 sites a type."""
    top = 5 if n >= 60 else 4
    if max_types is not None:
        top = min(max_types, n)
    return tuple(k for k in range(2, top + 1) if n >= 3 * k) or (2,)


def null_test(
    data: WorkingData,
    *,
    ks: Sequence[int] | None = None,
    draws: int = 99,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> NullTest:
    """Test one population; NullTest.gains also has a column `penalised` (its argmax is k)."""
    raise NotImplementedError
