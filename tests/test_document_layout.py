"""Widths of columns and heights of figures on paper."""

from __future__ import annotations

import io
import textwrap

import numpy as np
import pytest
from matplotlib.image import imread, imsave

from site_typology.document import Row, Table
from site_typology.document_layout import (
    LETTER_CM,
    PADDING_CM,
    TALLEST_CM,
    column_widths,
    paged,
)

PROSE = "sites measured as these were would be placed correctly by a model of their types"


def table(*columns: tuple[str, str]) -> Table:
    heads, cells = zip(*columns, strict=True)
    return Table("A table", heads, (Row(cells),))


def lines(width: float, text: str) -> int:
    return len(textwrap.wrap(text, max(1, int((width - PADDING_CM) / LETTER_CM))))


def test_a_table_that_fits_takes_no_more_than_it_needs():
    widths = column_widths(table(("Site", "S01"), ("Kept", "76%")), 16.0)
    assert widths == pytest.approx([4 * LETTER_CM + PADDING_CM] * 2)


def test_words_stay_whole_and_prose_gets_the_room():
    widths = column_widths(
        table(("Rule", "agreement"), ("In words", PROSE * 3), ("Outcome", "24 of 24")), 16.0
    )
    assert sum(widths) == pytest.approx(16.0)
    assert lines(widths[0], "agreement") == lines(widths[2], "24 of 24") == 1
    even = lines(16.0 / 3, PROSE * 3)
    assert lines(widths[1], PROSE * 3) < 0.5 * even


def test_no_other_shares_give_a_lower_tallest_cell():
    """Two columns of prose, the second twice as long; every split of the page is tried."""
    texts = (PROSE, PROSE * 2)
    first, second = column_widths(table(("a", texts[0]), ("b", texts[1])), 12.0)
    own = max(lines(first, texts[0]), lines(second, texts[1]))
    tried = [
        max(lines(width, texts[0]), lines(12.0 - width, texts[1]))
        for width in np.arange(2.5, 9.5, 0.05)
    ]
    assert own <= min(tried) + 1, "words do not fill their lines to the end"


@pytest.mark.parametrize("columns", [12, 60])
def test_however_many_columns_stay_on_the_page(columns: int):
    widths = column_widths(table(*[("probability", PROSE)] * columns), 16.0)
    assert sum(widths) <= max(16.0, columns * PADDING_CM) + 1e-9
    assert min(widths) > 0


def png(down: int, ink: list[int]) -> bytes:
    """A white figure of 130 pixels across, black on the lines named."""
    pixels = np.ones((down, 130, 3))
    pixels[ink] = 0.0
    content = io.BytesIO()
    imsave(content, pixels, format="png")
    return content.getvalue()


def test_a_figure_that_fits_is_left_alone_and_a_higher_one_made_smaller():
    low = png(200, [10])
    assert paged(low, 13.0) == ([low], 13.0)
    high = png(300, [10])
    parts, width = paged(high, 13.0)
    assert parts == [high] and width * 300 / 130 == pytest.approx(TALLEST_CM)


def test_a_much_higher_figure_is_cut_where_it_is_empty():
    rows = [row for start in range(5, 680, 30) for row in range(start, start + 18)]
    parts, width = paged(png(700, rows), 13.0)
    assert width == 13.0 and len(parts) > 1
    cut = [imread(io.BytesIO(part))[..., :3] for part in parts]
    assert all(part.shape[0] * 13.0 / 130 <= TALLEST_CM for part in cut)
    np.testing.assert_array_equal(np.concatenate(cut), imread(io.BytesIO(png(700, rows)))[..., :3])
    for part in cut[:-1]:
        assert part[-3:].min() == 1.0, "cut through a row of the figure"
    assert not any(b"tEXt" in part for part in parts)
