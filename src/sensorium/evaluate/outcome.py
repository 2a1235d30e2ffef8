"""What a model said of every row of a table, beside what was true: arrays, one target a piece.

All the questions of a report are answered from here, so the model runs once a question and not
once a number. Knows no scores.

Legend: rows = rows whose truth is known, all = all rows that the model saw.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int

from sensorium.core.batch import Batch
from sensorium.core.errors import PartError, nearest
from sensorium.core.faults import RowId
from sensorium.model import Model
from sensorium.preprocess import Shelf
from sensorium.tasks.head import Array, Head


@dataclass(frozen=True, eq=False)
class Judged:
    """One target's answers, on the rows whose truth is known.

    Attributes:
        head: says what the numbers mean and scores them.
        index: the places of these rows among all that the model saw, counted from 0.
        truth: what was true, as ``head.truth`` gives it.
        decided: what the model said, as ``head.decide`` gives it.
        alone: what each input column said alone, by column; {} where the task has no such heads.
    """

    head: Head
    index: Int[np.ndarray, " rows"]
    truth: Array
    decided: Array
    alone: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What a model said of a table.

    Attributes:
        heads: the heads by target; they say what the numbers mean.
        truth: what was true, Array[all ...] by target.
        decided: what the model said, Array[all ...] by target.
        alone: what each input column said alone, Array[all ...] by column, then by target.
        present: which rows have which input column, Bool[all] by column.
        rows: the ids of all rows that the model saw.
    """

    heads: Mapping[str, Head]
    truth: Mapping[str, Array]
    decided: Mapping[str, Array]
    alone: Mapping[str, Mapping[str, Array]]
    present: Mapping[str, Bool[np.ndarray, " all"]]
    rows: tuple[RowId, ...]

    def judged(self, target: str) -> Judged:
        """Take the rows whose truth is known."""
        index = np.flatnonzero(self.heads[target].known(self.truth[target]))
        return Judged(
            head=self.heads[target],
            index=index,
            truth=self.truth[target][index],
            decided=self.decided[target][index],
            alone={
                name: answers[target][index]
                for name, answers in self.alone.items()
                if target in answers
            },
        )


def collect(
    model: Model, shelf: Shelf, *, rows_per_step: int = 256, without: Sequence[str] = ()
) -> Outcome:
    """Run the model over a whole shelf once, without gradients.

    Args:
        model: a model whose task ends in heads.
        shelf: the clean cells of a table.
        rows_per_step: rows that go through the model at once.
        without: input columns to take away.

    Errors:
        PartError: the task has no heads, or a column of ``without`` is not an input.
    """
    check_names(model, without)
    batches = steps(shelf, range(len(shelf)), rows_per_step)
    return judge(model, (batch.without(*without) for batch in batches))


def steps(shelf: Shelf, places: Sequence[int], rows_per_step: int) -> Iterator[Batch]:
    """Take rows off a shelf, some at a time, in the order given."""
    for start in range(0, len(places), rows_per_step):
        yield shelf.batch(places[start : start + rows_per_step])


def judge(model: Model, batches: Iterable[Batch]) -> Outcome:
    """Run the model over batches and lay the answers end to end."""
    return joined([see(model, batch) for batch in batches])


def check_names(model: Model, names: Iterable[str]) -> None:
    """Refuse names that are not inputs of the model."""
    for name in names:
        if name not in model.names:
            msg = f"the model has no input {name!r}{nearest(name, model.names)}"
            raise PartError(msg)


def see(model: Model, batch: Batch) -> Outcome:
    """Run the model over one batch.

    Errors:
        PartError: the task has no heads.
    """
    heads = getattr(model.task, "heads", None)
    if not heads:
        msg = f"{type(model.task).__name__} has no heads; nothing of it can be scored"
        raise PartError(msg)
    features = model.features(batch)
    return Outcome(
        heads=heads,
        truth={target: head.truth(batch.columns[target]) for target, head in heads.items()},
        decided=model.task.decided(features),
        alone={
            name: {target: heads[target].decide(raw) for target, raw in outputs.items()}
            for name, outputs in features.alone.items()
        },
        present={name: batch.columns[name].present.cpu().numpy() for name in model.names},
        rows=batch.rows,
    )


def joined(seen: Sequence[Outcome]) -> Outcome:
    """Lay outcomes of one model end to end.

    Errors:
        PartError: there is none, because there were no rows.
    """
    if not seen:
        msg = "there are no rows to judge; give a table with at least one row"
        raise PartError(msg)
    first = seen[0]
    return Outcome(
        heads=first.heads,
        truth={t: np.concatenate([s.truth[t] for s in seen]) for t in first.heads},
        decided={t: np.concatenate([s.decided[t] for s in seen]) for t in first.heads},
        alone={
            name: {t: np.concatenate([s.alone[name][t] for s in seen]) for t in outputs}
            for name, outputs in first.alone.items()
        },
        present={n: np.concatenate([s.present[n] for s in seen]) for n in first.present},
        rows=tuple(row for s in seen for row in s.rows),
    )
