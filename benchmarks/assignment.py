"""How far the assignment of new sites can be trusted, beside classifiers of scikit-learn.

Sites of three types are simulated and a typology with three types is fitted to some of them, as if
claimed; the others are new. Studies are added to one file, a line each; `--table` prints the
tables of what is there and draws the reliability of the memberships.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from assignment_tasks import GAPS, OURS, STRANGERS, baselines, one
from scoring import BINS, expected_calibration_error, mean_with_error, wilson

from site_typology.figure_canvas import MUTED, Drawing, colour, render, save, shape

SITES = (25, 60, 150, 400)
SEPARATIONS = (4.0, 6.0, 8.0)
FIRST_SEED = 7_000_000
FOUND = (0.0, 0.7, 0.9, 1.01)
LEAST = 30
"""Fewest sites for a point of the picture."""
Rows = list[dict]


def measure(path: Path, replicates: int, new: int) -> None:
    """Add studies to a file; seeds are finished in every cell before the next one begins."""
    done = {(row["sites"], row["separation"], row["seed"]) for row in read(path)}
    for at, sites, separation in itertools.product(range(replicates), SITES, SEPARATIONS):
        seed = FIRST_SEED + at
        if (sites, separation, seed) not in done:
            row = one(sites, separation, seed, new)
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")


def read(path: Path) -> Rows:
    """Studies that were measured."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def cells(rows: Rows) -> Iterator[tuple[int, float, Rows]]:
    """Studies by sites and separation."""
    for sites, separation in itertools.product(SITES, SEPARATIONS):
        own = [row for row in rows if (row["sites"], row["separation"]) == (sites, separation)]
        if own:
            yield sites, separation, own


def pooled(rows: Rows, gaps: str, method: str) -> np.ndarray:
    """Bins of calibration over studies."""
    bins = np.array([row[gaps][method]["bins"] for row in rows]).reshape(len(rows), BINS, 3)
    return bins.sum(axis=0)


def accuracy_table(rows: Rows) -> str:
    """Accuracy and expected calibration error of every method."""
    methods = [OURS, *baselines(0)]
    lines = ["| sites | SDs apart | studies | new sites | " + " | ".join(methods) + " |"]
    lines.append("|---" * (4 + len(methods)) + "|")
    for sites, separation, own in cells(rows):
        for gaps in GAPS:
            cells_ = []
            for method in methods:
                accuracy = mean_with_error([row[gaps][method]["accuracy"] for row in own])
                error = expected_calibration_error(pooled(own, gaps, method))
                cells_.append(f"{accuracy}; {error:.3f}")
            start = f"| {sites} | {separation:g} | {len(own)} | {gaps} | "
            lines.append(start + " | ".join(cells_) + " |")
    return "\n".join(lines)


def found_table(rows: Rows) -> str:
    """Accuracy and calibration of ours by how well the types of the fitted sites were found."""
    lines = [
        "| fitted sites of their true type | new sites | studies | share right | "
        "mean membership stated | calibration error |",
        "|---|---|---|---|---|---|",
    ]
    for (low, high), gaps in itertools.product(itertools.pairwise(FOUND), GAPS):
        own = [row for row in rows if low <= row["found"] < high]
        if not own:
            continue
        bins = pooled(own, gaps, OURS)
        sites, stated, right = bins.sum(axis=0)
        error = expected_calibration_error(bins)
        figures = f"{right / sites:.2f} | {stated / sites:.2f} | {error:.3f}"
        lines.append(f"| {band(low, high)} | {gaps} | {len(own)} | {figures} |")
    return "\n".join(lines)


def none_table(rows: Rows) -> str:
    """False *none of these* among true members."""
    names = ("rule", "types taken as known")
    lines = ["| sites | new sites | members | " + " | ".join(names) + " |", "|---|---|---|---|---|"]
    for sites, gaps in itertools.product(SITES, GAPS):
        own = [row[gaps] for row in rows if row["sites"] == sites]
        if not own:
            continue
        members = sum(row["enough"] for row in own)
        shares = []
        for name in names:
            false = sum(row["none"][name] for row in own)
            low, high = wilson(false, members)
            shares.append(f"{false / members:.2%} ({low:.2%} to {high:.2%})")
        lines.append(f"| {sites} | {gaps} | {members:,} | {' | '.join(shares)} |")
    return "\n".join(lines)


