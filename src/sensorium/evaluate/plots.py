"""The pictures of a report, each from its findings, as SVG that needs no more escaping."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.ticker import MaxNLocator

from sensorium.evaluate.by_class import Confusion
from sensorium.evaluate.calibration import Calibration
from sensorium.evaluate.contribution import Contribution
from sensorium.evaluate.drawing import BAD, CALM, COLOURS, INK, MAIN, drawn
from sensorium.evaluate.fusion_help import FusionHelp
from sensorium.evaluate.intervals import Interval, number
from sensorium.evaluate.retrieval import Retrieval
from sensorium.evaluate.words import shortened, signed, title

MOST_CLASSES = 40
"""A confusion matrix of more classes is not drawn; its most frequent mistakes are listed."""

WRITTEN_CLASSES = 12
"""Up to so many classes the counts are written into the confusion matrix."""

MOST_BARS = 16
LABEL = 28
"""Labels of more characters are cut."""
ROLES = {"baseline": CALM, "part": "#7fb6c9", "pair": "#6aa98b", "late": "#a9a3d8", "fusion": MAIN}


def fusion_plot(help_: FusionHelp) -> str:
    """Draw how each way to answer did."""
    rows = help_.standings
    if len(rows) > MOST_BARS:  # of many parts, the best
        best = sorted(rows, key=lambda s: s.score.value * (1 if help_.lower_is_better else -1))
        kept = {id(s) for s in [*best[: MOST_BARS - 3], *(s for s in rows if s.role != "part")]}
        rows = tuple(s for s in rows if id(s) in kept)
    colours = [ROLES[s.role] for s in rows]
    score = title(help_.score)

    def draw(axes: Axes) -> None:
        _bars(axes, [s.name for s in rows], [s.score for s in rows], colours)
        axes.set_xlabel(f"{score}, less is better" if help_.lower_is_better else score)

    return drawn(draw, 0.9 + 0.36 * len(rows), f"{score} of each way to answer, with intervals")


def search_plot(found: Retrieval) -> str:
    """Draw how often the first items are right, beside guessing."""
    names = [name for name in found.metrics if name in found.chance]

    def draw(axes: Axes) -> None:
        guess = [Interval(found.chance[n], found.chance[n], found.chance[n]) for n in names]
        labels = [label for n in names for label in (title(n), "guessing")]
        values = [v for pair in zip((found.metrics[n] for n in names), guess, strict=True)
                  for v in pair]  # fmt: skip
        _bars(axes, labels, values, [MAIN, CALM] * len(names))
        axes.set_xlabel("share of queries")

    label = f"recall of {found.query} → {found.item}, beside guessing"
    return drawn(draw, 0.9 + 0.72 * len(names), label)


def contribution_plot(found: Sequence[Contribution], score: str) -> str:
    """Draw what is lost when each column is shuffled."""
    some = found[:MOST_BARS]

    def draw(axes: Axes) -> None:
        _bars(axes, [c.column for c in some], [c.loss for c in some], [MAIN] * len(some), sign=True)
        axes.axvline(0, color=INK, linewidth=0.6)
        axes.set_xlabel(f"{title(score)} lost when the column is shuffled")

    return drawn(draw, 0.9 + 0.36 * len(some), "what each column contributes, with intervals")


def _bars(
    axes: Axes,
    names: Sequence[str],
    scores: Sequence[Interval],
    colours: Sequence[str],
    *,
    sign: bool = False,
) -> None:
    places = np.arange(len(names))[::-1]
    values = np.array([s.value for s in scores])
    lows, highs = (np.nan_to_num(np.array(e), nan=0.0) for e in _ends(scores))
    axes.barh(places, values, height=0.62, color=colours)
    axes.errorbar(values, places, xerr=[lows, highs], fmt="none", ecolor=INK, elinewidth=1.1)
    axes.set_yticks(places, [shortened(name, LABEL) for name in names])
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    right = max(float((values + highs).max()), 0.0)
    left = min(float((values - lows).min()), 0.0)
    room = max(right - left, 1e-12)
    axes.set_xlim(left - 0.02 * room * (left < 0), right + 0.24 * room)
    axes.set_xticks([tick for tick in axes.get_xticks() if left <= tick <= right + 1e-9])
    for place, score, high in zip(places, scores, highs, strict=True):
        text = signed(score.value) if sign else number(score.value)
        across = max(score.value + high, 0.0) + 0.02 * room
        axes.text(across, place, text, va="center", fontsize=9)


def _ends(scores: Sequence[Interval]) -> tuple[list[float], list[float]]:
    lows = [max(0.0, s.value - s.low) for s in scores]
    return lows, [max(0.0, s.high - s.value) for s in scores]


def confusion_plot(found: Confusion) -> str | None:
    """Draw a confusion matrix, each row as shares of its class; None for too many classes."""
    if len(found.true) > MOST_CLASSES:
        return None
    shares = found.counts / np.maximum(found.counts.sum(1, keepdims=True), 1)

    def draw(axes: Axes) -> None:
        downs, acrosses = np.nonzero(found.counts)
        squares = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) - 0.5
        corners = squares + np.stack([acrosses, downs], 1)[:, None]
        colours = [
            to_rgba(MAIN if down == across else BAD, 0.08 + 0.77 * shares[down, across])
            for down, across in zip(downs, acrosses, strict=True)
        ]
        axes.add_collection(PolyCollection(list(corners), facecolor=colours, edgecolor="none"))
        if len(found.true) <= WRITTEN_CLASSES:
            for down, across in zip(downs.tolist(), acrosses.tolist(), strict=True):
                text = f"{found.counts[down, across]:,}"
                axes.text(across, down, text, ha="center", va="center", fontsize=8.5)
        _square(axes, found)

    return drawn(draw, min(4.8, 1.5 + 0.42 * len(found.true)), "confusion matrix")


def _square(axes: Axes, found: Confusion) -> None:
    small = 8.5 if len(found.true) <= WRITTEN_CLASSES + 4 else 6
    axes.set_xlim(-0.5, len(found.answered) - 0.5)
    axes.set_ylim(len(found.true) - 0.5, -0.5)
    axes.set_aspect("equal")
    axes.set_xticks(range(len(found.answered)), [shortened(n, 16) for n in found.answered])
    axes.set_yticks(range(len(found.true)), [shortened(n, 16) for n in found.true])
    axes.tick_params(length=0, labelsize=small)
    axes.tick_params(axis="x", labelrotation=45 if len(found.answered) > 3 else 0)
    for label in axes.get_xticklabels():
        label.set_horizontalalignment("right" if len(found.answered) > 3 else "center")
        label.set_rotation_mode("anchor")
    axes.set_xlabel("answered")
    axes.set_ylabel("true")
    for spine in axes.spines.values():
        spine.set_visible(True)


def calibration_plot(found: Calibration) -> str:
    """Draw a calibration curve: what happened against what was stated."""
    answers = np.array([b.answers for b in found.bins], dtype=float)
    stated = [b.stated for b in found.bins]
    happened = [b.happened for b in found.bins]

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.plot(stated, happened, color=MAIN, linewidth=1.6)
        axes.scatter(stated, happened, s=12 + 160 * answers / answers.max(), color=MAIN, alpha=0.75)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("stated probability")
        axes.set_ylabel("share that came true")

    return drawn(draw, 3.4, "calibration curve; the broken line is perfect")


def points_plot(points: Float[np.ndarray, " points 2"], target: str) -> str:
    """Draw answered values against true ones."""

    def draw(axes: Axes) -> None:
        ends = [float(points.min()), float(points.max())]
        axes.plot(ends, ends, color=INK, linewidth=0.7, linestyle=(0, (4, 3)))
        axes.scatter(points[:, 0], points[:, 1], s=13, color=MAIN, alpha=0.45, linewidths=0)
        axes.set_xlabel(f"true {shortened(target, LABEL)}")
        axes.set_ylabel("answered")

    return drawn(draw, 3.6, "answered values against true ones; the broken line is perfect")


def loss_plot(history: Sequence[Mapping[str, Any]]) -> str:
    """Draw the training losses of each epoch: of the targets, and of the parts alone (broken)."""
    names = sorted({name for record in history for name in record.get("losses", {})})
    lines = {name: [_nan(r.get("losses", {}).get(name)) for r in history] for name in names}
    if not 0 < len(lines) <= len(COLOURS):
        lines = {"loss": [_nan(record.get("loss")) for record in history]}

    def draw(axes: Axes) -> None:
        _curves(axes, history, lines)
        axes.set_ylabel("training loss")
        axes.set_ylim(bottom=0)

    return drawn(draw, 3.0, "training losses by epoch")


def score_plot(history: Sequence[Mapping[str, Any]], scores: Mapping[str, str]) -> str | None:
    """Draw the validation scores of each epoch; None where there are none.

    Args:
        history: one record an epoch.
        scores: the score of each target.
    """
    lines = {
        f"{target}: {title(score)}": [
            _nan(record.get("valid", {}).get(target, {}).get(score)) for record in history
        ]
        for target, score in scores.items()
    }
    if np.isnan(list(lines.values())).all():
        return None

    def draw(axes: Axes) -> None:
        _curves(axes, history, lines)
        axes.set_ylabel("validation score")

    return drawn(draw, 3.0, "validation scores by epoch")


def _curves(
    axes: Axes, history: Sequence[Mapping[str, Any]], lines: Mapping[str, Sequence[float]]
) -> None:
    epochs = [int(record["epoch"]) + 1 for record in history]
    for (name, values), colour in zip(lines.items(), COLOURS, strict=False):
        style = (0, (4, 2)) if "/" in name and ":" not in name else "-"
        axes.plot(
            epochs,
            values,
            color=colour,
            linestyle=style,
            marker="o",
            markersize=3,
            label=shortened(name, LABEL),
        )
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(fontsize=8.5)


def _nan(value: Any) -> float:
    return float("nan") if value is None else float(value)
