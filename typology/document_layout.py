"""What fits on a page of paper: widths of a table's columns, heights of a figure's parts."""

from __future__ import annotations

import io
from itertools import pairwise
from typing import Any

import numpy as np

from site_typology.document import Table

LETTER_CM, PADDING_CM = 0.17, 0.4
"""Width of a bold letter of 8 points, and of the empty sides of a cell."""
SHORT_TEXT, LONGEST_WORD = 8, 12
"""Letters of a cell that stays on one line, and of a word that is not broken."""
TALLEST_CM, SLIMMEST_CM = 20.5, 7.5
"""Height that a figure may have, and the width at which its letters can still be read."""
GAP_CM = 0.5
"""Height of a gap that a figure is cut at."""


def column_widths(table: Table, width: float) -> list[float]:
    """Share the width of a page among columns so that the tallest cell has the fewest lines.

    A column is as wide as its short texts and its longest word at least. Where not everything fits
    on one line, there is a number of lines at which it does: each column gets its longest text
    divided by that number.

    Parameters
    ----------
    table : Table
    width : float
        Of the page, in centimetres.

    Returns
    -------
    list of float
        Centimetres; together `width` at most.

    Examples
    --------
    >>> from site_typology.document import Row
    >>> wordy = Table("Rules", ("Rule", "In words"), (Row(("null test", "seldom " * 40)),))
    >>> [round(each, 1) for each in column_widths(wordy, 16.0)]
    [1.1, 14.9]
    """
    heads = [max(map(len, name.split()), default=1) for name in table.columns]
    cells = [
        [row.cells[at] for row in table.rows if at < len(row.cells)] for at in range(len(heads))
    ]
    words = [max([head, *map(_unbroken, own)]) for head, own in zip(heads, cells, strict=True)]
    longest = [max(map(len, (name, *own))) for name, own in zip(table.columns, cells, strict=True)]
    text = np.maximum(longest, 1) * LETTER_CM
    least = np.array(words) * LETTER_CM
    room = width - PADDING_CM * len(heads)
    if least.sum() >= room:
        found = least * max(room, 0.0) / least.sum()
    else:
        few, many = 1.0, max(text.sum() / room, 1.0)
        while np.maximum(least, text / many).sum() > room:
            many *= 2
        for _ in range(40):
            lines = (few + many) / 2
            fits = np.maximum(least, text / lines).sum() <= room
            few, many = (few, lines) if fits else (lines, many)
        found = np.maximum(least, text / many)
    return [float(each) + PADDING_CM for each in found]


def _unbroken(text: str) -> int:
    """Letters of a cell that have to stand on one line."""
    if len(text) <= SHORT_TEXT:
        return len(text)
    return min(max(map(len, text.split())), LONGEST_WORD)


def paged(png: bytes, width: float) -> tuple[list[bytes], float]:
    """Fit a figure on pages: made smaller while its letters can be read, then cut into parts.

    A cut goes where the figure has least to cut: through the emptiest gap in the last quarter of
    what a page holds.

    Parameters
    ----------
    png : bytes
    width : float
        That it should have, in centimetres.

    Returns
    -------
    list of bytes
        PNG, from the top down; the figure itself where it fits.
    float
        Width in centimetres of every part.
    """
    from matplotlib.image import imread

    pixels = imread(io.BytesIO(png))
    down, across = pixels.shape[:2]
    shrunk = min(width, TALLEST_CM * across / down)
    if shrunk >= min(SLIMMEST_CM, width):
        return [png], shrunk
    most = int(TALLEST_CM * across / width)
    gap = np.ones(int(GAP_CM * across / width))
    ink = np.convolve(1.0 - pixels[..., :3].mean(axis=(1, 2)), gap, mode="same")
    cuts = [0]
    while down - cuts[-1] > most:
        first, last = cuts[-1] + 3 * most // 4, cuts[-1] + most
        cuts.append(last - int(ink[first:last][::-1].argmin()))
    return [_png(pixels[top:bottom]) for top, bottom in pairwise([*cuts, down])], width


def _png(pixels: np.ndarray) -> bytes:
    from matplotlib.image import imsave

    content = io.BytesIO()
    nothing: Any = {"Software": None}  # Leaves the name of the software out.
    imsave(content, pixels, format="png", metadata=nothing)
    return content.getvalue()
