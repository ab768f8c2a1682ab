"""Typology files: what is saved is what is read, anywhere, and damage is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from site_typology import StudyError, load

FRESH = """
import json, sys
import site_typology as st
typology = st.load(sys.argv[1])
frame = typology.assign(typology.profiles).frame
print(json.dumps({
    "labels": [None if missing else int(kind) for kind, missing
               in zip(frame["type"], frame["type"].isna())],
    "confidence": [None if c != c else c for c in frame["confidence"]],
    "decoys": [name for name in ("features", "models") if name in sys.modules],
}))
"""


@pytest.fixture(params=["typed", "untyped"])
def typology(request):
    return request.getfixturevalue(request.param)


def test_what_is_saved_is_what_is_read(typology, tmp_path):
    again = load(typology.save(tmp_path / "typology"))
    assert again.evidence.to_dict() == typology.evidence.to_dict()
    assert again.settings == typology.settings
    assert (again.name, again.seed, again.names) == (typology.name, typology.seed, typology.names)
    assert again.profiles.hash == typology.profiles.hash
    pd.testing.assert_frame_equal(again.memberships, typology.memberships)
    pd.testing.assert_series_equal(again.labels, typology.labels)
    pd.testing.assert_frame_equal(again.posterior_means, typology.posterior_means)
    pd.testing.assert_frame_equal(again.evidence.candidates, typology.evidence.candidates)
    np.testing.assert_array_equal(
        again.evidence.null_test.reference_maxima, typology.evidence.null_test.reference_maxima
    )
    for first, second in zip(again.candidates, typology.candidates, strict=True):
        pd.testing.assert_series_equal(first.labels, second.labels)
        pd.testing.assert_series_equal(first.reasons, second.reasons)
        pd.testing.assert_series_equal(first.type_stability, second.type_stability)
        assert first.metrics == pytest.approx(dict(second.metrics), nan_ok=True)


def test_a_typology_that_was_read_assigns_exactly_alike(typology, tmp_path):
    again = load(typology.save(tmp_path / "typology"))
    pd.testing.assert_frame_equal(
        again.assign(typology.profiles).frame, typology.assign(typology.profiles).frame
    )


def test_saving_what_was_read_gives_the_same_content(typology, tmp_path):
    first = typology.save(tmp_path / "first")
    second = load(first).save(tmp_path / "second")
    assert (first / "content.json").read_text() == (second / "content.json").read_text()


def test_no_file_is_a_pickle(typology, tmp_path):
    folder = typology.save(tmp_path / "typology")
    endings = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert endings == {".json", ".npz", ".parquet"}


def test_it_loads_in_a_fresh_process_beside_folders_of_the_same_names(typed, tmp_path):
    folder = typed.save(tmp_path / "typology")
    for name in ("features", "models", "experiments", "typology_decoy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('a decoy was imported')\n")
    done = subprocess.run(
        [sys.executable, "-c", FRESH, str(folder)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["decoys"] == []
    expected = typed.memberships
    assert found["labels"] == [None if pd.isna(kind) else int(kind) for kind in expected["type"]]
    own = [None if np.isnan(value) else float(value) for value in expected["confidence"]]
    assert found["confidence"] == own


@pytest.mark.parametrize(
    "name", ["content.json", "arrays.npz", "memberships.parquet", "profiles/profiles.parquet"]
)
def test_a_tampered_file_is_refused(typed, tmp_path, name):
    path = typed.save(tmp_path / "typology") / name
    path.write_bytes(path.read_bytes().replace(b"1", b"2"))
    with pytest.raises(StudyError, match=f"{name}.*Changed or damaged"):
        load(tmp_path / "typology")


@pytest.mark.parametrize(
    "name", ["memberships.parquet", "candidates.parquet", "profiles/ledger.parquet"]
)
def test_a_typology_whose_manifest_lacks_a_table_is_refused(typed, tmp_path, name):
    folder = typed.save(tmp_path / "typology")
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["files"][name]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / name).unlink()
    with pytest.raises(StudyError, match=f"{name}  Not in the manifest"):
        load(folder)


def test_a_folder_without_a_typology_is_refused(tmp_path):
    with pytest.raises(StudyError, match=r"Not found\. Give a folder that holds a saved typology"):
        load(tmp_path)


def test_names_survive_saving_and_unknown_types_are_refused(typed, tmp_path):
    named = typed.named({1: "Outreach"})
    again = load(named.save(tmp_path / "typology"))
    assert again.names[1] == "Outreach"
    assert set(again.memberships.loc[again.labels.to_numpy() == 1, "name"]) == {"Outreach"}
    assert typed.names[1] != "Outreach"
    with pytest.raises(StudyError, match=r"Does not exist\. Types: 1, 2, 3"):
        typed.named({9: "Nine"})
