"""Sites handed to the page, checked and answered: one typed in, or the rows of a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from site_typology.answer import SiteAnswer
from site_typology.assign import Assignment
from site_typology.differences import Difference, MismatchError
from site_typology.errors import Problem, StudyError
from site_typology.form import Form
from site_typology.new_sites import Checker, Chunk, RawTable
from site_typology.page_files import typed_table
from site_typology.page_map import SiteMap
from site_typology.typology import Typology


@dataclass(frozen=True)
class Offered:
    """A typology that the page offers.

    Parameters
    ----------
    key : str
        What requests call it.
    typology : Typology
    """

    key: str
    typology: Typology

    @cached_property
    def form(self) -> Form:
        """Every column that its new sites may have."""
        return Form.of(self.typology)

    @cached_property
    def asked(self) -> Form:
        """Columns that a site is typed in with: of the features that sites are placed by."""
        return Form(self.form.title, self.form.used)

    @cached_property
    def map(self) -> SiteMap:
        """The map of its sites."""
        return SiteMap(self.typology.fitted)

    def warm_up(self) -> None:
        """Answer one of its own sites, so that nobody waits for what is compiled on first use."""
        answered = self.typology.assign(self.typology.profiles.select(use="build"))
        answer = answered.detail(str(answered.frame["site"].iloc[0]))
        if answer.picture():
            self.map.drawing(answered, 0, answer)

    def answer_table(self, table: RawTable) -> Answered:
        """Answer the rows of a file.

        Raises
        ------
        StudyError
            The file cannot be read; `MismatchError` where its sites do not fit the typology.
        """
        chunk, notes = _checked(self.form, table)
        return Answered(chunk, self.typology.assign(chunk.profiles(self.form)), notes)

    def answer_typed(self, site: str, cells: Mapping[str, str]) -> Answered | Mistakes:
        """Answer one site that was typed in, or say what of it cannot be taken."""
        try:
            chunk, notes = _checked(self.asked, typed_table(self.asked, site, cells))
        except MismatchError as error:
            stopping = [own for own in error.differences if own.stops]
            return Mistakes({own.column: _typed_words(own) for own in stopping})
        assignment = self.typology.assign(chunk.profiles(self.asked))
        return Answered(chunk, assignment, notes)


@dataclass(frozen=True)
class Answered:
    """Sites with their answers.

    Parameters
    ----------
    chunk : Chunk
        As they were read.
    assignment : Assignment
    notes : tuple of Difference
        Worth a look, though they stop nothing.
    """

    chunk: Chunk
    assignment: Assignment
    notes: tuple[Difference, ...]

    def detail(self, at: int) -> SiteAnswer:
        """Give the whole answer for the site in row `at`."""
        row = self.assignment.frame.iloc[at]
        return self.assignment.detail(str(row["site"]), str(row["round"]))

    def cells(self, at: int) -> dict[str, object]:
        """Values of the site in row `at`, by column."""
        columns = {**self.chunk.numbers, **self.chunk.categories}
        return {name: column[at] for name, column in columns.items()}


@dataclass(frozen=True)
class Mistakes:
    """What of a typed site cannot be taken, in words by column; ``site`` for the site itself."""

    by_column: Mapping[str, str]


def offered(typologies: Sequence[Typology]) -> tuple[Offered, ...]:
    """Number the typologies that a page offers.

    Raises
    ------
    StudyError
        There is none.
    """
    if not typologies:
        said = "There is no typology to offer. Name one with --model, or approve one."
        raise StudyError("page", [Problem("--model", said)])
    return tuple(Offered(str(at), own) for at, own in enumerate(typologies))


def _checked(form: Form, table: RawTable) -> tuple[Chunk, tuple[Difference, ...]]:
    checker = Checker(form, table)
    chunks = list(checker.chunks())
    notes = checker.finish()
    return Chunk.joined(chunks), notes


def _typed_words(found: Difference) -> str:
    values = ", ".join(value for _, value in found.cells if value)
    what = f"{found.what} ({values})" if values else found.what
    return f"{what[:1].upper()}{what[1:]}. Expected {found.expected}. {found.remedy}"
