"""Pretrained text encoders: BERT and its family, sentence embedders, text sides of CLIP and kin."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.core.schema import Field, Text
from sensorium.encoders.encoder import as_encoded
from sensorium.encoders.towers.source import (
    config_of,
    demand_reader,
    fresh,
    loaded,
    read_json,
    transformers,
)
from sensorium.encoders.towers.tower import Tower
from sensorium.nn.layers import layers_of
from sensorium.nn.masks import masked_mean
from sensorium.store.content import tokenizer_digest

PAIRED = {
    "clip": "CLIPTextModelWithProjection",
    "clap": "ClapTextModelWithProjection",
    "siglip": "SiglipTextModel",
    "siglip2": "Siglip2TextModel",
}
"""Models of two sides, and the class of the side that reads text."""
FULL_LENGTH = {"siglip", "siglip2"}
"""They were trained on rows filled up to the full length, without a mask."""
POOLS = {"cls": "first", "mean": "mean", "max": "max", "lasttoken": "last"}
ORDER = ("Transformer", "Pooling", "Dense", "Normalize")
"""Modules of ``sentence-transformers``, in the order in which they may follow one another."""
LONGEST = 512
"""Tokens, where no file of the model names a limit."""


class TextTower(Tower):
    """A text encoder of ``transformers``, with the pooling of ``sentence-transformers``.

    A folder without ``modules.json`` is pooled by the mean of its tokens; the text side of a model
    of two sides gives its own embedding.
    """

    kind: ClassVar[str] = "text"

    def __init__(self, model: Any, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.known = dict(known)
        two = hasattr(model, "encoder") and hasattr(model, "decoder")
        self.model: Any = model.encoder if two else model
        self.features = self.summed = int(self.model.config.hidden_size)
        if known["pool"] == "own":
            names = ("projection_dim", "projection_size")
            self.summed = int(max(getattr(model.config, name, 0) for name in names))
        self.dense = nn.ModuleList()
        for entry in known["dense"]:
            self.dense.append(nn.Linear(entry["in"], entry["out"], bias=entry["bias"]))
            self.summed = entry["out"]

    @classmethod
    def open(cls, folder: Path) -> "TextTower":
        """Read a model folder, weights and all.

        Errors:
            PartError: it cannot be read as a text encoder.
        """
        config = config_of(folder)
        found = _sentence_parts(folder)
        name = PAIRED.get(config["model_type"], "")
        model = loaded(_class(name), folder, ("pooler.", "decoder."), _options(config))
        demand_reader(model, folder, cls.kind)
        tower = cls(model, {
            "config": config,
            "side": name,
            "pool": found["pool"] or ("own" if name else "mean"),
            "normalize": found["normalize"],
            "dense": [entry["shape"] for entry in found["dense"]],
            "max_tokens": _longest(folder, config, model),
            "tokenizer": str(folder),
            "digest": digest_of(folder),
            "prefix": _prefix(folder),
        })  # fmt: skip
        for layer, entry in zip(tower.dense, found["dense"], strict=True):
            layer.load_state_dict(entry["weights"])
        return tower

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "TextTower":
        """Make it again from its state, without weights."""
        config = known["config"]
        return cls(fresh(_class(known["side"]), config, _options(config)), known)

    def state(self) -> Mapping[str, Any]:
        """Give config, pooling and limits."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give the last layer's tokens."""
        tokens = self._run(column).last_hidden_state[:, : column.mask.shape[1]]
        return as_encoded(tokens, column.mask, column)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Pool the tokens as the model was trained."""
        found = self._run(column)
        if self.known["pool"] == "own":
            own = getattr(found, "text_embeds", None)
            vectors = found.pooler_output if own is None else own
        else:
            vectors = pooled(found.last_hidden_state, column.mask, self.known["pool"])
        for layer, entry in zip(self.dense, self.known["dense"], strict=True):
            vectors = layer(vectors)
            vectors = torch.tanh(vectors) if entry["tanh"] else vectors
        return F.normalize(vectors, dim=-1) if self.known["normalize"] else vectors

    def _run(self, column: Column) -> Any:
        config = self.model.config
        pad = config.pad_token_id if isinstance(config.pad_token_id, int) else 0
        ids = column.values.masked_fill(~column.mask, pad)
        if self.known["config"]["model_type"] in FULL_LENGTH:
            return self.model(input_ids=F.pad(ids, (0, self.longest - ids.shape[1]), value=pad))
        return self.model(input_ids=ids, attention_mask=column.mask.long())

    @property
    def longest(self) -> int:
        """How many tokens it takes."""
        return int(self.known["max_tokens"])

    def blocks(self) -> Sequence[nn.Module]:
        """List the layers."""
        return layers_of(self.model)

    def suited(self, field: Field) -> Field:
        """Take the model's own tokenizer, its limit and its prefix."""
        if not isinstance(field, Text):
            return field
        return replace(
            field,
            tokenizer=self.known["tokenizer"],
            max_tokens=min(field.max_tokens, self.longest),
            prefix=field.prefix or self.known["prefix"],
        )

    def check(self, layout: Layout) -> None:
        """Compare the tokenizers, by the sha256 of their rules, and the lengths."""
        most = self.model.get_input_embeddings().weight.shape[0]
        demand_tokens(layout, self.known, most)


