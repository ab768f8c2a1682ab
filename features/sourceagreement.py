"""Do sources of one quantity agree: site by site, and over the sites, error taken into account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from site_typology.features.sources import Source, centre_and_spread
from site_typology.profiles import AGREEMENT_COLUMNS

AS_MEASURED, STANDARDISED = "as measured", "standardised"
DIFFERENCE, DEPARTURE = "difference", "departure"
NORMAL = 1.959963984540054
"""Half-width of a nominal 95 % interval in standard errors."""


def agreement_frame(
    feature: str,
    sources: Sequence[Source],
    rounds: Sequence[str],
    typology_round: str,
    shared: Mapping[tuple[str, str], float] | None = None,
    constants: Mapping[str, tuple[float, float]] | None = None,
    groups: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Agreement of every two sources in every round.

    Sources of one unit are compared as they are measured, so that a general shift shows; others
    are standardised first (`sources.centre_and_spread`), which takes a general shift away.

    Parameters
    ----------
    feature : str
        Feature made from the sources.
    sources : sequence of Source
    rounds : sequence of str
    typology_round : str
        Its sites give the means and SDs.
    shared : mapping of (str, str) to float, optional
        Correlation between the errors of two sources; 0 where it is not given.
    constants : mapping of str to (float, float), optional
        Centre and spread of sources to be standardised; found from the sites where not given.
    groups : mapping of str to str, optional
        Group of informants behind each source, where the sources are groups.

    Returns
    -------
    DataFrame
        Columns `AGREEMENT_COLUMNS`, one row a pair, round, site and measure; ``site`` is ``""``
        for what holds over the sites.
    """
    frames = []
    for first, second in combinations(sources, 2):
        scale = AS_MEASURED if first.unit and first.unit == second.unit else STANDARDISED
        one, other = first, second
        if scale == STANDARDISED:
            one, other = (
                source.scaled(
                    *(constants or {}).get(
                        source.name, centre_and_spread(source, typology_round, None, None)
                    )
                )
                for source in (first, second)
            )
        rho = (shared or {}).get((first.name, second.name), 0.0)
        for round_ in rounds:
            cells = pair_cells(one, other, round_)
            if cells.empty:
                continue
            rows = pd.DataFrame([*_site_rows(cells, rho), *_overall_rows(cells, rho)])
            head = {"feature": feature, "one": one.name, "other": other.name, "scale": scale}
            head |= {
                f"{side}_group": (groups or {}).get(head[side], "") for side in ("one", "other")
            }
            frames.append(rows.assign(**head, round=round_)[AGREEMENT_COLUMNS])
    if not frames:
        return pd.DataFrame(columns=AGREEMENT_COLUMNS)
    return pd.concat(frames, ignore_index=True)


def source_words(name: str, group: str) -> str:
    """Name a source for readers: the group of informants where there is one, and the feature.

    Examples
    --------
    >>> source_words("lead_view", "leads"), source_words("staff", "staff"), source_words("time", "")
    ('leads (lead_view)', 'staff', 'time')
    """
    return f"{group} ({name})" if group and group != name else name


def pair_cells(one: Source, other: Source, round_: str) -> pd.DataFrame:
    """Values ``x, y`` and errors ``ex, ey`` of the sites that both sources have in a round."""
    cells = pd.DataFrame({"x": one.value, "y": other.value, "ex": one.error, "ey": other.error})
    return cells.xs(round_, level="round").dropna(subset=["x", "y"]).astype(float)


def _site_rows(cells: pd.DataFrame, rho: float) -> Iterator[dict[str, object]]:
    """The difference at each site, and what it departs from the mean difference.

    Either is more than error where it passes 1.96 standard errors; of sites without any real
    difference one in twenty does.
    """
    difference = cells["x"] - cells["y"]
    error = _error_of_difference(cells, rho)
    n = len(cells)
    departures = difference - difference.mean()
    # The mean holds a share 1/n of the site's own error, and the errors of the others.
    own = np.sqrt(error**2 * (1 - 2 / n) + (error**2).sum() / n**2)
    for name, values, errors in (
        (DIFFERENCE, difference, error),
        (DEPARTURE, departures, pd.Series(own, index=cells.index)),
    ):
        if name == DEPARTURE and n < 3:
            continue
        for site in cells.index:
            value, spread = float(values[site]), float(errors[site])
            beyond = abs(value) > NORMAL * spread if spread >= 0 else None
            yield {
                "site": site,
                "measure": name,
                "value": value,
                "standard_error": spread,
                "n": 1,
                "beyond_error": "" if beyond is None else "yes" if beyond else "no",
            }


