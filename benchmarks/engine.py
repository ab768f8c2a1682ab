"""The evidence engine as users get it, and the part of it that decides the claim."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scoring import NO_TYPE, Answer

import site_typology as st
from site_typology.models.resampling import derived_seed
from site_typology.models.working import WorkingData, WorkingScale
from site_typology.nulltest import null_test, types_to_try
from site_typology.results import NullTest
from site_typology.screening import screen

WHOLE = "site-typology"
CLAIM_ONLY = "claim-only"
ENGINES = {"whole": WHOLE, "verdict": CLAIM_ONLY}
FIGURES = ("expected_agreement", "relative_entropy", "stability", "agreement")
SETTINGS = st.ProposeSettings()


def prepared(profiles: st.SiteProfiles) -> WorkingData:
    """The sites with enough data on the working scale, as `site_typology.propose` has them."""
    screened = screen(profiles, SETTINGS.min_observed).profiles
    return WorkingScale.fit(screened).transform(screened)


def whole(profiles: st.SiteProfiles, seed: int) -> Answer:
    """`site_typology.propose` with its default settings; types of the sites it placed."""
    typology = st.propose(profiles, seed=seed, settings=SETTINGS)
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

    A verdict of supported or tentative needs a null test that rejects. So nothing else is
    computed where the test of `propose`, with its seed and settings, does not reject; what is lost
    is whether the verdict would be *not supported* or *insufficient*, which hangs on the power.
    """
    p_value = its_null_test(profiles, seed).p_value
    if p_value <= SETTINGS.alpha:
        return whole(profiles, seed)
    labels = np.full(prepared(profiles).n, NO_TYPE)
    return Answer(False, 1, labels, verdict="not claimed", figures={"p_value": p_value})


def its_null_test(profiles: st.SiteProfiles, seed: int) -> NullTest:
    """The null test that `site_typology.propose` makes of these profiles with this seed."""
    data = prepared(profiles)
    ks = types_to_try(data.n, SETTINGS.max_types)
    return default_null_test(data, ks, derived_seed(seed, "null test"))


def default_null_test(data: WorkingData, ks: Sequence[int], seed: int) -> NullTest:
    """Make the null test with default settings, over these numbers of types."""
    return null_test(
        data,
        ks=ks,
        draws=SETTINGS.reference_draws,
        alpha=SETTINGS.alpha,
        least=SETTINGS.min_sites,
        seed=seed,
    )


RUN = {WHOLE: whole, CLAIM_ONLY: claim_only}
