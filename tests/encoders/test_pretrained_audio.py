"""Pretrained sound encoders give what ``transformers`` gives, sound by sound."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers

from sensorium.core.batch import Column
from sensorium.core.errors import PartError
from sensorium.core.schema import Audio
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import open_tower, remade_tower
from sensorium.preprocess.audio import AudioStep
from tiny_models import RATE, made

FAMILIES = ("whisper", "wav2vec2", "hubert", "ast", "clap", "clap-fused")
SECONDS = (0.1, 0.3, 0.2, 0.3)
Tiny = Callable[[str], Path]


def sounds(seconds: tuple[float, ...] = SECONDS) -> Column:
    """Make noise of unequal length."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.tensor([round(its * RATE) for its in seconds])
    mask = torch.arange(int(lengths.max())) < lengths[:, None]
    values = torch.rand(mask.shape, generator=generator) * 2 - 1
    return Column(values * mask, mask, torch.ones(len(seconds), dtype=torch.bool))


def alone(column: Column, row: int) -> Column:
    length = int(column.mask[row].sum())
    one = column.rows(torch.tensor([row]))
    return Column(one.values[:, :length], one.mask[:, :length], one.present)


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one.detach(), other.detach(), rtol=1e-5, atol=1e-5)


def prepared(folder: Path, family: str, column: Column) -> Any:
    """Prepare one sound by the model's own feature extractor."""
    extractor = transformers.AutoFeatureExtractor.from_pretrained(folder)
    given = extractor(column.values[0].numpy(), sampling_rate=RATE, return_tensors="pt")
    if "clap" in family:
        given["is_longer"] = torch.tensor([[False]])  # it draws one at random
    return given


