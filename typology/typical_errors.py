"""What the fitted sites say about measurement error, for new values whose error is not known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from site_typology.profiles import SiteProfiles


@dataclass(frozen=True)
class TypicalError:
    """Measurement error of one feature at the sites that a typology was fitted to.

    Parameters
    ----------
    per_informant : float or None
        Median over fitted sites of n times the squared standard error: the variance behind one
        informant. None where no fitted site has both an error and an n.
    largest : float
        Largest standard error of the fitted sites; 0 where the feature was known exactly.

    Examples
    --------
    >>> TypicalError(per_informant=4.0, largest=1.0).of(np.array([4.0, 1.0, np.nan])).tolist()
    [1.0, 2.0, 1.0]
    """

    per_informant: float | None
    largest: float

    @classmethod
    def fit(cls, profiles: SiteProfiles, name: str) -> TypicalError:
        """Learn the error of feature `name`; exact values (error 0) say nothing about it."""
        error = profiles.standard_errors[name].to_numpy(dtype=float, na_value=np.nan)
        count = profiles.counts[name].to_numpy(dtype=float, na_value=np.nan)
        inexact = error > 0
        if not inexact.any():
            return cls(None, 0.0)
        counted = inexact & (count > 0)
        variances = count[counted] * error[counted] ** 2
        per_informant = float(np.median(variances)) if counted.any() else None
        return cls(per_informant, float(error[inexact].max()))

    def of(self, counts: np.ndarray) -> np.ndarray:
        """Give values that rest on `counts` informants (NaN where unknown) a standard error."""
        errors = np.full(len(counts), self.largest)
        if self.per_informant is not None:
            counted = counts > 0
            errors[counted] = np.sqrt(self.per_informant / counts[counted])
        return errors

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"per_informant": self.per_informant, "largest": self.largest}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> TypicalError:
        """Make it from its `to_dict` output."""
        per_informant = content["per_informant"]
        return cls(
            None if per_informant is None else float(per_informant), float(content["largest"])
        )


def typical_errors(profiles: SiteProfiles) -> dict[str, TypicalError]:
    """Learn the typical error of every feature that types may be built from.

    Parameters
    ----------
    profiles : SiteProfiles
        Those that the types are fitted to.

    Returns
    -------
    dict of str to TypicalError

    Examples
    --------
    >>> values, errors = pd.DataFrame({"a": [1.0, 2.0]}), pd.DataFrame({"a": [0.5, 1.0]})
    >>> typical_errors(SiteProfiles.from_frame(values, errors, values * 0 + 4))
    {'a': TypicalError(per_informant=2.5, largest=1.0)}
    """
    build = [info.name for info in profiles.features if info.builds]
    return {name: TypicalError.fit(profiles, name) for name in build}


def with_typical_errors(
    profiles: SiteProfiles, typical: Mapping[str, TypicalError]
) -> SiteProfiles:
    """Give values whose standard error is not known the typical one; others keep theirs.

    Parameters
    ----------
    profiles : SiteProfiles
        A site gets the same error whichever sites are beside it.
    typical : mapping of str to TypicalError

    Returns
    -------
    SiteProfiles
        The same object where every error is known.
    """
    unknown = profiles.values.notna() & profiles.standard_errors.isna()
    names = [name for name in typical if unknown[name].any()]
    if not names:
        return profiles
    filled = {}
    for name in names:
        count = profiles.counts[name].to_numpy(dtype=float, na_value=np.nan)
        guess = pd.Series(typical[name].of(count), index=profiles.values.index)
        filled[name] = profiles.standard_errors[name].astype(float).mask(unknown[name], guess)
    return SiteProfiles(
        profiles.values,
        profiles.standard_errors.assign(**filled),
        profiles.counts,
        profiles.reasons,
        profiles.features,
        profiles.ledger,
        profiles.error_correlation,
        profiles.response,
    )
