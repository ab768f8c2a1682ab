"""What is kept of the machine that a run was made on, and what is said of another."""

import copy
import getpass
import json
import platform
import re
import socket

import numpy as np
import pytest

from site_typology.experiments.environment import code_hash, differences, environment


@pytest.fixture(scope="module")
def here():
    return environment()


def test_it_names_versions_platform_and_threads_but_no_machine(here, monkeypatch):
    assert here["packages"]["numpy"] == np.__version__
    assert here["python"] == platform.python_version()
    assert here["platform"]["processors"] >= 1 and here["threads"]["pools"]
    assert "not installed" not in here["packages"].values()
    assert set(here["platform"]) == {"system", "release", "machine", "processors"}
    names = {socket.gethostname(), platform.node(), getpass.getuser()}
    assert not names & set(re.findall(r'"([^"]+)"', json.dumps(here)))
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert environment()["threads"]["OMP_NUM_THREADS"] == "7"


def test_the_same_machine_has_no_differences(here):
    assert differences(here, environment()) == ([], [])
    assert len(code_hash()) == 64


def test_what_may_change_figures_is_told_apart_from_what_should_not(here):
    other = copy.deepcopy(here)
    other["python"] = "3.99.0"
    other["code_hash"] = "0" * 64
    other["packages"] |= {"numpy": "1.0", "matplotlib": "1.0"}
    other["platform"]["machine"] = "abacus"
    firm, loose = differences(other, here)
    assert [one.split()[0] for one in firm] == ["Python", "the", "numpy"]
    assert firm[2] == f"numpy 1.0, here {np.__version__}"
    assert [one.split()[0] for one in loose] == ["matplotlib", "machine"]


def test_a_run_without_a_record_of_its_machine_differs(here):
    assert "Python None" in " ".join(differences({}, here)[0])
