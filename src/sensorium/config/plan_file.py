"""Plans: a TOML file that holds what the Python API takes, and nothing more.

    [table]          source, target, inputs, kinds, valid, test, split, group, time, damaged,
                     quality, encoding, folder, urls
    [fields.NAME]    kind, and that kind's options
    [encoders.NAME]  part, and its keywords; or encoders.NAME = "OTHER" to share one
    [fusion]         part, and its keywords
    [task]           part, and its keywords
    [plan]           the fields of ``Plan``

All but ``table.source`` may be left out; what is left out is chosen from the table. Keys, types
and ranges come from the classes themselves.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from sensorium.config.values import Checked, check_call, check_part
from sensorium.core.counted import counted
from sensorium.core.errors import PlanError, all_at_once, nearest
from sensorium.core.schema import FIELDS, Field
from sensorium.data import TableFile
from sensorium.decoders import DECODERS
from sensorium.encoders import ENCODERS, Encoder
from sensorium.fusion import FUSIONS, Fusion
from sensorium.tasks import TASKS, Task
from sensorium.train import Plan

PARTS: dict[str, type] = {**ENCODERS, **FUSIONS, **DECODERS, **TASKS}
KINDS: dict[str, type[Field]] = {part.kind: part for part in FIELDS.values()}


@dataclass(frozen=True)
class Source:
    """The section ``[table]``: which rows, and what part their columns play.

    Attributes:
        source: the table: a file or a folder, relative to the plan's own folder.
        target: the column or columns to learn; () where the task names them.
        inputs: the columns that the model sees; () for all that can be used.
        kinds: kinds by column, where no option is needed: ``{price = "number"}``.
        valid: a table of rows to choose by; "" spares none.
        test: a table of rows to be judged on.
        split: a column that names the parts; "" ignores one that does.
        group: a column whose equal values stay in one part.
        time: a column by which the latest rows are held out.
        damaged: what becomes of rows with damaged cells.
        quality: whether columns stand on pretrained encoders, where none is named.
        encoding: of the tables' files, where it is not UTF-8.
        folder: where the file names in their cells start, relative to the plan's own folder.
        urls: whether pictures and sounds that cells name by address are downloaded.
    """

    source: str
    target: str | tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    kinds: Mapping[str, str] = field(default_factory=dict)
    valid: str | None = None
    test: str | None = None
    split: str | None = None
    group: str | None = None
    time: str | None = None
    damaged: Literal["absent", "skip", "error"] = "absent"
    quality: Literal["fast", "good", "best"] | None = None
    encoding: str | None = None
    folder: str | None = None
    urls: bool = False

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets, one or several."""
        return (self.target,) if isinstance(self.target, str) else self.target


@dataclass(frozen=True)
class Config:
    """A whole plan, as objects; None or an empty mapping where the file leaves the choice open.

    Attributes:
        table: which rows, and what part their columns play.
        fields: fields by column.
        encoders: encoders by column.
        fusion: how the columns meet.
        task: what comes out.
        plan: how to train.
        folder: what the paths of ``table`` are relative to.
    """

    table: Source
    fields: Mapping[str, Field] = field(default_factory=dict)
    encoders: Mapping[str, Encoder] = field(default_factory=dict)
    fusion: Fusion | None = None
    task: Task | None = None
    plan: Plan | None = None
    folder: Path = Path()

    def _file(self) -> TableFile | Path:
        """Give the table's file; with how to read it, if anything is said of that."""
        table, path = self.table, self.folder / self.table.source
        place = None if table.folder is None else self.folder / table.folder
        file = TableFile(path, table.encoding, place, table.urls)
        return file if file.reading else path

    def keywords(self) -> dict[str, Any]:
        """Give the keywords of ``sensorium.fit``: ``fit(**load_plan("plan.toml").keywords())``."""
        table = self.table
        kinds = {name: KINDS[kind.lower()]() for name, kind in table.kinds.items()}
        beside = {"valid": table.valid, "test": table.test}
        return {
            "source": self._file(),
            **{n: file and self.folder / file for n, file in beside.items() if file is not None},
            "target": table.target or None,
            "inputs": table.inputs or None,
            "kinds": {**kinds, **self.fields},
            "split": table.split,
            "group": table.group,
            "time": table.time,
            "damaged": table.damaged,
            "quality": table.quality,
            "encoders": self.encoders,
            "fusion": self.fusion,
            "task": self.task,
            "plan": self.plan,
            "seed": self.plan.seed if self.plan else 0,
        }


CALLED: dict[str, type] = {"table": Source, "plan": Plan}
DOORS: dict[str, type] = {"fusion": Fusion, "task": Task}
OPENED: dict[str, dict[str, Any]] = {"table": {}, "fields": {}, "encoders": {}}
SECTIONS = tuple(part.name for part in fields(Config) if part.name != "folder")


