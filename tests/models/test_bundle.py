"""Model files: whole or not at all, damage is told, nothing executable."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest

from site_typology.errors import StudyError
from site_typology.models.bundle import ARRAYS, CONTENT, MANIFEST, read_bundle, write_bundle


@pytest.fixture
def folder(tmp_path):
    arrays = {"means": np.array([[1.0, np.nan], [np.pi, 1e-300]])}
    return write_bundle(tmp_path / "model", "example", {"k": 3, "name": "é"}, arrays)


def test_what_is_written_is_read_exactly(folder):
    bundle = read_bundle(folder, "example")
    assert bundle.content == {"k": 3, "name": "é"}
    np.testing.assert_array_equal(bundle.arrays["means"], [[1.0, np.nan], [np.pi, 1e-300]])


@pytest.mark.parametrize("name", [CONTENT, ARRAYS])
def test_a_changed_file_is_refused(folder, name):
    path = folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(StudyError, match=f"{name}.*Changed or damaged"):
        read_bundle(folder, "example")


def test_every_damaged_file_is_listed(folder):
    (folder / CONTENT).unlink()
    (folder / ARRAYS).write_bytes(b"")
    with pytest.raises(StudyError) as refused:
        read_bundle(folder, "example")
    assert {problem.where for problem in refused.value.problems} == {CONTENT, ARRAYS}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"kind": 1}', "\x00"])
def test_a_damaged_manifest_is_refused(folder, content):
    (folder / MANIFEST).write_text(content)
    with pytest.raises(StudyError, match="Damaged"):
        read_bundle(folder, "example")


def test_another_kind_and_version_are_refused_together(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "version": 99}))
    with pytest.raises(StudyError) as refused:
        read_bundle(folder, "typology")
    assert len(refused.value.problems) == 2
    assert "99" in str(refused.value)


def test_a_manifest_cannot_point_outside_its_folder(folder, tmp_path):
    (tmp_path / "secret.txt").write_text("x")
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"]["../secret.txt"] = "0"
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(StudyError, match="outside the folder"):
        read_bundle(folder, "example")


def test_a_pickle_in_an_array_is_never_opened(folder, tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    trap = np.array([Trap()], dtype=object)
    with pytest.raises(ValueError, match="pickle"):
        write_bundle(tmp_path / "bad", "example", {}, {"trap": trap})
    assert not (tmp_path / "bad").exists()
    (folder / ARRAYS).write_bytes(pickle.dumps(trap))
    with pytest.raises(StudyError):
        read_bundle(folder, "example")
    assert not (tmp_path / "sprung").exists()


def test_a_failure_leaves_the_earlier_model_and_nothing_else(folder):
    def fail(staging):
        (staging / "half").write_text("half")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        write_bundle(folder, "example", {"k": 4}, fill=fail)
    assert read_bundle(folder, "example").content["k"] == 3
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_an_earlier_model_is_replaced_and_other_files_are_not(folder, tmp_path):
    write_bundle(folder, "example", {"k": 4})
    assert read_bundle(folder, "example").content == {"k": 4}
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("x")
    with pytest.raises(StudyError, match="other files"):
        write_bundle(tmp_path / "photos", "example", {})
    assert (tmp_path / "photos" / "a.jpg").exists()


def test_not_a_number_is_no_content(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write_bundle(tmp_path / "model", "example", {"p": float("nan")})
