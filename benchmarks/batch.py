"""A million sites through assignment, beside bare scikit-learn on the same model: ``make bench``.

    python benchmarks/batch.py [--sites 1000000] [--features 8] [--repeats 3]

A typology of three types is fitted once; new sites are drawn from it. scikit-learn gets a
`GaussianMixture` with the same weights, means and tied covariance. It takes neither errors nor
gaps: on files that have them it reads the same columns, fills gaps with the mean and leaves errors
unused, which is less work and other answers. Every way runs in a
fresh process on one thread, in turn and several times; the best processor time counts, after one
small file that compiles and warms up, and the highest peak of memory. The ways:

- ``memory``: the matrix is in memory on the working scale; only membership is computed.
- ``parquet`` and ``csv``: from file to file. Bare scikit-learn reads with pyarrow in blocks of the
  same size, predicts, and writes site, type and probabilities; it checks nothing.

Without errors and gaps memberships agree to 1e-6, or the benchmark fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20_261_126
CHUNK = 131_072
TYPES = 3
AGREEMENT = 1e-6
GAPS = 0.05


def fit_typology(folder: Path, features: int) -> None:
    """Fit three types to 60 sites and save the typology."""
    from site_typology import ProposeSettings, SiteProfiles, propose

    rng = np.random.default_rng(SEED)
    names = [f"x{at + 1}" for at in range(features)]
    centres = 10.0 / np.sqrt(2) * np.eye(TYPES, features)
    values = centres[np.arange(60) % TYPES] + rng.normal(size=(60, features))
    frame = pd.DataFrame(values, [f"F{at:02d}" for at in range(60)], names)
    errors = pd.DataFrame(0.4, frame.index, names)
    counts = pd.DataFrame(9.0, frame.index, names)
    quick = ProposeSettings(
        algorithms=("kmeans",),
        spaces=("features",),
        draws=3,
        bootstraps=8,
        reference_draws=19,
        number_resamples=4,
        agreement_replicates=4,
        power_replicates=3,
        separations=(8.0,),
    )
    propose(SiteProfiles.from_frame(frame, errors, counts), seed=1, settings=quick).save(folder)


def write_sites(folder: Path, typology: Path, sites: int) -> None:
    """Write new sites: ``exact`` without errors and gaps, ``measured`` with both, and few."""
    from site_typology import load

    fitted = load(typology)
    scale, model = fitted.scale, fitted.model
    for name, size in (("", sites), ("few-", 2000)):
        rng = np.random.default_rng(SEED + size)
        root = np.linalg.cholesky(model.covariance)
        kinds = rng.choice(model.k, size, p=model.weights)
        points = model.means[kinds] + rng.normal(size=(size, len(scale.columns))) @ root.T
        frame = pd.DataFrame(points * scale.spread + scale.centre, columns=list(scale.columns))
        frame.insert(0, "site", [f"S{at:07d}" for at in range(size)])
        np.save(folder / f"{name}points.npy", points)
        frame.to_parquet(folder / f"{name}exact.parquet", index=False)
        frame.to_csv(folder / f"{name}exact.csv", index=False)
        for column in scale.columns:
            error = rng.uniform(0.1, 0.7, size)
            noisy = frame[column] + error * rng.normal(size=size)
            frame[column] = noisy.mask(rng.random(size) < GAPS)
            frame[f"{column}__se"] = error
        frame.to_parquet(folder / f"{name}measured.parquet", index=False)
        frame.to_csv(folder / f"{name}measured.csv", index=False)


def bare_model(typology: Path) -> object:
    """The same types as scikit-learn has them."""
    from sklearn.mixture import GaussianMixture

    from site_typology import load

    model = load(typology).model
    bare = GaussianMixture(model.k, covariance_type="tied")
    bare.weights_, bare.means_, bare.covariances_ = model.weights, model.means, model.covariance
    bare.precisions_cholesky_ = np.linalg.inv(np.linalg.cholesky(model.covariance)).T
    return bare


def bare_memory(folder: Path, size: str, kind: str) -> Callable[[], np.ndarray]:
    """Probabilities of a matrix in memory."""
    bare, points = bare_model(folder / "typology"), np.load(folder / f"{size}points.npy")
    return lambda: bare.predict_proba(points)  # type: ignore[attr-defined]


def our_memory(folder: Path, size: str, kind: str) -> Callable[[], np.ndarray]:
    """The same by this package, with errors and gaps where `kind` says so."""
    from site_typology import load
    from site_typology.models.placement import place

    model = load(folder / "typology").model
    points = np.load(folder / f"{size}points.npy")
    rng = np.random.default_rng(SEED)
    deviations = np.zeros(points.shape)
    if kind == "measured":
        deviations = rng.uniform(0.05, 0.3, points.shape)
        points = np.where(rng.random(points.shape) < GAPS, np.nan, points)
    none, nowhere = np.empty((len(points), 0)), np.empty((0, 2), dtype=np.int64)
    types = np.log(model.weights), model.means, model.covariance, model.temperature
    eye = np.eye(points.shape[1])
    return lambda: place(points, deviations, eye, none, nowhere, *types)[0]


def bare_files(folder: Path, size: str, kind: str, ending: str) -> Callable[[], np.ndarray]:
    """From file to file with pyarrow and scikit-learn."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet as pq

    from site_typology import load
    from site_typology.batch_reading import BLOCK_BYTES

    scale = load(folder / "typology").scale
    bare = bare_model(folder / "typology")
    source, out = folder / f"{size}{kind}{ending}", folder / f"bare{ending}"
    fields = [("site", pa.string()), ("type", pa.int64())]
    schema = pa.schema([*fields, *((f"p_{at + 1}", pa.float64()) for at in range(TYPES))])

    def run() -> np.ndarray:
        if ending == ".csv":
            once = pyarrow.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES)
            batches = iter(pyarrow.csv.open_csv(source, once))
            writer = pyarrow.csv.CSVWriter(out, schema)
        else:
            batches = pq.ParquetFile(source).iter_batches(CHUNK, use_threads=False)
            writer = pq.ParquetWriter(out, schema)
        with writer:
            for batch in batches:
                drawn = (batch.column(name) for name in scale.columns)
                columns = [column.to_numpy(zero_copy_only=False) for column in drawn]
                points = (np.column_stack(columns) - scale.centre) / scale.spread
                points = np.nan_to_num(points)
                chances = bare.predict_proba(points)  # type: ignore[attr-defined]
                types = chances.argmax(axis=1) + 1
                shares = [pa.array(chances[:, at].copy()) for at in range(TYPES)]
                parts = [batch.column("site"), pa.array(types), *shares]
                writer.write_batch(pa.RecordBatch.from_arrays(parts, schema=schema))
        return probabilities(out)

    return run


