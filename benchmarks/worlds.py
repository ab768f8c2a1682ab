"""Simulated worlds with respondents and counts, for error rates: types, and several kinds of none.

As the evidence behind the project describes them: eight survey features from a site's informants
(over-dispersed numbers, a shared halo), turnover, vacancy, team size and a four-part setting mix;
15 % of cells missing, more at sites with much vacancy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from site_typology.models.working import WorkingData, WorkingScale
from site_typology.profiles import SiteProfiles

SURVEY = 8
LATENT = 14
WORLDS = ("cloud", "skewed", "line", "curve", "heavy", "discrete", "types_covariance")
LEVELS = 5


def simulate(
    world: str,
    n: int,
    seed: int,
    *,
    separation: float = 0.0,
    k: int = 3,
    informants: float = 6.0,
    missing: float = 0.15,
) -> tuple[WorkingData, np.ndarray]:
    """Simulate one data set on the working scale; labels are all 0 where there are no types."""
    profiles, labels = simulate_profiles(
        world, n, seed, separation=separation, k=k, informants=informants, missing=missing
    )
    return WorkingScale.fit(profiles).transform(profiles), labels


def simulate_profiles(
    world: str,
    n: int,
    seed: int,
    *,
    separation: float = 0.0,
    k: int = 3,
    informants: float = 6.0,
    missing: float = 0.15,
    noise: int = 0,
) -> tuple[SiteProfiles, np.ndarray]:
    """Simulate the profiles of one study.

    `informants` answer at a site on average, a share `missing` of the cells is lost, and `noise`
    further survey features have nothing to do with the types.
    """
    rng = np.random.default_rng(np.random.SeedSequence([seed, n]))
    truth, labels = latent_profiles(world, n, rng, separation, k)
    truth = np.hstack([truth, rng.normal(size=(n, noise))])
    return observe(truth, rng, informants, missing, world), labels


@dataclass(frozen=True)
class Moves:
    """How a second round follows from the first.

    `moving` is the share of sites that get another type, `persistence` the share of the
    within-type covariance that stays with a site, at movers too unless `carried` is false; `shift`
    moves every site, and `drift` the centre of each type in a direction of its own, both in
    within-type SDs. Where `same_informants`, they answer again, with the same errors.
    """

    moving: float = 0.0
    persistence: float = 0.5
    carried: bool = True
    shift: float = 0.0
    drift: float = 0.0
    same_informants: bool = False


def simulate_rounds(
    n: int,
    seed: int,
    moves: Moves,
    *,
    separation: float,
    k: int = 3,
    informants: float = 6.0,
    missing: float = 0.15,
) -> tuple[list[SiteProfiles], np.ndarray]:
    """Simulate the profiles of the same sites in two rounds, and their types, shape (2, n)."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, n]))
    covariance = within_covariance(rng)
    root = np.linalg.cholesky(covariance)
    means = type_means(k, separation, covariance, rng)
    first = draw_types(k, n, rng)
    moved = rng.permutation(n) < round(moves.moving * n)
    second = np.where(moved, (first + rng.integers(1, k, size=n)) % k, first)
    share = np.where(moved & (not moves.carried), 0.0, moves.persistence)[:, None]
    lasting, *passing = rng.normal(size=(3, n, LATENT)) @ root.T
    lost = rng.normal(size=(n, LATENT)) @ root.T
    stays = np.sqrt(moves.persistence) * lasting
    before = means[first] + stays + np.sqrt(1 - moves.persistence) * passing[0]
    away = unit_directions(k + 1, rng) @ root.T
    centres = means + moves.drift * away[:k] + moves.shift * away[k]
    after = centres[second] + np.where(share > 0, stays, np.sqrt(moves.persistence) * lost)
    after = after + np.sqrt(1 - moves.persistence) * passing[1]
    streams = rng.integers(2**32, size=2)
    rounds = [
        observe(truth, np.random.default_rng(stream), informants, missing, "types")
        for truth, stream in (
            (before, streams[0]),
            (after, streams[0 if moves.same_informants else 1]),
        )
    ]
    return rounds, np.stack([first, second])


def unit_directions(count: int, rng: np.random.Generator) -> np.ndarray:
    """Random directions of length 1."""
    drawn = rng.normal(size=(count, LATENT))
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


