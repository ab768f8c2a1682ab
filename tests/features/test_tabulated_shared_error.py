"""Errors of means from counts: their size, and what features of the same people share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from site_typology.errors import StudyError
from site_typology.features.profiler import build_profiles

ITEMS = {"few": ["a", "b"], "many": ["c", "d", "e", "f", "g", "h"]}
CORRELATION = 0.4
PEOPLE = 30


def declared(name: str, **args: Any) -> dict[str, Any]:
    content = {
        "table": "t",
        "items": ITEMS[name],
        "pattern": "N_{item}_{option}",
        "options": {"0": 0.0, "1": 1.0},
        "item_correlation": CORRELATION,
        **args,
    }
    return {"name": name, "builder": "tabulated", "args": content}


def simulated(sites: int, seed: int) -> pd.DataFrame:
    """Counts of yes and no to eight items whose answers correlate within people; one truth."""
    rng = np.random.default_rng(seed)
    # A person's items copy one answer with probability sqrt(r), so that two correlate by r.
    shape = (sites, PEOPLE, 8)
    common = rng.random((*shape[:2], 1)) < 0.5
    copies = rng.random(shape) < np.sqrt(CORRELATION)
    answers = np.where(copies, common, rng.random(shape) < 0.5)
    yes = answers.sum(axis=1)
    counts = {f"N_{item}_1": yes[:, at].astype(float) for at, item in enumerate("abcdefgh")}
    counts |= {f"N_{item}_0": PEOPLE - counts[f"N_{item}_1"] for item in "abcdefgh"}
    return pd.DataFrame({"site": [f"s{at:04}" for at in range(sites)], **counts})


def test_errors_are_as_large_and_as_shared_as_the_means_vary(study):
    """All sites have one truth, so their means vary and correlate by error alone."""
    rows = simulated(4000, seed=3)
    profiles = build_profiles(study({"t": rows}, [declared("few"), declared("many")]))
    spread = profiles.values.std()
    stated = profiles.standard_errors.mean()
    np.testing.assert_allclose(stated, spread, rtol=0.03)
    seen = profiles.values["few"].corr(profiles.values["many"])
    assert profiles.error_correlation.loc["few", "many"] == pytest.approx(seen, abs=0.03)
    assert seen > 0.5


def test_other_people_share_no_error(study):
    rows = simulated(20, seed=4)
    other = rows.rename(columns=lambda name: name.replace("N_", "M_"))
    both = pd.concat([rows, other.drop(columns="site")], axis=1)
    features = [declared("few"), declared("many", pattern="M_{item}_{option}")]
    profiles = build_profiles(study({"t": both}, features))
    assert profiles.error_correlation.loc["few", "many"] == 0


def test_error_shrinks_as_everyone_answers(study):
    rows = simulated(3, seed=5).assign(asked=[30.0, 60.0, 20.0])
    features = [declared("few", eligible="asked"), declared("many")]
    profiles = build_profiles(study({"t": rows}, features))
    whole = build_profiles(study({"t": rows}, [declared("few"), declared("many")]))
    factor = (profiles.standard_errors["few"] / whole.standard_errors["few"]).to_numpy()
    # Half of those asked answered at the second; at the third more than asked, which is no number.
    np.testing.assert_allclose(factor, [0, np.sqrt(0.5), 1], atol=1e-12)


def test_refuses_a_column_that_is_not_there(study):
    with pytest.raises(StudyError, match="'askd' is not in"):
        build_profiles(study({"t": simulated(3, seed=6)}, [declared("few", eligible="askd")]))
