"""Low-rank adapters beside the linear layers of a pretrained network (LoRA; Hu et al. 2021)."""

import re
from collections.abc import Sequence

from torch import nn

from sensorium.core.errors import ExtraError, PartError


def add_lora(network: nn.Module, blocks: Sequence[nn.Module], rank: int) -> None:
    """Put adapters beside the linear layers of every block; they start as nothing.

    Args:
        network: what holds the blocks; its layers are replaced in place.
        blocks: its repeated blocks.
        rank: of the adapters.

    Errors:
        ExtraError: peft is not installed.
        PartError: there is no linear layer.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ExtraError("peft", "pretrained", "lora") from error
    names = {id(part): name for name, part in network.named_modules()}
    inside = [
        names[id(part)]
        for block in blocks
        for part in block.modules()
        if isinstance(part, nn.Linear)
    ]
    if not inside:
        msg = f"{type(network).__name__} has no linear layers in its blocks for lora to adapt"
        raise PartError(msg)
    exact = "|".join(re.escape(name) for name in inside)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=f"^({exact})$")
    inject_adapter_in_model(config, network)
