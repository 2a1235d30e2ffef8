"""English numbers in words and in digits are one form, and nothing else is changed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.metrics.speech import hear, speech_scores, spoken
from sensorium.metrics.spoken_numbers import SMALL, TENS, numbers_folded

ALIKE = [
    ("twenty one", "21"),
    ("Twenty-one.", "21"),
    ("zero", "0"),
    ("nineteen", "19"),
    ("one hundred", "100"),
    ("a hundred and five", "105"),
    ("three hundred sixty five", "365"),
    ("two thousand and one", "2001"),
    ("twelve thousand three hundred and forty-five", "12,345"),
    ("one million two hundred thousand", "1,200,000"),
    ("2 million", "two million"),
    ("3.5 million people", "three point five million people"),
    ("three point one four", "3.14"),
    ("nineteen fourteen", "1914"),
    ("eighteen thirty-nine", "1839"),
    ("nineteen hundred", "1900"),
    ("nineteen oh five", "1905"),
    ("twenty twenty", "2020"),
    ("the nineteen twenties", "the 1920s"),
    ("in the twenties", "in the 20s"),
    ("at ten thirty", "at 10:30"),
    ("the first", "the 1st"),
    ("the twenty-second of may", "the 22nd of May"),
    ("the two hundredth", "the 200th"),
    ("the hundred and eleventh", "the hundred and 11th"),
    ("a hundred and eleventh", "111th"),
    ("twelfth night", "12th night"),
    ("five dollars", "$5"),
    ("a five pound note", "a £5 note"),
    ("two million dollars", "$2 million"),
    ("five dollars and twenty cents", "$5.20"),
    ("three euros", "€3.00"),
    ("one dollar", "$1"),
    ("fifty per cent", "50%"),
    ("two point five percent", "2.5 %"),
    ("two point five hundred", "250"),
    ("1,000 men", "a thousand men"),
    ("two hundred and fifty thousand", "250,000"),
    ("one two three", "1 2 3"),
    ("five hundred, and then", "500 and then"),
    ("two and two is four", "2 and 2 is 4"),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_words_and_digits_are_one_form(one: str, other: str) -> None:
    assert spoken(one) == spoken(other)
    assert spoken(spoken(one)) == spoken(one)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("twenty one", "21"),
        ("twenty five hundred", "2500"),
        ("nineteen fourteen fifteen", "1914 15"),
        ("one hundred twenty three thousand four hundred fifty six", "123456"),
        ("five six", "5 6"),
        ("twenty ten five", "2010 5"),
        ("two thousand thousand", "2000 thousand"),
        ("hundreds of thousands", "hundreds of thousands"),
        ("hundred", "hundred"),
        ("and point", "and point"),
        ("ten point", "10 point"),
        ("a man", "a man"),
        ("007", "007"),
        ("2.50", "2.50"),
        ("9" * 40, "9" * 40),
        ("someone weighs tenants", "someone weighs tenants"),
        ("$", ""),
        ("zero five", "0 5"),
        ("one and twenty", "1 and 20"),
        ("five dollar bills", "5 dollars bills"),
    ],
)
def test_forms(text: str, form: str) -> None:
    assert spoken(text) == form


def test_chinese_is_left_alone() -> None:
    assert spoken("增长了 50%，twenty 个") == "增长了50 twenty个"


def in_words(number: int) -> str:
    """Say a number below a million."""
    small = {value: word for word, value in (SMALL | TENS).items()}
    if number >= 1_000:
        rest = number % 1_000
        gap = " and " if 0 < rest < 100 else " "
        return in_words(number // 1_000) + " thousand" + (gap + in_words(rest) if rest else "")
    if number >= 100:
        rest = number % 100
        return f"{small[number // 100]} hundred" + (f" and {in_words(rest)}" if rest else "")
    return small.get(number) or f"{small[number // 10 * 10]}-{small[number % 10]}"


@settings(max_examples=300)
@given(st.integers(0, 999_999))
def test_every_number_that_is_said_is_its_digits(number: int) -> None:
    assert spoken(in_words(number)) == str(number)
    assert spoken(f"{number:,}") == str(number)


OTHERS = "hundred thousand and point a oh first fiftieth 7 12 1.5 boat per cent"


@given(st.lists(st.sampled_from([*SMALL, *TENS, *OTHERS.split()])))
def test_whatever_stands_together_can_be_read(words: list[str]) -> None:
    found = numbers_folded(words)
    assert all(found)
    assert [w for w in found if w == "boat"] == ["boat"] * words.count("boat")


def test_the_rate_of_wrong_words_does_not_count_spelling() -> None:
    scores = speech_scores(hear(["It cost twenty-one dollars."], ["it cost $21"]))
    assert (scores["wer"], scores["cer"]) == (0.0, 0.0)
