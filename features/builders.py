"""The registry of feature builders: the one list that the command line, docs and tests walk."""

from __future__ import annotations

from typing import Any

from site_typology.features.contract import Builder, Built
from site_typology.features.survey import Mean, Scale, Share

__all__ = ["BUILDERS", "Builder", "Built"]

_MEMBERS: tuple[Builder[Any], ...] = (
    Scale(),
    Mean(),
    Share(),
)

BUILDERS: dict[str, Builder[Any]] = {builder.name: builder for builder in _MEMBERS}
"""Every builder by the name that a study file uses."""