def demand_tokens(layout: Layout, known: Mapping[str, Any], vocabulary: int = 0) -> None:
    """Compare a column's ids with those that a network was trained on.

    Args:
        layout: the column's.
        known: the network's ``tokenizer`` (where it lies), its ``digest`` ("" where it is not
            known) and ``max_tokens``.
        vocabulary: the most ids that the network knows; 0 where it does not say.

    Errors:
        PartError: another tokenizer, or longer rows than the network takes.
    """
    own, most = known["tokenizer"], known["max_tokens"]
    other = bool(known["digest"]) and layout.tokenizer != known["digest"]
    those = f"{vocabulary:,}" if vocabulary else "ones"
    if not layout.tokenizer or other or layout.vocabulary > vocabulary > 0:
        msg = (
            f"the tokenizer does not match: the column's {layout.vocabulary:,} tokens are not the "
            f"{those} that the model was trained on; use Text(tokenizer={own!r})"
        )
        raise PartError(msg)
    if layout.length > most:
        msg = (
            f"the model takes {most} tokens, the column has up to {layout.length}; "
            f"use Text(max_tokens={most})"
        )
        raise PartError(msg)


def pooled(
    tokens: Float[Tensor, " batch time features"], mask: Bool[Tensor, " batch time"], how: str
) -> Float[Tensor, " batch features"]:
    """Make one vector of a row's tokens.

    Args:
        tokens: a sequence a row, longer than ``mask`` where the network padded it further.
        mask: which steps are real; at least one a row.
        how: ``"mean"``, ``"max"``, ``"first"`` or ``"last"`` of the real steps.

    Errors:
        PartError: another way.
    """
    tokens = tokens[:, : mask.shape[1]]
    match how:
        case "mean":
            return masked_mean(tokens, mask)
        case "max":
            return tokens.masked_fill(~mask.unsqueeze(-1), -torch.inf).amax(1)
        case "first":
            return tokens[:, 0]
        case "last":
            steps = torch.arange(mask.shape[1], device=mask.device)
            last = (steps * mask).argmax(1)
            return tokens[torch.arange(len(tokens), device=tokens.device), last]
    msg = f"pool must be 'auto', 'mean', 'max', 'first', 'last' or 'none', found {how!r}"
    raise PartError(msg)


def _class(name: str) -> Any:
    package = transformers()
    return getattr(package, name) if name else package.AutoModel


