"""Which input column a task reads word by word, and the words of its rows."""

from collections.abc import Mapping, Sequence

from sensorium.core.batch import Batch, Fused
from sensorium.core.errors import PartError, nearest
from sensorium.decoders import Decoder
from sensorium.decoders.prompt import columns_of
from sensorium.preprocess.step import Step

Words = tuple[tuple[str, ...], ...]


def text_of(job: str, asked: str | None, names: Sequence[str], steps: Mapping[str, Step]) -> str:
    """Find the input column of words that a task is to read.

    Args:
        job: the task, for messages.
        asked: the column; None takes the only one that holds text.
        names: the input columns.
        steps: the fitted steps by column.

    Errors:
        PartError: it is no input of text, or it is not clear which is meant.
    """
    texts = [name for name in names if name in steps and steps[name].kind == "text"]
    if asked is None and len(texts) == 1:
        return texts[0]
    if asked in texts:
        return asked
    known = ", ".join(map(repr, texts)) or "none"
    if asked is None:
        msg = f"{job} reads a text: say which, text=...; inputs of text: {known}"
    else:
        msg = f"{job} reads {asked!r}, which is no input of text{nearest(asked, texts)}"
    raise PartError(msg)


def asked_of(
    job: str, decoder: Decoder, names: Sequence[str], steps: Mapping[str, Step]
) -> tuple[str, ...]:
    """Find the input columns that a decoder's prompt repeats.

    Args:
        job: the task, for messages.
        decoder: what writes.
        names: the input columns.
        steps: the fitted steps by column.

    Errors:
        PartError: one is no input of text, or no other column is left to look at.
    """
    asked = tuple(text_of(job, name, names, steps) for name in columns_of(decoder.asks))
    if asked and set(asked) >= set(names):
        msg = f"the prompt {decoder.asks!r} repeats all inputs, and none is left to look at"
        raise PartError(msg)
    return asked


def words_of(name: str, batch: Batch, fused: Fused) -> Words:
    """Give the words of each row's text; () where the row lacks it, or it is hidden.

    Errors:
        PartError: the batch was made without them.
    """
    texts = batch.columns[name].texts
    if texts is None:
        msg = (
            f"the batch does not carry the words of {name!r}; take batches from "
            "model.shelf(table), or Shelf.of(..., notes=Notes(words=model.task.reads))"
        )
        raise PartError(msg)
    there = fused.present[name].tolist()
    return tuple(words if real else () for words, real in zip(texts, there, strict=True))
