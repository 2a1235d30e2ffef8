"""The ids with which a pretrained decoder begins and ends, and those that it never writes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensorium.core.errors import PartError, nearest
from sensorium.decoders.borrowed import ends_of, generation_of, ids_of
from sensorium.decoders.prompt import columns_of, filled
from sensorium.preprocess.tokens import Pretrained

TASKS = ("transcribe", "translate")


def marks_for(
    folder: Path, config: Mapping[str, Any], prompt: str, language: str, speech_task: str
) -> dict[str, list[int]]:
    """Read the marks of a model of an encoder and a decoder.

    Args:
        folder: its folder.
        config: its config.
        prompt: words with which every text begins; where they name columns, they are each row's
            own and no marks.
        language: of Whisper, what is spoken; "" where it tells by itself.
        speech_task: of Whisper, what is done with it.

    Errors:
        PartError: marks that the model does not have, or does not say.
    """
    inner = config.get("text_config") or config.get("decoder") or {}
    said = generation_of(folder, config, inner)
    asked = filled(prompt, {})
    words = Pretrained(str(folder)).bare([asked])[0] if asked else []
    if config["model_type"] == "blip":
        start, ends = ids_of(inner.get("bos_token_id")), ids_of(inner.get("sep_token_id"))
        start, ends = start or (30_522,), ends or (102,)
    else:
        start, ends = ids_of(said.get("decoder_start_token_id")), ends_of(said, folder)
        start = start or ids_of(said.get("bos_token_id"))
    spoken: list[int] = []
    if config["model_type"] == "whisper":
        spoken = _spoken(folder, said, language, speech_task)
    elif language:
        msg = f"language goes with Whisper; {folder} is {config['model_type']!r}"
        raise PartError(msg)
    if (config.get("encoder") or {}).get("model_type") == "donut-swin" and words:
        start = ()  # its prompts are its beginnings
    if not (start or spoken or words):
        msg = f"{folder} names no decoder_start_token_id: write it into its generation_config.json"
        raise PartError(msg)
    fixed = [] if columns_of(prompt) else words
    single = [entry for entry in said.get("bad_words_ids") or () if len(entry) == 1]
    never = [*ids_of(said.get("suppress_tokens")), *(entry[0] for entry in single)]
    return {
        "begin": [*start, *ids_of(said.get("forced_bos_token_id")), *spoken, *fixed],
        "ends": list(ends),
        "never": [i for i in never if i >= 0],
        "first_never": [i for i in ids_of(said.get("begin_suppress_tokens")) if i >= 0],
        "languages": [] if language else sorted((said.get("lang_to_id") or {}).values()),
    }


def _spoken(folder: Path, said: Mapping[str, Any], language: str, speech_task: str) -> list[int]:
    """Give Whisper's marks: the language, what to do, and that no times are wanted.

    Where the language is not named, any one holds its place.

    Errors:
        PartError: a language that it does not have, or a task that there is not.
    """
    if speech_task not in TASKS:
        msg = f"speech_task is one of {', '.join(TASKS)}, found {speech_task!r}"
        raise PartError(msg)
    plain = ids_of(said.get("no_timestamps_token_id"))
    languages = said.get("lang_to_id") or {}
    if not languages:
        return list(plain)
    named = language or next(iter(languages))
    key = named if named in languages else f"<|{named}|>"
    if key not in languages:
        known = sorted(name.strip("<|>") for name in languages)
        near = nearest(language, known)
        msg = f"{folder} knows no language {language!r}{near}: name one of {known}, or none"
        raise PartError(msg)
    return [languages[key], *ids_of((said.get("task_to_id") or {}).get(speech_task)), *plain]