def _options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out the pooling layer, which many checkpoints of the BERT family lack."""
    with_pooler = {"bert", "roberta", "xlm-roberta", "camembert", "ernie", "electra"}
    return {"add_pooling_layer": False} if config["model_type"] in with_pooler else {}


def _longest(folder: Path, config: Mapping[str, Any], model: nn.Module) -> int:
    """Find the most tokens that a model takes: the least of what its files say."""
    inner = config.get("text_config") or config
    limits = [
        int(inner.get("max_position_embeddings") or 0) - _unused_places(model),
        read_json(folder, "sentence_bert_config.json").get("max_seq_length"),
        read_json(folder, "tokenizer_config.json").get("model_max_length"),
    ]
    named = [int(limit) for limit in limits if isinstance(limit, int | float) and 0 < limit < 1e6]
    return min(named, default=LONGEST)


def _unused_places(model: nn.Module) -> int:
    """Count the positions before the first token's: the RoBERTa family numbers from padding on."""
    for name, part in model.named_modules():
        if name.endswith("position_embeddings") and getattr(part, "padding_idx", None) is not None:
            return int(part.padding_idx) + 1
    return 0


def _prefix(folder: Path) -> str:
    """Find the prompt that a sentence embedder puts before a text when none is named."""
    known = read_json(folder, "config_sentence_transformers.json")
    return str((known.get("prompts") or {}).get(known.get("default_prompt_name") or "", ""))


def _sentence_parts(folder: Path) -> dict[str, Any]:
    """Read how ``sentence-transformers`` pools and what it puts behind.

    Errors:
        PartError: a module or a pooling that is not known here.
    """
    found: dict[str, Any] = {"pool": "", "normalize": False, "dense": []}
    modules = read_json(folder, "modules.json").get("", [])
    names = [str(module["type"]).rsplit(".", 1)[-1] for module in modules]
    places = [ORDER.index(name) if name in ORDER else -1 for name in names]
    if -1 in places or places != sorted(places):
        msg = f"{folder} is made of {names}; known are {', '.join(ORDER)}, in this order"
        raise PartError(msg)
    for name, module in zip(names, modules, strict=True):
        place = folder / str(module["path"])
        if name == "Pooling":
            found["pool"] = _pool(place)
        elif name == "Normalize":
            found["normalize"] = True
        elif name == "Dense":
            found["dense"].append(_dense(place))
    return found


def _pool(folder: Path) -> str:
    said = read_json(folder, "config.json")
    chosen = [
        key.removeprefix("pooling_mode_").removesuffix("_tokens").removesuffix("_token")
        for key, on in said.items()
        if key.startswith("pooling_mode_") and on
    ] or [str(said.get("pooling_mode"))]
    if len(chosen) != 1 or chosen[0] not in POOLS:
        msg = f"{folder} pools by {chosen}; known is one of {', '.join(POOLS)}"
        raise PartError(msg)
    return POOLS[chosen[0]]


def _dense(folder: Path) -> dict[str, Any]:
    said = read_json(folder, "config.json")
    activation = str(said.get("activation_function", "Tanh")).rsplit(".", 1)[-1]
    if activation not in ("Tanh", "Identity"):
        msg = f"{folder} bends by {activation}; known are Tanh and Identity"
        raise PartError(msg)
    file = folder / "model.safetensors"
    try:
        weights = {k.removeprefix("linear."): value for k, value in load_file(file).items()}
        out, size = weights["weight"].shape
    except (OSError, KeyError, ValueError, SafetensorError) as error:
        msg = f"{folder} is a dense layer whose {file.name} cannot be read ({error!r})"
        raise PartError(msg) from error
    shape = {"in": size, "out": out, "bias": "bias" in weights, "tanh": activation == "Tanh"}
    return {"shape": shape, "weights": weights}


def digest_of(folder: Path) -> str:
    """Name the rules of the model's tokenizer; "" where they are of an older form."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        return ""
    try:
        return tokenizer_digest(Tokenizer.from_file(str(file)).to_str())
    except Exception as error:  # the Rust binding raises plain Exception
        msg = f"{file} is not a tokenizer ({error}); take a whole copy of the model"
        raise PartError(msg) from error