def our_files(folder: Path, size: str, kind: str, ending: str) -> Callable[[], np.ndarray]:
    """From file to file as ``site-typology assign`` does."""
    from site_typology import load
    from site_typology.batch_stream import assign_stream

    typology = load(folder / "typology")
    source, out = folder / f"{size}{kind}{ending}", folder / f"ours{ending}"

    def run() -> np.ndarray:
        assign_stream(typology, source, out, chunk=CHUNK)
        return probabilities(out)

    return run


def probabilities(path: Path) -> np.ndarray:
    """What a way wrote; read back after the clock has stopped."""
    return np.array([str(path)])


def read_back(found: np.ndarray) -> np.ndarray:
    """Probabilities themselves, or those of the file that is named."""
    if found.dtype.kind == "f":
        return found
    path = Path(str(found[0]))
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    return table[[f"p_{at + 1}" for at in range(TYPES)]].to_numpy()


WAYS = [
    ("scikit-learn", "memory", "exact"),
    ("ours", "memory", "exact"),
    ("ours", "memory", "measured"),
    ("scikit-learn", ".parquet", "exact"),
    ("ours", ".parquet", "exact"),
    ("scikit-learn", ".parquet", "measured"),
    ("ours", ".parquet", "measured"),
    ("scikit-learn", ".csv", "exact"),
    ("ours", ".csv", "exact"),
    ("scikit-learn", ".csv", "measured"),
    ("ours", ".csv", "measured"),
]


def run_one(at: int, folder: Path) -> None:
    """Run one way and print seconds and peak memory as JSON; leave its probabilities."""
    who, where, kind = WAYS[at]

    def way(size: str) -> Callable[[], np.ndarray]:
        if where == "memory":
            return (bare_memory if who == "scikit-learn" else our_memory)(folder, size, kind)
        return (bare_files if who == "scikit-learn" else our_files)(folder, size, kind, where)

    way("few-")()
    run = way("")
    begun, clock = time.process_time(), time.perf_counter()
    found = run()
    seconds, wall = time.process_time() - begun, time.perf_counter() - clock
    peak = most_memory()
    np.save(folder / f"answer-{at}.npy", read_back(found))
    print(json.dumps({"seconds": seconds, "wall": wall, "peak": peak}))


def most_memory() -> float:
    """Most MiB that this process held; what `resource` says begins with that of its parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def measure(at: int, folder: Path) -> dict[str, float]:
    """Run one way in a fresh process on one thread."""
    words = [sys.executable, __file__, "--way", str(at), "--folder", str(folder)]
    one = {"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(  # noqa: S603  # this very file
        words, capture_output=True, text=True, check=True, env={**os.environ, **one}
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def report(folder: Path, sites: int, repeats: int) -> None:
    """Run every way in turn, compare the answers, print the table."""
    found: list[list[dict[str, float]]] = [[] for _ in WAYS]
    for _ in range(repeats):
        for at in range(len(WAYS)):
            found[at].append(measure(at, folder))
    answers = [np.load(folder / f"answer-{at}.npy") for at in range(len(WAYS))]
    print("| from and to | who | errors and gaps | CPU s | sites a second | rate / bare | MiB |")
    print("|---|---|---|---|---|---|---|")
    bare, bare_seconds = answers[0], 1.0
    for at, (who, where, kind) in enumerate(WAYS):
        seconds = min(one["seconds"] for one in found[at])
        peak = max(one["peak"] for one in found[at])
        if who == "scikit-learn":
            bare, bare_seconds = answers[at], seconds
        if kind == "exact":
            known = ~np.isnan(answers[at]).any(axis=1)
            apart = np.abs(answers[at] - bare)[known].max()
            if apart > AGREEMENT:
                raise AssertionError(f"{where}: memberships differ by {apart}")
        both = "with" if kind == "measured" else "without"
        print(
            f"| {where.lstrip('.')} | {who} | {both} | {seconds:.2f} | {sites / seconds:,.0f} "
            f"| {bare_seconds / seconds:.2f} | {peak:,.0f} |",
            flush=True,
        )
    pure = min(one["seconds"] for one in found[0])
    for at, (who, where, kind) in enumerate(WAYS):
        if who == "ours" and where != "memory":
            own = min(one["seconds"] for one in found[at])
            print(f"\n{where} {kind}, file to file / bare in memory: rate {pure / own:.2f}", end="")
    print()


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=1_000_000)
    parser.add_argument("--features", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", type=int)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.way is not None:
        run_one(given.way, given.folder)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fit_typology(folder / "typology", given.features)
        write_sites(folder, folder / "typology", given.sites)
        report(folder, given.sites, given.repeats)


if __name__ == "__main__":
    main()
