"""Pretrained networks to stand on. ``open_tower`` finds the one for a source and a kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensorium.core.errors import PartError
from sensorium.encoders.towers.audio import AudioTower
from sensorium.encoders.towers.blip import FAMILY as BLIP
from sensorium.encoders.towers.blip import BlipWords
from sensorium.encoders.towers.efficientnet import LITE0, PUBLISHED, EfficientNetTower
from sensorium.encoders.towers.image import ImageTower
from sensorium.encoders.towers.keras import KerasTower
from sensorium.encoders.towers.llava import FAMILY as LLAVA
from sensorium.encoders.towers.llava import LlavaSight, LlavaWords
from sensorium.encoders.towers.onnx_audio import OnnxAudio
from sensorium.encoders.towers.onnx_image import OnnxImage
from sensorium.encoders.towers.onnx_text import OnnxText
from sensorium.encoders.towers.source import CONFIG, folder_of, read_json
from sensorium.encoders.towers.starter import available_starters
from sensorium.encoders.towers.text import TextTower
from sensorium.encoders.towers.timm import MARK, TimmTower
from sensorium.encoders.towers.tower import Tower

__all__ = ["TOWERS", "Tower", "available_starters", "open_tower", "remade_tower"]

BY_KIND: dict[str, Any] = {part.kind: part for part in (AudioTower, ImageTower, TextTower)}
"""Those of ``transformers``."""
ONNX: dict[str, Any] = {part.kind: part for part in (OnnxAudio, OnnxImage, OnnxText)}
OWN: dict[tuple[str, str], Any] = {
    (BLIP, "text"): BlipWords, (LLAVA, "image"): LlavaSight, (LLAVA, "text"): LlavaWords,
}  # fmt: skip
"""Those of one family only, by family and kind."""
TOWERS: dict[str, Any] = {
    part.__name__: part
    for part in (
        *BY_KIND.values(), *ONNX.values(), *OWN.values(), EfficientNetTower, KerasTower,
        TimmTower,
    )
}  # fmt: skip
"""Towers by name, each with ``open(source)`` and ``remade(state)``."""


def open_tower(source: str, kind: str, *, hub: bool = False) -> Tower:
    """Open a pretrained network.

    Args:
        source: a starter's name, a model folder, a ``.onnx`` or ``.keras`` file, ``"timm:name"``,
            ``"timm:/folder"``, or a hub id.
        kind: the kind of column that it shall read: ``"text"``, ``"image"`` or ``"audio"``.
        hub: whether a hub id may be downloaded.

    Errors:
        PartError: there is no such model, or it does not read that kind.
        ExtraError: a package that it needs is not installed.
    """
    timm = source.startswith(MARK)
    place = Path() if timm else folder_of(source, hub=hub)
    part: Any = TimmTower if timm else _part(place, kind)
    if part.kind != kind:
        msg = f"{source!r} reads {part.kind}, the column is {kind}"
        raise PartError(msg)
    tower: Tower = part.open(source, hub=hub) if timm else part.open(place)
    return tower


def _part(place: Path, kind: str) -> Any:
    """Tell by a folder or a file which tower stands on it."""
    if place.suffix == ".onnx":
        return ONNX[kind]
    if place.suffix == ".keras":
        return KerasTower
    family = read_json(place, CONFIG).get("model_type")
    if family == LITE0["model_type"] or (place / PUBLISHED.file).is_file():
        return EfficientNetTower
    return OWN.get((str(family), kind)) or BY_KIND[kind]


def remade_tower(state: Mapping[str, Any]) -> Tower:
    """Make a network again from its state, without weights.

    Errors:
        PartError: a tower that is not known here.
    """
    name = state.get("tower")
    if name not in TOWERS:
        msg = f"no tower is called {name!r}; known are {', '.join(TOWERS)}"
        raise PartError(msg)
    tower: Tower = TOWERS[name].remade(state["known"])
    return tower
