"""A folder is whole or not there; a changed byte is refused."""

import json
from pathlib import Path

import pytest

from sensorium.core.errors import ArtifactError
from sensorium.store.folder import opened, written

INDEX = "index.json"


def write(folder: Path, text: str = "hello", *, replace: bool = False) -> None:
    with written(folder, INDEX, replace=replace) as aside:
        (aside / INDEX).write_text(json.dumps({"name": "x"}))
        (aside / "data.bin").write_text(text)


def test_a_written_folder_opens(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b")
    content = opened(tmp_path / "a" / "b", INDEX)
    assert content["name"] == "x"
    assert set(content["sha256"]) == {INDEX, "data.bin"}


def test_a_crash_while_writing_leaves_nothing_under_the_name(tmp_path: Path) -> None:
    def crash() -> None:
        with written(tmp_path / "m", INDEX) as aside:
            (aside / "data.bin").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        crash()
    assert list(tmp_path.iterdir()) == []


def test_a_crash_while_replacing_keeps_the_old_folder(tmp_path: Path) -> None:
    write(tmp_path / "m", "old")

    def crash() -> None:
        with written(tmp_path / "m", INDEX, replace=True):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        crash()
    opened(tmp_path / "m", INDEX)
    assert (tmp_path / "m" / "data.bin").read_text() == "old"


def test_a_crash_between_the_two_renames_is_mended(tmp_path: Path) -> None:
    write(tmp_path / "m")
    (tmp_path / "m").rename(tmp_path / ".m.old")
    assert opened(tmp_path / "m", INDEX)["name"] == "x"


def test_replacing_needs_leave_and_our_own_folder(tmp_path: Path) -> None:
    write(tmp_path / "m")
    with pytest.raises(ArtifactError, match="replace=True"):
        write(tmp_path / "m")
    write(tmp_path / "m", "new", replace=True)
    assert (tmp_path / "m" / "data.bin").read_text() == "new"
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").write_text("years")
    with pytest.raises(ArtifactError, match="not ours"):
        write(tmp_path / "precious", replace=True)
    assert (tmp_path / "precious" / "thesis.txt").read_text() == "years"


@pytest.mark.parametrize("file", ["data.bin", INDEX])
def test_every_changed_byte_is_refused(tmp_path: Path, file: str) -> None:
    write(tmp_path / "m")
    path = tmp_path / "m" / file
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        changed = bytearray(whole)
        changed[place] ^= 1
        path.write_bytes(changed)
        try:
            content = opened(tmp_path / "m", INDEX)
        except ArtifactError:
            continue
        assert file == INDEX, "a changed data file was accepted"
        assert json.loads(whole) == content, "only white space may change in the index"


def test_a_missing_file_and_a_missing_folder_are_named(tmp_path: Path) -> None:
    write(tmp_path / "m")
    (tmp_path / "m" / "data.bin").unlink()
    with pytest.raises(ArtifactError, match=r"data\.bin is missing"):
        opened(tmp_path / "m", INDEX)
    with pytest.raises(ArtifactError, match="no such folder"):
        opened(tmp_path / "nowhere", INDEX)
