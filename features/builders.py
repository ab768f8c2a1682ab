"""The registry of feature builders: the one list that the command line, docs and tests walk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from site_typology.features.activity import ActivityMechanism, ActivityMix
from site_typology.features.administrative import Category, Column
from site_typology.features.bandedrate import BandedRate
from site_typology.features.combined import Combined
from site_typology.features.composition import Composition, Diversity
from site_typology.features.contract import Builder, Built
from site_typology.features.median import Median
from site_typology.features.missingrate import MissingRate
from site_typology.features.need import SettingNeed
from site_typology.features.orientation import OrientationScale, OrientationTime
from site_typology.features.orientationindex import OrientationIndex
from site_typology.features.plugins import plug_ins
from site_typology.features.posts import VacancyRate
from site_typology.features.rates import Rate
from site_typology.features.retention import Retention
from site_typology.features.rurality import SettingRurality
from site_typology.features.settings import SettingDiversity, SettingMix
from site_typology.features.settingsize import SettingSize
from site_typology.features.spread import SettingSpread
from site_typology.features.staffing import (
    JoinerRate,
    LeaverRate,
    LeaversPerYear,
    StabilityIndex,
)
from site_typology.features.survey import Mean, Scale, Share
from site_typology.features.tabulated import Tabulated
from site_typology.features.temporary import TemporaryShare
from site_typology.features.tenure import MedianTenure

__all__ = ["BUILDERS", "Builder", "Built", "builders"]

_MEMBERS: tuple[Builder[Any], ...] = (
    Scale(),
    Mean(),
    Share(),
    Median(),
    MissingRate(),
    Composition(),
    Diversity(),
    Rate(),
    BandedRate(),
    Category(),
    Column(),
    Tabulated(),
    OrientationTime(),
    OrientationScale(),
    ActivityMix(),
    ActivityMechanism(),
    OrientationIndex(),
    Combined(),
    StabilityIndex(),
    LeaverRate(),
    JoinerRate(),
    LeaversPerYear(),
    Retention(),
    MedianTenure(),
    TemporaryShare(),
    VacancyRate(),
    SettingMix(),
    SettingDiversity(),
    SettingSize(),
    SettingNeed(),
    SettingRurality(),
    SettingSpread(),
)

BUILDERS: dict[str, Builder[Any]] = {builder.name: builder for builder in _MEMBERS}
"""Every builder that is shipped, by the name that a study file uses."""


def builders() -> Mapping[str, Builder[Any]]:
    """Every builder that a study can use: those shipped and those of installed plug-ins."""
    return {**BUILDERS, **plug_ins(frozenset(BUILDERS)).builders}
