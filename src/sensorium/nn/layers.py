"""Finding the repeated blocks of a network that was made elsewhere."""

from torch import nn


def layers_of(model: nn.Module) -> list[nn.Module]:
    """Find the repeated blocks, first to last.

    They are the modules of that list of modules which holds the most weights and lies in no other.
    """
    lists = {name: part for name, part in model.named_modules() if isinstance(part, nn.ModuleList)}
    outer = [
        part
        for name, part in lists.items()
        if not any(name.startswith(f"{other}.") for other in lists if other != name)
    ]
    return list(max(outer, key=_weights, default=[]))


def _weights(part: nn.Module) -> int:
    return sum(weight.numel() for weight in part.parameters())
