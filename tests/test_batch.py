"""Many sites from file to file: the answers of `assign`, for any chunk, whole or not at all."""

from __future__ import annotations

import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from site_typology import FeatureInfo, SiteProfiles, StudyError, batch_stream, propose
from site_typology.assigning import is_large
from site_typology.batch_placing import Placer
from site_typology.batch_reading import FastReader, NotInOrderError
from site_typology.batch_stream import assign_stream
from site_typology.differences import MismatchError
from site_typology.form import Form
from site_typology.profile_files import profiles_of_wide


def new_sites(typology, n, seed=1):
    """Wide rows drawn about the fitted sites: gaps, unknown errors, strangers and thin ones."""
    rng = np.random.default_rng(seed)
    profiles = typology.profiles.select(use="build")
    at = rng.integers(len(profiles), size=n)
    values = profiles.values.iloc[at].reset_index(drop=True)
    errors = profiles.standard_errors.iloc[at].reset_index(drop=True).fillna(0.5)
    errors = errors * rng.uniform(0.5, 1.5, errors.shape)
    values = values.mask(rng.random(values.shape) < 0.1)
    for info in profiles.features:
        if info.kind == "continuous":
            values[info.name] += rng.normal(0, 0.2, n)
            values.loc[rng.random(n) < 0.02, info.name] += 90.0
    for composition in {info.composition for info in profiles.features} - {""}:
        parts = [info.name for info in profiles.features if info.composition == composition]
        gap = values[parts].isna().any(axis=1)
        values.loc[gap, parts[0]] = np.nan
    errors = errors.mask(rng.random(errors.shape) < 0.1).add_suffix("__se")
    wide = pd.concat([values, errors], axis=1)
    wide.insert(0, "site", [f"New {row}" for row in range(n)])
    wide.loc[0, "site"] = "=HYPERLINK(1)"
    return wide


def expected(typology, wide):
    index = pd.MultiIndex.from_product([wide["site"], ["all"]], names=["site", "round"])
    numbers = wide.drop(columns="site").set_axis(index, axis=0)
    infos = [info for info in typology.profiles.features if info.name in numbers]
    return typology.assign(profiles_of_wide(numbers, infos)).frame


def read(path):
    if path.suffix == ".parquet":
        frame = pd.read_parquet(path)
    else:
        frame = pd.read_csv(path, keep_default_na=False, na_values={"type": "", "next_type": ""})
        frame["site"] = frame["site"].str.removeprefix("'")
    for name in frame.columns.drop(["site", "round", "name", "reason"]):
        frame[name] = pd.to_numeric(frame[name])
    return frame


def same(found, wanted):
    assert list(found) == list(wanted)
    for name in wanted:
        if name in ("site", "round", "name", "reason"):
            assert found[name].tolist() == wanted[name].tolist(), name
        else:
            ours = found[name].astype(float).to_numpy()
            theirs = wanted[name].astype(float).to_numpy(na_value=np.nan)
            np.testing.assert_allclose(ours, theirs, rtol=1e-7, atol=1e-9, err_msg=name)


KINDS = {
    "calls": "rate",
    "leavers": "share",
    "need": FeatureInfo("need", "ordinal"),
    **dict.fromkeys(("mix.a", "mix.b", "mix.c"), "composition:mix"),
}


@pytest.fixture(scope="module")
def many_kinds(quick):
    """A typology of every kind of feature, errors of which go together."""
    rng = np.random.default_rng(3)
    kinds = np.arange(45) % 3
    frame = pd.DataFrame(
        {
            "wait": np.array([2.0, 9.0, 2.0])[kinds] + rng.normal(0, 0.3, 45),
            "calls": np.array([1.0, 1.2, 9.0])[kinds] + rng.uniform(0, 0.5, 45),
            "leavers": np.array([0.1, 0.5, 0.8])[kinds] + rng.uniform(-0.05, 0.05, 45),
            "need": np.array([1, 4, 2])[kinds] + (rng.random(45) < 0.3),
            "mix.a": np.array([0.2, 0.6, 0.3])[kinds] + rng.uniform(-0.05, 0.05, 45),
            "mix.b": rng.uniform(0.05, 0.15, 45),
        },
        [f"F{at:02d}" for at in range(45)],
    )
    frame["mix.c"] = 1 - frame["mix.a"] - frame["mix.b"]
    errors = pd.DataFrame({"wait": 0.2, "leavers": 0.03, "mix.a": 0.04}, frame.index)
    errors["mix.c"] = 0.04
    made = SiteProfiles.from_frame(frame, errors, errors * 0 + 6, kinds=KINDS)
    made.error_correlation.loc["wait", "leavers"] = 0.4
    made.error_correlation.loc["leavers", "wait"] = 0.4
    typology = propose(made, seed=2, settings=quick, name="kinds")
    assert typology.evidence.claimed
    return typology


