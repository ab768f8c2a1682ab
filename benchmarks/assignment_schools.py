"""A kind never seen, in real data: special-education schools beside a typology of the others.

The two kinds of school in New York answered different questionnaires under the same item codes: a
study that names the items of one refuses the file of the other and lists the columns that it
lacks. Two ways round that are measured. *Item codes*: only the codes that both files have, as a
careless join would take them, though the questions differ. *City scores*: the city's own scores
of four areas from parents and from teachers, which mean the same in both.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from assignment_tasks import assigner_of, outside

from site_typology import SiteProfiles, Study
from site_typology.matching import match_features
from site_typology.typical_errors import typical_errors

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("SITE_TYPOLOGY_DATA", ROOT.parent / "shared" / "data")).resolve()
STUDY = ROOT / "examples" / "nyc2011" / "study.toml"
OTHERS, SPECIAL = "survey_all.txt", "survey_d75.txt"
AREAS = {"saf": "safety", "com": "communication", "eng": "engagement", "aca": "expectations"}
GROUPS = {"p": "parents", "t": "teachers"}
SPLITS = 5
Pair = tuple[SiteProfiles, SiteProfiles]


def city_scores() -> Pair:
    """The other schools and the special ones by the city's scores, with their sampling errors.

    The variance behind one informant is that of the study's own scores of the same areas.
    """
    typical = typical_errors(Study.load(STUDY).typology_profiles())
    variances = {name: own.per_informant or np.nan for name, own in typical.items()}
    return _scores(OTHERS, variances), _scores(SPECIAL, variances)


def _scores(file: str, variances: dict[str, float]) -> SiteProfiles:
    path = DATA / "nyc2011" / file
    rows = pd.read_csv(path, sep="\t", encoding="utf-8-sig", dtype=str).dropna(subset="dbn")
    rows = rows.drop_duplicates("dbn").set_index("dbn")
    values, errors = {}, {}
    for group, people in GROUPS.items():
        number = pd.to_numeric(rows[f"N_{group}"], errors="coerce")
        for area, word in AREAS.items():
            name = f"{people}_{word}"
            score = pd.to_numeric(rows[f"{area}_{group}_11"], errors="coerce").where(number > 0)
            values[name] = score
            errors[name] = np.sqrt(variances[name] / number).where(score.notna())
    found = pd.DataFrame(values).dropna(how="all")
    return SiteProfiles.from_frame(found, pd.DataFrame(errors).loc[found.index])


def item_codes() -> Pair:
    """The same schools by the items whose codes both files have."""
    header = (DATA / "nyc2011" / SPECIAL).read_text("utf-8-sig").split("\n", 1)[0]
    columns = {name.strip().strip('"') for name in header.split("\t")}
    head, *features = STUDY.read_text("utf-8").split("[[features]]")
    kept = [own for text in features if (own := _restricted(text, columns))]
    for table in ("demographics", "classes"):  # They do not know the special schools.
        head = re.sub(rf"^\[tables\.{table}\]\n(?:(?!\[).*\n)*", "", head, flags=re.M)
    head = head.replace("${SITE_TYPOLOGY_DATA:-../../../shared/data}", str(DATA))
    text = "[[features]]".join([head, *kept])
    with tempfile.TemporaryDirectory() as folder:
        return tuple(_profiles(Path(folder), name, text) for name in (OTHERS, SPECIAL))


def _restricted(text: str, columns: set[str]) -> str:
    """A feature that types are built from, with the items that there are; `""` without any."""
    found = re.search(r'pattern = "([pt])_N_.*?items = \[(.*?)\]', text)
    if found is None or 'use = "evaluate"' in text:
        return ""
    group, listed = found.groups()
    items = [item for item in re.findall(r'"(\w+)"', listed) if f"{group}_N_{item}_1" in columns]
    return text.replace(listed, ", ".join(f'"{item}"' for item in items)) if items else ""


def _profiles(folder: Path, name: str, text: str) -> SiteProfiles:
    path = folder / f"{name}.toml"
    path.write_text(text.replace(OTHERS, name), "utf-8")
    return Study.load(path).typology_profiles().select(use="build")


def detection(pair: Pair, k: int) -> Iterator[dict[str, float]]:
    """Share called *none of these* among other schools held out, and among special ones.

    Types are fitted to a random half of the others, five times.
    """
    others, special = pair
    for split in range(SPLITS):
        mixed = np.random.default_rng(split).permutation(others.sites)
        fitted, held = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
        assigner, kept = assigner_of(others.select(sites=sorted(fitted)), k, split)
        row: dict[str, float] = {"fitted": len(kept), "held": len(held), "special": len(special)}
        for name, own in (("others", others.select(sites=sorted(held))), ("strangers", special)):
            matched, _ = match_features(assigner.features, own, {}, kept.error_correlation)
            row[name] = float(outside(assigner, matched)["rule"].mean())
            tails = assigner.log_tails(matched)
            row[f"{name} beyond 1 %"] = float((tails < np.log(0.01)).mean())
        yield row
