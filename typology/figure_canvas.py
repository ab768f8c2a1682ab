"""Drawing surface of the figures: style, marks of the types, SVG with alternative text."""

from __future__ import annotations

import html
import io
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 5.2
"""Width of every figure in inches: at a phone's width its text stays readable."""
PIXELS = 180
"""Pixels an inch of a PNG: clear in print. SVG text does not depend on it."""
INK, MUTED, SITES, FAINT = "#1b1f24", "#57606a", "#9aa4af", "#c4cad1"

# Okabe and Ito's palette, darkened where needed to reach a contrast of 3:1 on white; every type
# has its own shape too, so nothing rests on colour.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#00795A",
    "#A8478C",
    "#8A6D00",
    "#2B83BA",
    "#5A5A5A",
    "#7A3E00",
)
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "p")
SHAPE_NAMES = (
    "circle",
    "square",
    "triangle",
    "diamond",
    "downward triangle",
    "plus",
    "cross",
    "pentagon",
)

_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "site-typology",
    "font.family": "DejaVu Sans",
    "font.size": 11,
    "axes.labelsize": 11,
    "axes.titlesize": 12,
    "xtick.labelsize": 10,
    "ytick.labelsize": 10,
    "legend.fontsize": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.parse_math": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
_FAMILY = re.compile(r"'DejaVu Sans'(, [^;\"]*)?(?=[;\"])")
_TAG = re.compile(r"<[^<>]+>")
_REFERENCE = re.compile(r'(\bid="|href="#|url\(#)')


@dataclass(frozen=True)
class Drawing:
    """A figure to draw: its size and how, with the words that stand for it.

    Parameters
    ----------
    title : str
        What the figure is.
    description : str
        What it shows, in words, for those who do not see it.
    height : float
        Inches.
    draw : callable
        Draws on the axes it is given; what it returns is left.
    panels : int
        Number of axes, one under another.
    """

    title: str
    description: str
    height: float
    draw: Callable[[list[Axes]], object]
    panels: int = 1


def render(name: str, drawing: Drawing) -> str:
    """Draw to SVG text: no date, no network reference, identifiers of its own, alternative text.

    Parameters
    ----------
    name : str
        Begins every identifier, so that several figures can stand in one page.
    drawing : Drawing

    Returns
    -------
    str
        An ``<svg>`` element; the same drawing always gives the same text.
    """
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    return _with_alternative(name, drawing, _drawn(drawing, "svg", nothing).decode("utf-8"))


def render_png(drawing: Drawing) -> bytes:
    """Draw to PNG, for formats that take no SVG; the bytes name no date, software or title.

    Examples
    --------
    >>> drawing = Drawing("Dots", "Two dots.", 1.0, lambda axes: axes[0].plot([1, 2], "o"))
    >>> render_png(drawing)[1:4]
    b'PNG'
    """
    return _drawn(drawing, "png", {"Software": None})


def _drawn(drawing: Drawing, form: str, metadata: dict[str, None]) -> bytes:
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    with matplotlib.rc_context(_STYLE):
        figure: Figure = Figure(figsize=(WIDTH, drawing.height), layout="constrained")
        (FigureCanvasSVG if form == "svg" else FigureCanvasAgg)(figure)
        axes = figure.subplots(drawing.panels, 1, squeeze=False)[:, 0]
        drawing.draw(list(axes))
        content = io.BytesIO()
        figure.savefig(content, format=form, metadata=metadata, dpi=PIXELS)
    return content.getvalue()


def _with_alternative(name: str, drawing: Drawing, svg: str) -> str:
    """Keep the ``<svg>`` element alone and give it a title, a description and own identifiers."""
    svg = svg[svg.index("<svg") :]
    svg = _TAG.sub(lambda tag: _REFERENCE.sub(rf"\g<1>{name}-", tag.group()), svg)
    svg = _FAMILY.sub("'DejaVu Sans', Verdana, Arial, sans-serif", svg)
    head, rest = svg.split(">", 1)
    label = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    return (
        f"{head} {label}>\n"
        f'<title id="{name}-title">{html.escape(drawing.title)}</title>\n'
        f'<desc id="{name}-desc">{html.escape(drawing.description)}</desc>{rest}'
    )


