"""Assignment by some features alone, with a stated error in place of each site's own."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from site_typology.assign import OUTSIDE
from site_typology.feature_info import fewest_features
from site_typology.models.links import CompositionBlock, SingleBlock
from site_typology.models.mixture import TypeModel
from site_typology.models.ordinal import OrdinalBlock
from site_typology.models.working import WorkingData, WorkingScale
from site_typology.short_question import Question, questions_of

if TYPE_CHECKING:
    from site_typology.models.links import Block
    from site_typology.typology import Typology

BLANK, SHORT, FAR, PLACED = 0, 1, 2, 3
"""States of an answer: nothing asked, not enough data, none of these, a type."""


@dataclass(frozen=True)
class Table:
    """What links read of sites, with errors of 0: the rule brings its own."""

    values: pd.DataFrame
    standard_errors: pd.DataFrame
    counts: pd.DataFrame


@dataclass(frozen=True)
class ShortRule:
    """How some features place a site: the marginal of the types in those features.

    What is seen of a site is ``N(mean_j, covariance + E)`` in type j, as in `TypeModel`, with the
    columns of other features left out. ``E`` is not the site's own error, which nobody knows who
    fills in a form, but follows from the number of informants where it is given and is that of a
    typical fitted site where not.

    Parameters
    ----------
    questions : tuple of Question
    model : TypeModel
        Types in the working columns of the questions.
    centre, spread : ndarray, shape (q,)
    correlation : ndarray, shape (q, q)
        Between the errors of working columns.
    names : mapping of int to str
    min_observed : float
        Share of the features that a site needs.
    reach : float
        Log probability that a member lies as far out as the farthest that is taken in.
    sites : int or None
        Sites that the types were fitted to.
    """

    questions: tuple[Question, ...]
    model: TypeModel
    centre: np.ndarray
    spread: np.ndarray
    correlation: np.ndarray
    names: Mapping[int, str]
    min_observed: float
    reach: float
    sites: int | None

    @classmethod
    def full(cls, typology: Typology) -> ShortRule:
        """Place by every feature of a typology that claims types."""
        assigner = typology.assigner
        questions = questions_of(typology)
        rule = cls(
            questions,
            assigner.model,
            assigner.scale.centre,
            assigner.scale.spread,
            _error_correlation(typology),
            assigner.names,
            assigner.min_observed,
            float(np.log(OUTSIDE)),
            assigner.sites,
        )
        return rule.reaching(typology)

    def keep(self, places: Sequence[int], typology: Typology) -> ShortRule:
        """Place by some of the questions; `places` in their order."""
        at = self.columns_of(places)
        kept = dataclasses.replace(
            self,
            questions=tuple(self.questions[place] for place in places),
            model=self.model.columns(at),
            centre=self.centre[at],
            spread=self.spread[at],
            correlation=self.correlation[np.ix_(at, at)],
        )
        return kept.reaching(typology)

    def columns_of(self, places: Sequence[int]) -> np.ndarray:
        """Working columns of some of the questions."""
        widths = np.array([len(own.block.columns) for own in self.questions])
        starts = np.concatenate([[0], widths.cumsum()])
        return np.concatenate([np.arange(starts[at], starts[at + 1]) for at in places])

    def reaching(self, typology: Typology) -> ShortRule:
        """Take in every fitted site, as the typology does; strangers are farther out."""
        data = self.data(*fitted_table(typology, self.features))
        inside = data.observed.any(axis=1)
        reach = min(float(np.log(OUTSIDE)), float(self._tails(data)[inside].min(initial=0.0)))
        return dataclasses.replace(self, reach=reach)

    @property
    def features(self) -> tuple[str, ...]:
        """Natural features that are asked for."""
        return tuple(info.name for own in self.questions for info in own.infos)

    @property
    def least(self) -> int:
        """Features that a site needs."""
        return fewest_features(self.min_observed, len(self.features))

    def known_features(self, observed: np.ndarray) -> np.ndarray:
        """Features known at each site, given its working columns; a mix counts if it is whole."""
        firsts = [self.columns_of([place])[0] for place in range(len(self.questions))]
        sizes = [len(own.block.features) for own in self.questions]
        return np.asarray(observed[:, firsts] @ np.array(sizes))

    @property
    def typical(self) -> np.ndarray:
        """Covariance of the error of a typical site, 0 for ordered levels."""
        deviation = np.sqrt(np.concatenate([own.variance for own in self.questions]))
        return np.asarray(self.correlation * np.multiply.outer(deviation, deviation))

    def data(self, values: pd.DataFrame, counts: pd.DataFrame) -> WorkingData:
        """Put sites on the working scale, with the error that the rule gives them."""
        exact = values * 0.0
        linked, variances = [], []
        for own in self.questions:
            number = own.number(counts)
            block = own.block
            units = pd.DataFrame({name: own.units_of(number) for name in block.features})
            table = Table(_whole(block, values), exact, units.set_axis(values.index))
            linked.append(block.link(table))
            variances.append(own.variances(number))
            if isinstance(block, OrdinalBlock):
                width = self.spread[sum(part.shape[1] for part in variances) - 1]
                variances[-1] = block.error(table)[:, 0] / width**2
        known = np.column_stack(linked)
        deviation = np.sqrt(np.column_stack(variances))
        errors = self.correlation * deviation[:, :, None] * deviation[:, None, :]
        gaps = np.isnan(known)
        errors[gaps[:, :, None] | gaps[:, None, :]] = 0.0
        columns = tuple(name for own in self.questions for name in own.block.columns)
        natural = tuple(own.block.features for own in self.questions for _ in own.block.columns)
        sites = tuple(map(str, values.index))
        return WorkingData((known - self.centre) / self.spread, errors, sites, columns, natural)

    def place(self, values: pd.DataFrame, counts: pd.DataFrame) -> pd.DataFrame:
        """Place sites.

        Parameters
        ----------
        values, counts : DataFrame
            Features in natural units and the numbers behind them, one row a site; NaN where blank.

        Returns
        -------
        DataFrame
            ``state, type, confidence, next_type, next_confidence`` by site; types from 1, 0 for
            none.
        """
        data = self.data(values, counts)
        chances = self.model.memberships(data)
        order = np.argsort(-chances, axis=1, kind="stable")
        short = self.known_features(data.observed) < self.least
        far = self._tails(data) < self.reach
        state = np.where(short, SHORT, np.where(far, FAR, PLACED))
        rows, placed = np.arange(data.n), state == PLACED
        return pd.DataFrame(
            {
                "state": state,
                "type": np.where(placed, order[:, 0] + 1, 0),
                "confidence": np.where(placed, chances[rows, order[:, 0]], np.nan),
                "next_type": np.where(placed, order[:, 1] + 1, 0),
                "next_confidence": np.where(placed, chances[rows, order[:, 1]], np.nan),
            },
            index=values.index,
        )

    def farthest(self) -> np.ndarray:
        """Largest squared distance taken in, by number of cells (q) and type (k).

        The inverse of `site_typology.models.tails.log_tail` at the reach.
        """
        from scipy.special import betaincinv
        from scipy.stats import chi2

        from site_typology.models.mixture import TYPE_PRIOR

        cells = np.arange(1, len(self.centre) + 1)[:, None]
        tail = float(np.exp(self.reach))
        if self.sites is None:
            return np.asarray(np.repeat(chi2.isf(tail, cells), self.model.k, axis=1))
        freedom = np.maximum(self.sites - self.model.k + TYPE_PRIOR, cells)
        below = freedom - cells + 1
        part = betaincinv(below / 2, cells / 2, tail)
        members = np.maximum(self.model.weights * self.sites, 1.0)
        return np.asarray((1 - part) / part * freedom * (1 + 1 / members))

    def _tails(self, data: WorkingData) -> np.ndarray:
        from site_typology.models.tails import log_tail

        squared = self.model.distances(data)
        nearest = squared.argmin(axis=1)
        smallest = squared[np.arange(data.n), nearest]
        observed = self.model.observed(data)
        return log_tail(self.model, smallest, nearest, observed, self.sites)


def fitted_table(typology: Typology, features: Sequence[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Values and numbers of informants of the fitted sites, as they would be typed in."""
    own = typology.profiles.select(use="build", sites=list(typology.posterior_means.index))
    index = own.values.index.get_level_values("site")
    frames = (own.values[list(features)], own.counts[list(features)])
    values, counts = (
        pd.DataFrame(
            frame.to_numpy(dtype=float, na_value=np.nan), index=index, columns=list(features)
        )
        for frame in frames
    )
    return values, counts


def _whole(block: Block, values: pd.DataFrame) -> pd.DataFrame:
    """Parts that add up to nothing say nothing."""
    if not isinstance(block, CompositionBlock):
        return values
    parts = list(block.features)
    nothing = values[parts].sum(axis=1) <= 0
    return values[parts].mask(nothing)


def _error_correlation(typology: Typology) -> np.ndarray:
    """Correlation of errors: as declared between features, as it is on average within parts."""
    scale = typology.scale
    correlation = np.eye(len(scale.columns))
    single = []
    for group in typology.fitted.groups:
        deviation = np.sqrt(np.diag(group.error))
        if len(group.columns) > 1 and (deviation > 0).all():
            own = group.error / np.multiply.outer(deviation, deviation)
            correlation[np.ix_(group.columns, group.columns)] = own
    at = 0
    for block in scale.blocks:
        if isinstance(block, SingleBlock):
            single.append((at, block.name))
        at += len(block.columns)
    places = [place for place, _ in single]
    known = typology.profiles.error_correlation
    shared = WorkingScale.error_correlation(known, [name for _, name in single])
    correlation[np.ix_(places, places)] = shared
    return correlation
