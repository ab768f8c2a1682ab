"""Figures of the types: profile plot, map, confidence of each site, drivers of membership."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from site_typology.describe import (
    BORDERLINE,
    centre_and_spread,
    is_claimed,
    site_groups,
    type_names,
    type_profiles,
    type_sizes,
)
from site_typology.explain import direction_word
from site_typology.feature_titles import titles_of
from site_typology.figure_canvas import (
    FAINT,
    INK,
    MUTED,
    SITES,
    Drawing,
    colour,
    evenly,
    label_points,
    listed,
    shape,
    shape_name,
    shortened,
    whole,
    wrapped,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from site_typology.explain import Explanation
    from site_typology.typology import Typology

MOST_FEATURES = 16
MOST_SITE_ROWS = 60
MOST_DRIVERS = 8
MOST_DOTS = 300
MOST_MAPPED = 3000
SMALLEST_FOR_UMAP = 10


def profile_drawing(typology: Typology) -> Drawing:
    """Each type's mean and interval on each feature, over the sites themselves."""
    profile = type_profiles(typology)
    features = shown_features(typology, profile)
    titles = {info.name: info.title for info in typology.profiles.features}
    types = list(type_sizes(typology))
    per_row = max(0.5, 0.17 * len(types) + 0.22)

    def draw(axes: list[Axes]) -> None:
        axis = axes[0]
        for row, feature in enumerate(features):
            _profile_row(axis, typology, profile[profile["feature"] == feature], row, types)
        axis.set_yticks(range(len(features)), [wrapped(titles[name]) for name in features])
        axis.set_ylim(len(features) - 0.45, -0.55)
        axis.axvline(0, color=MUTED, linewidth=1)
        axis.set_xlabel("Standard deviations\nfrom the mean of all sites")
        axis.tick_params(axis="y", length=0)
        axis.grid(axis="x", color="#e7eaee")
        if is_claimed(typology):
            _type_legend(axis, typology)

    return Drawing(
        "Profile of each type" if is_claimed(typology) else "Profile of all sites",
        _profile_words(typology, profile, features),
        1.3 + per_row * len(features) + 0.26 * (len(types) if is_claimed(typology) else 0),
        draw,
    )


def shown_features(typology: Typology, profile: pd.DataFrame) -> list[str]:
    """Features to draw, in the study's order: all, or those that set types apart the most."""
    every = list(dict.fromkeys(profile.dropna(subset="z")["feature"]))
    if len(every) <= MOST_FEATURES:
        return every
    build = {info.name for info in typology.profiles.features if info.builds}
    widest = profile.groupby("feature")["z"].agg(lambda z: z.abs().max())
    ranked = sorted(every, key=lambda name: (name not in build, -widest[name], name))
    return [name for name in every if name in ranked[:MOST_FEATURES]]


def _profile_row(
    axis: Axes, typology: Typology, rows: pd.DataFrame, at: int, types: list[str]
) -> None:
    """Draw one feature: sites as faint dots, types as marks with intervals."""
    feature = rows["feature"].iloc[0]
    values = typology.profiles.values[feature].to_numpy(dtype=float, na_value=np.nan)
    centre, spread = centre_and_spread(values)
    groups = site_groups(typology)
    step = 0.7 / max(len(types), 1)
    for place, row in enumerate(rows.sort_values("type").itertuples()):
        label = 1 if row.type == "all" else int(row.type)
        y = at + (place - (len(types) - 1) / 2) * step
        own = (np.sort(values[(groups == label) & ~np.isnan(values)]) - centre) / spread
        own = own[evenly(len(own), MOST_DOTS)]
        axis.plot(own, np.full(len(own), y), ".", color=SITES, markersize=5, zorder=1)
        tone = INK if row.type == "all" else colour(label)
        axis.plot([row.z_low, row.z_high], [y, y], color=tone, linewidth=2, zorder=2)
        axis.plot(
            row.z, y, shape(label), color=tone, markeredgecolor="white", markersize=8, zorder=3
        )


def _profile_words(typology: Typology, profile: pd.DataFrame, features: list[str]) -> str:
    start = (
        "For each feature, grey dots are sites, a mark is the mean of a type's sites and the line "
        "its 95% interval, measurement error included."
    )
    if not is_claimed(typology):
        return (
            start.replace("a type's sites", "all sites") + f" {len(features)} features are shown."
        )
    every = len(set(profile["feature"]))
    cut = (
        ""
        if every == len(features)
        else (f" Of {every} features, the {len(features)} that set types apart the most are shown.")
    )
    names = type_names(typology, profile)
    parts = [f"type {label} ({shape_name(int(label))}): {names[label]}" for label in names]
    return f"{start}{cut} {'; '.join(parts)}."


