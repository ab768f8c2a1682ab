"""Where a site lies on the page's map, and pictures without style attributes."""

from __future__ import annotations

import re
from xml.dom import minidom

import numpy as np
import pytest

from site_typology.assign import Assignment
from site_typology.page_map import EDGE, HEIGHT, WIDTH, SiteMap
from site_typology.page_picture import plain_svg
from site_typology.page_sites import Offered
from site_typology.typology import Typology


@pytest.fixture(scope="module")
def sites(typed: Typology) -> SiteMap:
    return SiteMap(typed.fitted)


@pytest.fixture(scope="module")
def again(typed: Typology) -> Assignment:
    return typed.assign(typed.profiles)


def row_of(assignment: Assignment, site: str) -> int:
    return int(np.flatnonzero(assignment.frame["site"] == site)[0])


def test_fitted_sites_lie_where_they_lie_when_they_are_assigned_again(
    sites: SiteMap, again: Assignment
):
    for at, name in enumerate(sites.fitted.data.sites):
        point, _ = sites.place(again, row_of(again, name))
        assert point == pytest.approx(sites.points[at], abs=1e-8)


def test_the_map_shows_the_two_directions_of_greatest_variance(sites: SiteMap):
    points = sites.fitted.places.points
    sizes = np.linalg.eigvalsh(np.cov(points.T))[::-1]
    shown = np.cov(sites.points.T)
    assert np.diag(shown) == pytest.approx(sizes[:2])
    assert shown[0, 1] == pytest.approx(0, abs=1e-8)
    full = np.linalg.norm(points[:, None] - points, axis=2)
    plane = np.linalg.norm(sites.points[:, None] - sites.points, axis=2)
    assert (plane <= full + 1e-9).all(), "a projection brings no two sites farther apart"


def test_what_is_open_agrees_with_draws_of_the_true_profile(typed: Typology, sites: SiteMap):
    """The covariance on the map against that of 40,000 draws from the types' own equations."""
    between = {"wsa": "4.2", "clinical": "0.1", "need": "4.6"}
    cells = {**between, **{f"{name}__se": "5" for name in between}}
    assignment = Offered("0", typed).answer_typed("x", cells).assignment
    assert assignment.frame["confidence"].iloc[0] < 0.9, "a site whose type is open"
    at = 0
    point, covariance = sites.place(assignment, at)
    model = typed.model
    data = typed.assigner.working(assignment.profiles)
    seen = ~np.isnan(data.values[at])
    random = np.random.default_rng(8)
    kinds = random.choice(len(model.means), 40_000, p=probabilities(typed, data, at))
    inner = model.covariance[np.ix_(seen, seen)] + data.errors[at][np.ix_(seen, seen)]
    gain = model.covariance[:, seen] @ np.linalg.inv(inner)
    rest = model.covariance - gain @ model.covariance[seen]
    means = model.means + (data.values[at][seen] - model.means[:, seen]) @ gain.T
    draws = means[kinds] + random.multivariate_normal(np.zeros(len(rest)), rest, 40_000)
    inverse = np.linalg.inv(np.linalg.cholesky(model.covariance))
    flat = (draws @ inverse.T - sites.centre) @ sites.axes
    # Four Monte Carlo standard errors of a mean and of a variance of so many draws.
    assert flat.mean(axis=0) == pytest.approx(point, abs=4 * np.sqrt(covariance.max() / 40_000))
    assert np.cov(flat.T) == pytest.approx(covariance, abs=4 * covariance.max() * 0.0071)


def probabilities(typed: Typology, data: object, at: int) -> np.ndarray:
    return typed.assigner.placed(data).probabilities[at]  # type: ignore[arg-type]  # WorkingData


def test_everything_drawn_lies_on_the_picture_and_peers_are_numbered(
    sites: SiteMap, again: Assignment
):
    at = row_of(again, "Site 11")
    answer = again.detail("Site 11")
    drawing = sites.drawing(again, at, answer)
    for mark in [*drawing["marks"], drawing["site"]]:
        assert EDGE - 1e-6 <= mark["x"] <= WIDTH - EDGE + 1e-6
        assert EDGE - 1e-6 <= mark["y"] <= HEIGHT - EDGE + 1e-6
    numbered = {mark["peer"]: mark["site"] for mark in drawing["marks"] if mark["peer"]}
    assert [numbered[number] for number in range(1, 6)] == [peer.site for peer in answer.peers]
    assert all(peer.site in drawing["words"] for peer in answer.peers)
    assert len(drawing["marks"]) == len(sites.fitted.data.sites)


def test_a_typology_of_one_feature_has_a_map_too(typed: Typology):
    from dataclasses import replace

    places = typed.fitted.places
    flat = SiteMap(replace(typed.fitted))
    flat.fitted.__dict__["places"] = replace(places, points=places.points[:, :1])
    assert flat.points.shape == (len(places.points), 2)
    assert (flat.points[:, 1] == 0).all()


def test_a_picture_keeps_its_text_and_colours_without_style(again: Assignment):
    styled = again.detail("Site 04").picture()
    plain = plain_svg(styled)
    assert "style=" not in plain and "<style" not in plain
    before, after = (minidom.parseString(svg) for svg in (styled, plain))  # noqa: S318  # our own
    for kind in ("text", "title", "desc", "path", "use"):
        one, other = before.getElementsByTagName(kind), after.getElementsByTagName(kind)
        assert len(one) == len(other) > 0
        for old, new in zip(one, other, strict=True):
            assert [node.toxml() for node in old.childNodes] == [
                node.toxml() for node in new.childNodes
            ]
            for declared in filter(None, re.split(r";\s*", old.getAttribute("style"))):
                name, _, value = declared.partition(":")
                assert name == "font" or new.getAttribute(name.strip()) == value.strip()


def test_a_font_that_cannot_be_told_apart_is_no_silent_loss():
    with pytest.raises(ValueError, match="font"):
        plain_svg('<svg><text style="font: inherit">a</text></svg>')
    told = plain_svg(
        "<svg><text style=\"font: italic 700 11px 'DejaVu Sans', Arial\">a</text></svg>"
    )
    for part in (
        'font-style="italic"',
        'font-weight="700"',
        'font-size="11"',
        "font-family=\"'DejaVu Sans', Arial\"",
    ):
        assert part in told
