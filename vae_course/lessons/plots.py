"""Figures, each answering one question. Every function returns one: end a cell with the call to see it."""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.figure
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator
from torch import Tensor
from torch.distributions import Normal

from vae_course.models import evaluating

# Okabe & Ito's palette for readers of every colour vision. The first four are dark enough for lines and dots on white,
# the pale ones are for areas; line styles and markers say the same without colour.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#F0E442")
# After Paul Tol's muted palette, with the pale ones darkened: ten classes, whose markers are digits as well.
CLASSES = (
    "#332288", "#C0504D", "#117733", "#AA4499", "#7A7A1F", "#000000", "#882255", "#2A8778", "#B07D00", "#4477AA",
)  # fmt: skip


class Figure(matplotlib.figure.Figure):
    """A Matplotlib figure of a size in inches, which notebooks show as PNG. pyplot does not know of it, so none is
    shown twice and none is left open."""

    def __init__(self, width: float, height: float) -> None:
        super().__init__(figsize=(width, height), dpi=100, layout="constrained")

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def _pixels(images: Tensor) -> np.ndarray:
    """(n, 1 or 3, h, w) -> (n, h, w) or (n, h, w, 3), as imshow wants them."""
    array = images.detach().float().cpu().clamp(0, 1)
    return (array[:, 0] if array.shape[1] == 1 else array.permute(0, 2, 3, 1)).numpy()


