"""Runs of a study as MLflow experiments."""

if __name__ != "site_typology.experiments":
    raise ImportError(
        "This package is installed as 'site_typology.experiments'; "
        f"it was imported as {__name__!r}. Write 'import site_typology.experiments'."
    )
