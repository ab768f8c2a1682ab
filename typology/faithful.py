"""Does it matter what the explanation says matters? Features replaced, sites assigned again."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from site_typology.models.working import WorkingData
    from site_typology.shares import Placed, Shares
    from site_typology.typology import Typology

REPLACED = 0.25
"""Share of a site's known features that are replaced, one at least."""
STAND_INS = 20
MOST_CHECKED = 500


@dataclass(frozen=True)
class Faithfulness:
    """What replacing features does to the assignment.

    Parameters
    ----------
    sites : int
        Sites checked: those with two known features or more, a draw of them where they are many.
    share : float
        Share of these in which the features called most important change the log-odds more than
        those called least important; ties count half.
    p_value : float
        Of the one-sided sign test that the share is one half.
    most, least : float
        Mean change of the log-odds of own against next type, either way.
    moved_most, moved_least : float
        Share of replacements after which another type is the most probable.
    """

    sites: int
    share: float
    p_value: float
    most: float
    least: float
    moved_most: float
    moved_least: float

    @property
    def holds(self) -> bool:
        """Whether it is so in more than half of the sites."""
        return self.share > 0.5


def check_faithfulness(
    typology: Typology, placed: Placed, shares: Shares, seed: int
) -> Faithfulness | None:
    """Replace a site's most and least important features, and assign it again.

    The deletion test of explanations (Samek et al. 2017, *IEEE TNNLS* 28; Petsiuk, Das & Saenko
    2018, *BMVC*), made for profiles: a quarter of the features known of a site, those with the
    largest or with the smallest mean Shapley values for its own type against the next, are
    replaced by what was measured at other sites, drawn at random. Errors and gaps stay the site's
    own, and the assignment model works out its log-odds anew, so that the check does not go
    through the explanation.

    Parameters
    ----------
    typology : Typology
    placed : Placed
    shares : Shares
    seed : int

    Returns
    -------
    Faithfulness or None
        None where no site has two known features.
    """
    from scipy import stats

    known = shares.known
    enough = np.flatnonzero(known.sum(axis=1) >= 2)
    if not len(enough):
        return None
    rng = np.random.default_rng(np.random.SeedSequence(seed).spawn(1)[0])
    if len(enough) > MOST_CHECKED:
        enough = np.sort(rng.choice(enough, MOST_CHECKED, replace=False))
    size = np.where(known, np.abs(shares.nearest.mean(axis=0)), np.nan)
    most, least = np.zeros_like(known), np.zeros_like(known)
    for row in enough:
        order = np.argsort(size[row], kind="stable")[: known[row].sum()]
        count = max(1, int(REPLACED * len(order)))
        least[row, order[:count]] = True
        most[row, order[-count:]] = True
    state = int(rng.integers(2**63))
    change_most, moved_most = _changes(typology, placed, most[:, shares.owner], enough, state)
    change_least, moved_least = _changes(typology, placed, least[:, shares.owner], enough, state)
    above, ties = change_most > change_least, change_most == change_least
    untied = int((~ties).sum())
    test = stats.binomtest(int(above.sum()), untied, alternative="greater") if untied else None
    return Faithfulness(
        len(enough),
        float(np.mean(above + 0.5 * ties)),
        float(test.pvalue) if test else 1.0,
        float(change_most.mean()),
        float(change_least.mean()),
        float(moved_most.mean()),
        float(moved_least.mean()),
    )


def _changes(
    typology: Typology, placed: Placed, columns: np.ndarray, rows: np.ndarray, state: int
) -> tuple[np.ndarray, np.ndarray]:
    """Mean change of the log-odds of some sites, and share of replacements that change a type."""
    rng = np.random.default_rng(state)
    data = dataclasses.replace(
        placed.data,
        values=placed.data.values[rows],
        errors=placed.data.errors[rows],
        sites=tuple(np.array(placed.sites, dtype=object)[rows]),
    )
    replaceable = columns[rows] & data.observed
    own, other, at = placed.labels[rows] - 1, placed.following[rows] - 1, np.arange(len(rows))
    before = _log_scores(typology, data)
    odds = before[at, own] - before[at, other]
    change, moved = np.zeros(len(rows)), np.zeros(len(rows))
    for _ in range(STAND_INS):
        others = _of_other_sites(placed.data.values, rng.random(len(rows)))
        after = _log_scores(typology, data.with_values(np.where(replaceable, others, data.values)))
        change += np.abs(after[at, own] - after[at, other] - odds)
        moved += after.argmax(axis=1) != own
    return change / STAND_INS, moved / STAND_INS


def _of_other_sites(values: np.ndarray, uniform: np.ndarray) -> np.ndarray:
    """Draw, column by column, the value of a site that has one, for each of some numbers 0 to 1."""
    found = np.full((len(uniform), values.shape[1]), np.nan)
    for column in range(values.shape[1]):
        known = np.flatnonzero(~np.isnan(values[:, column]))
        if len(known):
            found[:, column] = values[known[(uniform * len(known)).astype(int)], column]
    return found


def _log_scores(typology: Typology, data: WorkingData) -> np.ndarray:
    """Log memberships but for what is the same in every type of a site, shape (n, k)."""
    scores = np.log(typology.model.weights) - 0.5 * typology.model.distances(data)
    return np.asarray(scores / typology.model.temperature)
