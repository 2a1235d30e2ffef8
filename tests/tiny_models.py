"""Pretrained networks as a hub would give them, but tiny and of random weights, made without one.

``made(family, folder)`` writes the folder of a model: config, weights, and a tokenizer or the
numbers of its preprocessing. The folder of a text model reads the words of ``WORDS``.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn

import sensorium as sm
from sensorium import encoders, fusion, tasks

WORDS = (
    "lovely", "bright", "place", "quiet", "slow", "awful", "loud", "mess", "good", "bad", "no",
    "one", "two", "three",
)  # fmt: skip
TEXTS = ["lovely bright place", "bad", "quiet slow awful loud mess no one two", "good zebra"]
"""Of unequal length; ``zebra`` is in no vocabulary."""
RATE = 16_000

BERT = {"pad": "[PAD]", "unk": "[UNK]", "first": "[CLS]", "last": "[SEP]"}
ROBERTA = {"first": "<s>", "pad": "<pad>", "last": "</s>", "unk": "<unk>"}
CLIP = {"unk": "<unk>", "first": "<|startoftext|>", "last": "<|endoftext|>"}
SIGLIP = {"unk": "<unk>", "last": "</s>"}
LLAMA = {"unk": "<unk>", "first": "<s>", "end": "</s>", "more": "<eot>"}
PLAIN = {"unk": "<unk>", "start": "<s>", "end": "</s>", "more": "<eot>"}
"""Of language models: the first puts a mark before a text, the second puts none."""

BLOCKS = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2,
          "intermediate_size": 24}  # fmt: skip
TEXT = BLOCKS | {"vocab_size": 24, "max_position_embeddings": 34}
PATCHES = BLOCKS | {"image_size": 16, "patch_size": 8}
CONVS = {"conv_dim": (8, 8), "conv_stride": (20, 16), "conv_kernel": (20, 16),
         "num_feat_extract_layers": 2, "num_conv_pos_embeddings": 4,
         "num_conv_pos_embedding_groups": 2}  # fmt: skip
SWIN = {"depths": [1, 1], "num_heads": [2, 2]}

STRETCHED = {"do_resize": True, "size": {"height": 16, "width": 16}, "do_normalize": True,
             "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.3]}  # fmt: skip
CROPPED = STRETCHED | {"size": {"shortest_edge": 20}, "do_center_crop": True,
                       "crop_size": {"height": 16, "width": 16}}  # fmt: skip
SHORT = STRETCHED | {"size": {"shortest_edge": 32}, "crop_pct": 0.875}
WAVES = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": RATE,
         "feature_size": 1, "padding_value": 0.0, "do_normalize": True}  # fmt: skip


SIDES = {"projection_dim": 12}
ENDS = {"bos_token_id": 15, "eos_token_id": 16}
CLAP = SWIN | {"hidden_size": 16, "patch_embeds_hidden_size": 8, "num_attention_heads": [2, 2],
               "spec_size": 64, "num_mel_bins": 16, "window_size": 4,
               "aff_block_r": 2} | SIDES  # fmt: skip
CLAP_TEXT = TEXT | SIDES | {"pad_token_id": 1}
LANGUAGE = TEXT | {"max_position_embeddings": 64, "num_hidden_layers": 2, "bos_token_id": 1,
                   "eos_token_id": 2}  # fmt: skip
SPEAKING = {
    "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "num_mel_bins": 16,
    "max_source_positions": 50, "max_target_positions": 40, "pad_token_id": 0, "bos_token_id": 1,
    "eos_token_id": 2,
}  # fmt: skip
HALF = {"d_model": 16, "decoder_start_token_id": 1, "vocab_size": 24}

MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "bert": ("Bert", TEXT),
    "roberta": ("Roberta", TEXT | {"pad_token_id": 1}),
    "xlm-roberta": ("XLMRoberta", TEXT | {"pad_token_id": 1}),
    "mpnet": ("MPNet", TEXT | {"pad_token_id": 1}),
    "distilbert": ("DistilBert", {"vocab_size": 24, "max_position_embeddings": 34, "dim": 16,
                                  "n_layers": 3, "n_heads": 2, "hidden_dim": 24}),
    "t5": ("T5", HALF | {"d_kv": 8, "d_ff": 24, "num_layers": 3, "num_heads": 2}),
    "clip": ("CLIP", SIDES | {"text_config": TEXT | SIDES | ENDS,
                              "vision_config": PATCHES | SIDES}),
    "siglip": ("Siglip", {"text_config": TEXT | {"projection_size": 12,
                                                 "max_position_embeddings": 16},
                          "vision_config": PATCHES}),
    "siglip-even": ("Siglip", {"text_config": TEXT | {"projection_size": 16,
                                                      "max_position_embeddings": 16},
                               "vision_config": PATCHES}),
    "clap": ("Clap", SIDES | {"text_config": CLAP_TEXT, "audio_config": CLAP}),
    "clap-fused": ("Clap", SIDES | {"text_config": CLAP_TEXT,
                                    "audio_config": CLAP | {"enable_fusion": True}}),
    "vit": ("ViT", PATCHES),
    "dinov2": ("Dinov2", PATCHES),
    "swin": ("Swin", SWIN | {"image_size": 16, "patch_size": 2, "embed_dim": 8,
                             "window_size": 2}),
    "convnext": ("ConvNext", {"hidden_sizes": [8, 16], "depths": [1, 2], "num_stages": 2}),
    "resnet": ("ResNet", {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1]}),
    "whisper": ("Whisper", HALF | {
        "num_mel_bins": 16, "encoder_layers": 3, "decoder_layers": 1,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 24,
        "decoder_ffn_dim": 24, "max_source_positions": 50, "max_target_positions": 8,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}),
    "wav2vec2": ("Wav2Vec2", BLOCKS | CONVS | {"feat_extract_norm": "group"}),
    "hubert": ("Hubert", BLOCKS | CONVS | {"feat_extract_norm": "layer"}),
    "ast": ("AST", BLOCKS | {"patch_size": 8, "max_length": 40, "num_mel_bins": 16}),
    "llama": ("Llama", LANGUAGE | {"num_key_value_heads": 1, "tie_word_embeddings": True}),
    "gpt2": ("GPT2", {"vocab_size": 24, "n_positions": 64, "n_embd": 16, "n_layer": 2, "n_head": 2,
                      "bos_token_id": 2, "eos_token_id": 2}),
    "qwen2": ("Qwen2", LANGUAGE | {"num_key_value_heads": 2, "bos_token_id": None,
                                   "eos_token_id": [2, 3], "pad_token_id": None}),
    "bloom": ("Bloom", {"vocab_size": 24, "hidden_size": 16, "n_layer": 2, "n_head": 2,
                        "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3}),
    "gemma2": ("Gemma2", LANGUAGE | {"num_key_value_heads": 1, "head_dim": 8,
                                     "sliding_window": 4, "pad_token_id": 0}),
    "whisper-writing": ("Whisper", HALF | SPEAKING),
    "bart": ("Bart", HALF | SPEAKING | {"forced_bos_token_id": None, "forced_eos_token_id": None,
                                        "max_position_embeddings": 40}),
    "t5-writing": ("T5", HALF | {"d_kv": 8, "d_ff": 24, "num_layers": 2, "num_heads": 2,
                                 "decoder_start_token_id": 1, "eos_token_id": 2,
                                 "pad_token_id": 1}),
    "trocr": ("VisionEncoderDecoder", {"decoder_start_token_id": 1, "eos_token_id": 2,
        "encoder": PATCHES | {"model_type": "vit"},
        "decoder": SPEAKING | {"model_type": "trocr", "d_model": 12, "vocab_size": 24,
                               "max_position_embeddings": 40, "is_decoder": True,
                               "add_cross_attention": True}}),
    "donut": ("VisionEncoderDecoder", {"decoder_start_token_id": 1, "eos_token_id": 2,
        "encoder": SWIN | {"model_type": "donut-swin", "image_size": [16, 8], "patch_size": 2,
                           "embed_dim": 8, "window_size": 2},
        "decoder": SPEAKING | {"model_type": "mbart", "d_model": 16, "vocab_size": 24,
                               "max_position_embeddings": 40, "is_decoder": True,
                               "add_cross_attention": True, "forced_eos_token_id": None}}),
    "blip": ("Blip", {"vision_config": PATCHES,
                      "text_config": TEXT | {"encoder_hidden_size": 16, "bos_token_id": 1,
                                             "sep_token_id": 2, "eos_token_id": 2,
                                             "pad_token_id": 0}}),
    "blip-vqa": ("Blip", {"vision_config": PATCHES,
                          "text_config": TEXT | {"encoder_hidden_size": 16, "bos_token_id": 1,
                                                 "sep_token_id": 2, "eos_token_id": 2,
                                                 "pad_token_id": 0}}),
    "llava": ("Llava", {"image_token_id": 3, "vision_feature_layer": -2,
                        "text_config": LANGUAGE | {"model_type": "llama", "hidden_size": 24,
                                                   "num_key_value_heads": 1,
                                                   "max_position_embeddings": 64},
                        "vision_config": PATCHES | {"model_type": "clip_vision_model"}}),
    "mamba": ("Mamba", {"vocab_size": 24, "hidden_size": 16, "num_hidden_layers": 1}),
}  # fmt: skip
"""Family -> what ``transformers`` calls it, and its sizes. The norms of ``wav2vec2`` run over the
whole sound, so that it takes no mask."""


PREPROCESSORS: dict[str, dict[str, Any]] = {
    "vit": STRETCHED,
    "dinov2": CROPPED,
    "swin": STRETCHED,
    "convnext": SHORT | {"image_processor_type": "ConvNextImageProcessor"},
    "resnet": SHORT | {"image_processor_type": "ConvNextImageProcessor"},
    "clip": CROPPED | {"size": {"shortest_edge": 16}},
    "siglip": STRETCHED,
    "whisper": {"feature_extractor_type": "WhisperFeatureExtractor", "sampling_rate": RATE,
                "feature_size": 16, "chunk_length": 1},
    "wav2vec2": WAVES,
    "hubert": WAVES | {"return_attention_mask": True},
    "ast": {"feature_extractor_type": "ASTFeatureExtractor", "sampling_rate": RATE,
            "num_mel_bins": 16, "max_length": 40},
    "clap": {"feature_extractor_type": "ClapFeatureExtractor", "sampling_rate": RATE,
             "feature_size": 16, "hop_length": 160, "fft_window_size": 400, "max_length_s": 1,
             "frequency_max": 8_000, "truncation": "rand_trunc"},
}  # fmt: skip
PREPROCESSORS["whisper-writing"] = PREPROCESSORS["whisper"]
PREPROCESSORS |= dict.fromkeys(("trocr", "blip", "blip-vqa", "llava"), STRETCHED)
PREPROCESSORS["donut"] = STRETCHED | {"size": {"height": 16, "width": 8}}
PREPROCESSORS["siglip-even"] = STRETCHED
PREPROCESSORS["clap-fused"] = PREPROCESSORS["clap"] | {"truncation": "fusion"}
SAID = {
    "whisper-writing": {
        "decoder_start_token_id": 1, "eos_token_id": 2, "pad_token_id": 2, "max_length": 40,
        "is_multilingual": True, "lang_to_id": {"<|en|>": 20, "<|zh|>": 21},
        "task_to_id": {"transcribe": 22, "translate": 23}, "no_timestamps_token_id": 19,
        "suppress_tokens": [0, 1, 3, 8, *range(18, 24)], "begin_suppress_tokens": [2, 9],
        "bos_token_id": 1,
        "transformers_version": transformers.__version__,
    },
}  # fmt: skip
"""What a family's ``generation_config.json`` says."""
for _family in ("bart", "t5-writing", "trocr", "donut"):
    SAID[_family] = {"decoder_start_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
                     "suppress_tokens": [0, 1, 3, *range(18, 24)],
                     "begin_suppress_tokens": [2],
                     "transformers_version": transformers.__version__}  # fmt: skip
