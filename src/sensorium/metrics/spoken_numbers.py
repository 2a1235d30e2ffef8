"""English numbers as they are heard: "twenty-one" and "21", "five dollars" and "$5" are one form.

As a published normaliser for speech does in effect (Radford et al. 2022, appendix C), by a small
grammar of its own. Knows words in lower case without signs, but for those of money and per cent.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

_NAMES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
)
_ORDINALS = (
    "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth "
    "thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
SMALL = {word: value for value, word in enumerate(_NAMES.split())}
TENS = {word: 10 * value for value, word in enumerate(_TENS.split(), 2)}
SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
VALUES = SMALL | TENS | SCALES
LAST = {
    **{word: (_NAMES.split()[value], "th") for value, word in enumerate(_ORDINALS.split())},
    **{f"{word[:-1]}ieth": (word, "th") for word in TENS},
    **{f"{word}th": (word, "th") for word in SCALES},
    **{f"{word[:-1]}ies": (word, "s") for word in TENS},
}
"""Words that end a number: the plain word for each, and what stands behind the digits then."""
MONEY = {"$": ("dollars", "cents"), "£": ("pounds", "pence"), "€": ("euros", "cents")}
PLURALS = {"dollar": "dollars", "cent": "cents", "pound": "pounds", "euro": "euros"}

COUNTED = ("small", "tens", "digits")
"""Kinds of words that can be counted in hundreds."""

_SUM = re.compile(r"([$£€])\s?(\d+(?:\.\d+)?)((?:\s(?:hundred|[a-z]+illion|thousand))?)\b")
_DIGITS = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?")


@dataclass(frozen=True, slots=True)
class Number:
    """A number among the words of a text.

    Attributes:
        digits: as it is written.
        end: the place of the word behind it.
        suffix: what stands behind the digits: "st", "nd", "rd", "th", "s" or "".
    """

    digits: str
    end: int
    suffix: str = ""

    @property
    def two(self) -> bool:
        """Whether it has two digits, as halves of a year have."""
        return len(self.digits) == 2 and self.digits.isdigit() and self.digits[0] != "0"


def signs_spelled(text: str) -> str:
    """Write sums of money and shares as they are said: "$2 million" as "2 million dollars"."""
    return _SUM.sub(_said, text).replace("%", " percent ").replace("¢", " cents ")


def _said(found: re.Match[str]) -> str:
    (whole, part), (amount, scale) = MONEY[found[1]], (found[2], found[3])
    units, _, cents = amount.partition(".")
    if len(cents) == 2 and not scale:
        return f"{units} {whole} and {int(cents)} {part}" if int(cents) else f"{units} {whole}"
    return f"{amount}{scale} {whole}"


def numbers_folded(words: Sequence[str]) -> list[str]:
    """Write the numbers among words in digits.

    Two numbers of two digits side by side are one, as years are said: "nineteen fourteen". "a
    hundred" is 100, and what is counted stands in the plural.
    """
    found: list[str] = []
    at = 0
    while at < len(words):
        number = _year(words, at)
        if number is None:
            per_cent = list(words[at : at + 2]) == ["per", "cent"]
            found.append("percent" if per_cent else words[at])
            at += 1 + per_cent
            continue
        found.append(number.digits + number.suffix)
        at = number.end
        if at < len(words) and words[at] in PLURALS:
            found.append(PLURALS[words[at]])
            at += 1
    return found


def _year(words: Sequence[str], at: int) -> Number | None:
    """Read a number, and the second half of a year behind its first."""
    first = _number(words, at)
    if first is None or first.suffix or not first.two:
        return first
    nought = words[first.end : first.end + 1] in (["oh"], ["o"])
    second = _number(words, first.end + nought)
    if second is None or (len(second.digits) > 1 if nought else not second.two):
        return first
    return Number(first.digits + "0" * nought + second.digits, second.end, second.suffix)


def _number(words: Sequence[str], at: int) -> Number | None:
    """Read a number that begins at a place; None where none does."""
    read = _Reading()
    place, suffix = at, ""
    if words[at : at + 1] == ["a"] and at + 1 < len(words) and words[at + 1] in SCALES:
        read.take("one")
        place += 1
    while place < len(words) and not suffix:
        word, more = words[place], list(words[place + 1 : place + 2])
        plain, ending = LAST.get(word, (word, ""))
        if read.take(plain):
            suffix, place = ending, place + 1
        elif word == "and" and more and read.joins(LAST.get(more[0], more)[0]):
            place += 1
        elif word == "point" and more and read.point(more[0]):
            place += 2
            while place < len(words) and read.decimal(words[place]):
                place += 1
        else:
            break
    if not read.kind:
        return None
    digits = words[at] if _DIGITS.fullmatch(words[at]) and place == at + 1 else read.digits
    return Number(digits, place, _ordinal(digits) if suffix == "th" else suffix)


class _Reading:
    """A number as far as it was read."""

    def __init__(self) -> None:
        self.total = Decimal(0)
        self.current: Decimal | None = None
        self.least = 10**15
        self.kind = ""

    @property
    def digits(self) -> str:
        whole = self.total + (self.current or 0)
        plain = format(whole, "f")
        return plain.rstrip("0").rstrip(".") if "." in plain and self.total else plain

    def take(self, word: str) -> bool:
        """Go on by a word, if the number can."""
        kind, value = _kind(word), VALUES.get(word, 0)
        if not self._takes(kind, value):
            return False
        now = self.current or Decimal(0)
        if kind == "scale":
            self.total, self.current, self.least = self.total + now * value, None, value
        elif kind == "hundred":
            self.current = (now * value).normalize()
        else:
            self.current = now + (Decimal(word) if kind == "digits" else value)
        self.kind = kind
        return True

    def _takes(self, kind: str, value: int) -> bool:
        now = self.current
        if kind == "scale":
            return now is not None and value < self.least
        if kind == "hundred":
            return now is not None and self.kind in COUNTED and 0 < now < value
        if now is None:
            return bool(kind)
        if self.kind == "hundred":
            return kind in ("small", "tens") and value > 0
        return self.kind == "tens" and kind == "small" and 0 < value < 10

    def joins(self, word: str) -> bool:
        """Tell whether "and" can stand before a word: "a hundred and six"."""
        return self.kind in ("hundred", "scale") and _kind(word) in ("small", "tens")

    def point(self, word: str) -> bool:
        """Go on behind a "point", by the first digit."""
        whole = self.current is not None and self.current == int(self.current)
        return whole and self.kind in COUNTED and self.decimal(word)

    def decimal(self, word: str) -> bool:
        """Go on by one more digit behind the point."""
        digit = SMALL.get(word, 10)
        if digit > 9 or self.current is None:
            return False
        places = -int(self.current.as_tuple().exponent)
        self.current = Decimal(f"{self.current}{'' if places else '.'}{digit}")
        self.kind = "digits"
        return True


def _kind(word: str) -> str:
    if word in SMALL:
        return "small"
    if word in TENS:
        return "tens"
    if word in SCALES:
        return "hundred" if word == "hundred" else "scale"
    return "digits" if _DIGITS.fullmatch(word) else ""


def _ordinal(digits: str) -> str:
    if digits[-2:] in ("11", "12", "13"):
        return "th"
    return {"1": "st", "2": "nd", "3": "rd"}.get(digits[-1], "th")
