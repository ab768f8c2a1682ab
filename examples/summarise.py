"""Run the studies of real data and state what came out, as JSON or as Markdown tables.

    python examples/summarise.py runs --spec default > real-data.md
    python examples/summarise.py runs --json > real-data.json
    python examples/summarise.py --profiles > profiles.md

The folder keeps one run a study, made by ``site-typology run``; a run that is there is not
repeated. With ``--profiles`` no typology is looked for: what is shown is how the profiles were
measured. Every figure in ``docs/real-data.md`` and below ``docs/real-data`` comes from here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
from profile_tables import as_markdown, profile_tables

import site_typology as st

STUDIES = ("nyc2011", "pisa2003_nld", "talis2018_ita")
HERE = Path(__file__).parent


def main() -> None:
    """Run what is missing and print the summaries."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", help="folder that keeps one run a study")
    parser.add_argument("--profiles", action="store_true", help="show the profiles, run nothing")
    parser.add_argument("--spec", default="default", help="quick, default or thorough")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--studies", nargs="+", default=STUDIES, choices=STUDIES)
    parser.add_argument("--json", action="store_true", help="print JSON, not Markdown")
    asked = parser.parse_args()
    if asked.profiles:
        for name in asked.studies:
            study = st.Study.load(HERE / name / "study.toml")
            print(as_markdown(name, profile_tables(study)), flush=True)
        return
    if asked.folder is None:
        parser.error("name the folder that keeps the runs, or ask for --profiles")
    summaries = {}
    for name in asked.studies:
        run(name, asked.folder / name, asked)
        summaries[name] = summarise(asked.folder / name)
    if asked.json:
        print(json.dumps(summaries, indent=1))
    else:
        print("\n".join(markdown(name, summary) for name, summary in summaries.items()))


def run(name: str, out: Path, asked: argparse.Namespace) -> None:
    """Run one study by the command that a user has, unless its results are there."""
    if (out / "evidence.json").is_file():
        return
    command = [sys.executable, "-m", "site_typology.cli", "run", str(HERE / name / "study.toml")]
    command += ["--out", str(out), "--spec", asked.spec, "--seed", str(asked.seed)]
    command += ["--workers", str(asked.workers), "--json"]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - fixed words
    taken = {"spec": asked.spec, "seed": asked.seed, "seconds": time.perf_counter() - started}
    (out / "timing.json").write_text(json.dumps(taken), encoding="utf-8")


def summarise(out: Path) -> dict[str, Any]:
    """State what one run found."""
    typology = st.load(out / "typology")
    profiles = typology.profiles
    evidence = json.loads((out / "evidence.json").read_text(encoding="utf-8"))
    return {
        "sites": len(profiles.sites),
        "run": json.loads((out / "timing.json").read_text(encoding="utf-8")),
        "rows": rows(pd.read_csv(out / "ledger.csv", keep_default_na=False)),
        "features": [feature(profiles, info) for info in profiles.features],
        "verdict": {key: evidence[key] for key in ("verdict", "k", "best_k", "p_value", "why")},
        "rules": evidence["rules"],
        "figures": evidence["figures"],
        "axis": (evidence["axis"] or {"rules": []})["rules"],
        "number_of_types": evidence["number_of_types"],
        "type_stability": evidence["type_stability"],
        "labels": labels(typology),
    }


