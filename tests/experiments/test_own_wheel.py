"""The wheel that goes with a model is the package as it runs here, and can be installed."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import site_typology
from site_typology.experiments.own_wheel import wheel_name, write_own_wheel


def test_it_holds_every_file_and_is_the_same_each_time(tmp_path):
    wheel = write_own_wheel(tmp_path)
    first = wheel.read_bytes()
    assert write_own_wheel(tmp_path).read_bytes() == first and wheel.name == wheel_name()
    inside = set(zipfile.ZipFile(wheel).namelist())
    root = Path(site_typology.__file__).parent
    own = {path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {f"site_typology/{path.relative_to(root).as_posix()}" for path in own} <= inside
    assert not [name for name in inside if name.endswith(".pyc")]


def test_it_installs_and_is_what_is_imported(tmp_path):
    wheel = write_own_wheel(tmp_path)
    target = tmp_path / "site"
    words = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--quiet"]
    options = ["--disable-pip-version-check", "--target", str(target), str(wheel)]
    done = subprocess.run([*words, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    code = "import site_typology.experiments.pyfunc as p; print(p.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(target)},
    )
    assert found.stdout.strip() == str(target / "site_typology" / "experiments" / "pyfunc.py")