@pytest.mark.parametrize("kind", [".csv", ".parquet"])
@pytest.mark.parametrize("which", ["typed", "unsure", "many_kinds", "untyped"])
def test_the_answers_are_those_of_assign(which, kind, request, tmp_path):
    typology = request.getfixturevalue(which)
    wide = new_sites(typology, 400)
    source, out = tmp_path / f"new{kind}", tmp_path / f"out{kind}"
    wide.to_csv(source, index=False) if kind == ".csv" else wide.to_parquet(source, index=False)
    FastReader(Form.of(typology), source, 50).blocks()
    summary, _ = assign_stream(typology, source, out, chunk=90)
    wanted = expected(typology, wide)
    same(read(out), wanted)
    assert summary.sites == 400 and summary.placed == wanted["type"].notna().sum()
    if which == "typed":
        assert {"none of these", "not enough data"} <= set(dict(summary.reasons()))


def test_parts_of_an_incomplete_mix_place_no_site(many_kinds):
    first = many_kinds.profiles.values.droplevel("round").iloc[[0, 0, 0]].set_axis(list("ABC"))
    first.loc["A"] = [np.nan] * 4 + [0.2, 0.1, np.nan]
    first.loc["B", ["calls", "leavers", "need", "mix.c"]] = np.nan
    first.loc["C", ["calls", "leavers", "need"]] = np.nan
    table = many_kinds.assign(SiteProfiles.from_frame(first, kinds=KINDS)).frame.set_index("site")
    assert table["type"].isna().tolist() == [True, True, False]
    assert "not enough data: 0 of 7" in table["reason"]["A"]
    assert "not enough data: 1 of 7" in table["reason"]["B"]
    numbers = {name: column.to_numpy() for name, column in first.items()}
    assert Placer(many_kinds).place(numbers).plain.tolist() == [False, False, True]


def test_most_sites_are_placed_in_the_fast_way(typed):
    numbers = {name: column.to_numpy() for name, column in new_sites(typed, 400).items()}
    placed = Placer(typed).place({name: own for name, own in numbers.items() if name != "site"})
    assert placed.plain.mean() > 0.8


def test_blocks_of_a_text_file_are_whole(typed, tmp_path):
    new_sites(typed, 300).to_csv(tmp_path / "new.csv", index=False)
    blocks = FastReader(Form.of(typed), tmp_path / "new.csv", 64, 3000).blocks()
    assert [len(block.sites) for block in blocks] == [64, 64, 64, 64, 44]


def test_no_chunk_changes_a_byte(typed, tmp_path):
    new_sites(typed, 300).to_csv(tmp_path / "new.csv", index=False)
    found = set()
    for chunk, block in ((1000, 1 << 20), (7, 1 << 20), (64, 3000), (1, 2000)):
        assign_stream(
            typed, tmp_path / "new.csv", tmp_path / "out.csv", chunk=chunk, block_bytes=block
        )
        found.add((tmp_path / "out.csv").read_bytes())
    assert len(found) == 1
    assert b'"\'=HYPERLINK(1)"' in found.pop()