def _overall_rows(cells: pd.DataFrame, rho: float) -> Iterator[dict[str, object]]:
    for name, (value, error) in overall_agreement(cells, rho).items():
        yield {
            "site": "",
            "measure": name,
            "value": value,
            "standard_error": error,
            "n": len(cells),
            "beyond_error": "",
        }


def overall_agreement(cells: pd.DataFrame, rho: float = 0.0) -> dict[str, tuple[float, float]]:
    """What holds over the sites: figure, and its standard error where there is a simple one.

    Mean difference and 95 % limits of agreement (Bland & Altman 1986); Pearson's correlation;
    concordance 2 s_xy / (s_x² + s_y² + (x̄ - ȳ)²) (Lin 1989, with its variances over n). *Error
    taken out*: variances between sites less the mean squared error, the covariance less that of
    the errors (Spearman 1904), the squared mean difference less its own error; left out where no
    variance remains, and held between -1 and 1.

    Parameters
    ----------
    cells : DataFrame
        Columns ``x, y, ex, ey``, one row a site.
    rho : float
        Correlation between the errors of x and y.
    """
    n = len(cells)
    difference = cells["x"] - cells["y"]
    error = _error_of_difference(cells, rho)
    beyond = float((difference.abs() > NORMAL * error).sum())
    found = {} if error.isna().any() else {"sites beyond error": (beyond, np.nan)}
    if n < 3:
        return found
    spread = float(difference.std(ddof=1))
    mean = float(difference.mean())
    found["mean difference"] = (mean, spread / np.sqrt(n))
    for name, side in (("lower limit of agreement", -1), ("upper limit of agreement", 1)):
        found[name] = (mean + side * NORMAL * spread, spread * np.sqrt(3 / n))
    covariance = np.cov(cells["x"], cells["y"])
    noise = (cells[["ex", "ey"]] ** 2).mean().to_numpy()
    shared = rho * float((cells["ex"] * cells["ey"]).mean())
    found |= _related(covariance, mean**2, n, "")
    signal = covariance - np.array([[noise[0], shared], [shared, noise[1]]])
    shift = max(mean**2 - float((error**2).mean()) / n, 0.0)
    if not np.isnan(noise).any() and (np.diag(signal) > 0).all():
        taken_out = _related(signal, shift, n, ", error taken out")
        found |= {name: (value, np.nan) for name, (value, _) in taken_out.items()}
    return found


def _related(
    covariance: np.ndarray, shift: float, n: int, ending: str
) -> dict[str, tuple[float, float]]:
    """Correlation and concordance of two quantities with a covariance matrix."""
    (xx, xy), (_, yy) = covariance
    found: dict[str, tuple[float, float]] = {}
    if xx > 0 and yy > 0:
        r = float(np.clip(xy / np.sqrt(xx * yy), -1, 1))
        found[f"correlation{ending}"] = (r, (1 - r**2) / np.sqrt(n - 1))
    # Lin's variances are over n, those above over n - 1.
    whole = xx + yy + shift * n / (n - 1)
    if whole > 0:
        found[f"concordance{ending}"] = (float(np.clip(2 * xy / whole, -1, 1)), np.nan)
    return found


def _error_of_difference(cells: pd.DataFrame, rho: float) -> pd.Series:
    variance = cells["ex"] ** 2 + cells["ey"] ** 2 - 2 * rho * cells["ex"] * cells["ey"]
    return pd.Series(np.sqrt(np.maximum(variance, 0.0)), index=cells.index)
