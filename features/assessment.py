"""How good the data of a study are, in one value that the console, pages and files share."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from site_typology.features.chasing import chase_list, prospects
from site_typology.features.extremes import extreme_values
from site_typology.features.missingcells import missing_cells
from site_typology.features.precision import feature_precision, thin_cells
from site_typology.features.redundancy import same_thing_twice
from site_typology.features.responserates import (
    GROUP_COLUMNS,
    REPRESENTATIVENESS_COLUMNS,
    SETTING_COLUMNS,
    representativeness,
    response_by_group,
    response_by_setting,
    silent_settings,
)
from site_typology.features.returns import response_map, silent_sites
from site_typology.features.roundchanges import (
    changes_by_feature,
    round_changes,
    sites_that_moved,
)
from site_typology.features.sourcerows import ROW_COLUMNS, source_rows
from site_typology.features.tables import StudyTables
from site_typology.features.weighteffect import SUMMARY_COLUMNS, effect_summary
from site_typology.profiles import SiteProfiles

SILENT_COLUMNS = ["weighting", "table", "round", "site", "setting"]


@dataclass(frozen=True)
class Assessment:
    """Everything that the quality report says, as tables.

    Parameters
    ----------
    profiles : SiteProfiles
        Of every round.
    round : str
        The round that the tables without a round are about.
    minimum : int
        Informants that a figure should rest on.
    response : DataFrame
        Response of each site to each table in each round; `returns.response_map`.
    silent : tuple of str
        Sites without a single return in the round.
    missing : DataFrame
        Cells without a value in every round; `missingcells.missing_cells`.
    precision : DataFrame
        Reliability of each feature in the round; `precision.feature_precision`, with
        ``reliability_next``, that after a few more returns at each site.
    chase : DataFrame
        Sites and tables by what more returns would add; `chasing.chase_list`.
    thin : DataFrame
        Values that rest on fewer informants than `minimum`; `precision.thin_cells`.
    same : DataFrame
        Features that say the same thing twice; `redundancy.same_thing_twice`.
    extremes : DataFrame
        Values far from those of other sites; `extremes.extreme_values`.
    rows : DataFrame
        Rows of the tables behind the extreme values; `sourcerows.source_rows`.
    changes : DataFrame
        Change of each site and feature from round to round; `roundchanges.round_changes`.
    feature_changes : DataFrame
        The same by feature; `roundchanges.changes_by_feature`.
    moved : DataFrame
        Sites with data in one of two rounds only; `roundchanges.sites_that_moved`.
    representative : DataFrame
        R-indicator of each survey with a list of those asked; `responserates.representativeness`.
    groups : DataFrame
        Response of each kind of those asked; `responserates.response_by_group`.
    by_list : DataFrame
        Asked and answered where a study lists those asked; `responserates.response_by_setting`.
    silent_settings : DataFrame
        Settings that sent nothing; `responserates.silent_settings`.
    weight_effect : DataFrame
        What response weights change; `weighteffect.effect_summary`.
    """

    profiles: SiteProfiles
    round: str
    minimum: int
    response: pd.DataFrame
    silent: tuple[str, ...]
    missing: pd.DataFrame
    precision: pd.DataFrame
    chase: pd.DataFrame
    thin: pd.DataFrame
    same: pd.DataFrame
    extremes: pd.DataFrame
    rows: pd.DataFrame
    changes: pd.DataFrame
    feature_changes: pd.DataFrame
    moved: pd.DataFrame
    representative: pd.DataFrame
    groups: pd.DataFrame
    by_list: pd.DataFrame
    silent_settings: pd.DataFrame
    weight_effect: pd.DataFrame

    @property
    def current(self) -> SiteProfiles:
        """The profiles of the round."""
        return self.profiles.select(round=self.round)


def assess(
    profiles: SiteProfiles,
    tables: StudyTables | None = None,
    *,
    round: str | None = None,
    minimum: int = 5,
) -> Assessment:
    """Find out how good the data of a study are.

    Parameters
    ----------
    profiles : SiteProfiles
        Of every round.
    tables : StudyTables, optional
        Add the rows behind extreme values.
    round : str, optional
        Round to report on; the last by default.
    minimum : int
        Informants that a figure should rest on.

    Returns
    -------
    Assessment

    Examples
    --------
    >>> values = pd.DataFrame({"wsa": [1.0, 2.0, None]}, index=["A", "B", "C"])
    >>> assess(SiteProfiles.from_frame(values)).missing["site"].tolist()
    ['C']
    """
    round_ = round or (profiles.rounds[-1] if profiles.rounds else "")
    current = profiles.select(round=round_)
    response = response_map(profiles.response, profiles.ledger)
    found = prospects(current, response)
    precision = feature_precision(current, response)
    later = {name: prospect.reliability_next for name, prospect in found.items()}
    precision["reliability_next"] = precision["feature"].map(later).astype(float)
    extremes = extreme_values(current)
    changes = round_changes(profiles)
    return Assessment(
        profiles=profiles,
        round=round_,
        minimum=minimum,
        response=response,
        silent=tuple(silent_sites(response, round_)),
        missing=missing_cells(profiles),
        precision=precision,
        chase=chase_list(current, response, found),
        thin=thin_cells(current, [str(name) for name in response["table"].unique()], minimum),
        same=same_thing_twice(current),
        extremes=extremes,
        rows=pd.DataFrame(columns=ROW_COLUMNS)
        if tables is None
        else source_rows(extremes[~extremes["tail"].astype(bool)], tables),
        changes=changes,
        feature_changes=changes_by_feature(profiles, changes),
        moved=sites_that_moved(profiles),
        **_of_those_asked(tables),
    )


def _of_those_asked(tables: StudyTables | None) -> dict[str, pd.DataFrame]:
    """What is known where a study lists everybody asked; empty tables where it does not."""
    if tables is None or not tables.declaration.weights:
        return {
            "representative": pd.DataFrame(columns=REPRESENTATIVENESS_COLUMNS),
            "groups": pd.DataFrame(columns=GROUP_COLUMNS),
            "by_list": pd.DataFrame(columns=SETTING_COLUMNS),
            "silent_settings": pd.DataFrame(columns=SILENT_COLUMNS),
            "weight_effect": pd.DataFrame(columns=SUMMARY_COLUMNS),
        }
    return {
        "representative": representativeness(tables),
        "groups": response_by_group(tables),
        "by_list": response_by_setting(tables),
        "silent_settings": silent_settings(tables),
        "weight_effect": effect_summary(tables),
    }
