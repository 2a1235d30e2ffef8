"""COCO captions as published: ``images`` with ids and file names, ``annotations`` with captions."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sensorium.core.errors import TableError, all_at_once
from sensorium.data.column import store
from sensorium.data.readers.pictures import folder_of
from sensorium.data.table import Table

_MOST = 20


def is_coco(data: Any) -> bool:
    """Tell whether a JSON file's data is of this form."""
    return isinstance(data, Mapping) and {"images", "annotations"} <= set(data)


def read(data: Any, file: Path, *, pairs: bool = False) -> Table:
    """Make a table of a captions file.

    Args:
        data: what the file holds.
        file: the file, beside which the pictures are looked for.
        pairs: one row a caption (columns image, caption, image_id); else one row a picture
            (columns image, captions, image_id), its captions a list.

    Errors:
        TableError: not of this form, captions of unknown pictures, no captions.
    """
    if not is_coco(data):
        msg = f"{file} is no COCO captions file: it lacks 'images' or 'annotations'"
        raise TableError(msg)
    names = {picture["id"]: picture["file_name"] for picture in data["images"]}
    captions: dict[Any, list[str]] = defaultdict(list)
    faults = []
    for place, note in enumerate(data["annotations"]):
        if "caption" not in note:
            faults.append(f"annotation {place} has no caption")
        elif note.get("image_id") not in names:
            faults.append(f"annotation {place} is of an unknown picture {note.get('image_id')!r}")
        else:
            captions[note["image_id"]].append(note["caption"].strip())
    if faults:
        more = [f"and {len(faults) - _MOST} more"] * (len(faults) > _MOST)
        raise TableError(all_at_once(f"{file} cannot be read:", faults[:_MOST] + more))
    if not captions:
        msg = f"{file} is empty: it has no captions"
        raise TableError(msg)
    ids = [key for key in names for _ in (captions[key] if pairs else (0,))]
    columns = {"image": store([names[key] for key in ids]), "image_id": store(ids)}
    if pairs:
        columns["caption"] = store([text for key in names for text in captions[key]])
    else:
        columns["captions"] = store([captions[key] or None for key in ids])
    part = re.sub(r"^captions_", "", file.stem)
    return Table(columns, folder=folder_of(file, part, list(names.values())))
