"""Where a language model comes from: a folder of its own, or the one inside LLaVA."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sensorium.core.errors import PartError
from sensorium.decoders.borrowed import conversation, ends_of, generation_of, ids_of, marks_of
from sensorium.encoders.towers.llava import FAMILY, whole_of
from sensorium.encoders.towers.source import config_of, fresh, loaded, made_config, transformers
from sensorium.encoders.towers.turn import turn_of
from sensorium.preprocess.tokens import Pretrained

SEEN = "[[what was seen]]"
LONGEST = 2_048
"""Tokens, where no file of the model names a limit."""
KEPT = {"DynamicLayer", "DynamicSlidingWindowLayer"}


def read_language(folder: Path, prompt: str, *, chat: bool) -> dict[str, Any]:
    """Read what a folder says of a language model, all but its weights.

    Args:
        folder: a model folder.
        prompt: words between what was seen and the text.
        chat: whether both stand in the model's chat template.

    Errors:
        PartError: it is no language model, or does not say how its texts end.
    """
    config = config_of(folder)
    made = made_config(config)
    inside = made.text_config if config["model_type"] == FAMILY else made
    if type(inside) not in transformers().MODEL_FOR_CAUSAL_LM_MAPPING:
        msg = f"{folder} is {config['model_type']!r}, no language model that writes by itself"
        raise PartError(msg)
    filling = type(inside) in transformers().MODEL_FOR_MASKED_LM_MAPPING
    if filling and not getattr(inside, "is_decoder", False):
        raise PartError(_backwards(folder, config["model_type"]))
    most = getattr(inside.get_text_config(), "max_position_embeddings", None)
    tokens = Pretrained(str(folder))
    said = generation_of(folder, config, config.get("text_config") or {})
    ends = ends_of(said, folder)
    before, begin = _marks(folder, config, tokens, prompt, chat=chat)
    if not begin:
        begin, before = before or [*ids_of(said.get("bos_token_id")), ends[0]][:1], []
    return {
        "config": config if inside is made else json.loads(inside.to_json_string(use_diff=False)),
        "tokenizer": str(folder),
        "digest": tokens.digest,
        "max_tokens": int(most or LONGEST),
        "before": before,
        "begin": begin,
        "ends": list(ends),
    }


def _marks(
    folder: Path, config: Mapping[str, Any], tokens: Pretrained, prompt: str, *, chat: bool
) -> tuple[list[int], list[int]]:
    """Give the ids before and after what was seen."""
    if not chat:
        return marks_of(tokens), tokens.bare([prompt])[0] if prompt else []
    if config["model_type"] == FAMILY:
        turn = turn_of(folder, config)
        asked = turn.question(tokens([turn.prefix + prompt])[0]) if prompt else []
        return turn.before, [*asked, *turn.after]
    said = conversation(folder, f"{SEEN}\n{prompt}" if prompt else SEEN)
    if said.count(SEEN) != 1:
        msg = f"the chat template of {folder} does not keep a user's words: leave chat=False"
        raise PartError(msg)
    before, after = tokens.bare(said.split(SEEN))
    return before, after


def open_language(folder: Path) -> Any:
    """Load a language model, weights and all.

    Errors:
        PartError: it does not write from left to right.
    """
    part: Any = transformers().AutoModelForCausalLM
    if config_of(folder)["model_type"] != FAMILY:
        network = loaded(part, folder)
    else:
        whole = whole_of(folder)
        small = whole.config.text_config
        network = remade_language(json.loads(small.to_json_string(use_diff=False)))
        setattr(network, network.base_model_prefix, whole.model.language_model)
        network.set_output_embeddings(whole.lm_head)
    _demand_causal(network, folder)
    return network


def remade_language(config: Mapping[str, Any]) -> Any:
    """Make a language model from its config, without weights."""
    return fresh(transformers().AutoModelForCausalLM, config)


@torch.no_grad()
def _demand_causal(network: Any, folder: Path) -> None:
    """Check that a token's scores do not depend on those after it, and that they can be kept.

    Errors:
        PartError: it is not a language model that writes from left to right.
    """
    config = network.config.get_text_config()
    cache = transformers().DynamicCache(config=config)
    if strange := {type(layer).__name__ for layer in cache.layers} - KEPT:
        msg = f"{folder} keeps {', '.join(sorted(strange))}; only attention's keys can be kept here"
        raise PartError(msg)
    ids = torch.tensor([[0, 1], [0, 2]])
    found = network(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    if not torch.allclose(found[0, 0], found[1, 0], atol=1e-4, rtol=1e-3):
        raise PartError(_backwards(folder, config.model_type))


def _backwards(folder: Path, family: str) -> str:
    return (
        f"{folder} ({family}) sees the words that come after, so it cannot write: name a language "
        "model, such as one of the Llama, Qwen or GPT-2 families"
    )
