"""Errors that a person can act on: every problem found, each with its place and its remedy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from site_typology.personal_patterns import masked


class SiteTypologyError(Exception):
    """Base class of every error that this package raises for a user's mistake."""


@dataclass(frozen=True, order=True)
class Problem:
    """One problem in what a user gave.

    Parameters
    ----------
    where : str
        The place, as a person would name it: ``tables.staff``, ``features.stability``.
    message : str
        What was found, what was expected and what to do, in one or two sentences. E-mail
        addresses, IP addresses and telephone numbers are hidden.

    Examples
    --------
    >>> Problem("tables.leads", "Found 'lead0@trust.example'.").message
    "Found '(e-mail address)'."
    """

    where: str
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", masked(self.message))


class StudyError(SiteTypologyError):
    """All the problems found in a study file, its tables or a set of profiles.

    Parameters
    ----------
    source : str
        What was being read, usually a file name.
    problems : iterable of Problem
        Every problem found; shown in the order given, repeats left out.

    Examples
    --------
    >>> print(StudyError("study.toml", [Problem("tables.staff", "File not found.")]))
    study.toml: 1 problem
      tables.staff  File not found.
    """

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__(self._text())

    def _text(self) -> str:
        count = len(self.problems)
        width = max((len(problem.where) for problem in self.problems), default=0)
        lines = [f"{self.source}: {count} problem{'' if count == 1 else 's'}"]
        lines += [f"  {problem.where:<{width}}  {problem.message}" for problem in self.problems]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[type[StudyError], tuple[str, tuple[Problem, ...]]]:
        return type(self), (self.source, self.problems)


class Problems:
    """A collector, so that checks go on after the first problem.

    Examples
    --------
    >>> found = Problems("study.toml")
    >>> found.add("tables.staff", "File not found.")
    >>> found.raise_if_any()
    Traceback (most recent call last):
    ...
    site_typology.errors.StudyError: study.toml: 1 problem
      tables.staff  File not found.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._found: list[Problem] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def add(self, where: str, message: str) -> None:
        """Note one problem."""
        self._found.append(Problem(where, message))

    def extend(self, problems: Iterable[Problem]) -> None:
        """Note several problems."""
        self._found.extend(problems)

    def raise_if_any(self) -> None:
        """Raise `StudyError` with everything noted so far, if anything was."""
        if self._found:
            raise StudyError(self.source, self._found)
