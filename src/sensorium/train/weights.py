"""The weights that a fit changes: all but those of frozen encoders, which are never copied."""

from collections.abc import Mapping

from torch import Tensor, nn

from sensorium.core.errors import ArtifactError
from sensorium.encoders.encoder import is_frozen


def learned(model: nn.Module) -> dict[str, Tensor]:
    """Give the weights and buffers of a model outside its frozen parts, by name."""
    fixed = is_frozen(model)
    return {name: w.detach() for name, w in model.state_dict().items() if not fixed(name)}


def take_back(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Put back what ``learned`` gave.

    Errors:
        ArtifactError: the weights are of another model.
    """
    if other := sorted(learned(model).keys() ^ state.keys()):
        msg = f"these weights are of another model: {len(other)} names differ, such as {other[0]}"
        raise ArtifactError(msg)
    model.load_state_dict(state, strict=False)
