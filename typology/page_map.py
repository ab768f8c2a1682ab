"""The map of the page: fitted sites, and where a new one lies among them, drawn as plain SVG."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from site_typology.figure_canvas import colour, evenly, listed, mark_path, shape_name
from site_typology.fitted_sites import FittedSites, Place
from site_typology.models.site_terms import SiteCells, true_profiles

if TYPE_CHECKING:
    from site_typology.answer import SiteAnswer
    from site_typology.assign import Assignment

WIDTH, HEIGHT, EDGE = 360.0, 300.0, 24.0
"""Of the picture: about a phone's width, so that its signs are not smaller there."""
MOST_DRAWN = 600
SPREAD = 2.0
"""Standard deviations that the ellipse of a new site spans to each side."""


@dataclass(frozen=True)
class SiteMap:
    """Fitted sites on a plane.

    The axes are the first two principal components of the true profiles of the fitted sites, as
    they are estimated, scaled so that sites of one type vary by one in every direction: the
    distances between peers are measured in the same space, of which the map shows a part.

    Parameters
    ----------
    fitted : FittedSites
    """

    fitted: FittedSites

    @cached_property
    def centre(self) -> np.ndarray:
        """Mean of the fitted sites, shape (q,)."""
        return np.asarray(self.fitted.places.points.mean(axis=0))

    @cached_property
    def axes(self) -> np.ndarray:
        """Directions of the two axes, shape (q, 2); of one column only, the second is nothing."""
        _, _, right = np.linalg.svd(self.fitted.places.points - self.centre, full_matrices=False)
        # The sign of a component is free: its largest loading is made positive.
        signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
        right = right[:2] * np.where(signs == 0, 1.0, signs)[:2, None]
        return np.pad(right, ((0, 2 - len(right)), (0, 0))).T

    @cached_property
    def points(self) -> np.ndarray:
        """Where the fitted sites lie, shape (n, 2)."""
        return np.asarray((self.fitted.places.points - self.centre) @ self.axes)

    def place(self, assignment: Assignment, at: int) -> tuple[np.ndarray, np.ndarray]:
        """Say where a new site lies and how far that is open.

        Parameters
        ----------
        assignment : Assignment
        at : int
            Row of the site.

        Returns
        -------
        point : ndarray, shape (2,)
        covariance : ndarray, shape (2, 2)
            Of the place of its true profile: measurement error, gaps and the type not known.
        """
        if assignment.profiles is None:
            raise ValueError("An assignment without its profiles has no place on the map.")
        assigner = self.fitted.assigner
        data = assigner.working(assignment.profiles)
        site = SiteCells(data.values[at], data.errors[at])
        chances = assigner.placed(data).probabilities[at]
        means, covariance = true_profiles(assigner.model, site)
        inverse = np.linalg.inv(np.linalg.cholesky(assigner.model.covariance))
        turn = inverse.T @ self.axes
        point = (Place.of(assigner, site, chances).point - self.centre) @ self.axes
        off = (means @ inverse.T - self.centre) @ self.axes - point
        return point, turn.T @ covariance @ turn + (off.T * chances) @ off

    def drawing(self, assignment: Assignment, at: int, answer: SiteAnswer) -> dict[str, Any]:
        """Say what to draw, for the template: marks, peers, the new site and its ellipse, words."""
        point, covariance = self.place(assignment, at)
        low = np.minimum(self.points.min(axis=0), point)
        high = np.maximum(self.points.max(axis=0), point)
        inside = np.array([WIDTH, HEIGHT]) - 2 * EDGE
        span = high - low
        scale = float((inside / np.where(span > 0, span, 1.0)).min())
        middle = (low + high) / 2

        def to_picture(points: np.ndarray) -> np.ndarray:
            flipped = (points - middle) * scale * np.array([1.0, -1.0])
            return np.asarray(np.array([WIDTH, HEIGHT]) / 2 + flipped)

        peers = {peer.site: number for number, peer in enumerate(answer.peers, start=1)}
        names = self.fitted.data.sites
        drawn = set(evenly(len(names), MOST_DRAWN).tolist())
        drawn |= {row for row, name in enumerate(names) if name in peers}
        marks = []
        for row in sorted(drawn):
            x, y = to_picture(self.points[row])
            name = str(names[row])
            kind = self.fitted.types.get(name)
            marks.append({"x": x, "y": y, "site": name, "type": kind, "peer": peers.get(name)})
        # Peers last, so that nothing covers them.
        marks.sort(key=lambda mark: mark["peer"] is not None)
        sizes, turn = np.linalg.eigh(covariance)
        x, y = to_picture(point)
        return {
            "width": WIDTH,
            "height": HEIGHT,
            "marks": marks,
            "site": {"x": x, "y": y},
            "ellipse": {
                "rx": min(SPREAD * scale * float(np.sqrt(max(sizes[1], 0.0))), 4 * WIDTH),
                "ry": min(SPREAD * scale * float(np.sqrt(max(sizes[0], 0.0))), 4 * WIDTH),
                "angle": float(-np.degrees(np.arctan2(turn[1, 1], turn[0, 1]))),
            },
            "title": f"Map of the fitted sites with {answer.site}",
            "words": self._words(answer, len(marks)),
        }

    def _words(self, answer: SiteAnswer, drawn: int) -> str:
        every = len(self.fitted.data.sites)
        counted = f"{every} fitted sites" if drawn == every else f"{drawn} of {every} fitted sites"
        near = [
            f"{peer.site} ({'no type' if peer.type is None else f'type {peer.type}'})"
            for peer in answer.peers
        ]
        beside = f" Nearest to {answer.site}: {listed(near)}." if near else ""
        return f"{counted} on the two directions in which they differ most.{beside}"


def type_marks(names: dict[int, str]) -> list[dict[str, Any]]:
    """Mark, colour and shape of each type."""
    return [
        {
            "type": number,
            "name": name,
            "path": mark_path(number),
            "colour": colour(number),
            "shape": shape_name(number),
        }
        for number, name in names.items()
    ]
