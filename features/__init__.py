"""From the tables of a study to site profiles."""

if __name__ != "site_typology.features":
    raise ImportError(
        f"This package is installed as 'site_typology.features'; it was imported as {__name__!r}. "
        "Write 'import site_typology.features'."
    )
