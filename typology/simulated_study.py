"""The study file of a simulated study, ready to run."""

from __future__ import annotations

from site_typology.simulated_answers import Codes, Scale
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


def study_text(name: str, scenario: Scenario) -> str:
    """Write the study file of a simulated study.

    Parameters
    ----------
    name : str
        Short name of the study.
    scenario : Scenario

    Returns
    -------
    str
        TOML in which every table of the simulation is declared.
    """
    return "\n".join([_study(name, scenario), _TABLES, _item_rules(), _scales(), _features()])


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


def _features() -> str:
    windows = ", ".join(f'"{at}" = {_listed(window)}' for at, window in WINDOWS.items())
    ends = ", ".join(f'"{at}" = {_quoted(window[1])}' for at, window in WINDOWS.items())
    values = {
        "practitioners": _listed((PRACTITIONER, TRAINEE)),
        "others": _listed(OTHER_ROLES),
        "windows": f"{{ {windows} }}",
        "ends": f"{{ {ends} }}",
        "not_leavers": _listed((END_OF_TRAINING, END_OF_CONTRACT)),
    }
    text = _FEATURES
    for key, value in values.items():
        text = text.replace(f"<{key}>", value)
    return text


_FEATURES = """\
# Orientation: an arm of mental health services, or support for the school's culture.

[[features]]
name = "whole_school_orientation"
builder = "orientation_scale"
family = "orientation"
label = "Whole-school orientation"
definition = "Key informants' mean agreement that the teams work with the whole school."
unit = "points from 1 to 5"
args = { scale = "whole_school_orientation" }

[[features]]
name = "time"
builder = "orientation_time"
family = "orientation"
label = "Time"
definition = "Mean share of the teams' time by function, as key informants report it."
unit = "share of time"
[features.args]
table = "key_informants"
of = "informants"
columns = { direct = "time_direct", indirect = "time_indirect", whole_school = "time_whole_school" }

[[features]]
name = "specialist_liaison"
builder = "scale"
family = "orientation"
label = "Liaison with specialist services"
definition = "Key informants' mean agreement that teams and specialist services work together."
unit = "points from 1 to 5"
args = { scale = "specialist_liaison" }

# What settings experience.

[[features]]
name = "wsa_support"
builder = "scale"
family = "experience of settings"
label = "Support for the whole-school approach"
definition = "Settings' mean agreement that the team supports their whole-school approach."
unit = "points from 1 to 5"
args = { scale = "wsa_support" }

[[features]]
name = "access"
builder = "scale"
family = "experience of settings"
label = "Ease of referral"
definition = "Settings' mean agreement that referring pupils works well."
unit = "points from 1 to 5"
args = { scale = "access" }

[[features]]
name = "staff_training"
builder = "share"
family = "experience of settings"
label = "Settings whose staff were trained"
definition = "Share of responding settings where staff had training from the team in the past year."
unit = "share of settings"
args = { table = "settings_survey", column = "training", values = ["1"] }

[[features]]
name = "contact_days"
builder = "mean"
family = "experience of settings"
label = "Days in the setting"
definition = "Mean number of days a month on which someone from the team is in the setting."
unit = "days a month"
args = { table = "settings_survey", column = "contact_days" }

# Staffing over the two years to the end of each round; bank staff apart.

[[features]]
name = "emhp_leaver_rate"
builder = "leaver_rate"
family = "staffing"
label = "EMHP leaver rate over two years"
definition = "EMHPs and trainees who left, by their mean headcount; not those whose training ended."
unit = "leavers per mean headcount in two years"
[features.args]
table = "workforce"
person = "employee_id"
start = "start_date"
end = "end_date"
window = <windows>
not_leavers = { column = "leaving_reason", values = <not_leavers> }
where = [
  { column = "role", values = <practitioners> },
  { column = "assignment_category", values = ["Bank"], negate = true },
]

[[features]]
name = "other_staff_stability"
builder = "stability_index"
family = "staffing"
label = "Stability of other staff over two years"
definition = "Supervisors and other staff in post at the start who are still in post at the end."
unit = "share of staff in post at the start"
[features.args]
table = "workforce"
person = "employee_id"
start = "start_date"
end = "end_date"
window = <windows>
where = [
  { column = "role", values = <others> },
  { column = "assignment_category", values = ["Bank"], negate = true },
]

[[features]]
name = "vacancy_rate"
builder = "vacancy_rate"
family = "staffing"
label = "Vacancy rate"
definition = "Funded FTE not in post at the end of the round, by funded FTE."
unit = "share of funded FTE"
[features.args]
table = "workforce"
fte = "fte"
start = "start_date"
end = "end_date"
at = <ends>
funded = { table = "establishment", column = "funded_fte" }
where = [{ column = "assignment_category", values = ["Bank"], negate = true }]

# Settings served.

[[features]]
name = "setting_mix"
builder = "setting_mix"
family = "settings"
label = "Settings"
definition = "Share of participating settings by type and phase."
unit = "share of settings"
args = { table = "settings" }

[[features]]
name = "need"
builder = "mean"
family = "settings"
label = "Pupils on free school meals"
definition = "Mean over settings of the percentage of pupils on free school meals."
unit = "per cent"
args = { table = "settings", column = "PercentageFSM" }

[[features]]
name = "settings_per_team"
builder = "rate"
family = "settings"
label = "Settings per team"
definition = "Participating settings, open ones, by the number of teams."
unit = "settings per team"
args = { numerator = { table = "settings" }, denominator = { table = "sites", column = "teams" } }

# Described, never built from.

[[features]]
name = "setting_diversity"
builder = "setting_diversity"
use = "evaluate"
family = "settings"
label = "Diversity of settings"
definition = "Chance that two settings of the site differ in type and phase (Gini-Simpson)."
args = { table = "settings" }

[[features]]
name = "rural_settings"
builder = "share"
use = "evaluate"
family = "settings"
label = "Rural settings"
definition = "Share of settings in rural areas."
unit = "share of settings"
[features.args]
table = "settings"
column = "UrbanRural (name)"
values = ["Rural town and fringe", "Rural village"]

[[features]]
name = "recorded_time"
builder = "composition"
use = "evaluate"
family = "orientation"
label = "Recorded time"
definition = "Share of minutes in routine activity data by function."
unit = "share of minutes"
[features.args]
table = "activity"
category = "function"
amount = "minutes"
of = "total"
[features.args.parts]
direct = ["direct"]
group = ["group"]
indirect = ["indirect"]
whole_school = ["whole_school"]

[[features]]
name = "lead_organisation"
builder = "category"
use = "evaluate"
family = "context"
label = "Lead organisation"
definition = "Kind of organisation that leads the site."
args = { table = "sites", column = "lead_organisation" }

[[features]]
name = "region"
builder = "category"
use = "evaluate"
family = "context"
label = "Region"
definition = "Region of the site."
args = { table = "sites", column = "region" }
"""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _listed(items: tuple[str, ...]) -> str:
    return "[" + ", ".join(_quoted(item) for item in items) + "]"
