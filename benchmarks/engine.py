"""The evidence engine as users get it, and the part of it that decides the claim."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from scoring import NO_TYPE, Answer

import site_typology as st
from site_typology.candidate_material import material_of, types_of
from site_typology.evidence_steps import EvidenceSteps
from site_typology.models.plausible import fit_population
from site_typology.models.resampling import derived_seed
from site_typology.models.working import WorkingData, WorkingScale
from site_typology.nulltest import CLEAR, null_test
from site_typology.number_of_types import nearest_number
from site_typology.results import NullTest
from site_typology.screening import screen

WHOLE = "site-typology"
CLAIM_ONLY = "claim-only"
ENGINES = {"whole": WHOLE, "verdict": CLAIM_ONLY}
FIGURES = ("expected_agreement", "relative_entropy", "stability", "agreement")
SETTINGS = st.ProposeSettings()
CANNOT_REJECT = 7


def prepared(profiles: st.SiteProfiles) -> WorkingData:
    """The sites with enough data on the working scale, as `site_typology.propose` has them."""
    screened = screen(profiles, SETTINGS.min_observed).profiles
    return WorkingScale.fit(screened).transform(screened)


class InMemory(dict[str, Any]):
    """Finished tasks of one data set, for `site_typology.propose` to go on from."""

    def read(self, wanted: Collection[str]) -> dict[str, Any]:
        """Give the results of those that are finished."""
        return {name: self[name] for name in wanted if name in self}

    def append(self, found: Mapping[str, Any]) -> None:
        """Keep results."""
        self.update(found)


def whole(profiles: st.SiteProfiles, seed: int, finished: InMemory | None = None) -> Answer:
    """`site_typology.propose` with its default settings; types of the sites it placed."""
    typology = st.propose(profiles, seed=seed, settings=SETTINGS, kept=finished)
    kept = typology.memberships.set_index("site").loc[list(prepared(profiles).sites)]
    labels = kept["type"].astype("Int64").fillna(NO_TYPE).to_numpy(dtype=int)
    confidence = kept["confidence"].to_numpy(dtype=float, na_value=np.nan)
    evidence = typology.evidence
    figures = {
        "p_value": evidence.p_value,
        **{name: float(evidence.figures[name]) for name in FIGURES},
    }
    return Answer(evidence.claimed, typology.k, labels, confidence, typology.verdict, figures)


def claim_only(profiles: st.SiteProfiles, seed: int) -> Answer:
    """The same where types are claimed; where none are, the null test alone.

    A verdict of supported or tentative needs a null test that rejects, and types that sites can be
    placed in. So the steps of `propose` are taken, with its seed and settings, up to the first
    that rules a claim out; what is lost is whether the verdict without a rejection would be *not
    supported* or *insufficient*, which hangs on the power.
    """
    steps = its_steps(profiles, seed)
    labels = np.full(steps.data.n, NO_TYPE)
    finished = InMemory()
    test = its_null_test(steps, finished)
    figures = {"p_value": test.p_value}
    if test.p_value > SETTINGS.alpha:
        return Answer(False, 1, labels, verdict="not claimed", figures=figures)
    figures["expected_agreement"] = its_agreement(steps, test)
    if figures["expected_agreement"] < SETTINGS.thresholds.expected_agreement:
        return Answer(False, 1, labels, verdict="insufficient", figures=figures)
    return whole(profiles, seed, finished)


def its_steps(profiles: st.SiteProfiles, seed: int) -> EvidenceSteps:
    """The steps of `site_typology.propose` for these profiles, of which none is left out."""
    data = prepared(profiles)
    if data.n > SETTINGS.subsample:
        raise ValueError(f"Expected at most {SETTINGS.subsample} sites; found {data.n}.")
    return EvidenceSteps(data, fit_population(data), SETTINGS, seed, 1, None, None)


def its_null_test(steps: EvidenceSteps, finished: InMemory | None = None) -> NullTest:
    """The null test of `propose`; drawing ends once it can no longer reject.

    Of 99 reference data sets five that look as typed are enough for that, and `CANNOT_REJECT`
    leave room for the data to be standardised again with those not drawn. `propose` goes on to
    tell the p-value more exactly; where it rejects, the two are the same.
    """
    seed = derived_seed(steps.seed, "null test")
    return default_null_test(steps.data, steps.ks, seed, clear=CANNOT_REJECT, kept=finished)


def its_agreement(steps: EvidenceSteps, test: NullTest) -> float:
    """The expected agreement of the types nearest to the data; the number is taken as known."""
    material = material_of(
        steps.data, steps.population, SETTINGS.draws, steps.seed, spaces=SETTINGS.spaces
    )
    model, _ = types_of(material, nearest_number(test), steps.seed, SETTINGS.min_sites)
    return float(steps.placing(model, None)[0].adjusted_rand)


def default_null_test(
    data: WorkingData,
    ks: Sequence[int],
    seed: int,
    clear: int = CLEAR,
    kept: InMemory | None = None,
) -> NullTest:
    """Make the null test with default settings, over these numbers of types."""
    return null_test(
        data,
        ks=ks,
        draws=SETTINGS.reference_draws,
        alpha=SETTINGS.alpha,
        least=SETTINGS.min_sites,
        clear=clear,
        seed=seed,
        kept=kept,
    )


RUN = {WHOLE: whole, CLAIM_ONLY: claim_only}
