"""Pretrained networks inside decoders: frozen or tuned, their keys and values kept by row.

Knows no family of networks.
"""

import copy
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sensorium.core.errors import PartError
from sensorium.encoders.adapters import add_lora
from sensorium.encoders.towers.source import read_json, transformers
from sensorium.nn.layers import layers_of
from sensorium.preprocess.tokens import Pretrained

UNFREEZE = ("none", "all")


def tuning_faults(unfreeze: str, lora: int, pace: float | None) -> Iterator[str]:
    """Say what cannot be of the options of a pretrained network."""
    if unfreeze not in UNFREEZE:
        yield f"unfreeze must be one of {', '.join(UNFREEZE)}, found {unfreeze!r}"
    if not isinstance(lora, int) or lora < 0:
        yield f"lora is a rank, a whole number of 0 or more, found {lora!r}"
    if lora and unfreeze == "all":
        yield "lora and unfreeze exclude each other: choose one"
    if pace is not None and not 0 < pace < math.inf:
        yield f"pace must be above 0, found {pace}"


def tune(network: nn.Module, unfreeze: str, lora: int) -> None:
    """Free the network's weights, or put adapters beside them, or leave them as they are."""
    network.requires_grad_(requires_grad=unfreeze == "all")
    if lora:
        add_lora(network, layers_of(network), lora)
    _name_once(network)


def paces_of(network: nn.Module, lora: int, pace: float | None) -> Mapping[str, float]:
    """Give the pace of each weight that is trained; None is 0.1 for adapters, else 0.01."""
    share = (0.1 if lora else 0.01) if pace is None else pace
    return {name: share for name, w in network.named_parameters() if w.requires_grad}


def _name_once(network: nn.Module) -> None:
    """Let tied weights, such as a table that is also the last layer, be saved under one name."""
    first: dict[int, str] = {}
    also: dict[str, str] = {}
    for name, weight in network.named_parameters(remove_duplicate=False):
        if first.setdefault(id(weight), name) != name:
            also[name] = first[id(weight)]

    def leave_out(_: nn.Module, state: dict[str, Any], prefix: str, __: Any) -> None:
        for name in also:
            state.pop(prefix + name, None)

    def put_back(_: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
        for name, own in also.items():
            if prefix + own in state:
                state[prefix + name] = state[prefix + own]

    network.register_state_dict_post_hook(leave_out)  # type: ignore[no-untyped-call]
    network.register_load_state_dict_pre_hook(put_back)  # type: ignore[no-untyped-call]


def select_kept(cache: Any, rows: Tensor) -> Any:
    """Take some rows of the keys and values that ``transformers`` keeps; the old ones stay."""
    if hasattr(cache, "cross_attention_cache"):
        own, cross = cache.self_attention_cache, cache.cross_attention_cache
        return type(cache)(select_kept(own, rows), select_kept(cross, rows))
    chosen = copy.copy(cache)
    chosen.layers = [copy.copy(layer) for layer in cache.layers]
    for layer in chosen.layers:
        if layer.is_initialized:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]
    return chosen


def ids_of(found: Any) -> tuple[int, ...]:
    """Read ids that files write as one number, as several, or not at all."""
    if found is None:
        return ()
    return tuple(int(i) for i in found) if isinstance(found, Sequence) else (int(found),)


def generation_of(folder: Path, *configs: Mapping[str, Any]) -> dict[str, Any]:
    """Read how a model writes: its ``generation_config.json`` before its configs."""
    said: dict[str, Any] = {}
    for config in (*reversed(configs), read_json(folder, "generation_config.json")):
        said |= {key: value for key, value in config.items() if value is not None}
    return said


def ends_of(said: Mapping[str, Any], folder: Path) -> tuple[int, ...]:
    """Read the ids that end a text.

    Errors:
        PartError: there is none, and no text would come to its end.
    """
    ends = ids_of(said.get("eos_token_id"))
    if not ends:
        msg = (
            f"{folder} names no eos_token_id, so its texts would never end: write the id of its "
            "end into its generation_config.json"
        )
        raise PartError(msg)
    return ends


def marks_of(tokens: Pretrained) -> list[int]:
    """Give the marks that a tokenizer puts before every text."""
    bare, whole = tokens.bare(["a"])[0], tokens(["a"])[0]
    places = range(len(whole) - len(bare) + 1)
    start = next((n for n in places if whole[n : n + len(bare)] == bare), 0)
    return whole[:start]


def conversation(folder: Path, said: Any) -> str:
    """Write a user's words as the model's own chat template does, up to its answer.

    Args:
        folder: a model folder.
        said: the words, or parts of them as ``transformers`` takes them.

    Errors:
        PartError: it has no chat template.
    """
    package = transformers()
    try:
        tokenizer = package.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        turns = [{"role": "user", "content": said}]
        return str(tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
    except Exception as error:  # transformers and jinja raise many kinds
        msg = f"{folder} has no chat template that can be used ({error}): leave chat=False"
        raise PartError(msg) from error


def ended_once(logits: Tensor, ends: Sequence[int]) -> Tensor:
    """Let the first of several ends stand for them all."""
    if len(ends) == 1:
        return logits
    best = logits[..., list(ends)].amax(-1, keepdim=True)
    place = torch.full_like(best, ends[0], dtype=torch.int64)
    return logits.scatter(-1, place, best)