def stranger_table(rows: Rows) -> str:
    """Share of sites of a kind never seen that are *none of these*."""
    shown = " | ".join(f"{apart:g} SDs" for apart in STRANGERS)
    lines = [f"| sites | {shown} |", "|---" * (1 + len(STRANGERS)) + "|"]
    for sites in SITES:
        own = [row["strangers"] for row in rows if row["sites"] == sites]
        if own:
            found = (mean_with_error([row[f"{apart:g}"] for row in own]) for apart in STRANGERS)
            lines.append(f"| {sites} | {' | '.join(found)} |")
    return "\n".join(lines)


def set_table(rows: Rows) -> str:
    """How often conformal sets at 90 % hold the true type."""
    lines = [
        "| sites | SDs apart | new sites | studies with sets | hold the true type | "
        "of the type held least | types in a set |",
        "|---|---|---|---|---|---|---|",
    ]
    for sites, separation, every in cells(rows):
        for gaps in GAPS:
            own = [row[gaps]["sets"] for row in every if row[gaps]["sets"]]
            figures = (mean_with_error([row[key] for row in own]) for key in
                       ("held", "worst", "size"))  # fmt: skip
            start = f"| {sites} | {separation:g} | {gaps} | {len(own)} of {len(every)} | "
            lines.append(start + " | ".join(figures) + " |")
    return "\n".join(lines)


def reliability(rows: Rows) -> str:
    """Share right by stated membership, as SVG: complete profiles above, partly missing below."""
    bands = list(itertools.pairwise(FOUND))

    def bins_of(low: float, high: float, gaps: str) -> np.ndarray:
        return pooled([row for row in rows if low <= row["found"] < high], gaps, OURS)

    def draw(axes: list) -> None:
        for axis, gaps in zip(axes, GAPS, strict=True):
            axis.plot([0.3, 1], [0.3, 1], color=MUTED, linestyle="--", linewidth=1)
            for at, (low, high) in enumerate(bands, start=1):
                bins = bins_of(low, high, gaps)
                bins = bins[bins[:, 0] >= LEAST]
                axis.plot(
                    bins[:, 1] / bins[:, 0], bins[:, 2] / bins[:, 0], f"{shape(at)}-",
                    color=colour(at), markersize=7, label=band(low, high),
                )  # fmt: skip
            axis.set_title(f"New sites: {gaps}")
            axis.set_xlabel("Membership stated")
            axis.set_ylabel("Share right")
            axis.grid(color="#e7eaee")
        axes[0].legend(loc="upper left", title="Fitted sites of their true type")

    words = [
        f"{band(low, high)} of fitted sites of their true type, new sites {gaps}: expected "
        f"calibration error {expected_calibration_error(bins_of(low, high, gaps)):.3f}"
        for gaps, (low, high) in itertools.product(GAPS, bands)
        if bins_of(low, high, gaps).any()
    ]
    title = "Reliability of membership probabilities in simulated studies"
    return save(render("reliability", Drawing(title, "; ".join(words) + ".", 7.2, draw, 2)))


def band(low: float, high: float) -> str:
    """Say from where to where in percent."""
    return f"{low:.0%} and more" if high > 1 else f"{low:.0%} to {high:.0%}"


def schools_table() -> str:
    """Special-education schools beside a typology of the others."""
    from assignment_schools import city_scores, detection, item_codes

    lines = [
        "| features | types | other schools held out | special-education schools | "
        "the same beyond 1 % of members |",
        "|---|---|---|---|---|",
    ]
    for name, pair in (("item codes", item_codes()), ("city scores", city_scores())):
        for k in (2, 3):
            rows = list(detection(pair, k))
            keys = ("others", "strangers", "strangers beyond 1 %")
            shares = (
                f"{np.mean(own):.1%} ({np.std(own, ddof=1) / np.sqrt(len(own)):.1%})"
                for own in ([row[key] for row in rows] for key in keys)
            )
            lines.append(f"| {name} | {k} | {' | '.join(shares)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("bench-assignment"))
    parser.add_argument("--replicates", type=int, default=6)
    parser.add_argument("--new", type=int, default=200, help="new sites a study")
    parser.add_argument("--table", action="store_true", help="only the tables of what is there")
    parser.add_argument("--schools", action="store_true", help="only the schools of New York")
    parser.add_argument("--picture", type=Path, help="SVG of the reliability")
    asked = parser.parse_args()
    if asked.schools:
        print(schools_table())
        return
    asked.out.mkdir(exist_ok=True)
    path = asked.out / "results.jsonl"
    if not asked.table:
        measure(path, asked.replicates, asked.new)
    rows = read(path)
    for table in (accuracy_table, found_table, none_table, stranger_table, set_table):
        print(f"{table(rows)}\n")
    if asked.picture:
        asked.picture.write_text(reliability(rows), "utf-8")


if __name__ == "__main__":
    main()
