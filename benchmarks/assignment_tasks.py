"""New sites of the same truth as a typology, ways to assign them, and how often these are right."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.stats import chi2
from scoring import calibration_bins
from sklearn.base import ClassifierMixin
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from worlds import latent_profiles, observe, within_covariance

from site_typology import SiteProfiles
from site_typology.assign import OUTSIDE, Assigner
from site_typology.matching import match_features
from site_typology.models.conformal import Calibration, calibrate, possible_types
from site_typology.models.mixture import fit_types
from site_typology.models.working import WorkingScale
from site_typology.placing import expected_agreement
from site_typology.screening import data_shortfall, screen
from site_typology.typical_errors import typical_errors

K, LEVEL = 3, 0.9
MIN_OBSERVED = 1 / 3
FITTED_MISSING = 0.15
GAPS = {"complete": 0.0, "partly missing": 0.4}
STRANGERS = (4.0, 6.0, 8.0, 10.0, 12.0)
OURS = "site-typology"


@dataclass(frozen=True)
class World:
    """Sites to fit, and new ones with their true types."""

    fitted: SiteProfiles
    fitted_truth: np.ndarray
    new: Mapping[str, SiteProfiles]
    new_truth: np.ndarray
    strangers: Mapping[float, SiteProfiles]


def world(sites: int, separation: float, seed: int, new: int, informants: float = 6.0) -> World:
    """Simulate sites of three types, new ones of the same types, and some of a kind never seen.

    The new kind is as far, in within-type SDs, from its nearest type as stated, away from the
    plane that the types lie in; strangers miss as many cells as the fitted sites.
    """
    key = [seed, sites, int(10 * separation)]
    total = sites + new
    truth, labels = latent_profiles("types", total, np.random.default_rng(key), separation, K)
    root = np.linalg.cholesky(within_covariance(np.random.default_rng(key)))
    rng = np.random.default_rng([*key, 1])

    def seen(rows: np.ndarray, missing: float) -> SiteProfiles:
        return observe(rows, rng, informants, missing, "types")

    fresh = truth[sites:]
    # A type's middle and what differs between types, on the scale where sites of a type are round.
    middles = np.stack([truth[labels == kind].mean(axis=0) for kind in range(K)])
    plane = np.linalg.qr(np.linalg.solve(root, (middles[1:] - middles[0]).T))[0]
    away = rng.normal(size=len(root))
    away -= plane @ (plane.T @ away)
    away = root @ (away / np.linalg.norm(away))
    return World(
        fitted=seen(truth[:sites], FITTED_MISSING),
        fitted_truth=labels[:sites],
        new={name: seen(fresh, missing) for name, missing in GAPS.items()},
        new_truth=labels[sites:],
        strangers={apart: seen(fresh + apart * away, FITTED_MISSING) for apart in STRANGERS},
    )


@dataclass(frozen=True)
class Fitted:
    """Types of the fitted sites, what each is called in truth, and classifiers of them.

    `found` is the share of the fitted sites that are of their true type.
    """

    assigner: Assigner
    correlation: pd.DataFrame
    partner: np.ndarray
    found: float
    classifiers: Mapping[str, ClassifierMixin]
    means: np.ndarray
    calibration: Calibration


def baselines(seed: int) -> dict[str, ClassifierMixin]:
    """Classifiers of scikit-learn as they come."""
    return {
        "logistic regression": LogisticRegression(max_iter=2000),
        "linear discriminant": LinearDiscriminantAnalysis(),
        "random forest": RandomForestClassifier(random_state=seed),
        "extra trees": ExtraTreesClassifier(random_state=seed),
        "5 nearest neighbours": KNeighborsClassifier(),
    }


def assigner_of(profiles: SiteProfiles, k: int, seed: int) -> tuple[Assigner, SiteProfiles]:
    """Fit k types, claimed or not, and make ready to assign; give the sites with enough data."""
    kept = screen(profiles, MIN_OBSERVED).profiles
    scale = WorkingScale.fit(kept)
    data = scale.transform(kept)
    types = fit_types(data, k, seed)
    temperature = expected_agreement(types, data, seed=seed).temperature
    assigner = Assigner(
        features=kept.features,
        scale=scale,
        model=dataclasses.replace(types, temperature=temperature),
        names={at + 1: f"Type {at + 1}" for at in range(k)},
        min_observed=MIN_OBSERVED,
        reach=float(np.log(OUTSIDE)),
        errors=typical_errors(kept),
        sites=len(kept),
    )
    reach = min(assigner.reach, float(assigner.log_tails(kept).min()))
    return assigner.reaching(reach), kept


def fit(made: World, seed: int) -> Fitted:
    """Fit types and train the classifiers to tell them, gaps filled with the column's mean."""
    assigner, kept = assigner_of(made.fitted, K, seed)
    data = assigner.scale.transform(kept)
    labels = assigner.model.memberships(data).argmax(axis=1)
    truth = dict(zip(made.fitted.sites, made.fitted_truth, strict=True))
    table = np.zeros((K, K))
    np.add.at(table, (labels, np.array([truth[site] for site in kept.sites])), 1)
    means = np.nanmean(data.values, axis=0)
    filled = np.where(np.isnan(data.values), means, data.values)
    partner = linear_sum_assignment(-table)[1]
    return Fitted(
        assigner,
        kept.error_correlation,
        partner,
        float(table[np.arange(K), partner].sum() / table.sum()),
        {name: own.fit(filled, labels) for name, own in baselines(seed).items()},
        means,
        calibrate(assigner.model, data),
    )


