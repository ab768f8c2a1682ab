"""What a study has to plan from: its fitted population, and how its survey answers came about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from site_typology.declaration import ONE_ROUND, StudyDeclaration
from site_typology.errors import Problems
from site_typology.models.plausible import fit_population
from site_typology.models.working import WorkingData, WorkingScale
from site_typology.planning_material import Material, Survey
from site_typology.profiles import SiteProfiles
from site_typology.screening import in_order, screen
from site_typology.study_file import resolve_path

ONE_SURVEY = "survey"


def profiles_material(
    profiles: SiteProfiles,
    *,
    min_observed: float,
    surveys: Sequence[str] | None = None,
    survey_features: Sequence[str] | None = None,
    separation: float | None = None,
) -> Material:
    """Make the material of a plan from site profiles.

    Parameters
    ----------
    profiles : SiteProfiles
        Of one round.
    min_observed : float
        Share of the build features that a site needs to help fitting the population.
    surveys : sequence of str, optional
        Tables whose informants and response are planned; every survey by default.
    survey_features : sequence of str, optional
        Features that are means over informants, where the profiles do not know of surveys.
    separation : float, optional
        As the study declares it.

    Raises
    ------
    StudyError
        The profiles cannot carry a typology, or a survey or feature is not there.
    """
    screened = screen(profiles, min_observed)
    scale = WorkingScale.fit(screened.profiles)
    fitted = scale.transform(screened.profiles)
    everybody = in_order(_with_known_errors(profiles.select(use="build")))
    data = scale.transform(everybody)
    tables = _features_of_surveys(everybody, survey_features)
    _check_names(tables, everybody, surveys, survey_features)
    chosen = {name: tables[name] for name in (surveys or tables)}
    found = [_survey(name, features, everybody, data) for name, features in chosen.items()]
    usable = tuple(survey for survey in found if survey is not None)
    return Material(
        fit_population(fitted),
        data.errors,
        data.observed,
        usable,
        separation=separation,
        notes=_notes(fitted, data, usable, everybody),
    )


def _with_known_errors(profiles: SiteProfiles) -> SiteProfiles:
    """Leave out sites with a value of unknown error, which the working scale refuses."""
    unknown = (profiles.values.notna() & profiles.standard_errors.isna()).any(axis=1)
    sites = profiles.values.index.get_level_values("site")
    return profiles.select(sites=sorted(sites[~unknown]))


def _features_of_surveys(
    profiles: SiteProfiles, survey_features: Sequence[str] | None
) -> dict[str, list[str]]:
    """Features by the survey table that they come from."""
    if survey_features is not None:
        return {ONE_SURVEY: list(survey_features)}
    asked = set(profiles.response["table"])
    if not asked:
        counted = profiles.counts.notna() & (profiles.standard_errors > 0)
        names = [str(name) for name in profiles.values if counted[name].any()]
        return {ONE_SURVEY: names} if names else {}
    tables: dict[str, list[str]] = {}
    for info in profiles.features:
        table = info.source.split(":")[0]
        if table in asked:
            tables.setdefault(table, []).append(info.name)
    return tables


def _check_names(
    tables: dict[str, list[str]],
    profiles: SiteProfiles,
    surveys: Sequence[str] | None,
    survey_features: Sequence[str] | None,
) -> None:
    found = Problems("plan")
    listed = ", ".join(tables) or "none"
    for name in surveys or ():
        if name not in tables:
            found.add("survey", f"{name!r} has no feature to build types from. Surveys: {listed}.")
    for name in survey_features or ():
        if name not in profiles.values.columns:
            found.add("survey_features", f"{name!r} is no feature that types are built from.")
    found.raise_if_any()


def _survey(
    name: str, features: Sequence[str], profiles: SiteProfiles, data: WorkingData
) -> Survey | None:
    """Learn how a survey's answers make errors and gaps; None where no number is known."""
    places = [at for at, natural in enumerate(data.natural) if set(natural) <= set(features)]
    counts = np.column_stack(
        [profiles.counts[list(data.natural[at])].mean(axis=1) for at in places]
        or [np.full(len(profiles), np.nan)]
    )
    counted = np.where(data.observed[:, places], np.nan_to_num(counts), 0.0)
    known = np.flatnonzero(counted.sum(axis=0) > 0)
    if not len(known):
        return None
    columns = np.array(places)[known]
    counted = counted[:, known]
    answered = counted.max(axis=1)
    number, expected, asked, response = _asked(name, profiles, answered)
    shares = counted.sum(axis=0) / answered.sum()
    block = data.errors[:, columns[:, None], columns[None, :]]
    return Survey(
        name,
        tuple(int(at) for at in columns),
        _one_informant(block, counted),
        np.clip(shares, 0, 1),
        _willingness(number, expected),
        asked,
        response,
    )


