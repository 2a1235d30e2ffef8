"""Whole pretrained models that write, as models of the tasks that fit: one entry a family."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sensorium.core.errors import PartError, all_at_once
from sensorium.core.schema import Audio, Field, Image, Schema, Text
from sensorium.decoders import Decoder, EncoderDecoder, LanguageModel, Sampling
from sensorium.decoders.prompt import columns_of
from sensorium.encoders import Encoder, Pretrained
from sensorium.encoders.towers import open_tower
from sensorium.encoders.towers.blip import answers
from sensorium.encoders.towers.llava import loaded_once
from sensorium.fusion import Mean
from sensorium.model import Model
from sensorium.preprocess import Preprocess
from sensorium.preprocess.steps import step_for, target_step_for
from sensorium.preprocess.written import WrittenStep
from sensorium.tasks import Answer, Caption, Describe, Task, Transcribe

CHINESE = {"zh", "chinese", "mandarin", "yue", "cantonese"}
FIELDS: dict[str, Field] = {
    "audio": Audio(seconds=30.0, whole=True),
    "image": Image(),
    "question": Text(),
    "text": Text(max_tokens=512),
}


@dataclass(frozen=True)
class Wishes:
    """What was asked for beside the columns; see ``pretrained``."""

    unfreeze: int | Literal["all"] = 0
    lora: int = 0
    prompt: str = ""
    language: str = ""
    max_tokens: int = 0


@dataclass(frozen=True)
class Writing:
    """How a family that writes becomes a model.

    Attributes:
        kinds: what it reads.
        task: (target, decoder, sampling) -> the task.
        talks: whether its decoder is a language model.
        target: what its texts are called, where the user names no column.
        needed: how many of the kinds it cannot do without, from the first.
    """

    kinds: tuple[str, ...]
    task: Callable[[str, Decoder, Sampling], Task]
    talks: bool = False
    target: str = "text"
    needed: int = 1


def _transcribe(target: str, decoder: Decoder, sampling: Sampling) -> Task:
    return Transcribe(target, kind="attention", decoder=decoder, sampling=sampling)


def _caption(target: str, decoder: Decoder, sampling: Sampling) -> Task:
    return Caption(target, decoder=decoder, sampling=sampling)


def _describe(target: str, decoder: Decoder, sampling: Sampling) -> Task:
    return Describe(target, decoder=decoder, sampling=sampling)


def _answer(target: str, decoder: Decoder, sampling: Sampling) -> Task:
    return Answer(target, free=True, decoder=decoder, sampling=sampling)


WRITING: dict[str, Writing] = {
    "whisper": Writing(("audio",), _transcribe, target="transcript"),
    "blip": Writing(("image",), _caption, target="caption"),
    "vision-encoder-decoder": Writing(("image",), _caption, target="text"),
    "llava": Writing(("image", "question"), _answer, talks=True, target="answer"),
    "t5": Writing(("text",), _describe),
    "mt5": Writing(("text",), _describe),
    "bart": Writing(("text",), _describe),
    "mbart": Writing(("text",), _describe),
    "marian": Writing(("text",), _describe),
    "pegasus": Writing(("text",), _describe),
}
"""Families that write, by ``model_type``."""
ANSWERING = Writing(("image", "question"), _answer, target="answer", needed=2)
"""BLIP that answers questions."""
PROMPTED = Writing(("image", "question"), _answer, target="answer", needed=2)
"""Donut and its kin, where a question stands in the prompt."""


def writer(
    folder: Path, config: Mapping[str, Any], columns: Mapping[str, str], wishes: Wishes
) -> Model:
    """Make a model of a pretrained one that writes.

    Args:
        folder: its folder.
        config: its config, of a family that is in ``WRITING``.
        columns: the column of each kind, and of the ``target``.
        wishes: what else was asked for.

    Errors:
        PartError: the kinds are not those that it reads.
    """
    way = ANSWERING if answers(config) else WRITING[str(config["model_type"])]
    if config["model_type"] == "vision-encoder-decoder" and "question" in columns:
        way = PROMPTED
    _demand_kinds(folder, way, columns)
    if way is PROMPTED and columns["question"] not in columns_of(wishes.prompt):
        place = f"<s_docvqa><s_question>{{{columns['question']}}}</s_question><s_answer>"
        msg = f"{folder} reads a question in its prompt; say where: prompt={place!r}"
        raise PartError(msg)
    with loaded_once():
        return _model(folder, way, columns, wishes)


def _model(folder: Path, way: Writing, columns: Mapping[str, str], wishes: Wishes) -> Model:
    target = columns.get("target", way.target)
    used = {kind: columns[kind] for kind in way.kinds if kind in columns}
    decoder = _decoder(folder, way, wishes)
    first = open_tower(str(folder), way.kinds[0])
    encoders: dict[str, Encoder] = {
        name: Pretrained(
            str(folder), first.features, pool="full", project=False, unfreeze_last=wishes.unfreeze
        )
        for kind, name in used.items()
        if way is not PROMPTED or kind != "question"
    }
    fields = {
        name: encoders[name].suited(FIELDS[kind]) if name in encoders else FIELDS[kind]
        for kind, name in used.items()
    }
    words = decoder.suited(Text(max_tokens=wishes.max_tokens or 100_000))
    steps = {name: step_for(field).fit([]) for name, field in fields.items()}
    written = target_step_for(words).fit([])
    assert isinstance(written, WrittenStep)  # noqa: S101  words are written
    written.longest = words.max_tokens if isinstance(words, Text) else 0
    written.chinese = wishes.language.lower() in CHINESE  # judged by characters then
    task = way.task(target, decoder, Sampling(max_tokens=wishes.max_tokens))
    prep = Preprocess(Schema(fields, {target: words}), {**steps, target: written}, "absent")
    return Model(prep, encoders=encoders, fusion=Mean(width=first.features), task=task).eval()


def _decoder(folder: Path, way: Writing, wishes: Wishes) -> Decoder:
    unfreeze: Literal["none", "all"] = "all" if wishes.unfreeze == "all" else "none"
    if way.talks:
        return LanguageModel(
            str(folder), projector="none", prompt=wishes.prompt, chat=True, lora=wishes.lora,
            unfreeze=unfreeze,
        )  # fmt: skip
    return EncoderDecoder(
        str(folder), prompt=wishes.prompt, language=wishes.language, lora=wishes.lora,
        unfreeze=unfreeze,
    )  # fmt: skip


def _demand_kinds(folder: Path, way: Writing, columns: Mapping[str, str]) -> None:
    lost = [kind for kind in way.kinds[: way.needed] if kind not in columns]
    faults = [f"name the column of its {kind}: {kind}='...'" for kind in lost]
    faults += [
        f"it reads no {kind!r}, but {' and '.join(way.kinds)}, and writes a 'target'"
        for kind in columns
        if kind not in (*way.kinds, "target")
    ]
    if len(set(columns.values())) < len(columns):
        faults.append(f"each kind needs a column of its own, found {dict(columns)}")
    if faults:
        raise PartError(all_at_once(f"{folder} cannot be made a model:", faults))
