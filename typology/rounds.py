"""Rounds of one study under one typology: who really moved, what drifted, whether the types fit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from site_typology.assign import Assigner
from site_typology.comparison import Comparison
from site_typology.profiles import SiteProfiles
from site_typology.rounds_advice import Advice, advise
from site_typology.rounds_drift import drift_table
from site_typology.rounds_fit import REPLICATES, FitTest, judge_rounds
from site_typology.rounds_replays import Setting
from site_typology.rounds_sites import MatchedSites, match_sites
from site_typology.rounds_tables import (
    flow_of,
    marginals_of,
    site_table,
    step_table,
    transition_table,
)

if TYPE_CHECKING:
    from site_typology.models.transition_draws import TransitionDraws
    from site_typology.models.transitions import RoundsData, Transitions


@dataclass(frozen=True)
class Rounds:
    """What became of the sites of a typology over rounds.

    Parameters
    ----------
    rounds : tuple of str
        In order of time.
    base : str
        The round that the typology was fitted to.
    names : mapping of int to str
        Names of the types.
    sites : DataFrame
        One row a site and step, columns `site_typology.rounds_tables.SITE_COLUMNS`. Types,
        probabilities and calls are those of the transition model; ``naive_from`` and ``naive_to``
        are the types that each profile gets by itself. Every site of either round is there.
    transitions : DataFrame
        One row a step and pair of types, `TRANSITION_COLUMNS` of the same module: share of the
        earlier type's sites with its 95 % posterior interval.
    steps : DataFrame
        One row a step, `STEP_COLUMNS` of the same module.
    drift : DataFrame
        See `site_typology.rounds_drift.drift_table`.
    fit : tuple of FitTest
        One a round that the types did not come from.
    advice : Advice
    repeated : mapping of str to tuple of str
        Working columns that were not measured anew, by round; they are gaps there.
    flows : tuple of Comparison
        One a step: most probable types of the followed sites.
    """

    rounds: tuple[str, ...]
    base: str
    names: Mapping[int, str]
    sites: pd.DataFrame
    transitions: pd.DataFrame
    steps: pd.DataFrame
    drift: pd.DataFrame
    fit: tuple[FitTest, ...]
    advice: Advice
    repeated: Mapping[str, tuple[str, ...]]
    flows: tuple[Comparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Everything but the sites, for JSON; NaN becomes None."""
        content = {
            "rounds": list(self.rounds),
            "base": self.base,
            "names": {str(kind): name for kind, name in self.names.items()},
            "advice": self.advice.to_dict(),
            "fit": [dataclasses.asdict(test) for test in self.fit],
            "steps": self.steps.astype(object).to_dict("records"),
            "transitions": self.transitions.astype(object).to_dict("records"),
            "drift": self.drift.astype(object).to_dict("records"),
            "repeated": {round_: list(names) for round_, names in self.repeated.items()},
        }
        return dict(_plain(content))


def follow_rounds(
    assigner: Assigner,
    profiles: SiteProfiles,
    *,
    base: str,
    rounds: Sequence[str] | None = None,
    seed: int = 0,
    replicates: int = REPLICATES,
    error_correlation: pd.DataFrame | None = None,
    progress: Callable[[str, float], None] | None = None,
) -> Rounds:
    """Follow the sites of a typology over rounds.

    Parameters
    ----------
    assigner : Assigner
        Of the typology (``typology.assigner``).
    profiles : SiteProfiles
        Of all rounds; see `site_typology.rounds_sites.joined` for rounds that stand apart.
    base : str
        The round that the typology was fitted to.
    rounds : sequence of str, optional
        In order of time, the base round among them; all those of the profiles by default.
    seed : int
        The same seed gives the same result.
    replicates : int
        Rounds without change that are simulated; more where the rules of the advice need them, see
        `site_typology.rounds_fit.judge_rounds`.
    error_correlation : DataFrame, optional
        As the typology was built with it; that of the profiles by default.
    progress : callable, optional
        Called with a step and the share of it that is done.

    Returns
    -------
    Rounds

    Raises
    ------
    StudyError
        Rounds or features that do not fit, or no site with enough data in two rounds; lists every
        problem.
    """
    from site_typology.models.transition_draws import draw_transitions
    from site_typology.models.transitions import fit_transitions, moving

    claimed = dataclasses.replace(assigner, no_claim="")
    claimed = claimed if assigner.names else dataclasses.replace(claimed, names={1: "All sites"})
    ordered = tuple(profiles.rounds if rounds is None else rounds)
    matched = match_sites(
        claimed, profiles, base=base, rounds=ordered, error_correlation=error_correlation
    )
    data = matched.data()
    model = fit_transitions(data, claimed.model.means, claimed.model.covariance)
    draws = draw_transitions(model, seed, seen=~np.isnan(data.values).all(axis=2))
    movers = moving(model.path_probabilities(), model.paths, data)
    setting = _setting(claimed, matched, data, model)
    fit, tests = judge_rounds(setting, movers, seed=seed, replicates=replicates, progress=progress)
    sites = site_table(matched, model, draws, tests)
    steps = step_table(ordered, sites, draws, tests, seed)
    drift = drift_table(_in_order(profiles, ordered), _parts(claimed, ordered, data, model, draws))
    return Rounds(
        ordered,
        base,
        claimed.names,
        sites,
        transition_table(ordered, sites, draws, data, model),
        steps,
        drift,
        fit,
        advise(bool(assigner.names), sites, steps, drift, fit),
        matched.repeated,
        tuple(flow_of(sites, step, claimed.names) for step in pairwise(ordered)),
    )