def draw_types(k: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Types of n sites, from 0, in fixed unequal shares."""
    sizes = {2: (0.6, 0.4), 3: (0.5, 0.3, 0.2), 4: (0.4, 0.25, 0.2, 0.15)}[k]
    counts = np.floor(np.array(sizes) * n).astype(int)
    counts[0] += n - counts.sum()
    return rng.permutation(np.repeat(np.arange(k), counts))


def within_covariance(rng: np.random.Generator) -> np.ndarray:
    """Make a moderately correlated covariance of unit variances from three factors."""
    loadings = rng.normal(size=(LATENT, 3)) * 0.5
    covariance = loadings @ loadings.T + np.eye(LATENT) * 0.6
    scale = 1 / np.sqrt(np.diag(covariance))
    return np.asarray(covariance * scale[:, None] * scale[None, :])


def type_means(k: int, separation: float, covariance: np.ndarray, rng: np.random.Generator):
    """Means with equal pairwise Mahalanobis distance, in a random orientation."""
    corners = np.eye(k) * separation / np.sqrt(2)
    corners -= corners.mean(axis=0)
    basis = np.linalg.qr(rng.normal(size=(LATENT, k)))[0]
    root = np.linalg.cholesky(covariance)
    return corners @ basis.T @ root.T


def latent_profiles(
    world: str, n: int, rng: np.random.Generator, separation: float, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """True profiles (n, 14) with unit within-type spread, and their types."""
    covariance = within_covariance(rng)
    root = np.linalg.cholesky(covariance)
    noise = rng.normal(size=(n, LATENT)) @ root.T
    labels = np.zeros(n, dtype=int)
    if world == "types":
        labels = draw_types(k, n, rng)
        return noise + type_means(k, separation, covariance, rng)[labels], labels
    direction = rng.normal(size=LATENT)
    direction /= np.linalg.norm(direction)
    if world in ("cloud", "discrete"):
        return noise, labels
    if world == "skewed":
        gradient = rng.gamma(1.5, 1.0, size=n) - 1.5
        return 0.7 * noise + 2.0 * gradient[:, None] * direction * np.sqrt(3), labels
    if world == "line":
        return 0.5 * noise + rng.uniform(-4, 4, size=n)[:, None] * direction, labels
    if world == "curve":
        other = rng.normal(size=LATENT)
        other -= other @ direction * direction
        other /= np.linalg.norm(other)
        along = rng.uniform(-1, 1, size=n)
        return (
            0.5 * noise
            + 4 * along[:, None] * direction
            + 4 * (along[:, None] ** 2 - 1 / 3) * other * 1.5,
            labels,
        )
    if world == "heavy":
        return noise * np.sqrt(4 / rng.chisquare(4, size=n))[:, None], labels
    if world == "types_covariance":
        means = type_means(3, 8.0, covariance, rng)
        weights = np.array([0.5, 0.3, 0.2])
        centred = means - weights @ means
        between = (centred.T * weights) @ centred
        return rng.normal(size=(n, LATENT)) @ np.linalg.cholesky(covariance + between).T, labels
    raise ValueError(f"Expected 'types' or one of {WORLDS}; found {world!r}.")


def observe(
    truth: np.ndarray,
    rng: np.random.Generator,
    informants: float,
    missing: float,
    world: str,
) -> SiteProfiles:
    """Let informants answer and events be counted, and lose some cells."""
    n, skewed = len(truth), world == "skewed"
    respondents = np.minimum(rng.negative_binomial(1.5, 1.5 / (1.5 + informants), size=n), 30)
    asked = np.hstack([truth[:, :SURVEY], truth[:, LATENT:]])
    survey, covariance = _survey(asked, respondents, rng, discrete=world == "discrete")
    names = [f"climate{at + 1}" for at in range(asked.shape[1])]
    values = pd.DataFrame(survey, columns=names)
    variance = np.diag(covariance)[None, :] / np.maximum(respondents, 1)[:, None]
    errors = pd.DataFrame(np.sqrt(variance), columns=names).mask(values.isna())
    kinds: dict[str, str] = {}
    staff = np.round(np.exp(2.5 + 0.3 * rng.normal(size=n))).clip(5)
    _counted(values, errors, kinds, truth, staff, rng, skewed)
    _mix(values, errors, kinds, truth[:, 11:LATENT], rng, skewed)
    _lose(values, errors, rng, missing)
    index = pd.Index([f"S{at:03d}" for at in range(n)])
    profiles = SiteProfiles.from_frame(values.set_axis(index), errors.set_axis(index), kinds=kinds)
    root = np.sqrt(np.diag(covariance))
    profiles.error_correlation.loc[names, names] = covariance / root[:, None] / root[None, :]
    return profiles


def _survey(
    truth: np.ndarray, respondents: np.ndarray, rng: np.random.Generator, *, discrete: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Site means of informants' answers, and the pooled within-site covariance of one answer.

    Discrete answers are whole points from 1 to 5, on items from one that hardly anybody agrees
    with to one that nearly everybody does.
    """
    easy = np.linspace(1.0, LEVELS, truth.shape[1])
    means = np.full(truth.shape, np.nan)
    inner = np.zeros((truth.shape[1], truth.shape[1]))
    freedom = 0
    for site, count in enumerate(respondents):
        if count == 0:
            continue
        halo = rng.normal(size=(count, 1)) * np.sqrt(0.4)
        own = rng.normal(size=(count, truth.shape[1])) * np.sqrt(0.6)
        answers = truth[site] + 1.5 * (halo + own)
        if discrete:
            answers = np.round(easy + answers).clip(1, LEVELS)
        means[site] = answers.mean(axis=0)
        inner += (answers - means[site]).T @ (answers - means[site])
        freedom += count - 1
    return means, inner / max(freedom, 1)


def _counted(
    values: pd.DataFrame,
    errors: pd.DataFrame,
    kinds: dict[str, str],
    truth: np.ndarray,
    staff: np.ndarray,
    rng: np.random.Generator,
    skewed: bool,
) -> None:
    """Turnover and vacancy as shares of staff, team size as a rate."""
    for name, column, centre in (("turnover", 8, 0.5), ("vacancy", 9, 0.4)):
        linked = (centre + 0.15 * truth[:, column]).clip(0.02, np.pi / 2 - 0.02)
        count = rng.binomial(staff.astype(int), np.sin(linked) ** 2)
        smooth = (count + 0.5) / (staff + 1)
        values[name] = count / staff
        errors[name] = np.sqrt(smooth * (1 - smooth) / staff)
        kinds[name] = "share"
    spread = 0.9 if skewed else 0.6
    size = (3.5 + spread * truth[:, 10]).clip(0.5) ** 2
    if skewed:
        size = np.exp(2.4 + 0.35 * truth[:, 10] + 0.2 * rng.standard_t(3, size=len(size))).clip(
            0.2, 300
        )
    events = rng.poisson(size)
    values["team"], errors["team"], kinds["team"] = events * 1.0, np.sqrt(events + 0.5), "rate"


def _mix(
    values: pd.DataFrame,
    errors: pd.DataFrame,
    kinds: dict[str, str],
    truth: np.ndarray,
    rng: np.random.Generator,
    skewed: bool,
) -> None:
    """Four-part setting mix from counts of about 40 settings."""
    logs = np.column_stack([0.5 * truth, np.zeros(len(truth))]) + np.log([0.5, 0.3, 0.1, 0.1])
    chance = np.exp(logs)
    chance /= chance.sum(axis=1, keepdims=True)
    if skewed:
        chance = np.stack([rng.dirichlet(12 * row + 0.05) for row in chance])
    total = np.maximum(rng.poisson(42, size=len(truth)), 4)
    counts = np.stack([rng.multinomial(t, row) for t, row in zip(total, chance, strict=True)])
    for at in range(4):
        name = f"mix.p{at + 1}"
        share = counts[:, at] / total
        smooth = (counts[:, at] + 0.5) / (total + 1)
        values[name], kinds[name] = share, "composition:mix"
        errors[name] = np.sqrt(smooth * (1 - smooth) / total)


def _lose(
    values: pd.DataFrame, errors: pd.DataFrame, rng: np.random.Generator, missing: float
) -> None:
    """Lose cells, more where vacancy is high; a composition as a whole."""
    vacancy = values["vacancy"].to_numpy(dtype=float)
    lean = np.exp(0.8 * (vacancy - vacancy.mean()) / max(float(vacancy.std()), 1e-6))
    chance = (missing * lean / lean.mean()).clip(0, 0.8)
    units = [[name] for name in values if not name.startswith("mix.")]
    units.append([name for name in values if name.startswith("mix.")])
    for names in units:
        gone = rng.random(len(values)) < chance
        values.loc[gone, names] = np.nan
        errors.loc[gone, names] = np.nan