def map_drawing(typology: Typology, method: Literal["umap", "pca"], seed: int) -> Drawing:
    """Sites on a plane, near each other where their profiles are alike."""
    # A map of tens of thousands of sites shows no more than one of some thousands.
    shown = evenly(len(typology.posterior_means), MOST_MAPPED)
    means = typology.posterior_means.iloc[shown]
    points, by_umap = site_map(means, method, seed)
    names = list(means.index.astype(str))
    groups = typology.labels.reindex(names).fillna(0).to_numpy(dtype=int)
    claimed, every = is_claimed(typology), len(typology.posterior_means)
    counted = f"{every} sites" if len(names) == every else f"{len(names)} of {every} sites"
    way = (
        "drawn by UMAP, which keeps near sites near; distances between far sites, gaps and the "
        "shape of the cloud mean nothing"
        if by_umap
        else "drawn on the first two principal components of the profiles"
    )

    def draw(axes: list[Axes]) -> None:
        axis = axes[0]
        if not claimed:
            axis.plot(*points.T, "o", color=MUTED, markeredgecolor="white", markersize=8)
        else:
            _draw_groups(axis, typology, points, groups)
        if len(names) <= MOST_SITE_ROWS:
            label_points(axis, points, [shortened(name, 16) for name in names])
        axis.set_xticks([])
        axis.set_yticks([])
        axis.margins(0.12)
        axis.set_xlabel("Drawn by UMAP" if by_umap else "First two principal components")
        for side in ("left", "bottom"):
            axis.spines[side].set_visible(False)

    legend = 0.26 * (typology.k + 1) if claimed else 0.0
    kinds = "shape and colour show the type" if claimed else "no types are claimed"
    return Drawing(
        "Map of the sites",
        f"{counted} {way}; {kinds}. The map is a picture: no type is made from it.",
        4.6 + legend,
        draw,
    )


def _draw_groups(axis: Axes, typology: Typology, points: np.ndarray, groups: np.ndarray) -> None:
    for label in range(1, typology.k + 1):
        axis.plot(
            *points[groups == label].T, shape(label), color=colour(label), linestyle="",
            markeredgecolor="white", markersize=9,
        )  # fmt: skip
    if (groups == 0).any():
        axis.plot(*points[groups == 0].T, "o", color="white", markeredgecolor=INK, markersize=8)
    _type_legend(axis, typology, unplaced=bool((groups == 0).any()))