def test_a_file_that_is_not_in_plain_order_is_read_cell_by_cell(typed, tmp_path):
    wide = new_sites(typed, 40).astype({"wsa": object, "site": object})
    wide.to_csv(tmp_path / "plain.csv", index=False)
    assign_stream(typed, tmp_path / "plain.csv", tmp_path / "plain-out.csv")
    text = (tmp_path / "plain.csv").read_text()
    (tmp_path / "odd.csv").write_text(text.replace("New 3,", " New 3 ,", 1).replace(",,", ", ,", 1))
    with pytest.raises(NotInOrderError):
        list(FastReader(Form.of(typed), tmp_path / "odd.csv", 7).blocks())
    assign_stream(typed, tmp_path / "odd.csv", tmp_path / "odd-out.csv", chunk=7)
    same(read(tmp_path / "odd-out.csv"), read(tmp_path / "plain-out.csv"))


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (
            lambda wide: wide.assign(wsa=wide["wsa"].astype(object).where(wide.index != 9, "x")),
            "wsa",
        ),
        (lambda wide: wide.assign(wsa=wide["wsa"].where(wide.index != 9, np.inf)), "wsa"),
        (lambda wide: wide.assign(wsa__se=-1.0), "wsa__se"),
        (lambda wide: wide.rename(columns={"wsa": "WSA"}), "wsa"),
        (lambda wide: pd.concat([wide, wide.iloc[[3]]]), "site"),
        (lambda wide: wide.assign(site=wide["site"].where(wide.index != 9, "")), "site"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_left(change, where, typed, tmp_path):
    source, out = tmp_path / "new.csv", tmp_path / "out.csv"
    change(new_sites(typed, 30)).to_csv(source, index=False)
    out.write_text("earlier")
    with pytest.raises(MismatchError) as caught:
        assign_stream(typed, source, out, report=tmp_path / "r.html", chunk=8)
    assert where in {own.column for own in caught.value.differences if own.stops}
    assert out.read_text() == "earlier"
    assert {path.name for path in tmp_path.iterdir()} == {"new.csv", "out.csv"}


def test_a_failure_midway_leaves_nothing(typed, tmp_path, monkeypatch):
    new_sites(typed, 100).to_csv(tmp_path / "new.csv", index=False)
    write, calls = batch_stream.AnswerWriter.write, []

    def failing(self, *given):
        calls.append(given)
        if len(calls) == 3:
            raise KeyboardInterrupt
        write(self, *given)

    monkeypatch.setattr(batch_stream.AnswerWriter, "write", failing)
    with pytest.raises(KeyboardInterrupt):
        assign_stream(typed, tmp_path / "new.csv", tmp_path / "out.parquet", chunk=10)
    assert [path.name for path in tmp_path.iterdir()] == ["new.csv"]


def test_a_process_that_is_ended_midway_leaves_nothing(typed, tmp_path):
    folder = tmp_path / "work"
    folder.mkdir()
    new_sites(typed, 20_000).to_csv(folder / "new.csv", index=False)
    code = (
        "import sys, time; from pathlib import Path; from site_typology import load, batch_stream\n"
        "write = batch_stream.AnswerWriter.write\n"
        "def slow(self, *given):\n"
        "    write(self, *given); print('wrote', flush=True); time.sleep(0.5)\n"
        "batch_stream.AnswerWriter.write = slow\n"
        "batch_stream.assign_stream(load(sys.argv[1]), Path('new.csv'), Path('out.csv'),\n"
        "    chunk=500)\n"
    )
    words = [sys.executable, "-c", code, str(typed.save(tmp_path / "typology"))]
    with subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "wrote\n"
        assert len(list(folder.iterdir())) == 2
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert [path.name for path in folder.iterdir()] == ["new.csv"]


def test_memory_does_not_grow_with_the_sites(typed, tmp_path):
    """Four times the sites, from a size on at which what is read ahead has all its room.

    What is read ahead differs by some 20 MiB between runs; holding every block takes 80.
    """
    wide = new_sites(typed, 20_000)
    with (tmp_path / "few.csv").open("w") as few, (tmp_path / "many.csv").open("w") as many:
        for part in range(40):
            wide["site"] = [f"P{part} {row}" for row in range(len(wide))]
            for file in (few, many) if part < 10 else (many,):
                wide.to_csv(file, index=False, header=part == 0)
    code = (
        "import sys; from pathlib import Path; from site_typology import load, batch_stream\n"
        "t = load(sys.argv[1])\n"
        "def most():\n"
        "    lines = Path('/proc/self/status').read_text().splitlines()\n"
        "    return next(int(x.split()[1]) for x in lines if x.startswith('VmHWM'))\n"
        "go = lambda name: batch_stream.assign_stream(\n"
        "    t, Path(name), Path('out.parquet'), chunk=5000, block_bytes=1 << 20)\n"
        "go('few.csv'); before = most(); go('many.csv'); print(most() - before)\n"
    )
    words = [sys.executable, "-c", code, str(typed.save(tmp_path / "typology"))]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 40_000, "KiB more for four times the sites"


def test_files_of_many_sites_are_told_by_their_rows(typed, tmp_path):
    wide = new_sites(typed, 10_001)
    wide.to_csv(tmp_path / "many.csv", index=False)
    wide.head(10_000).to_csv(tmp_path / "few.csv", index=False)
    wide.to_parquet(tmp_path / "many.parquet")
    typed.profiles.to_long().to_parquet(tmp_path / "long.parquet")
    found = [path.name for path in sorted(tmp_path.iterdir()) if is_large(path)]
    assert found == ["many.csv", "many.parquet"]


def test_an_error_too_large_to_square_is_refused(typed, tmp_path):
    wide = new_sites(typed, 20)
    wide.loc[3, "wsa__se"] = 1e200
    wide.to_csv(tmp_path / "new.csv", index=False)
    with pytest.raises(MismatchError, match=r"too large: 1e\+200"):
        assign_stream(typed, tmp_path / "new.csv", tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_a_damaged_source_is_told_as_such(typed, tmp_path):
    wide = new_sites(typed, 2000)
    wide.to_parquet(tmp_path / "new.parquet", compression="snappy")
    content = bytearray((tmp_path / "new.parquet").read_bytes())
    content[60:2000] = b"\xff" * 1940
    (tmp_path / "new.parquet").write_bytes(content)
    with pytest.raises(StudyError, match=r"new\.parquet.*\n.*amaged Parquet"):
        assign_stream(typed, tmp_path / "new.parquet", tmp_path / "out.csv")


def test_another_kind_of_file_is_refused(typed, tmp_path):
    with pytest.raises(StudyError, match=r"ends in \.csv, \.parquet"):
        assign_stream(typed, tmp_path / "new.csv", tmp_path / "out.xlsx")
    (tmp_path / "same.csv").write_text("site")
    with pytest.raises(StudyError, match="Is the file that is read"):
        assign_stream(typed, tmp_path / "same.csv", tmp_path / "same.csv")
    (tmp_path / "same.csv").unlink()
    with pytest.raises(StudyError, match="Not found"):
        assign_stream(typed, tmp_path / "new.csv", tmp_path / "out.csv")
    assert not list(tmp_path.iterdir())
