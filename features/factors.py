"""From counts of who was asked and who answered to the factor of each respondent's weight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from site_typology.errors import Problem, Problems
from site_typology.features.asked import Asked
from site_typology.features.conditions import quoted
from site_typology.features.propensity import (
    NoPropensityError,
    ResponseModel,
    design_matrix,
    fit_response,
    propensity_classes,
)
from site_typology.features.raking import NoRakingError, rake
from site_typology.features.tables import as_text, code_text

TOTALS = 1e-6
"""Largest relative difference between the totals of two margins."""


@dataclass
class Factors:
    """Factors by which the design weights of respondents are multiplied.

    Parameters
    ----------
    cells : DataFrame
        Columns `by`, the auxiliary columns and ``factor``.
    groups : DataFrame
        Columns `by` and ``average, scale, cap``: the factor of rows whose auxiliaries are not
        known, and the trimmed weight min(scale · base · factor, cap).
    by : list of str
        ``round``, and ``site`` where each site is weighed by itself.
    notes : list of tuple
        ``site, round, outcome, reason, n`` of rows and categories treated by rule.
    """

    by: list[str]
    cells: pd.DataFrame = field(default_factory=pd.DataFrame)
    groups: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: list[tuple[str, str, str, str, int]] = field(default_factory=list)


def find_factors(asked: Asked, found: Problems) -> Factors:
    """Weigh every group of respondents: a round, or a site at a round.

    Parameters
    ----------
    asked : Asked
    found : Problems
        Takes what stands in the way; the factors are of no use then.

    Returns
    -------
    Factors
    """
    by = ["round", "site"] if asked.weighting.within == "site" else ["round"]
    factors = Factors(by)
    cells, groups = [], []
    placed = asked.cells.dropna(subset=list(asked.columns))
    lists = dict(list(placed.groupby(by)))
    _unknown_rows(asked, factors, found)
    for key, counts in asked.counts.groupby(by, sort=True):
        names = dict(zip(by, key, strict=True))
        known = counts.dropna(subset=list(asked.columns))
        known = known[known["base"] > 0]
        everyone = lists.get(key, placed.iloc[:0])
        group = _Group(asked, names, _sums(known, asked), everyone, factors)
        before = len(found)
        method = _raked if asked.weighting.method == "raking" else _propensities
        own = method(group, found)
        if len(found) > before:
            continue
        if own is None or own.empty:
            # Of nobody here the columns are known, so that all have the average: asked by answered.
            own, average = group.own.iloc[:0].assign(factor=0.0), group.asked_of_each(counts)
        else:
            average = float(own["factor"] @ own["base"] / own["base"].sum())
        factor_of = own[[*asked.columns, "factor"]]
        rows = counts.merge(factor_of, on=list(asked.columns), how="left")
        rows["weight"] = rows["base"] * rows["factor"].fillna(average)
        scale, cap = _trim(rows, asked, names, found)
        cells.append(factor_of.assign(**names))
        groups.append({**names, "average": average, "scale": scale, "cap": cap})
    if cells:
        factors.cells = pd.concat(cells, ignore_index=True)
        factors.groups = pd.DataFrame(groups)
    return factors


@dataclass(frozen=True)
class _Group:
    asked: Asked
    names: dict[str, str]
    own: pd.DataFrame
    """Respondents: the auxiliary columns and ``base``, the sum of design weights."""
    everyone: pd.DataFrame
    """Those asked: the auxiliary columns, ``asked, answered``."""
    factors: Factors

    @property
    def place(self) -> str:
        return f"weights.{self.asked.name}"

    @property
    def words(self) -> str:
        """The group, to end a sentence with."""
        several = len(self.asked.counts["round"].unique()) > 1
        words = f" in round '{self.names['round']}'" if several else ""
        return words + (f" at site '{self.names['site']}'" if "site" in self.names else "")

    def asked_of_each(self, counts: pd.DataFrame) -> float:
        """How many were asked for each who answered, by design weight; 1 where it is not known."""
        margins = self.asked.weighting.margins
        total = float(self.everyone["asked"].sum())
        if margins:
            total = sum(next(iter(margins.values())).values())
        answered = float(counts["base"] @ counts["n"])
        return total / answered if total > 0 and answered > 0 else 1.0

    def uncovered(self, column: str, names: list[str], found: Problems) -> None:
        if self.asked.weighting.uncovered == "error":
            found.add(
                self.place,
                f"Nobody answered among '{column}' {quoted(names)}{self.words}. Merge categories "
                "with columns.COLUMN.values, or set uncovered = 'drop' to leave them "
                "unrepresented.",
            )
            return
        site = self.names.get("site", "")
        for name in names:
            reason = f"nobody answered among '{column}' = '{name}'"
            self.factors.notes.append((site, self.names["round"], "unrepresented", reason, 0))


def _sums(known: pd.DataFrame, asked: Asked) -> pd.DataFrame:
    total = known.assign(base=known["base"] * known["n"])
    return total.groupby(list(asked.columns), sort=True)["base"].sum().reset_index()


def _unknown_rows(asked: Asked, factors: Factors, found: Problems) -> None:
    """Treat the rows whose auxiliary columns are not known as the study says."""
    missing = asked.counts[asked.counts[list(asked.columns)].isna().any(axis=1)]
    if missing.empty:
        return
    weighting, n = asked.weighting, int(missing["n"].sum())
    named = quoted(weighting.auxiliaries)
    if weighting.unknown == "error" or len(missing) == len(asked.counts):
        where = ""
        if weighting.frame is not None and weighting.frame.on is not None:
            where = f" (by '{weighting.frame.on}', in table '{weighting.frame.table}')"
        found.add(
            f"weights.{asked.name}",
            f"{n} rows of table '{weighting.table}' have no value of {named}{where}, at "
            f"{quoted(sorted(missing['site'].unique()))}. "
            + (
                "Complete them, or set unknown = 'average' to give them the average weight."
                if len(missing) < len(asked.counts)
                else "That is all of them, so that none can be weighed. Complete them."
            ),
        )
        return
    for (site, round_), rows in missing.groupby(["site", "round"]):
        reason = f"no value of {named}"
        factors.notes.append((site, round_, "average weight", reason, int(rows["n"].sum())))


# --- Raking ----------------------------------------------------------------------------------


def _raked(group: _Group, found: Problems) -> pd.DataFrame | None:
    """Factors of the cells of a group by raking; None where that cannot be done."""
    own, before = group.own, len(found)
    targets, codes = [], []
    margins = list(_margins(group))
    total = float(margins[0][1].sum())
    for (column, known), aux in zip(margins, group.asked.columns, strict=True):
        texts = as_text(own[aux]) if len(own) else pd.Series([], dtype="str")
        there = list(dict.fromkeys(texts))
        found.extend(_margin_problems(group, column, known, there, total))
        if absent := [name for name in known.index if name not in there]:
            group.uncovered(column, absent, found)
        kept = known.reindex(there).fillna(0.0).to_numpy(dtype=float)
        targets.append(kept * (total / kept.sum()) if kept.sum() > 0 else kept)
        codes.append(np.array([there.index(text) for text in texts], dtype=int))
    if len(found) > before or own.empty:
        return None
    try:
        raked = rake(own["base"].to_numpy(dtype=float), codes, targets)
    except NoRakingError as error:
        found.add(
            group.place,
            f"Raking to {quoted(group.asked.weighting.auxiliaries)} has no solution{group.words}: "
            f"{error}. Use fewer columns, or merge categories with few respondents.",
        )
        return None
    return own.assign(factor=raked / own["base"])


def _margins(group: _Group) -> Iterator[tuple[str, pd.Series]]:
    """Each auxiliary column with its known counts above 0, by category as text."""
    weighting = group.asked.weighting
    if weighting.margins:
        for column, counts in weighting.margins.items():
            yield column, pd.Series({code_text(name): n for name, n in counts.items()})
        return
    for column, aux in zip(weighting.columns, group.asked.columns, strict=True):
        sums = group.everyone.groupby(as_text(group.everyone[aux]))["asked"].sum()
        yield column, sums[sums > 0]


def _margin_problems(
    group: _Group, column: str, known: pd.Series, there: list[str], total: float
) -> Iterator[Problem]:
    strangers = [name for name in there if name not in known.index]
    if strangers:
        source = "the margins" if group.asked.weighting.margins else "the list of those asked"
        yield Problem(
            group.place,
            f"'{column}' is {quoted(strangers)} for some who answered{group.words}, and for nobody "
            f"in {source}, which has {quoted(known.index)}. Write the categories alike, or "
            "correct the counts.",
        )
    if abs(known.sum() - total) > TOTALS * total:
        yield Problem(
            group.place,
            f"The counts of '{column}' add up to {known.sum():g}, those of "
            f"'{group.asked.weighting.auxiliaries[0]}' to {total:g}. Give counts of the same "
            "people.",
        )


# --- Propensities ----------------------------------------------------------------------------


def _propensities(group: _Group, found: Problems) -> pd.DataFrame | None:
    """Factors of the cells of a group: one over the propensity to answer."""
    before = len(found)
    cells = response_cells(group.asked, group.everyone)
    over = cells[cells["answered"] > cells["asked"]]
    if len(over):
        shown = [
            f"{row['answered']:g} of {row['asked']:g} at "
            + ", ".join(code_text(row[aux]) for aux in group.asked.columns)
            for _, row in over.iterrows()
        ]
        found.add(
            group.place,
            f"More answered than were asked{group.words}: {quoted(shown)}. Correct the list, or "
            "give frame.on so that it knows who answered.",
        )
    covered = np.ones(len(cells), dtype=bool)
    for column, aux in zip(group.asked.weighting.columns, group.asked.columns, strict=True):
        if column not in group.asked.weighting.numeric:
            sums = cells.groupby(aux)["answered"].transform("sum")
            if absent := list(as_text(cells.loc[sums == 0, aux]).unique()):
                group.uncovered(column, absent, found)
            covered &= (sums > 0).to_numpy()
    cells = cells[covered].reset_index(drop=True)
    if len(found) == before:
        found.extend(_elsewhere(group, cells))
    if len(found) > before or cells.empty:
        return None
    try:
        model = model_of(group.asked, cells)
    except NoPropensityError as error:
        found.add(group.place, f"{str(error).capitalize()}{group.words}. Use fewer columns.")
        return None
    classes = group.asked.weighting.classes
    chance = model.propensity if classes is None else propensity_classes(model, classes)
    with np.errstate(divide="ignore"):
        cells["factor"] = 1.0 / chance
    return group.own.merge(cells[[*group.asked.columns, "factor"]], on=list(group.asked.columns))


def _elsewhere(group: _Group, cells: pd.DataFrame) -> Iterator[Problem]:
    """Say who answered where the list, which knows who answered, has nobody who did."""
    columns = list(group.asked.columns)
    both = group.own.merge(cells[columns], on=columns, how="left", indicator=True)
    lost = both[both["_merge"] == "left_only"]
    if len(lost):
        shown = [", ".join(code_text(row[aux]) for aux in columns) for _, row in lost.iterrows()]
        yield Problem(
            group.place,
            f"Some of {quoted(shown)} answered{group.words}, where the list has none of them who "
            "did. Give them the same site in both tables.",
        )


def response_cells(asked: Asked, everyone: pd.DataFrame) -> pd.DataFrame:
    """Asked and answered in each cell of the auxiliary columns where anybody was asked."""
    sums = everyone.groupby(list(asked.columns), sort=True)[["asked", "answered"]].sum()
    return sums[(sums > 0).any(axis=1)].reset_index()


def model_of(asked: Asked, cells: pd.DataFrame) -> ResponseModel:
    """The model of response on the auxiliary columns; see `fit_response`."""
    pairs = zip(asked.weighting.columns, asked.columns, strict=True)
    numeric = [aux for column, aux in pairs if column in asked.weighting.numeric]
    design = design_matrix(cells, asked.columns, numeric)
    return fit_response(cells["asked"].to_numpy(), cells["answered"].to_numpy(), design)


# --- Trimming --------------------------------------------------------------------------------


def _trim(
    rows: pd.DataFrame, asked: Asked, names: dict[str, str], found: Problems
) -> tuple[float, float]:
    """Scale and cap of a group's weights; 1 and infinity without trimming."""
    limit = asked.weighting.trim
    if limit is None:
        return 1.0, float("inf")
    weight, n = rows["weight"].to_numpy(dtype=float), rows["n"].to_numpy(dtype=float)
    scale, cap = trimmed(weight, n, limit)
    if not np.isfinite(scale):
        group = " and ".join(f"{key} '{value}'" for key, value in names.items())
        found.add(
            f"weights.{asked.name}.trim",
            f"No weight may pass {limit:g} times the median, but the average does in {group}. "
            "Raise trim.",
        )
    return scale, cap


