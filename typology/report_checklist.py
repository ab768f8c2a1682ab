"""Items of the reporting guidelines: where the report meets each, and why not where it does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from site_typology.report_words import figure

if TYPE_CHECKING:
    from site_typology.explain import Explanation
    from site_typology.results import Evidence
    from site_typology.typology import Typology

Met = Literal["yes", "in part", "no", "not applicable"]

SAMPLE_SIZE = "Sample size"
WITHHELD = (
    "Withheld when shared: it shows single sites or exact counts. Stands in the team's report."
)


@dataclass(frozen=True)
class Item:
    """One item of a guideline.

    Parameters
    ----------
    source : str
        Its number in GRoLTS (van de Schoot et al. 2017, Structural Equation Modeling 24, 451), or
        ``"LCA guide"`` (Sinha et al. 2021, Critical Care Medicine 49, e63).
    item : str
        What is to be reported.
    met : {"yes", "in part", "no", "not applicable"}
    where : str
        The answer or its place; why not, where it is not met.
    """

    source: str
    item: str
    met: Met
    where: str


def checklist(
    typology: Typology, explanation: Explanation | None = None, *, shared: bool = False
) -> list[Item]:
    """Say of every item whether and where the report meets it.

    Parameters
    ----------
    typology : Typology
    explanation : Explanation, optional
        None where the report has none.
    shared : bool
        For the version that may leave the team, which withholds what names or singles out sites.

    Returns
    -------
    list of Item
    """
    items = [*_data(typology), *_models(typology), *_results(typology, explanation)]
    return [_as_shared(item) for item in items] if shared else items


SHARED: dict[str, tuple[Met, str]] = {
    "3b": ("in part", "How many sites lack each feature, rounded, under “Data”; reasons withheld."),
    "12": ("in part", "Of the proposal, rounded, under “Types”; of other models withheld."),
    "14a": ("no", WITHHELD),
    "14c": ("no", WITHHELD),
    "15": ("in part", "Means under “Types”; intervals withheld, whose widths would tell counts."),
}
"""Items that the shared version meets otherwise than the team's own report."""


def _as_shared(item: Item) -> Item:
    met, where = SHARED.get(item.source, (item.met, item.where))
    if item.item == SAMPLE_SIZE:
        met, where = "in part", "Number of sites, rounded, under “Types”."
    return Item(item.source, item.item, met, where)


def _data(typology: Typology) -> list[Item]:
    settings = typology.settings
    return [
        Item("1", "Metric of time", "not applicable", "Profiles of one round; no trajectories."),
        Item("2", "Time within a wave", "no", "Dates of answers are not part of a profile."),
        Item(
            "3a",
            "Missing data: mechanism assumed",
            "yes",
            "Gaps are at random given the rest of the profile.",
        ),
        Item(
            "3b",
            "Missing data: what goes with them",
            "in part",
            "Counts and reasons by feature and site under “The data” and “How good are the data”; "
            "no model of what predicts them.",
        ),
        Item(
            "3c",
            "Missing data: how handled",
            "yes",
            f"As measurement error without limit: {settings.draws} sets of plausible true profiles "
            "stand in for single imputation, and the types themselves are fitted to the known "
            "cells only.",
        ),
        Item(
            "4",
            "Distribution of the observed variables",
            "yes",
            "Gaussian within types on the working scale (arcsine root for shares, square root for "
            "rates, log-ratio for compositions), each site's measurement error added. Means and "
            "spread of every feature stand under “Profiles”, or “Types”.",
        ),
        Item(
            "LCA guide",
            "Which variables, and why",
            "in part",
            "Every feature with its definition is declared before the search; why it was chosen "
            "is for the study's protocol.",
        ),
        Item(
            "LCA guide",
            SAMPLE_SIZE,
            "yes",
            _sites_used(typology.evidence)
            + (
                " How far apart types would have to be to be found stands under “Verdict”."
                if typology.evidence.power is not None
                else ""
            ),
        ),
    ]


