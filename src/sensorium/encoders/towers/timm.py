"""Picture networks of the package ``timm``: ``"timm:resnet18"``, or ``"timm:/folder"``.

A folder is one that ``timm`` saved: ``config.json`` with an ``architecture``, and
``model.safetensors``. Side, cut and colours are those that a model was trained on. A name's weights
are looked for in the hub's local cache.

Legend: batch = rows, time = places, features = channels of the last grid.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.counted import counted
from sensorium.core.errors import ExtraError, PartError
from sensorium.core.schema import Field
from sensorium.encoders.encoder import as_encoded
from sensorium.encoders.pixels import grid_tokens
from sensorium.encoders.towers.framing import Framing
from sensorium.encoders.towers.source import CONFIG, demand_safetensors, folder_of, read_json
from sensorium.encoders.towers.stages import stages
from sensorium.encoders.towers.tower import Tower

MARK = "timm:"
WEIGHTS = "model.safetensors"
CONVERT = (
    "timm.models.save_for_hf(timm.create_model('local-dir:FOLDER', pretrained=True), "
    "'NEW_FOLDER', safe_serialization=True)"
)
TRAINED = ("input_size", "mean", "std", "crop_pct")
"""What a config says of the pictures that a network was trained on."""
COLOURS = (1, 3)
"""How many colours a picture can have here."""


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
            hub: whether a name's weights may be downloaded; else they must lie in the hub's
                local cache.

        Errors:
            PartError: there is no such model, its weights are not at hand, or its pictures are
                not what a column can hold.
            ExtraError: ``timm`` is not installed.
        """
        timm = timm_package()
        name = source.removeprefix(MARK)
        folder = Path(name).expanduser()
        if folder.is_dir():
            model, said = _from_folder(timm, folder)
        else:
            said = {"name": name, "arguments": {}}
            model = _named(timm, said, hub=hub)
        known = said | _framing(timm, model, said.pop("trained", {}), source)
        summed = _summed(model, known, source)
        return cls(model, known | {"features": int(model.num_features), "summed": summed})

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "TimmTower":
        """Make it again from its state, without weights."""
        return cls(_made(timm_package(), known, pretrained=False), known)

    def state(self) -> Mapping[str, Any]:
        """Give name, sizes and colours."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give what it calls its features: the places of the last grid, or its tokens.

        Errors:
            PartError: it gives several grids or sequences.
        """
        found = self.model.forward_features(self.framing(column.values))
        if not isinstance(found, Tensor):
            msg = (
                f"timm's {self.known['name']!r} gives no single sequence of tokens but "
                f"a {type(found).__name__} of several: use pool='auto', its own summary"
            )
            raise PartError(msg)
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
        """List its stages; in a transformer, its blocks."""
        return stages(self.model)

    def suited(self, field: Field) -> Field:
        """Take the side that it was trained on, px, and its colours."""
        return self.framing.suited(field)

    def check(self, layout: Layout) -> None:
        """Accept any picture: one of another side is scaled."""


def _made(
    timm: Any, said: Mapping[str, Any], *, pretrained: bool, weights: Path | None = None
) -> Any:
    """Make a network without its classifier; ``weights`` is where they lie, else they are fetched.

    Errors:
        PartError: the package cannot.
    """
    arguments = {**said["arguments"], "num_classes": 0}
    place = {"pretrained_cfg_overlay": {"file": str(weights)}} if weights else {}
    try:
        return timm.create_model(said["name"], pretrained=pretrained, **arguments, **place)
    except Exception as error:  # the package and its hub raise many kinds
        msg = f"timm cannot make {said['name']!r} ({type(error).__name__}: {error})"
        raise PartError(msg) from error


def _named(timm: Any, said: Mapping[str, Any], *, hub: bool) -> Any:
    """Make the network of a name, with the weights of the hub or of its local cache.

    Errors:
        PartError: there is no such name, or its weights are not at hand.
    """
    name = said["name"]
    if "/" in name or ":" in name:
        if hub:
            return _made(timm, said, pretrained=True)
        msg = f"there is no folder {name!r}: give 'timm:FOLDER', or 'timm:NAME' as timm knows it"
        raise PartError(msg)
    _demand_known(timm, name)
    weights = None if hub else _cached(timm, name)
    return _made(timm, said, pretrained=True, weights=weights)


