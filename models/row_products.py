"""Sums of products of rows, with the row that they are taken from kept in the processor.

A loop over the row for every product reads and writes the row each time, and checks each time that
rows do not overlap (docs/decisions/0034). Import this module inside functions only: it loads numba.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.errors import TypingError
from numba.extending import intrinsic

LANES = 32
"""Numbers in a row: sites side by side. More would not fit into the processor's nearest memory."""
BYTES = 8


@intrinsic
def take_products(
    typing: Any,
    total: Any,
    at: Any,
    left: Any,
    left_at: Any,
    left_step: Any,
    right: Any,
    right_at: Any,
    right_step: Any,
    count: Any,
) -> tuple[Any, Callable[..., Any]]:
    """Take the products of `count` pairs of rows from the row of `total` that begins at `at`.

    Compiled code calls it as ``take_products(total, at, left, left_at, left_step, right, right_at,
    right_step, count)``. The arrays are contiguous, of float64; places and steps, from one row to
    the next, are counted in numbers. A row is of `LANES` numbers, products are taken in their
    order, and none of their rows may be the one that they are taken from.
    """
    arrays = (total, left, right)
    if not all(isinstance(one, types.Array) and one.layout == "C" for one in arrays):
        raise TypingError(f"Expected contiguous arrays; found {arrays}.")
    if any(one.dtype != types.float64 for one in arrays):
        raise TypingError(f"Expected arrays of float64; found {arrays}.")
    places = (at, left_at, left_step, right_at, right_step, count)
    if not all(isinstance(one, types.Integer) for one in places):
        raise TypingError(f"Expected whole numbers for places and steps; found {places}.")
    whole = types.intp
    signature = types.void(total, whole, left, whole, whole, right, whole, whole, whole)
    return signature, _emitted


def _emitted(context: Any, builder: Any, signature: Any, given: Any) -> Any:
    """Write the loop over pairs of rows; the sum is a vector that stays in registers."""
    row = ir.VectorType(ir.DoubleType(), LANES)
    _, at, _, left_at, left_step, _, right_at, right_step, count = given

    def start(which: int) -> Any:
        return context.make_array(signature.args[which])(context, builder, given[which]).data

    def place(data: Any, offset: Any) -> Any:
        return builder.bitcast(builder.gep(data, [offset]), row.as_pointer())

    own = place(start(0), at)
    lefts, rights = start(2), start(5)
    so_far = cgutils.alloca_once(builder, row)
    builder.store(builder.load(own, align=BYTES), so_far)
    with cgutils.for_range(builder, count) as loop:
        far_left = builder.add(left_at, builder.mul(loop.index, left_step))
        far_right = builder.add(right_at, builder.mul(loop.index, right_step))
        one = builder.load(place(lefts, far_left), align=BYTES)
        other = builder.load(place(rights, far_right), align=BYTES)
        rest = builder.fsub(builder.load(so_far), builder.fmul(one, other))
        builder.store(rest, so_far)
    builder.store(builder.load(so_far), own, align=BYTES)
    return context.get_dummy_value()
