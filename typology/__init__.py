"""Site profiles and typologies that are claimed only when the evidence holds.

The names below load on first use, so that ``import site_typology`` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if __name__ != "site_typology":
    raise ImportError(
        f"This package is installed as 'site_typology'; it was imported as {__name__!r}. "
        "Write 'import site_typology'."
    )

if TYPE_CHECKING:
    from site_typology.assign import Assignment
    from site_typology.errors import Problem, SiteTypologyError, StudyError
    from site_typology.feature_info import FeatureInfo
    from site_typology.models.noisy_mixture import ErrorsInVariablesMixture
    from site_typology.models.true_profiles import TrueProfiles
    from site_typology.planning import Plan, plan
    from site_typology.planning_settings import Assumptions, PlanSettings
    from site_typology.profiles import SiteProfiles
    from site_typology.proposal import propose
    from site_typology.results import Evidence, Rule
    from site_typology.settings import ProposeSettings
    from site_typology.simulation import simulate
    from site_typology.study import Study
    from site_typology.typology import Typology, load

__version__ = "0.1.0"

_HOMES = {
    "Assignment": "assign",
    "Assumptions": "planning_settings",
    "ErrorsInVariablesMixture": "models.noisy_mixture",
    "Evidence": "results",
    "FeatureInfo": "feature_info",
    "Plan": "planning",
    "PlanSettings": "planning_settings",
    "Problem": "errors",
    "ProposeSettings": "settings",
    "Rule": "results",
    "SiteProfiles": "profiles",
    "SiteTypologyError": "errors",
    "Study": "study",
    "StudyError": "errors",
    "TrueProfiles": "models.true_profiles",
    "Typology": "typology",
    "load": "typology",
    "plan": "planning",
    "propose": "proposal",
    "simulate": "simulation",
}

__all__ = [
    "Assignment",
    "Assumptions",
    "ErrorsInVariablesMixture",
    "Evidence",
    "FeatureInfo",
    "Plan",
    "PlanSettings",
    "Problem",
    "ProposeSettings",
    "Rule",
    "SiteProfiles",
    "SiteTypologyError",
    "Study",
    "StudyError",
    "TrueProfiles",
    "Typology",
    "__version__",
    "load",
    "plan",
    "propose",
    "simulate",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"site_typology.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'site_typology' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