def site_map(
    posterior_means: pd.DataFrame, method: Literal["umap", "pca"], seed: int
) -> tuple[np.ndarray, bool]:
    """Place the sites on a plane by their posterior means, each column scaled to SD 1.

    Parameters
    ----------
    posterior_means : DataFrame, shape (n_sites, n_columns)
        From a typology.
    method : {"umap", "pca"}
        Fewer than `SMALLEST_FOR_UMAP` sites are always placed by their principal components.
    seed : int

    Returns
    -------
    points : ndarray, shape (n_sites, 2)
    by_umap : bool
    """
    means = posterior_means.to_numpy(dtype=float)
    spread = means.std(axis=0)
    scaled = (means - means.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    if method == "pca" or len(means) < SMALLEST_FOR_UMAP:
        return _principal(scaled), False
    umap = _umap()
    # A third of the sites as neighbours: with few sites UMAP's default of 15 is most of them.
    state = int(np.random.SeedSequence(seed).generate_state(1)[0])
    reducer = umap.UMAP(
        n_neighbors=int(np.clip(len(means) // 3, 3, 15)), min_dist=0.8, init="pca",
        random_state=state, n_jobs=1,
    )  # fmt: skip
    return np.asarray(reducer.fit_transform(scaled), dtype=float), True


def _umap() -> ModuleType:
    # umap warns on import that it cannot offer its parametric variant without Tensorflow, which
    # is neither needed nor wanted here.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ImportWarning)
        import umap
    return umap  # type: ignore[no-any-return]  # umap has no types


def _principal(scaled: np.ndarray) -> np.ndarray:
    left, length, right = np.linalg.svd(scaled, full_matrices=False)
    # The sign of a component is free: its largest loading is made positive.
    signs = np.sign(right[np.arange(len(right)), np.abs(right).argmax(axis=1)])
    scores = left * length * np.where(signs == 0, 1.0, signs)
    return np.pad(scores[:, :2], ((0, 0), (0, max(0, 2 - scores.shape[1]))))


def _type_legend(axis: Axes, typology: Typology, *, unplaced: bool = False) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour(int(label)), marker=shape(int(label)), linestyle="",
               markersize=8, label=wrapped(f"{label}  {name}", 50, 2))
        for label, name in type_names(typology).items()
    ]  # fmt: skip
    if unplaced:
        handles.append(
            Line2D([], [], color="white", marker="o", linestyle="", markeredgecolor=INK,
                   markersize=8, label="no type")
        )  # fmt: skip
    whole(axis).legend(handles=handles, loc="outside upper left")


def confidence_drawing(typology: Typology) -> Drawing:
    """Membership probability of each site in its type, the least sure marked."""
    placed = typology.memberships.dropna(subset="type")
    rows = placed.sort_values(["type", "confidence", "site"], ascending=[True, False, True])
    unsure = rows[rows["confidence"] < BORDERLINE]
    many = len(rows) > MOST_SITE_ROWS

    def draw(axes: list[Axes]) -> None:
        axis = axes[0]
        if many:
            _confidence_by_type(axis, typology, rows)
        else:
            _confidence_by_site(axis, rows)
        axis.axvline(BORDERLINE, color=MUTED, linewidth=1, linestyle="--")
        axis.set_xlim(0, 1.04)
        axis.set_xlabel(f"Membership probability (dashed: {BORDERLINE:g})")
        axis.grid(axis="x", color="#e7eaee")

    words = f"{len(rows)} sites have a type; {len(unsure)} of them with probability below 0.8"
    named = f": {listed(list(unsure['site'].astype(str)))}" if len(unsure) else ""
    height = 1.0 + (0.55 * typology.k if many else 0.24 * len(rows))
    return Drawing("How sure each site's type is", f"{words}{named}.", max(height, 2.0), draw)


def _confidence_by_site(axis: Axes, rows: pd.DataFrame) -> None:
    for at, row in enumerate(rows.itertuples()):
        label = int(row.type)
        axis.plot([0, row.confidence], [at, at], color=FAINT, linewidth=2)
        axis.plot(row.confidence, at, shape(label), color=colour(label), markersize=7)
    axis.set_yticks(range(len(rows)), [shortened(str(name), 24) for name in rows["site"]])
    axis.tick_params(axis="y", length=0, labelsize=9)
    axis.set_ylim(len(rows) - 0.4, -0.6)


def _confidence_by_type(axis: Axes, typology: Typology, rows: pd.DataFrame) -> None:
    for label in range(1, typology.k + 1):
        own = rows.loc[rows["type"] == label, "confidence"].to_numpy(dtype=float)
        own = own[evenly(len(own), MOST_DOTS)]
        # Spread evenly, not at random, so that the figure is the same each time.
        height = label + np.linspace(-0.32, 0.32, len(own)) if len(own) > 1 else label
        axis.plot(own, np.broadcast_to(height, own.shape), shape(label), color=colour(label),
                  markersize=4, linestyle="")  # fmt: skip
    axis.set_yticks(range(1, typology.k + 1), [f"Type {at}" for at in range(1, typology.k + 1)])
    axis.set_ylim(typology.k + 0.6, 0.4)


def drivers_drawing(typology: Typology, explanation: Explanation) -> Drawing:
    """Features that go with each type most, with direction and spread."""
    titles = titles_of(typology.profiles.features)
    names = type_names(typology)
    tables = [
        (int(label), own.nlargest(MOST_DRIVERS, "importance"))
        for label, own in explanation.per_type.groupby("type")
    ]
    widest = max(float((own["importance"] + own["spread"]).max()) for _, own in tables)

    def draw(axes: list[Axes]) -> None:
        for axis, (label, own) in zip(axes, tables, strict=True):
            places = range(len(own))
            axis.barh(places, own["importance"], xerr=own["spread"], height=0.62,
                      color=colour(label), ecolor=INK, capsize=2)  # fmt: skip
            ticks = [
                f"{wrapped(titles[row.part or row.feature], 26, 2)} {_arrow(row.direction)}"
                + (" (all parts)" if row.part else "")
                for row in own.itertuples()
            ]
            axis.set_yticks(places, ticks)
            axis.set_ylim(len(own) - 0.4, -0.6)
            axis.set_xlim(0, widest * 1.05)
            axis.tick_params(axis="y", length=0)
            _heading(axis, wrapped(f"{label}  {names[str(label)]}", 44, 2))
        explained = "log-odds of the type" if explanation.method == "exact" else "probability"
        axes[-1].set_xlabel(f"Mean size of the contribution\nto the {explained}")

    heights = sum(0.82 + 0.36 * len(own) for _, own in tables)
    parts = [
        f"type {label}: "
        + ", ".join(
            f"{titles[row.part or row.feature]} "
            f"({direction_word(row.direction) or 'no one direction'})"
            for row in own.head(3).itertuples()
        )
        for label, own in tables
    ]
    return Drawing(
        "What membership is associated with",
        "Longest bars for each type, with whether higher or lower values speak for it: "
        + "; ".join(parts) + ". Lines show the spread over plausible values.",
        0.7 + heights,
        draw,
        panels=len(tables),
    )  # fmt: skip


def _heading(axis: Axes, words: str) -> None:
    """Put a title at the left edge of the figure, however wide the labels beside the axes are."""
    from matplotlib.transforms import blended_transform_factory, offset_copy

    figure = whole(axis)
    beside = blended_transform_factory(figure.transFigure, axis.transAxes)
    title = axis.set_title(words, loc="left", x=0.01)
    title.set_transform(offset_copy(beside, fig=figure, y=6, units="points"))


def _arrow(direction: float) -> str:
    return {"higher": "▲", "lower": "▼", "": "◆"}[direction_word(direction)]
