"""The share of temporary staff among those in post on a date."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import narwhals as nw
import numpy as np
import pandas as pd
from pydantic import Field

from site_typology.declaration import FeatureDeclaration, Kind
from site_typology.errors import Problem
from site_typology.features.assignments import outside_rounds, round_problems
from site_typology.features.contract import (
    Builder,
    BuilderArgs,
    Built,
    Estimate,
    place,
    study_rounds,
)
from site_typology.features.employment import (
    FTE,
    PERSON,
    WHY,
    Coded,
    OnDate,
    day,
    post_problems,
    posts_on,
    rule_words,
    set_aside,
)
from site_typology.features.gaps import gap_reasons
from site_typology.features.movements import MeasuredArgs, by_site, window_words
from site_typology.features.pooledcounts import pooled_share_variance
from site_typology.features.selection import is_among, row_values
from site_typology.features.tables import ROW, SITE, StudyTables, Table

NO_CONTRACT = "contract not known"


class TemporaryArgs(MeasuredArgs, OnDate):
    """Arguments of `TemporaryShare`."""

    temporary: Coded = Field(description="Column and values of posts that are temporary.")


class TemporaryShare(Builder[TemporaryArgs]):
    """Share of the staff in post on a date who are temporary, by heads or FTE.

    A person counts as temporary by heads when all posts held that day are; in FTE each post counts
    by itself. Posts whose contract is not known are set aside. Error: binomial at the partially
    pooled share (`pooled_share_variance`), in FTE with Kish's effective number.
    """

    name: ClassVar[str] = "temporary_share"
    kind: ClassVar[Kind] = "share"
    family: ClassVar[str] = "staffing"
    Args: ClassVar[type[BuilderArgs]] = TemporaryArgs

    def problems(
        self, feature: FeatureDeclaration, args: TemporaryArgs, tables: StudyTables
    ) -> Iterator[Problem]:
        """Check columns, dates, rounds and the codes of the rules."""
        yield from round_problems(feature, "at", args.at, tables)
        yield from post_problems(feature, args, tables)

    def build(self, feature: FeatureDeclaration, args: TemporaryArgs, tables: StudyTables) -> Built:
        """Add up the temporary and all of each site."""
        table = tables.tables[args.table]
        sums, aside = [], []
        for round_ in study_rounds(tables.declaration):
            date = args.on(round_)
            if date is None:
                continue
            rows = _with_contract(posts_on(table, args, round_, day(date)), table, args)
            sums.append(by_site(_temporary(rows[rows[WHY] == ""], args.measure), table, round_))
            aside.append(set_aside(feature, table, rows, round_))
        found = pd.concat(sums)
        base = found["base"].where(found["base"] > 0).to_numpy(dtype=float)
        value = found["amount"].to_numpy(dtype=float) / base
        effective = base**2 / found["squares"].where(found["squares"] > 0).to_numpy(dtype=float)
        error = np.sqrt(pooled_share_variance(value, effective))
        nothing = np.where(found["base"] == 0, "not applicable", "").astype(object)
        in_fte = ", by FTE" if args.measure == "fte" else ", by heads (all of a person's posts)"
        info = self.info(
            feature,
            source=f"{table.name}: {args.person}, {args.temporary.column}",
            definition=f"Share of staff in post on {window_words(args.at)} in temporary posts "
            f"({args.temporary.column}: {', '.join(args.temporary.values)}){in_fte}. "
            f"{rule_words(args)}",
            unit="share of staff",
            measurement={"from_counts": 1.0},
        )
        used = [args.temporary.column, *args.amounts]
        gaps = outside_rounds(gap_reasons(feature, tables, table, used, args.where), args.at)
        estimate = Estimate(found.index, value, error, effective, nothing)
        return place({feature.name: estimate}, [info], tables, gaps, ledger=pd.concat(aside))


def _with_contract(rows: pd.DataFrame, table: Table, args: TemporaryArgs) -> pd.DataFrame:
    """Posts with ``temporary``; those whose contract is not known are set aside."""
    column = args.temporary.column
    kinds = row_values(
        table,
        (),
        {
            "temporary": is_among(table, column, args.temporary.values),
            "known": ~nw.col(column).is_null(),
        },
    ).set_index(ROW)
    kind = kinds.loc[rows[ROW].to_numpy()]
    known = kind["known"].to_numpy(dtype=bool)
    temporary = kind["temporary"].fillna(False).to_numpy(dtype=bool)
    why = rows[WHY].where((rows[WHY] != "") | known, NO_CONTRACT)
    return rows.assign(**{"temporary": temporary, WHY: why})


def _temporary(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """What each person in post adds to the sums of a site."""
    held = rows.assign(
        temporary_fte=np.where(rows["temporary"], rows[FTE], 0.0),
        unknown=rows[FTE].isna(),
    )
    people = held.groupby([SITE, PERSON]).agg(
        all_temporary=("temporary", "all"),
        fte=(FTE, "sum"),
        temporary_fte=("temporary_fte", "sum"),
        unknown=("unknown", "any"),
    )
    people = people.reset_index()
    heads = np.ones(len(people))
    base, amount = heads, people["all_temporary"].to_numpy(dtype=float)
    if measure == "fte":
        base = people["fte"].where(~people["unknown"]).to_numpy(dtype=float)
        amount = people["temporary_fte"].where(~people["unknown"]).to_numpy(dtype=float)
    return pd.DataFrame({SITE: people[SITE], "base": base, "amount": amount, "squares": base**2})