def _setting(
    assigner: Assigner, matched: MatchedSites, data: RoundsData, model: Transitions
) -> Setting:
    """What rounds without change are simulated from."""
    from site_typology.models.working import WorkingData

    def enough(round_: str) -> WorkingData:
        found = matched.working[round_]
        rows = np.flatnonzero(matched.reasons.loc[list(found.sites), round_].eq("").to_numpy())
        return dataclasses.replace(
            found,
            values=found.values[rows],
            errors=found.errors[rows],
            sites=tuple(found.sites[row] for row in rows),
        )

    k, probabilities = assigner.model.k, model.path_probabilities()
    base = matched.rounds.index(matched.base)
    steps = {}
    for at, round_ in enumerate(matched.rounds):
        if round_ != matched.base:
            pairs = model.paths[:, base] * k + model.paths[:, at]
            counts = np.bincount(pairs, probabilities.sum(axis=0), minlength=k * k)
            rows = counts.reshape(k, k) + 0.5 * np.eye(k)
            steps[round_] = rows / rows.sum(axis=1, keepdims=True)
    return Setting(
        assigner.model,
        enough(matched.base),
        {round_: enough(round_) for round_ in matched.rounds if round_ != matched.base},
        steps,
        float(model.weights @ model.persistence),
        matched.rounds,
        data,
        tuple(matched.followed),
    )


def _parts(
    assigner: Assigner,
    rounds: Sequence[str],
    data: RoundsData,
    model: Transitions,
    draws: TransitionDraws,
) -> dict[tuple[str, str], pd.DataFrame]:
    """Change of the mean profile by the shift of all sites and by moves, in natural units."""
    means, scale = assigner.model.means, assigner.scale
    marginals, seen = marginals_of(draws, model, len(means)), ~np.isnan(data.values).all(axis=2)
    shift = np.einsum("m,mtq->tq", model.weights, np.array([fit.shift for fit in model.fitted]))
    parts = {}
    for at, step in enumerate(pairwise(rounds)):
        both = seen[:, at] & seen[:, at + 1]
        if not both.any():
            continue
        before, after = (marginals[both, at + more].mean(axis=0) @ means for more in (0, 1))
        points = np.array([before + shift[at], after + shift[at], after + shift[at + 1]])
        natural = scale.to_natural(points)
        moves, level = natural.iloc[1] - natural.iloc[0], natural.iloc[2] - natural.iloc[1]
        parts[step] = pd.DataFrame({"level": level, "composition": moves})
    return parts


def _in_order(profiles: SiteProfiles, rounds: Sequence[str]) -> SiteProfiles:
    """Profiles with their rounds in order of time."""
    found = profiles.values.index.get_level_values("round")
    order = np.concatenate([np.flatnonzero(found == round_) for round_ in rounds])
    return SiteProfiles(
        profiles.values.iloc[order],
        profiles.standard_errors.iloc[order],
        profiles.counts.iloc[order],
        profiles.reasons.iloc[order],
        profiles.features,
        error_correlation=profiles.error_correlation,
    )


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
