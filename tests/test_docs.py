"""What the documentation says is so: its code runs, its names, links and commands exist."""

import json
import re
import runpy
import tomllib
from pathlib import Path

import pandas as pd
import pytest
import typer

import site_typology
from site_typology import cli
from site_typology.declaration import REASONS
from site_typology.experiments.decision import Decision
from site_typology.experiments.store import choose_store, open_store, tracking
from site_typology.features.builders import BUILDERS
from site_typology.grid import Grid
from site_typology.output import CONTRACT
from site_typology.results import Power
from site_typology.study_file import parse_declaration

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# Decisions and the page on real data quote figures; the rest of the pages says what users can do.
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts),
]
GENERATED = runpy.run_path(str(DOCS / "conf.py"))["PAGES"]
WRITTEN = [path for path in PAGES if path.name not in GENERATED]
NAME = "simulated-well-measured"
SPEC = """
algorithms = ["kmeans"]
spaces = ["features"]
draws = 3
bootstraps = 10
reference_draws = 19
number_resamples = 10
agreement_replicates = 10
power_replicates = 10

[grid]
links = ["working", "plain"]
algorithms = ["kmeans"]
draws = 3
bootstraps = 3
"""


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def command(*arguments: str) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    assert left.value.code == 0


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hold the results of one small run, as a reader of the documentation would have them."""
    folder = tmp_path_factory.mktemp("docs")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        (folder / "tiny.toml").write_text(SPEC)
        command("simulate", "study", "--scenario", "well_measured", "--sites", "24", "--seed", "1")
        options = ("--spec", "tiny.toml", "--seed", "1", "--workers", "1")
        command("run", "study/study.toml", "--out", "results", *options)
    return folder


@pytest.fixture(scope="module")
def results(workplace: Path) -> Path:
    return workplace / "results"


# --- Code ------------------------------------------------------------------------------------


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S)


def input_rows(results: Path) -> pd.DataFrame:
    """Rows as an MLflow model takes them: build features of the last round."""
    study = tomllib.loads((results.parent / "study" / "study.toml").read_text("utf-8"))
    build = {item["name"] for item in study["features"] if item.get("use", "build") == "build"}
    wide = pd.read_csv(results / "profiles.csv", dtype={"round": "str"})
    wide = wide[wide["round"] == wide["round"].max()]
    named = [column for column in wide if re.split(r"\.|__", column)[0] in build]
    return wide[named].astype(float).reset_index(drop=True)


@pytest.mark.parametrize("page", [path for path in WRITTEN if blocks(path, "python")], ids=page_id)
def test_the_code_of_a_page_runs(
    page: Path, workplace: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workplace)
    names = {"rows": input_rows(results)}
    with tracking(choose_store(results)):
        for code in blocks(page, "python"):
            filled = code.replace("OUT/", "results/").replace("STUDY@", f"{NAME}@")
            exec(compile(filled, page_id(page), "exec"), names)  # noqa: S102 - our own pages
    if page.name == "README.md":
        assert names["typology"].verdict == "supported" and names["typology"].k == 3


def test_the_study_files_shown_are_valid() -> None:
    whole = [
        parse_declaration(tomllib.loads(block))
        for path in WRITTEN
        for block in blocks(path, "toml")
        if "[study]" in block
    ]
    assert whole
    for feature in (feature for study in whole for feature in study.features):
        BUILDERS[feature.builder].Args.model_validate(feature.args)


# --- Contracts -------------------------------------------------------------------------------


def sections(page: Path) -> dict[str, str]:
    """Text of a contract page by the name in its heading."""
    parts = re.split(r"^## (.+)$", page.read_text("utf-8"), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def names_in(text: str) -> set[str]:
    """Names in code style that could be columns, keys or values."""
    return set(re.findall(r"`([a-z][a-z_0-9 ]*)`", text))


def first_cells(text: str) -> set[str]:
    rows = re.findall(r"^\|([^|]*)\|", text, re.M)
    return {name for row in rows for name in re.findall(r"`([^`]+)`", row)}


@pytest.fixture(scope="module")
def output() -> dict[str, str]:
    found = sections(DOCS / "contracts" / "output.md")
    return {
        name: text for heading, text in found.items() for name in re.findall("`(.+?)`", heading)
    }


@pytest.fixture(scope="module")
def evidence(results: Path) -> dict:
    return json.loads((results / "evidence.json").read_text("utf-8"))


def test_a_run_writes_the_files_of_the_contract(output: dict[str, str], results: Path) -> None:
    assert {name.rstrip("/") for name in output} == set(CONTRACT)
    store = {"mlflow.db", "mlartifacts"}
    assert {path.name for path in results.iterdir()} == {*CONTRACT, *store}


@pytest.mark.parametrize(
    ("file", "values"),
    [
        (
            "ledger.csv",
            {
                "entry = site",
                "used",
                "set aside",
                "linked",
                "no rows",
                "dropped",
                "mended",
                "average weight",
                "unrepresented",
            },
        ),
        ("candidates.csv", {"features", "pca", "famd", "gower", "measured"}),
        ("comembership.csv", set()),
        ("axis.csv", set()),
        ("drivers.csv", set()),
        ("explanation.csv", {"confidence", "next_confidence"}),
        ("rules.csv", set()),
        ("evaluation.csv", {"evaluate"}),
        (
            "specifications.csv",
            {"auto", "of the proposal", "run", "not run", "null_draws"},
        ),
        ("specification_sites.csv", set()),
        (
            "memberships.csv",
            {"not enough data", "none of these", "no typology claimed"},
        ),
    ],
)
def test_every_column_of_a_table_is_documented_and_the_other_way_round(
    file: str, values: set[str], output: dict[str, str], results: Path
) -> None:
    columns = set(pd.read_csv(results / file).columns)
    named = names_in(output[file]) - values
    assert named <= columns
    assert columns - named <= {f"p_{at}" for at in range(3, 9)}


def test_profiles_have_the_columns_of_the_contract(output: dict[str, str], results: Path) -> None:
    wide = pd.read_csv(results / "profiles.csv")
    assert {"site", "round"} <= names_in(output["profiles.csv"])
    plain = [column for column in wide.columns[2:] if "__" not in column]
    numeric = [column for column in plain if wide[column].dtype.kind == "f"]
    ends = [f"{column}__se" for column in numeric] + [f"{column}__n" for column in plain]
    assert sorted(wide.columns) == sorted(["site", "round", *plain, *ends])
    text = output["profiles.parquet"]
    long = pd.read_parquet(results / "profiles.parquet")
    listed = re.search(r"reasons: (.*?)\. Every", text)
    assert listed and list(long) == re.findall(r"`(\w+)`", listed[1])
    reasons = re.search(r"Reasons: (.*?)\. ", text)
    assert reasons and re.findall(r"`([^`]+)`", reasons[1]) == list(REASONS)
    assert set(long["reason"]) <= {"", *REASONS}


def test_types_have_the_columns_of_the_contract(output: dict[str, str], results: Path) -> None:
    types = pd.read_csv(results / "types.csv")
    listed = re.search(r"One row a type.*?: (.*?), then", output["types.csv"])
    first = re.findall(r"`(\w+)`", listed[1]) if listed else []
    assert list(types)[: len(first)] == first
    profiles = pd.read_csv(results / "profiles.csv")
    features = [column for column in profiles.columns[2:] if "__" not in column]
    cells = [column for column in types.columns[len(first) :] if "__" not in column]
    assert cells == features
    assert types["region"].str.fullmatch(r".+ \(\d+ of \d+\)").all()


def test_evidence_has_the_keys_of_the_contract(output: dict[str, str], evidence: dict) -> None:
    text = output["evidence.json"]
    assert first_cells(text) == set(evidence)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.M))
    assert set(evidence["rules"][0]) == names_in(rows["rules"])
    gains = set(evidence["null_test"]["gains"][0])
    assert set(evidence["null_test"]) | gains == names_in(rows["null_test"])
    power = Power(pd.DataFrame({"separation": [6.0], "power": [0.1]})).to_dict()
    assert set(power) <= names_in(rows["power"])
    assert set(evidence["number_of_types"][0]) == names_in(rows["number_of_types"])
    assert set(evidence["type_stability"][0]) == names_in(rows["type_stability"])


def test_specifications_have_the_keys_of_the_contract(
    output: dict[str, str], results: Path
) -> None:
    content = json.loads((results / "specifications.json").read_text("utf-8"))
    named = names_in(output["specifications.json"]) - {"null"}
    values = {"the proposal", "the other specifications"}
    assert named - values == set(content) | set(content["levels"][0])


def test_every_key_of_a_grid_is_documented() -> None:
    page = sections(DOCS / "experiments.md")["State the choices"]
    assert first_cells(page) == set(Grid.model_fields)


def test_the_grid_shown_is_valid() -> None:
    (block,) = blocks(DOCS / "experiments.md", "toml")
    assert Grid.model_validate(tomllib.loads(block)["grid"]).most == 500


def test_the_record_of_a_run_has_the_keys_of_the_contract(
    output: dict[str, str], results: Path
) -> None:
    content = json.loads((results / "run.json").read_text("utf-8"))
    assert first_cells(output["run.json"]) == set(content)
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", output["run.json"], re.M))
    assert names_in(rows["environment"]) == set(content["environment"])
    assert names_in(rows["explanation"]) == set(content["explanation"])


def test_decisions_have_the_keys_of_the_contract() -> None:
    text = sections(DOCS / "contracts" / "mlflow.md")["Decisions"]
    decision = Decision("k", "m", "1", "approved", "r", "w", "t", "supported")
    listed = re.search(r"as JSON \((.*?)\)", text, re.S)
    assert listed and re.findall(r"`(\w+)`", listed[1]) == list(json.loads(decision.to_text()))


def test_figures_have_the_names_of_the_contract(output: dict[str, str], results: Path) -> None:
    drawn = {path.stem for path in (results / "figures").iterdir()}
    assert drawn == names_in(output["figures/"]) - {"power", "axis"}


def test_mlflow_has_the_names_of_the_contract(results: Path) -> None:
    text = sections(DOCS / "contracts" / "mlflow.md")
    client = open_store(choose_store(results))
    experiment = client.get_experiment_by_name(NAME)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    tags = {name for run in runs for name in run.data.tags if not name.startswith("mlflow.")}
    there = tags | {"git_commit", "study_commit", "reviewer"}
    assert there == first_cells(text["Tags of every run"])
    metrics = {name for run in runs for name in run.data.metrics}
    named = first_cells(text["Metrics"])
    patterns = {"type_stability/TYPE", "rule/NAME", "number_share/K"}
    assert named - metrics == patterns | {"smallest_separation", "is_continuum", "axis/NAME"}
    files = {item.path for item in client.list_artifacts(runs[0].info.run_id)}
    tables = {item.path for item in client.list_artifacts(runs[0].info.run_id, "tables")}
    assert first_cells(text["Artifacts of the summary"]) == tables | {"review/KEY/"}
    assert files == {*CONTRACT, "tables"} - {"typology"}


# --- Links, commands, reference --------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    heads = re.findall(r"^#+ (.+)$", page.read_text("utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", page.read_text("utf-8"), flags=re.M | re.S)
    assert "[](" not in text, "a link without words is blank where Markdown is shown as it is"
    targets = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for target in targets:
        if target.startswith(("http://", "https://")):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        written = path.name in GENERATED and path.parent == DOCS / "reference"
        assert path.exists() or written, target
        assert not anchor or anchor in anchors(path), target


def commands() -> dict[str, set[str]]:
    group = typer.main.get_command(cli.app)
    return {
        name: {option for param in item.params for option in param.opts} | {"--help"}
        for name, item in group.commands.items()
    }


def code_of(page: Path) -> list[str]:
    """Commands in blocks, typed at a prompt, and code within sentences."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    fenced = re.findall(r"^```(?:sh|bash)\n(.*?)^```$", text, re.M | re.S)
    fenced += re.findall(r"^\$ (.+)$", text, re.M)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return [*"\n".join(fenced).splitlines(), *re.findall(r"`([^`\n]+)`", prose)]


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_commands_and_options_exist(page: Path) -> None:
    known = commands()
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    for line in code_of(page):
        typed = re.sub(r"\s#.*", "", line)
        if found := re.match(r"site-typology (\w[\w-]*)(.*)", typed):
            assert found[1] in known, line
            assert set(re.findall(r"(?<!\S)--[a-z-]+", found[2])) <= known[found[1]], line
        if found := re.match(r"make ([\w-]+)", typed):
            assert found[1] in targets, line


def test_readme_names_every_command() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for name in commands():
        assert re.search(rf"(site-typology |`){name}\b", text), name


def test_every_builder_command_and_key_is_in_the_reference_with_its_meaning() -> None:
    for name, page in GENERATED.items():
        text = page()
        assert "| key |" in text or "| argument |" in text
        lines = [line for line in text.splitlines() if line.startswith("| `")]
        assert lines and not [line for line in lines if line.endswith("|  |")], name
    assert set(re.findall("^## `(.+)`", GENERATED["builders.md"](), re.M)) == set(BUILDERS)
    for name in commands():
        assert f"## `site-typology {name}`" in GENERATED["commands.md"]()


def test_every_public_name_is_in_the_reference() -> None:
    text = (DOCS / "reference" / "python.md").read_text("utf-8")
    documented = set(re.findall(r"auto(?:class|function|exception):: (\w+)$", text, re.M))
    assert documented == set(site_typology.__all__) - {"__version__"}
