"""Types by a rule of at most three splits on natural features, with how often it is right."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from site_typology.report_words import Unit
    from site_typology.typology import Typology

SPLITS = 3
LEAST_IN_LEAF = 2
REPEATS, FOLDS = 5, 5
COLUMNS = ["rule", "type", "sites", "right"]


@dataclass(frozen=True)
class Condition:
    """One side of a split.

    Parameters
    ----------
    feature : str
    above : bool
        Whether values above the threshold are meant, or those up to it.
    threshold : float
        In natural units, rounded as it is written.
    unknown : bool
        Whether sites without a value go this way.
    """

    feature: str
    above: bool
    threshold: float
    unknown: bool


@dataclass(frozen=True)
class RuleLine:
    """Sites that meet all conditions, and the type that the rule gives them.

    Parameters
    ----------
    conditions : tuple of Condition
    type : int
    sites, right : int
        Sites that meet the conditions, and those of them whose type it is.
    """

    conditions: tuple[Condition, ...]
    type: int
    sites: int
    right: int


@dataclass(frozen=True)
class RuleList:
    """A few rules that come near the types.

    Parameters
    ----------
    lines : tuple of RuleLine
        Every site meets the conditions of exactly one.
    accuracy, sd : float
        Cross-validated balanced accuracy, mean and standard deviation over repeats; NaN where a
        type has a single site.
    fitted : float
        Balanced accuracy on the sites that the rules were fitted to.
    chance : float
        Balanced accuracy of guessing.
    unreached : tuple of int
        Types that no line gives.
    folds : int
        Parts of the sites that the cross-validation held out in turn, as many as the smallest type
        has sites where these are few; below 2 there is none.
    """

    lines: tuple[RuleLine, ...]
    accuracy: float
    sd: float
    fitted: float
    chance: float
    unreached: tuple[int, ...]
    folds: int


@dataclass(frozen=True)
class _Tree:
    """A fitted tree with its thresholds as they are written, nodes in its own order.

    Cells are compared as they are: the tree itself would take them to single precision, so that
    one that equals a rounded threshold could end on the wrong side.
    """

    left: np.ndarray
    right: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    gaps_left: np.ndarray
    label: np.ndarray

    def leaves(self, cells: np.ndarray) -> np.ndarray:
        """Node in which each site (n, features) ends."""
        rows, node = np.arange(len(cells)), np.zeros(len(cells), dtype=int)
        while (inner := self.left[node] != self.right[node]).any():
            cell = cells[rows, np.where(inner, self.feature[node], 0)]
            to_left = np.where(np.isnan(cell), self.gaps_left[node], cell <= self.threshold[node])
            node = np.where(inner, np.where(to_left, self.left[node], self.right[node]), node)
        return node

    def predict(self, cells: np.ndarray) -> np.ndarray:
        """Type of each site."""
        return np.asarray(self.label[self.leaves(cells)])


def fit_rules(
    values: pd.DataFrame, labels: pd.Series, seed: int, units: Mapping[str, Unit] | None = None
) -> RuleList | None:
    """Fit a tree of three splits at most to measured features in natural units.

    A classification tree (Breiman, Friedman, Olshen & Stone 1984), types weighing the same, grown
    best split first, leaves of one type joined. Its balanced accuracy is cross-validated on sites
    held out, splits found anew each time.

    Parameters
    ----------
    values : DataFrame, shape (n_sites, n_features)
        NaN where missing: each split learns to which side gaps go.
    labels : Series of Int64
        Type of each site by the same index.
    seed : int
    units : mapping of str to Unit, optional
        How values are written; thresholds are rounded to that before anything is counted.

    Returns
    -------
    RuleList or None
        None where all sites are of one type.

    Examples
    --------
    >>> values = pd.DataFrame({"need": [0.1, 0.2, 0.3, 0.7, 0.8, 0.9]})
    >>> rules = fit_rules(values, pd.Series([1, 1, 1, 2, 2, 2]), seed=0)
    >>> rules.lines[0].conditions[0].threshold, rules.accuracy
    (0.5, 1.0)
    """
    known = labels.astype(int)
    if known.nunique() < 2:
        return None
    # Order of sites and features must not matter: of equal splits the first is taken.
    names = sorted(map(str, values.columns))
    order = np.argsort(values.index.astype(str).to_numpy(), kind="stable")
    cells = values[names].iloc[order].to_numpy(dtype=float, na_value=np.nan)
    types = known.iloc[order].to_numpy()
    rounding = [(units[name] if units else None) for name in names]
    tree = _fitted(cells, types, rounding)
    lines = _merged(_lines(tree, cells, types, names))
    folds = min(FOLDS, int(np.unique(types, return_counts=True)[1].min()))
    accuracy = _cross_validated(cells, types, rounding, folds, seed)
    return RuleList(
        tuple(lines),
        float(accuracy.mean()),
        float(accuracy.std(ddof=1)),
        _balanced(types, tree.predict(cells)),
        1 / len(np.unique(types)),
        tuple(sorted(set(map(int, types)) - {line.type for line in lines})),
        folds,
    )


def _fitted(cells: np.ndarray, types: np.ndarray, rounding: Sequence[Unit | None]) -> _Tree:
    from sklearn.tree import DecisionTreeClassifier

    found = DecisionTreeClassifier(
        max_leaf_nodes=SPLITS + 1,
        min_samples_leaf=LEAST_IN_LEAF,
        class_weight="balanced",
        random_state=0,
    ).fit(cells, types)
    inner = found.tree_
    threshold = inner.threshold.copy()
    for node in np.flatnonzero(inner.children_left != inner.children_right):
        unit = rounding[inner.feature[node]]
        if unit is not None:
            threshold[node] = unit.rounded(float(threshold[node]))
    return _Tree(
        inner.children_left,
        inner.children_right,
        inner.feature,
        threshold,
        inner.missing_go_to_left.astype(bool),
        found.classes_[inner.value[:, 0].argmax(axis=1)],
    )


def _balanced(types: np.ndarray, told: np.ndarray) -> float:
    return float(np.mean([(told[types == label] == label).mean() for label in np.unique(types)]))


def _cross_validated(
    cells: np.ndarray, types: np.ndarray, rounding: Sequence[Unit | None], folds: int, seed: int
) -> np.ndarray:
    from sklearn.model_selection import StratifiedKFold

    if folds < 2:
        return np.full(REPEATS, np.nan)
    scores = []
    for state in np.random.SeedSequence(seed).generate_state(REPEATS):
        told = np.zeros_like(types)
        splits = StratifiedKFold(folds, shuffle=True, random_state=int(state))
        for train, held in splits.split(cells, types):
            told[held] = _fitted(cells[train], types[train], rounding).predict(cells[held])
        scores.append(_balanced(types, told))
    return np.array(scores)


def _lines(tree: _Tree, cells: np.ndarray, types: np.ndarray, names: list[str]) -> list[RuleLine]:
    """Leaves from left to right, with the conditions that lead there."""
    leaves = tree.leaves(cells)
    found: list[RuleLine] = []

    def walk(node: int, conditions: tuple[Condition, ...]) -> None:
        left, right = int(tree.left[node]), int(tree.right[node])
        if left == right:
            label = int(tree.label[node])
            here = types[leaves == node]
            found.append(RuleLine(conditions, label, len(here), int((here == label).sum())))
            return
        feature, threshold = int(tree.feature[node]), float(tree.threshold[node])
        to_left = bool(tree.gaps_left[node])
        gaps = bool(np.isnan(cells[:, feature]).any())
        for child, above in ((left, False), (right, True)):
            side = Condition(names[feature], above, threshold, gaps and to_left != above)
            walk(child, (*conditions, side))

    walk(0, ())
    return found


def _merged(lines: list[RuleLine]) -> list[RuleLine]:
    """Join neighbours of one type that differ by their last split only."""
    for at, (one, other) in enumerate(itertools.pairwise(lines)):
        same = one.conditions[:-1] == other.conditions[:-1]
        if same and one.type == other.type and one.conditions:
            joined = RuleLine(
                one.conditions[:-1], one.type, one.sites + other.sites, one.right + other.right
            )
            return _merged([*lines[:at], joined, *lines[at + 2 :]])
    return lines


def unit_of(typology: Typology, feature: str) -> Unit:
    """How the values of a feature are written."""
    from site_typology.report_words import Unit

    return Unit.of(typology.profiles.info(feature), typology.profiles.values[feature].astype(float))


def rule_words(line: RuleLine, typology: Typology) -> str:
    """Write the conditions of a line in natural units, as a person would read them out."""
    said = []
    for each in line.conditions:
        info = typology.profiles.info(each.feature)
        unit = unit_of(typology, info.name)
        side = "above" if each.above else "up to"
        value = unit.write(each.threshold) + (f" ({info.unit})" if info.unit else "")
        unknown = " or not known" if each.unknown else ""
        said.append(f"{info.title} {side} {value}{unknown}")
    return " and ".join(said) or "every site"


def rules_table(typology: Typology, rules: RuleList | None) -> pd.DataFrame:
    """One row a rule, with the columns of ``rules.csv``; empty where there is none."""
    rows = [
        (rule_words(line, typology), line.type, line.sites, line.right)
        for line in (rules.lines if rules else ())
    ]
    return pd.DataFrame(rows, columns=COLUMNS)
