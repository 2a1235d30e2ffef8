"""Whole pretrained models of two sides: what they say is what ``transformers`` says."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

import sensorium as sm
from sensorium.core.errors import PartError

transformers = pytest.importorskip("transformers")
WORDS = ["lovely bright place", "awful loud mess"]


def pixels(seed: int = 0) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)


def theirs(folder: Path, auto: Any) -> Any:
    """Let transformers compare two pictures with two texts."""
    model = auto.from_pretrained(folder).eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    rows = [tokenizer.encode(text).ids for text in WORDS]
    ids = torch.zeros(2, max(map(len, rows)), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for place, row in enumerate(rows):
        ids[place, : len(row)], mask[place, : len(row)] = torch.tensor(row), 1
    seen = torch.stack([torch.from_numpy(pixels(n)).permute(2, 0, 1) for n in range(2)]).float()
    mean, deviation = (torch.tensor(x)[:, None, None] for x in ([0.4, 0.5, 0.6], [0.2, 0.25, 0.3]))
    given = {"pixel_values": (seen / 255 - mean) / deviation}
    with torch.no_grad():
        if "siglip" in type(model).__name__.lower():
            longest = model.config.text_config.max_position_embeddings
            pad = model.config.text_config.pad_token_id
            full = torch.full((2, longest), pad if pad is not None else 0)
            for place, row in enumerate(rows):
                full[place, : len(row)] = torch.tensor(row)
            return model(input_ids=full, **given).logits_per_image
        return model(input_ids=ids, attention_mask=mask, **given).logits_per_image


@pytest.mark.parametrize(
    ("family", "auto"), [("clip", "CLIPModel"), ("siglip-even", "SiglipModel")]
)
def test_a_whole_model_says_what_transformers_says(
    tiny: Callable[[str], Path], family: str, auto: str
) -> None:
    folder = tiny(family)
    model = sm.pretrained(str(folder), image="photo", text="caption")
    features = [
        model.features(model.prep([{"photo": pixels(n), "caption": WORDS[n]} for n in range(2)]))
    ]
    near = features[0].outputs["photo"] @ features[0].outputs["caption"].T
    with torch.no_grad():
        logits = model.task.logits(near)
    wanted = theirs(folder, getattr(transformers, auto))
    torch.testing.assert_close(logits, wanted, atol=1e-4, rtol=1e-4)


def test_it_is_saved_tuned_and_told_classes(tiny: Callable[[str], Path], tmp_path: Path) -> None:
    model = sm.pretrained(str(tiny("clip")), image="photo", text="caption", unfreeze_last=1)
    rows = [{"photo": pixels(n), "caption": WORDS[n % 2]} for n in range(8)]
    table = sm.read(rows).with_schema(model.schema)
    before = model.embed(rows[0], column="photo")
    plan = sm.Plan(epochs=1, rows_per_step=4, precision="fp32")
    sm.train(model, table, plan=plan, quiet=True)
    assert not np.allclose(before, model.embed(rows[0], column="photo"))
    model.save(tmp_path / "model")
    again = sm.load(tmp_path / "model")
    assert np.array_equal(again.embed(rows[1]), model.embed(rows[1]))
    told = sm.ZeroShot(again, "photo", WORDS)
    assert set(told.predict(*rows)) <= set(WORDS)


def test_what_cannot_be_a_whole_model_is_said(tiny: Callable[[str], Path]) -> None:
    with pytest.raises(PartError, match=r"'bert'.*clip"):
        sm.pretrained(str(tiny("bert")), text="caption")
    with pytest.raises(PartError) as error:
        sm.pretrained(str(tiny("clip")), audio="clip", text="caption")
    assert "image='...'" in str(error.value)
    assert "reads no 'audio'" in str(error.value)
