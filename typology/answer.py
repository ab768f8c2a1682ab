"""The whole answer for one site, as plain values that a page or a file can show."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["type", "none of these", "not enough data", "no typology claimed"]


@dataclass(frozen=True)
class Chance:
    """Probability of one type."""

    type: int
    name: str
    probability: float


@dataclass(frozen=True)
class Share:
    """What one feature, or one composition, adds to the figure behind an answer.

    Parameters
    ----------
    feature : str
        Name of the feature, or of the composition.
    title : str
        In words; of a composition, the part that departs most.
    value, mean : str
        The site's value and that it is compared with, as they would be written.
    amount : float
        What it adds.
    """

    feature: str
    title: str
    value: str
    mean: str
    amount: float


@dataclass(frozen=True)
class Gap:
    """A feature without a value, and why."""

    feature: str
    title: str
    reason: str


@dataclass(frozen=True)
class Peer:
    """A fitted site that is near.

    Parameters
    ----------
    site : str
    type : int or None
    name : str
        Of its type.
    distance : float
        Between the true profiles, as a root mean square: what is not known of either adds to it.
        In within-type SDs.
    alike : tuple of str
        Features in which both stand out from the mean of all sites, on the same side.
    words : str
        The same in a sentence.
    """

    site: str
    type: int | None
    name: str
    distance: float
    alike: tuple[str, ...]
    words: str


@dataclass(frozen=True)
class Wanted:
    """What a further measurement would be expected to tell.

    Parameters
    ----------
    features : tuple of str
        One feature or two together.
    titles : tuple of str
    missing : tuple of bool
        Whether each has no value yet; else a value with measurement error.
    settled : float
        Expected fall of the entropy of the membership, as a share of what it is.
    confidence : float
        Expected probability of the type that is likeliest afterwards.
    """

    features: tuple[str, ...]
    titles: tuple[str, ...]
    missing: tuple[bool, ...]
    settled: float
    confidence: float


@dataclass(frozen=True)
class SiteAnswer:
    """What is known of the type of one site.

    Parameters
    ----------
    site, round : str
    status : {"type", "none of these", "not enough data", "no typology claimed"}
    type : int or None
        None unless `status` is ``"type"``; so are the next three.
    name : str
    confidence : float or None
        Probability of the type, measurement error and gaps included.
    next : Chance or None
        The likeliest of the other types.
    probabilities : tuple of Chance
        Of every type; empty where none is claimed. Where a site has no type they say what would
        be if it were of one of them.
    distance : float or None
        To the nearest type, in within-type SDs.
    as_far : float or None
        Share of a type's members that lie as far from it or farther.
    possible : tuple of int
        Types that cannot be excluded at the level stated; empty where no such set can be given.
    possible_words : str
        What the set means, or why there is none.
    observed, features : int
        Features with a value, of those that types are built from.
    gaps : tuple of Gap
    reason : str
        Why the site has no type; ``""`` where it has.
    why : str
        One sentence.
    shares : tuple of Share
        Largest first. Of the log-odds of the type against the next; of the squared distance to
        the nearest type for *none of these*.
    base : float
        What a site in the middle of all would have; `base` and the shares add up to the figure.
    shares_of : str
        What they are shares of.
    peers : tuple of Peer
        Nearest first.
    collect : tuple of Wanted
        Single features, then the best two together; most telling first.
    collect_words : str
        What to collect next; ``""`` where nothing more is needed.
    """

    site: str
    round: str
    status: Status
    type: int | None
    name: str
    confidence: float | None
    next: Chance | None
    probabilities: tuple[Chance, ...]
    distance: float | None
    as_far: float | None
    possible: tuple[int, ...]
    possible_words: str
    observed: int
    features: int
    gaps: tuple[Gap, ...]
    reason: str
    why: str
    shares: tuple[Share, ...]
    base: float
    shares_of: str
    peers: tuple[Peer, ...]
    collect: tuple[Wanted, ...]
    collect_words: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON: no NaN, None where there is nothing."""
        return dataclasses.asdict(self)

    def picture(self) -> str:
        """Draw what speaks for the type and against it, as SVG with a title and a description.

        ``""`` where there is nothing to draw: no typology, not enough data or no value at all.
        """
        from site_typology.figures_answer import answer_picture

        return answer_picture(self)
