"""The first study file and the schema."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pandas as pd
import pytest

from site_typology.errors import Problems, StudyError
from site_typology.features.guesses import guess_items
from site_typology.features.linking import read_tables
from site_typology.features.profiler import check_features
from site_typology.features.scaffold import study_schema, write_study
from site_typology.features.tables import StudyTables
from site_typology.simulation import simulate
from site_typology.study_file import parse_declaration, read_declaration


def read_back(path: Path) -> StudyTables:
    found = Problems(path.name)
    tables = read_tables(read_declaration(path), path.parent, found)
    found.raise_if_any()
    return tables


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "study"
    simulate(folder, scenario="well_measured", sites=30, seed=3).unlink()
    return write_study(folder)


def test_a_simulated_study_is_understood(simulated: Path) -> None:
    tables = read_back(simulated)
    declared = tables.declaration.tables
    assert len(tables.sites) == 30
    assert tables.declaration.study.rounds == ("1", "2")
    assert declared["settings_survey"].format == "qualtrics"
    assert declared["settings_survey"].link is not None
    assert declared["settings"].format == "gias"
    assert declared["key_informants"].eligible is not None
    assert declared["key_informants"].personal == ("email",)
    assert declared["workforce"].role == "workforce"
    assert declared["activity"].missing["x"] == "unavailable"


def test_simulated_scales_are_found_with_their_reversed_items(simulated: Path) -> None:
    scales = {scale.name: scale for scale in read_declaration(simulated).scales}
    orientation = scales["key_informants_o"]
    assert orientation.items == ("o1", "o2", "o3", "o4", "o5", "o6")
    assert orientation.reverse == ("o3", "o6")
    assert orientation.range == (1, 5)
    assert scales["settings_survey_q2"].range == (1, 5), "8, 9 and -99 are no answers"


def test_a_study_file_is_never_overwritten(simulated: Path) -> None:
    before = simulated.read_bytes()
    with pytest.raises(StudyError, match="There is one already"):
        write_study(simulated.parent)
    assert simulated.read_bytes() == before


def test_a_plain_folder_with_awkward_names_gives_a_valid_file(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            'Site "no."': ["A", "B", "C", "D"],
            "2021 size\n[m²]": [1.5, 2.0, 3.5, 9.0],
            "Größe": [1, 5, 2, 4],
            "kind": ["x", "y", "x", "x"],
        }
    )
    frame.to_csv(tmp_path / "the sites.csv", index=False)
    (tmp_path / "notes\r[x] = 1.csv").write_text("a,b\n1\n2\n")
    (tmp_path / "readme.md").write_text("no table")
    tables = read_back(write_study(tmp_path))
    assert tables.sites == ("A", "B", "C", "D")
    assert tables.declaration.tables["the_sites"].site == 'Site "no."'
    builders = [(each.builder, each.use) for each in tables.declaration.features]
    assert builders == [("column", "build"), ("column", "build"), ("category", "evaluate")]


def test_no_feature_is_made_of_a_personal_column(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text(
        "site,size,lead_email,HeadFirstName\nA,1,a@x,Jo\nB,2,b@x,Al\nC,3,b@x,Jo\n"
    )
    tables = read_back(write_study(tmp_path))
    assert [each.name for each in tables.declaration.features] == ["size"]
    found = Problems("study.toml")
    check_features(tables, found)
    assert not found


def test_rows_of_other_sites_are_dropped_and_said_so(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text("site,size\n" + "".join(f"S{n},{n}\n" for n in range(9)))
    (tmp_path / "visits.csv").write_text("site,n\n" + "".join(f"S{n},{n}\n" for n in range(12)))
    path = write_study(tmp_path)
    assert 'unknown_sites = "drop"  # sites not in the sites table: 3' in path.read_text()
    assert len(read_back(path).tables["visits"].collect()) == 9


def test_what_cannot_be_settled_stands_at_the_top(tmp_path: Path) -> None:
    (tmp_path / "sites.csv").write_text("site,size\nA,1\nB,2\nC,3\n")
    (tmp_path / "visits.csv").write_text("site,round,n\nA,1,1\nB,2,2\nC,,3\n")
    (tmp_path / "staff.csv").write_text("site,start,start\nA,1,2\n")
    text = write_study(tmp_path).read_text()
    assert "# staff.csv could not be read: Column 'start' stands 2 times" in text
    parse_declaration(tomllib.loads(text))


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "Holds no table"),
        ({"a.csv": "x,y\n1,2\n1,2\n"}, "No table has a column that names every row once"),
        ({"a.csv": ""}, "The file is empty"),
    ],
)
def test_a_folder_without_sites_is_refused(
    tmp_path: Path, files: dict[str, str], words: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(StudyError, match=words):
        write_study(tmp_path)
    assert not (tmp_path / "study.toml").exists()


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="Not found"):
        write_study(tmp_path / "nowhere")


def test_the_schema_is_plain_json_and_closed_to_unknown_keys() -> None:
    schema = json.loads(json.dumps(study_schema()))
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) >= {"study", "tables", "scales", "features", "typology"}


def test_items_need_a_common_answer_scale(tmp_path: Path) -> None:
    from site_typology.features.guesses import find_tables

    rows = "".join(f"{n % 5 + 1},{n % 4 + 1},{n % 5 + 1},{n % 2},{n * 1.5}\n" for n in range(20))
    (tmp_path / "q.csv").write_text("q1,q2,q3,q4,q5\n" + rows)
    [table], _ = find_tables(tmp_path)
    [items] = guess_items(table, set())
    assert items.columns == ["q1", "q2", "q3"]
    assert items.range == (1, 5)


def test_a_title_above_the_header_and_further_sheets_are_found(tmp_path: Path) -> None:
    rows = [["Teams, October 2023", None], [None, None], ["code", "beds"], ["A", 1], ["B", 2]]
    with pd.ExcelWriter(tmp_path / "teams.xlsx") as book:
        pd.DataFrame(rows).to_excel(book, sheet_name="Teams", header=False, index=False)
        pd.DataFrame(rows).to_excel(book, sheet_name="Funded posts", header=False, index=False)
    path = write_study(tmp_path)
    declared = read_declaration(path).tables["teams"]
    assert (declared.skip_rows, declared.site) == (2, "code")
    assert '# More sheets, each a table of its own with sheet = ...: "Funded posts".' in (
        path.read_text()
    )
    text = path.read_text().replace("skip_rows = 2", "")
    found = Problems("study.toml")
    read_tables(parse_declaration(tomllib.loads(text)), tmp_path, found)
    assert "set skip_rows to the rows above the header" in next(iter(found)).message