def trimmed(weight: np.ndarray, n: np.ndarray, limit: float) -> tuple[float, float]:
    """Cap weights at a multiple of their median and share the excess out (Potter 1990).

    Parameters
    ----------
    weight, n : ndarray
        Different weights, and the number of rows with each; rows with a weight of 0 count for
        nothing, in the median as elsewhere.
    limit : float
        Multiple of the median.

    Returns
    -------
    scale, cap : float
        The trimmed weight is min(scale · weight, cap), with the same sum; `scale` is infinite
        where that sum cannot be reached.

    Examples
    --------
    >>> scale, cap = trimmed(np.array([1.0, 10.0]), np.array([9.0, 1.0]), 3.0)
    >>> round(scale, 4), cap, round(float(9 * min(scale, cap) + min(10 * scale, cap)), 6)
    (1.7778, 3.0, 19.0)
    """
    order = np.argsort(weight)
    order = order[weight[order] > 0]
    if not len(order):
        return 1.0, float("inf")
    weight, n = weight[order], n[order]
    middle = np.searchsorted(np.cumsum(n), n.sum() / 2)
    cap, total = float(limit * weight[min(middle, len(weight) - 1)]), float(weight @ n)
    if cap * n.sum() < total:
        return float("inf"), cap
    capped = np.zeros(len(weight), dtype=bool)
    while True:
        free = float(weight[~capped] @ n[~capped])
        scale = (total - cap * n[capped].sum()) / free if free > 0 else 1.0
        now = scale * weight > cap
        if (now == capped).all():
            return float(scale), cap
        capped |= now
