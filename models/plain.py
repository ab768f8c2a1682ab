"""Features as plain numbers: no link, so that what links change can be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from site_typology.models.links import Block, SingleBlock

if TYPE_CHECKING:
    from site_typology.profiles import SiteProfiles


def plain_blocks(profiles: SiteProfiles) -> tuple[Block, ...]:
    """Make one block a feature that types may be built from, on the scale it was measured on.

    Shares, rates, parts of compositions and ordered levels are taken as they are, with their
    stated errors: what a cluster analysis of standardised values does. A composition keeps all its
    parts, so that it weighs more than on log-ratios, and its errors are taken as independent.

    Parameters
    ----------
    profiles : SiteProfiles

    Examples
    --------
    >>> import pandas as pd
    >>> from site_typology.profiles import SiteProfiles
    >>> shares = pd.DataFrame({"turnover": [0.1, 0.4]}, index=["A", "B"])
    >>> profiles = SiteProfiles.from_frame(shares, kinds={"turnover": "share"})
    >>> plain_blocks(profiles)[0].link(profiles).tolist()
    [[0.1], [0.4]]
    """
    return tuple(SingleBlock(info.name, "identity") for info in profiles.features if info.builds)
