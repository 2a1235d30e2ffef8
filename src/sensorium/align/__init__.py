"""How two or more sides meet in one space, without a head: losses, correlations, alignments.

Pure functions, each with a small Module where something is learned. ``contrastive``, ``sigmoid``,
``many``, ``similarity_distil`` and ``deep_cca`` train encoders; ``CCA``, ``dtw``, ``monotonic`` and
``sinkhorn`` find who goes with whom in what is there already.
"""

from sensorium.align.cca import CCA, deep_cca
from sensorium.align.contrastive import Contrastive, Temperature, contrastive
from sensorium.align.cosine import cosines
from sensorium.align.distil import cosine_distil, similarity_distil
from sensorium.align.dtw import Path, dtw
from sensorium.align.gradcache import cached_step
from sensorium.align.many import Side, duplicates, many
from sensorium.align.monotonic import monotonic
from sensorium.align.path_plot import plot_path
from sensorium.align.sigmoid import Sigmoid, sigmoid
from sensorium.align.soft_dtw import soft_dtw
from sensorium.align.transport import sinkhorn, transport_score

__all__ = [
    "CCA",
    "Contrastive",
    "Path",
    "Side",
    "Sigmoid",
    "Temperature",
    "cached_step",
    "contrastive",
    "cosine_distil",
    "cosines",
    "deep_cca",
    "dtw",
    "duplicates",
    "many",
    "monotonic",
    "plot_path",
    "sigmoid",
    "similarity_distil",
    "sinkhorn",
    "soft_dtw",
    "transport_score",
]
