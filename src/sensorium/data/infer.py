"""``infer``: a schema from a table, with the reason for every choice and the way to override it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sensorium.core.errors import SchemaError, all_at_once, nearest
from sensorium.core.schema import FIELDS, Category, Field, Schema
from sensorium.data import split as splits
from sensorium.data.kinds import Told, tell
from sensorium.data.read import read
from sensorium.data.restated import restates
from sensorium.data.sample import Sample, is_missing
from sensorium.data.table import Table

Role = Literal["input", "target", "group", "split", "left out"]

KINDS: dict[str, type[Field]] = {field.kind: field for field in FIELDS.values()}
"""Field classes by kind, as ``--kind NAME=KIND`` names them."""

_FOLD_NAMES = ("fold", "folds", "cv_fold", "kfold")


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found about one column.

    Attributes:
        kind: its kind; "" if it has none.
        field: its field; None if it has none.
        role: what it is used for.
        reason: why this kind, and why it is left out if it is.
        override: how to say otherwise.
    """

    kind: str
    field: Field | None
    role: Role
    reason: str
    override: str


@dataclass(frozen=True, slots=True)
class Inference:
    """A schema and how it came about.

    Attributes:
        schema: the schema.
        findings: one for each column, in the table's order.
        split: the column that names the rows to train and to test on, if there is one.
    """

    schema: Schema
    findings: Mapping[str, Finding]
    split: str | None = None


def infer(
    table: Any,
    targets: Sequence[str] = (),
    inputs: Sequence[str] | None = None,
    kinds: Mapping[str, str | Field] | None = None,
    group: str | None = None,
) -> Inference:
    """Infer the schema of a table from a sample of its cells.

    Args:
        table: the table, or whatever ``read`` takes.
        targets: the columns to learn.
        inputs: the columns to learn from; None takes all that are of use.
        kinds: kinds that are known, by column: ``"text"`` or a field such as ``Text()``.
        group: the column whose equal values belong together.

    Errors:
        SchemaError: unknown columns or kinds, nothing to learn from; all at once.
    """
    table = read(table)
    targets = [targets] if isinstance(targets, str) else list(targets)
    known = {} if kinds is None else dict(kinds)
    _check(table, [*targets, *(inputs or ()), *known, *filter(None, [group])], known)
    wanted = _Wanted(targets, inputs, group)
    found: dict[str, Finding] = {}
    for name in table.columns:
        sample = Sample.of(table, name, target=name in targets)
        told = _told(table, sample, known.get(name))
        role, reason = wanted.role(sample, told)
        if role == "input" and inputs is None and (again := _said_again(table, name, targets)):
            role, reason = "left out", again
        found[name] = _finding(name, told.field, role, reason)
    schema = Schema(
        inputs=_fields(found, "input", [n for n in table.columns if found[n].role == "input"]),
        targets=_fields(found, "target", targets),
        group=group,
    )
    named = [name for name, finding in found.items() if finding.role == "split"]
    split = next((name for name in named if _names_parts(table, name)), None)
    return Inference(schema, found, split)


def _check(table: Table, names: Sequence[str], kinds: Mapping[str, str | Field]) -> None:
    faults = [
        f"no column {name!r}{nearest(name, table.columns)}"
        for name in dict.fromkeys(names)
        if name not in table
    ]
    faults += [
        f"column {name!r}: no kind {kind!r}{nearest(kind, KINDS)}"
        for name, kind in kinds.items()
        if isinstance(kind, str) and kind.lower() not in KINDS
    ]
    faults += [
        f"column {name!r}: {kind!r} is no kind; give a name ('image') or a field (Image(size=32))"
        for name, kind in kinds.items()
        if not isinstance(kind, str | Field)
    ]
    if faults:
        raise SchemaError(all_at_once("The schema cannot be inferred:", faults))


def _told(table: Table, sample: Sample, asked: str | Field | None) -> Told:
    if asked is not None:
        field = _asked(asked, tell(sample))
        if isinstance(field, Category) and sample.target and sample.all(int):
            field = replace(field, whole=True)
        return Told(field, "as you said")
    told = tell(sample)
    if not sample.whole and len(sample.distinct) <= 1 and told.useful:
        cells = table.with_schema(None).cells(sample.name)
        whole = [cell for cell in cells if not is_missing(cell)]
        sample = replace(sample, cells=whole, missing=len(cells) - len(whole))
        told = tell(sample)
    if told.field and not told.field.media and len(sample.distinct) == 1 and not sample.missing:
        return replace(told, reason="all its cells are the same", useful=False)
    return told


def _asked(asked: str | Field, told: Told) -> Field:
    """Make the field that was asked for; keeps the options that were found for the same kind."""
    if isinstance(asked, Field):
        return asked
    if told.field is not None and told.field.kind == asked.lower():
        return told.field
    return KINDS[asked.lower()]()


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the user said about columns."""

    targets: Sequence[str]
    inputs: Sequence[str] | None
    group: str | None

    def role(self, sample: Sample, told: Told) -> tuple[Role, str]:
        """Tell a column's role, and why."""
        name = sample.name
        if name in self.targets or name in (self.inputs or ()):
            return ("target" if name in self.targets else "input"), told.reason
        if name == self.group:
            return "group", "its rows belong together"
        if _is_split(sample):
            return "split", "it names the parts to train and test on"
        if name.lower() in _FOLD_NAMES:
            return "left out", "by its name it numbers folds for testing"
        if self.inputs is not None:
            return "left out", f"{told.reason}; not asked for"
        return ("input" if told.useful else "left out"), told.reason


def _said_again(table: Table, name: str, targets: Sequence[str]) -> str:
    """Tell how a column says a target again; "" if it does not."""
    for target in targets:
        if name == f"{target}_type" and f"{target}s" in table:  # as VQA's annotations name them
            return f"by its name it tells of the target {target!r}"
        if restates(table, name, target):
            return f"it says the target {target!r} again, row by row"
    return ""


def _names_parts(table: Table, name: str) -> bool:
    """Tell whether every cell names a part, and train is among them."""
    found = {str(cell).strip().lower() for cell in table.with_schema(None).cells(name)}
    return found <= splits.KNOWN.keys() and "train" in map(splits.KNOWN.get, found)


def _is_split(sample: Sample) -> bool:
    return (
        sample.name.lower() in splits.COLUMNS
        and len(sample.distinct) > 1
        and all(str(cell).strip().lower() in splits.KNOWN for cell in sample.distinct)
    )


def _finding(name: str, field: Field | None, role: Role, reason: str) -> Finding:
    kind = "" if field is None else field.kind
    other = "text" if kind == "category" else "category"
    override = f"--kind {name}={other}, or kinds={{{name!r}: {other!r}}}"
    if role == "left out":
        override = f"--inputs ...,{name}, or inputs=[..., {name!r}]"
    return Finding(kind, field, role, reason, override)


def _fields(found: Mapping[str, Finding], role: str, names: Sequence[str]) -> dict[str, Field]:
    fields = {name: found[name].field for name in names}
    lines = [f"{role} {name!r}: {found[name].reason}" for name in names if fields[name] is None]
    if not names and role == "input":
        lines = [
            f"column {name!r}: {'the target' if of.role == 'target' else of.reason}"
            for name, of in found.items()
        ]
        raise SchemaError(all_at_once("There is no column to learn from:", lines))
    if lines:
        raise SchemaError(all_at_once("These columns have no kind; give one with kinds=:", lines))
    return {name: field for name, field in fields.items() if field is not None}
