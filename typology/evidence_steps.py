"""The long steps of the evidence: each with settings and a seed of its own, on the same sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from site_typology.candidate_material import (
    Labels,
    Material,
    Specification,
    space_names,
    specifications,
)
from site_typology.candidates import Tried, try_candidates
from site_typology.models.mixture import TypeModel
from site_typology.models.plausible import Population
from site_typology.models.resampling import Stability, derived_seed
from site_typology.models.working import WorkingData
from site_typology.nulltest import null_test, types_to_try
from site_typology.number_of_types import NumberRule, number_shares
from site_typology.placing import Agreement, expected_agreement, measured_better
from site_typology.power import power
from site_typology.proposal_stability import ProposalStability, proposal_stability
from site_typology.results import NullTest, Power

if TYPE_CHECKING:
    from site_typology.models.parallel import Kept, Progress
    from site_typology.settings import ProposeSettings


@dataclass(frozen=True)
class EvidenceSteps:
    """What each step of the evidence takes.

    Parameters
    ----------
    data : WorkingData
        Sites that the evidence rests on.
    population : Population
        One population fitted to all sites.
    settings : ProposeSettings
    seed : int
        Each step has its own stream, so that one does not change another.
    workers, progress, kept
        As in `site_typology.propose`.
    """

    data: WorkingData
    population: Population
    settings: ProposeSettings
    seed: int
    workers: int
    progress: Progress | None
    kept: Kept | None

    @property
    def ks(self) -> tuple[int, ...]:
        """Numbers of types that are tried."""
        return types_to_try(self.data.n, self.settings.max_types)

    def null_test(self) -> NullTest:
        """Compare the data with sites without types."""
        return null_test(
            self.data,
            ks=self.ks,
            draws=self.settings.reference_draws,
            alpha=self.settings.alpha,
            least=self.settings.min_sites,
            **self._own("null test"),
        )

    def number_shares(self) -> pd.DataFrame:
        """Count how often each number of types is chosen."""
        return number_shares(
            self.data,
            self.ks,
            resamples=self.settings.number_resamples,
            most_draws=self.settings.reference_draws,
            alpha=self.settings.alpha,
            least=self.settings.min_sites,
            **self._own("number of types"),
        )

    def candidates(
        self, material: Material, proposed: Specification, labels: Labels
    ) -> Sequence[Tried]:
        """Try every candidate, the proposal with its labels among them."""
        spaces = space_names(self.settings.spaces, material.spaces)
        return try_candidates(
            specifications(self.settings.algorithms, spaces, self.ks),
            material,
            self.settings.bootstraps,
            derived_seed(self.seed, "candidates"),
            given={proposed.name: labels},
            **self._how,
        )

    def stability(self, k: int, stability: Stability) -> ProposalStability:
        """Set the stability of k proposed types beside that of data without types."""
        own = derived_seed(self.seed, "stability")
        return proposal_stability(self.data, k, stability, self.settings, own, **self._how)

    def placing(
        self, model: TypeModel, rejecting: NullTest | None
    ) -> tuple[Agreement, tuple[tuple[float, float], ...] | None]:
        """How well sites could be placed; where too loosely for a claim, what would be enough.

        `rejecting` is the null test, where it rejects: otherwise no number of types was chosen that
        could be chosen anew.
        """
        least = self.settings.min_sites
        rule = None if rejecting is None else NumberRule.of(rejecting, least)
        needed = self.settings.thresholds.expected_agreement
        how = self._own("expected agreement") | {"replicates": self.settings.agreement_replicates}
        found = expected_agreement(model, self.data, rule=rule, **how)
        if rule is None or found.adjusted_rand >= needed:
            return found, None
        return found, measured_better(model, self.data, needed, **how)

    @property
    def planted(self) -> int:
        """Types that power is simulated for: three, or two where no more are tried."""
        return min(3, max(self.ks))

    def power(self) -> Power:
        """Look for planted types in data like these."""
        return power(
            self.data,
            self.population,
            separations=sorted({self.settings.separation, *self.settings.separations}),
            k=self.planted,
            replicates=self.settings.power_replicates,
            alpha=self.settings.alpha,
            target=self.settings.thresholds.power,
            at_least=self.settings.separation,
            least=self.settings.min_sites,
            ks=self.ks,
            **self._own("power"),
        )

    @property
    def _how(self) -> dict[str, Any]:
        return {"workers": self.workers, "progress": self.progress, "kept": self.kept}

    def _own(self, step: str) -> dict[str, Any]:
        return {"seed": derived_seed(self.seed, step), **self._how}