def _models(typology: Typology) -> list[Item]:
    tried = typology.evidence.candidates["k"].dropna().astype(int)
    return [
        Item("5", "Software and versions", "yes", "Table under “How it was done”."),
        Item(
            "6a",
            "Other specifications within types",
            "no",
            "One only: spread within a type is one covariance plus each site's own error.",
        ),
        Item(
            "6b",
            "Differences of covariance between types",
            "no",
            "One covariance shared by all types; with few sites a type, one each cannot be "
            "estimated. Gaussian mixtures among the other models relax it.",
        ),
        Item("7", "Other shapes of trajectories", "not applicable", "No trajectories."),
        Item(
            "8",
            "Covariates",
            "not applicable",
            "The model has none. Features that did not build types are named below.",
        ),
        Item(
            "9",
            "Starts and iterations",
            "yes",
            "For every number of types, and for every simulated data set alike: in each of "
            "several spaces the tightest of 8 k-means runs, for few sites Ward's groups and single "
            "runs too; 6 steps each, up to 30 more for the likeliest 4 (2 where sites are many).",
        ),
        Item(
            "10",
            "How the number of types was chosen",
            "yes",
            "By what types explain beyond one population and a continuum, in standard deviations "
            "of what the reference data gain; claimed only by the rules of the verdict.",
        ),
        Item(
            "11",
            "Every model fitted, one type included",
            "yes",
            f"{len(tried)} candidates with {min(tried, default=1)} to {max(tried, default=1)} "
            "types, in the table of models.",
        ),
        Item("12", "Sites in each type, for every model", "yes", "In the table of models."),
        Item(
            "LCA guide",
            "Several indices of fit",
            "yes",
            "Gain in log-likelihood against data without types, stability, silhouette and "
            "agreement, under “How it was done”. Information criteria are not used: they do not "
            "know the measurement errors.",
        ),
    ]


def _results(typology: Typology, explanation: Explanation | None) -> list[Item]:
    evaluate = [info.title for info in typology.profiles.features if info.use == "evaluate"]
    entropy = typology.evidence.figures.get("relative_entropy", np.nan)
    return [
        Item(
            "13",
            "Relative entropy",
            "no" if np.isnan(entropy) else "in part",
            "Could not be computed."
            if np.isnan(entropy)
            else f"{figure(entropy)} for the proposal, its types taken as known; other models give "
            f"no probabilities. {_temperature(typology)}",
        ),
        Item("14a", "Plot of the final model", "yes", "Figure under “Profiles”."),
        Item(
            "14b",
            "Plots of all models",
            "no",
            "Only the proposal is drawn; labels of the others are kept with the results.",
        ),
        Item(
            "14c",
            "Plot of means with single sites",
            "yes",
            "Sites are the dots in the figure under “Profiles”.",
        ),
        Item(
            "15",
            "Final model in numbers",
            "yes",
            "Means with 95% intervals and sites known, in natural units, under “Profiles”.",
        ),
        Item(
            "16",
            "Syntax",
            "in part",
            "Settings and seed stand below; with the study file and its tables they give the same "
            "result again. The study file is not printed here.",
        ),
        Item(
            "LCA guide",
            "Variables that did not build types",
            "yes",
            f"{len(evaluate)}: {', '.join(evaluate)}." if evaluate else "None.",
        ),
        Item("LCA guide", "How the types are explained", *_explained(explanation)),
    ]


def _temperature(typology: Typology) -> str:
    """Say by which temperature probabilities were lowered, with its Monte Carlo error."""
    figures = typology.evidence.figures
    temperature, error = figures.get("temperature", 1.0), figures.get("temperature_error", 0.0)
    return (
        f"Membership probabilities are at the temperature {figure(temperature)} (Monte Carlo error "
        f"{figure(error)}; 1 takes the types as known)."
    )


def _explained(explanation: Explanation | None) -> tuple[Met, str]:
    if explanation is None:
        return "no", "Stands in the team's report."
    if not explanation.shown:
        return "no", f"Not shown. {explanation.why_not}"
    if explanation.method == "exact":
        return (
            "yes",
            "Exact Shapley values of the log-odds that the type model gives, in closed form.",
        )
    return (
        "yes",
        f"Surrogate with cross-validated balanced accuracy {figure(explanation.fidelity)} "
        f"(guessing: {figure(explanation.chance)}).",
    )


def _sites_used(evidence: Evidence) -> str:
    """Say how many of the sites the evidence rests on, and for what."""
    every = int(evidence.figures.get("sites", 0))
    used = int(evidence.figures.get("sites_used", every))
    if used == every:
        return "All sites with enough data."
    return (
        f"{used:,} of {every:,}, drawn at random: null test, other models, stability, agreement "
        "and power. The types are fitted to all sites, and every site is placed."
    )
