"""Tables of rounds: sites, steps and transitions, of the model and of each round by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.comparison import Comparison, Grouping, compare
from site_typology.rounds_fit import MoversTest
from site_typology.rounds_sites import FOLLOWED, MatchedSites

if TYPE_CHECKING:
    from site_typology.models.transition_draws import TransitionDraws
    from site_typology.models.transitions import RoundsData, Transitions

MOVED, STAYED = 0.9, 0.1
"""Probability of another type from which a site is said to have moved, and up to which to stay."""
LEVEL = 0.95
SITE_COLUMNS = [
    "site", "from_round", "to_round", "status", "from_type", "from_probability", "to_type",
    "to_probability", "p_moved", "call", "naive_from", "naive_to", "why",
]  # fmt: skip
TRANSITION_COLUMNS = [
    "from_round", "to_round", "from_type", "to_type", "share", "low", "high", "expected_sites",
    "naive_sites",
]  # fmt: skip
STEP_COLUMNS = [
    "from_round", "to_round", "followed", "movers", "movers_low", "movers_high", "naive_movers",
    "called", "unclear", "persistence", "alone_expected", "alone_most", "p_movers", "movers_found",
]  # fmt: skip


def marginals_of(draws: TransitionDraws, model: Transitions, k: int) -> np.ndarray:
    """Probability of each type in each round, shape (n, rounds, k)."""
    member = (model.paths[:, :, None] == np.arange(k)).astype(float)
    return np.asarray(np.einsum("np,ptk->ntk", draws.probabilities, member))


def site_table(
    matched: MatchedSites,
    model: Transitions,
    draws: TransitionDraws,
    tests: Sequence[MoversTest],
) -> pd.DataFrame:
    """One row a site and step, `SITE_COLUMNS`; every site of either round is there."""
    k = int(model.paths.max()) + 1
    marginals, followed = marginals_of(draws, model, k), matched.followed
    best = model.paths[draws.probabilities.argmax(axis=1)]
    parts = []
    for at, (earlier, later) in enumerate(pairwise(matched.rounds)):
        other = model.paths[:, at] != model.paths[:, at + 1]
        rows = np.arange(len(followed))
        own = pd.DataFrame(
            {
                "from_type": best[:, at] + 1,
                "from_probability": marginals[rows, at, best[:, at]],
                "to_type": best[:, at + 1] + 1,
                "to_probability": marginals[rows, at + 1, best[:, at + 1]],
                "p_moved": draws.probabilities[:, other].sum(axis=1),
            },
            index=followed,
        )
        own["call"] = np.select(
            [(own["p_moved"] >= MOVED) & tests[at].found, own["p_moved"] <= STAYED],
            ["moved", "stayed"],
            "unclear",
        )
        account = matched.account()
        step = account[(account["from_round"] == earlier) & (account["to_round"] == later)]
        step = step.set_index("site").join(own)
        step.loc[step["status"] != FOLLOWED, own.columns] = np.nan
        step["naive_from"] = matched.labels(earlier).reindex(step.index)
        step["naive_to"] = matched.labels(later).reindex(step.index)
        parts.append(step.rename_axis("site").reset_index())
    table = pd.concat(parts, ignore_index=True)
    types = {name: table[name].astype("Int64") for name in ("from_type", "to_type")}
    return table.assign(**types, call=table["call"].fillna(""))[SITE_COLUMNS]


def _step(table: pd.DataFrame, earlier: str, later: str) -> pd.DataFrame:
    here = (table["from_round"] == earlier) & (table["to_round"] == later)
    return table[here & (table["status"] == FOLLOWED)]


def step_table(
    rounds: Sequence[str],
    sites: pd.DataFrame,
    draws: TransitionDraws,
    tests: Sequence[MoversTest],
    seed: int,
) -> pd.DataFrame:
    """One row a step, `STEP_COLUMNS`; movers are corrected for those that only seem to move."""
    rows = []
    for at, (earlier, later) in enumerate(pairwise(rounds)):
        own, test = _step(sites, earlier, later), tests[at]
        naive = (own["naive_from"] != own["naive_to"]).fillna(False)
        n = max(len(own), 1)
        movers = n * test.corrected(draws.movers[:, at] / n, seed)
        low, high = np.quantile(movers, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
        if not test.found:
            # That nobody moved is not ruled out, so the interval says so.
            low = 0.0
        rows.append(
            (
                earlier, later, len(own), float(movers.mean()), float(low), float(high),
                int(naive.sum()), int((own["call"] == "moved").sum()),
                int((own["call"] == "unclear").sum()), float(draws.persistence.mean()),
                test.expected, test.most, test.p, test.found,
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=STEP_COLUMNS)


def transition_table(
    rounds: Sequence[str],
    sites: pd.DataFrame,
    draws: TransitionDraws,
    data: RoundsData,
    model: Transitions,
) -> pd.DataFrame:
    """One row a step and pair of types, `TRANSITION_COLUMNS`."""
    k = draws.steps.shape[-1]
    rows = []
    for at, (earlier, later) in enumerate(pairwise(rounds)):
        own = _step(sites, earlier, later)
        seen = ~np.isnan(data.values).all(axis=2)
        both = seen[:, at] & seen[:, at + 1]
        for a in range(k):
            for b in range(k):
                share = draws.steps[:, at, a, b]
                low, high = np.quantile(share, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
                path = (model.paths[:, at] == a) & (model.paths[:, at + 1] == b)
                naive = ((own["naive_from"] == a + 1) & (own["naive_to"] == b + 1)).sum()
                rows.append(
                    (
                        earlier, later, a + 1, b + 1, float(share.mean()), float(low), float(high),
                        float(draws.probabilities[both][:, path].sum()), int(naive),
                    )
                )  # fmt: skip
    return pd.DataFrame(rows, columns=TRANSITION_COLUMNS)


def flow_of(sites: pd.DataFrame, step: tuple[str, str], names: Mapping[int, str]) -> Comparison:
    """Most probable types as a comparison; the type in its one round of a site not followed."""
    here = (sites["from_round"] == step[0]) & (sites["to_round"] == step[1])
    own = sites[here].set_index("site")

    def side(which: str, title: str) -> Grouping:
        there = own[own["status"].ne(f"only in {step[1 if which == 'from' else 0]}")]
        return Grouping(
            title,
            there[f"{which}_type"].fillna(there[f"naive_{which}"]),
            dict(names),
            there[f"{which}_probability"].astype(float),
            there["why"].astype("str"),
        )

    return compare(side("from", step[0]), side("to", step[1]), aligned=True)
