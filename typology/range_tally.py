"""Compare the spread of new values with that of the fitted sites: other units, other codes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from site_typology.differences import Difference
from site_typology.form import Field, Form, shown_list

CHECK_VALUES = "these values: a slip, or a code for missing, which would be left blank"


class RangeTally:
    """Counts the values that lie far beyond those of the fitted sites.

    Far beyond is farther out than the whole range of the fitted sites is wide.

    Examples
    --------
    >>> from site_typology.feature_info import FeatureInfo
    >>> wait = Field(FeatureInfo("wait", unit="weeks"), True, False, False, None, (), (2., 5., 9.))
    >>> tally = RangeTally(Form("", (wait,)))
    >>> tally.add({"wait": np.array([14.0, 35.0, 60.0])})
    >>> tally.notes()[0].found
    '2 of 3 values far beyond (14 to 60)'
    """

    def __init__(self, form: Form) -> None:
        self._fields = [field for field in form.fields if not field.category and field.seen]
        self._counts = {field.name: np.zeros(3, dtype=int) for field in self._fields}
        self._spans = {field.name: [np.inf, -np.inf] for field in self._fields}

    def add(self, numbers: Mapping[str, np.ndarray]) -> None:
        """Count some values by feature; NaN is none."""
        for field in self._fields:
            if field.name not in numbers or field.seen is None:
                continue
            values = numbers[field.name]
            low, _, high = field.seen
            width = high - low
            counts, span = self._counts[field.name], self._spans[field.name]
            known = len(values) - int(np.isnan(values).sum())
            if not known:
                continue
            least, most = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
            counts[0] += known
            if width > 0 and (least < low - width or most > high + width):
                counts[1] += int(((values < low - width) | (values > high + width)).sum())
            if field.levels:
                counts[2] += int((~np.isin(values, field.levels) & ~np.isnan(values)).sum())
            span[0], span[1] = min(span[0], least), max(span[1], most)

    def stops(self, field: Field, value: float) -> bool:
        """Whether a value is no level of an ordinal feature, nor between two of them."""
        if not field.levels or field.limits is not None or np.isnan(value):
            return False
        return not min(field.levels) <= value <= max(field.levels)

    def notes(self) -> list[Difference]:
        """Say for which features the new values look as if they had another unit or code frame."""
        found = []
        for field in self._fields:
            known, beyond, foreign = self._counts[field.name]
            low, high = self._spans[field.name]
            if field.seen is not None and beyond:
                expected = f"about {field.seen[0]:g} to {field.seen[2]:g}, as at the fitted sites"
                what = f"{beyond} of {known} values far beyond ({low:g} to {high:g})"
                unit = field.info.unit or "none stated"
                check = f"the unit ({unit})" if beyond > known / 2 else CHECK_VALUES
                remedy = f"Check {check}. Sites so far out get no type."
                found.append(Difference(field.name, expected, what, remedy, stops=False))
            if foreign:
                what = f"{foreign} of {known} values at other levels"
                remedy = "Each counts as the nearest level; check the code frame."
                found.append(
                    Difference(field.name, shown_list(field.levels), what, remedy, stops=False)
                )
        return found
