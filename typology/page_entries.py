"""Entries of the page's form: one for each feature that sites are placed by, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from site_typology.form import Field, shown_list
from site_typology.new_sites import expected_number
from site_typology.page_files import form_columns
from site_typology.page_sites import Offered
from site_typology.profile_files import ERROR


def form_groups(
    own: Offered, cells: Mapping[str, str], mistakes: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Fields of the form by family of features, each with what stands in it and what is wrong."""
    ids = field_ids(own)
    groups: dict[str, list[dict[str, Any]]] = {}
    rows: dict[str, dict[str, Any]] = {}
    for field, ending in form_columns(own.asked):
        column = field.name + ending
        entry = {
            "column": column,
            "id": ids[column],
            "value": cells.get(column, ""),
            "mistake": mistakes.get(column, ""),
        }
        if not ending:
            rows[field.name] = {**entry, **field_words(field), "more": []}
            groups.setdefault(field.info.family, []).append(rows[field.name])
        else:
            kind = "Standard error" if ending == ERROR else "Number of informants or records"
            rows[field.name]["more"].append({**entry, "label": kind})
    return [
        {"family": family.replace("_", " "), "fields": fields} for family, fields in groups.items()
    ]


def field_ids(own: Offered) -> dict[str, str]:
    """Identifier of each input by its column."""
    columns = [field.name + ending for field, ending in form_columns(own.asked)]
    return {column: f"cell-{at}" for at, column in enumerate(columns)}


def field_words(field: Field) -> dict[str, Any]:
    """Say of a feature what it is, in which unit and range, and what was seen of it."""
    info, hints = field.info, []
    if info.definition:
        hints.append(f"{info.definition.rstrip('.')}.")
    if field.seen is not None:
        low, middle, high = (format(value, ".3g") for value in field.seen)
        hints.append(f"At the fitted sites {low} to {high}, half of them up to {middle}.")
    if field.codes:
        hints.append(f"Levels: {shown_list(field.codes)}.")
    elif field.limits is not None:
        hints.append(f"Possible: {expected_number(field, '')}.")
    if info.composition:
        hints.append(f"A part of {info.composition.replace('_', ' ')}; the parts add up to 1.")
    return {"title": info.title, "unit": info.unit, "hint": " ".join(hints)}