@pytest.mark.parametrize("family", FAMILIES)
def test_tokens_and_summary_are_those_of_transformers(tiny: Tiny, family: str) -> None:
    folder = tiny(family)
    tower = open_tower(str(folder), "audio")
    column = sounds()
    tokens, summary = tower.tokens(column), tower.summary(column)
    assert summary.shape == (4, tower.summed)
    assert tokens.tokens.shape[2] == tower.features
    model = transformers.AutoModel.from_pretrained(folder).eval()
    for row in range(4):
        given = prepared(folder, family, alone(column, row))
        with torch.inference_mode():
            if family == "whisper":
                expected = model.get_encoder()(**given).last_hidden_state[0]
                heard = -(-round(SECONDS[row] * RATE) // 320)  # a step is 20 ms
                expected = expected[:heard]
                vector = expected.mean(0)
            elif "clap" in family:
                found = model.get_audio_features(**given)
                vector = getattr(found, "pooler_output", found)[0]
                expected = model.audio_model(**given).last_hidden_state[0].flatten(1).T
            else:
                found = model(**given)
                expected = found.last_hidden_state[0]
                vector = found.pooler_output[0] if family == "ast" else expected.mean(0)
        same(tokens.tokens[row][tokens.mask[row]], expected)
        own = F.normalize(summary[row], dim=0) if "clap" in family else summary[row]
        same(own, vector)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_and_the_order_of_rows_change_nothing(tiny: Tiny, family: str) -> None:
    tower = open_tower(str(tiny(family)), "audio")
    column = sounds()
    order = torch.tensor([2, 0, 3, 1])
    same(tower.summary(column)[order], tower.summary(column.rows(order)))
    together = tower.tokens(column)
    noisy = Column(column.values + 0.5 * ~column.mask, column.mask, column.present)
    same(tower.tokens(noisy).tokens, together.tokens)
    for row in range(4):
        one = tower.tokens(alone(column, row))
        same(one.tokens[one.mask], together.tokens[row][together.mask[row]])


@pytest.mark.parametrize("family", FAMILIES)
def test_a_tower_is_made_again_from_its_state(tiny: Tiny, family: str) -> None:
    tower = open_tower(str(tiny(family)), "audio")
    state = json.loads(json.dumps({"tower": type(tower).__name__, "known": dict(tower.state())}))
    again = remade_tower(state)
    again.load_state_dict(tower.state_dict())
    assert torch.equal(again.summary(sounds()), tower.summary(sounds()))
    assert len(again.blocks()) == len(tower.blocks()) == (2 if "clap" in family else 3)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_sound_of_one_sample_is_heard(tiny: Tiny, family: str) -> None:
    tower = open_tower(str(tiny(family)), "audio")
    column = sounds((1 / RATE, 0.2))
    found = tower.tokens(column)
    assert found.tokens.isfinite().all()
    assert found.mask.any(1).all()
    assert tower.summary(column).isfinite().all()
    same(tower.summary(alone(column, 0)), tower.summary(column)[:1])


@pytest.mark.parametrize(
    ("family", "most"),
    [("whisper", 1.0), ("clap", 1.0), ("ast", 0.4), ("wav2vec2", 3.0), ("hubert", 3.0)],
)
def test_a_field_is_given_the_models_rate_and_no_more_than_it_hears(
    tiny: Tiny, family: str, most: float
) -> None:
    tower = open_tower(str(tiny(family)), "audio")
    field = tower.suited(Audio(rate=8_000, seconds=3.0))
    assert field == Audio(rate=RATE, seconds=most)
    tower.check(AudioStep(field).layout)
    with pytest.raises(PartError, match=r"hears 16,000 Hz, the column has 8,000: use Audio\(rate="):
        tower.check(AudioStep(Audio(rate=8_000)).layout)
    if most < 3:
        with pytest.raises(PartError, match=f"hears {most:g} seconds.*up to 3: use Audio"):
            tower.check(AudioStep(Audio(rate=RATE, seconds=3.0)).layout)


@pytest.mark.parametrize("family", ["wav2vec2", "hubert", "whisper"])
def test_training_goes_by_one_seed_and_takes_short_sounds(tiny: Tiny, family: str) -> None:
    """Masking spectra draws from numpy's own generator, and fails on sounds of a few steps."""
    encoder = Pretrained(str(tiny(family)), width=8, unfreeze_last=1)
    field = encoder.suited(Audio(seconds=0.3))
    assert isinstance(field, Audio)
    encoder.setup(AudioStep(field).layout)
    encoder.train()
    found = []
    for seed in range(2):
        np.random.seed(seed)  # noqa: NPY002  the generator that must not matter
        torch.manual_seed(7)
        found.append(encoder(sounds((0.05, 0.3))).tokens)
    assert torch.equal(*found)
    found[0].sum().backward()


def test_a_folder_without_its_feature_extractor_is_refused(tmp_path: Path) -> None:
    folder = made("whisper", tmp_path)
    (folder / "preprocessor_config.json").rename(folder / "other.json")
    with pytest.raises(PartError, match=r"no preprocessor_config\.json, which says.*copy it"):
        open_tower(str(folder), "audio")


def test_a_processor_of_several_parts_is_read(tmp_path: Path) -> None:
    folder = made("hubert", tmp_path)
    said = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").unlink()
    text = json.dumps({"feature_extractor": said | {"sampling_rate": 8_000}})
    (folder / "processor_config.json").write_text(text)
    field = open_tower(str(folder), "audio").suited(Audio())
    assert isinstance(field, Audio)
    assert field.rate == 8_000


def test_whisper_hears_less_at_once(tiny: Tiny, tmp_path: Path) -> None:
    config = transformers.WhisperConfig.from_pretrained(tiny("whisper"), max_source_positions=100)
    torch.manual_seed(0)
    model = transformers.WhisperModel(config).eval()
    model.save_pretrained(tmp_path)
    kind = transformers.WhisperFeatureExtractor
    kind.from_pretrained(tiny("whisper"), chunk_length=2).save_pretrained(tmp_path)
    tower, column = open_tower(str(tmp_path), "audio"), sounds()
    assert tower.most == 2  # type: ignore[attr-defined]
    tower.shorten(1)
    assert tower.most == 1  # type: ignore[attr-defined]
    config.max_source_positions = 50
    short, weights = transformers.WhisperModel(config).eval(), model.state_dict()
    name = "encoder.embed_positions.weight"
    short.load_state_dict(weights | {name: weights[name][:50]})
    found = tower.tokens(column)
    for row in range(4):
        given = prepared(tiny("whisper"), "whisper", alone(column, row))
        with torch.inference_mode():
            expected = short.get_encoder()(**given).last_hidden_state[0]
        heard = int(found.mask[row].sum())
        same(found.tokens[row][:heard], expected[:heard])
    state = json.loads(json.dumps({"tower": "AudioTower", "known": dict(tower.state())}))
    again = remade_tower(state)
    again.load_state_dict(tower.state_dict())
    assert torch.equal(again.summary(column), tower.summary(column))
    encoder = Pretrained(str(tmp_path), width=8, seconds=1)
    assert encoder.suited(Audio(seconds=4.0)).seconds == 1  # type: ignore[attr-defined]
    with pytest.raises(PartError, match="seconds is a whole number, 0 or more, found -1"):
        Pretrained(str(tmp_path), width=8, seconds=-1)
    with pytest.raises(PartError, match="hears 2 seconds at once; seconds= is 1 to that, found 3"):
        open_tower(str(tmp_path), "audio").shorten(3)
    with pytest.raises(PartError, match="seconds=1 is for a network that fills every sound up"):
        open_tower(str(tiny("hubert")), "audio").shorten(1)
