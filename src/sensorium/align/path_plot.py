"""A picture of two sequences side by side: the cost of each pair of steps, and the path through.

In the manner of the report's plots, but a PNG on white, since it stands outside the page.
"""

import io
from typing import Any

import numpy as np
from jaxtyping import Float

from sensorium.align.dtw import Path
from sensorium.core.counted import counted

INK = "#2b323b"
MAIN = "#2c8caf"
SECOND = "#d58434"
STYLE: Any = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "figure.facecolor": "white",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,
    "xtick.color": INK,
    "ytick.color": INK,
}


def plot_path(
    path: Path,
    cost: Float[np.ndarray, " left right"],
    left: str = "left step",
    right: str = "right step",
) -> bytes:
    """Draw the costs, dear ones dark, and the path.

    Args:
        path: the way through, of these costs.
        cost: of each left step beside each right one; pairs of infinite cost stay grey.
        left: what the rows of ``cost`` are called.
        right: what its columns are called.

    Returns:
        A PNG file.
    """
    import matplotlib as mpl  # noqa: PLC0415 - half a second, and only pictures need it
    from matplotlib.colors import LinearSegmentedColormap  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415

    shades = LinearSegmentedColormap.from_list("cost", ["white", MAIN, "#123a49"])
    file = io.BytesIO()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(5.0, 4.2), layout="constrained")
        axes = figure.add_subplot()
        shown = np.ma.masked_invalid(cost)
        image = axes.imshow(
            shown, cmap=shades.with_extremes(bad="#d9dde2"), aspect="auto", interpolation="nearest"
        )
        axes.plot(path.right, path.left, color=SECOND, linewidth=2.0, solid_capstyle="round")
        ends = path.right[[0, -1]], path.left[[0, -1]]
        axes.plot(*ends, "o", color=SECOND, markersize=5, clip_on=False)
        axes.set_xlabel(right)
        axes.set_ylabel(left)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        bar = figure.colorbar(image, ax=axes, label="cost", shrink=0.8)
        bar.outline.set_visible(False)
        axes.set_title(
            f"total {path.cost:.4g} over {counted(len(path.left), 'step')}", fontsize=10, loc="left"
        )
        figure.savefig(file, format="png", dpi=144, metadata={"Software": None})
    return file.getvalue()
