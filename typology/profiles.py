"""Site profiles: per site and feature a value, its standard error, its n, and why it is missing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from site_typology.declaration import ONE_ROUND
from site_typology.errors import Problems
from site_typology.feature_info import FeatureInfo
from site_typology.intervals import interval_frames
from site_typology.pooling import pooled_frames
from site_typology.profile_checks import INDEX, check_profiles

LONG_COLUMNS = ["site", "round", "feature", "value", "standard_error", "n", "reason"]
LEDGER_COLUMNS = ["table", "entry", "site", "round", "outcome", "reason", "n"]
AGREEMENT_COLUMNS = [
    "feature", "one", "other", "one_group", "other_group", "scale", "round", "site",
    "measure", "value", "standard_error", "n", "beyond_error",
]  # fmt: skip


class SiteProfiles:
    """Profiles of sites: five aligned tables and a ledger.

    Parameters
    ----------
    values : DataFrame, shape (n_profiles, n_features)
        Values in natural units; index levels ``site`` and ``round``.
    standard_errors, counts : DataFrame of the same shape, optional
        Standard error of each value (0 where it is known exactly, NaN where the value is
        missing) and the number behind it (informants, staff, settings; NaN where unknown).
    reasons : DataFrame of str, same shape, optional
        Why a value is missing; ``""`` where it is not.
    features : sequence of FeatureInfo, optional
        One for each column; made from the columns by default.
    ledger : DataFrame, optional
        Every row and site that came in and where it went; columns `LEDGER_COLUMNS`.
    error_correlation : DataFrame, shape (n_features, n_features), optional
        Correlation between the errors of features at one site; features answered by the same
        informants share error. Identity by default.
    response : DataFrame, optional
        Response by table, site and round; columns ``table, site, round, eligible, responded``.
    source_agreement : DataFrame, optional
        Agreement between the sources of features made from several; columns
        `AGREEMENT_COLUMNS`, ``site`` blank where a row holds over the sites.
    weighting : DataFrame, optional
        Response weights by site and round, as `site_typology.features.weighting` reports them.

    Raises
    ------
    StudyError
        The tables do not fit together, or hold values their kind does not allow.

    Examples
    --------
    >>> frame = pd.DataFrame({"wsa": [2.1, 3.4, None]}, index=["A", "B", "C"])
    >>> profiles = SiteProfiles.from_frame(frame)
    >>> profiles.reasons.loc[("C", "all"), "wsa"]
    'not answered'
    """

    def __init__(
        self,
        values: pd.DataFrame,
        standard_errors: pd.DataFrame | None = None,
        counts: pd.DataFrame | None = None,
        reasons: pd.DataFrame | None = None,
        features: Sequence[FeatureInfo] | None = None,
        ledger: pd.DataFrame | None = None,
        error_correlation: pd.DataFrame | None = None,
        response: pd.DataFrame | None = None,
        source_agreement: pd.DataFrame | None = None,
        weighting: pd.DataFrame | None = None,
    ) -> None:
        self.features = tuple(features or (FeatureInfo(str(name)) for name in values.columns))
        names = [info.name for info in self.features]
        self.values = values.copy()
        missing = self.values.isna()
        zeros = pd.DataFrame(0.0, index=values.index, columns=values.columns)
        self.standard_errors = zeros.mask(missing) if standard_errors is None else standard_errors
        self.counts = zeros.mask(zeros == 0) if counts is None else counts
        unexplained = missing.map(lambda gap: "not answered" if gap else "")
        self.reasons = unexplained if reasons is None else reasons
        self.ledger = pd.DataFrame(columns=LEDGER_COLUMNS) if ledger is None else ledger
        self.error_correlation = (
            pd.DataFrame(np.eye(len(names)), index=names, columns=names)
            if error_correlation is None
            else error_correlation
        )
        self.response = (
            pd.DataFrame(columns=["table", "site", "round", "eligible", "responded"])
            if response is None
            else response
        )
        self.source_agreement = (
            pd.DataFrame(columns=AGREEMENT_COLUMNS)
            if source_agreement is None
            else source_agreement
        )
        self.weighting = pd.DataFrame() if weighting is None else weighting
        check_profiles(self)

    @classmethod
    def from_frame(
        cls,
        values: pd.DataFrame,
        standard_errors: pd.DataFrame | None = None,
        counts: pd.DataFrame | None = None,
        kinds: Mapping[str, str | FeatureInfo] | None = None,
    ) -> SiteProfiles:
        """Make profiles from tables with one row a site.

        Parameters
        ----------
        values : DataFrame, shape (n_sites, n_features)
            Index of site names, or of site and round.
        standard_errors, counts : DataFrame, optional
            Same rows and columns as `values`; a column left out is known exactly, or of unknown n.
        kinds : mapping of str, optional
            Column to kind (``"share"``, ``"rate"``, ``"composition:NAME"`` for a part of the
            composition NAME, ...) or to a whole `FeatureInfo`. Text columns are categories and
            others continuous where nothing is said.

        Returns
        -------
        SiteProfiles

        Raises
        ------
        StudyError
            With every problem found.
        """
        _check_frame(values)
        index = _profile_index(values.index)
        frame = values.set_axis(index, axis=0).rename(columns=str)
        empty = [name for name in frame if frame[name].isna().all()]
        frame = frame.astype(dict.fromkeys(empty, float))

        def aligned(extra: pd.DataFrame | None, default: float) -> pd.DataFrame:
            base = pd.DataFrame(default, index=index, columns=frame.columns)
            if extra is not None:
                given = extra.set_axis(_profile_index(extra.index), axis=0).rename(columns=str)
                problems = Problems("profiles")
                for name in given.columns.difference(frame.columns):
                    problems.add(str(name), "Not a column of the values. Remove or rename it.")
                if not given.index.symmetric_difference(index).empty:
                    problems.add("index", "Sites differ from those of the values. Give the same.")
                problems.raise_if_any()
                base[given.columns] = given.loc[index].astype(float)
            return base.mask(frame.isna())

        infos = [_info(str(name), frame[name], (kinds or {}).get(str(name))) for name in frame]
        return cls(frame, aligned(standard_errors, 0.0), aligned(counts, np.nan), features=infos)

    @classmethod
    def from_long(
        cls,
        long: pd.DataFrame,
        features: Sequence[FeatureInfo],
        ledger: pd.DataFrame | None = None,
        error_correlation: pd.DataFrame | None = None,
        response: pd.DataFrame | None = None,
    ) -> SiteProfiles:
        """Make profiles from `to_long` output; every site and round needs every feature.

        Parameters
        ----------
        long : DataFrame
            Columns `LONG_COLUMNS`, one row a site, round and feature.
        features : sequence of FeatureInfo
            The features of `long`, in the order wanted.
        ledger, error_correlation, response : DataFrame, optional
            As for the class.

        Returns
        -------
        SiteProfiles

        Raises
        ------
        StudyError
            With every problem found.
        """
        names = [info.name for info in features]
        order = pd.MultiIndex.from_frame(long[INDEX].drop_duplicates())

        def table(column: str) -> pd.DataFrame:
            wide = long.set_index([*INDEX, "feature"])[column].unstack("feature")
            return wide.loc[order, names].rename_axis(columns=None)

        values = table("value")
        for info in features:
            if info.kind != "category":
                values[info.name] = values[info.name].astype(float)
        return cls(
            values,
            table("standard_error"),
            table("n"),
            table("reason").fillna(""),
            features,
            ledger,
            error_correlation,
            response,
        )

    def __len__(self) -> int:
        return len(self.values)

    def __repr__(self) -> str:
        sites = self.values.index.get_level_values("site").nunique()
        gaps = float(self.values.isna().to_numpy().mean()) if self.values.size else 0.0
        return f"<SiteProfiles: {sites} sites, {len(self.features)} features, {gaps:.0%} missing>"

    @property
    def sites(self) -> list[str]:
        """Site names in order of first appearance."""
        return list(dict.fromkeys(self.values.index.get_level_values("site")))

    @property
    def rounds(self) -> list[str]:
        """Rounds in order of first appearance."""
        return list(dict.fromkeys(self.values.index.get_level_values("round")))

    def info(self, name: str) -> FeatureInfo:
        """Say what feature `name` is."""
        return next(info for info in self.features if info.name == name)

    def select(
        self,
        *,
        use: str | None = None,
        round: str | None = None,
        sites: Sequence[str] | None = None,
    ) -> SiteProfiles:
        """Keep features of one use, profiles of one round, or some sites.

        Parameters
        ----------
        use : {"build", "evaluate"}, optional
            ``"build"`` for the features that the proposed types are built from, which no
            category is; ``"evaluate"`` for those that are declared so.
        round : str, optional
        sites : sequence of str, optional
            Kept in this order.

        Returns
        -------
        SiteProfiles
            With the whole ledger, response and agreement of sources.
        """
        names = [info.name for info in self.features if use is None or _has_use(info, use)]
        rows = self.values.index
        if round is not None:
            rows = rows[rows.get_level_values("round") == round]
        if sites is not None:
            place = {site: at for at, site in enumerate(sites)}
            kept = rows[rows.get_level_values("site").isin(place)]
            order = np.argsort(
                [place[site] for site in kept.get_level_values("site")], kind="stable"
            )
            rows = kept[order]
        return SiteProfiles(
            self.values.loc[rows, names],
            self.standard_errors.loc[rows, names],
            self.counts.loc[rows, names],
            self.reasons.loc[rows, names],
            [info for info in self.features if info.name in names],
            self.ledger,
            self.error_correlation.loc[names, names],
            self.response,
            self.source_agreement,
            self.weighting,
        )

    def to_long(self) -> pd.DataFrame:
        """One row a site, round and feature, with columns `LONG_COLUMNS`.

        A category stands in ``value`` as text; all values are text then, numbers written in full.
        """
        parts = []
        for info in self.features:
            parts.append(
                pd.DataFrame(
                    {
                        "feature": info.name,
                        "value": self.values[info.name].astype(object),
                        "standard_error": self.standard_errors[info.name].astype(float),
                        "n": self.counts[info.name].astype(float),
                        "reason": self.reasons[info.name].astype(str),
                    },
                    index=self.values.index,
                )
            )
        long = pd.concat(parts).reset_index()[LONG_COLUMNS]
        if any(info.kind == "category" for info in self.features):
            long["value"] = [
                None if pd.isna(v) else v if isinstance(v, str) else repr(float(v))
                for v in long["value"]
            ]
            long["value"] = long["value"].astype("str")
        else:
            long["value"] = long["value"].astype(float)
        return long

    def intervals(self, level: float = 0.95) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Lower and upper limit of every value; see `site_typology.intervals`."""
        frames = (self.values, self.standard_errors, self.counts)
        return interval_frames(*frames, self.features, level)

    def pooled(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Values drawn to the mean of their round, and their errors: `site_typology.pooling`."""
        frames = (self.values, self.standard_errors, self.counts)
        return pooled_frames(*frames, self.features)

    @property
    def hash(self) -> str:
        """SHA-256 of values, errors, counts, reasons and feature definitions."""
        digest = hashlib.sha256()
        digest.update(
            json.dumps([info.to_dict() for info in self.features], sort_keys=True).encode()
        )
        digest.update(self.to_long().to_csv(index=False, float_format="%.12g").encode())
        digest.update(self.error_correlation.to_csv(float_format="%.9g").encode())
        return digest.hexdigest()

    def save(self, folder: str | Path) -> None:
        """Write the profiles to a folder: Parquet and JSON, nothing executable."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.to_long().to_parquet(folder / "profiles.parquet", index=False)
        self.ledger.astype(str).to_parquet(folder / "ledger.parquet", index=False)
        self.response.to_parquet(folder / "response.parquet", index=False)
        self.source_agreement.to_parquet(folder / "source_agreement.parquet", index=False)
        self.weighting.to_parquet(folder / "weighting.parquet", index=False)
        content = {
            "features": [info.to_dict() for info in self.features],
            "error_correlation": self.error_correlation.to_numpy().tolist(),
        }
        (folder / "features.json").write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> SiteProfiles:
        """Read profiles written by `save`."""
        folder = Path(folder)
        content = json.loads((folder / "features.json").read_text(encoding="utf-8"))
        infos = [FeatureInfo.from_dict(info) for info in content["features"]]
        names = [info.name for info in infos]
        ledger = pd.read_parquet(folder / "ledger.parquet")
        ledger["n"] = ledger["n"].astype(int)
        profiles = cls.from_long(
            pd.read_parquet(folder / "profiles.parquet"),
            infos,
            ledger,
            pd.DataFrame(content["error_correlation"], index=names, columns=names, dtype=float),
            pd.read_parquet(folder / "response.parquet"),
        )
        agreement = folder / "source_agreement.parquet"
        if agreement.is_file():
            # Profiles written before groups were named have no columns for them.
            profiles.source_agreement = pd.read_parquet(agreement).reindex(
                columns=AGREEMENT_COLUMNS, fill_value=""
            )
        if (folder / "weighting.parquet").is_file():
            profiles.weighting = pd.read_parquet(folder / "weighting.parquet")
        return profiles


def _check_frame(values: pd.DataFrame) -> None:
    """Refuse what is no table with one column a feature and one named row a site."""
    found = Problems("profiles")
    if not isinstance(values, pd.DataFrame):
        found.add("values", f"Expected a DataFrame, one row a site; found {type(values).__name__}.")
        found.raise_if_any()
    for name in dict.fromkeys(values.columns[values.columns.duplicated()]):
        found.add(str(name), "The column is there twice. Keep one, or rename it.")
    if values.index.to_frame().isna().to_numpy().any():
        found.add("index", "A row has no site. Name every site.")
    found.raise_if_any()


def _profile_index(index: pd.Index) -> pd.MultiIndex:
    if isinstance(index, pd.MultiIndex):
        pairs = [(str(site), str(round_)) for site, round_ in index]
    else:
        pairs = [(str(site), ONE_ROUND) for site in index]
    return pd.MultiIndex.from_tuples(pairs, names=INDEX)


def _has_use(info: FeatureInfo, use: str) -> bool:
    return info.builds if use == "build" else info.use == use


def _info(name: str, column: pd.Series, kind: str | FeatureInfo | None) -> FeatureInfo:
    if isinstance(kind, FeatureInfo):
        return dataclasses.replace(kind, name=name)
    if kind is None:
        kind = "continuous" if pd.api.types.is_numeric_dtype(column) else "category"
    kind, _, composition = kind.partition(":")
    use = "evaluate" if kind == "category" else "build"
    return FeatureInfo(name, kind=kind, use=use, composition=composition)
