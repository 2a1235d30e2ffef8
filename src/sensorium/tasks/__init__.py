"""What a model is for. ``TASKS`` maps names to classes, for plans, saved models and plug-ins."""

from sensorium.tasks.command import Command
from sensorium.tasks.embed import Align
from sensorium.tasks.extract import Extract
from sensorium.tasks.head import Head
from sensorium.tasks.heads import Heads
from sensorium.tasks.keywords import Keywords
from sensorium.tasks.label import Classify, Tag
from sensorium.tasks.number import Regress
from sensorium.tasks.several import Several
from sensorium.tasks.task import Task
from sensorium.tasks.teaching import Teaching
from sensorium.tasks.transcribe import Transcribe
from sensorium.tasks.write import Answer, Caption, Describe
from sensorium.tasks.writer import Writer

__all__ = [
    "TASKS",
    "Align",
    "Answer",
    "Caption",
    "Classify",
    "Command",
    "Describe",
    "Extract",
    "Head",
    "Heads",
    "Keywords",
    "Regress",
    "Several",
    "Tag",
    "Task",
    "Teaching",
    "Transcribe",
    "Writer",
]

TASKS: dict[str, type] = {
    part.__name__: part
    for part in (
        Align,
        Answer,
        Caption,
        Classify,
        Command,
        Describe,
        Extract,
        Keywords,
        Regress,
        Several,
        Tag,
        Teaching,
        Transcribe,
    )
}
