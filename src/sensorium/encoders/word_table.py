"""Files of word vectors: text of GloVe, and of word2vec and fastText, which have a header.

One line a word: the word, then its numbers, with single spaces between; gzipped where the name
ends in ``.gz``. Only the vectors that are asked for are kept.
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import torch
from jaxtyping import Float
from torch import Tensor

from sensorium.core.errors import PartError

SHOWN = 60
"""Bytes of a line that a message shows."""


@dataclass(frozen=True, eq=False)
class WordTable:
    """The vectors of some words.

    Attributes:
        vectors: 0 for words that the file lacks.
        known: how many words it has.
    """

    vectors: Float[Tensor, " words dim"]
    known: int


def read_word_table(file: str | Path, words: Iterable[str]) -> WordTable:
    """Read the vectors of some words; one that is missing is looked for in lower case.

    Args:
        file: GloVe, word2vec or fastText, as text.
        words: the words, in the order of the rows.

    Errors:
        PartError: there is no such file, or it cannot be read; names the line.
    """
    file, words = Path(file).expanduser(), list(words)
    if not file.is_file():
        msg = f"there is no file of word vectors {str(file)!r}"
        raise PartError(msg)
    wanted = {form.encode() for word in words for form in (word, word.lower())}
    found: dict[bytes, list[float]] = {}
    dim = 0
    for number, name, values in _entries(file):
        dim = dim or values.count(b" ") + 1
        if name in wanted and name not in found:
            found[name] = _numbers(file, number, values)
    vectors, known = torch.zeros(len(words), dim), 0
    for row, word in enumerate(words):
        vector = found.get(word.encode()) or found.get(word.lower().encode())
        if vector:
            known += 1
            vectors[row] = torch.tensor(vector)
    return WordTable(vectors, known)


def _entries(file: Path) -> Iterator[tuple[int, bytes, bytes]]:
    """Give the number of each line, its word, and its numbers, as many in every line."""
    lines = _lines(file)
    first = next(lines, b"")
    header = first.split()
    count, dim = 0, 0
    if len(header) == 2 and all(part.isdigit() for part in header):
        count, dim = map(int, header)
    start, total = 1, 0
    if not dim:
        dim = first.rstrip().count(b" ")
        lines, start = _again(first, lines), 0
    for number, line in enumerate(lines, start + 1):
        line = line.rstrip()  # noqa: PLW2901
        spaces = line.count(b" ")
        cut = line.find(b" ") if spaces == dim else len(line.rsplit(b" ", dim)[0])
        if spaces < dim or cut < 1:
            raise _fault(file, number, f"a word and {dim or 'some'} numbers", line)
        total += 1
        yield number, line[:cut], line[cut + 1 :]
    if total == 0 or (count and total != count):
        msg = f"{file} holds {total:,} words and should hold {count or 'some'}: take a whole copy"
        raise PartError(msg)


def _again(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _lines(file: Path) -> Iterator[bytes]:
    opened: IO[bytes] = gzip.open(file) if file.suffix == ".gz" else file.open("rb")  # type: ignore[assignment]  # noqa: SIM115
    try:
        with opened as stream:
            yield from stream
    except (EOFError, zlib.error, OSError) as error:
        msg = f"{file} cannot be read to its end ({error}): take a whole copy"
        raise PartError(msg) from error


def _numbers(file: Path, number: int, values: bytes) -> list[float]:
    try:
        vector = [float(value) for value in values.split(b" ")]
    except ValueError:
        vector = [float("nan")]
    if not all(abs(value) < 1e30 for value in vector):
        raise _fault(file, number, f"{values.count(b' ') + 1} finite numbers", values)
    return vector


def _fault(file: Path, number: int, asked: str, found: bytes) -> PartError:
    shown = found[:SHOWN].decode("utf-8", "replace").rstrip()
    rest = " ..." if len(found) > SHOWN else ""
    return PartError(f"{file}, line {number}: asked for {asked}, found {shown!r}{rest}")
