"""Figures: alternative text, own identifiers, nothing from outside, marks told by shape too."""

from __future__ import annotations

import dataclasses
import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest

from site_typology import SiteProfiles, Typology
from site_typology.explain import Explanation, explain
from site_typology.figure_canvas import COLOURS, SHAPES, mark_path
from site_typology.figures import figures, write_figures
from site_typology.figures_evidence import missing_drawing
from site_typology.figures_types import map_drawing, site_map

SVG = "{http://www.w3.org/2000/svg}"
ALWAYS = {"profile", "map", "null_test", "missing"}


@pytest.fixture(scope="module")
def explanation(typed: Typology) -> Explanation:
    return explain(typed, seed=3)


@pytest.fixture(scope="module")
def drawn(typed: Typology, explanation: Explanation) -> dict[str, str]:
    return figures(typed, explanation, map_method="pca")


def with_site_names(typology: Typology, names: dict[str, str]) -> Typology:
    def renamed(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.rename(index=names, level="site")

    profiles = typology.profiles
    tables = (profiles.values, profiles.standard_errors, profiles.counts, profiles.reasons)
    memberships = typology.memberships
    return dataclasses.replace(
        typology,
        profiles=SiteProfiles(*map(renamed, tables), profiles.features),
        memberships=memberships.assign(site=memberships["site"].replace(names)),
        posterior_means=typology.posterior_means.rename(index=names),
    )


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)  # noqa: S314  # our own output


def contrast_with_white(colour: str) -> float:
    """Contrast ratio by WCAG 2."""
    parts = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05))


def test_every_figure_that_there_is_material_for(
    typed: Typology, untyped: Typology, drawn: dict[str, str]
):
    assert set(drawn) == ALWAYS | {"confidence", "drivers"}
    nothing = explain(untyped, seed=1)
    assert set(figures(untyped, nothing, map_method="pca")) == ALWAYS | {"power"}
    test = dataclasses.replace(typed.evidence.null_test, reference_maxima=np.empty(0))
    reloaded = dataclasses.replace(
        typed, evidence=dataclasses.replace(typed.evidence, null_test=test)
    )
    assert "null_test" not in figures(reloaded, nothing, map_method="pca")


def test_each_has_a_title_and_a_description_in_words(drawn: dict[str, str]):
    for name, text in drawn.items():
        root = parsed(text)
        assert root.get("role") == "img"
        labelled = root.get("aria-labelledby").split()
        spoken = [root.find(f"{SVG}title"), root.find(f"{SVG}desc")]
        assert (
            [element.get("id") for element in spoken]
            == labelled
            == [
                f"{name}-title",
                f"{name}-desc",
            ]
        )
        assert all(len(element.text) > 10 for element in spoken)
    assert "type 2 (square)" in drawn["profile"]
    assert "principal components" in drawn["map"]


def test_headings_of_the_drivers_begin_inside_the_figure(drawn: dict[str, str]):
    texts = [each for each in parsed(drawn["drivers"]).iter(f"{SVG}text") if each.text]
    headings = [each for each in texts if re.match(r"[123]  \S", each.text)]
    assert len(headings) == 3
    for heading in headings:
        moved = re.search(r"translate\(([-\d.]+)", heading.get("transform") or "")
        at = float(heading.get("x") or 0) + (float(moved[1]) if moved else 0)
        assert 0 < at < 10


def test_together_they_can_stand_in_one_page_and_need_no_network(drawn: dict[str, str]):
    identifiers = [re.findall(r'\bid="([^"]+)"', text) for text in drawn.values()]
    every = list(itertools.chain(*identifiers))
    assert len(every) == len(set(every))
    for text, own in zip(drawn.values(), identifiers, strict=True):
        assert set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)) <= {
            pair for name in own for pair in ((name, ""), ("", name))
        }
        without_namespaces = re.sub(r'xmlns(:\w+)?="[^"]*"', "", text)
        assert "http" not in without_namespaces
        assert "<script" not in text
        assert not re.search(r"20\d\d-\d\d-\d\d", text)


def test_same_typology_same_text_and_no_style_is_left_behind(
    typed: Typology, explanation: Explanation, drawn: dict[str, str]
):
    import matplotlib

    before = {key: value for key, value in matplotlib.rcParams.items() if key != "backend"}
    assert figures(typed, explanation, map_method="pca") == drawn
    after = {key: value for key, value in matplotlib.rcParams.items() if key != "backend"}
    assert after == before


def test_site_names_are_text_and_never_markup(typed: Typology, explanation: Explanation):
    first, second = typed.profiles.sites[:2]
    names = {first: "<script>alert(1)</script>", second: 'A & "B" $x^2$ ]]>'}
    hostile = figures(
        with_site_names(typed, names),
        dataclasses.replace(explanation, shown=False),
        map_method="pca",
    )
    for text in hostile.values():
        parsed(text)
        assert "<script" not in text
    assert "&lt;script&gt;alert" in hostile["confidence"]
    assert 'A &amp; "B" $x^2$ ]]&gt;' in hostile["confidence"]


def test_types_differ_in_shape_and_stand_out_from_the_page():
    assert len(set(SHAPES)) == len(set(COLOURS)) == len(SHAPES) == len(COLOURS) == 8
    assert len({mark_path(label) for label in range(1, 9)}) == 8
    assert min(map(contrast_with_white, COLOURS)) >= 3


def test_umap_draws_the_map_the_same_each_time_and_few_sites_fall_back(typed: Typology):
    points, by_umap = site_map(typed.posterior_means, "umap", seed=2**40)
    assert by_umap
    assert points.shape == (len(typed.posterior_means), 2)
    np.testing.assert_array_equal(site_map(typed.posterior_means, "umap", seed=2**40)[0], points)
    few = dataclasses.replace(typed, posterior_means=typed.posterior_means.iloc[:8])
    assert not site_map(few.posterior_means, "umap", seed=1)[1]
    assert "principal components" in map_drawing(few, "umap", 1).description


def test_principal_components_keep_the_distances_of_a_plane():
    random = np.random.default_rng(1)
    plane = random.normal(size=(12, 2)) @ random.normal(size=(2, 5))
    means = pd.DataFrame(plane / plane.std(axis=0), index=[f"S{at}" for at in range(12)])
    points = site_map(means, "pca", seed=0)[0]
    for one, other in itertools.combinations(range(12), 2):
        expected = np.linalg.norm(means.iloc[one] - means.iloc[other])
        assert np.linalg.norm(points[one] - points[other]) == pytest.approx(expected)


def test_many_sites_or_features_become_shares():
    values = pd.DataFrame(np.ones((70, 3)), columns=list("abc"))
    values.iloc[:7, 1] = np.nan
    drawing = missing_drawing(SiteProfiles.from_frame(values))
    assert drawing.title == "Missing cells, feature by feature"
    assert "7 of 210 cells (3%)" in drawing.description
    few = missing_drawing(SiteProfiles.from_frame(values.iloc[:20]))
    assert few.title == "Missing cells, site by site"


def test_figures_are_written_as_files(drawn: dict[str, str], tmp_path):
    written = write_figures(drawn, tmp_path / "figures")
    assert {path.name for path in written} == {f"{name}.svg" for name in drawn}
    for path in written:
        parsed(path.read_text(encoding="utf-8"))


def test_importing_the_figures_loads_no_heavy_package():
    heavy = ("matplotlib", "umap", "shap", "sklearn", "numba", "jinja2")
    code = (
        "import sys, site_typology.figures, site_typology.report, site_typology.explain;"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
