import json
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from sensorium.core.errors import ArtifactError, ExtraError, SchemaError
from sensorium.core.schema import Text
from sensorium.preprocess.text import TextStep

ENGLISH = ["the cat sat on the mat", "the dog sat on the log", "a cat and a dog", "THE END"]
CHINESE = ["房间很干净,服务也好", "房间太小,服务很差", "早餐很好吃", "位置很方便,房间也干净"]


def step(texts: list[str], **options: object) -> TextStep:
    return TextStep(Text(**options)).fit(texts)  # type: ignore[arg-type]


def ids(fitted: TextStep, text: str) -> list[int]:
    column = fitted([text])
    return column.values[0][column.mask[0]].tolist()


def test_bpe_knows_every_text_and_gives_it_back() -> None:
    fitted = step([*ENGLISH, *CHINESE])
    for text in ("the cat", "never seen 从未见过 🙂", "tabs\tand\nlines", "Ünïcödé", *CHINESE):
        found = ids(fitted, text)
        assert 1 not in found
        assert 0 not in found
        assert fitted.tokens.text(found) == text
        assert max(found) < fitted.layout.vocabulary


def test_bpe_learns_merges_of_the_training_rows_alone() -> None:
    fitted = step(["banana bandana"] * 5)
    assert len(ids(fitted, "banana")) < len(ids(fitted, "xxqxzq"))
    assert len(ids(fitted, "banana")) < len("banana")


def test_training_twice_gives_the_same_tokenizer() -> None:
    for kind in ("bpe", "words"):
        texts = ENGLISH * 30 + CHINESE
        assert step(texts, tokenizer=kind).state() == step(texts, tokenizer=kind).state()


def test_words_are_the_commonest_in_order() -> None:
    fitted = step(ENGLISH, tokenizer="words")
    state = fitted.state()["tokens"]
    assert state["words"][:6] == ["[PAD]", "[UNK]", "the", "a", "cat", "dog"]
    assert not state["chinese"]
    assert ids(fitted, "the cat bites") == [2, 4, 1]
    assert fitted.tokens.text(ids(fitted, "a dog sat")) == "a dog sat"


def test_case_and_stop_words() -> None:
    plain = step(ENGLISH, tokenizer="words")
    assert ids(plain, "THE") != ids(plain, "the")
    folded = step(ENGLISH, tokenizer="words", lowercase=True, stop_words=("The", "a"))
    assert ids(folded, "THE CAT") == ids(folded, "cat")
    assert ids(folded, "the a") == [1]  # a text of stop words is there, and unknown
    bpe = step(ENGLISH, lowercase=True)
    assert ids(bpe, "THE CAT") == ids(bpe, "the cat")


def test_the_vocabulary_has_its_limit() -> None:
    many = [" ".join(f"w{i}" for i in range(start, start + 50)) for start in range(0, 5_000, 50)]
    for kind in ("bpe", "words"):
        fitted = step(many, tokenizer=kind, vocabulary=300)
        assert fitted.layout.vocabulary <= 300
        assert fitted([many[0]]).values.max() < 300


def test_long_texts_are_cut_and_counted() -> None:
    long = "the cat sat " * 40
    for kind in ("bpe", "words"):
        fitted = step([*ENGLISH, long, long, None], tokenizer=kind, max_tokens=20)  # type: ignore[list-item]
        column = fitted([long, "the cat", None])
        assert column.values.shape[1] == 20
        assert column.mask.sum(1).tolist()[0] == 20
        assert (fitted.texts, fitted.cut) == (6, 2)
        again = TextStep(fitted.field).restore(fitted.state())
        assert (again.texts, again.cut) == (6, 2)


def test_chinese_words_are_found_by_jieba() -> None:
    pytest.importorskip("jieba")
    fitted = step(CHINESE, tokenizer="words")
    words = fitted.state()["tokens"]["words"]
    assert fitted.state()["tokens"]["chinese"]
    assert {"房间", "服务", "干净"} <= set(words)
    assert fitted.tokens.text(ids(fitted, "房间干净")) == "房间干净"
    assert len(ids(fitted, "房间干净")) == 2


def test_chinese_words_without_jieba_name_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(ExtraError, match=r"sensorium\[chinese\]"):
        step(CHINESE, tokenizer="words")
    step(ENGLISH, tokenizer="words")
    step(CHINESE, tokenizer="bpe")


def test_a_pretrained_tokenizer_keeps_its_own_ids(tmp_path: Path) -> None:
    trained = step(ENGLISH)
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(trained.state()["tokens"]["tokenizer"]), encoding="utf-8")
    for place in (str(file), str(tmp_path)):
        fitted = step(["other words"], tokenizer=place)
        assert ids(fitted, "the cat") == ids(trained, "the cat")
        state = fitted.state()
    file.unlink()
    again = TextStep(fitted.field).restore(state)
    assert ids(again, "the cat") == ids(trained, "the cat")


def test_a_tokenizer_that_is_not_there_or_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="no such tokenizer; give 'bpe'"):
        step(ENGLISH, tokenizer="wrods")
    file = tmp_path / "tokenizer.json"
    file.write_text("{}", encoding="utf-8")
    with pytest.raises(SchemaError, match=r"not a tokenizer\.json"):
        step(ENGLISH, tokenizer=str(file))


def test_a_saved_tokenizer_that_was_changed_is_refused() -> None:
    fitted = step(ENGLISH)
    with pytest.raises(ArtifactError, match="saved tokenizer"):
        TextStep(fitted.field).restore({**fitted.state(), "tokens": {"tokenizer": {"no": 1}}})


def test_a_character_whose_bytes_are_not_all_there_is_left_out(tmp_path: Path) -> None:
    whole = Tokenizer(BPE())
    whole.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    whole.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    whole.train_from_iterator([], BpeTrainer(initial_alphabet=alphabet, show_progress=False))
    whole.save(str(tmp_path / "tokenizer.json"))
    tokens = step([], tokenizer=str(tmp_path / "tokenizer.json")).tokens
    (found,) = tokens.bare(["a é😀b"])  # a byte each: a, space, 2 of é, 4 of 😀, b
    assert len(found) == 9
    said = [tokens.text(found[:count]) for count in range(10)]
    assert said == ["", "a", "a", "a", "a é", "a é", "a é", "a é", "a é😀", "a é😀b"]
    assert tokens.text([*found[:3], found[-1]]) == "a \ufffdb"  # what is torn inside stays seen
