"""Picture networks of the package ``timm``: ``"timm:resnet18"``, or ``"timm:/folder"``.

A folder is one that ``timm`` saved: ``config.json`` with an ``architecture``, and
``model.safetensors``. Side, cut and colours are those that a model was trained on.

Legend: batch = rows, time = places, features = channels of the last grid.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.counted import counted
from sensorium.core.errors import ExtraError, PartError
from sensorium.core.schema import Field
from sensorium.encoders.encoder import as_encoded
from sensorium.encoders.pixels import grid_tokens
from sensorium.encoders.towers.framing import Framing
from sensorium.encoders.towers.source import CONFIG, read_json
from sensorium.encoders.towers.tower import Tower

MARK = "timm:"
WEIGHTS = "model.safetensors"
STAGES = ("blocks", "stages", "layers", "features")
"""What networks call the sequence of their blocks; the first that there is."""


def timm_package() -> Any:
    """Give the package.

    Errors:
        ExtraError: it is not installed.
        PartError: it is, but cannot be imported, such as beside a torchvision of another build.
    """
    try:
        import timm  # noqa: PLC0415  an extra
    except Exception as error:  # torchvision raises a RuntimeError where torch is not its own
        if isinstance(error, ModuleNotFoundError) and error.name == "timm":
            raise ExtraError("timm", "", "a model of timm") from error
        msg = (
            f"a model of timm needs the package 'timm', which is installed but cannot be imported "
            f"({type(error).__name__}: {error}); it needs the torchvision of the very build of "
            f"torch, found torch {torch.__version__}: install both in one go, from one index "
            f"(pip install --force-reinstall torch torchvision)"
        )
        raise PartError(msg) from error
    return timm


class TimmTower(Tower):
    """A picture network of ``timm`` without its classifier."""

    kind: ClassVar[str] = "image"

    def __init__(self, model: Any, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.known = dict(known)
        self.model = model.eval()
        self.features, self.summed = int(known["features"]), int(known["summed"])
        self.framing = Framing(known)

    @classmethod
    def open(cls, source: str, *, hub: bool = False) -> "TimmTower":
        """Make a network, weights and all.

        Args:
            source: ``"timm:"`` and a model's name or a folder.
            hub: whether a name's weights may be downloaded.

        Errors:
            PartError: there is no such model, or its weights may not be fetched.
            ExtraError: ``timm`` is not installed.
        """
        timm = timm_package()
        name = source.removeprefix(MARK)
        folder = Path(name).expanduser()
        if folder.is_dir():
            model, said = _from_folder(timm, folder)
        elif not hub:
            msg = f"{source!r} is no folder: pass hub=True to download it, or give 'timm:FOLDER'"
            raise PartError(msg)
        else:
            said = {"name": name, "arguments": {}}
            model = _made(timm, said, pretrained=True)
        known = said | _framing(timm, model, said.pop("trained", {}))
        side, colours = known["side_px"], len(known["mean"])
        with torch.no_grad():
            found = model.eval().forward_features(torch.zeros(1, colours, side, side))
            summed = model.forward_head(found, pre_logits=True).shape[-1]
        width = int(model.num_features)
        return cls(model, known | {"features": width, "summed": summed})

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "TimmTower":
        """Make it again from its state, without weights."""
        return cls(_made(timm_package(), known, pretrained=False), known)

    def state(self) -> Mapping[str, Any]:
        """Give name, sizes and colours."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give what it calls its features: the places of the last grid, or its tokens."""
        found = self.model.forward_features(self.framing(column.values))
        if found.ndim == 4:
            first = found.shape[1] == self.features
            found = grid_tokens(found) if first else found.flatten(1, 2)
        mask = torch.ones(found.shape[:2], dtype=torch.bool, device=found.device)
        return as_encoded(found, mask, column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Give what its classifier saw."""
        found = self.model.forward_features(self.framing(column.values))
        summed: Tensor = self.model.forward_head(found, pre_logits=True)
        return summed

    def blocks(self) -> Sequence[nn.Module]:
        """List its blocks or stages."""
        for name in STAGES:
            part = getattr(self.model, name, None)
            if isinstance(part, nn.ModuleList | nn.Sequential):
                return list(part)
        return [part for name, part in self.model.named_children() if name.startswith("layer")]

    def suited(self, field: Field) -> Field:
        """Take the side that it was trained on, px, and its colours."""
        return self.framing.suited(field)

    def check(self, layout: Layout) -> None:
        """Accept any picture: one of another side is scaled."""


def _made(timm: Any, said: Mapping[str, Any], *, pretrained: bool) -> Any:
    try:
        return timm.create_model(
            said["name"], pretrained=pretrained, num_classes=0, **said["arguments"]
        )
    except Exception as error:  # the package and its hub raise many kinds
        msg = f"timm cannot make {said['name']!r} ({error})"
        raise PartError(msg) from error


def _from_folder(timm: Any, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Make the network of a folder, all of its weights or none."""
    config = read_json(folder, CONFIG)
    if "architecture" not in config or not (folder / WEIGHTS).is_file():
        msg = f"{folder} needs a {CONFIG} with an architecture, and {WEIGHTS}, as timm saves them"
        raise PartError(msg)
    said = {"name": config["architecture"], "arguments": config.get("model_args") or {}}
    model = _made(timm, said, pretrained=False)
    try:
        lost = model.load_state_dict(load_file(folder / WEIGHTS), strict=False).missing_keys
    except RuntimeError as error:
        msg = f"the weights in {folder} are not of {said['name']!r}: {error}"
        raise PartError(msg) from error
    if lost:
        lacks = f"{folder} lacks {counted(len(lost), 'weight')} of {said['name']!r}"
        msg = f"{lacks}, for example {lost[0]}"
        raise PartError(msg)
    return model, said | {"trained": config.get("pretrained_cfg") or {}}


def _framing(timm: Any, model: Any, trained: Mapping[str, Any]) -> dict[str, Any]:
    """Find side, cut and colours: those of a folder before those of the architecture."""
    found = timm.data.resolve_model_data_config(model) | dict(trained)
    side = int(found["input_size"][-1])
    return {
        "scaled": int(side / float(found.get("crop_pct") or 1)),
        "side_px": side,
        "mean": list(found["mean"]),
        "deviation": list(found["std"]),
    }
