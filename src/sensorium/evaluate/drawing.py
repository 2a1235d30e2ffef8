"""From a matplotlib figure to an SVG that lives inside a page, light or dark.

Texts stay texts, set in the page's own letters and colour; backgrounds are clear. Figures are made
without pyplot, so nothing stays open and no global state is touched.
"""

import io
import re
import warnings
from collections.abc import Callable
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK = "#010207"
"""Stands for the page's own text colour, and is replaced by it."""

MAIN = "#2c8caf"
CALM = "#93a1af"
BAD = "#c2584f"
COLOURS = (MAIN, "#d58434", "#3d9465", "#a35a9c", "#7a70c9", "#c2584f", "#8b7a3f", "#4f7dc9")
"""Colours of a plot's series, in order; readable on white and on near black."""

WIDTH = 5.0
"""Of a figure, inches: narrow enough for a phone."""

STYLE: Any = {
    "axes.edgecolor": INK,
    "axes.facecolor": "none",
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "none",
    "font.size": 10,
    "legend.frameon": False,
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "sensorium",
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


def drawn(draw: Callable[[Axes], None], height: float, label: str) -> str:
    """Draw one set of axes as an inline SVG.

    Args:
        draw: draws on the axes.
        height: inches.
        label: what the picture shows, for those who cannot see it.
    """
    file = io.BytesIO()
    with mpl.rc_context(STYLE), warnings.catch_warnings():
        # The page's fonts have letters that matplotlib's own lacks; it only measures with them.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing|Matplotlib currently does")
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(file, format="svg", metadata={"Date": None})
    return inlined(file.getvalue().decode(), label)


def inlined(svg: str, label: str) -> str:
    """Make a whole SVG file fit to stand inside a page.

    Text in it is escaped already, so a ``<`` can only begin a tag of matplotlib's own.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, count=1, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"<>]*"', "<g", body)
    body = re.sub(r' width="[^"]*pt"| height="[^"]*pt"', "", body, count=2)
    body = body.replace(INK, "currentColor")
    return f'<svg role="img" aria-label="{escape(label)}"' + body[len("<svg") :]
