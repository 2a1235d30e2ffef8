"""A column takes the size, the rate or the tokenizer of the encoder that is chosen for it."""

from collections.abc import Callable
from pathlib import Path

import sensorium as sm
from sensorium.auto.choose import choose
from sensorium.encoders import Pretrained
from tiny_models import rows


def test_fields_suit_the_encoders_that_are_given(tiny: Callable[[str], Path]) -> None:
    schema = sm.Schema(
        {"words": sm.Text(), "picture": sm.Image(), "x": sm.Number()}, {"side": sm.Category()}
    )
    words = Pretrained(str(tiny("bert")), width=16)
    picture = Pretrained(str(tiny("dinov2")), width=16)
    table = sm.read(rows(12), schema)
    chosen = choose(schema, len(table), encoders={"words": words, "picture": picture})
    inputs = chosen.schema.inputs
    assert inputs["words"] == sm.Text(max_tokens=16, tokenizer=str(tiny("bert")))
    assert inputs["picture"] == sm.Image(size=20)
    assert inputs["x"] == schema.inputs["x"]
    assert chosen.schema.targets == schema.targets
