"""Peers: the fitted sites nearest to a site, and what they share with it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from site_typology.answer import Peer
from site_typology.describe import as_inside_sentence
from site_typology.fitted_sites import FittedSites, Place

PEERS = 5
STANDS_OUT = 0.5
"""Least distance from the mean of all sites, in SDs, for a feature to stand out."""
NAMED = 3
"""Most features named for a peer."""


@dataclass(frozen=True)
class Values:
    """Values and standard errors by feature, of one site or several; NaN in gaps."""

    values: np.ndarray
    errors: np.ndarray


def nearest_peers(fitted: FittedSites, site: str, place: Place, own: Values) -> tuple[Peer, ...]:
    """Find the fitted sites whose true profiles are expected to be nearest.

    The distance is ``sqrt(E (x - z)' W^-1 (x - z))`` for true profiles x and z given what was
    measured of each, W the covariance within types: that of the posterior means and, added to it,
    what measurement error and gaps leave unknown of both. So a site is not called a peer because
    little is known of it.

    Parameters
    ----------
    fitted : FittedSites
    site : str
        Left out of its own peers.
    place : Place
    own : Values

    Returns
    -------
    tuple of Peer
        At most `PEERS`, nearest first; ties by name.
    """
    squares = ((fitted.places.points - place.point) ** 2).sum(axis=1)
    squares = squares + fitted.places.unknown + place.unknown
    names = fitted.data.sites
    order = [int(at) for at in np.lexsort((fitted.name_order, squares)) if names[at] != site]
    nearest = order[:PEERS]
    others = Values(fitted.natural.values[nearest], fitted.natural.errors[nearest])
    shared = shared_features(fitted, own, others)
    return tuple(
        Peer(
            site=str(names[at]),
            type=(kind := fitted.types.get(names[at])),
            name="" if kind is None else fitted.assigner.names[kind],
            distance=float(np.sqrt(squares[at])),
            alike=tuple(fitted.natural.infos[feature].name for feature in features),
            words=_words(fitted, own.values, fitted.natural.values[at], features),
        )
        for at, features in zip(nearest, shared, strict=True)
    )


def shared_features(fitted: FittedSites, own: Values, others: Values) -> list[list[int]]:
    """Features in which a site and each other one are alike and unlike the mean of all.

    Both lie on the same side of the mean, by half an SD and by their standard error at least, and
    nearer to each other than to the mean. Those that stand out most come first.
    """
    least = STANDS_OUT * fitted.spreads
    off, off_others = own.values - fitted.means, others.values - fitted.means
    # Without a value it compares as false; without a known error half an SD alone counts.
    apart = np.abs(off) >= np.fmax(least, own.errors)
    apart = apart & (np.abs(off_others) >= np.fmax(least, others.errors))
    smaller = np.minimum(np.abs(off), np.abs(off_others))
    alike = apart & (off * off_others > 0) & (np.abs(off - off_others) <= smaller)
    strength = np.where(alike, smaller / fitted.spreads, 0.0)
    ranked = np.argsort(-strength, axis=1, kind="stable")[:, :NAMED]
    return [[int(at) for at in row if same[at]] for row, same in zip(ranked, alike, strict=True)]


def _words(fitted: FittedSites, own: np.ndarray, peer: np.ndarray, shared: list[int]) -> str:
    if not shared:
        return "No feature stands out in both."
    parts = []
    for at in shared:
        info, unit = fitted.natural.infos[at], fitted.units[at]
        word = "higher" if own[at] > fitted.means[at] else "lower"
        figures = f"{unit.write(own[at])} and {unit.write(peer[at])}"
        mean = unit.write(float(fitted.means[at]))
        parts.append(f"{word} {as_inside_sentence(info.title)} ({figures}; mean {mean})")
    return f"Both have {joined(parts)}."


def joined(parts: list[str]) -> str:
    """Join as a sentence would.

    Examples
    --------
    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))
