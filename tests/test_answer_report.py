"""What the short report on an assignment counts."""

import pytest

from site_typology import Typology
from site_typology.answer_report import Summary


@pytest.mark.parametrize("placed", [True, False])
def test_sites_are_counted_where_all_or_none_of_them_have_a_type(typed: Typology, placed: bool):
    frame = typed.assign(typed.profiles).frame
    some = frame[frame["type"].notna() == placed].reset_index(drop=True)
    assert len(some)
    summary = Summary(typed)
    summary.add_frame(some)
    assert summary.sites == len(some)
    assert summary.placed == (len(some) if placed else 0)
    assert sum(count for _, count in summary.reasons()) == (0 if placed else len(some))
