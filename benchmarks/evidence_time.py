"""The default evidence by part, its time and memory up to 25,000 sites, and what sub-sampling does.

    python benchmarks/evidence_time.py parts # 25 sites, 15 features: seconds by part
    python benchmarks/evidence_time.py sizes # 25, 400, 2,500 and 25,000 sites, a process each
    python benchmarks/evidence_time.py sub-sampling # answers with and without a sub-sample

Processor seconds of one core, compiled code after compiling: each process goes once through the
evidence with few draws first. Memory is the most that a fresh process held, packages included.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time

from sklearn.metrics import adjusted_rand_score
from worlds import simulate, simulate_profiles

import site_typology as st
from site_typology.candidates import rows_of
from site_typology.models.mixture import fit_types
from site_typology.nulltest import null_test, types_to_try
from site_typology.sub_sample import drawn_sites, types_of_all

SIZES = (25, 400, 2_500, 25_000)
FEW = st.ProposeSettings(
    draws=2,
    bootstraps=2,
    stability_references=1,
    reference_draws=19,
    agreement_replicates=2,
    power_replicates=2,
    subsample=50,
)


def profiles_of(world: str, n: int, separation: float = 8.0) -> st.SiteProfiles:
    """Simulate n sites with 15 features."""
    return simulate_profiles(world, n, 1, separation=separation)[0]


def evidence(world: str, n: int) -> tuple[st.Typology, dict[str, float]]:
    """Propose a typology by the default settings; processor seconds by part."""
    st.propose(profiles_of(world, 25), seed=1, settings=FEW)
    profiles = profiles_of(world, n)
    parts: dict[str, float] = {}
    last = time.process_time()

    def note(part: str, share: float) -> None:
        nonlocal last
        now = time.process_time()
        parts[part] = parts.get(part, 0.0) + now - last
        last = now

    typology = st.propose(profiles, seed=1, progress=note)
    note("the rest", 1.0)
    return typology, parts


def show_parts() -> None:
    """Print the seconds of every part, for the study that takes longest and for one with types."""
    for world in ("cloud", "types"):
        typology, parts = evidence(world, 25)
        print(f"\n| default evidence, 25 sites, 15 features: {typology.verdict} | CPU s |")
        print("|---|---|")
        for part, seconds in parts.items():
            print(f"| {part} | {seconds:.1f} |")
        print(f"| **together** | **{sum(parts.values()):.1f}** |", flush=True)


def show_size(world: str, n: int) -> None:
    """Print one row of the table of sizes."""
    typology, parts = evidence(world, n)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    used = int(typology.evidence.figures["sites_used"])
    words = f"{typology.verdict}, k = {typology.k}"
    total = sum(parts.values())
    print(f"| {world} | {n:,} | {used} | {total:.0f} | {held:.0f} | {words} |", flush=True)


def show_sizes(worlds: list[str], sizes: list[int]) -> None:
    """Print the table of sizes, each from a process of its own."""
    print("\n| world | sites | of them in the evidence | CPU s | most MiB | found |")
    print("|---|---|---|---|---|---|", flush=True)
    for world in worlds:
        for n in sizes:
            command = [sys.executable, __file__, "size", "--worlds", world, "--sites", str(n)]
            subprocess.run(command, check=True)  # noqa: S603  # this file itself


def show_sub_sampling(n: int, most: int, draws: int, replicates: int) -> None:
    """Print p-values and types from all sites and from a sub-sample, one row a data set."""
    print(f"\nAll {n} sites and {most} of them, {draws} reference draws.\n")
    print("| world | p, all | p, part | agree | k with most gain | labels (adjusted Rand) |")
    print("|---|---|---|---|---|---|", flush=True)
    ks = types_to_try(n)
    for world, separation in (("cloud", 0.0), ("curve", 0.0), ("types", 6.0), ("types", 4.0)):
        for seed in range(1, replicates + 1):
            data, _ = simulate(world, n, seed, separation=separation)
            part = rows_of(data, drawn_sites(n, most, seed))
            whole, some = (null_test(own, ks=ks, draws=draws, seed=seed) for own in (data, part))
            alike = (whole.p_value <= 0.05) == (some.p_value <= 0.05)
            best = [int(test.gains.set_index("k")["gain"].idxmax()) for test in (whole, some)]
            found = fit_types(data, 3, seed)
            spread = types_of_all(fit_types(part, 3, seed), data, part, seed, 3)
            labels = [model.memberships(data).argmax(axis=1) for model in (found, spread)]
            print(
                f"| {world}{f' {separation:g}' if separation else ''} | {whole.p_value:.3f} "
                f"| {some.p_value:.3f} | {'yes' if alike else 'no'} | {best[0]}, {best[1]} "
                f"| {adjusted_rand_score(*labels):.3f} |",
                flush=True,
            )


def main() -> None:
    """Read what to show, and show it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("parts", "size", "sizes", "sub-sampling"))
    parser.add_argument("--worlds", nargs="+", default=["types"])
    parser.add_argument("--sites", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--part", type=int, default=400)
    parser.add_argument("--draws", type=int, default=19)
    parser.add_argument("--replicates", type=int, default=3)
    given = parser.parse_args()
    if given.what == "parts":
        show_parts()
    elif given.what == "size":
        show_size(given.worlds[0], given.sites[0])
    elif given.what == "sizes":
        show_sizes(given.worlds, given.sites)
    else:
        for n in given.sites:
            show_sub_sampling(n, given.part, given.draws, given.replicates)


if __name__ == "__main__":
    main()