def colour(label: int) -> str:
    """Colour of a type, 1 and up."""
    return COLOURS[(label - 1) % len(COLOURS)]


def shape(label: int) -> str:
    """Matplotlib marker of a type, 1 and up."""
    return SHAPES[(label - 1) % len(SHAPES)]


def shape_name(label: int) -> str:
    """Shape of a type in words."""
    return SHAPE_NAMES[(label - 1) % len(SHAPE_NAMES)]


def mark_path(label: int) -> str:
    """Outline of a type's mark as an SVG path within a box of 16 by 16."""
    import numpy as np
    from matplotlib.markers import MarkerStyle

    marker = MarkerStyle(shape(label))
    path = marker.get_path().transformed(marker.get_transform())
    extent = float(np.abs(np.asarray(path.vertices)).max())
    parts = []
    for loop in map(np.asarray, path.to_polygons(closed_only=False)):
        scaled = 8 + 6.5 * loop * (1, -1) / extent
        points = [f"{x:.2f} {y:.2f}" for x, y in scaled]
        parts.append("M" + " L".join(points) + " Z")
    return " ".join(parts)


def wrapped(text: str, width: int = 24, lines: int = 3) -> str:
    """Break a label into at most `lines` lines."""
    return "\n".join(textwrap.wrap(text, width, max_lines=lines, placeholder=" …")) or text


def shortened(text: str, width: int) -> str:
    """Cut a label to one line of at most `width` characters.

    Examples
    --------
    >>> shortened("Northumberland", 8)
    'Northum…'
    """
    text = " ".join(text.split())
    return text if len(text) <= width else f"{text[: width - 1].rstrip()}…"


def evenly(count: int, most: int) -> np.ndarray:
    """Choose at most `most` of `count` places, spread evenly, first and last among them.

    Examples
    --------
    >>> evenly(3, 10).tolist(), evenly(9, 3).tolist()
    ([0, 1, 2], [0, 4, 8])
    """
    import numpy as np

    if count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).round().astype(int)


def listed(names: list[str], most: int = 8) -> str:
    """Join names as a sentence would, the rest as a count.

    Examples
    --------
    >>> listed(["A", "B", "C"]), listed(["A", "B", "C"], most=1)
    ('A, B and C', 'A and 2 more')
    """
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def label_points(axis: Axes, points: np.ndarray, names: list[str], size: float = 9) -> None:
    """Write names beside points, each on the first free side; far sides get a thin line."""
    import numpy as np

    span = np.ptp(points, axis=0)
    box = whole(axis).get_size_inches() * 72 * 0.8
    scale = box / np.where(span > 0, span * 1.24, 1.0)
    places = points * scale
    taken = [(x - 4, y - 4, x + 4, y + 4) for x, y in places]
    for name, point, (x, y) in zip(names, points, places, strict=True):
        width, best = len(name) * size * 0.62, None
        for reach in (5, 16, 28):
            for side, dy in ((1, 3), (-1, 3), (1, -9), (-1, -9), (1, reach), (-1, -reach - 6)):
                left = x + reach if side > 0 else x - reach - width
                spot = (left, y + dy, left + width, y + dy + size)
                hits = sum(_overlap(spot, other) for other in taken)
                if best is None or hits < best[0]:
                    best = (hits, spot, side, reach)
            if best is not None and best[0] == 0:
                break
        if best is None:
            continue
        _, spot, side, reach = best
        taken.append(spot)
        offset = (spot[0] - x if side > 0 else spot[2] - x, spot[1] - y)
        line = {"arrowstyle": "-", "color": FAINT, "linewidth": 0.8} if reach > 5 else None
        axis.annotate(
            name, tuple(point), offset, textcoords="offset points", fontsize=size, color=INK,
            ha="left" if side > 0 else "right", va="bottom", arrowprops=line,
        )  # fmt: skip


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def whole(axis: Axes) -> Figure:
    """Figure that the axes belong to."""
    figure = axis.get_figure(root=True)
    if figure is None:
        raise ValueError("These axes belong to no figure.")
    return figure


def save(figure_text: str) -> str:
    """Make a figure a whole SVG file."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{figure_text}\n'
