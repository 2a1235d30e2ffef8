"""Which rows to learn from, to choose by, and to be judged on."""

from collections import Counter
from dataclasses import dataclass

from sensorium.core.errors import TableError
from sensorium.core.schema import Category, Flag, Schema
from sensorium.data import Table
from sensorium.data.split import COLUMNS

TRAIN_WORDS = {"train", "training"}


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


def split_parts(
    table: Table, schema: Schema, ways: Ways, valid: Table | None = None, test: Table | None = None
) -> Parts:
    """Split a table by what was asked, what it says itself, or at random.

    Args:
        table: the rows; all of them train when ``valid`` and ``test`` are given.
        schema: tells the target to keep in proportion.
        ways: how to split.
        valid: rows to choose by, if they lie in a table of their own.
        test: rows to be judged on, likewise.
    """
    by = find_split_column(table, schema) if ways.by is None else ways.by
    if valid is None and test is None and by:
        return _named(table, schema, ways, by)
    if valid is not None and test is not None:
        return Parts(table, valid, test, "validation and test tables were given")
    if valid is not None:
        train, tested = _shared(table, schema, ways, 0.9, 0.1)
        return Parts(train, valid, tested, f"a tenth of the rows tests, {_how(ways)}")
    if test is not None:
        train, chosen = _shared(table, schema, ways, 0.9, 0.1)
        return Parts(train, chosen, test, f"a tenth of the rows validates, {_how(ways)}")
    train, chosen, tested = _shared(table, schema, ways, 0.8, 0.1, 0.1)
    return Parts(train, chosen, tested, f"80 / 10 / 10 % of the rows, {_how(ways)}")


def _named(table: Table, schema: Schema, ways: Ways, by: str) -> Parts:
    train, *others = table.split(by=by)
    how = f"by the column {by!r}"
    if len(others) == 2:
        return Parts(train, others[0], others[1], how)
    if len(others) != 1:
        msg = f"the column {by!r} names {1 + len(others)} part(s); it must tell train from test"
        raise TableError(msg)
    kept, taken = _shared(train, schema, ways, 0.9, 0.1)
    if any(str(word).lower().startswith("te") for word in others[0].cells(by)):
        return Parts(kept, taken, others[0], f"{how}; a tenth of train validates")
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
    for name, field in schema.targets.items():
        single = isinstance(field, Flag) or (isinstance(field, Category) and not field.many)
        if single and min(Counter(map(str, table.cells(name))).values(), default=0) >= 10:
            return name
    return None


def _how(ways: Ways) -> str:
    if ways.time:
        return f"the latest by {ways.time!r} held out"
    grouped = f"rows of one {ways.group!r} kept together, " if ways.group else ""
    return f"{grouped}at random with seed {ways.seed}"
