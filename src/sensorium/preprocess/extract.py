"""Features in place of cells: a frozen encoder works once on each distinct cell of a column.

Where cells are varied while training, a few varied views of each are made beforehand instead.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64

from sensorium.core.batch import Batch, Column
from sensorium.core.seed import generator
from sensorium.preprocess.augment import AUGMENTATIONS, augmented
from sensorium.preprocess.step import Clean, Step
from sensorium.store import Book, Pile, digest

Features = Float32[np.ndarray, " _time _features"]
Rows = Int64[np.ndarray, " rows"]
STEP = 32
"""Cells that go through the encoder at once."""


@dataclass(frozen=True)
class Extractor:
    """What turns the cells of one column into features.

    Attributes:
        name: names encoder, weights and preprocessing; equal names give equal features.
        run: turns a column whose rows are all present into features.
        augment: names of the augmentations by which views differ.
        views: views of each cell; the first is the cell itself.
        book: where features are kept.
    """

    name: str
    run: Callable[[Column], Column]
    augment: tuple[str, ...] = ()
    views: int = 1

    @property
    def book(self) -> Book:
        """Where features are kept."""
        return Book(self.name)

    def varying(self, kind: str, names: Sequence[str], views: int) -> "Extractor":
        """Make views by those of the augmentations that are for this kind of column."""
        own = tuple(name for name in names if AUGMENTATIONS.get(name, ("",))[0] == kind)
        return Extractor(self.name, self.run, own, views if own else 1)


class Extracted:
    """Keeps the features of one column, and all that is needed to make more."""

    def __init__(self, step: Step, extractor: Extractor, pile: Pile) -> None:
        self.step = step
        self.extractor = extractor
        self.pile = pile
        self._places: dict[bytes, int] = {}

    def add(self, cells: Sequence[Clean | None]) -> None:
        """Add the features of a block of rows: of each distinct cell, each view."""
        views = self.extractor.views
        keys = [None if cell is None else self._keys(cell) for cell in cells]
        distinct = {
            key: (cell, view)
            for cell, its in zip(cells, keys, strict=True)
            for view, key in enumerate(its or ())
        }
        kept = {key: self.pile[self._places[key]] for key in distinct if key in self._places}
        new = {key: cell for key, cell in distinct.items() if key not in kept}
        known = kept | self._features(new)
        rows = [None if its is None else its[view] for its in keys for view in range(views)]
        self._places |= {key: len(self.pile) + n for n, key in enumerate(rows) if key in new}
        self.pile.add([None if key is None else known[key] for key in rows])

    def _keys(self, cell: Clean) -> list[bytes]:
        own = digest(cell)
        named = "+".join(self.extractor.augment)
        views = range(1, self.extractor.views)
        return [own, *(digest(own, named, str(view)) for view in views)]

    def _features(self, distinct: Mapping[bytes, tuple[Clean, int]]) -> dict[bytes, Features]:
        book = self.extractor.book
        known = dict(book.find(list(distinct)))
        fresh: dict[bytes, Features] = {}
        lost = sorted((k for k in distinct if k not in known), key=lambda k: _size(distinct[k][0]))
        for start in range(0, len(lost), STEP):
            some = lost[start : start + STEP]
            fresh |= zip(some, self._run([distinct[key] for key in some], some), strict=True)
        book.keep(fresh)
        return known | fresh

    def _run(self, cells: Sequence[tuple[Clean, int]], keys: Sequence[bytes]) -> list[Features]:
        column = self.step([cell for cell, _ in cells])
        if any(view for _, view in cells):
            column = self._varied(column, cells, keys)
        with torch.inference_mode():
            found = self.extractor.run(column)
        values = found.values.float().cpu().numpy()
        mask = found.mask.cpu().numpy()
        return [row[its] for row, its in zip(values, mask, strict=True)]

    def _varied(
        self, column: Column, cells: Sequence[tuple[Clean, int]], keys: Sequence[bytes]
    ) -> Column:
        """Vary each cell by itself, by draws of its own, so that its neighbours do not matter."""
        values, mask = column.values.clone(), column.mask.clone()
        names, kinds = self.extractor.augment, {"": self.step.kind}
        for number, ((_, view), key) in enumerate(zip(cells, keys, strict=True)):
            if view:
                length = int(column.mask[number].sum()) if self.step.ragged else None
                one = column.rows(torch.tensor([number]))
                one = replace(one, values=one.values[:, :length], mask=one.mask[:, :length])
                draws = generator(view, "view", key.hex())
                found = augmented(Batch({"": one}, (0,)), kinds, names, draws).columns[""]
                values[number][:length], mask[number][:length] = found.values[0], found.mask[0]
        return Column(values, mask, column.present)

    def column(self, rows: Rows, turn: int = 0) -> Column:
        """Take some rows; which view of each depends on the turn."""
        views = self.extractor.views
        found = [self.pile[int(row) * views + (int(row) + turn) % views] for row in rows]
        some = next((values for values in found if values is not None), None)
        steps = max((len(values) for values in found if values is not None), default=1)
        width = 1 if some is None else some.shape[1]
        values = np.zeros((len(found), steps, width), np.float32)
        mask = np.zeros((len(found), steps), np.bool_)
        for place, own in enumerate(found):
            if own is not None:
                values[place, : len(own)] = own
                mask[place, : len(own)] = True
        present = torch.tensor([own is not None for own in found], dtype=torch.bool)
        return Column(torch.from_numpy(values), torch.from_numpy(mask), present, extracted=True)

    def lengths(self) -> Rows:
        """Give how many steps each row has; 0 where all cells have as many, so none is padded."""
        steps = self.pile.lengths[:: self.extractor.views].clip(min=0)
        return steps if len(set(steps[steps > 0].tolist())) > 1 else np.zeros_like(steps)


def _size(cell: Clean) -> int:
    """Tell how long a cell is: cells of like length waste little padding."""
    return int(cell.size) if isinstance(cell, np.ndarray) else len(cell)
