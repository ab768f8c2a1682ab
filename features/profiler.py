"""From the tables of a study to its site profiles."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from site_typology.declaration import ONE_ROUND, FeatureDeclaration
from site_typology.errors import Problem, Problems, SiteTypologyError, StudyError
from site_typology.features.builders import BUILDERS, builders
from site_typology.features.conditions import quoted
from site_typology.features.contract import BuilderArgs, Built, study_rounds
from site_typology.features.derived import DerivedBuilder, in_order, needs_of, order_problems
from site_typology.features.gaps import absent_sites
from site_typology.features.measurement import known, reliability
from site_typology.features.plugins import plug_ins
from site_typology.features.prepared import prepare
from site_typology.features.roundwindows import window_faults
from site_typology.features.selection import place_of, where_problems
from site_typology.features.sharederror import error_correlation
from site_typology.features.tables import StudyTables
from site_typology.features.zeros import zeros_said
from site_typology.profiles import SiteProfiles
from site_typology.study_file import told

_OTHER_FORMS = frozenset({"dict_type", "list_type", "tuple_type", "model_type"})


def check_features(tables: StudyTables, found: Problems) -> None:
    """Check every feature of a study against its tables.

    Parameters
    ----------
    tables : StudyTables
    found : Problems
        Takes every problem: unknown builders and arguments, tables and columns that are not
        there, values that match nothing or fall outside their range.
    """
    needs: dict[str, tuple[str, ...]] = {}
    for feature in tables.declaration.features:
        args = _arguments(feature, found)
        found.extend(_feature_problems(feature, tables))
        if args is not None:
            builder = builders()[feature.builder]
            needs[feature.name] = needs_of(builder, args)
            rounds = study_rounds(tables.declaration)
            for fault in window_faults(args, rounds, builder.takes_windows):
                found.add(place_of(feature, "where"), fault)
            with _named_if_it_fails(feature):
                found.extend(builder.problems(feature, args, tables))
    found.extend(order_problems(tables.declaration.features, needs))


def build_profiles(tables: StudyTables) -> SiteProfiles:
    """Build every feature of a study at every site and round.

    Parameters
    ----------
    tables : StudyTables

    Returns
    -------
    SiteProfiles
        One row for each site of the study at each round, with the ledger and the response of the
        tables, and the rows that builders set aside.

    Raises
    ------
    StudyError
        Arguments or tables have problems, or values that their kind does not allow. Lists every
        problem.
    """
    found = Problems("features")
    check_features(tables, found)
    found.raise_if_any()
    features = tables.declaration.features
    args_of = {feature.name: _arguments(feature, found) for feature in features}
    needs = {
        feature.name: needs_of(builders()[feature.builder], args_of[feature.name])
        for feature in features
    }
    prepare(
        each
        for feature in features
        if (each := builders()[feature.builder].answers(feature, args_of[feature.name], tables))
    )
    made: dict[str, Built] = {}
    for feature in in_order(features, needs)[0]:
        builder, args = builders()[feature.builder], args_of[feature.name]
        with _named_if_it_fails(feature):
            if isinstance(builder, DerivedBuilder):
                found.extend(builder.made_problems(feature, args, made))
                found.raise_if_any()
                result = builder.derive(feature, args, tables, made)
            else:
                result = builder.build(feature, args, tables)
        found.extend(_absent_but_there(feature, result, tables))
        infinite = list(_infinite(result))
        found.extend(infinite)
        found.extend(_out_of_kind(result))
        # Nothing can be said of the measurement of what is no number.
        made[feature.name] = result if infinite else _measured(result, tables)
    found.raise_if_any()
    built = [made[feature.name] for feature in features]
    return SiteProfiles(
        pd.concat([each.values for each in built], axis=1),
        pd.concat([each.standard_errors for each in built], axis=1),
        pd.concat([each.counts for each in built], axis=1),
        pd.concat([each.reasons for each in built], axis=1),
        [info for each in built for info in each.infos],
        _ledger(tables, built),
        error_correlation(built),
        tables.response,
        _source_agreement(built),
        tables.weighting,
    )


@contextmanager
def _named_if_it_fails(feature: FeatureDeclaration) -> Iterator[None]:
    """Name the feature and the builder where the code of a plug-in fails."""
    try:
        yield
    except SiteTypologyError:
        raise
    except Exception as error:
        if feature.builder in BUILDERS:
            raise
        message = (
            f"The plug-in builder '{feature.builder}' failed: {type(error).__name__}: {error}. "
            "Mend it, or take the feature out."
        )
        raise StudyError("features", [Problem(place_of(feature), message)]) from error


def _arguments(feature: FeatureDeclaration, found: Problems) -> BuilderArgs | None:
    """Validate the arguments of a feature; None where they, or the builder, have problems."""
    builder = builders().get(feature.builder)
    if builder is None:
        found.add(place_of(feature, "builder"), _no_builder(feature.builder))
        return None
    try:
        return builder.Args.model_validate(feature.args)
    except ValidationError as error:
        details = error.errors()
        # Of an argument that may take several forms, the form meant is the one that fits furthest.
        furthest: dict[object, int] = {}
        for detail in details:
            place = detail["loc"][0] if detail["loc"] else ""
            furthest[place] = max(furthest.get(place, 0), len(detail["loc"]))
        # That it is no table or list says less than what is wrong with the form that was meant.
        told_of = {d["loc"][0] for d in details if d["loc"] and d["type"] not in _OTHER_FORMS}
        for detail in details:
            place = detail["loc"][0] if detail["loc"] else ""
            if detail["type"] in _OTHER_FORMS and place in told_of:
                continue
            forms = any(_is_alternative(part) for part in detail["loc"])
            if not forms or len(detail["loc"]) == furthest[place]:
                found.extend([_argument_problem(feature, builder.Args, detail)])
        return None


def _no_builder(name: str) -> str:
    """Say why there is no builder of a name."""
    fault = plug_ins(frozenset(BUILDERS)).faults.get(name)
    if fault is not None:
        return f"The plug-in that offers '{name}' cannot be used. {fault} Mend or remove it."
    near = difflib.get_close_matches(name, list(builders()), n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    return f"There is no builder '{name}'.{hint} Builders: {', '.join(builders())}."


def _argument_problem(feature: FeatureDeclaration, args: type[BuilderArgs], detail: Any) -> Problem:
    place = ".".join(str(part) for part in detail["loc"] if not _is_alternative(part))
    where = place_of(feature, f"args.{place}" if place else "args")
    names = list(args.model_fields)
    if detail["type"] == "extra_forbidden" and len(detail["loc"]) > 1:
        return Problem(where, "Unknown key. Remove or rename it.")
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(detail["loc"][-1]), names, n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        return Problem(
            where,
            f"Builder '{feature.builder}' has no such argument.{hint} "
            f"It takes: {', '.join(names)}.",
        )
    if detail["type"] == "missing":
        return Problem(
            where,
            f"Builder '{feature.builder}' needs this argument. It takes: {', '.join(names)}.",
        )
    return Problem(where, told(detail))


def _is_alternative(part: int | str) -> bool:
    """Whether a part of a place names one of several forms that an argument may take."""
    return isinstance(part, str) and ("[" in part or part in ("str", "tuple", "dict"))


def _feature_problems(feature: FeatureDeclaration, tables: StudyTables) -> Iterator[Problem]:
    """Problems of a feature whatever its builder."""
    builder = builders().get(feature.builder)
    if builder is not None and feature.kind is not None:
        for special in ("composition", "category"):
            if (feature.kind == special) != (builder.kind == special):
                yield Problem(
                    place_of(feature, "kind"),
                    f"Builder '{builder.name}' gives the kind '{builder.kind}'; found "
                    f"'{feature.kind}'. Remove kind, or choose another builder.",
                )
                break
    listing = tables.tables.get(tables.declaration.study.sites)
    if feature.absent is not None and isinstance(feature.absent.window, dict):
        yield Problem(place_of(feature, "absent"), "Give one window, not one for each round.")
    if feature.absent is not None and listing is not None:
        yield from where_problems(feature, [feature.absent], listing, "absent")


def _absent_but_there(
    feature: FeatureDeclaration, built: Built, tables: StudyTables
) -> Iterator[Problem]:
    sites = absent_sites(feature, tables)
    rows = built.values[built.values.index.get_level_values("site").isin(sites)]
    there = rows[rows.notna().any(axis=1)].index.get_level_values("site").unique()
    if len(there):
        yield Problem(
            place_of(feature, "absent"),
            f"Said to be structurally absent, but it has a value at {quoted(there)}. Mend "
            "the condition or the data.",
        )


def _infinite(built: Built) -> Iterator[Problem]:
    """Values and errors that are no finite numbers, which no statistic can take."""
    for info in built.infos:
        if info.kind == "category":
            continue
        for what, frame in (("value", built.values), ("standard error", built.standard_errors)):
            column = frame[info.name].astype(float)
            bad = column[np.isinf(column)]
            if len(bad):
                sites = quoted(bad.index.get_level_values("site").unique())
                yield Problem(
                    f"features.{info.name}",
                    f"A {what} must be a finite number; found {bad.iloc[0]:g} at {sites}. Leave "
                    "it out and give the reason, or mend the data.",
                )


def _out_of_kind(built: Built) -> Iterator[Problem]:
    """Values that their kind does not allow, such as a share of 1.2."""
    for info in built.infos:
        if info.kind != "share":
            continue
        column = built.values[info.name].astype(float)
        bad = column[(column < -1e-9) | (column > 1 + 1e-9)]
        if len(bad):
            shown = ", ".join(f"{site} ({value:g})" for (site, _), value in bad.items())
            yield Problem(
                f"features.{info.name}",
                f"A share lies between 0 and 1; found otherwise at {shown}. Mend the values, or "
                "set kind = 'rate' or 'continuous'.",
            )


def _measured(built: Built, tables: StudyTables) -> Built:
    """Add what is known of each feature's measurement beyond its builder: response, reliability."""
    round_ = tables.declaration.typology_round
    infos = []
    for info in built.infos:
        figures = dict(info.measurement)
        if info.kind != "category":
            values = built.values[info.name].xs(round_, level="round").to_numpy(dtype=float)
            errors = built.standard_errors[info.name].xs(round_, level="round")
            if (errors > 0).any():
                figures["reliability"] = reliability(values, errors.to_numpy(dtype=float))
        if built.table:
            figures["response_rate"] = _response_rate(tables, built.table, round_)
        described = dataclasses.replace(info, measurement=known(figures))
        infos.append(zeros_said(described, built.values[info.name].xs(round_, level="round")))
    return dataclasses.replace(built, infos=tuple(infos))


def _response_rate(tables: StudyTables, table: str, round_: str) -> float:
    response = tables.response[tables.response["table"] == table]
    response = response[response["round"].isin([round_, ONE_ROUND])]
    response = response[response["eligible"].notna()]
    eligible = float(response["eligible"].sum())
    return float(response["responded"].sum()) / eligible if eligible > 0 else np.nan


def _ledger(tables: StudyTables, built: Sequence[Built]) -> pd.DataFrame:
    extra = [each.ledger for each in built if each.ledger is not None and len(each.ledger)]
    if not extra:
        return tables.ledger
    return pd.concat([tables.ledger, *extra], ignore_index=True)


def _source_agreement(built: Sequence[Built]) -> pd.DataFrame | None:
    found = [each.source_agreement for each in built if each.source_agreement is not None]
    return pd.concat(found, ignore_index=True) if found else None