def _show(axes: Axes, picture: np.ndarray, extent: tuple[float, float, float, float] | None = None) -> None:
    axes.imshow(picture, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest", extent=extent)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("0.8")


def image_rows(rows: Mapping[str, Tensor], title: str | None = None) -> Figure:
    """What do these images look like, row against row? rows: label -> images (n, c, h, w), all of one n."""
    columns = {len(images) for images in rows.values()}
    if len(columns) != 1:
        raise ValueError(f"each row needs the same number of images, not {sorted(columns)}")
    n = columns.pop()
    page = Figure(1.3 + 0.62 * n, 0.66 * len(rows) + 0.35 * bool(title))
    axes = page.subplots()  # one for all: axes take longer to make than pictures
    top, middles = 0.0, []
    for images in rows.values():
        height = images.shape[2] / images.shape[3]  # of a picture whose width is 1
        for left, picture in zip(1.1 * np.arange(n), _pixels(images), strict=True):
            _show(axes, picture, extent=(left, left + 1, top + height, top))
            axes.add_patch(Rectangle((left, top), 1, height, fill=False, color="0.8"))
        middles.append(top + height / 2)
        top += height + 0.1
    axes.set(xlim=(-0.02, 1.1 * n - 0.08), ylim=(top - 0.08, -0.02))
    axes.set_anchor("W")  # where the rows are less wide than the page, the labels' room is still on the left
    axes.set_yticks(middles, list(rows))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if title:
        page.suptitle(title, fontsize=10)
    return page


def learning_curves(histories: Mapping[str, Any]) -> Figure:
    """Is it still learning, and does it learn more than the training images? histories: label -> History."""
    page = Figure(6.4, 3.6)
    axes = page.subplots()
    shown: list[float] = []
    tested: list[float] = []
    for index, (label, history) in enumerate(histories.items()):
        colour = PALETTE[index % len(PALETTE)]
        train = -np.asarray(history.train)
        dash, marker = ((0, (5, 2)), (0, (1, 1)), "-.", (0, (8, 2, 1, 2)))[index % 4], "os^D"[index % 4]
        axes.plot(1 + np.arange(len(train)), train, linestyle=dash, color=colour, label=f"{label}, train")
        finite = train[np.isfinite(train)]
        if len(finite):
            shown += [finite[min(4, len(finite) - 1)], finite.min()]
        if history.test:
            epochs, values = 1 + np.array(list(history.test)), -np.array(list(history.test.values()))
            axes.plot(epochs, values, f"{marker}-", color=colour, markersize=4, label=f"{label}, test")
            tested += values[np.isfinite(values) & (epochs >= min(5, len(train)))].tolist()
    if shown:  # the first epochs would squeeze all others into a line
        low, high = min(shown) - 0.3, max(shown) + 0.3
        outside = [value for value in tested if not low <= value <= high]  # as where a model over-fits
        axes.set_ylim(min([low, *(value - 0.3 for value in outside)]), max([high, *(value + 0.3 for value in outside)]))
    axes.set(xlabel="epoch", ylabel="−ELBO (nats per image)")
    axes.legend()
    return page


def bars(series: Mapping[str, Mapping[str, float]], label: str) -> Figure:
    """How large is each of these? series: label -> (name -> number), all of the same names; label: of the axis."""
    names = list(next(iter(series.values())))
    page = Figure(5.6, 0.6 + (0.1 + 0.2 * len(series)) * len(names))
    axes = page.subplots()
    height = 0.8 / len(series)
    for index, (name, values) in enumerate(series.items()):
        places = np.arange(len(names)) + (index + 0.5) * height - 0.4
        lengths, hatch = [values[n] for n in names], ("", "///", "...")[index % 3]
        colour = PALETTE[index % len(PALETTE)]
        axes.barh(places, lengths, height, label=name, color=colour, hatch=hatch, edgecolor="white")
    axes.set(xlabel=label, yticks=range(len(names)), yticklabels=names)
    axes.invert_yaxis()
    if len(series) > 1:
        axes.legend()
    return page


def density_map(log_prob: Callable[[Tensor], Tensor], reach: float, points: Tensor | None = None) -> Figure:
    """Where in the plane is the density high, and are the points there? log_prob: (n, 2) -> (n,); points: (m, 2)."""
    tick = torch.linspace(-reach, reach, 201)
    density = log_prob(torch.cartesian_prod(tick, tick)).detach().exp().reshape(201, 201)
    page = Figure(4.8, 4.0)
    axes = page.subplots()
    colours = axes.pcolormesh(tick.numpy(), tick.numpy(), density.T.numpy(), cmap="Blues", rasterized=True)
    page.colorbar(colours, label="density")
    if points is not None:
        axes.plot(*points.detach().T.numpy(), ".", color=PALETTE[1], markersize=3)
    axes.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal", xlim=(-reach, reach), ylim=(-reach, reach))
    return page


@functools.cache
def _digit(value: int) -> MarkerStyle:
    return MarkerStyle(f"${value}$")  # to shape one from text takes ten milliseconds


def _digit_scatter(axes: Axes, codes: Tensor, labels: Tensor) -> None:
    for value in labels.unique().tolist():
        x, y = codes[labels == value].detach().cpu().T.numpy()
        colour = CLASSES[value % 10]
        axes.plot(x, y, marker=_digit(value), linestyle="", color=colour, markersize=5.5, markeredgewidth=0.2)
    axes.set(xlabel="$z_1$", ylabel="$z_2$", aspect="equal")


def latent_scatter(codes: Tensor, labels: Tensor) -> Figure:
    """Where does the encoder put each class? codes: (n, 2); labels: (n,), small integers drawn as markers."""
    page = Figure(5.2, 4.8)
    _digit_scatter(page.subplots(), codes, labels)
    return page


def manifold(model: Any, n: int = 15) -> Figure:
    """What does each place of a 2-D latent space decode to? The grid cuts N(0, I) into cells of equal mass."""
    ticks = Normal(0.0, 1.0).icdf((torch.arange(n) + 0.5) / n)
    z = torch.stack(torch.meshgrid(ticks, ticks.flip(0), indexing="xy"), dim=-1)
    with torch.no_grad(), evaluating(model):
        pictures = _pixels(model.decode(z.reshape(-1, 2)).mean)
    white_line = [(0, 0), (0, 1), (0, 1), (0, 0)][: pictures.ndim]
    pictures = np.pad(pictures, white_line, constant_values=1.0 if pictures.ndim == 4 else 0.0)
    h, w = pictures.shape[1:3]
    sheet = pictures.reshape(n, n, h, w, -1).swapaxes(1, 2).reshape(n * h, n * w, -1).squeeze()
    page = Figure(5.6, 5.6)
    axes = page.subplots()
    _show(axes, sheet)
    shown = sorted({0, (n - 1) // 4, (n - 1) // 2, n - 1 - (n - 1) // 4, n - 1})
    names = [f"{ticks[i]:.1f}".replace("-", "−") for i in shown]
    axes.set_xticks([(i + 0.5) * w - 1 for i in shown], names)
    axes.set_yticks([(n - i - 0.5) * h - 1 for i in shown], names)
    axes.set(xlabel="$z_1$", ylabel="$z_2$")
    return page


def latent_map(model: Any, codes: Tensor, labels: Tensor, z: Sequence[float]) -> Figure:
    """What does the decoder make of this one place z = (z_1, z_2), among the codes of the data?"""
    page = Figure(7.2, 4.2)
    left, right = page.subplots(1, 2, width_ratios=(1.6, 1))
    _digit_scatter(left, codes, labels)
    left.plot(*z, marker="+", color="black", markersize=18, markeredgewidth=2.5)
    reach = max(1, math.ceil(max(codes.abs().max().item(), *map(abs, z))))  # in steps, so that the map seldom changes
    left.set(xlim=(-reach, reach), ylim=(-reach, reach))
    point = torch.tensor([list(z)], dtype=torch.float32)
    with torch.no_grad(), evaluating(model):
        _show(right, _pixels(model.decode(point).mean)[0])
    right.set_title(f"decoded at ({z[0]:.1f}, {z[1]:.1f})".replace("-", "−"), fontsize=10)
    return page


def plain_ticks(axis: Axis) -> None:
    """On a logarithmic axis: 1, 2 and 5 of each power of ten, written out."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:,g}")
    axis.set_minor_locator(NullLocator())


def case_files(cases: Mapping[str, tuple[Sequence[float], Mapping[str, Tensor], str]]) -> Figure:
    """How did it train, what does it draw, what was measured? cases: name -> (loss of each step, images as for
    `image_rows`, text)."""
    page = Figure(9.4, 1.75 * len(cases))
    steps = max(len(loss) for loss, _, _ in cases.values())
    grid = page.subplots(len(cases), 3, squeeze=False)
    for line, (name, (loss, rows, text)) in zip(grid, cases.items(), strict=True):
        values = np.asarray(loss, dtype=float)
        line[0].plot(1 + np.arange(len(values)), values, ".-", color=PALETTE[0], markersize=2)
        if np.abs(np.nan_to_num(values, posinf=0, neginf=0)).max() > 1e4:
            ends = [np.nanmin(values[np.isfinite(values)]), np.nanmax(values[np.isfinite(values)])]
            line[0].set_yscale("symlog")
            line[0].set_yticks(ends, [f"{value:.0e}" for value in ends])
            line[0].minorticks_off()
        line[0].set(xlabel="step", ylabel="loss (nats)", xlim=(1 - 0.02 * steps, steps))
        line[0].set_title(name, loc="left", fontweight="bold", fontsize=10)
        border = [(0, 0), (1, 1), (1, 1), (0, 0)]
        arrays = [_pixels(images) for images in rows.values()]
        pictures = np.stack([np.pad(a, border[: a.ndim], constant_values=0.2) for a in arrays])
        r, n, h, w = pictures.shape[:4]
        sheet = pictures.swapaxes(1, 2).reshape(r * h, n * w, *pictures.shape[4:])
        _show(line[1], sheet)
        line[1].set_yticks([(i + 0.5) * h - 0.5 for i in range(r)], list(rows))
        line[2].text(0, 0.5, text, va="center", fontsize=9.5)
        line[2].axis("off")
    return page


def strips(groups: Mapping[str, Sequence[Mapping[str, float]]], limits: Mapping[str, Sequence[float]]) -> Figure:
    """Which measurement sets which group apart? groups: name -> one mapping measurement -> number for each member;
    limits: measurement -> where to draw dotted lines. A measurement that spans a factor of 1,000 has a log axis."""
    page = Figure(9.4, 0.9 + 0.26 * len(groups))
    for axes, (name, lines) in zip(
        page.subplots(1, len(limits), sharey=True, squeeze=False)[0], limits.items(), strict=True
    ):
        points = [(m[name], row) for row, members in enumerate(groups.values()) for m in members if name in m]
        values, places = np.array(points).reshape(-1, 2).T  # of nobody, where nobody has been measured
        axes.plot(values, places, "o", color=PALETTE[0], alpha=0.6, markersize=5)
        for value in lines:
            axes.axvline(value, color=PALETTE[1], linestyle=":")
        if len(values) and values.min() > 0 and values.max() > 1000 * values.min():
            axes.set_xscale("log")
        axes.set(xlabel=name, ylim=(len(groups) - 0.5, -0.5))
        axes.set_yticks(range(len(groups)), list(groups))
    return page


def confusion(
    pairs: Sequence[tuple[str, str]], rows: Sequence[str], columns: Sequence[str], labels: tuple[str, str]
) -> Figure:
    """What was taken for what, and how often? pairs: (one of rows, one of columns) for each case; labels: of the
    vertical and the horizontal axis."""
    counts = np.zeros((len(rows), len(columns)))
    for row, column in pairs:
        counts[rows.index(row), columns.index(column)] += 1
    page = Figure(7.6, 1.9 + 0.25 * len(rows))
    axes = page.subplots()
    axes.imshow(counts, cmap="Blues", vmin=0, vmax=1.5 * counts.max(), aspect="auto")
    for i, j in np.argwhere(counts):
        axes.text(j, i, f"{counts[i, j]:.0f}", ha="center", va="center")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right")
    axes.set(ylabel=labels[0], xlabel=labels[1])
    return page


def curves(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    x_label: str,
    y_label: str,
    *,
    log: str = "",
    levels: Mapping[str, float] | None = None,
    legend: Any = "best",
) -> Figure:
    """How does one number change with another? series: label -> (x values, y values).

    log: "x", "y" or "xy", the axes that are logarithmic; levels: label -> y, drawn as a line across; legend: its place,
    as Matplotlib names it
    """
    if log not in ("", "x", "y", "xy"):
        raise ValueError(f"log must be '', 'x', 'y' or 'xy', not {log!r}")
    page = Figure(5.6, 3.2)
    axes = page.subplots()
    styles = ("o-", "s:", "^--", "D-.")
    for index, (label, (x, y)) in enumerate(series.items()):
        colour, style = PALETTE[index % len(PALETTE)], styles[index % len(styles)]
        axes.plot(np.asarray(x), np.asarray(y), style, color=colour, markersize=4, label=label)
    for label, level in (levels or {}).items():
        axes.axhline(float(level), linestyle=(0, (6, 3)), color="black", linewidth=1, label=label)
    for axis in log:
        getattr(axes, f"set_{axis}scale")("log")
    values = sorted({float(v) for x, _ in series.values() for v in x}) if "x" in log else []
    if 0 < len(values) <= 8 and all(float(f"{v:.2g}") == v for v in values):  # so that each can be read off
        axes.set_xticks(values, [f"{v:,g}" for v in values], minor=False)
        axes.minorticks_off()
    axes.set(xlabel=x_label, ylabel=y_label)
    axes.legend(loc=legend)
    return page
