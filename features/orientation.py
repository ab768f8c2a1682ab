"""Orientation: an arm of clinical services, or a support of the school's culture.

Two views. How working time divides over functions (direct work with pupils, indirect work,
whole-school work and so on), and how informants describe the work on a scale. Routine activity
hardly records whole-school work, so time should come from surveys and returns.
"""

from __future__ import annotations

from typing import ClassVar

from site_typology.features.composition import Composition
from site_typology.features.survey import Scale


class OrientationTime(Composition):
    """Working time by function: the parts are functions."""

    name: ClassVar[str] = "orientation_time"
    family: ClassVar[str] = "orientation"


class OrientationScale(Scale):
    """Orientation as informants describe it."""

    name: ClassVar[str] = "orientation_scale"
    family: ClassVar[str] = "orientation"