def rows(ledger: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of each table by what became of them."""
    ledger = ledger[ledger["entry"] == "rows"]
    counted = ledger.groupby(["table", "outcome", "reason"], sort=False)["n"].sum()
    return [
        {"table": table, "outcome": outcome, "reason": reason, "n": int(n)}
        for (table, outcome, reason), n in counted.items()
    ]


def feature(profiles: st.SiteProfiles, info: st.FeatureInfo) -> dict[str, Any]:
    """Count values and reasons of one feature, and give what is known of its measurement."""
    reasons = profiles.reasons[info.name].value_counts().to_dict()
    return {
        "name": info.name,
        "use": info.use,
        "values": int(reasons.pop("", 0)),
        "gaps": {str(reason): int(n) for reason, n in reasons.items()},
        "measurement": {name: round(float(x), 4) for name, x in info.measurement.items()},
    }


def labels(typology: st.Typology) -> list[dict[str, Any]]:
    """Agreement (adjusted Rand) of every partition with every category of the study."""
    profiles = typology.profiles
    categories = [info.name for info in profiles.features if info.kind == "category"]
    table = profiles.values[categories].droplevel("round")
    partitions = {candidate.name: candidate.labels for candidate in typology.candidates}
    partitions["proposal"] = typology.labels
    return [
        {"partition": name, "category": category, **agreement(given, table[category])}
        for name, given in partitions.items()
        for category in categories
        if len(given.dropna().unique()) > 1
    ]


def agreement(given: pd.Series, category: pd.Series) -> dict[str, Any]:
    """Adjusted Rand index over the sites that have both."""
    from sklearn.metrics import adjusted_rand_score

    both = pd.DataFrame({"type": given, "category": category.reindex(given.index)}).dropna()
    index = adjusted_rand_score(both["category"].astype(str), both["type"].astype(int))
    return {"sites": len(both), "adjusted_rand": round(float(index), 4)}


def markdown(name: str, summary: dict[str, Any]) -> str:
    """Write one summary as Markdown."""
    verdict, taken = summary["verdict"], summary["run"]
    kept = [
        f"| {r['table']} | {r['outcome']} | {r['reason']} | {r['n']:,} |" for r in summary["rows"]
    ]
    cells = [_feature_row(each) for each in summary["features"]]
    rules, axis = ([_rule_row(each) for each in summary[key]] for key in ("rules", "axis"))
    numbers = [f"| {r['k']} | {r['share']:.2f} |" for r in summary["number_of_types"]]
    stability = [
        f"| {r['type']} | {_number(r['mean'])} | {_number(r['reference_mean'])} |"
        for r in summary["type_stability"]
    ]
    groups = [
        f"| {r['partition']} | {r['category']} | {r['sites']} | {r['adjusted_rand']:.3f} |"
        for r in summary["labels"]
    ]
    lines = [f"## {name}", "", f"{summary['sites']} sites. Verdict: {verdict['verdict']}"]
    lines[-1] += f" (p = {verdict['p_value']:.3f}, nearest number of types {verdict['best_k']}; "
    lines[-1] += f"{taken['spec']} specification, seed {taken['seed']}, {taken['seconds']:.0f} s)."
    lines += ["", verdict["why"]]
    lines += _table("| table | outcome | reason | rows |", kept)
    lines += _table("| feature | use | values | gaps | ICC(1) | ICC(2) |", cells)
    lines += _table("| rule | figure | threshold | holds |", rules)
    lines += _table("| rule of the axis | figure | threshold | holds |", axis)
    lines += _table("| number of types | share of resamples |", numbers)
    lines += _table("| type | bootstrap Jaccard | in data without types |", stability)
    lines += _table("| partition | category | sites | adjusted Rand |", groups)
    return "\n".join([*lines, ""])


def _table(header: str, body: list[str]) -> list[str]:
    return ["", header, "|---" * (header.count("|") - 1) + "|", *body]


def _feature_row(each: dict[str, Any]) -> str:
    gaps = ", ".join(f"{n} {reason}" for reason, n in each["gaps"].items())
    known = each["measurement"]
    figures = " | ".join(_number(known.get(name)) for name in ("icc1", "icc2"))
    return f"| {each['name']} | {each['use']} | {each['values']} | {gaps} | {figures} |"


def _rule_row(rule: dict[str, Any]) -> str:
    needed = f"{rule['relation']} {_number(rule['threshold'])}"
    holds = "yes" if rule["holds"] else "no"
    return f"| {rule['name']} | {_number(rule['figure'])} | {needed} | {holds} |"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