def _asked(
    name: str, profiles: SiteProfiles, answered: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Informants who answered and were expected at each site, asked on average, and response.

    Where it is not known how many were asked, those who answered stand for them.
    """
    index = profiles.values.index
    rows = profiles.response[profiles.response["table"] == name].set_index("site")
    rows = rows[rows["round"].isin([*index.get_level_values("round").unique(), ONE_ROUND])]
    sites = rows.reindex(index.get_level_values("site")) if rows.index.is_unique else rows.head(0)
    eligible = sites["eligible"].to_numpy(dtype=float)
    known = np.isfinite(eligible) & (eligible > 0)
    if not known.any():
        return answered, np.full(len(answered), answered.mean()), float(answered.mean()), 1.0
    number = np.where(known, sites["responded"].to_numpy(dtype=float), answered)
    response = float(number[known].sum() / eligible[known].sum())
    asked = float(eligible[known].mean())
    return number, np.where(known, eligible, asked) * response, asked, min(response, 1.0)


def _one_informant(block: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Error covariance of one informant: mean over sites of error times number."""
    root = np.sqrt(counted)
    both = (counted[:, :, None] > 0) & (counted[:, None, :] > 0)
    total = (block * root[:, :, None] * root[:, None, :]).sum(axis=0)
    mean = total / np.maximum(both.sum(axis=0), 1)
    values, vectors = np.linalg.eigh((mean + mean.T) / 2)
    return np.asarray((vectors * np.clip(values, 0, None)) @ vectors.T)


def _willingness(number: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Response of each site relative to all, chance taken out, 1 on average.

    Empirical Bayes with gamma-distributed response and Poisson numbers, the spread of response by
    moments (Clayton and Kaldor 1987, *Biometrics* 43, section 2).
    """
    spread = ((number - expected) ** 2 - expected).sum() / max(float((expected**2).sum()), 1e-9)
    if spread <= 0:
        return np.ones(len(number))
    willing = (number + 1 / spread) / (expected + 1 / spread)
    return np.asarray(willing / willing.mean())


def _notes(
    fitted: WorkingData, data: WorkingData, surveys: Sequence[Survey], profiles: SiteProfiles
) -> tuple[str, ...]:
    notes = [
        f"True profiles spread as those of the {fitted.n} sites with enough data, within a type.",
        f"Errors and gaps are those of the {data.n} sites, taken again where more are asked for.",
    ]
    for survey in surveys:
        names = dict.fromkeys(name for at in survey.columns for name in data.natural[at])
        unknown = profiles.response.loc[profiles.response["table"] == survey.name, "eligible"]
        now = (
            f"{survey.asked:.1f} asked a site and {survey.response:.0%} answering now"
            if unknown.notna().any()
            else f"{survey.asked:.1f} answering a site now; how many were asked is not known"
        )
        notes.append(
            f"Survey {survey.name} ({', '.join(names)}): {now}. With other numbers, the error of "
            "one informant is divided by those who answer, sites differ in response as they do "
            "now, and who answers says nothing about the site."
        )
    planned = {at for survey in surveys for at in survey.columns}
    left = dict.fromkeys(
        name for at in range(data.q) if at not in planned for name in data.natural[at]
    )
    if left:
        notes.append(f"As they are now, whatever the survey: {', '.join(left)}.")
    return tuple(notes)


def declared_counts(declaration: StudyDeclaration) -> dict[str, int]:
    """Count the features that a study declares, and those from records, for `Assumptions`.

    A feature counts as one, compositions too, since their parts are not known without data; one
    whose table (or whose scale's) is not a survey comes from records.

    Examples
    --------
    >>> from site_typology.study_file import parse_declaration
    >>> declared_counts(parse_declaration({
    ...     "study": {"name": "s", "sites": "sites"},
    ...     "tables": {"sites": {"path": "a.csv", "site": "site", "role": "sites"}},
    ...     "features": [{"name": "need", "builder": "column",
    ...                   "args": {"table": "sites", "column": "need"}}],
    ... }))
    {'features': 1, 'records': 1}
    """
    surveys = {name for name, table in declaration.tables.items() if table.role == "survey"}
    scales = {scale.name: scale.table for scale in declaration.scales}
    build = [feature for feature in declaration.features if feature.use == "build"]
    asked = 0
    for feature in build:
        table = feature.args.get("table") or scales.get(str(feature.args.get("scale")))
        asked += table in surveys
    return {"features": len(build), "records": len(build) - asked}


def only_declared(declaration: StudyDeclaration, folder: Path) -> bool:
    """Whether a study has no data yet: none of the files of its tables is there."""
    paths = [table.path for table in declaration.tables.values()]
    return all(path and not resolve_path(path, folder).exists() for path in paths)
