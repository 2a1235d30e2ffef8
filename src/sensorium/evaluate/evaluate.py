"""``evaluate``: run a trained model over held-out rows and find out what it is worth."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensorium.core.counted import counted
from sensorium.core.errors import PartError, TableError
from sensorium.core.faults import Ledger
from sensorium.data.lists import exploded
from sensorium.data.read import read
from sensorium.data.table import Table
from sensorium.evaluate.baseline import Baseline, baseline, targets_of
from sensorium.evaluate.bench import FEWEST, count_groups, referee_for
from sensorium.evaluate.examples import examples
from sensorium.evaluate.findings import Findings, find
from sensorium.evaluate.outcome import Outcome, collect
from sensorium.evaluate.provenance import cost_of, provenance_of
from sensorium.evaluate.report import Report
from sensorium.evaluate.retrieval import Retrieval, retrieval
from sensorium.evaluate.runs import Runs, run_altered
from sensorium.evaluate.space import Space
from sensorium.model import Model
from sensorium.preprocess import Shelf
from sensorium.tasks.head import Array


def evaluate(
    model: Model,
    table: Any,
    *,
    without: Sequence[str] = (),
    train: Any = None,
    history: Sequence[Mapping[str, Any]] = (),
    choices: Sequence[str] = (),
    ledger: Ledger | None = None,
    seed: int = 0,
) -> Report:
    """Judge a model on rows that it did not learn from.

    Args:
        model: a trained model whose task ends in labels, tags or numbers, or aligns columns.
        table: rows whose targets are known, or whose cells belong together (of lists of cells,
            each item makes a row): a ``Table``, or whatever ``read`` takes. Rows of one group (the
            schema's) are drawn together for the intervals.
        without: input columns to take away, as if no row had them.
        train: the training rows, from which the baseline is learned; None takes the majority of
            the rows judged, which favours the baseline.
        history: one record an epoch of the training, for the curves and the cost.
        choices: what was chosen for the model and why, a line each.
        ledger: damaged cells met before; those of ``table`` are added.
        seed: draws rows for intervals, shuffles columns.

    Errors:
        TableError: no row has a target, or damaged cells under the policy ``"error"``.
        PartError: a task without such answers, or an unknown column in ``without``.
    """
    without = [without] if isinstance(without, str) else without
    ledger = Ledger() if ledger is None else ledger
    own = Ledger()
    before = tuple(ledger)
    met = [note for record in history for note in record.get("notes", ())]
    table = exploded(read(table), model.task.columns)
    train = None if train is None else read(train)
    rows = table.with_schema(model.schema, partial=True)
    shelf = model.shelf(rows, own)
    if model.task.columns:
        judged = _judge_searches(model, rows, shelf, without, seed)
    else:
        judged = _judge_targets(model, rows, shelf, without, train, seed)
    for fault in own:
        ledger.add(fault)
    return Report(
        targets=judged.targets,
        rows=len(shelf),
        without=tuple(without),
        history=tuple(history),
        choices=tuple(choices),
        faults=tuple(dict.fromkeys((*before, *own))),
        notes=(*met, *judged.notes, *_notes(table, train, shelf, model.schema.group)),
        cost=cost_of(model, history, judged.answers_per_second),
        provenance=provenance_of(table, train, seed),
        searches=judged.searches,
    )


@dataclass(frozen=True, eq=False)
class _Findings:
    """What was found out, by target or by direction of search."""

    answers_per_second: float
    targets: Mapping[str, Findings] = field(default_factory=dict)
    searches: Mapping[str, Retrieval] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _judge_searches(
    model: Model, rows: Table, shelf: Shelf, without: Sequence[str], seed: int
) -> _Findings:
    if without:
        msg = f"an aligned model is judged by its pairs; it cannot do without {list(without)}"
        raise PartError(msg)
    start = time.perf_counter()
    space = Space.of(model, shelf)
    speed = len(shelf) / max(time.perf_counter() - start, 1e-9)
    return _Findings(speed, searches=retrieval(model, rows.take(shelf.kept), space, seed))


def _judge_targets(
    model: Model,
    rows: Table,
    shelf: Shelf,
    without: Sequence[str],
    train: Table | None,
    seed: int,
) -> _Findings:
    start = time.perf_counter()
    outcome = collect(model, shelf, without=without)
    speed = len(outcome.rows) / max(time.perf_counter() - start, 1e-9)
    runs = run_altered(model, shelf, without=without, seed=seed)
    known = [target for target in outcome.heads if len(outcome.judged(target))]
    if not known:
        msg = f"no row has a known value of {', '.join(map(repr, outcome.heads))}"
        raise TableError(f"{msg}; give rows whose targets are known")
    notes = []
    if train is None:
        notes.append("The baseline was taken from the rows judged, which favours it.")
    notes += [note for target in outcome.heads for note in _unjudged(outcome, target)]
    bench = _Bench(model, rows, outcome, runs, _answers_of(model, train), seed)
    found = {target: bench.find(target) for target in known}
    return _Findings(speed, targets=found, notes=tuple(notes))


def _unjudged(outcome: Outcome, target: str) -> list[str]:
    """Say of one target which rows nothing can be told of, or can only be answered wrongly."""
    head, truth = outcome.heads[target], outcome.judged(target).truth
    gone = len(outcome.rows) - len(truth)
    if not len(truth):
        return [f"No row has a known value of {target}, so it was not judged."]
    notes = []
    if gone:
        were = "was" if gone == 1 else "were"
        notes.append(f"{counted(gone, 'row')} without a value of {target} {were} not judged.")
    strange = int((truth == len(head.names)).sum()) if head.form == "classes" else 0
    if strange:
        own = "a class" if strange == 1 else "classes"
        rows = counted(strange, "row")
        notes.append(f"{rows} of {own} of {target} that training never met: no answer is right.")
    return notes


def _answers_of(model: Model, train: Table | None) -> dict[str, Array]:
    if train is None:
        return {}
    return targets_of(model, train.with_schema(model.schema, partial=True))


@dataclass(frozen=True, eq=False)
class _Bench:
    """What is needed to find things out about one target after the other."""

    model: Model
    table: Table
    outcome: Outcome
    runs: Runs
    learned: Mapping[str, Array]
    seed: int

    def find(self, target: str) -> Findings:
        judged = self.outcome.judged(target)
        return find(
            target,
            self.outcome,
            self.runs,
            referee_for(self.table, self.outcome, judged, self.model.schema.group, self.seed),
            self._baseline(target),
            examples(self.model, self.table, self.outcome, target),
        )

    def _baseline(self, target: str) -> Baseline:
        head = self.outcome.heads[target]
        return baseline(head, self.learned.get(target, self.outcome.truth[target]))


def _notes(table: Table, train: Table | None, shelf: Shelf, group: str | None) -> tuple[str, ...]:
    """Say what a reader should know before the figures."""
    notes = []
    if train is not None and train.fingerprint == table.fingerprint:
        notes.append("These are the training rows themselves: the figures flatter the model.")
    if skipped := len(table) - len(shelf):
        were = "was" if skipped == 1 else "were"
        notes.append(f"{counted(skipped, 'row')} with damaged cells {were} left out.")
    groups = count_groups(table, group) if group else 0
    if groups >= FEWEST:
        notes.append(f"Rows of one {group} were drawn together for the intervals.")
    elif groups:
        few = f"There are only {groups} different {group} in these rows"
        few = f"These rows are all of one {group}" if groups == 1 else few
        notes.append(f"{few}: the intervals say nothing of others.")
    return tuple(notes)
