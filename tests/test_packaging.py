"""Guards of the packaging: one import root, nothing left out of the wheel, a light start."""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = {
    "typology": "site_typology",
    "features": "site_typology/features",
    "models": "site_typology/models",
    "experiments": "site_typology/experiments",
}
HEAVY = ("umap", "shap", "mlflow", "matplotlib", "sklearn", "numba")


def run(*words, cwd=None):
    return subprocess.run(words, capture_output=True, text=True, cwd=cwd, timeout=300, check=False)


def shipped(folder):
    files = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {path.relative_to(ROOT / folder) for path in files if "__pycache__" not in path.parts}


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Build from a copy, so that the tree of links of the editable install stays whole."""
    source = tmp_path_factory.mktemp("source")
    for name in [*FOLDERS, "pyproject.toml", "README.md", "LICENSE"]:
        run("cp", "-r", str(ROOT / name), str(source / name))
    out = tmp_path_factory.mktemp("wheel")
    words = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out))
    done = run(*words, str(source))
    assert done.returncode == 0, done.stderr
    return next(out.glob("*.whl"))


def test_every_file_of_the_four_folders_is_in_the_wheel(wheel):
    inside = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        f"{target}/{path.as_posix()}"
        for folder, target in FOLDERS.items()
        for path in shipped(folder)
    }
    assert expected <= inside
    assert not [name for name in inside if name.split("/")[0] in FOLDERS]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_refuses_its_bare_name(name):
    done = run(sys.executable, "-c", f"import {name}", cwd=ROOT)
    assert done.returncode == 1
    assert "ImportError: This package is installed as 'site_typology" in done.stderr


@pytest.mark.parametrize(
    "start", ["import site_typology", "from site_typology.cli import main; main(['--help'])"]
)
def test_start_up_loads_nothing_heavy(start):
    code = (
        f"import sys\ntry:\n    {start}\nexcept SystemExit: pass\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)), file=sys.stderr)"
    )
    done = run(sys.executable, "-c", code)
    assert done.stderr.strip() == "[]"


def test_every_public_name_loads():
    code = "import site_typology as st\nfor name in st.__all__: getattr(st, name)"
    done = run(sys.executable, "-c", code)
    assert done.returncode == 0, done.stderr


def test_the_pinned_requirements_cover_the_declared_ones_and_carry_no_address():
    text = (ROOT / "requirements.txt").read_text()
    assert "://" not in text
    pinned = {line.split("==")[0] for line in text.splitlines() if "==" in line}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {word.split(">=")[0].strip() for word in project["dependencies"]}
    assert names <= pinned
    entries = text.replace("\\\n", " ").splitlines()
    assert all("--hash=sha256:" in line for line in entries if "==" in line)


def test_only_experiments_and_their_tests_know_mlflow():
    knowing = {
        path.relative_to(ROOT).parts[0]
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*.py")
        if re.search(r"^\s*(import|from) mlflow\b", path.read_text(), re.MULTILINE)
    }
    assert knowing == {"experiments"}


def test_no_benchmark_hides_a_library():
    # numba looks for an optional library by the name of coverage, and found a benchmark.
    code = "import sys\nsys.path.insert(0, 'benchmarks')\nimport numba, sklearn, pandas, mlflow"
    done = run(sys.executable, "-c", code, cwd=ROOT)
    assert done.returncode == 0, done.stderr
