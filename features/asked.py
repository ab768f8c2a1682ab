"""Who was asked and who answered, by site, round and what is known of everybody asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import narwhals as nw
import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.errors import Problem
from site_typology.features.asksettings import KEY, listed_rows, with_keys
from site_typology.features.conditions import quoted, quoted_cells
from site_typology.features.engines import Rows, collected
from site_typology.features.selection import bad_rows, dropped_words, too_large, was_dropped
from site_typology.features.tables import ROUND, SITE, StudyTables, Table, as_text
from site_typology.weighting_declaration import WeightFrame, Weighting

BASE = "__base__"


@dataclass(frozen=True)
class Asked:
    """The response of one survey, counted.

    Parameters
    ----------
    name : str
        Of the weighting in the study file.
    weighting : Weighting
    columns : tuple of str
        Names that its auxiliary columns have in `rows`, `cells` and `counts`, in their order.
    rows : narwhals.LazyFrame
        The survey's rows with these columns, null where they are not known; only what is counted
        where nothing is weighed, since a survey published as counts has thousands of columns.
    cells : DataFrame
        ``site, round``, `columns`, ``asked, answered``: those on the list, by site, round and
        category. Without rows where the study gives counts instead of a list.
    counts : DataFrame
        ``site, round``, `columns`, ``base, n``: rows of the survey by design weight, or the
        answers behind them in a survey published as counts.
    """

    name: str
    weighting: Weighting
    columns: tuple[str, ...]
    rows: Rows
    cells: pd.DataFrame
    counts: pd.DataFrame


def asked_problems(name: str, weighting: Weighting, tables: StudyTables) -> Iterator[Problem]:
    """Say what of a weighting does not fit the tables."""
    place, survey = f"weights.{name}", tables.tables.get(weighting.table)
    frame = weighting.frame
    listing = tables.tables.get(frame.table) if frame is not None else None
    if survey is None or (frame is not None and listing is None):
        return  # a table that failed to read was reported already
    if _answers_column(survey) is not None and weighting.method != "none":
        yield Problem(
            f"{place}.method",
            f"Table '{survey.name}' counts answers (eligible.answered) and has none to weigh. Set "
            "method = 'none' to describe response.",
        )
        return
    wanted: list[tuple[str, Table, str, bool]] = []
    base = weighting.base or survey.declaration.weight
    if base is not None:
        wanted.append(("base", survey, base, True))
    by_list = frame is not None and frame.on is not None
    for column in weighting.auxiliaries:
        numeric = column in weighting.numeric
        if not by_list:
            wanted.append(("columns", survey, column, numeric))
        if listing is not None:
            wanted.append(("columns", listing, column, numeric))
    if frame is not None and listing is not None:
        if frame.on is not None:
            wanted.append(("frame.on", survey, frame.on, False))
            wanted.append(("frame.key", listing, frame.key or frame.on, False))
        if frame.count is not None:
            wanted.append(("frame.count", listing, frame.count, True))
    faults = [fault for each in wanted for fault in _column_faults(place, *each)]
    yield from faults
    if not faults and survey.n_rows:
        yield from _value_problems(place, weighting, survey, listing, base)


def _column_faults(
    place: str, argument: str, table: Table, column: str, numeric: bool
) -> Iterator[Problem]:
    if column not in table.columns and was_dropped(table, column):
        yield Problem(f"{place}.{argument}", dropped_words(table, column))
    elif column not in table.columns:
        yield Problem(
            f"{place}.{argument}",
            f"Column '{column}' is not in table '{table.name}'. Columns found: "
            f"{quoted(table.columns)}.",
        )
    elif numeric and column not in table.numbers:
        yield Problem(
            f"{place}.{argument}",
            f"Column '{column}' of table '{table.name}' must hold numbers; found "
            f"{quoted_cells(table.values(column))}. Recode them, or declare them missing with a "
            "reason.",
        )
    elif numeric and (message := too_large(table, column)):
        yield Problem(f"{place}.{argument}", message)


def _value_problems(
    place: str, weighting: Weighting, survey: Table, listing: Table | None, base: str | None
) -> Iterator[Problem]:
    if base is not None:
        fault, what = nw.col(base).is_null(), "missing"
        if base != survey.declaration.weight:  # whose range was checked when it was read
            fault, what = fault | (nw.col(base) < 0), "negative or missing"
        if (bad := bad_rows(survey, fault, base)).n:
            yield Problem(
                f"{place}.base",
                f"Design weight '{base}' is {what} in table '{survey.name}', "
                f"{bad.rows}. Give each row a weight of 0 or more.",
            )
    frame = weighting.frame
    if frame is None or listing is None:
        return
    if frame.count is not None:
        fault = nw.col(frame.count).is_null() | (nw.col(frame.count) < 0)
        if (bad := bad_rows(listing, fault, frame.count)).n:
            yield Problem(
                f"{place}.frame.count",
                f"'{frame.count}' counts those asked; it is negative or missing in table "
                f"'{listing.name}', {bad.rows}. Correct the counts.",
            )
    pairs = [(column, column) for column in weighting.columns] if frame.on is None else []
    if frame.on is not None:
        pairs.append((frame.on, frame.key or frame.on))
        yield from _key_problems(place, frame, survey, listing)
    for mine, other in pairs:
        if (mine in survey.numbers) != (other in listing.numbers):
            kinds = [
                "numbers" if c in t.numbers else "text"
                for c, t in ((mine, survey), (other, listing))
            ]
            yield Problem(
                place,
                f"'{mine}' of table '{survey.name}' is {kinds[0]} and '{other}' of table "
                f"'{listing.name}' is {kinds[1]}. Write them alike.",
            )


def _key_problems(
    place: str, frame: WeightFrame, survey: Table, listing: Table
) -> Iterator[Problem]:
    """A row of the list has a key of its own, or one cannot say who answered."""
    key = frame.key or frame.on or ""
    named = (
        listed_rows(listing).select(nw.col(key).alias(KEY), ROUND).filter(~nw.col(KEY).is_null())
    )
    counts = named.group_by(KEY, ROUND).agg(nw.len().alias("n"))
    twice = collected(counts.filter(nw.col("n") > 1).sort(KEY).head(20))
    if len(twice):
        yield Problem(
            f"{place}.frame.key",
            f"'{key}' names a row of table '{listing.name}' once; found more than one for "
            f"{quoted(as_text(twice[KEY]))}. Keep one row of each.",
        )


def count_asked(name: str, weighting: Weighting, tables: StudyTables) -> Asked:
    """Count who was asked and who answered; called only when `asked_problems` found none."""
    survey, frame = tables.tables[weighting.table], weighting.frame
    columns = tuple(f"__aux{at}__" for at in range(len(weighting.auxiliaries)))
    auxiliaries = dict(zip(columns, weighting.auxiliaries, strict=True))
    base = weighting.base or survey.declaration.weight
    published = _answers_column(survey)
    rows = survey.rows
    if weighting.method == "none":
        key = frame.on if frame is not None else None
        needed = list(auxiliaries.values()) if key is None else [key]
        rows = rows.select(*dict.fromkeys(c for c in (SITE, ROUND, base, published, *needed) if c))
    rows = rows.with_columns(
        (nw.lit(1.0) if base is None else nw.col(base).cast(nw.Float64)).alias(BASE)
    )
    listing = tables.tables[frame.table] if frame is not None else None
    if listing is None or frame is None or frame.on is None:
        rows = rows.with_columns(nw.col(own).alias(aux) for aux, own in auxiliaries.items())
    else:
        known = (
            listed_rows(listing)
            .select(
                nw.col(frame.key or frame.on).alias(KEY),
                ROUND,
                *(nw.col(own).alias(aux) for aux, own in auxiliaries.items()),
            )
            .filter(~nw.col(KEY).is_null())
        )
        rows = with_keys(rows, frame, survey, listing)
        timeless = is_timeless(listing)
        on = [KEY] if timeless else [KEY, ROUND]
        rows = rows.join(known.drop(ROUND) if timeless else known, on=on, how="left")
    by = [SITE, ROUND, *columns]
    n = nw.len() if published is None else nw.col(published).sum()
    counts = collected(rows.group_by(*by, BASE).agg(n.alias("n")))
    counts = counts.rename(columns={SITE: "site", ROUND: "round", BASE: "base"})
    counts = counts.sort_values([*_names(by), "base"], ignore_index=True)
    cells = _cells(weighting, auxiliaries, rows, listing, counts)
    return Asked(name, weighting, columns, rows, cells, counts)


def _answers_column(survey: Table) -> str | None:
    """Column of the survey itself with the number of answers behind a row; None for one each."""
    eligible = survey.declaration.eligible
    return eligible.answered if eligible is not None and eligible.table == survey.name else None


def _cells(
    weighting: Weighting,
    auxiliaries: dict[str, str],
    rows: Rows,
    listing: Table | None,
    counts: pd.DataFrame,
) -> pd.DataFrame:
    """Asked and answered by site, round and category, for every round of the survey."""
    frame, by = weighting.frame, ["site", "round", *auxiliaries]
    if frame is None or listing is None:
        return pd.DataFrame(columns=[*by, "asked", "answered"])
    asked_of = nw.lit(1.0) if frame.count is None else nw.col(frame.count)
    entries = listed_rows(listing).select(
        nw.col(SITE).alias("site"),
        nw.col(ROUND).alias("round"),
        asked_of.cast(nw.Float64).alias("asked"),
        *(nw.col(own).alias(aux) for aux, own in auxiliaries.items()),
        *([nw.col(frame.key or frame.on).alias(KEY)] if frame.on is not None else []),
    )
    asked = collected(entries.group_by(*by).agg(nw.col("asked").sum()))
    asked = in_every_round(asked, counts["round"])
    if frame.on is not None and frame.count is None:
        found = rows.filter(~nw.col(KEY).is_null()).select(KEY, ROUND).unique([KEY, ROUND])
        if is_timeless(listing):
            both = entries.drop("round").join(found, on=KEY, how="inner")
            both = both.with_columns(nw.col(ROUND).alias("round"))
        else:
            found = found.with_columns(nw.col(ROUND).alias("round"))
            both = entries.join(found, on=[KEY, "round"], how="inner")
        answered = collected(both.group_by(*by).agg(nw.len().alias("answered")))
    else:
        sums = counts.groupby(by, dropna=False)["n"].sum()
        answered = sums.rename("answered").reset_index()
    cells = asked.merge(answered, on=by, how="outer")
    cells[["asked", "answered"]] = cells[["asked", "answered"]].fillna(0.0).astype(float)
    return cells.sort_values(by, ignore_index=True)


def in_every_round(cells: pd.DataFrame, rounds: pd.Series) -> pd.DataFrame:
    """Repeat the rows of a list without rounds for each round of the survey."""
    if not (cells["round"] == ONE_ROUND).all():
        return cells
    own = pd.DataFrame({"round": sorted(rounds.unique())})
    return cells.drop(columns="round").merge(own, how="cross") if len(own) else cells


def is_timeless(table: Table) -> bool:
    """Whether the rows of a table hold for every round."""
    found = collected(table.rows.select(ROUND).unique(ROUND))[ROUND]
    return bool((found == ONE_ROUND).all())


def _names(by: list[str]) -> list[str]:
    return [{SITE: "site", ROUND: "round"}.get(name, name) for name in by]
