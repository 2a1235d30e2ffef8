"""Pretrained picture encoders of ``transformers``: ViT, DINOv2, Swin, ConvNeXt, CLIP, SigLIP, BLIP.

Of a model of two halves, such as TrOCR or Donut, the half that sees.

Pictures come as bytes, scaled and cut as the model's ``preprocessor_config.json`` says: the field
that ``suited`` gives does the scaling, the tower cuts the middle out and evens the colours.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.schema import Field
from sensorium.encoders.encoder import as_encoded
from sensorium.encoders.towers.framing import PAGE, Framing, side_of
from sensorium.encoders.towers.source import (
    config_of,
    demand_reader,
    fresh,
    loaded,
    preprocessor_of,
    transformers,
)
from sensorium.encoders.towers.tower import Tower
from sensorium.nn.layers import layers_of

PAIRED = {
    "blip": "BlipVisionModel",
    "clip": "CLIPVisionModelWithProjection",
    "siglip": "SiglipVisionModel",
}
"""Models of two sides, and the class of the side that sees."""
HALVES = {"blip": "vision_model", "vision-encoder-decoder": "encoder"}
"""Models of two halves, and the half that sees."""
FIRST = {"vit", "deit", "dinov2", "dinov2_with_registers", "dinov3_vit"}
"""Models whose first token sums the picture up."""
MEAN = (0.5, 0.5, 0.5)
CROPPED = 384
"""Below this side, px, ConvNeXt cuts the middle out of a larger picture; above it stretches."""


class ImageTower(Tower):
    """A picture encoder of ``transformers``, with the scaling and colours of its own files."""

    kind: ClassVar[str] = "image"

    def __init__(self, model: Any, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.known = dict(known)
        self.model: Any = model
        sizes = model.config
        own = sizes.hidden_sizes[-1] if hasattr(sizes, "hidden_sizes") else sizes.hidden_size
        self.features = int(own)
        projects = hasattr(model, "visual_projection")
        self.summed = int(sizes.projection_dim) if projects else self.features
        self.framing = Framing(known)

    @classmethod
    def open(cls, folder: Path) -> "ImageTower":
        """Read a model folder, weights and all.

        Errors:
            PartError: it cannot be read as a picture encoder.
        """
        config = config_of(folder)
        name = PAIRED.get(config["model_type"], "")
        if config["model_type"] in HALVES:
            model, config = _half(folder, config)
        else:
            unused = ("pooler.", "embeddings.mask_token")
            model = loaded(_class(name), folder, unused, _options(config))
        demand_reader(model, folder, cls.kind)
        known = {"config": config, "side": name, **seen_by(folder, model.config)}
        return cls(model, known)

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "ImageTower":
        """Make it again from its state, without weights."""
        config = known["config"]
        return cls(fresh(_class(known["side"]), config, _options(config)), known)

    def state(self) -> Mapping[str, Any]:
        """Give config, sides and colours."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give the places of the last grid, and the summing token where there is one."""
        tokens = _sequence(self.model(self.framing(column.values)).last_hidden_state)
        mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        return as_encoded(tokens, mask, column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Sum the picture up as the model was trained: own embedding, first token or mean."""
        found = self.model(self.framing(column.values))
        vectors: Tensor
        if hasattr(found, "image_embeds"):
            vectors = found.image_embeds
        elif self.known["config"]["model_type"] in FIRST:
            vectors = found.last_hidden_state[:, 0]
        elif getattr(found, "pooler_output", None) is not None:
            vectors = found.pooler_output.flatten(1)
        else:
            vectors = _sequence(found.last_hidden_state).mean(1)
        return vectors

    def blocks(self) -> Sequence[nn.Module]:
        """List the layers or stages."""
        return layers_of(self.model)

    def suited(self, field: Field) -> Field:
        """Take the side that the model was trained on, px, in three colours."""
        return self.framing.suited(field)

    def check(self, layout: Layout) -> None:
        """Accept any picture: one of another side is scaled."""


def _half(folder: Path, config: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Take the half that sees, and the config by which it is made again."""
    package, kind = transformers(), str(config["model_type"])
    named = [name for name in config.get("architectures") or () if hasattr(package, name)]
    part = getattr(package, named[0]) if named else package.VisionEncoderDecoderModel
    whole = loaded(part, folder, ("encoder.pooler.", "vision_model.pooler."))
    own = dict(config.get("encoder", config))
    model = fresh(_class(PAIRED.get(kind, "")), own, _options(own))
    model.load_state_dict(getattr(whole, HALVES[kind]).state_dict(), strict=False)
    return model, own


def _class(name: str) -> Any:
    package = transformers()
    return getattr(package, name) if name else package.AutoModel


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the pooling layer, which the first token makes needless."""
    return {"add_pooling_layer": False} if config["model_type"] in {"vit", "deit"} else {}


def _sequence(tokens: Tensor) -> Tensor:
    """Lay a grid, [batch features high wide], out as tokens; tokens stay."""
    return tokens.flatten(2).transpose(1, 2) if tokens.ndim == 4 else tokens


def _keeps_shape(inner: Mapping[str, Any]) -> bool:
    """Tell whether pages are laid into the middle of the network's own shape, as Donut's are."""
    named = f"{inner.get('image_processor_type')} {inner.get('feature_extractor_type')}"
    wanted = ("do_resize", "do_thumbnail", "do_pad")
    return "Donut" in named and all(inner.get(key, True) for key in wanted)


def seen_by(folder: Path, config: Any) -> dict[str, Any]:
    """Read how pictures are scaled, cut and evened out."""
    inner = preprocessor_of(folder, "image_processor")
    size, crop = inner.get("size"), inner.get("crop_size")
    if isinstance(size, list):  # width first, as older files have it
        size = {"height": size[-1], "width": size[0]}
    shortest = isinstance(size, Mapping) and "shortest_edge" in size
    side = side_of(size) or int(getattr(config, "image_size", 0) or 224)
    scaled, fit = side, "crop" if shortest else "stretch"
    if inner.get("do_center_crop") and crop:
        side, fit = side_of(crop), "crop"
    elif shortest and ("crop_pct" in inner or "ConvNext" in inner.get("image_processor_type", "")):
        small = side < CROPPED
        scaled = int(side / inner.get("crop_pct", 224 / 256)) if small else side
        fit = "crop" if small else "stretch"
    if not inner.get("do_normalize", True):
        inner = {**inner, "image_mean": (0.0,) * 3, "image_std": (1.0,) * 3}
    scale = 255 * inner.get("rescale_factor", 1 / 255) if inner.get("do_rescale", True) else 255
    wide = int(size.get("width", 0)) if isinstance(size, Mapping) else 0
    if wide and _keeps_shape(inner):
        scaled, fit = max(side, wide), PAGE
    return {
        "scaled": max(scaled, side),
        "side_px": side,
        **({"wide_px": wide} if wide and not crop and wide != side else {}),
        "fit": fit,
        "mean": [mean / scale for mean in inner.get("image_mean", MEAN)],
        "deviation": [deviation / scale for deviation in inner.get("image_std", MEAN)],
    }
