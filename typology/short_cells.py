"""Cells of a spreadsheet that refer to each other: figures, what is typed in, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

SHEET = "Parameters"


@dataclass
class Parameters:
    """Figures that formulas refer to, one a row: what it is, and its value.

    Examples
    --------
    >>> figures = Parameters()
    >>> figures.put("centre", 0.5), figures.put_all(["low", "high"], [1, 2])
    ('Parameters!$B$2', 'Parameters!$B$3:$B$4')
    """

    rows: list[tuple[str, float | str]] = field(default_factory=list)

    def put(self, label: str, value: float | str) -> str:
        """Add a figure; give its address."""
        self.rows.append((label, value if isinstance(value, str) else float(value)))
        return f"{SHEET}!$B${len(self.rows) + 1}"

    def put_all(self, labels: Sequence[str], values: Sequence[float | str]) -> str:
        """Add figures one under another; give the address of all."""
        first = len(self.rows) + 2
        for label, value in zip(labels, values, strict=True):
            self.put(label, value)
        return f"{SHEET}!$B${first}:$B${len(self.rows) + 1}"


@dataclass(frozen=True)
class Inputs:
    """Cells of one site that are typed in, by address.

    Parameters
    ----------
    site : str
    values : dict of str to str
        By feature.
    numbers : dict of str to str
        Of informants, by question, where they are asked for.
    """

    site: str
    values: dict[str, str]
    numbers: dict[str, str]


@dataclass
class Row:
    """Working cells of one site in order; each has a name to be referred to by."""

    number: int
    formulas: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    def put(self, label: str, formula: str) -> str:
        """Add a cell; give its address on its own sheet."""
        from openpyxl.utils import get_column_letter

        self.formulas.append(f"={formula}")
        self.labels.append(label)
        return f"${get_column_letter(len(self.formulas))}{self.number}"


@dataclass(frozen=True)
class Answer:
    """Addresses of what a row ends in."""

    state: str
    best: str
    confidence: str
    following: str
    next_confidence: str
    names: str
