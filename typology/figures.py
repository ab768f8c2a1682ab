"""Every figure of a typology, as SVG for pages and PNG for documents, and as files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from site_typology.describe import is_claimed
from site_typology.figure_canvas import Drawing, render, save
from site_typology.figures_axis import axis_drawing
from site_typology.figures_evidence import missing_drawing, null_drawing, power_drawing
from site_typology.figures_specifications import specification_drawing
from site_typology.figures_types import (
    confidence_drawing,
    drivers_drawing,
    map_drawing,
    profile_drawing,
)

if TYPE_CHECKING:
    from site_typology.explain import Explanation
    from site_typology.specification_curve import SpecificationCurve
    from site_typology.typology import Typology


def figures(
    typology: Typology,
    explanation: Explanation,
    *,
    map_method: Literal["umap", "pca"] = "umap",
    curve: SpecificationCurve | None = None,
) -> dict[str, str]:
    """Draw every figure that the typology has the material for.

    Parameters
    ----------
    typology : Typology
    explanation : Explanation
        From `site_typology.explain.explain`.
    map_method : {"umap", "pca"}
        How the map is drawn. UMAP compiles itself for some 10 s on first use; with fewer than 10
        sites principal components are used in any case, and the figure says so.
    curve : SpecificationCurve, optional
        Where a grid of specifications was tried.

    Returns
    -------
    dict of str to str
        ``<svg>`` elements with title and description, by name: ``profile``, ``map``,
        ``null_test``, ``power``, ``axis``, ``confidence``, ``drivers``, ``missing``,
        ``specifications``. Left out:
        ``null_test`` where the reference draws were not kept, ``power`` where it was not in
        question, ``axis`` where sites do not lie along one, ``confidence`` and ``drivers`` where
        there is nothing to show, ``specifications`` where none were tried. The same typology
        always gives the same text.
    """
    drawn = drawings(typology, explanation, map_method=map_method, curve=curve)
    return {name: render(name, drawing) for name, drawing in drawn.items()}


def drawings(
    typology: Typology,
    explanation: Explanation,
    *,
    map_method: Literal["umap", "pca"] = "umap",
    curve: SpecificationCurve | None = None,
) -> dict[str, Drawing]:
    """Lay out every figure that the typology has the material for, without drawing it yet.

    Parameters and names are those of `figures`; `site_typology.figure_canvas.render` and
    `render_png` draw one.
    """
    evidence = typology.evidence
    drawings: dict[str, Drawing] = {
        "profile": profile_drawing(typology),
        "map": map_drawing(typology, map_method, typology.seed),
    }
    if len(evidence.null_test.reference_maxima):
        drawings["null_test"] = null_drawing(evidence.null_test)
    if evidence.power is not None and len(evidence.power.table):
        drawings["power"] = power_drawing(evidence.power)
    if evidence.axis is not None and evidence.axis.is_continuum:
        drawings["axis"] = axis_drawing(evidence.axis)
    if is_claimed(typology):
        drawings["confidence"] = confidence_drawing(typology)
    if explanation.shown:
        drawings["drivers"] = drivers_drawing(typology, explanation)
    drawings["missing"] = missing_drawing(typology.profiles)
    if curve is not None and len(curve.agreement):
        drawings["specifications"] = specification_drawing(curve)
    return drawings


def write_figures(figures: Mapping[str, str], folder: str | Path) -> list[Path]:
    """Write figures as ``NAME.svg`` to a folder, made if needed.

    Parameters
    ----------
    figures : mapping of str to str
        From `figures`.
    folder : str or Path

    Returns
    -------
    list of Path
        The files written.

    Examples
    --------
    >>> import tempfile
    >>> [path.name for path in write_figures({"map": "<svg/>"}, tempfile.mkdtemp())]
    ['map.svg']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, text in figures.items():
        path = folder / f"{name}.svg"
        path.write_text(save(text), encoding="utf-8")
        written.append(path)
    return written
