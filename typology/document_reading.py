"""Read a report page into plain data, so that every format says what the page says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from site_typology.document import (
    Block,
    Bullets,
    Document,
    Heading,
    Picture,
    Row,
    Section,
    Table,
    Text,
    Tone,
    clean,
)

VOID = frozenset(("meta", "br", "hr", "img", "input", "link", "path", "wbr"))
TONES: dict[str, Tone] = {"badge": "strong", "headline": "strong", "note": "note"}


@dataclass
class _Node:
    tag: str
    attributes: dict[str, str]
    children: list[_Node | str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    def inside(self) -> Iterator[_Node]:
        """Every element in it, in order."""
        for child in self.children:
            if isinstance(child, _Node):
                yield child
                yield from child.inside()

    def having(self, tag: str) -> list[_Node]:
        return [node for node in self.inside() if node.tag == tag]


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [_Node("page", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = _Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(_Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if self.open[-1].tag == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(page: str) -> Document:
    """Read what a report page says.

    Parameters
    ----------
    page : str
        HTML as `site_typology.report.report_html` writes it: a header with marking, title and
        lead, sections with a heading each, tables with captions, figures with titles.

    Returns
    -------
    Document
        Marks and links are left out; everything that is said stands in it, in order.

    Examples
    --------
    >>> page = '<h1>A study</h1><section id="s"><h2>Sites</h2><p>There are 12.</p></section>'
    >>> read_page(page).sections[0].blocks
    (Text(text='There are 12.', tone='plain'),)
    """
    tree = _Tree()
    tree.feed(page)
    tree.close()
    root = tree.open[0]
    return Document(
        title=_first(root, "h1"),
        marking=_classed(root, "marking"),
        lead=_classed(root, "lead"),
        sections=tuple(
            Section(
                section.attributes.get("id", ""),
                _first(section, "h2"),
                tuple(block for child in section.children for block in _blocks(child)),
            )
            for section in root.having("section")
        ),
    )


def _first(node: _Node, tag: str) -> str:
    return _said(next(iter(node.having(tag)), _Node(tag, {})))


def _classed(node: _Node, name: str) -> str:
    return next((_said(each) for each in node.inside() if name in each.classes), "")


def _said(node: _Node | str) -> str:
    """Text of an element on one line; items of a list and lines apart by semicolons."""
    parts = [part for part in map(clean, _raw(node).split("\n\n")) if part]
    return "; ".join(parts).replace(":; ", ": ")


def _raw(node: _Node | str) -> str:
    if isinstance(node, str):
        return node.replace("\n", " ")
    if node.tag in ("svg", "style"):
        return ""
    inner = "".join(map(_raw, node.children))
    if "level" in node.classes:
        return f"{inner}:"
    if "said" in node.classes:
        return f"– {inner}"
    if "unit" in node.classes and not inner.startswith("("):
        return f"({inner})"
    apart = node.tag in ("li", "br") or any(name.startswith("band-") for name in node.classes)
    return f"\n\n{inner}\n\n" if apart else inner


def _blocks(node: _Node | str) -> Iterator[Block]:
    if isinstance(node, str):
        if text := clean(node):
            yield Text(text)
    elif node.tag in ("h3", "h4", "h5"):
        yield Heading(_said(node), 3 if node.tag == "h3" else 4)
    elif node.tag == "p":
        tones: list[Tone] = [TONES[name] for name in node.classes if name in TONES]
        if text := _said(node):
            yield Text(text, tones[0] if tones else "plain")
    elif node.tag == "dt":
        yield Text(_said(node), "term")
    elif node.tag == "ul":
        if items := tuple(_said(item) for item in node.children if isinstance(item, _Node)):
            yield Bullets(items)
    elif node.tag == "table":
        yield _table(node)
    elif node.tag == "figure":
        yield from _picture(node)
    elif node.tag not in ("h1", "h2", "svg", "style"):
        for child in node.children:
            yield from _blocks(child)


def _picture(node: _Node) -> Iterator[Picture]:
    for drawn in node.having("svg"):
        title = next(iter(drawn.having("title")), _Node("title", {}))
        name = title.attributes.get("id", "").removesuffix("-title")
        caption = _first(node, "figcaption")
        yield Picture(name, _said(title), _first(drawn, "desc"), caption)


def _table(node: _Node) -> Table:
    heads = [row for head in node.having("thead") for row in head.having("tr")]
    columns = tuple(_said(cell) for row in heads[:1] for cell in _cells(row))
    rows: list[Row] = []
    for body in (each for each in node.inside() if each.tag in ("tbody", "tfoot")):
        group = ""
        for row in body.having("tr"):
            cells = _cells(row)
            if len(cells) == 1 and cells[0].attributes.get("scope") == "rowgroup":
                group = _said(cells[0])
            else:
                rows.append(Row(tuple(_said(cell) for cell in cells), group))
    return Table(_first(node, "caption"), columns, tuple(rows))


def _cells(row: _Node) -> list[_Node]:
    return [cell for cell in row.children if isinstance(cell, _Node) and cell.tag in ("th", "td")]
