"""Models from folders and from descriptions. Nothing that is read can run code."""

import json
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from sensorium.core.describe import PART, build
from sensorium.core.errors import ArtifactError, PartError, nearest
from sensorium.core.schema import SCHEMA_PARTS
from sensorium.decoders import DECODERS
from sensorium.encoders import ENCODERS, Encoder
from sensorium.fusion import FUSIONS
from sensorium.model.model import FORMAT, INDEX, PREPROCESS, WEIGHTS, Model
from sensorium.preprocess import Preprocess
from sensorium.store.folder import opened
from sensorium.tasks import TASKS

RUN = "run.json"
"""A folder with this file is that of a fit."""
KNOWN: dict[str, type] = {**SCHEMA_PARTS, **ENCODERS, **FUSIONS, **DECODERS, **TASKS}


def load(
    folder: str | Path, *, parts: Mapping[str, type] | None = None, device: str = "cpu"
) -> Model:
    """Load a model folder; nothing in it can run code.

    Args:
        folder: what ``Model.save`` wrote, or the folder of a finished fit.
        parts: your own encoders, fusions or tasks by class name.
        device: where the weights go.

    Errors:
        ArtifactError: the folder is not ours, a byte of it was changed, or a part is unknown.
    """
    folder = _model_in(Path(folder))
    content = opened(folder, INDEX)
    if content.get("format") != FORMAT:
        msg = f"{folder} has format {content.get('format')!r}, this version reads {FORMAT}"
        raise ArtifactError(msg)
    state = json.loads((folder / PREPROCESS).read_text(encoding="utf-8"))
    try:
        model = assemble(Preprocess.restore(state), content, parts)
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (PartError, RuntimeError, KeyError) as error:
        msg = f"{folder} cannot be loaded: {error}"
        raise ArtifactError(msg) from error
    return model.to(device).eval()


def _model_in(folder: Path) -> Path:
    """Take the folder of a fit for the model within it."""
    model = folder / "model"
    if (folder / INDEX).is_file() or not (model.exists() or (folder / RUN).is_file()):
        return folder
    if not model.exists() and not model.with_name(".model.old").exists():
        msg = f"the fit in {folder} is not finished and has no model yet; go on with it"
        raise ArtifactError(f"{msg}: sensorium resume {folder}")
    return model


def assemble(
    prep: Preprocess, description: Mapping[str, Any], parts: Mapping[str, type] | None = None
) -> Model:
    """Build a model with new weights from what ``Model.describe`` gave.

    Columns that ``prep`` does not have are left out, so a model of fewer columns can be made.
    Encoders and tasks whose state is described are made without their pretrained weights, which
    must follow.
    """
    known = KNOWN | _plugged_in() | dict(parts or {})
    _check_known(
        [*description["encoders"].values(), description["fusion"], description["task"]], known
    )
    encoders: dict[str, Encoder] = {}
    shared: dict[str, Encoder] = {}
    for name, part in description["encoders"].items():
        first = part if isinstance(part, str) else name
        source = description["encoders"][first]
        if name in prep.schema.inputs:
            if first not in shared:
                shared[first] = build(source, known)
                shared[first].restore(description.get("states", {}).get(first, {}))
            encoders[name] = shared[first]
    task = build(description["task"], known)
    task.restore(description.get("task_state", {}))
    return Model(
        prep,
        encoders=encoders,
        fusion=build(description["fusion"], known),
        task=task,
        seed=description["seed"],
    )


def _check_known(described: Sequence[Any], known: Collection[str]) -> None:
    names = dict.fromkeys(part.get(PART) for part in described if isinstance(part, Mapping))
    lost = [name for name in names if isinstance(name, str) and name not in known]
    if lost:
        given = ", ".join(f"{name!r}: {name}" for name in lost)
        close = "".join(nearest(name, known) for name in lost if get_close_matches(name, known))
        msg = f"no part is called {', '.join(map(repr, lost))}{close}; give classes of your own"
        raise PartError(f"{msg}: parts={{{given}}}")


def _plugged_in() -> dict[str, type]:
    return {point.name: point.load() for point in entry_points(group="sensorium.parts")}
