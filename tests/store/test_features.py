"""Features on disk: nothing is lost, nothing wrong is given, and other processes are no danger."""

import json
import os
import sqlite3
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from sensorium.store import Book, limited
from sensorium.store.features import NUMBERS, TABLE, default_folder, default_limit

Entries = dict[bytes, np.ndarray]


def key(number: int) -> bytes:
    return number.to_bytes(32, "big")


def made(*numbers: int, steps: int = 3, width: int = 4) -> Entries:
    """Make features that tell their own number."""
    shape = (steps, width)
    places = np.arange(width, dtype=np.float32) / 8
    return {key(n): np.full(shape, n, np.float32) + places for n in numbers}


def same(one: Entries, other: Entries) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[k], other[k]) for k in one)


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book("book", tmp_path)


def test_what_is_kept_is_found(book: Book) -> None:
    assert book.find([key(1)]) == {}
    first = made(1, 2) | made(3, steps=1) | made(4, steps=7)
    assert book.keep(first)
    assert book.keep(made(5, 6))
    found = book.find([key(n) for n in (6, 1, 99, 3, 4)])
    assert same(found, {k: v for k, v in (first | made(6)).items() if k not in (key(2),)})
    assert all(value.dtype == np.float32 for value in found.values())
    assert book.keep({}) is False
    assert book.find([]) == {}


def test_many_keys_are_asked_for_at_once(book: Book) -> None:
    entries = made(*range(1_300), steps=1, width=2)
    book.keep(entries)
    assert same(book.find(list(entries)), entries)


def test_cells_without_any_token_are_kept(book: Book) -> None:
    entries = {key(1): np.zeros((0, 4), np.float32)} | made(2)
    book.keep(entries)
    found = book.find(list(entries))
    assert found[key(1)].shape == (0, 4)
    assert same(found, entries)


def test_a_key_kept_twice_has_its_last_features(book: Book) -> None:
    book.keep(made(1, 2))
    book.keep({key(1): made(9)[key(9)]})
    book.keep(made(3))
    found = book.find([key(1), key(2), key(3)])
    assert same(found, {key(1): made(9)[key(9)]} | made(2, 3))


PROGRAM = """
import sys, numpy as np
from pathlib import Path
from sensorium.store import Book
book = Book("book", Path(sys.argv[1]))
own = int(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
for turn in range(30):
    numbers = [turn, 1000 * own + turn]
    entries = {n.to_bytes(32, "big"): np.full((3, 4), n, np.float32) for n in numbers}
    assert book.keep(entries)
    found = book.find(list(entries))
    assert all(np.array_equal(found[k], entries[k]) for k in entries), turn
"""


