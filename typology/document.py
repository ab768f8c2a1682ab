"""A report as plain data: sections of texts, lists, tables and figures, for every format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

Tone = Literal["plain", "strong", "note", "term"]

NUMBER = re.compile(r"(?<![\w.,])[−-]?\d+(?:,\d{3})*(?:\.\d+)?%?(?![\w])")
"""A number as reports write it: thousands apart by commas, a proper minus, a per cent sign."""
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class _Clean:
    """A part whose texts hold no character that files of words and tables forbid."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, str):
                object.__setattr__(self, name, clean(value))
            elif isinstance(value, tuple) and any(isinstance(each, str) for each in value):
                # The parts are frozen; nothing else has seen this one yet.
                object.__setattr__(self, name, tuple(map(clean, value)))


@dataclass(frozen=True)
class Text(_Clean):
    """A paragraph; ``strong`` for a verdict, ``term`` for what the next block explains."""

    text: str
    tone: Tone = "plain"


@dataclass(frozen=True)
class Heading(_Clean):
    """A heading inside a section, of level 3 or 4."""

    text: str
    level: int = 3


@dataclass(frozen=True)
class Bullets(_Clean):
    """A list without an order."""

    items: tuple[str, ...]


@dataclass(frozen=True)
class Row(_Clean):
    """Cells of one row, the first of them its heading; the group of rows it stands in."""

    cells: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True)
class Table(_Clean):
    """A table with one row of headings."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Picture(_Clean):
    """A figure by name, with the words that stand for it."""

    name: str
    title: str
    description: str
    caption: str = ""


Block = Text | Heading | Bullets | Table | Picture


@dataclass(frozen=True)
class Section(_Clean):
    """A part of the report."""

    name: str
    heading: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document(_Clean):
    """A whole report.

    Parameters
    ----------
    title : str
    marking : str
        Who may see it.
    lead : str
        What it is about, in a sentence or two.
    sections : tuple of Section
    """

    title: str
    marking: str
    lead: str
    sections: tuple[Section, ...]

    def tables(self) -> Iterator[tuple[Section, Table]]:
        """Every table with its section, in order."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Table):
                    yield section, block

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text with where it stands, for a search through the whole report."""
        yield from (("title", self.title), ("marking", self.marking), ("lead", self.lead))
        for section in self.sections:
            yield section.heading, section.heading
            for block in section.blocks:
                for text in _texts(block):
                    yield section.heading, text

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON: every text, and every number in it as a number."""
        return {
            "title": self.title,
            "marking": self.marking,
            "lead": _with_numbers(self.lead),
            "sections": [
                {
                    "name": section.name,
                    "heading": section.heading,
                    "blocks": [_block_content(block) for block in section.blocks],
                }
                for section in self.sections
            ],
        }


def clean(text: str) -> str:
    r"""Bring a text to one line without characters that files of words and tables forbid.

    Examples
    --------
    >>> clean("  one\n two\x07 ")
    'one two'
    """
    return " ".join(_NOT_TEXT.sub("", text).split())


def numbers_in(text: str) -> list[float]:
    """Read every number of a text; a percentage as a share of 1.

    Examples
    --------
    >>> numbers_in("1,234 of 2,000 (61.7%), from −2.5 to 3; type k2 and 0.75.")
    [1234.0, 2000.0, 0.617, -2.5, 3.0, 0.75]
    """
    return [_number(found) for found in NUMBER.findall(text)]


def number_of(text: str) -> float | None:
    """Read a text that is one number and nothing else; None where it is not.

    Examples
    --------
    >>> number_of("−12%"), number_of("12 of 20")
    (-0.12, None)
    """
    return _number(text) if NUMBER.fullmatch(text) else None


def _number(text: str) -> float:
    plain = text.replace(",", "").replace("−", "-")
    return float(Decimal(plain[:-1]) / 100 if plain.endswith("%") else Decimal(plain))


def _with_numbers(text: str) -> dict[str, Any]:
    found = numbers_in(text)
    return {"text": text, "numbers": found} if found else {"text": text}


def _texts(block: Block) -> list[str]:
    if isinstance(block, Bullets):
        return list(block.items)
    if isinstance(block, Table):
        cells = [text for row in block.rows for text in (row.group, *row.cells)]
        return [block.caption, *block.columns, *cells]
    if isinstance(block, Picture):
        return [block.name, block.title, block.description, block.caption]
    return [block.text]


def _block_content(block: Block) -> dict[str, Any]:
    if isinstance(block, Bullets):
        return {"list": [_with_numbers(item) for item in block.items]}
    if isinstance(block, Table):
        return {
            "table": block.caption,
            "columns": [_with_numbers(name) for name in block.columns],
            "rows": [
                {
                    **({"group": row.group} if row.group else {}),
                    "cells": [_with_numbers(cell) for cell in row.cells],
                }
                for row in block.rows
            ],
        }
    if isinstance(block, Picture):
        return {
            "figure": block.name,
            "title": block.title,
            "description": _with_numbers(block.description),
            "caption": _with_numbers(block.caption),
        }
    if isinstance(block, Heading):
        return {"heading": block.text, "level": block.level}
    return {"tone": block.tone, **_with_numbers(block.text)}
