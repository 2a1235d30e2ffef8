"""How columns meet. ``FUSIONS`` maps names to classes, for plans, saved models and plug-ins."""

from sensorium.fusion.concat import Concat
from sensorium.fusion.fusion import Fusion

__all__ = ["FUSIONS", "Concat", "Fusion"]

FUSIONS: dict[str, type[Fusion]] = {"Concat": Concat}