MARKS = {
    "bert": BERT, "distilbert": BERT, "t5": BERT, "roberta": ROBERTA, "xlm-roberta": ROBERTA,
    "mpnet": ROBERTA, "clap": ROBERTA, "clap-fused": ROBERTA, "clip": CLIP, "siglip": SIGLIP,
    "siglip-even": SIGLIP, "llama": LLAMA, "gpt2": PLAIN, "qwen2": PLAIN, "bloom": PLAIN,
    "gemma2": LLAMA, "mamba": PLAIN, "whisper-writing": PLAIN, "bart": PLAIN, "t5-writing": PLAIN,
    "trocr": PLAIN, "donut": PLAIN, "blip": PLAIN, "blip-vqa": PLAIN,
    "llava": PLAIN | {"more": "<image>"},
}  # fmt: skip
WRITING = {
    "llama": "LlamaForCausalLM", "gpt2": "GPT2LMHeadModel", "qwen2": "Qwen2ForCausalLM",
    "bloom": "BloomForCausalLM", "gemma2": "Gemma2ForCausalLM", "mamba": "MambaForCausalLM",
    "whisper-writing": "WhisperForConditionalGeneration", "bart": "BartForConditionalGeneration",
    "t5-writing": "T5ForConditionalGeneration", "blip": "BlipForConditionalGeneration",
    "blip-vqa": "BlipForQuestionAnswering", "llava": "LlavaForConditionalGeneration",
}  # fmt: skip
"""Families that write, and the class that does."""


