"""Models of n-grams: Kneser-Ney by hand, sums to 1, ARPA files whole and broken."""

import gzip
import math
from pathlib import Path

import pytest

from sensorium.core.errors import PartError
from sensorium.decoders import NgramModel

TEXTS = ["a b", "a b", "a c"]
MANY = [
    "the dog barks at the cat", "the cat sleeps", "a dog sleeps at home", "the dog sleeps",
    "a cat barks", "the old dog barks at a cat", "home", "the cat at home sleeps",
]  # fmt: skip
ARPA = """\\data\\
ngram 1=4
ngram 2=3

\\1-grams:
-99\t<s>\t-0.5
-0.6\t</s>
-0.7\ta\t-0.2
-0.9\tb\t-0.3

\\2-grams:
-0.1\t<s> a
-0.4\ta b
-0.3\tb </s>

\\end\\
"""


def chance(model: NgramModel, word: str, *before: str) -> float:
    return math.exp(model.next_log_prob(word, before))


def test_kneser_ney_by_hand() -> None:
    # Pairs: <s> a 3, a b 2, b </s> 2, a c 1, c </s> 1; so n1, n2, n3, n4 = 2, 2, 1, 0, and
    # Y = 2 / (2 + 2 * 2) = 1/3: D1 = 1 - 2Y = 1/3, D2 = 2 - 3Y/2 = 3/2, D3 = 3.
    # Words by what they follow: a 1, b 1, c 1, </s> 2, which tell no discounts: 0.5, 1, 1.5.
    model = NgramModel.learn(TEXTS, order=2)
    left = (3 * 0.5 + 1) / 5
    single = (1 - 0.5) / 5 + left / 5
    end = (2 - 1) / 5 + left / 5
    assert chance(model, "a") == pytest.approx(single)
    assert chance(model, "</s>") == pytest.approx(end)
    assert chance(model, "never") == pytest.approx(left / 5)
    after_a = (3 / 2 + 1 / 3) / 3
    b_after_a = (2 - 3 / 2) / 3 + after_a * single
    end_after_b = (2 - 3 / 2) / 2 + (3 / 2) / 2 * end
    assert chance(model, "b", "a") == pytest.approx(b_after_a)
    assert chance(model, "c", "a") == pytest.approx((1 - 1 / 3) / 3 + after_a * single)
    assert chance(model, "a", "<s>") == pytest.approx((3 - 3) / 3 + 3 / 3 * single)
    assert chance(model, "</s>", "a") == pytest.approx(after_a * end)  # never seen: back-off
    whole = math.log(single) + math.log(b_after_a) + math.log(end_after_b)
    assert model.log_prob("a b") == pytest.approx(whole)
    assert model.perplexity(["a b"]) == pytest.approx(math.exp(-whole / 3))


def test_what_begins_a_text_keeps_its_plain_count() -> None:
    # Of the pairs in the middle of triples, "<s> a" follows nothing and stands 3 times.
    model = NgramModel.learn(TEXTS, order=3)
    pairs = NgramModel.learn(TEXTS, order=2)
    # b and c follow a after "<s>" only: as pairs they count 1 each, </s> behind b and c likewise.
    # So n1 = 4 and n3 = 1, n2 = 0: the discounts are 0.5, 1, 1.5.
    assert chance(model, "a", "<s>") == pytest.approx((3 - 1.5) / 3 + 0.5 * chance(pairs, "a"))
    assert chance(model, "b", "a") == pytest.approx((1 - 0.5) / 2 + 0.5 * chance(pairs, "b"))


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "before", [(), ("<s>",), ("the",), ("the", "dog"), ("<s>", "the"), ("x", "y"), ("home", "the")]
)
def test_probabilities_sum_to_1(order: int, before: tuple[str, ...]) -> None:
    model = NgramModel.learn(MANY, order=order)
    whole = sum(chance(model, word, *before) for word in model.vocabulary)
    assert whole == pytest.approx(1, abs=1e-5)


def test_likely_texts_are_more_probable() -> None:
    model = NgramModel.learn(MANY)
    assert model.log_prob("the dog barks") > model.log_prob("dog the barks")
    assert model.log_prob("the dog barks") > model.log_prob("the zebra barks") > -math.inf
    assert math.isfinite(model.log_prob(""))


