"""The features that the study file of a simulated study declares."""

from __future__ import annotations

FEATURES = """\
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
total = 100

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
<not_leavers>
<where_practitioners>

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
<where_others>

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
<where_in_post>

# Settings served.

[[features]]
name = "setting_mix"
builder = "setting_mix"
family = "settings"
label = "Settings"
definition = "Share of participating settings by type, else by phase; rare kinds left out."
unit = "share of settings"
[features.args]
table = "settings"
<where_common>

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
builder = "column"
kind = "rate"
family = "settings"
label = "Settings per team"
definition = "Participating settings by the number of teams; known exactly."
unit = "settings per team"
args = { table = "sites", column = "settings_invited", divide_by = "teams" }

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
values = <rural>

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
name = "recorded_contacts"
builder = "rate"
use = "evaluate"
family = "orientation"
label = "Recorded contacts per team"
definition = "Contacts in routine activity data in the year of the round, by teams."
unit = "contacts per team"
[features.args]
numerator = { table = "activity", column = "contacts" }
denominator = { table = "sites", column = "teams" }

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
"""Text of the study file; `simulated_study` fills in what stands in angle brackets."""