def score(fitted: Fitted, profiles: SiteProfiles, truth: np.ndarray) -> dict[str, object]:
    """Compare every method with the truth over the new sites with enough data."""
    matched, _ = match_features(fitted.assigner.features, profiles, {}, fitted.correlation)
    names = [info.name for info in fitted.assigner.features]
    enough = (data_shortfall(matched, names, MIN_OBSERVED) == "").to_numpy()
    data = fitted.assigner.working(matched)
    filled = np.where(np.isnan(data.values), fitted.means, data.values)
    found = {OURS: fitted.assigner.model.memberships(data)}
    for name, own in fitted.classifiers.items():
        found[name] = np.zeros((data.n, K))
        found[name][:, own.classes_] = own.predict_proba(filled)
    row: dict[str, object] = {"enough": int(enough.sum())}
    for name, chances in found.items():
        right = fitted.partner[chances.argmax(axis=1)] == truth
        row[name] = {
            "accuracy": float(right[enough].mean()),
            "bins": calibration_bins(chances.max(axis=1)[enough], right[enough]).tolist(),
        }
    none = outside(fitted.assigner, matched)
    row["none"] = {name: int(far[enough].sum()) for name, far in none.items()}
    kept = possible_types(fitted.calibration.p_values(data), found[OURS], LEVEL)
    row["sets"] = _sets(fitted, kept[enough], truth[enough])
    return row


def outside(assigner: Assigner, profiles: SiteProfiles) -> dict[str, np.ndarray]:
    """Which sites are *none of these*, by the rule and as if the types had been known exactly."""
    data = assigner.working(profiles)
    squares = assigner.model.distances(data).min(axis=1)
    observed = assigner.model.observed(data)
    plain = np.where(observed > 0, chi2.logsf(squares, np.maximum(observed, 1)), 0.0)
    return {
        "rule": assigner.log_tails(profiles) < assigner.reach,
        "types taken as known": plain < np.log(OUTSIDE),
    }


def _sets(fitted: Fitted, kept: np.ndarray, truth: np.ndarray) -> dict[str, float] | None:
    """How often conformal sets hold the true type; None where a type has too few sites."""
    if not fitted.calibration.carries(LEVEL):
        return None
    held = kept[np.arange(len(truth)), np.argsort(fitted.partner)[truth]]
    of_type = [float(held[truth == kind].mean()) for kind in range(K)]
    return {"held": float(held.mean()), "worst": min(of_type), "size": float(kept.sum(1).mean())}


def one(sites: int, separation: float, seed: int, new: int) -> dict[str, object]:
    """Everything measured in one simulated study."""
    made = world(sites, separation, seed, new)
    fitted = fit(made, seed)
    row: dict[str, object] = {"sites": sites, "separation": separation, "seed": seed}
    row["found"] = fitted.found
    for name, profiles in made.new.items():
        row[name] = score(fitted, profiles, made.new_truth)
    row["strangers"] = {}
    for apart, profiles in made.strangers.items():
        matched, _ = match_features(fitted.assigner.features, profiles, {}, fitted.correlation)
        names = [info.name for info in fitted.assigner.features]
        enough = (data_shortfall(matched, names, MIN_OBSERVED) == "").to_numpy()
        far = outside(fitted.assigner, matched)["rule"]
        row["strangers"][f"{apart:g}"] = float(far[enough].mean())
    return row
