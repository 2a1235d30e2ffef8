"""Which rows to learn from, to choose by, and to be judged on."""

from dataclasses import dataclass

from sensorium.auto.rules import FEW
from sensorium.core.errors import TableError
from sensorium.core.schema import Category, Field, Flag, Schema
from sensorium.data import Table
from sensorium.data.sample import is_missing
from sensorium.data.split import COLUMNS

TRAIN_WORDS = {"train", "training"}
FEW_GROUPS = 20
"""Of so few people, homes or machines none is spared to choose by."""
ROWS_PER_CLASS = 5
"""With fewer rows a class the classes are not kept in proportion: each has one row to learn from,
and too few would be left for the other parts to be like the table."""


@dataclass(frozen=True)
class Parts:
    """The rows' three parts, and how they were made, in words."""

    train: Table
    valid: Table
    test: Table
    how: str

    def with_schema(self, schema: Schema) -> "Parts":
        """Show the same rows under another schema."""
        train, valid, test = (t.with_schema(schema) for t in (self.train, self.valid, self.test))
        return Parts(train, valid, test, self.how)

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The sha256 of each part's cells."""
        return tuple(table.fingerprint for table in (self.train, self.valid, self.test))


@dataclass(frozen=True)
class Ways:
    """How the user wants the rows split; what is left open is chosen.

    Attributes:
        by: a column that names the parts, or "" for none even if there is one.
        group: a column whose rows stay together.
        time: a column whose latest rows are for testing.
        seed: which random split.
    """

    by: str | None = None
    group: str | None = None
    time: str | None = None
    seed: int = 0


def find_split_column(table: Table, schema: Schema) -> str | None:
    """Find a column, none of the targets, that says train and test (or valid) itself."""
    for name in table.columns:
        if name.lower() in COLUMNS and name not in schema.targets:
            words = {str(cell).strip().lower() for cell in table.cells(name)}
            if words & TRAIN_WORDS and 2 <= len(words) <= 4:
                return name
    return None


def has_few_groups(table: Table, schema: Schema, ways: Ways) -> bool:
    """Tell whether few rows teach classes, in so few groups that each of them is needed.

    A tenth of the rows would be one group or two: their score would tell of these alone, and the
    model would know as many less. (Numbers and many classes a row are left as they are: what is
    chosen for them, such as thresholds, is more than the epoch.)
    """
    group = ways.group or schema.group
    if not group or ways.time or len(table) >= FEW:
        return False
    if not all(map(_is_one_class, schema.targets.values())):
        return False
    return len(set(map(str, table.cells(group)))) <= FEW_GROUPS


def split_parts(
    table: Table,
    schema: Schema,
    ways: Ways,
    valid: Table | None = None,
    test: Table | None = None,
    *,
    spare: bool = True,
) -> Parts:
    """Split a table by what was asked, what it says itself, or at random.

    Args:
        table: the rows; all of them train when ``valid`` and ``test`` are given.
        schema: tells the target to keep in proportion.
        ways: how to split.
        valid: rows to choose by, if they lie in a table of their own.
        test: rows to be judged on, likewise.
        spare: keep some rows to choose by where none are named; else that part is empty.
    """
    by = find_split_column(table, schema) if ways.by is None else ways.by
    if valid is None and test is None and by:
        return _named(table, schema, ways, by, spare=spare)
    if valid is not None and test is not None:
        return Parts(table, valid, test, "validation and test tables were given")
    if valid is not None:
        train, tested = _shared(table, schema, ways, 0.9, 0.1)
        return Parts(train, valid, tested, f"a tenth of the rows tests, {_how(ways)}")
    if test is not None:
        train, chosen = _spared(table, schema, ways, spare=spare)
        how = (
            f"a tenth of the rows validates, {_how(ways)}" if spare else _whole(table, schema, ways)
        )
        return Parts(train, chosen, test, how)
    if not spare:
        train, tested = _shared(table, schema, ways, 0.9, 0.1)
        how = f"a tenth tests, {_how(ways)}; {_whole(table, schema, ways)}"
        return Parts(train, table.take([]), tested, how)
    train, chosen, tested = _shared(table, schema, ways, 0.8, 0.1, 0.1)
    return Parts(train, chosen, tested, f"80 / 10 / 10 % of the rows, {_how(ways)}")


def _spared(table: Table, schema: Schema, ways: Ways, *, spare: bool) -> tuple[Table, ...]:
    """Take a tenth of the rows to choose by, or none."""
    return _shared(table, schema, ways, 0.9, 0.1) if spare else (table, table.take([]))


def _named(table: Table, schema: Schema, ways: Ways, by: str, *, spare: bool) -> Parts:
    train, *others = table.split(by=by)
    how = f"by the column {by!r}"
    if len(others) == 2:
        return Parts(train, others[0], others[1], how)
    if len(others) != 1:
        msg = f"the column {by!r} names {1 + len(others)} part(s); it must tell train from test"
        raise TableError(msg)
    if any(str(word).lower().startswith("te") for word in others[0].cells(by)):
        kept, taken = _spared(train, schema, ways, spare=spare)
        rest = "a tenth of train validates" if spare else _whole(table, schema, ways)
        return Parts(kept, taken, others[0], f"{how}; {rest}")
    kept, taken = _shared(train, schema, ways, 0.9, 0.1)
    return Parts(kept, others[0], taken, f"{how}; a tenth of train tests")


def _shared(table: Table, schema: Schema, ways: Ways, *shares: float) -> tuple[Table, ...]:
    group = ways.group or schema.group
    if ways.time:
        return table.split(*shares, time=ways.time, seed=ways.seed)
    stratify = _stratum(table, schema)
    if group:
        return table.split(*shares, group=group, stratify=stratify, seed=ways.seed)
    return table.split(*shares, stratify=stratify, seed=ways.seed)


def _stratum(table: Table, schema: Schema) -> str | None:
    """Name the target whose classes keep their proportions; rows without it are no class."""
    for name, field in schema.targets.items():
        single = isinstance(field, Flag) or (isinstance(field, Category) and not field.many)
        if single:
            known = [str(cell) for cell in table.cells(name) if not is_missing(cell)]
            if len(known) >= ROWS_PER_CLASS * len(set(known)) > 0:
                return name
    return None


def _is_one_class(field: Field) -> bool:
    return isinstance(field, Flag) or (isinstance(field, Category) and not field.many)


def _whole(table: Table, schema: Schema, ways: Ways) -> str:
    few = "few groups: " if has_few_groups(table, schema, ways) else ""
    return f"{few}none is spared to choose by, and the last weights are kept"


def _how(ways: Ways) -> str:
    if ways.time:
        return f"the latest by {ways.time!r} held out"
    grouped = f"rows of one {ways.group!r} kept together, " if ways.group else ""
    return f"{grouped}at random with seed {ways.seed}"
