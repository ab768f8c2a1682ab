"""Ready sets of the codes that publishers write for a missing number, each with its reason."""

from __future__ import annotations

CODE_SETS: dict[str, dict[str, str]] = {
    "dfe": {
        "z": "not applicable",
        "x": "unavailable",
        "c": "suppressed",
        "low": "rounds to zero",
        "k": "rounds to zero",
        "u": "low reliability",
    }
}
"""``missing = "dfe"``: the symbols of the Department for Education's open data, in small letters.

Other statistics of the United Kingdom use the same ones (StatsWales, shorthand for labelling data
values). None of them is a zero: a figure that rounds to zero is above it."""


def expanded(missing: object) -> object:
    """Give the codes behind the name of a set; anything else as it is.

    Raises
    ------
    ValueError
        There is no such set.

    Examples
    --------
    >>> expanded("dfe")["c"], expanded({"9": "refused"})
    ('suppressed', {'9': 'refused'})
    """
    if not isinstance(missing, str):
        return missing
    if missing not in CODE_SETS:
        raise ValueError(
            f"there is no set of missing codes {missing!r}; write code = reason, or one of: "
            f"{', '.join(map(repr, CODE_SETS))}"
        )
    return dict(CODE_SETS[missing])
