"""What the null test says of New York's school climate when errors are stated in other ways.

The survey gives counts of answers, not people, so how a person's answers go together has to be
assumed. This says whether the verdict hangs on the assumption.

    python benchmarks/tabulated_errors.py --draws 99
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from site_typology.declaration import StudyDeclaration
from site_typology.errors import Problems
from site_typology.features.linking import read_tables
from site_typology.features.profiler import build_profiles
from site_typology.features.tables import StudyTables
from site_typology.models.working import WorkingScale
from site_typology.nulltest import null_test
from site_typology.profiles import SiteProfiles
from site_typology.study_file import parse_declaration, read_declaration

STUDY = Path(__file__).parents[1] / "examples" / "nyc2011" / "study.toml"

WAYS = (
    ("as declared: items correlate by .5, all features of a group share error", 0.5, True, True),
    ("items correlate by .3", 0.3, True, True),
    ("items correlate by .7", 0.7, True, True),
    ("as declared, without the correction for a finite population", 0.5, False, True),
    ("as declared, but features share no error", 0.5, True, False),
    ("largest possible errors (a correlation of 1), uncorrected, not shared", 1.0, False, False),
)  # fmt: skip
"""Description, item correlation, finite population correction, shared error."""


def main() -> None:
    """Print one row for each way of stating errors."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=99)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    found = Problems(STUDY.name)
    tables = read_tables(read_declaration(STUDY), STUDY.parent, found)
    found.raise_if_any()
    print("| errors | largest standardised gain | p |\n|---|---|---|")
    for said, correlation, finite, shared in WAYS:
        profiles = profiles_with(tables, correlation, finite=finite, shared=shared)
        data = WorkingScale.fit(profiles).transform(profiles)
        test = null_test(data, draws=asked.draws, seed=asked.seed, workers=asked.workers)
        print(f"| {said} | {test.observed:.1f} | {test.p_value:.3f} |", flush=True)


def profiles_with(
    tables: StudyTables, correlation: float, *, finite: bool, shared: bool
) -> SiteProfiles:
    """Build the profiles of the features that types are built from, with other errors."""
    changed = StudyTables(
        declaration_with(tables.declaration, correlation),
        tables.sites,
        tables.tables,
        tables.ledger,
        tables.response if finite else tables.response.assign(eligible=np.nan),
    )
    built = build_profiles(changed)
    names = built.error_correlation.index
    return SiteProfiles(
        built.values,
        built.standard_errors,
        built.counts,
        built.reasons,
        built.features,
        built.ledger,
        built.error_correlation if shared else built.error_correlation * np.eye(len(names)),
        built.response,
    )


def declaration_with(declaration: StudyDeclaration, correlation: float) -> StudyDeclaration:
    """Keep the build features, with another item correlation."""
    content = declaration.model_dump(exclude_unset=True)
    kept = []
    for feature in content["features"]:
        if feature.get("use", "build") == "build":
            feature["args"]["item_correlation"] = correlation
            kept.append(feature)
    return parse_declaration({**content, "features": kept})


if __name__ == "__main__":
    main()
