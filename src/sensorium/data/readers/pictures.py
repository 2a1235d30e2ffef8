"""Where the pictures lie that an annotation file names: beside it, or in the usual folders."""

from collections.abc import Sequence
from pathlib import Path


def folder_of(file: Path, part: str, names: Sequence[str]) -> Path:
    """Find the folder in which the first of ``names`` exists.

    Args:
        file: the annotation file.
        part: the part that it annotates, such as ``"val2014"``.
        names: pictures' file names.

    Returns:
        The first usual folder that has the picture; the annotation file's own if none has.
    """
    here, above = file.absolute().parent, file.absolute().parent.parent
    usual = [here, here / part, here / "images", here / "images" / part, above / part,
             above / "images", above / "images" / part]  # fmt: skip
    return next((place for place in usual if names and (place / names[0]).is_file()), here)
