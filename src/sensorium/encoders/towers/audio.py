"""Pretrained sound encoders of ``transformers``: Whisper, wav2vec 2.0, HuBERT, AST, CLAP.

Sounds come as samples at the model's rate; its own feature extractor, read from its
``preprocessor_config.json``, makes of them what it was trained on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.errors import PartError
from sensorium.core.schema import Audio, Field
from sensorium.encoders.encoder import as_encoded
from sensorium.encoders.towers.source import config_of, fresh, loaded, preprocessor_of, transformers
from sensorium.encoders.towers.tower import Tower
from sensorium.nn.layers import layers_of
from sensorium.nn.masks import masked_mean

FAMILIES = {
    "whisper": ("WhisperModel", "WhisperFeatureExtractor"),
    "wav2vec2": ("Wav2Vec2Model", "Wav2Vec2FeatureExtractor"),
    "hubert": ("HubertModel", "Wav2Vec2FeatureExtractor"),
    "wavlm": ("WavLMModel", "Wav2Vec2FeatureExtractor"),
    "audio-spectrogram-transformer": ("ASTModel", "ASTFeatureExtractor"),
    "clap": ("ClapAudioModelWithProjection", "ClapFeatureExtractor"),
}
WHOLE = {"audio-spectrogram-transformer", "clap"}
"""They give their own summary of a sound, and hear it in pieces of one length."""
CONVOLVED = {"wav2vec2", "hubert", "wavlm"}
"""They hear samples, not spectra, and sounds of any length."""
WINDOW, FRAMES = 0.025, 100
"""Seconds of one spectrum, and spectra a second (AST)."""


class AudioTower(Tower):
    """A sound encoder of ``transformers`` behind its own feature extractor."""

    kind: ClassVar[str] = "audio"

    def __init__(self, model: Any, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.known = dict(known)
        self.family = str(known["config"]["model_type"])
        config = model.config
        config.apply_spec_augment = False  # it draws from numpy, and fails on short sounds
        self.model: Any = model.get_encoder() if self.family == "whisper" else model
        self.features = int(getattr(config, "hidden_size", 0) or config.d_model)
        self.summed = int(config.projection_dim) if self.family == "clap" else self.features
        self.extractor = _extractor(self.family, known["extractor"])

    @classmethod
    def open(cls, folder: Path) -> "AudioTower":
        """Read a model folder, weights and all.

        Errors:
            PartError: it cannot be read as a sound encoder.
        """
        config = config_of(folder)
        if config["model_type"] not in FAMILIES:
            known = ", ".join(FAMILIES)
            msg = f"{folder} ({config['model_type']}) is no sound encoder known here: {known}"
            raise PartError(msg)
        extractor = _plain(preprocessor_of(folder, "feature_extractor"))
        part = getattr(transformers(), FAMILIES[config["model_type"]][0])
        unused = ("decoder.", "masked_spec_embed")
        model = loaded(part, folder, unused)
        return cls(model, {"config": config, "extractor": extractor})

    @classmethod
    def remade(cls, known: Mapping[str, Any]) -> "AudioTower":
        """Make it again from its state, without weights."""
        part = getattr(transformers(), FAMILIES[known["config"]["model_type"]][0])
        return cls(fresh(part, known["config"]), known)

    def shorten(self, seconds: int) -> None:
        """Fill sounds up to so many seconds, where Whisper learned with 30.

        Errors:
            PartError: it is no Whisper, or hears less than that anyway.
        """
        if self.family != "whisper":
            super().shorten(seconds)
        if not 1 <= seconds <= self.most:
            msg = f"the model hears {self.most:g} seconds at once; seconds= is 1 to that, found"
            raise PartError(f"{msg} {seconds}")
        steps = int(self.known["config"]["max_source_positions"] * seconds / self.most)
        places = nn.Embedding(steps, self.features)
        places.weight = nn.Parameter(self.model.embed_positions.weight.detach()[:steps].clone())
        self.model.embed_positions = places.requires_grad_(requires_grad=False)
        self.model.config.max_source_positions = self.model.max_source_positions = steps
        self.known["config"] = {**self.known["config"], "max_source_positions": steps}
        self.known["extractor"] = {**self.known["extractor"], "chunk_length": seconds}
        self.extractor = _extractor(self.family, self.known["extractor"])

    def state(self) -> Mapping[str, Any]:
        """Give config and feature extractor."""
        return self.known

    def tokens(self, column: Column) -> Encoded:
        """Give the last layer's steps, those that heard something."""
        tokens = self._each_length(column) if self.apart else self._run(column).last_hidden_state
        if tokens.ndim == 4:  # CLAP's grid of frequencies and times
            tokens = tokens.flatten(2).transpose(1, 2)
        return as_encoded(tokens, self._heard(column, tokens.shape[1]), column)

    def everything(self, column: Column) -> Encoded:
        """Give all steps; Whisper's decoder hears the silence that fills its 30 seconds, too."""
        if self.family != "whisper":
            return self.tokens(column)
        tokens = self._run(column).last_hidden_state
        return Encoded(tokens, torch.ones_like(tokens[..., 0], dtype=torch.bool), column.present)

    def summary(self, column: Column) -> Float[Tensor, " batch summed"]:
        """Sum the sound up: the model's own embedding, or the mean of what was heard."""
        if self.family in WHOLE:
            own: Any = self._run(column)
            vectors: Tensor = own.audio_embeds if self.family == "clap" else own.pooler_output
            return vectors
        found = self.tokens(column)
        return masked_mean(found.tokens, found.mask)

    @property
    def apart(self) -> bool:
        """Whether it takes no mask, so that padding would change what it gives."""
        return self.family in CONVOLVED and not self.extractor.return_attention_mask

    def _each_length(self, column: Column) -> Float[Tensor, " batch time features"]:
        """Hear sounds together only with those of their own length, so that none is padded."""
        lengths = column.mask.sum(1)
        alike = [(lengths == length).nonzero().squeeze(1) for length in set(lengths.tolist())]
        found = [self._run(column.rows(rows)).last_hidden_state for rows in alike]
        steps = max(its.shape[1] for its in found)
        tokens: Tensor = found[0].new_zeros(len(lengths), steps, found[0].shape[2])
        for rows, its in zip(alike, found, strict=True):
            tokens = tokens.index_copy(0, rows, F.pad(its, (0, 0, 0, steps - its.shape[1])))
        return tokens

    def _run(self, column: Column) -> Any:
        lengths = column.mask.sum(1).tolist()
        sounds = [
            np.asarray(F.pad(row[:length], (0, max(0, self.least - length))).float().cpu())
            for row, length in zip(column.values.detach(), lengths, strict=True)
        ]
        pad: Any = "max_length" if self.family == "whisper" else True
        options = {} if self.family in WHOLE else {"padding": pad}
        made = self.extractor(
            sounds, sampling_rate=self.extractor.sampling_rate, return_tensors="pt", **options
        )
        if "is_longer" in made:  # else one row, drawn at random, is taken for a longer one
            made["is_longer"] = torch.zeros(len(sounds), 1, dtype=torch.bool)
        weight = next(self.model.parameters())
        given = {
            name: value.to(weight.device, weight.dtype) if value.is_floating_point() else
            value.to(weight.device)
            for name, value in made.items()
        }  # fmt: skip
        return self.model(**given)

    @property
    def least(self) -> int:
        """Samples that it needs to hear anything; shorter sounds are followed by silence."""
        if self.family not in CONVOLVED:
            return int(WINDOW * self.extractor.sampling_rate)
        config, least = self.model.config, 1
        for kernel, stride in zip(config.conv_kernel[::-1], config.conv_stride[::-1], strict=True):
            least = (least - 1) * stride + kernel
        return int(least)

    @property
    def most(self) -> float:
        """Seconds that it hears at once; infinite where nothing is cut off."""
        if self.family == "whisper":
            return float(self.extractor.chunk_length)
        if self.family == "clap":
            return float(self.extractor.max_length_s)
        frames = self.extractor.max_length if self.family in WHOLE else float("inf")
        return float(frames) / FRAMES

    def _heard(self, column: Column, steps: int) -> Bool[Tensor, " batch time"]:
        """Tell which steps stand for real samples; the first always does."""
        lengths = column.mask.sum(1)
        count: Tensor
        if self.family == "whisper":
            hop = 2 * self.extractor.hop_length
            count = (lengths + hop - 1) // hop
        elif self.family in WHOLE:
            count = torch.full_like(lengths, steps)
        else:
            count = self.model._get_feat_extract_output_lengths(lengths)
        return torch.arange(steps, device=lengths.device) < count.clamp(min=1)[:, None]

    def blocks(self) -> Sequence[nn.Module]:
        """List the layers."""
        return layers_of(self.model)

    def suited(self, field: Field) -> Field:
        """Take the rate that the model was trained on, Hz, and no more than it hears at once."""
        if not isinstance(field, Audio):
            return field
        rate = int(self.extractor.sampling_rate)
        return replace(field, rate=rate, seconds=min(field.seconds, self.most))

    def check(self, layout: Layout) -> None:
        """Compare the rates, and how much is heard at once."""
        rate = self.extractor.sampling_rate
        if layout.rate != rate:
            msg = (
                f"the model hears {rate:,} Hz, the column has {layout.rate:,.0f}: use "
                f"Audio(rate={rate})"
            )
            raise PartError(msg)
        if layout.length > self.most * rate + 0.5:
            msg = (
                f"the model hears {self.most:g} seconds at once, the column has up to "
                f"{layout.length / rate:g}: use Audio(rate={rate}, seconds={self.most:g})"
            )
            raise PartError(msg)


def _extractor(family: str, known: Mapping[str, Any]) -> Any:
    return getattr(transformers(), FAMILIES[family][1])(**known)


def _plain(extractor: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is not a keyword, and filters, which are made again."""
    gone = {
        "feature_extractor_type",
        "processor_class",
        "mel_filters",
        "n_samples",
        "nb_max_frames",
    }
    return {k: v for k, v in extractor.items() if k not in gone}
