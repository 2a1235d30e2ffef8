"""What names content: whatever differs has another name, and what does not matter has none."""

import json

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from sensorium.core.errors import ArtifactError
from sensorium.store import digest
from sensorium.store.content import tokenizer_digest


def test_contents_that_differ_have_other_names() -> None:
    zeros = np.zeros(6, np.uint8)
    contents = [
        ("ab",), ("a", "b"), ("", "ab"), (b"ab",), (np.frombuffer(b"ab", np.uint8),), (zeros,),
        (zeros.reshape(2, 3),), (zeros.reshape(3, 2),), (zeros.astype(np.int8),),
        (zeros.view(np.int16),), ("str2:ab",), (), ("a", "b", ""), ("\ud800",),
    ]  # fmt: skip
    assert len({digest(*content) for content in contents}) == len(contents)
    assert all(len(digest(*content)) == 32 for content in contents)


def test_equal_contents_have_one_name() -> None:
    grid = np.arange(24, dtype=np.float32).reshape(4, 6)
    assert digest(grid[:, ::2]) == digest(grid[:, ::2].copy())
    assert digest("a", grid) == digest("a", np.asfortranarray(grid))


def test_other_things_have_no_name() -> None:
    with pytest.raises(ArtifactError, match="text, bytes or an array, found int"):
        digest(3)


def test_a_tokenizer_is_named_by_its_rules_not_by_how_it_cuts_and_pads() -> None:
    def made(*words: str) -> Tokenizer:
        ids = {word: number for number, word in enumerate(("[UNK]", *words))}
        tokenizer = Tokenizer(models.WordLevel(ids, "[UNK]"))
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
        return tokenizer

    plain = tokenizer_digest(made("a", "b").to_str())
    cut = made("a", "b")
    cut.enable_truncation(4)
    cut.enable_padding(length=9)
    assert tokenizer_digest(cut.to_str()) == plain
    assert tokenizer_digest(made("b", "a").to_str()) != plain
    spread = json.dumps(json.loads(made("a", "b").to_str()), indent=4, sort_keys=True)
    assert tokenizer_digest(spread) == plain
