"""What to collect next: the measurements that would be expected to settle a site's type most."""

from __future__ import annotations

import numpy as np

from site_typology.answer import Wanted
from site_typology.describe import as_inside_sentence
from site_typology.fitted_sites import FittedSites, Group
from site_typology.models.information import Expected, entropy, expected_information
from site_typology.models.site_terms import SiteCells, true_profiles
from site_typology.peers import joined

SINGLES = 5
SURE = 0.95
"""Probability of a type from which on nothing more is asked for."""
WORTH = 0.05
"""Least share of the entropy that a measurement has to take away to be named."""
BETTER = 1.1
"""How much more than the better one alone two measurements have to tell to be named together."""
_TINY = 1e-9


def what_to_collect(
    fitted: FittedSites, site: SiteCells, chances: np.ndarray, *, gaps_only: bool = False
) -> tuple[Wanted, ...]:
    """Rank measurements by how much they are expected to tell of a site's type.

    Parameters
    ----------
    fitted : FittedSites
    site : SiteCells
    chances : ndarray, shape (k,)
        Membership so far.
    gaps_only : bool
        Whether only features without a value count. Otherwise a value known with error can be
        measured once more, independently and as well as is typical of the fitted sites.

    Returns
    -------
    tuple of Wanted
        At most `SINGLES` single ones and then, where it tells more, the best one with the one
        that adds most to it. Empty where nothing would tell anything.
    """
    before = entropy(chances)
    if before < _TINY:
        return ()
    model = fitted.assigner.model
    means, covariance = true_profiles(model, site)
    missing = np.isnan(site.values)

    def expected(*groups: Group) -> Expected:
        columns = np.concatenate([group.columns for group in groups])
        total = covariance[np.ix_(columns, columns)] + _TINY * np.eye(len(columns))
        at = 0
        for group in groups:
            inside = slice(at, at + len(group.columns))
            total[inside, inside] += group.error
            at += len(group.columns)
        # Memberships move by a temperature less than if the types were known.
        return expected_information(chances, means[:, columns], model.temperature * total)

    def is_open(group: Group) -> bool:
        if missing[group.columns].any():
            return True
        known = float(np.trace(covariance[np.ix_(group.columns, group.columns)])) < 1e-6
        return not (gaps_only or group.level or known)

    ranked = sorted(
        ((group, expected(group)) for group in fitted.groups if is_open(group)),
        key=lambda found: -found[1].information,
    )
    wanted = [_wanted(fitted, (group,), missing, own, before) for group, own in ranked[:SINGLES]]
    if len(ranked) > 1:
        first = ranked[0][0]
        pairs = [(group, expected(first, group)) for group, _ in ranked[1:]]
        second, both = max(pairs, key=lambda found: found[1].information)
        wanted.append(_wanted(fitted, (first, second), missing, both, before))
    return tuple(own for own in wanted if own.settled > _TINY)


def _wanted(
    fitted: FittedSites,
    groups: tuple[Group, ...],
    missing: np.ndarray,
    expected: Expected,
    before: float,
) -> Wanted:
    return Wanted(
        features=tuple(group.name for group in groups),
        titles=tuple(group_title(fitted, group) for group in groups),
        missing=tuple(bool(missing[group.columns].any()) for group in groups),
        settled=expected.information / before,
        confidence=expected.confidence,
    )


def group_title(fitted: FittedSites, group: Group) -> str:
    """Title of a feature, or the name of a composition."""
    infos = [fitted.natural.infos[at] for at in group.members]
    return infos[0].title if not infos[0].composition else group.name.replace("_", " ")


def best_to_collect(wanted: tuple[Wanted, ...]) -> Wanted | None:
    """One feature, or two where the second adds enough; None where nothing is worth it."""
    singles = [own for own in wanted if len(own.features) == 1]
    pairs = [own for own in wanted if len(own.features) == 2]
    best = singles[0] if singles else None
    if best and pairs and pairs[0].settled >= BETTER * best.settled:
        best = pairs[0]
    return best if best and best.settled >= WORTH else None


def collecting_words(best: Wanted | None, now: float) -> str:
    """Say what to collect next, and what to expect of it.

    Examples
    --------
    >>> both = Wanted(("need", "reach"), ("Need", "Reach"), (True, False), 0.6, 0.9)
    >>> collecting_words(both, 0.55)[:67]
    'Measure need and reach (once more): expected to bring the probabili'
    """
    if best is None:
        return ""
    titles = [
        as_inside_sentence(title) + ("" if missing else " (once more)")
        for title, missing in zip(best.titles, best.missing, strict=True)
    ]
    return (
        f"Measure {joined(titles)}: expected to bring the probability of the likeliest type "
        f"from {percent(now)} to {percent(max(best.confidence, now))}."
    )


def percent(probability: float) -> str:
    """Write a probability in words; neither certain nor impossible.

    Examples
    --------
    >>> percent(0.9999), percent(0.42), percent(0.0001)
    ('over 99%', '42%', 'under 1%')
    """
    if probability > 0.99:
        return "over 99%"
    return "under 1%" if probability < 0.01 else f"{probability:.0%}"
