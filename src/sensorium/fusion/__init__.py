"""How columns meet. ``FUSIONS`` maps names to classes, for plans, saved models and plug-ins.

Three stages: ``Early`` and ``Temporal`` join tokens before a shared trunk, ``Late`` combines
decisions, all others let encoded columns meet in between.
"""

from sensorium.fusion.attention import SelfAttention
from sensorium.fusion.bilinear import LowRankBilinear
from sensorium.fusion.bottleneck import Bottleneck
from sensorium.fusion.concat import Concat
from sensorium.fusion.cross import CrossAttention
from sensorium.fusion.early import Early
from sensorium.fusion.experts import Experts
from sensorium.fusion.film import FiLM
from sensorium.fusion.fusion import Fusion
from sensorium.fusion.gated import Gated
from sensorium.fusion.late import Late
from sensorium.fusion.lowrank import LowRankTensor
from sensorium.fusion.mean import Mean
from sensorium.fusion.product import Product
from sensorium.fusion.similarity import Similarity
from sensorium.fusion.temporal import Temporal
from sensorium.fusion.tensor import Tensor
from sensorium.fusion.weighted import Weighted

__all__ = [
    "FUSIONS",
    "Bottleneck",
    "Concat",
    "CrossAttention",
    "Early",
    "Experts",
    "FiLM",
    "Fusion",
    "Gated",
    "Late",
    "LowRankBilinear",
    "LowRankTensor",
    "Mean",
    "Product",
    "SelfAttention",
    "Similarity",
    "Temporal",
    "Tensor",
    "Weighted",
]

FUSIONS: dict[str, type[Fusion]] = {
    part.__name__: part
    for part in (
        Bottleneck,
        Concat,
        CrossAttention,
        Early,
        Experts,
        FiLM,
        Gated,
        Late,
        LowRankBilinear,
        LowRankTensor,
        Mean,
        Product,
        SelfAttention,
        Similarity,
        Temporal,
        Tensor,
        Weighted,
    )
}
