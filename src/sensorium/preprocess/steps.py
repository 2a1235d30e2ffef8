"""Which step prepares which kind of field."""

from dataclasses import replace

from sensorium.core.errors import SchemaError, nearest
from sensorium.core.schema import Category, Field, Text
from sensorium.preprocess.audio import AudioStep
from sensorium.preprocess.category import CategoryStep
from sensorium.preprocess.date import DateStep
from sensorium.preprocess.flag import FlagStep
from sensorium.preprocess.image import ImageStep
from sensorium.preprocess.number import NumberStep
from sensorium.preprocess.series import SeriesStep
from sensorium.preprocess.spans import SpansStep
from sensorium.preprocess.step import Step
from sensorium.preprocess.tags import TagsStep
from sensorium.preprocess.text import TextStep
from sensorium.preprocess.vector import VectorStep
from sensorium.preprocess.written import WrittenStep

STEPS: dict[str, type[Step]] = {
    "audio": AudioStep,
    "category": CategoryStep,
    "date": DateStep,
    "flag": FlagStep,
    "image": ImageStep,
    "number": NumberStep,
    "series": SeriesStep,
    "spans": SpansStep,
    "text": TextStep,
    "vector": VectorStep,
}


def step_for(field: Field) -> Step:
    """Make the step that prepares a field.

    Errors:
        SchemaError: no step is known for the field's kind.
    """
    if isinstance(field, Category) and field.many:
        return TagsStep(field)
    if field.kind not in STEPS:
        msg = f"no step prepares fields of kind {field.kind!r}{nearest(field.kind, STEPS)}"
        raise SchemaError(msg)
    return STEPS[field.kind](field)


def target_step_for(field: Field) -> Step:
    """Make the step that prepares a target: rare names count, and texts are to be written.

    Errors:
        SchemaError: no step is known for the field's kind.
    """
    if isinstance(field, Text):
        return WrittenStep(field)
    return step_for(replace(field, least=1) if isinstance(field, Category) else field)
