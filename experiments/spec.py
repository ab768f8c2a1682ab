"""How thoroughly to search: the shipped specifications and a user's own."""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from site_typology.declaration import StudyDeclaration, TypologySection
from site_typology.errors import Problem, Problems, StudyError
from site_typology.grid import Grid
from site_typology.system_errors import no_file

if TYPE_CHECKING:
    from site_typology.settings import ProposeSettings

SHIPPED = ("quick", "default", "thorough")
"""Names of the specifications that come with the package."""


class Specification(BaseModel):
    """What a specification file may say; a key left out has the value of ``default.toml``.

    Examples
    --------
    >>> Specification(draws=5).bootstraps
    50
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    algorithms: tuple[str, ...] = Field(
        ("kmeans", "kmedoids", "ward", "gmm", "spectral", "hdbscan"),
        min_length=1,
        description="Ways of grouping tried beside the proposal.",
    )
    spaces: tuple[str, ...] = Field(
        ("features", "pca"),
        min_length=1,
        description="Spaces that they are tried in; families for one a family of features.",
    )
    draws: int = Field(20, ge=2, le=1000, description="Plausible data sets for gaps and error.")
    bootstraps: int = Field(50, ge=10, le=10_000, description="Resamples for stability.")
    stability_references: int = Field(
        20, ge=5, le=1000, description="Data sets without types, to compare stability with."
    )
    reference_draws: int = Field(
        99, ge=19, le=10_000, description="Data sets without types in the null test."
    )
    number_resamples: int = Field(
        20, ge=10, le=10_000, description="Resamples for how often each number of types is chosen."
    )
    agreement_replicates: int = Field(
        40, ge=10, le=10_000, description="Data sets simulated for the expected agreement."
    )
    power_replicates: int = Field(
        40, ge=10, le=10_000, description="Data sets with types planted, for each separation."
    )
    separations: tuple[float, ...] = Field(
        (6.0, 8.0, 10.0), description="Separations tried for the power, beside the study's own."
    )
    alpha: float = Field(
        0.05, gt=0, lt=1, description="Level of the null test, stated before the run."
    )
    subsample: int = Field(
        400, ge=50, description="Most sites that the evidence rests on, drawn at random of more."
    )

    grid: Grid | None = Field(
        None, description="Choices that the typology should survive; without it none are tried."
    )

    @field_validator("algorithms", "spaces")
    @classmethod
    def _known(cls, names: tuple[str, ...], field: ValidationInfo) -> tuple[str, ...]:
        from site_typology.models.clusterers import CLUSTERERS
        from site_typology.models.reducers import FAMILIES, FAMILY, SPACES, is_space

        algorithms = field.field_name == "algorithms"
        known = list(CLUSTERERS) if algorithms else [*SPACES, FAMILIES, f"{FAMILY}NAME"]
        taken = CLUSTERERS.__contains__ if algorithms else is_space
        if unknown := [name for name in names if not taken(name)]:
            raise ValueError(f"unknown: {', '.join(unknown)}. Known: {', '.join(known)}")
        if len(set(names)) < len(names):
            raise ValueError("one is named twice")
        return names

    @field_validator("separations")
    @classmethod
    def _positive(cls, separations: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 < separation < 1000 for separation in separations):
            raise ValueError("separations are in within-type SDs, above 0")
        return separations


def read_spec(spec: str | Path, study: StudyDeclaration | None = None) -> ProposeSettings:
    """Read a specification and join it with what the study stated in advance.

    Parameters
    ----------
    spec : str or Path
        ``quick``, ``default`` or ``thorough``, or the path of a TOML file.
    study : StudyDeclaration, optional
        Gives ``separation``, ``max_types``, ``min_sites`` and ``min_observed``.

    Returns
    -------
    ProposeSettings

    Raises
    ------
    StudyError
        The file is not there, is not TOML, or says something it may not; lists every problem.

    Examples
    --------
    >>> read_spec("fast")
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: fast: 1 problem
      file  Not found. Give quick, default, thorough, or the path of a specification file.
    """
    return read_whole_spec(spec, study)[0]


def read_whole_spec(
    spec: str | Path, study: StudyDeclaration | None = None
) -> tuple[ProposeSettings, Grid | None]:
    """Read a specification with its grid; as `read_spec`, which leaves the grid out."""
    from site_typology.settings import ProposeSettings

    path = Path(spec)
    if str(spec) in SHIPPED:
        path = Path(__file__).with_name(f"{spec}.toml")
    stated = (study.typology if study else TypologySection()).model_dump()
    read = _parse(_read(path), path.name)
    chosen = read.model_dump(exclude={"grid"})
    try:
        return ProposeSettings(**stated, **chosen), read.grid
    except StudyError as error:
        raise StudyError(path.name, error.problems) from None


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise no_file(path, f"Give {', '.join(SHIPPED)}, or the path of a specification file.")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problem = Problem("file", f"Not valid TOML in UTF-8: {error}.")
        raise StudyError(path.name, [problem]) from error


def _parse(content: dict[str, Any], source: str) -> Specification:
    try:
        return Specification.model_validate(content)
    except ValidationError as error:
        found = Problems(source)
        details = error.errors()
        inside = {detail["loc"][:-1] for detail in details}
        for detail in details:
            if detail["type"] == "too_short" and detail["loc"] in inside:
                continue  # Only because what is in it was wrong.
            found.add(".".join(map(str, detail["loc"])), _sentence(detail))
        found.raise_if_any()
        raise


def _sentence(detail: Any) -> str:
    """Say what is wrong with one key, and what to do."""
    key = str(detail["loc"][-1])
    if detail["type"] == "extra_forbidden" and key in TypologySection.model_fields:
        return "Belongs to the study: state it under [typology] in study.toml, before the run."
    if detail["type"] == "extra_forbidden":
        fields = (Grid if detail["loc"][0] == "grid" else Specification).model_fields
        near = difflib.get_close_matches(key, fields, n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"Unknown key.{hint} Known: {', '.join(fields)}. Remove or rename it."
    text = detail["msg"].removeprefix("Value error, ").rstrip(".")
    found = "" if isinstance(detail["input"], dict) else f"; found {detail['input']!r}"
    return f"{text[0].upper()}{text[1:]}{found}."