def test_chinese_is_told_by_characters() -> None:
    model = NgramModel.learn(["今天 天气好", "今天好"], order=2, unit="char")
    assert model.log_prob("今天好") == model.log_prob("今 天 好")
    assert model.log_prob("今天好") > model.log_prob("天今好")


def test_what_cannot_be_learned() -> None:
    with pytest.raises(PartError, match=r"order is 1 to 5, found 6\n.*no text to learn from"):
        NgramModel.learn(["", " "], order=6)


def arpa(folder: Path, old: str = "", new: str = "") -> Path:
    file = folder / "a.arpa"
    assert old in ARPA
    file.write_text(ARPA.replace(old, new, 1))
    return file


def test_an_arpa_file_by_hand(tmp_path: Path) -> None:
    model = NgramModel.from_arpa(arpa(tmp_path))
    assert model.log_prob("a b") == pytest.approx((-0.1 - 0.4 - 0.3) * math.log(10))
    # Of "b", the pair with the beginning was never seen, nor "b b".
    backed = (-0.5 - 0.9) + (-0.3 - 0.9) - 0.3
    assert model.log_prob("b b") == pytest.approx(backed * math.log(10))
    assert model.log_prob("x") < -100
    packed = tmp_path / "a.arpa.gz"
    packed.write_bytes(gzip.compress(ARPA.encode()))
    assert NgramModel.of_file(packed, 3, "word").log_prob("b b") == model.log_prob("b b")


def test_a_byte_order_mark_is_no_word(tmp_path: Path) -> None:
    file = tmp_path / "a.arpa"
    file.write_text(ARPA, encoding="utf-8-sig")
    assert NgramModel.of_file(file, 3, "word").words == ("</s>", "<s>", "<unk>", "a", "b")
    file.write_text("a b\nb a\n", encoding="utf-8-sig")
    assert NgramModel.of_file(file, 3, "word").words == ("</s>", "<s>", "<unk>", "a", "b")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("\\data\\", "data", r"line 1: expected \\data\\, found 'data'"),
        ("ngram 2=3", "ngram 3=3", "line 3: expected the count of 2-grams"),
        ("ngram 2=3", "ngram 2=4", "line 16: 4 2-grams announced, 3 there"),
        ("-0.7\ta", "many\ta", "line 8: expected numbers around the words, found 'many"),
        ("-0.7\ta", "0.7\ta", "line 8: expected the logarithm of a probability"),
        ("-0.4\ta b", "-0.4\ta", "line 13: expected a number, 2 word"),
        ("-0.4\ta b", "-0.4\tc b", "line 13: its beginning 'c' is no 1-gram, found '-0.4"),
        ("-0.4\ta b", "-0.4\ta c", "line 13: its last word 'c' is no 1-gram, found '-0.4"),
        ("\\end\\", "", "expected .*end.*, the file ends"),
        ("\t</s>", "\tc", "there is no </s>"),
        ("\\2-grams:", "\\3-grams:", "line 11: expected .*2-grams:, found"),
    ],
)
def test_a_broken_arpa_file_names_its_line(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(PartError, match=told):
        NgramModel.from_arpa(arpa(tmp_path, old, new))


def test_a_file_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(PartError, match=r"no file .*none.txt.*: name a text, or an ARPA file"):
        NgramModel.of_file(tmp_path / "none.txt", 3, "word")
    (tmp_path / "empty.txt").write_text("\n\n")
    with pytest.raises(PartError, match=r"empty.txt cannot be learned from"):
        NgramModel.of_file(tmp_path / "empty.txt", 3, "word")
    (tmp_path / "x.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PartError, match=r"x.txt cannot be read"):
        NgramModel.of_file(tmp_path / "x.txt", 3, "word")


def test_one_text_is_no_list_of_letters() -> None:
    with pytest.raises(PartError, match="a list of texts is needed, found 'a red boat'"):
        NgramModel.learn("a red boat")
    with pytest.raises(PartError, match="a list of texts is needed, found 'a red'"):
        NgramModel.learn(["a red boat"]).perplexity("a red")