def made(family: str, folder: Path) -> Path:
    """Write the folder of a tiny model of a family."""
    torch.manual_seed(sum(map(ord, family)))
    name, sizes = MODELS[family]
    config = getattr(transformers, f"{name}Config")(**sizes)
    model = getattr(transformers, WRITING.get(family, f"{name}Model"))(config)
    moved(model)
    model.save_pretrained(folder)
    if family in PREPROCESSORS:
        name = "preprocessor_config.json"
        (folder / name).write_text(json.dumps(PREPROCESSORS[family]), encoding="utf-8")
    if family in SAID:
        (folder / "generation_config.json").write_text(json.dumps(SAID[family]), encoding="utf-8")
    if family in MARKS:
        write_tokenizer(folder, MARKS[family])
    return folder


@torch.no_grad()
def moved(model: nn.Module) -> None:
    """Move all weights off their first values, so that each takes part in the answer."""
    for weight in model.parameters():
        weight.add_(torch.randn_like(weight), alpha=0.1)


def write_tokenizer(folder: Path, marks: dict[str, str], words: tuple[str, ...] = WORDS) -> None:
    """Write a tokenizer of whole words, in the two files that a hub has."""
    at_end = "<|endoftext|>" in marks.values()
    names = [marks["unk"], *words, marks["first"], marks["last"]] if at_end else [
        *dict.fromkeys(marks.values()), *words]  # fmt: skip
    ids = {name: number for number, name in enumerate(names)}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=marks["unk"]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens(list(dict.fromkeys(marks.values())))
    first = f"{marks['first']} " if "first" in marks else ""
    last = f" {marks['last']}" if "last" in marks else ""
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first}$A{last}",
        special_tokens=[(mark, ids[mark]) for mark in marks.values()],
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    said = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": marks.get("pad", marks.get("last")),
        "unk_token": marks["unk"],
        "model_max_length": 16,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(said), encoding="utf-8")


