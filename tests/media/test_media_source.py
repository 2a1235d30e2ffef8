import base64
import os
from pathlib import Path

import pytest

from sensorium.core.errors import CellError
from sensorium.media import file_named, locate
from sensorium.media.source import load

BODY = b"\x00content\xff"


def test_every_form_of_a_cell_gives_the_same_bytes(tmp_path: Path) -> None:
    file = tmp_path / "a.bin"
    file.write_bytes(BODY)
    coded = base64.b64encode(BODY).decode()
    cells = [
        file,
        str(file),
        BODY,
        bytearray(BODY),
        memoryview(BODY),
        f"data:image/png;base64,{coded}",
        f"DATA:;base64,{coded}",
        "data:text/plain,%00content%FF",
        {"bytes": BODY, "path": None},
        {"bytes": None, "path": str(file)},
        {"bytes": BODY, "path": "somewhere/else.png"},
    ]
    for cell in cells:
        source = locate(cell)
        assert source is not None
        assert load(source) == BODY, cell


def test_arrays_and_numbers_are_not_sources() -> None:
    assert locate([1, 2]) is None
    assert locate(3.5) is None
    assert locate({"array": [0.0], "sampling_rate": 8_000}) is None


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (b"", "0 bytes"),
        ("no/such/file.png", "no such file"),
        ("a\0b", "cannot be opened"),
        ("x" * 5_000, "cannot be opened"),
        ("data:image/png;base64", "without a comma"),
        ("data:image/png;base64,@@@", "not base64"),
        ("data:image/png;base64,", "0 bytes"),
        ({"bytes": b"", "path": None}, "0 bytes"),
    ],
)
def test_a_cell_without_content_is_named(cell: object, found: str) -> None:
    with pytest.raises(CellError) as fault:
        locate(cell)
    assert found in fault.value.found
    assert fault.value.advice


def test_a_web_address_says_how_to_ask_for_it() -> None:
    for address in ("http://example.org/a.png", "HTTPS://example.org/a.png"):
        with pytest.raises(CellError, match="urls=True"):
            locate(address)


def test_only_regular_files_with_content_are_opened(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    empty = tmp_path / "empty"
    empty.touch()
    for path, found in ((tmp_path, "a folder"), (pipe, "pipe"), (empty, "empty file")):
        with pytest.raises(CellError, match=found):
            locate(path)
    with pytest.raises(CellError, match="device"):
        locate(Path("/dev/zero"))


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "large"
    with file.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(CellError, match="1,099,511,627,776 bytes"):
        load(file)
    with pytest.raises(CellError, match="9 bytes, more than the 8"):
        load(BODY, most=8)


def test_a_file_that_may_not_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "secret"
    file.write_bytes(BODY)

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(CellError, match="Permission denied"):
        load(file)


def test_the_file_of_a_cell_is_named(tmp_path: Path) -> None:
    assert file_named(tmp_path / "a.png") == str(tmp_path / "a.png")
    assert file_named("a.png") == "a.png"
    assert file_named({"bytes": b"x", "path": "a.png"}) == "a.png"
    for cell in (None, b"x", "data:,x", {"bytes": b"x", "path": None}, [1.0]):
        assert file_named(cell) == ""
