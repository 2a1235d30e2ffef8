"""The least that is a table, for the tests of preprocessing."""

from collections.abc import Mapping, Sequence
from typing import Any

from sensorium.core.schema import Schema


class SimpleTable:
    """Rows in a list."""

    def __init__(
        self,
        rows: Sequence[Mapping[str, Any]],
        schema: Schema | None = None,
        row_ids: Sequence[int] | None = None,
    ) -> None:
        self.rows = list(rows)
        self.schema = schema
        self.row_ids = tuple(range(len(rows)) if row_ids is None else row_ids)

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for row in self.rows for name in row))

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self, name: str) -> list[Any]:
        return [row.get(name) for row in self.rows]

    def slice(self, start: int, stop: int) -> "SimpleTable":
        return self.take(range(len(self))[start:stop])

    def take(self, indices: Sequence[int]) -> "SimpleTable":
        ids = [self.row_ids[place] for place in indices]
        return SimpleTable([self.rows[place] for place in indices], self.schema, ids)