def test_two_processes_write_at_once_and_nothing_is_lost(book: Book, tmp_path: Path) -> None:
    """Half of the keys are the same in both, half are their own."""
    command = [sys.executable, "-W", "error", "-c", PROGRAM, str(tmp_path)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    workers = [
        subprocess.Popen([*command, str(own)], text=True, **pipes)  # type: ignore[call-overload]
        for own in (1, 2)
    ]
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        _, errors = worker.communicate(timeout=60)
        assert (worker.returncode, errors) == (0, "")
    numbers = [turn + start for turn in range(30) for start in (0, 1_000, 2_000)]
    expected = {key(n): np.full((3, 4), n, np.float32) for n in numbers}
    assert same(book.find(list(expected)), expected)


def test_a_damaged_entry_is_left_out_and_said(book: Book) -> None:
    book.keep(made(1, 2, 3))
    file = book.place / NUMBERS
    changed = bytearray(file.read_bytes())
    changed[4 * 12 + 5] ^= 1
    file.write_bytes(changed)
    with pytest.warns(UserWarning, match="features kept in .* were damaged, 1 in all; .* again"):
        assert same(book.find([key(n) for n in (1, 2, 3)]), made(1, 3))
    book.keep(made(2))
    assert same(book.find([key(n) for n in (1, 2, 3)]), made(1, 2, 3))


def test_a_file_that_was_cut_short_gives_what_is_whole(book: Book) -> None:
    book.keep(made(1, 2, 3))
    file = book.place / NUMBERS
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.warns(UserWarning, match="damaged, 1 in all"):
        assert same(book.find([key(n) for n in (1, 2, 3)]), made(1, 2))
    book.keep(made(3, 4))
    assert same(book.find([key(n) for n in (1, 2, 3, 4)]), made(1, 2, 3, 4))


def test_what_a_crash_left_at_the_end_is_written_over(book: Book) -> None:
    """Numbers that no table knows of: the process died before it said whose they are."""
    book.keep(made(1))
    with (book.place / NUMBERS).open("ab") as file:
        file.write(b"torn" * 5 + b"xy")
    assert same(book.find([key(1)]), made(1))
    book.keep(made(2, 3))
    assert same(book.find([key(n) for n in (1, 2, 3)]), made(1, 2, 3))
    assert (book.place / NUMBERS).stat().st_size == 3 * 12 * 4


@pytest.mark.parametrize("size", [50, 5_000])
def test_a_torn_table_is_made_anew(book: Book, size: int) -> None:
    book.keep(made(*range(200)))
    table = book.place / TABLE
    whole = table.read_bytes()
    table.write_bytes(b"x" * size + whole[size:] if size == 50 else whole[:size])
    with pytest.warns(UserWarning, match=r"cannot be read \(.*\); they are computed again"):
        assert book.find([key(n) for n in range(200)]) == {}
    assert book.keep(made(1, 2))
    assert same(book.find([key(1), key(2)]), made(1, 2))


def test_numbers_that_are_gone_are_computed_again(book: Book) -> None:
    book.keep(made(1, 2))
    (book.place / NUMBERS).unlink()
    with pytest.warns(UserWarning, match="cannot be read"):
        assert book.find([key(1)]) == {}
    book.keep(made(1, 2))
    assert same(book.find([key(1), key(2)]), made(1, 2))


def test_the_books_used_longest_ago_go_first_and_never_the_own(tmp_path: Path) -> None:
    one = made(1, steps=1_000)
    size = next(iter(one.values())).nbytes
    for number, name in enumerate("abc"):
        Book(name, tmp_path).keep(one)
        os.utime(tmp_path / name, (number + 1, number + 1))
    Book("a", tmp_path).find([key(1)])
    taken = sum(f.stat().st_size for f in tmp_path.rglob("*") if f.is_file())
    new = Book("d", tmp_path, limit=taken + size // 2)
    assert new.keep(one)
    assert {folder.name for folder in tmp_path.iterdir()} == {"a", "c", "d"}
    tight = Book("a", tmp_path, limit=2 * size + 20_000)
    assert tight.keep(made(2, steps=1_000))
    assert {folder.name for folder in tmp_path.iterdir()} == {"a"}
    assert same(tight.find([key(1), key(2)]), one | made(2, steps=1_000))


def test_without_room_nothing_is_kept_and_no_other_book_goes(tmp_path: Path) -> None:
    other, own = Book("other", tmp_path), Book("own", tmp_path, limit=100_000)
    other.keep(made(1))
    assert own.keep(made(1))
    assert not own.keep(made(2, steps=10_000))
    assert not own.keep(made(3, steps=6_000))
    assert own.find([key(2), key(3)]) == {}
    assert same(own.find([key(1)]), made(1))
    assert same(other.find([key(1)]), made(1))


def test_a_limit_of_0_keeps_and_finds_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_CACHE", str(tmp_path))
    Book("book").keep(made(1))
    with limited(0):
        assert Book("book").find([key(1)]) == {}
        assert not Book("new").keep(made(1))
    assert not (tmp_path / "features" / "new").exists()
    assert same(Book("book").find([key(1)]), made(1))


def test_the_limit_and_the_place_come_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_CACHE", str(tmp_path))
    assert default_folder() == tmp_path / "features"
    monkeypatch.delenv("SENSORIUM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "own"))
    assert default_folder() == tmp_path / "own" / "sensorium" / "features"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_folder() == tmp_path / "home" / ".cache" / "sensorium" / "features"
    for said, limit in (("2", 2e9), ("0.5", 5e8), ("much", 1e10), ("inf", 1e10), ("", 1e10)):
        monkeypatch.setenv("SENSORIUM_CACHE_GB", said)
        assert default_limit() == limit
    with limited(3):
        assert default_limit() == 3e9
        with limited(None):
            assert default_limit() == 3e9
    assert default_limit() == 1e10


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_that_cannot_be_written_is_said_and_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool
) -> None:
    if there:  # a book that may be read but not written
        Book("book", tmp_path).keep(made(1))
        real = sqlite3.connect

        def read_only(place: Path, wait: float, **options: object) -> sqlite3.Connection:
            link = f"file:{place}?mode=ro"
            return real(link, wait, uri=True, isolation_level=None)

        def denied(*_: object) -> None:
            raise PermissionError

        monkeypatch.setattr("sensorium.store.features.sqlite3.connect", read_only)
        monkeypatch.setattr("sensorium.store.features.os.utime", denied)
        book = Book("book", tmp_path)
    else:  # a file lies where the folder should be
        (tmp_path / "file").write_text("")
        book = Book("book", tmp_path / "file")
    with pytest.warns(UserWarning, match="features cannot be kept in .*; they are computed again"):
        assert not book.keep(made(2))
    found = book.find([key(1), key(2)])
    assert same(found, made(1) if there else {})


def test_a_book_that_goes_while_it_is_read_does_no_harm(book: Book) -> None:
    """Another process may drop it for room: what was found stays, the rest is computed again."""
    book.keep(made(1, 2))
    found = book.find([key(1), key(2)])
    for file in list(book.place.iterdir()):
        file.unlink()
    book.place.rmdir()
    assert same(found, made(1, 2))
    assert book.find([key(1)]) == {}
    assert book.keep(made(3))


def test_a_writer_waits_for_another(book: Book) -> None:
    book.keep(made(1))
    program = (
        "import sqlite3, sys, time\n"
        "table = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "table.execute('BEGIN IMMEDIATE')\n"
        "print('locked', flush=True)\n"
        "time.sleep(0.5)\n"
        "table.execute('COMMIT')\n"
    )
    command = [sys.executable, "-c", program, str(book.place / TABLE)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "locked\n"
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert same(book.find([key(1)]), made(1))
            assert book.keep(made(2))
        assert time.perf_counter() - start > 0.2
    assert same(book.find([key(2)]), made(2))


def test_no_test_writes_into_the_users_own_cache(tmp_path: Path) -> None:
    real = Path("~/.cache/sensorium").expanduser()
    assert real not in default_folder().parents
    code = "import json; from sensorium.store.features import default_folder as f; print(f())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(default_folder())
    assert json.dumps(str(default_folder())).count("cache") > 0
