"""The registry of feature builders: the one list that the command line, docs and tests walk."""

from __future__ import annotations

from typing import Any

from site_typology.features.administrative import Category, Column
from site_typology.features.composition import Composition, Diversity
from site_typology.features.contract import Builder, Built
from site_typology.features.orientation import OrientationScale, OrientationTime
from site_typology.features.posts import VacancyRate
from site_typology.features.rates import Rate
from site_typology.features.settings import SettingDiversity, SettingMix
from site_typology.features.staffing import JoinerRate, LeaverRate, StabilityIndex
from site_typology.features.survey import Mean, Scale, Share
from site_typology.features.tabulated import Tabulated

__all__ = ["BUILDERS", "Builder", "Built"]

_MEMBERS: tuple[Builder[Any], ...] = (
    Scale(),
    Mean(),
    Share(),
    Composition(),
    Diversity(),
    Rate(),
    Category(),
    Column(),
    Tabulated(),
    OrientationTime(),
    OrientationScale(),
    StabilityIndex(),
    LeaverRate(),
    JoinerRate(),
    VacancyRate(),
    SettingMix(),
    SettingDiversity(),
)

BUILDERS: dict[str, Builder[Any]] = {builder.name: builder for builder in _MEMBERS}
"""Every builder by the name that a study file uses."""