def embedder(folder: Path, pool: str, *, tanh: bool = True) -> Path:
    """Write a sentence embedder: BERT, a pooling, a dense layer and a norm of 1."""
    made("bert", folder)
    parts = ("Transformer", "Pooling", "Dense", "Normalize")
    places = ("", "1_Pooling", "2_Dense", "3_Normalize")
    modules = [
        {"idx": n, "name": str(n), "path": place, "type": f"sentence_transformers.models.{part}"}
        for n, (part, place) in enumerate(zip(parts, places, strict=True))
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    modes = ("cls_token", "mean_tokens", "max_tokens", "lasttoken")
    said = {"word_embedding_dimension": 16} | {f"pooling_mode_{m}": m == pool for m in modes}
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(said))
    (folder / "2_Dense").mkdir()
    name = "torch.nn.modules.activation.Tanh" if tanh else "torch.nn.modules.linear.Identity"
    said = {"in_features": 16, "out_features": 10, "bias": True, "activation_function": name}
    (folder / "2_Dense" / "config.json").write_text(json.dumps(said))
    weights = {"linear.weight": torch.randn(10, 16), "linear.bias": torch.randn(10)}
    save_file(weights, folder / "2_Dense" / "model.safetensors")
    return folder


def rows(count: int = 40, seed: int = 0) -> list[dict[str, Any]]:
    """Make rows of words, a picture and a number, each of which tells the side; some are missing.

    Words and pictures come again and again.
    """
    rng = np.random.default_rng(seed)
    shades = rng.integers(0, 120, (6, 20, 20, 3))
    found = []
    for number in range(count):
        side = number % 2
        shade = (shades[number % 6] + 120 * side).astype(np.uint8)
        mood = "good lovely" if side else "bad slow"
        text = f"{mood} {WORDS[10 + number % 4]}{' place' * (number % 3)}"
        found.append({
            "words": None if number % 7 == 2 else text,
            "picture": None if number % 11 == 3 else shade,
            "x": float(side + rng.normal()),
            "side": "ab"[side],
        })  # fmt: skip
    return found


def model_of(
    table: list[dict[str, Any]], seed: int = 0, **columns: encoders.Encoder
) -> tuple[sm.Model, sm.Table]:
    """Build a model of these rows: the encoders given, and numbers; each field suits its encoder.

    The columns that have no encoder are left out.
    """
    fields: dict[str, Any] = {"words": sm.Text(max_tokens=12), "picture": sm.Image(size=16)}
    parts = {**columns, "x": encoders.Numbers(width=8)}
    inputs = {name: columns[name].suited(fields[name]) for name in columns}
    schema = sm.Schema({**inputs, "x": sm.Number()}, {"side": sm.Category()})
    data = sm.read(table, schema)
    model = sm.Model(
        sm.Preprocess.fit(data),
        encoders=parts,
        fusion=fusion.Concat(width=8),
        task=tasks.Classify("side"),
        seed=seed,
    )
    return model, data
