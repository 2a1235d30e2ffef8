"""Which pretrained models have a decoder that looks at an encoder's tokens, and how it is asked.

Legend: batch = rows, time = steps of an encoder, width = features of its tokens, steps = tokens of
the text.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sensorium.core.errors import PartError
from sensorium.encoders.towers.blip import ANSWERS, answers, lengths_of
from sensorium.encoders.towers.source import made_config, transformers
from sensorium.nn.layers import layers_of


@dataclass(frozen=True)
class Family:
    """How the decoder of a family is found and asked.

    Attributes:
        part: (config) -> the class of the whole model, by its name in ``transformers``.
        cut: the whole model -> its decoder alone, which is changed in place.
        ask: (decoder, ids, memory, mask, cache) -> scores of what follows each id.
        look: (decoder, memory, mask) -> what it looks at, made of both columns' tokens; None where
            that is the memory itself.
    """

    part: Callable[[Mapping[str, Any]], str]
    cut: Callable[[Any], Any]
    ask: Callable[[Any, Tensor, Tensor, Tensor, Any], Tensor]
    look: Callable[[Any, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None


def family_of(config: Mapping[str, Any], folder: Path | str) -> Family:
    """Find the family of a model.

    Errors:
        PartError: it has no decoder that looks at an encoder's tokens.
    """
    kind = str(config["model_type"])
    if answers(config):
        return ANSWERING
    if kind in FAMILIES:
        return FAMILIES[kind]
    if type(made_config(config)) in transformers().MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        return FAMILIES["t5"]
    msg = (
        f"{folder} is {kind!r}, which has no decoder that looks at an encoder's tokens; known are "
        f"{', '.join(FAMILIES)} and its kin, such as bart; a language model is a LanguageModel"
    )
    raise PartError(msg)


def _ask_whole(
    model: Any,
    ids: Int[Tensor, " batch steps"],
    memory: Float[Tensor, " batch time width"],
    mask: Bool[Tensor, " batch time"],
    cache: Any,
) -> Float[Tensor, " batch steps vocabulary"]:
    scores: Tensor = model(
        encoder_outputs=(memory,), attention_mask=mask.long(), decoder_input_ids=ids,
        past_key_values=cache, use_cache=cache is not None,
    ).logits  # fmt: skip
    return scores


def _ask_whisper(model: Any, ids: Tensor, memory: Tensor, mask: Tensor, cache: Any) -> Tensor:
    with _hidden(layers_of(model), memory, mask):
        scores: Tensor = model(
            encoder_outputs=(memory,), decoder_input_ids=ids, past_key_values=cache,
            use_cache=cache is not None,
        ).logits  # fmt: skip
        return scores


@contextmanager
def _hidden(parts: Sequence[nn.Module], memory: Tensor, mask: Tensor) -> Iterator[None]:
    """Give the mask to parts that would get none, where anything is masked."""
    with ExitStack() as stack:
        if not bool(mask.all()):
            unseen = memory.new_zeros(mask.shape).masked_fill(~mask, torch.finfo(memory.dtype).min)
            hide = partial(_hide, unseen[:, None, None])
            for part in parts:
                stack.enter_context(part.register_forward_pre_hook(hide, with_kwargs=True))
        yield


def _hide(unseen: Tensor, _: nn.Module, args: Any, options: dict[str, Any]) -> Any:
    return args, {**options, "encoder_attention_mask": unseen}


def _ask_half(model: Any, ids: Tensor, memory: Tensor, mask: Tensor, cache: Any) -> Tensor:
    """Ask a decoder of its own, behind a layer that fits the encoder's width where there is one."""
    fitting = getattr(model, "enc_to_dec_proj", None)
    half = getattr(model, "decoder", model)
    scores: Tensor = half(
        input_ids=ids, encoder_hidden_states=memory if fitting is None else fitting(memory),
        encoder_attention_mask=mask.long(), past_key_values=cache, use_cache=cache is not None,
    ).logits  # fmt: skip
    return scores


def _ask_blip(model: Any, ids: Tensor, memory: Tensor, mask: Tensor, cache: Any) -> Tensor:
    # Its layers do not hand the mask on to where the encoder's tokens are looked at.
    looking = [layer.crossattention.self for layer in model.bert.encoder.layer]
    with _hidden(looking, memory, mask):
        scores: Tensor = model(
            input_ids=ids, encoder_hidden_states=memory, past_key_values=cache,
            use_cache=cache is not None, is_decoder=True,
        ).logits  # fmt: skip
        return scores


def _without_encoder(model: Any) -> Any:
    inner = model if hasattr(model, "encoder") else model.model
    inner.encoder = None
    return model


def _without_sight(model: Any) -> Any:
    model.vision_model = None
    return model


def _ask_answerer(model: Any, ids: Tensor, memory: Tensor, mask: Tensor, cache: Any) -> Tensor:
    return _ask_blip(model.text_decoder, ids, memory, mask, cache)


def _look_asking(
    model: Any, memory: Float[Tensor, " batch time width"], mask: Bool[Tensor, " batch time"]
) -> tuple[Float[Tensor, " batch asked width"], Bool[Tensor, " batch asked"]]:
    """Let the words of the question look at the picture: the last tokens at those before.

    A column that no row of the batch has is one token, so its length is known from the sum.
    """
    seen, asked = lengths_of(model.config)
    time = memory.shape[1]
    if time not in (seen + asked, 1 + asked, seen + 1, 2):
        msg = "BLIP's answers need two columns, the picture first and then the question"
        raise PartError(msg)
    count = asked if time in (seen + asked, 1 + asked) else 1
    picture, real = memory[:, : time - count], mask[:, : time - count]
    words, said = memory[:, time - count :], mask[:, time - count :]
    looking = [layer.crossattention.self for layer in model.text_encoder.encoder.layer]
    with _hidden(looking, picture, real):
        found = model.text_encoder(
            encoder_embeds=words, attention_mask=said.long(), encoder_hidden_states=picture
        )
    return found.last_hidden_state, said


FAMILIES: dict[str, Family] = {
    "whisper": Family(lambda _: "WhisperForConditionalGeneration", _without_encoder, _ask_whisper),
    "vision-encoder-decoder": Family(
        lambda _: "VisionEncoderDecoderModel", _without_encoder, _ask_half
    ),
    "blip": Family(
        lambda _: "BlipForConditionalGeneration", lambda model: model.text_decoder, _ask_blip
    ),
    "t5": Family(lambda _: "AutoModelForSeq2SeqLM", _without_encoder, _ask_whole),
}
"""Families by ``model_type``; kin of t5 and bart are asked alike."""
ANSWERING = Family(lambda _: ANSWERS, _without_sight, _ask_answerer, _look_asking)
"""BLIP that answers questions."""
