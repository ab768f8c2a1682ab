"""Numerical models: scales, plausible values, mixtures, clusterers and resampling."""

if __name__ != "site_typology.models":
    raise ImportError(
        f"This package is installed as 'site_typology.models'; it was imported as {__name__!r}. "
        "Write 'import site_typology.models'."
    )
