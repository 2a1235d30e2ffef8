"""Whole pretrained models as models: CLIP, SigLIP and CLAP search, Whisper, BLIP and kin write."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

from sensorium.auto.writers import WRITING, Wishes, writer
from sensorium.core.errors import PartError, all_at_once
from sensorium.core.schema import Audio, Field, Image, Schema, Text
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import open_tower
from sensorium.encoders.towers.source import config_of, folder_of
from sensorium.fusion import Mean
from sensorium.model import Model
from sensorium.preprocess import Preprocess
from sensorium.preprocess.steps import step_for
from sensorium.tasks import Align

PAIRS: dict[str, tuple[str, str]] = {
    "clip": ("image", "text"),
    "siglip": ("image", "text"),
    "siglip2": ("image", "text"),
    "clap": ("audio", "text"),
}
"""Models of two sides, and the kinds that they read."""
FIELDS: dict[str, type[Field]] = {"image": Image, "text": Text, "audio": Audio}
SIGMOID = {"siglip", "siglip2"}


def pretrained(
    source: str,
    *,
    hub: bool = False,
    unfreeze_last: Any = 0,
    lora: int = 0,
    prompt: str = "",
    language: str = "",
    max_tokens: int = 0,
    **columns: str,
) -> Model:
    """Load a whole pretrained model as a model of the task that fits.

    Models of two sides (CLIP, SigLIP, CLAP) become ``Align``: they embed, search and tell classes
    by their names at once. Those that write become what they do: Whisper ``Transcribe``, BLIP and
    TrOCR and Donut ``Caption``, LLaVA ``Answer``, T5 and BART ``Describe``; BLIP and Donut that are
    asked a question ``Answer`` too. All can be evaluated, tuned with ``train``, and saved, after
    which the source is not needed again.

    Args:
        source: a folder of one of these, or a hub id.
        hub: whether a hub id may be downloaded.
        unfreeze_last: blocks that training may change, of each side, or of what reads in models
            that write; ``"all"`` frees these whole. 0 is none.
        lora: the rank of adapters beside both sides, or beside what writes; 0 is none.
        prompt: of models that write, words with which it begins, or a question for all rows; of
            Donut and its kin, a column's name in braces stands for each row's own question.
        language: of Whisper, what is spoken: ``"en"``, ``"zh"``; "" lets it tell, row by row.
        max_tokens: of models that write, the most tokens; 0 takes all that it can.
        columns: the column of each kind: ``pretrained(folder, image="photo", text="caption")``, or
            with what is written, ``pretrained(folder, audio="clip", target="text")``.

    Errors:
        PartError: the folder is none of these, or the kinds are not those that it reads.
    """
    folder = folder_of(source, hub=hub)
    config = config_of(folder)
    family = str(config["model_type"])
    if family in WRITING:
        wishes = Wishes(unfreeze_last, lora, prompt, language, max_tokens)
        return writer(folder, config, columns, wishes)
    if family not in PAIRS:
        known = ", ".join((*PAIRS, *WRITING))
        msg = f"{source} is {family!r}; whole models known here are {known}"
        raise PartError(msg)
    if faults := _faults(PAIRS[family], columns):
        raise PartError(all_at_once(f"{source} cannot be made a model:", faults))
    return _two_sided(folder, family, columns, {"unfreeze_last": unfreeze_last, "lora": lora})


def _two_sided(
    folder: Path, family: str, columns: Mapping[str, str], tuned: Mapping[str, Any]
) -> Model:
    """Make a model that brings two columns into one space."""
    kinds = PAIRS[family]
    width = open_tower(str(folder), kinds[1]).summed
    encoders = {
        columns[kind]: Pretrained(str(folder), width, project=False, **tuned) for kind in kinds
    }
    fields = {columns[kind]: encoders[columns[kind]].suited(FIELDS[kind]()) for kind in kinds}
    steps = {name: step_for(field).fit([]) for name, field in fields.items()}
    task = Align(*fields, kind="sigmoid" if family in SIGMOID else "softmax", **_learned(folder))
    prep = Preprocess(Schema(inputs=fields), steps, "absent")
    return Model(prep, encoders=encoders, fusion=Mean(width=width), task=task).eval()


def _faults(kinds: tuple[str, str], columns: Mapping[str, str]) -> list[str]:
    faults = [f"name the column of its {k}: {k}='...'" for k in kinds if k not in columns]
    faults += [f"it reads no {kind!r}, but {' and '.join(kinds)}" for kind in columns
               if kind not in kinds]  # fmt: skip
    if len(set(columns.values())) < len(columns):
        faults.append(f"each kind needs a column of its own, found {dict(columns)}")
    return faults


def _learned(folder: Path) -> dict[str, Any]:
    """Read the temperature, and the bias, that the model learned."""
    found: dict[str, Any] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, "pt") as weights:
            names = set(weights.keys())
            for name, key in (("logit_scale", "scale"), ("logit_bias", "bias"),
                              ("logit_scale_a", "scale")):  # fmt: skip
                if name in names:
                    value = float(weights.get_tensor(name))
                    found[key] = math.exp(value) if key == "scale" else value
    return found
