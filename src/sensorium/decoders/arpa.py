"""ARPA files, in which language toolkits (SRILM, KenLM, IRSTLM) write their n-grams."""

import gzip
import math
import re
from collections.abc import Iterator
from pathlib import Path

from sensorium.core.counted import counted
from sensorium.core.errors import PartError
from sensorium.decoders.kneser_ney import BEGIN, END, UNKNOWN, Gram, Grams

FIRST, LAST = "\\data\\", "\\end\\"
NEVER = -99.0
"""By convention, what is never told; as all in these files, of base 10."""
UNHEARD = -100.0
"""Of the unknown word, where a file has none; as in KenLM."""
ROUNDING = 1e-3


def is_arpa(file: Path) -> bool:
    """Tell by its first words whether a file is one."""
    return _Reader(file).line == FIRST


def read_arpa(file: Path) -> list[Grams]:
    """Read an ARPA file, which may be packed by gzip.

    Returns:
        The n-grams of each length, shortest first, in natural logarithms.

    Errors:
        PartError: the file is broken; names the line, what was found and what was expected.
    """
    reader = _Reader(file)
    reader.demand(FIRST)
    found: list[Grams] = []
    for size, count in enumerate(_counts(reader), 1):
        reader.demand(f"\\{size}-grams:")
        grams: Grams = {}
        while reader.line and not reader.line.startswith("\\"):
            gram, chances = _gram(reader, size)
            if size > 1 and gram[:-1] not in found[-1]:
                before = " ".join(gram[:-1])
                raise reader.broken(f"its beginning {before!r} is no {size - 1}-gram")
            if size > 1 and gram[-1:] not in found[0]:
                raise reader.broken(f"its last word {gram[-1]!r} is no 1-gram")
            grams[gram] = chances
            reader.go_on()
        if len(grams) != count:
            raise reader.broken(f"{counted(count, f'{size}-gram')} announced, {len(grams)} there")
        found.append(grams)
        if lost := [mark for mark in (BEGIN, END) if (mark,) not in found[0]]:
            raise reader.broken(f"there is no {' and no '.join(lost)}")
    reader.demand(LAST)
    found[0].setdefault((UNKNOWN,), (UNHEARD * math.log(10), 0.0))
    return found


class _Reader:
    """The lines of a file that are not empty, one by one; "" at its end."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.number, self.line = 0, ""
        self._lines = _lines(file)
        self.go_on()

    def go_on(self) -> None:
        self.number, self.line = next(self._lines, (self.number, ""))

    def demand(self, line: str) -> None:
        if self.line != line:
            raise self.broken(f"expected {line}")
        self.go_on()

    def broken(self, what: str) -> PartError:
        found = f"found {self.line[:80]!r}" if self.line else "the file ends"
        where = f"{self.file}, line {self.number}"
        return PartError(f"{where}: {what}, {found}; take a whole ARPA file")


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Give the lines that are not empty, numbered from 1."""
    try:
        with file.open("rb") as raw:
            content = gzip.GzipFile(fileobj=raw) if file.suffix == ".gz" else raw
            for number, line in enumerate(content, 1):
                if words := line.decode("utf-8-sig").strip():
                    yield number, words
    except (OSError, UnicodeDecodeError, EOFError) as error:
        msg = f"{file} cannot be read ({error}): name a text, or an ARPA file, in UTF-8"
        raise PartError(msg) from error


def _counts(reader: _Reader) -> list[int]:
    """Read how many n-grams there are of each length."""
    counts: list[int] = []
    while said := re.fullmatch(r"ngram\s+(\d+)\s*=\s*(\d+)", reader.line):
        if int(said[1]) != len(counts) + 1:
            raise reader.broken(f"expected the count of {len(counts) + 1}-grams")
        counts.append(int(said[2]))
        reader.go_on()
    if not counts:
        raise reader.broken("expected counts, such as 'ngram 1=100'")
    return counts


def _gram(reader: _Reader, size: int) -> tuple[Gram, tuple[float, float]]:
    """Read an n-gram, its probability, and its back-off, which may be left out."""
    cells = reader.line.split()
    if len(cells) not in (size + 1, size + 2):
        raise reader.broken(f"expected a number, {size} word(s) and perhaps a number")
    try:
        chance, back = float(cells[0]), float((cells[size + 1 :] or ["0"])[0])
    except ValueError:
        raise reader.broken("expected numbers around the words") from None
    if not (chance <= ROUNDING and back < math.inf):
        raise reader.broken("expected the logarithm of a probability")
    gram = tuple(UNKNOWN if word == "<UNK>" else word for word in cells[1 : size + 1])
    natural = -math.inf if chance <= NEVER else min(0.0, chance * math.log(10))
    return gram, (natural, back * math.log(10))
