"""Codes and spellings of the register of schools (GIAS) that simulated settings are given."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Class:
    """One class of settings (DOMAIN 3: by type first, then by phase).

    Parameters
    ----------
    share : float
        Share of all settings at a typical site (assumption).
    moved_by : str
        Dimension of the true profile that moves its log share, or ``""``.
    types : dict of int to float
        Type-of-establishment codes and their shares.
    phase : str
    ages : tuple of int
    pupils : float
        Median number of pupils (assumption).
    title : str
        Last words of a name.
    further : str
        Kind of further education, where it is one.
    """

    share: float
    moved_by: str
    types: dict[int, float]
    phase: str
    ages: tuple[int, int]
    pupils: float
    title: str
    further: str = "Not applicable"


_MAINSTREAM = {1: 0.3, 2: 0.15, 3: 0.1, 5: 0.05, 34: 0.27, 28: 0.1, 35: 0.03}
_SPECIAL = {7: 0.45, 44: 0.2, 12: 0.05, 33: 0.05, 36: 0.05, 8: 0.08, 10: 0.12}
_ALTERNATIVE = {14: 0.6, 42: 0.2, 43: 0.1, 38: 0.1}
_POST16 = {18: 0.6, 31: 0.05, 45: 0.2, 46: 0.05, 39: 0.1}
_NONE = "Not applicable"

CLASSES: dict[str, Class] = {
    "nursery": Class(0.01, "", {15: 1.0}, "Nursery", (2, 5), 90, "Nursery School"),
    "primary": Class(0.6, "", _MAINSTREAM, "Primary", (4, 11), 260, "Primary School"),
    "secondary": Class(0.2, "mix_secondary", _MAINSTREAM, "Secondary", (11, 18), 950, "School"),
    "all_through": Class(
        0.02, "", {34: 0.6, 28: 0.4}, "All-through", (4, 18), 1100, "All-through Academy"
    ),
    "special": Class(0.08, "mix_special", _SPECIAL, _NONE, (5, 19), 110, "Special School"),
    "alternative_provision": Class(
        0.02, "mix_special", _ALTERNATIVE, _NONE, (5, 16), 60, "Pupil Referral Unit"
    ),
    "post_16": Class(
        0.05, "mix_post16", _POST16, "16 plus", (16, 99), 1500, "College",
        "Further education - general",
    ),
    "independent": Class(0.02, "", {11: 1.0}, _NONE, (3, 18), 300, "Independent School"),
}  # fmt: skip
"""Classes of settings by name."""

RARE = ("nursery", "all_through", "alternative_provision", "independent")
"""Classes too rare to be parts of a mix with a few dozen settings a site."""
RARE_PHASES = ("Nursery", "All-through")
RARE_TYPES = (
    "Pupil referral unit",
    "Free schools alternative provision",
    "Academy alternative provision converter",
    "Academy alternative provision sponsor led",
    "Other independent school",
)
RURAL = ("Rural town and fringe", "Rural village")
"""Names without the register's prefix, which is taken off on reading."""

_MAINTAINED = ("4", "Local authority maintained schools")
_SPECIAL_GROUP = ("5", "Special schools")
_ACADEMIES = ("10", "Academies")
_FREE = ("11", "Free Schools")
_COLLEGES = ("1", "Colleges")
_INDEPENDENT = ("3", "Independent schools")

TYPES: dict[int, tuple[str, tuple[str, str]]] = {
    1: ("Community school", _MAINTAINED),
    2: ("Voluntary aided school", _MAINTAINED),
    3: ("Voluntary controlled school", _MAINTAINED),
    5: ("Foundation school", _MAINTAINED),
    7: ("Community special school", _SPECIAL_GROUP),
    8: ("Non-maintained special school", _SPECIAL_GROUP),
    10: ("Other independent special school", _INDEPENDENT),
    11: ("Other independent school", _INDEPENDENT),
    12: ("Foundation special school", _SPECIAL_GROUP),
    14: ("Pupil referral unit", _MAINTAINED),
    15: ("Local authority nursery school", _MAINTAINED),
    18: ("Further education", _COLLEGES),
    28: ("Academy sponsor led", _ACADEMIES),
    31: ("Sixth form centres", _COLLEGES),
    33: ("Academy special sponsor led", _ACADEMIES),
    34: ("Academy converter", _ACADEMIES),
    35: ("Free schools", _FREE),
    36: ("Free schools special", _FREE),
    38: ("Free schools alternative provision", _FREE),
    39: ("Free schools 16 to 19", _FREE),
    42: ("Academy alternative provision converter", _ACADEMIES),
    43: ("Academy alternative provision sponsor led", _ACADEMIES),
    44: ("Academy special converter", _ACADEMIES),
    45: ("Academy 16-19 converter", _ACADEMIES),
    46: ("Academy 16 to 19 sponsor led", _ACADEMIES),
}
"""Type-of-establishment code: its name and its group (code, name)."""

PHASE_CODES = {
    _NONE: "0",
    "Nursery": "1",
    "Primary": "2",
    "Secondary": "4",
    "16 plus": "6",
    "All-through": "7",
}

AREA_PREFIX = "(England/Wales) "
RURALITY = (
    ("A1", f"{AREA_PREFIX}Urban major conurbation"),
    ("C1", f"{AREA_PREFIX}Urban city and town"),
    ("D1", f"{AREA_PREFIX}Rural town and fringe"),
    ("E1", f"{AREA_PREFIX}Rural village"),
)

LINK_COLUMNS = ["URN", "LinkURN", "LinkName", "LinkType", "LinkEstablishedDate"]
"""Columns of the register's file of links."""

# The apostrophe (byte 0x92) and the accents are what cp1252 has and a reader of UTF-8 stumbles on.
NAMES = (
    "St Mary’s Catholic", "St Andrew’s CofE", "Holy Trinity", "Oakfield", "Riverside",
    "Parkside", "Hillcrest", "Queen’s Road", "Café Lane", "Brontë", "Meadow Bank", "Northgate",
    "Westfield", "Millbrook", "Castle Hill", "The Grove", "Beechwood", "Kingsway", "Lakeside",
    "Saint-Exupéry",
)  # fmt: skip
