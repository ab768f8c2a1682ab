"""Finished tasks on the disk: to the last bit, or not at all."""

from __future__ import annotations

import base64
import json

import numpy as np
import pandas as pd
import pytest

from site_typology import ProposeSettings, SiteProfiles, propose
from site_typology.kept_tasks import KeptTasks, packed, unpacked

RESULTS = {
    "gains 0": np.array([[0.1 + 0.2, np.nan], [-np.inf, 5e-324]]),
    "gains 1": np.array(np.float64(0.1)),
    "candidates 0": (
        np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
        np.array("no type: it shifts – often"),
        np.empty((0, 3)),
        np.array(float("nan")),
    ),
    "one of one": (np.array([True, False]),),
}


def assert_alike(found, expected):
    assert type(found) is type(expected)
    pairs = zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
    for one, other in pairs:
        assert (one.dtype, one.shape, one.flags.f_contiguous) == (
            other.dtype, other.shape, other.flags.f_contiguous)  # fmt: skip
        assert one.tobytes() == other.tobytes()


def test_results_come_back_to_the_last_bit(tmp_path):
    path = tmp_path / "tasks.jsonl"
    kept = KeptTasks(path, "key")
    for name, result in RESULTS.items():
        kept.append({name: result})
    again = KeptTasks(path, "key")
    first = again.read(["gains 0", "unknown"])
    assert list(first) == ["gains 0"]
    found = first | again.read(list(RESULTS))
    assert found.keys() == RESULTS.keys()
    for name, result in found.items():
        assert_alike(result, RESULTS[name])


def test_those_of_another_run_are_left_alone(tmp_path):
    path = tmp_path / "tasks.jsonl"
    KeptTasks(path, "another").append(RESULTS)
    assert KeptTasks(path, "key").read(list(RESULTS)) == {}


def test_half_a_line_and_a_damaged_one_are_not_taken_up(tmp_path):
    path = tmp_path / "tasks.jsonl"
    KeptTasks(path, "key").append(RESULTS)
    lines = path.read_bytes().splitlines(keepends=True)
    damaged = json.loads(lines[1])
    middle = len(damaged["npz"]) // 2
    letter = "A" if damaged["npz"][middle] != "A" else "B"
    damaged["npz"] = damaged["npz"][:middle] + letter + damaged["npz"][middle + 1 :]
    short = json.loads(lines[2]) | {"npz": "AAAA"}
    rest = [json.dumps(damaged).encode() + b"\n", json.dumps(short).encode() + b"\n"]
    path.write_bytes(lines[0] + b"".join(rest) + lines[3][:-9])
    assert list(KeptTasks(path, "key").read(list(RESULTS))) == ["gains 0"]
    assert path.read_bytes().endswith(b"\n")


def test_damage_that_makes_another_kind_of_archive_is_damage():
    """One byte says how the arrays are packed, another that there is a password."""
    whole = packed(np.arange(3.0))
    archive = base64.b64decode(whole["npz"])
    entry = archive.index(b"PK\x01\x02")
    for offset, value in ((10, 9), (8, 1)):
        damaged = bytearray(archive)
        damaged[entry + offset] = value
        with pytest.raises(ValueError, match="damaged"):
            unpacked(whole | {"npz": base64.b64encode(damaged).decode()})


@pytest.mark.parametrize(
    "result", [[1.0], 1.0, (np.zeros(2), "words"), np.array([None]), {"a": np.zeros(1)}]
)
def test_what_would_come_back_as_something_else_is_refused(result):
    with pytest.raises(TypeError, match="Expected an array"):
        packed(result)


def test_nothing_executable_is_read(tmp_path):
    import base64
    import io

    file = io.BytesIO()
    np.savez(file, np.array([print], dtype=object), allow_pickle=True)
    content = {"npz": base64.b64encode(file.getvalue()).decode(), "tuple": False}
    with pytest.raises(ValueError, match="allow_pickle"):
        unpacked(content)


# --- The evidence, stopped in each of its steps ----------------------------------------------

STAGES = (
    "null test, one population", "number of types, resamples", "number of types, one population",
    "candidates", "stability", "expected agreement", "power at 6",
)  # fmt: skip
SETTINGS = ProposeSettings(
    algorithms=("ward", "kmeans", "hdbscan"),
    spaces=("features",),
    max_types=3,
    draws=3,
    bootstraps=4,
    stability_references=3,
    reference_draws=39,
    number_resamples=4,
    agreement_replicates=4,
    power_replicates=11,
    separations=(9.0,),
)


def proposed(kept=None, **options):
    """Propose types for 14 sites that have none, so that power is looked for; one has a gap."""
    rng = np.random.default_rng(4)
    sites = [f"T{at:02d}" for at in range(14)]
    frame = pd.DataFrame(rng.normal(size=(14, 3)), sites, ["wsa", "activity", "need"])
    frame.loc["T03", "activity"] = np.nan
    profiles = SiteProfiles.from_frame(frame)
    return propose(profiles, seed=1, settings=SETTINGS, kept=kept, **options)


def content(typology, folder):
    typology.save(folder)
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(path):
    return [json.loads(line)["task"] for line in path.read_bytes().splitlines()]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of a proposal made in one go, and the tasks behind it."""
    folder = tmp_path_factory.mktemp("whole")
    kept = KeptTasks(folder / "tasks.jsonl", "key")
    typology = proposed(kept)
    assert content(proposed(), folder / "plain") == content(typology, folder / "kept")
    tasks = names(folder / "tasks.jsonl")
    assert len(set(tasks)) == len(tasks)
    return content(typology, folder / "typology"), tasks


@pytest.mark.parametrize("stage", STAGES)
def test_stopped_in_any_step_it_goes_on_from_the_last_task(whole, stage, tmp_path, monkeypatch):
    monkeypatch.setattr("site_typology.models.parallel.MOMENT", 0.0)
    path = tmp_path / "tasks.jsonl"

    def stop(step: str, done: float) -> None:
        if step == stage and done > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        proposed(KeptTasks(path, "key"), progress=stop)
    before = names(path)
    assert before[-1].startswith(stage) and len(before) < len(whole[1])
    typology = proposed(KeptTasks(path, "key"))
    assert names(path) == whole[1]  # Each task once: those before were not computed again.
    assert content(typology, tmp_path / "typology") == whole[0]


def test_tasks_under_another_key_are_computed_again(whole, tmp_path):
    path = tmp_path / "tasks.jsonl"
    wrong = {name: np.zeros(1) for name in whole[1]}
    KeptTasks(path, "another").append(wrong)
    typology = proposed(KeptTasks(path, "key"))
    assert names(path) == whole[1] * 2
    assert content(typology, tmp_path / "typology") == whole[0]
