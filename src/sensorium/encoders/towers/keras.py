"""Any Keras 3 model that reads pictures, on the torch backend: its weights are torch's own.

What the model gives counts: [batch features] is a summary, [batch time features] are tokens, and
a grid, features first or last as its pictures have them, becomes one token a place.

Legend: batch = rows, time = tokens, features = what the model's output is wide.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import ExtraError, PartError
from sensorium.core.schema import Field
from sensorium.encoders.towers.framing import Framing, places, read_framing
from sensorium.encoders.towers.tower import Tower

BACKEND = "KERAS_BACKEND"
EVENS = {"Rescaling", "Normalization"}
"""Layers by which a model evens colours out itself: it is then given 0..255."""
OLDEST = (3, 12)
"""Older versions can be made to run code by the description of a model."""


def keras_on_torch() -> Any:
    """Give the package, with torch below it.

    Errors:
        ExtraError: it is not installed.
        PartError: it runs on another backend already, or is too old to be safe.
    """
    if "keras" not in sys.modules:
        os.environ[BACKEND] = "torch"
    try:
        import keras  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ExtraError("keras", "keras", "a Keras model") from error
    found = keras.backend.backend()
    if found != "torch":
        msg = (
            f"Keras runs on {found!r} here, and a model of this house needs torch: set "
            f"{BACKEND}=torch in the environment, or import sensorium's encoders before keras"
        )
        raise PartError(msg)
    if tuple(int(n) for n in keras.__version__.split(".")[:2]) < OLDEST:
        msg = f"Keras {keras.__version__} is too old to read models safely: pip install -U keras"
        raise PartError(msg)
    return keras


class KerasTower(Tower):
    """A picture encoder of Keras. A preprocessor_config.json beside it tells its colours."""

    kind: ClassVar[str] = "image"

    def __init__(self, model: Any, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.known = dict(known)
        model.trainable = True
        self.model = model
        self.features = self.summed = int(known["features"])
        self.framing = Framing(known)
        self.requires_grad_(requires_grad=False)
        self.eval()

    @classmethod
    def open(cls, file: Path) -> "KerasTower":
        """Read a ``.keras`` file; layers that carry code are refused.

        Errors:
            PartError: it cannot be read, or does not read pictures.
            ExtraError: ``keras`` is not installed.
        """
        keras = keras_on_torch()
        try:
            model = keras.saving.load_model(file, compile=False, safe_mode=True)
        except Exception as error:  # the package raises many kinds
            msg = f"{file} cannot be read as a Keras model ({error})"
            raise PartError(msg) from error
        first, side, channels = _pictures(file, model)
        raw = any(type(layer).__name__ in EVENS for layer in _inner(model))
        known = {
            "model": keras.saving.serialize_keras_object(model),
            "first": first,
            "features": _features(file, model.output_shape, first=first),
            **read_framing(file.parent, side, channels, raw=raw),
        }
        return cls(model, known)

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "KerasTower":
        """Make it again from its state, without weights."""
        saving = keras_on_torch().saving
        return cls(saving.deserialize_keras_object(known["model"], safe_mode=True), known)

    def state(self) -> Mapping[str, Any]:
        """Give the model's own description, sizes and colours."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give the places of its grid or its tokens, or its summary as the only one."""
        return places(self._run(column), column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Give its summary, or the mean of its places."""
        found = self._run(column)
        return found if found.ndim == 2 else found.mean(1)

    def _run(self, column: Column) -> Tensor:
        x = self.framing(column.values)
        x = x if self.known["first"] else x.permute(0, 2, 3, 1)
        device = "cpu" if x.device.type == "cpu" else f"gpu:{x.device.index or 0}"
        with keras_on_torch().device(device):
            found: Tensor = self.model(x, training=self.training)
        if found.ndim == 4:
            found = found.flatten(2).mT if self.known["first"] else found.flatten(1, 2)
        return found

    def blocks(self) -> Sequence[nn.Module]:
        """List what its layers learn, layer by layer; moving statistics are not learned."""
        return [
            nn.ParameterList(weight.value for weight in layer.trainable_variables)
            for layer in self.model.layers
            if layer.trainable_variables
        ]

    def requires_grad_(self, requires_grad: bool = True) -> "KerasTower":  # noqa: FBT001, FBT002
        """Train what can be trained, which moving statistics cannot, or nothing."""
        for weight in self.parameters():
            weight.requires_grad = False
        for weight in self.model.trainable_variables:
            weight.value.requires_grad = requires_grad
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "KerasTower":
        """Copy it with what is frozen, which Keras's own copy forgets."""
        made = KerasTower.remade(self.known)
        made.load_state_dict(self.state_dict())
        made.to(self.framing.mean.device)
        for own, weight in zip(self.parameters(), made.parameters(), strict=True):
            weight.requires_grad = own.requires_grad
        memo[id(self)] = made
        return made.train(self.training)

    def suited(self, field: Field) -> Field:
        """Take its side, px, and its colours."""
        return self.framing.suited(field)

    def check(self, layout: Layout) -> None:
        """Accept any picture: one of another side is scaled."""


def _inner(model: Any) -> Iterator[Any]:
    """List all layers, those of models inside the model too."""
    for layer in model.layers:
        yield layer
        if hasattr(layer, "layers"):
            yield from _inner(layer)


def _pictures(file: Path, model: Any) -> tuple[bool, int, int]:
    """Tell whether colours come first, the side (0: any) and how many colours there are."""
    shape = model.input_shape
    if isinstance(shape, tuple) and len(shape) == 4:
        if shape[3] in (1, 3):
            return False, shape[1] or 0, shape[3]
        if shape[1] in (1, 3):
            return True, shape[2] or 0, shape[1]
    msg = f"{file} takes {shape}, and not pictures of 1 or 3 colours"
    raise PartError(msg)


def _features(file: Path, shape: Any, *, first: bool) -> int:
    size = shape[1] if first and len(shape) == 4 else shape[-1]
    if not isinstance(size, int) or len(shape) not in (2, 3, 4):
        msg = f"{file} gives {shape}, which is no summary, no tokens and no grid of known width"
        raise PartError(msg)
    return size
