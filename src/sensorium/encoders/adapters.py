"""Low-rank adapters beside the linear layers of a pretrained network (LoRA; Hu et al. 2021)."""

import re
from collections.abc import Sequence

from torch import nn

from sensorium.core.errors import ExtraError, PartError

TURNED = "Conv1D"
"""What GPT-2 and its kin have for linear layers: the same, its weights turned."""


def add_lora(network: nn.Module, blocks: Sequence[nn.Module], rank: int, source: str = "") -> None:
    """Put adapters beside the linear layers of every block; they start as nothing.

    Args:
        network: what holds the blocks; its layers are replaced in place.
        blocks: its repeated blocks.
        rank: of the adapters.
        source: what the user calls the network, for errors; else its class is named.

    Errors:
        ExtraError: peft is not installed.
        PartError: there is no linear layer.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ExtraError("peft", "pretrained", "lora") from error
    names = {id(part): name for name, part in network.named_modules()}
    parts = [part for block in blocks for part in block.modules()]
    turned = [part for part in parts if type(part).__name__ == TURNED]
    linear = turned or [part for part in parts if isinstance(part, nn.Linear)]
    inside = [names[id(part)] for part in linear]
    if not inside:
        msg = (
            f"{source or type(network).__name__} has no linear layers in its blocks for lora to "
            "adapt, as a transformer has: free its last blocks instead (unfreeze_last=1)"
        )
        raise PartError(msg)
    exact = "|".join(re.escape(name) for name in inside)
    config = LoraConfig(
        r=rank, lora_alpha=2 * rank, target_modules=f"^({exact})$", fan_in_fan_out=bool(turned)
    )
    inject_adapter_in_model(config, network)