def load_plan(file: str | Path, parts: Mapping[str, type] | None = None) -> Config:
    """Read a plan.

    Args:
        file: a TOML file.
        parts: your own encoders, fusions and tasks by name.

    Errors:
        PlanError: no such file, not TOML, or faults; names every fault at once, each with its
            section, key, what was found and what was expected.
    """
    file = Path(file)
    if not file.is_file():
        msg = f"there is no plan {file}; `sensorium plan RUN --out {file}` writes that of a fit"
        raise PlanError(msg)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        msg = f"{file} cannot be read as a plan: {error}"
        raise PlanError(msg) from error
    return parse_plan(content, name=file.name, folder=file.parent, parts=parts)


def parse_plan(
    content: Mapping[str, Any],
    *,
    name: str = "the plan",
    folder: Path = Path(),
    parts: Mapping[str, type] | None = None,
) -> Config:
    """Make a plan of what TOML holds; arguments and errors as for ``load_plan``."""
    known = {**PARTS, **(parts or {})}
    unknown = [f"[{key}]: no such section{nearest(key, SECTIONS)}"
               for key in content if key not in SECTIONS]  # fmt: skip
    checked = {section: _section(section, content, known) for section in SECTIONS}
    found = [*unknown, *(fault for one in checked.values() for fault in one.faults)]
    found += _misfits({section: one.value for section, one in checked.items()})
    if found:
        count = counted(len(found), "fault")
        raise PlanError(all_at_once(f"{name} has {count}:", found))
    return Config(**{section: one.value for section, one in checked.items()}, folder=folder)


def _section(section: str, content: Mapping[str, Any], known: Mapping[str, type]) -> Checked:
    given = content.get(section, OPENED.get(section))
    if given is None:
        return Checked(None)
    if not isinstance(given, dict):
        return Checked(None, (f"[{section}]: expected a section, found {given!r}",))
    if section == "fields":
        return _by_column({name: _field(name, value) for name, value in given.items()})
    if section == "encoders":
        return _encoders(given, known)
    if section in CALLED:
        return check_call(section, CALLED[section], given, known)
    return check_part(section, given, known, DOORS[section])


def _field(name: str, given: Any) -> Checked:
    if isinstance(given, dict) and isinstance(given.get("kind"), str):
        given = {**given, "kind": given["kind"].lower()}
    return check_part(f"fields.{name}", given, KINDS, Field, key="kind")


def _encoders(given: Mapping[str, Any], known: Mapping[str, type]) -> Checked:
    own = {n: v for n, v in given.items() if not isinstance(v, str)}
    made = {n: check_part(f"encoders.{n}", v, known, Encoder) for n, v in own.items()}
    for name, other in given.items():
        if isinstance(other, str) and other in own:
            made[name] = Checked(made[other].value)
        elif isinstance(other, str):
            fault = f"[encoders] {name}: no encoder of {other!r} to share{nearest(other, own)}"
            made[name] = Checked(None, (fault,))
    return _by_column(made)


def _by_column(checked: Mapping[str, Checked]) -> Checked:
    faults = tuple(fault for one in checked.values() for fault in one.faults)
    return Checked({name: one.value for name, one in checked.items()}, faults)


def _misfits(found: Mapping[str, Any]) -> Iterator[str]:
    """Find parts that do not fit together, as far as that is known without the table."""
    table, task = found["table"], found["task"]
    kinds = {name: kind.kind for name, kind in (found["fields"] or {}).items() if kind}
    encoders = {name: part for name, part in (found["encoders"] or {}).items() if part}
    if table is not None:
        yield from _kind_misfits(table, found["fields"] or {})
        yield from _column_misfits(table, task, {"fields": kinds, "encoders": encoders})
        kinds |= table.kinds
    for name, encoder in encoders.items():
        kind = kinds.get(name, "").lower()
        if kind in KINDS and kind not in encoder.kinds:
            part, reads = type(encoder).__name__, " and ".join(sorted(encoder.kinds))
            yield f"[encoders.{name}] part: {part} reads {reads}, the column is {kind}"
    widths = {f"encoders.{name}": part.width for name, part in encoders.items()}
    if found["fusion"] is not None:
        widths["fusion"] = found["fusion"].width
    if len(set(widths.values())) > 1:
        shown = ", ".join(f"{name} {width}" for name, width in widths.items())
        yield f"[fusion] width: expected one width for all parts, found {shown}"


def _kind_misfits(table: Source, fields: Mapping[str, Any]) -> Iterator[str]:
    for name, kind in table.kinds.items():
        if kind.lower() not in KINDS:
            yield f"[table] kinds.{name}: no kind is called {kind!r}{nearest(kind, KINDS)}"
        if name in fields:
            yield f"[table] kinds.{name}: the column has a section [fields.{name}] too; keep one"


def _column_misfits(
    table: Source, task: Task | None, sections: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    targets = set(table.targets) | set(task.targets if task else ())
    if task is not None and table.targets and targets != set(task.targets):
        yield (
            f"[table] target: expected {' and '.join(task.targets)}, as the task has it, "
            f"found {' and '.join(table.targets)}"
        )
    for name in sorted(targets & set(table.inputs)):
        yield f"[table] inputs: {name!r} is a target too"
    inputs = [name for name in table.inputs if name not in targets]
    for section, columns in sections.items():
        known = [*inputs, *(targets if section == "fields" else ())]
        for name in columns if inputs else ():
            if name not in known:
                yield f"[{section}.{name}]: no such column{nearest(name, known)}"
