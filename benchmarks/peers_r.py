"""Peers in R, where Rscript and their packages are: one R process for a batch of data sets.

Debian has them: r-cran-fpc, r-cran-cluster, r-cran-mclust, r-bioc-consensusclusterplus.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from peers import filled
from scoring import Answer

SCRIPT = Path(__file__).with_name("peers.R")
R_PEERS = ("clusterboot", "gap", "mclust", "consensus", "strength")


@dataclass(frozen=True)
class FromR:
    """One peer's answer to one data set; `error` is what R said where it failed."""

    seed: int
    method: str
    answer: Answer
    seconds: float
    error: str


def left_out() -> dict[str, str]:
    """Reason by method for the peers that cannot be run here."""
    if shutil.which("Rscript") is None:
        return dict.fromkeys(R_PEERS, "there is no Rscript")
    missing = {}
    for line in _rscript().splitlines():
        method, package, there = line.split(";")
        if there != "TRUE":
            missing[method] = f"R has no package {package}"
    return missing


def ask_r(jobs: Sequence[tuple[int, str]], values: Mapping[int, np.ndarray]) -> list[FromR]:
    """Let peers answer: `jobs` are pairs of seed and method, `values` the data set of each seed."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pd.DataFrame(list(jobs), columns=["seed", "method"]).to_csv(
            folder / "jobs.csv", index=False
        )
        for seed, rows in values.items():
            pd.DataFrame(filled(rows)).to_csv(folder / f"{seed}.csv", index=False)
        _rscript(name)
        found = pd.read_csv(folder / "results.csv", keep_default_na=False)
    return [
        FromR(
            int(row.seed),
            row.method,
            Answer(row.k > 1, int(row.k), np.array(row.labels.split(), dtype=int)),
            float(row.seconds),
            row.error,
        )
        for row in found.itertuples()
    ]


def _rscript(*arguments: str) -> str:
    command = [shutil.which("Rscript") or "Rscript", str(SCRIPT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - our own script
    if done.returncode:
        raise RuntimeError(f"{SCRIPT.name} failed:\n{done.stderr}")
    return done.stdout
