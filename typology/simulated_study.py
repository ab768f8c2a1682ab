"""The study file of a simulated study, ready to run."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from site_typology.simulated_answers import Codes, Scale
from site_typology.simulated_features import FEATURES
from site_typology.simulated_gias import RARE_PHASES, RARE_TYPES, RURAL
from site_typology.simulated_informants import SCALES as INFORMANT_SCALES
from site_typology.simulated_scenarios import ROUNDS, Scenario
from site_typology.simulated_settings_survey import CODES, DAYS_CODES, PERSONAL
from site_typology.simulated_settings_survey import SCALES as SETTING_SCALES
from site_typology.simulated_staff import (
    END_OF_CONTRACT,
    END_OF_TRAINING,
    OTHER_ROLES,
    PRACTITIONER,
    TRAINEE,
    WINDOWS,
)

Present = Mapping[str, Collection[str]]
"""Values that the rows of a study have, by column."""


def study_text(name: str, scenario: Scenario, present: Present) -> str:
    """Write the study file of a simulated study.

    Parameters
    ----------
    name : str
        Short name of the study.
    scenario : Scenario
    present : mapping of str to collection of str
        Values found in the columns that features choose rows by.

    Returns
    -------
    str
        TOML in which every table of the simulation is declared.
    """
    return "\n".join(
        [_study(name, scenario), _TABLES, _item_rules(), _scales(), _features(present)]
    )


def _study(name: str, scenario: Scenario) -> str:
    return f"""\
# A simulated study: sites, informants and figures are made up.
# The true profiles and types stand in truth/, which a real study does not have.

[study]
name = {_quoted(name)}
title = {_quoted(scenario.title)}
sites = "sites"
rounds = {_listed(ROUNDS)}
"""


_TABLES = f"""\
[tables.sites]
path = "sites.csv"
role = "sites"
site = "site"
unique = ["site"]

# SPSS: codes for "not applicable", "don't know" and "refused" are declared in the file itself.
[tables.key_informants]
path = "key_informants.sav"
role = "survey"
site = "site"
round = "round"
eligible = {{ table = "sites", column = "key_informants_invited" }}
unique = ["informant"]
personal = ["email"]

# Qualtrics: three header rows; previews are left out by their status. A setting finds its site
# through the participation list; questionnaires with a mistyped URN are set aside in the ledger.
[tables.settings_survey]
path = "settings_survey.csv"
format = "qualtrics"
role = "survey"
link = {{ table = "participation", on = "URN" }}
round = "Round"
eligible = {{ table = "sites", column = "settings_invited" }}
unique = ["ResponseId"]
unknown_sites = "drop"
rename = {{ training = "Q4", contact_days = "Q5" }}
personal = [{", ".join(f'"{column}"' for column in PERSONAL)}]

[tables.participation]
path = "participating_settings.csv"
role = "other"
site = "site"
unique = ["URN"]

# The register also lists settings that take no part, and some that have closed.
[tables.settings]
path = "settings.csv"
format = "gias"
role = "settings"
link = {{ table = "participation", on = "URN" }}
unknown_sites = "drop"
unique = ["URN"]
where = [{{ column = "EstablishmentStatus (name)", values = ["Open"] }}]

[tables.workforce]
path = "workforce.csv"
role = "workforce"
site = "site"
unique = ["assignment_number"]
missing = {{ "" = "not applicable" }}

[tables.establishment]
path = "establishment.csv"
role = "establishment"
site = "site"
unique = ["site", "role"]

# Routine activity hardly records whole-school work, so it describes types and builds none.
[tables.activity]
path = "activity.csv"
role = "activity"
site = "site"
round = "round"
unique = ["site", "month", "function"]
missing = {{ c = "suppressed", x = "unavailable" }}
"""


def _item_rules() -> str:
    """Ranges and missing codes of the questions, which differ by question in a Qualtrics file."""
    lines = ["[tables.settings_survey.columns]"]
    for scale in SETTING_SCALES:
        lines += [
            f"{item} = {{ range = [1, 5], missing = {_codes(CODES)} }}" for item in scale.items
        ]
    lines.append(f"training = {{ range = [1, 2], missing = {_codes(CODES)} }}")
    lines.append(f"contact_days = {{ range = [0, 31], missing = {_codes(DAYS_CODES)} }}")
    return "\n".join([*lines, ""])


def _codes(codes: Codes) -> str:
    return (
        f'{{ "{codes.dont_know:g}" = "don\'t know", '
        f'"{codes.not_applicable:g}" = "not applicable", "{codes.skipped:g}" = "skipped" }}'
    )


def _scales() -> str:
    parts = [_scale(scale, "key_informants", "key informants") for scale in INFORMANT_SCALES]
    parts += [_scale(scale, "settings_survey", "leads in settings") for scale in SETTING_SCALES]
    return "\n".join(parts)


def _scale(scale: Scale, table: str, informant: str) -> str:
    return f"""\
[[scales]]
name = {_quoted(scale.name)}
table = {_quoted(table)}
items = {_listed(scale.items)}
reverse = {_listed(scale.reverse)}
range = [1, 5]
informant = {_quoted(informant)}
"""


def _features(present: Present) -> str:
    """The features, with lists of values that are found in these tables.

    A list that named a value which no row has would be refused as a likely slip of the pen.
    """
    windows = ", ".join(f'"{at}" = {_listed(window)}' for at, window in WINDOWS.items())
    ends = ", ".join(f'"{at}" = {_quoted(window[1])}' for at, window in WINDOWS.items())
    no_bank = _Rows("assignment_category", ("Bank",), negate=True)
    not_leavers = _found("leaving_reason", (END_OF_TRAINING, END_OF_CONTRACT), present)
    not_counted = f'{{ column = "leaving_reason", values = {_listed(not_leavers)} }}'
    practitioners = _Rows("role", (PRACTITIONER, TRAINEE))
    values = {
        "windows": f"{{ {windows} }}",
        "ends": f"{{ {ends} }}",
        "not_leavers": f"not_leavers = {not_counted}" if not_leavers else "",
        "where_practitioners": _where(present, practitioners, no_bank),
        "where_others": _where(present, _Rows("role", OTHER_ROLES), no_bank),
        "where_in_post": _where(present, no_bank),
        "where_common": _where(
            present,
            _Rows("PhaseOfEducation (name)", RARE_PHASES, negate=True),
            _Rows("TypeOfEstablishment (name)", RARE_TYPES, negate=True),
        ),
        "rural": _listed(_found("UrbanRural (name)", RURAL, present) or RURAL),
    }
    text = FEATURES
    for key, value in values.items():
        text = text.replace(f"<{key}>\n", f"{value}\n" if value else "")
    return text


@dataclass(frozen=True)
class _Rows:
    """A condition on rows."""

    column: str
    values: tuple[str, ...]
    negate: bool = False


def _where(present: Present, *conditions: _Rows) -> str:
    lines = []
    for each in conditions:
        values = _found(each.column, each.values, present)
        if values:
            negate = ", negate = true" if each.negate else ""
            lines.append(
                f"  {{ column = {_quoted(each.column)}, values = {_listed(values)}{negate} }},"
            )
    return "\n".join(["where = [", *lines, "]"]) if lines else ""


def _found(column: str, values: tuple[str, ...], present: Present) -> tuple[str, ...]:
    return tuple(value for value in values if value in present[column])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listed(items: tuple[str, ...]) -> str:
    return "[" + ", ".join(_quoted(item) for item in items) + "]"
