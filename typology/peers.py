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
    """Values and standard errors of one site by feature; NaN where there is a gap."""

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
    names = fitted.data.sites
    squares = ((fitted.places.points - place.point) ** 2).sum(axis=1)
    squares = squares + fitted.places.unknown + place.unknown
    order = sorted(
        (at for at, name in enumerate(names) if name != site),
        key=lambda at: (squares[at], names[at]),
    )
    return tuple(_peer(fitted, at, float(np.sqrt(squares[at])), own) for at in order[:PEERS])


def _peer(fitted: FittedSites, at: int, distance: float, own: Values) -> Peer:
    site = fitted.data.sites[at]
    kind = fitted.types.get(site)
    peer = Values(fitted.natural.values[at], fitted.natural.errors[at])
    shared = shared_features(fitted, own, peer)
    return Peer(
        site=str(site),
        type=kind,
        name="" if kind is None else fitted.assigner.names[kind],
        distance=distance,
        alike=tuple(fitted.natural.infos[feature].name for feature in shared),
        words=_words(fitted, own, peer, shared),
    )


def shared_features(fitted: FittedSites, own: Values, peer: Values) -> list[int]:
    """Features in which two sites are alike and unlike the mean of all, most so first.

    Both lie on the same side of the mean, by half an SD and by their standard error at least, and
    nearer to each other than to the mean.
    """
    off = np.stack([own.values, peer.values]) - fitted.means
    least = np.fmax(STANDS_OUT * fitted.spreads, np.nan_to_num(np.stack([own.errors, peer.errors])))
    apart = (np.abs(off) >= least).all(axis=0) & (np.sign(off[0]) == np.sign(off[1]))
    smaller = np.abs(off).min(axis=0)
    alike = apart & (np.abs(off[0] - off[1]) <= smaller)
    strength = np.where(alike, smaller / fitted.spreads, 0.0)
    return [int(at) for at in np.argsort(-strength, kind="stable")[:NAMED] if alike[at]]


def _words(fitted: FittedSites, own: Values, peer: Values, shared: list[int]) -> str:
    if not shared:
        return "No feature stands out in both."
    parts = []
    for at in shared:
        info, unit = fitted.natural.infos[at], fitted.units[at]
        word = "higher" if own.values[at] > fitted.means[at] else "lower"
        figures = f"{unit.write(own.values[at])} and {unit.write(peer.values[at])}"
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
