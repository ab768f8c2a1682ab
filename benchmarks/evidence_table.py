"""Tables of the benchmark of evidence, from its rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import numpy as np
from engine import CLAIM_ONLY, SETTINGS, WHOLE
from results_file import Row
from scoring import expected_calibration_error, mean_with_error, wilson

TITLES = {
    WHOLE: "site-typology",
    CLAIM_ONLY: "site-typology (claim only)",
    "kmeans": "k-means, silhouette",
    "gmm": "Gaussian mixture, BIC",
    "stepmix": "StepMix, BIC",
    "hdbscan": "HDBSCAN",
    "clusterboot": "fpc clusterboot, .75",
    "gap": "gap statistic",
    "mclust": "mclust, BIC",
    "consensus": "ConsensusClusterPlus, PAC",
    "strength": "prediction strength, .8",
}
DETAILS = (
    "cell",
    "method",
    "data sets",
    "claims (95 % Wilson)",
    "supported",
    "null test rejects",
    "right number when claimed",
    "adjusted Rand when claimed",
    "as it expects",
    "sites placed",
    "calibration error",
    "where the number is right",
    "CPU s, median",
)


def tables(rows: Sequence[Row]) -> str:
    """Shares that claim, methods beside each other; then every figure; then what to know."""
    if not rows:
        return "There are no results yet."
    return "\n\n".join([_overview(rows), _details(rows), *_remarks(rows)])


def _overview(rows: Sequence[Row]) -> str:
    methods = [name for name in TITLES if any(row["method"] == name for row in rows)]
    shares = {
        (cell, method): f"{np.mean([bool(row['claims']) for row in group]):.2f}"
        for (cell, method), group in _groups(rows)
    }
    cells = _ordered(str(row["cell"]) for row in rows)
    return _markdown(
        ["share of data sets with a claim", *(TITLES[name] for name in methods)],
        [[cell, *(shares.get((cell, name), "-") for name in methods)] for cell in cells],
    )


def _details(rows: Sequence[Row]) -> str:
    return _markdown(DETAILS, [_detail(*names, group) for names, group in _groups(rows)])


def _detail(cell: str, method: str, rows: Sequence[Row]) -> list[str]:
    claims = sum(bool(row["claims"]) for row in rows)
    low, high = wilson(claims, len(rows))
    verdicts = [row["verdict"] for row in rows if "verdict" in row]
    return [
        cell,
        TITLES[method],
        str(len(rows)),
        f"{claims / len(rows):.2f} ({low:.2f} to {high:.2f})",
        f"{verdicts.count('supported') / len(verdicts):.2f}" if verdicts else "-",
        _rejections(rows),
        _count([bool(row["right_k"]) for row in rows if "right_k" in row]),
        mean_with_error([float(str(row["ari"])) for row in rows if "ari" in row]),
        mean_with_error(_expected(rows)),
        mean_with_error([float(str(row["placed"])) for row in rows if "placed" in row]),
        _calibration(rows),
        _calibration([row for row in rows if row.get("right_k")]),
        f"{np.median([float(str(row['seconds'])) for row in rows]):.2g}",
    ]


def _calibration(rows: Sequence[Row]) -> str:
    """Expected calibration error of the sites of all rows together."""
    bins = [np.array(row["bins"]) for row in rows if "bins" in row]
    return f"{expected_calibration_error(sum(bins)):.2f}" if bins else "-"


def _rejections(rows: Sequence[Row]) -> str:
    """Share in which the engine's null test rejects, claimed or not."""
    figures = [row["figures"] for row in rows if "figures" in row]
    found = [one["p_value"] <= SETTINGS.alpha for one in figures if isinstance(one, dict)]
    return f"{np.mean(found):.2f}" if found else "-"


def _expected(rows: Sequence[Row]) -> list[float]:
    """Agreement with the truth that the engine expects, where it claims and there are types."""
    figures = [row["figures"] for row in rows if "ari" in row and "figures" in row]
    return [one["expected_agreement"] for one in figures if isinstance(one, dict)]


def _count(held: Sequence[bool]) -> str:
    return f"{sum(held)} of {len(held)}" if held else "-"


def _remarks(rows: Sequence[Row]) -> list[str]:
    found = []
    if any(row["method"] == WHOLE for row in rows):
        found.append(f"{TITLES[WHOLE]}: `site_typology.propose` with its default settings.")
    if any(row["method"] == CLAIM_ONLY for row in rows):
        found.append(
            f"{TITLES[CLAIM_ONLY]}: the null test of `propose`, and the rest where it rejects. "
            "Claims are those of the whole; where none is made, 'not supported' and 'insufficient' "
            "are not told apart, and times are not what users wait."
        )
    if pairs := _pairs(rows):
        same = sum(one == other for one, other in pairs)
        found.append(
            f"Whole and claim only on the same data sets: the same claim, verdict of a claim and "
            f"number of types in {same} of {len(pairs)}, of which "
            f"{sum(bool(one[0]) for one, _ in pairs)} claimed."
        )
    failed = [row for row in rows if "error" in row]
    if failed:
        named = ", ".join(
            sorted({f"{TITLES[str(row['method'])]}: {row['error']}" for row in failed})
        )
        found.append(f"{len(failed)} answers are failures, counted as no claim ({named}).")
    if len(codes := {str(row["code"]) for row in rows}) > 1:
        found.append(
            f"Rows come from {len(codes)} versions of the code: do not publish this table."
        )
    return found


def _pairs(rows: Iterable[Row]) -> list[tuple[tuple[object, ...], tuple[object, ...]]]:
    """Claim, number of types and verdict of both engines, where both have a data set."""
    said: dict[str, dict[tuple[object, object], tuple[object, ...]]] = {WHOLE: {}, CLAIM_ONLY: {}}
    for row in rows:
        if row["method"] in said:
            verdict = row["verdict"] if row["claims"] else ""
            said[str(row["method"])][row["cell"], row["seed"]] = (row["claims"], row["k"], verdict)
    both = said[WHOLE].keys() & said[CLAIM_ONLY].keys()
    return [(said[WHOLE][key], said[CLAIM_ONLY][key]) for key in both]


def _groups(rows: Sequence[Row]) -> list[tuple[tuple[str, str], list[Row]]]:
    """Rows by cell, in the order in which they came, and by method, in the order of titles."""
    places = {cell: at for at, cell in enumerate(_ordered(str(row["cell"]) for row in rows))}
    order = list(TITLES)

    def place(row: Row) -> tuple[int, int]:
        return places[str(row["cell"])], order.index(str(row["method"]))

    return [
        ((str(group[0]["cell"]), str(group[0]["method"])), group)
        for _, found in groupby(sorted(rows, key=place), key=place)
        for group in [list(found)]
    ]


def _ordered(cells: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(cells))


def _markdown(head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
