"""Bytes of text files: byte order marks, and faults of encoding by line and byte."""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sensorium.core.errors import TableError, all_at_once

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_GUESSES = (
    ("gb18030", re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")),
    ("shift_jis", re.compile(r"[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]")),
    ("cp1252", re.compile(r"[\u00a0-\u00ff\u2013-\u2026\u20ac]")),
)
"""Encodings to try, and the letters that nearly all the text's letters beyond ASCII then are."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class LineFault:
    """Something wrong with one line of a text file; lines are counted from 1."""

    line: int
    found: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.found}"


def known(encoding: str) -> str:
    """Give an encoding's own name.

    Errors:
        TableError: Python knows no such encoding.
    """
    try:
        return codecs.lookup(encoding).name
    except LookupError as error:
        msg = f"there is no encoding {encoding!r}; common ones: utf-8, gb18030, cp1252, utf-16"
        raise TableError(msg) from error


def of(file: Path, asked: str | None) -> str:
    """Tell a file's encoding: what was asked for, else by its byte order mark, else UTF-8."""
    if asked is not None:
        return known(asked)
    with file.open("rb") as stream:
        head = stream.read(4)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return name
    return "utf-8"


def check(file: Path, asked: str | None) -> str:
    """Tell a file's encoding, and make sure that the whole file is text in it.

    Errors:
        TableError: names the lines and bytes that are not, and what to do.
    """
    encoding = of(file, asked)
    if not is_sound(file, encoding):
        lines = [str(fault) for fault in faults(file, encoding)] or [f"it is not {encoding}"]
        title = f"{file} cannot be read as {encoding}; {advice(file, encoding)}:"
        raise TableError(all_at_once(title, lines))
    return encoding


def faults(file: Path, encoding: str, most: int = 20) -> list[LineFault]:
    """Find bytes that do not fit the encoding, and NUL characters, up to ``most`` lines."""
    found: list[LineFault] = []
    wide = encoding.startswith(("utf-16", "utf-32"))
    for number, start, line in () if wide else _lines(file):
        fault = _fault(line, start, encoding)
        if fault:
            found.append(LineFault(number, fault))
        if len(found) >= most:
            break
    return found


def _lines(file: Path) -> Iterator[tuple[int, int, bytes]]:
    start = 0
    with file.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            yield number, start, line
            start += len(line)


def _fault(line: bytes, start: int, encoding: str) -> str:
    if b"\0" in line:
        return f"a NUL byte (byte {start + line.index(0):,} of the file)"
    try:
        line.decode(encoding)
    except UnicodeDecodeError as error:
        wrong = line[error.start : error.start + 4].hex(" ")
        return f"byte {start + error.start:,} of the file is not {encoding}: {wrong}"
    return ""


def is_sound(file: Path, encoding: str) -> bool:
    """Tell whether the whole file fits its encoding and holds no NUL; reads it once, in blocks."""
    decoder = codecs.getincrementaldecoder(encoding)()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            try:
                text = decoder.decode(block)
            except UnicodeError:
                return False
            if "\0" in text:
                return False
    try:
        decoder.decode(b"", final=True)
    except UnicodeError:
        return False
    return True


def advice(file: Path, encoding: str) -> str:
    """Say what to do about a file that does not fit its encoding; names a likelier encoding."""
    with file.open("rb") as stream:
        head = stream.read(_BLOCK)
    if head.count(0) > len(head) // 4:
        guess = "utf-16-le"
        return f"the file looks like UTF-16: {_given(guess)}, or save it as UTF-8"
    if b"\0" in head:
        return "remove the NUL bytes: text has none; is this a text file at all?"
    for guess, usual in _GUESSES:
        try:
            text = codecs.getincrementaldecoder(guess)().decode(head)
        except UnicodeError:
            continue
        beyond = [letter for letter in text if letter > "\x7f"]
        if guess != encoding and sum(map(bool, map(usual.match, beyond))) > 0.9 * len(beyond):
            return f"perhaps it is {guess}: {_given(guess)}, or save the file as UTF-8"
    return "save the file as UTF-8, or give its own encoding with encoding="


def _given(guess: str) -> str:
    return f"give encoding={guess!r} (--encoding {guess})"
