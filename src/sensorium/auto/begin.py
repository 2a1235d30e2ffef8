"""``sensorium.fit``: from a table to a trained model and an honest report, in one line."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sensorium.auto.aligned import paired
from sensorium.auto.choose import Choice, check_objects, choose, width_of
from sensorium.auto.finish import finish
from sensorium.auto.giants import Quality, starters
from sensorium.auto.parts import Parts, Ways, has_few_groups, split_parts
from sensorium.auto.record import START, Record, command_line
from sensorium.auto.worded import kinds_for, worded
from sensorium.core.describe import plain
from sensorium.core.errors import ArtifactError, PlanError, SchemaError, TableError
from sensorium.core.faults import Ledger
from sensorium.core.schema import Date, Field, Schema
from sensorium.data import Table, TableFile, infer, read
from sensorium.data.lists import exploded
from sensorium.data.sample import is_missing
from sensorium.encoders import Encoder
from sensorium.fusion import Fusion
from sensorium.model import Model
from sensorium.preprocess import Preprocess
from sensorium.tasks import Task
from sensorium.train import Plan, Run

Damaged = Literal["error", "absent", "skip"]
NONE = ""
"""In place of a table of rows to choose by: no row is wanted."""


def fit(  # noqa: PLR0913 - the one line has a keyword for each thing a user may decide
    source: Any,
    target: str | int | Iterable[str | int] | None = None,
    *,
    task: Task | None = None,
    inputs: str | int | Iterable[str | int] | None = None,
    kinds: Mapping[str, Field] | None = None,
    schema: Schema | None = None,
    valid: Any = None,
    test: Any = None,
    split: str | None = None,
    group: str | None = None,
    time: str | None = None,
    minutes: float = 10.0,
    epochs: int | None = None,
    encoders: Mapping[str, Encoder] | None = None,
    fusion: Fusion | None = None,
    plan: Plan | None = None,
    quality: Quality | None = None,
    damaged: Damaged = "absent",
    out: str | Path | None = "auto",
    seed: int = 0,
    quiet: bool = False,
) -> Run:
    """Learn from a table: kinds inferred, parts chosen, trained, judged, saved.

    Args:
        source: a file (CSV, TSV, JSON lines, Parquet, Arrow), a folder of class folders, a
            pandas or polars frame, a Hugging Face dataset, a list of dicts, a ``Table``, or a
            ``TableFile``, whose encoding and the like hold for ``valid`` and ``test`` too.
        target: the column or columns to learn; left out when ``task`` names them. Columns that
            numbers name, as pandas does without a header, are named by their digits, too.
        task: what to learn; None chooses by the target's kind.
        inputs: the columns to learn from; None takes all that can be used.
        kinds: fields for columns whose inferred kind is wrong, by name.
        schema: inputs and targets in full, without ``inputs`` and ``kinds``; nothing is inferred.
        valid: a table of rows to choose by; None takes a tenth of the source, or no row where
            fewer than 1,500 rows in 20 groups or fewer (see ``group``) teach classes, without a
            task or plan of one's own; "" takes none.
        test: a table of rows to be judged on; None takes a tenth of the source.
        split: a column that names the parts (train, valid, test); "" ignores one that does.
        group: a column whose equal values stay in one part (a customer, a speaker).
        time: a column by which the latest rows are held out.
        minutes: the time budget of training.
        epochs: passes over the rows; None chooses by rows and minutes.
        encoders: your own, by column; the others are chosen.
        fusion: your own; None chooses.
        plan: how to train, in full; None chooses.
        quality: ``"fast"`` learns all from the rows, ``"good"`` stands on frozen pretrained
            encoders where they are installed, ``"best"`` trains their last blocks too; None is
            ``"good"`` for aligning, else ``"fast"``.
        damaged: what to do with damaged cells: ``"absent"`` goes on without them, ``"skip"``
            leaves their rows out, ``"error"`` stops and names them all.
        out: a folder for the run; ``"auto"`` is runs/TARGET-N; None writes nothing.
        seed: draws the split, the first weights and the order.
        quiet: show no progress.

    Returns:
        The run: ``run.model``, ``run.report``, ``run.folder``.

    Errors:
        TableError, SchemaError, PlanError, PartError, TrainingError: see each.
        ArtifactError: ``out`` holds a fit already, or cannot be made.
    """
    _check_given(schema, _names(inputs), kinds, parts=(task, encoders, fusion))
    targets, seed = _targets(target, task, schema), plain(seed)
    aligned = task.columns if task else ()
    folder = _folder(out, targets or aligned)
    pairs = paired(read(source), aligned, group or (schema.group if schema else None))
    given = kinds if schema is None else schema.fields
    if schema is None:
        schema = infer(
            pairs.table, targets=targets, inputs=_names(inputs) or aligned or None,
            kinds=kinds_for(task, kinds), group=pairs.group,
        ).schema  # fmt: skip
        if time and time not in (kinds or {}):
            schema = _without_trend(schema, time)
    words = worded(schema, task, pairs.table, given)
    schema, task = words.schema, words.task
    ways = Ways(split, pairs.group or words.group, time, seed)
    rows = pairs.table.with_schema(schema)
    valid = NONE if _is_open(valid, task, plan) and has_few_groups(rows, schema, ways) else valid
    reading = source.reading if isinstance(source, TableFile) else {}
    others = _beside({"valid": valid, "test": test}, reading, pairs.lists, schema)
    parts = split_parts(rows, schema, ways, *others, spare=not _is_none(valid))
    whole, (schema, unseen) = schema, _seen(schema, parts.train)
    gone = whole.inputs.keys() - schema.inputs.keys()
    encoders = {name: part for name, part in (encoders or {}).items() if name not in gone}
    found, told = starters(schema, quality, width_of(task, encoders, fusion), task, encoders)
    choice = choose(
        schema, len(parts.train), minutes=minutes, task=task, encoders={**found, **encoders},
        fusion=fusion, plan=plan, seed=seed,
    )  # fmt: skip
    choice, parts = _with_epochs(choice, epochs), parts.with_schema(choice.schema)
    reasons = (*pairs.reasons, *words.reasons, *unseen, *told, *choice.reasons)
    record = Record(
        tuple(map(_path, (source, valid, test))), parts.fingerprints, choice.plan, reasons,
        command_line(), parts.how, ways, pairs.lists, reading,
    )  # fmt: skip
    return _run(choice, parts, record, folder, damaged, quiet=quiet)


def _with_epochs(choice: Choice, epochs: int | None) -> Choice:
    if epochs is None:
        return choice
    plan = dataclasses.replace(choice.plan, epochs=plain(epochs))
    return dataclasses.replace(choice, plan=plan)


def _beside(
    sources: Mapping[str, Any], reading: Mapping[str, Any], lists: Sequence[str], schema: Schema
) -> list[Table | None]:
    """Read the tables of rows to choose by, and to be judged on; None where there is none."""
    found: list[Table | None] = []
    for name, source in sources.items():
        try:
            none = source is None or _is_none(source)
            table = None if none else exploded(read(source, **reading), lists).with_schema(schema)
        except SchemaError as error:
            msg = f"{name}= is not like the rows to learn from: {error}"
            raise SchemaError(msg) from error
        found.append(table)
    return found


def _is_none(source: Any) -> bool:
    """Tell whether no row is wanted, as a plan says it; what is None is left to us."""
    return isinstance(source, str) and source == NONE


def _is_open(*given: Any) -> bool:
    """Tell whether all of these are left to be chosen."""
    return all(one is None for one in given)


def _path(source: Any) -> str | None:
    """Give where a table can be read again; None for one in memory, "" for no rows."""
    if _is_none(source):
        return NONE
    source = source.path if isinstance(source, TableFile) else source
    return str(Path(source).absolute()) if isinstance(source, str | Path) else None


def _run(
    choice: Choice,
    parts: Parts,
    record: Record,
    folder: Path | None,
    damaged: Damaged,
    *,
    quiet: bool,
) -> Run:
    _check_targets(parts)
    _check_pairs(parts.train, choice.task)
    ledger = Ledger()
    prep = Preprocess.fit(parts.train, choice.schema, damaged=damaged, ledger=ledger)
    model = Model(
        prep,
        encoders=choice.encoders,
        fusion=choice.fusion,
        task=choice.task,
        seed=record.ways.seed,
    )
    if folder:
        _make(folder)
        model.save(folder / START)
        record.write(folder, parts)
    return finish(model, parts, record, folder, resume=False, quiet=quiet)


def _without_trend(schema: Schema, time: str) -> Schema:
    """Hide how late a row is: rows held out by time lie beyond all that were learned from."""
    field = schema.inputs.get(time)
    if not isinstance(field, Date):
        return schema
    inputs = {**schema.inputs, time: dataclasses.replace(field, trend=False)}
    return dataclasses.replace(schema, inputs=inputs)


def _seen(schema: Schema, train: Table) -> tuple[Schema, tuple[str, ...]]:
    """Leave out inputs that no training row has: nothing can be learned of them."""
    bare = train.with_schema(None)
    gone = [n for n in schema.inputs if n in bare and all(map(is_missing, bare.cells(n)))]
    if len(gone) == len(schema.inputs):
        msg = f"no training row has any of the inputs {', '.join(map(repr, gone))}"
        raise TableError(f"{msg}; check the columns, the paths or the split")
    inputs = {name: field for name, field in schema.inputs.items() if name not in gone}
    reasons = tuple(f"{name}: left out, for no training row has it" for name in gone)
    return dataclasses.replace(schema, inputs=inputs), reasons


def _targets(
    target: str | int | Iterable[str | int] | None, task: Task | None, schema: Schema | None
) -> tuple[str, ...]:
    if target is not None:
        named = _names(target)
        if schema is not None and set(named) != set(schema.targets):
            msg = f"target= names {list(named)}, but the schema's targets are "
            msg += f"{list(schema.targets)}; leave out target=, or change the schema"
            raise PlanError(msg)
        return named
    if task is not None and (task.targets or task.columns):
        return tuple(task.targets)
    if schema is not None and schema.targets:
        return tuple(schema.targets)
    msg = "name the column to learn: target='...' (--target NAME), or give a task or a schema"
    raise PlanError(msg)


def _check_given(
    schema: Schema | None, inputs: Sequence[str], kinds: Mapping[str, Field] | None, parts: Any
) -> None:
    """Refuse parts that are no objects, and what a schema says already, perhaps otherwise."""
    check_objects(*parts)
    said = [name for name, there in (("inputs=", inputs), ("kinds=", kinds)) if there]
    if schema is not None and said:
        msg = f"a schema names inputs and kinds in full; leave {' and '.join(said)} out"
        raise PlanError(msg)


def _names(columns: Any) -> tuple[str, ...]:
    if columns is None:
        return ()
    one = isinstance(columns, str) or not isinstance(columns, Iterable)  # numpy's numbers, too
    return tuple(map(str, [columns] if one else columns))


def _check_targets(parts: Parts) -> None:
    schema = parts.train.schema
    faults = []
    for name, field in (schema.targets if schema else {}).items():
        seen = {str(cell) for cell in parts.train.cells(name) if cell not in (None, "")}
        seen -= {"nan", "None"}
        if not seen:
            faults.append(f"target {name!r} has no value in any training row")
        elif len(seen) == 1 and field.kind in {"category", "flag", "number"}:
            what = "one value only" if field.kind == "number" else "one class only"
            faults.append(f"target {name!r} is {seen.pop()!r} in every training row: {what}")
    if faults:
        msg = f"there is nothing to learn: {'; '.join(faults)}; check the column or the split"
        raise TableError(msg)


def _check_pairs(train: Table, task: Task) -> None:
    if not task.columns:
        return
    cells = train.with_schema(None)
    known = [[not is_missing(cell) for cell in cells.cells(name)] for name in task.columns]
    if not any(sum(row) > 1 for row in zip(*known, strict=True)):
        names = ", ".join(map(repr, task.columns))
        msg = f"there is nothing to learn: no training row has two of {names}; check the columns"
        raise TableError(f"{msg} or the split")


def _folder(out: str | Path | None, targets: Sequence[str]) -> Path | None:
    if out is None:
        return None
    if out != "auto":
        return _vacant(Path(out))
    stem = re.sub(r"[^\w-]+", "-", "-".join(targets)).strip("-") or "run"
    number = 1
    while Path("runs", f"{stem}-{number}").exists():
        number += 1
    return Path("runs", f"{stem}-{number}")


def _vacant(folder: Path) -> Path:
    """Refuse a folder in which a fit lies, before any work is done for it."""
    if folder.exists() and not folder.is_dir():
        msg = f"the run cannot be written to {folder}: that is a file; name a folder"
        raise ArtifactError(msg)
    if (folder / START).exists():
        msg = (
            f"{folder} holds a fit already, which is not written over; name another folder, or go "
            f"on with that one: sensorium resume {folder}"
        )
        raise ArtifactError(msg)
    return folder


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"the folder {folder} cannot be made: {error.strerror}; name another (--out FOLDER)"
        raise ArtifactError(msg) from error
