"""Folders with one commit point: written aside, sealed with sha256 of every file, then renamed.

A folder that carries its final name is whole. Whatever a crash leaves behind has another name.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sensorium.core.errors import ArtifactError

SEAL = "sha256"


@contextmanager
def written(folder: Path, index: str, *, replace: bool = False) -> Iterator[Path]:
    """Write a folder whole or not at all.

    Args:
        folder: the final name.
        index: the JSON file, written by the caller, that receives the digests of all the others.
        replace: whether an older folder of the same kind may be replaced.

    Yields:
        A new folder to write into.

    Errors:
        ArtifactError: ``folder`` exists and is not to be replaced, or is not of this kind.
    """
    _check_target(folder, index, replace=replace)
    folder.parent.mkdir(parents=True, exist_ok=True)
    aside = folder.with_name(f".{folder.name}.writing-{os.getpid()}")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir()
    try:
        yield aside
        seal(aside, index)
        _flush(aside)
        _swap(aside, folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _check_target(folder: Path, index: str, *, replace: bool) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        msg = f"{folder} is a file; name a folder that does not exist yet"
        raise ArtifactError(msg)
    ours = (folder / index).is_file()
    if any(folder.iterdir()) and not (ours and replace):
        why = "it exists already; pass replace=True" if ours else f"it holds no {index}, not ours"
        msg = f"{folder} is not written over: {why}, or name another folder"
        raise ArtifactError(msg)


def _swap(aside: Path, folder: Path) -> None:
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    aside.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _flush(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sha256(file: Path) -> str:
    """Digest a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def seal(folder: Path, index: str) -> None:
    """Write the digest of every other file, and of the index itself, into the index."""
    content = json.loads((folder / index).read_text(encoding="utf-8"))
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / index)
    content[SEAL] = {p.relative_to(folder).as_posix(): sha256(p) for p in files}
    content[SEAL][index] = _self_digest(content, index)
    text = json.dumps(content, ensure_ascii=False, indent=1)
    (folder / index).write_text(text + "\n", encoding="utf-8")


def opened(folder: Path, index: str) -> dict[str, Any]:
    """Check a sealed folder and read its index, which names the files that were checked.

    Errors:
        ArtifactError: no such folder, not of this kind, or files changed or missing.
    """
    folder = _whole(folder, index)
    try:
        content: dict[str, Any] = json.loads((folder / index).read_text(encoding="utf-8"))
        digests = dict(content[SEAL])
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        msg = f"{folder / index} was changed or torn: {error}; take a whole copy"
        raise ArtifactError(msg) from error
    faults = []
    if digests.pop(index, None) != _self_digest(content, index):
        faults.append(f"{index} was changed")
    for name, digest in digests.items():
        file = folder / name
        if not file.resolve().is_relative_to(folder.resolve()):
            faults.append(f"{name} points outside the folder")
        elif not file.is_file():
            faults.append(f"{name} is missing")
        elif sha256(file) != digest:
            faults.append(f"{name} was changed")
    if faults:
        msg = f"{folder} is refused: {', '.join(faults)}; take a whole copy of the folder"
        raise ArtifactError(msg)
    return content


def _whole(folder: Path, index: str) -> Path:
    if (folder / index).is_file():
        return folder
    old = folder.with_name(f".{folder.name}.old")
    if not folder.exists() and (old / index).is_file():  # a crash fell between the two renames
        old.rename(folder)
        return folder
    found = "it is a file" if folder.is_file() else "no such folder"
    if folder.is_dir():
        found = f"it holds no {index}"
    msg = f"{folder} cannot be loaded: {found}; name a folder that Sensorium wrote"
    raise ArtifactError(msg)


def _self_digest(content: dict[str, Any], index: str) -> str:
    seals = {name: digest for name, digest in content[SEAL].items() if name != index}
    text = json.dumps({**content, SEAL: seals}, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
