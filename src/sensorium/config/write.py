"""Plans as TOML text, so that a user can start from what was chosen."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sensorium.auto.record import START, read_record
from sensorium.config.plan_file import Config, Source
from sensorium.core.describe import PART, describe, keywords
from sensorium.core.errors import PlanError
from sensorium.encoders import Encoder
from sensorium.model import load


def write_plan(config: Config) -> str:
    """Write a plan as TOML text; ``load_plan`` reads the same plan from it.

    Errors:
        PlanError: a keyword is None though its default is not; TOML has no word for None.
    """
    sections = [_section("table", _data(config.table))]
    for name, kind in config.fields.items():
        keys = {"kind": kind.kind, **_data(kind)}
        sections.append(_section(f"fields.{_key(name)}", keys))
    sections += _encoders(config.encoders)
    for name, part in (("fusion", config.fusion), ("task", config.task)):
        if part is not None:
            sections.append(_section(name, {PART: type(part).__name__, **_data(part)}))
    if config.plan is not None:
        sections.append(_section("plan", _data(config.plan)))
    return "\n".join(sections)


def plan_of(folder: str | Path, parts: Mapping[str, type] | None = None) -> Config:
    """Give the plan of a run: everything that was chosen, spelled out.

    Args:
        folder: the run's folder.
        parts: your own encoders, fusions and tasks by name.

    Errors:
        ArtifactError: the folder holds no run.
        PlanError: the run's table was an object in memory, which no plan can name.
    """
    folder = Path(folder)
    record = read_record(folder)
    source, valid, test = record.sources
    if source is None:
        msg = f"the run in {folder} was made from a table in memory; save the table as a file"
        raise PlanError(msg)
    model = load(folder / START, parts=parts)
    table = Source(
        source,
        target=tuple(model.schema.targets),
        inputs=tuple(model.schema.inputs),
        valid=valid,
        test=test,
        split=record.ways.by,
        group=model.schema.group or record.ways.group,
        time=record.ways.time,
        damaged=model.prep.damaged,
        **record.reading,
    )
    return Config(table, model.schema.fields, model.encoders, model.fusion, model.task, record.plan)


def _encoders(encoders: Mapping[str, Encoder]) -> Iterator[str]:
    first: dict[int, str] = {}
    for name, part in encoders.items():
        first.setdefault(id(part), name)
    shared = {name: first[id(part)] for name, part in encoders.items() if first[id(part)] != name}
    if shared:
        yield _section("encoders", shared)
    for name, part in encoders.items():
        if name not in shared:
            keys = {PART: type(part).__name__, **_data(part)}
            yield _section(f"encoders.{_key(name)}", keys)


def _data(part: object) -> dict[str, Any]:
    """Describe a part without its name and without what is None anyway."""
    described = {key: value for key, value in describe(part).items() if key != PART}
    defaults = {name: p.default for name, p in keywords(type(part)).items()}
    for key, value in described.items():
        if value is None and defaults[key] is not None:
            msg = f"{type(part).__name__}.{key} is None, which TOML cannot say; give it a value"
            raise PlanError(msg)
    return {key: value for key, value in described.items() if value not in (None, {})}


def _section(name: str, keys: Mapping[str, Any]) -> str:
    lines = [f"{_key(key)} = {_toml(value)}" for key, value in keys.items()]
    return "\n".join([f"[{name}]", *lines, ""])


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _text(name)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Mapping):
        inner = {key: item for key, item in value.items() if item is not None}
        return "{" + ", ".join(f"{_key(k)} = {_toml(v)}" for k, v in inner.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
