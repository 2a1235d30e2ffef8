"""What a model is for. ``TASKS`` maps names to classes, for plans, saved models and plug-ins."""

from sensorium.tasks.embed import Align
from sensorium.tasks.head import Head
from sensorium.tasks.heads import Heads
from sensorium.tasks.label import Classify, Tag
from sensorium.tasks.number import Regress
from sensorium.tasks.several import Several
from sensorium.tasks.task import Task

__all__ = ["TASKS", "Align", "Classify", "Head", "Heads", "Regress", "Several", "Tag", "Task"]

TASKS: dict[str, type[Task]] = {
    part.__name__: part for part in (Align, Classify, Regress, Several, Tag)
}
