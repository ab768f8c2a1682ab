"""Figures for a page that allows no style in its text: style attributes become plain ones."""

from __future__ import annotations

import re

_TAG = re.compile(r"<[^<>]+>")
_STYLE = re.compile(r'\sstyle="([^"]*)"')
_SHEET = re.compile(r"<style[^>]*>.*?</style>", re.S)
_METADATA = re.compile(r"<metadata>.*?</metadata>", re.S)
_FONT = re.compile(
    r"(?:(?P<style>italic|oblique)\s+)?(?:(?P<weight>bold|[1-9]00)\s+)?"
    r"(?P<size>[\d.]+)px\s+(?P<family>.+)"
)


def plain_svg(svg: str) -> str:
    """Write the styles of an SVG element as presentation attributes.

    A page whose Content-Security-Policy allows only style sheets of its own ignores style in
    attributes; presentation attributes are no style in that sense.

    Parameters
    ----------
    svg : str
        From `site_typology.figure_canvas.render`.

    Returns
    -------
    str

    Examples
    --------
    >>> plain_svg('<svg><path style="fill: none; stroke: #000000"/></svg>')
    '<svg stroke-linejoin="round" stroke-linecap="butt"><path fill="none" stroke="#000000"/></svg>'
    >>> plain_svg('<svg><text style="font: 11px Arial">style="x"</text></svg>')[51:]
    '<text font-size="11" font-family="Arial">style="x"</text></svg>'
    """
    text = _METADATA.sub("", _SHEET.sub("", svg))
    text = _TAG.sub(lambda tag: _STYLE.sub(_attributes, tag.group()), text)
    # What matplotlib says of all elements in its style sheet.
    return text.replace("<svg", '<svg stroke-linejoin="round" stroke-linecap="butt"', 1)


def _attributes(found: re.Match[str]) -> str:
    parts: list[tuple[str, str]] = []
    for declared in filter(str.strip, found[1].split(";")):
        name, _, value = (part.strip() for part in declared.partition(":"))
        parts += _font(value) if name == "font" else [(name, value)]
    return "".join(f' {name}="{value}"' for name, value in parts)


def _font(value: str) -> list[tuple[str, str]]:
    found = _FONT.fullmatch(value)
    if not found:
        raise ValueError(f"A font that cannot be told apart: {value!r}.")
    optional = [("font-style", found["style"]), ("font-weight", found["weight"])]
    told = [(name, given) for name, given in optional if given]
    return [*told, ("font-size", found["size"]), ("font-family", found["family"])]
