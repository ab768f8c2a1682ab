"""Picture of one answer: what speaks for the type and what against it, feature by feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

from site_typology.answer import SiteAnswer
from site_typology.figure_canvas import (
    INK,
    MUTED,
    Drawing,
    colour,
    listed,
    render,
    shortened,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_BARS = 8


def answer_picture(answer: SiteAnswer) -> str:
    """Draw an answer as SVG text; ``""`` where it has no shares.

    Parameters
    ----------
    answer : SiteAnswer

    Returns
    -------
    str
    """
    return render("answer", answer_drawing(answer)) if answer.shares else ""


def answer_drawing(answer: SiteAnswer) -> Drawing:
    """Bars of what each feature adds, largest first; the rest of the features as one bar."""
    bars = _bars(answer)
    typed = answer.status == "type" and answer.next is not None

    def draw(axes: list[Axes]) -> None:
        axis = axes[0]
        for row, (_, amount) in enumerate(bars):
            axis.barh(row, amount, height=0.62, color=_tone(answer, amount))
            side = 1 if amount >= 0 else -1
            axis.annotate(
                f"{amount:+.1f}".replace("-", "−"), (amount, row), (4 * side, 0),
                textcoords="offset points", va="center", fontsize=10, color=INK,
                ha="left" if side > 0 else "right",
            )  # fmt: skip
        axis.axvline(0, color=MUTED, linewidth=1)
        axis.set_yticks(range(len(bars)), [wrapped(title, 26) for title, _ in bars])
        axis.set_ylim(len(bars) - 0.5, -0.5)
        axis.tick_params(axis="y", length=0)
        axis.margins(x=0.16)
        axis.spines["left"].set_visible(False)
        axis.set_xlabel(_axis_words(answer))

    title = "What speaks for the type" if typed else "What sets the site apart from the types"
    return Drawing(
        f"{title}: {shortened(answer.site, 40)}", _description(answer), 1.3 + 0.48 * len(bars), draw
    )


def _bars(answer: SiteAnswer) -> list[tuple[str, float]]:
    shown = [
        (f"{share.title}: {share.value} (mean {share.mean})", share.amount)
        for share in answer.shares[:MOST_BARS]
    ]
    rest = answer.shares[MOST_BARS:]
    if rest:
        shown.append((f"{len(rest)} further features", sum(share.amount for share in rest)))
    if answer.status == "type":
        shown.append(("A site in the middle of all", answer.base))
    return shown


def _tone(answer: SiteAnswer, amount: float) -> str:
    if answer.type is None:
        return INK
    other = answer.next.type if answer.next is not None else answer.type
    return colour(answer.type if amount >= 0 else other)


def _axis_words(answer: SiteAnswer) -> str:
    if answer.type is None or answer.next is None:
        return "Part of the squared distance\nto the nearest type"
    return f"for type {answer.next.type}  ←  log-odds  →  for type {answer.type}"


def _description(answer: SiteAnswer) -> str:
    parts = [f"{title}: {amount:+.2f}".replace("-", "−") for title, amount in _bars(answer)]
    total = answer.base + sum(share.amount for share in answer.shares)
    return f"{answer.why} Parts of the {answer.shares_of}, {total:.2f}: {listed(parts, most=10)}."