def _demand_known(timm: Any, name: str) -> None:
    """Check that the package knows a name.

    Errors:
        PartError: it knows neither the architecture nor, where a tag is given, those weights.
    """
    base = name.partition(".")[0]
    tagged = timm.list_pretrained()
    if timm.is_model(base) and (name == base or name in tagged):
        return
    near = get_close_matches(name, {*timm.list_models(), *tagged}, n=3)
    advice = f"did you mean {', '.join(map(repr, near))}?" if near else "see timm.list_models()"
    msg = f"there is no folder {name!r}, and timm {timm.__version__} knows no such model: {advice}"
    raise PartError(msg)


def _cached(timm: Any, name: str) -> Path:
    """Find the weights of a name in the hub's local cache.

    Errors:
        PartError: they are not there, or as a pickle only.
    """
    said = timm.get_pretrained_cfg(name)
    repository = getattr(said, "hf_hub_id", None)
    if not repository:
        msg = f"the hub has no weights of timm's {name!r}: give 'timm:FOLDER' with your own"
        raise PartError(msg)
    folder = folder_of(repository, hub=False)
    demand_safetensors(folder, CONVERT)
    usual = folder / WEIGHTS
    return usual if usual.is_file() else min(folder.glob("*.safetensors"))


def _from_folder(timm: Any, folder: Path) -> tuple[Any, dict[str, Any]]:
    """Make the network of a folder, all of its weights or none."""
    config = read_json(folder, CONFIG)
    if "architecture" not in config:
        msg = f"{folder} needs a {CONFIG} with an architecture, and {WEIGHTS}, as timm saves them"
        raise PartError(msg)
    if not (folder / WEIGHTS).is_file():
        demand_safetensors(folder, CONVERT)
        msg = f"{folder} has no {WEIGHTS}: that is what timm calls a folder's weights"
        raise PartError(msg)
    said = {"name": config["architecture"], "arguments": config.get("model_args") or {}}
    model = _made(timm, said, pretrained=False)
    try:
        lost = model.load_state_dict(load_file(folder / WEIGHTS), strict=False).missing_keys
    except (SafetensorError, OSError) as error:
        msg = f"{folder / WEIGHTS} is torn, take a whole copy of it: {error}"
        raise PartError(msg) from error
    except RuntimeError as error:
        msg = f"the weights in {folder} are not of {said['name']!r}: {error}"
        raise PartError(msg) from error
    if lost:
        lacks = f"{folder} lacks {counted(len(lost), 'weight')} of {said['name']!r}"
        msg = f"{lacks}, for example {lost[0]}"
        raise PartError(msg)
    return model, said | {"trained": config.get("pretrained_cfg") or _older(config)}


def _older(config: Mapping[str, Any]) -> dict[str, Any]:
    """Read what the older form of a config, of one level only, says of the training."""
    return {key: config[key] for key in TRAINED if config.get(key) is not None}


def _framing(timm: Any, model: Any, trained: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Find side, cut and colours: those of a folder before those of the architecture.

    Errors:
        PartError: its pictures have other colours than a column's, or are no squares.
    """
    found = timm.data.resolve_model_data_config(model) | dict(trained)
    colours, high, wide = found["input_size"]
    if colours not in COLOURS:
        msg = f"{source!r} reads pictures of {colours} colours; a picture column has 1 or 3"
        raise PartError(msg)
    if high != wide:
        msg = (
            f"{source!r} reads pictures of {high} by {wide} px; only networks of square pictures "
            "can be used: save it with a square img_size"
        )
        raise PartError(msg)
    return {
        "scaled": int(high / float(found.get("crop_pct") or 1)),
        "side_px": int(high),
        "mean": _each(found["mean"], colours),
        "deviation": _each(found["std"], colours),
        "cut": "nearest",
    }


def _each(values: Sequence[float], colours: int) -> list[float]:
    """Give one number a colour; those of three colours become their mean for one."""
    if len(values) == colours:
        return list(values)
    return [sum(values) / len(values)] * colours


def _summed(model: Any, known: Mapping[str, Any], source: str) -> int:
    """Run a picture through it, and give the width of its summary.

    Errors:
        PartError: it does not take pictures as its config says.
    """
    side, colours = known["side_px"], len(known["mean"])
    try:
        with torch.no_grad():
            found = model.eval().forward_features(torch.zeros(1, colours, side, side))
            return int(model.forward_head(found, pre_logits=True).shape[-1])
    except Exception as error:  # networks check what they are given in many ways
        msg = (
            f"{source!r} cannot read a picture of {side} by {side} px in {colours} colours, as its "
            f"config says it does ({type(error).__name__}: {error}): save it anew with timm"
        )
        raise PartError(msg) from error
