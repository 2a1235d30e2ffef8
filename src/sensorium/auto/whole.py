"""Whole pretrained models as models: CLIP, SigLIP and CLAP folders, ready to search and to tune."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import safe_open

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
    source: str, *, hub: bool = False, unfreeze_last: Any = 0, lora: int = 0, **columns: str
) -> Model:
    """Load a pretrained model of two sides as a model of the task ``Align``.

    It embeds, searches and tells classes by their names at once, and can be tuned with ``train``.

    Args:
        source: a folder of CLIP, SigLIP or CLAP, or a hub id.
        hub: whether a hub id may be downloaded.
        unfreeze_last: blocks of each side that training may change, or ``"all"``; 0 is none.
        lora: the rank of adapters beside them; 0 is none.
        columns: the column of each kind: ``pretrained(folder, image="photo", text="caption")``.

    Errors:
        PartError: the folder is none of these, or the kinds are not those that it reads.
    """
    folder = folder_of(source, hub=hub)
    config = config_of(folder)
    family = str(config["model_type"])
    if family not in PAIRS:
        msg = f"{source} is {family!r}; whole models known here are {', '.join(PAIRS)}"
        raise PartError(msg)
    kinds = PAIRS[family]
    if faults := _faults(kinds, columns):
        raise PartError(all_at_once(f"{source} cannot be made a model:", faults))
    width = open_tower(str(folder), kinds[1]).summed
    options: dict[str, Any] = {"unfreeze_last": unfreeze_last, "lora": lora, "project": False}
    encoders = {columns[kind]: Pretrained(str(folder), width, **options) for kind in kinds}
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
