"""Power of planted types."""

import numpy as np
import pytest

from site_typology import ProposeSettings, evidence_steps
from site_typology.evidence_steps import EvidenceSteps
from site_typology.models.working import exact_data
from site_typology.power import power


def sites(n, seed, error=0.3, q=4):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, q)) * np.sqrt(1 + error)
    return exact_data(values, np.full((n, 1, 1), error) * np.eye(q))


def test_power_grows_with_separation_and_reaches_one():
    found = power(
        sites(45, 1, error=0.01), separations=[30.0, 0.0, 60.0], replicates=12, ks=[2, 3], seed=1
    )
    # The search goes upwards and stops where the power asked for is reached.
    assert found.table["separation"].tolist() == [0.0, 30.0]
    assert found.table["power"].iloc[0] <= 0.34
    assert found.table["power"].iloc[1] >= 0.9
    assert found.smallest_separation == 30.0
    assert (found.table["standard_error"] > 0).all()
    # Where none of ten is found, two more could not change the answer.
    assert found.table["replicates"].tolist() == [10, 12]


def test_error_takes_power_away():
    exact, blurred = (
        power(sites(45, 2, error), separations=[12.0], replicates=10, ks=[2, 3]).at(12.0)
        for error in (0.0, 4.0)
    )
    assert exact > blurred


def test_power_is_the_same_for_any_number_of_workers():
    given = {"separations": [6.0], "k": 2, "replicates": 4, "ks": [2], "seed": 3}
    one = power(sites(15, 3), **given)
    two = power(sites(15, 3), **given, workers=2)
    assert one.table.equals(two.table)


@pytest.mark.parametrize(("most", "planted"), [(None, 3), (2, 2)])
def test_a_verdict_plants_no_more_types_than_are_tried(most, planted, monkeypatch):
    asked = []
    monkeypatch.setattr(evidence_steps, "power", lambda *_, k, **more: asked.append(k))
    settings = ProposeSettings(max_types=most)
    steps = EvidenceSteps(sites(30, 1), None, settings, 1, 1, None, None)
    steps.power()
    assert asked == [steps.planted] == [planted]
