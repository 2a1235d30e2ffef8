"""Does fusion help? Each modality, and the best pair, trained in full on the fusion's own budget.

``evaluate`` asks the parts inside one model; here every part gets a model, a plan and an epoch
count of its own, so nobody can say that it was starved. All are judged on the same rows.
"""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from rich.console import Console

from sensorium.auto.record import parts_of, read_record
from sensorium.core.errors import PartError
from sensorium.core.schema import Schema
from sensorium.core.seed import numpy_generator
from sensorium.data.table import Table
from sensorium.encoders.encoder import is_frozen
from sensorium.evaluate.alterations import altered
from sensorium.evaluate.baseline import baseline, targets_of
from sensorium.evaluate.bench import referee_for
from sensorium.evaluate.fusion_help import FusionHelp, Part, fusion_help
from sensorium.evaluate.modalities import modalities
from sensorium.evaluate.outcome import Judged, Outcome, collect
from sensorium.evaluate.pages import Pages
from sensorium.evaluate.provenance import Cost, cost_of, provenance_of
from sensorium.evaluate.subsets import Subset, alterations_of
from sensorium.evaluate.words import listed
from sensorium.model import Model, assemble, load
from sensorium.preprocess import Preprocess, Shelf
from sensorium.tasks.head import Array
from sensorium.train import Plan
from sensorium.train import train as fit

ROWS = 2_000
"""The best pair is looked for on so many validation rows at most."""


@dataclass(frozen=True, eq=False)
class Comparison(Pages):
    """The fusion and its rivals, each trained in full.

    Attributes:
        targets: does fusion help? By target.
        costs: what each model costs, by its name.
        rows: how many rows were judged.
        provenance: where the figures come from, in words.
        notes: what could not be compared, in words.
    """

    title: ClassVar[str] = "comparison"

    targets: Mapping[str, FusionHelp]
    costs: Mapping[str, Cost]
    rows: int
    provenance: Mapping[str, str]
    notes: tuple[str, ...] = ()

    @property
    def sentences(self) -> Mapping[str, str]:
        """Does fusion help? A sentence by target."""
        return {name: found.sentence for name, found in self.targets.items()}


def compare_run(folder: str | Path, *, quiet: bool = False) -> Comparison:
    """Compare the model of a finished fit with its parts, on the fit's own rows and plan.

    Args:
        folder: the fit's folder.
        quiet: show no progress.

    Errors:
        ArtifactError: the folder holds no finished fit, or its table has changed.
        PartError: one modality only, or aligned columns.
    """
    folder = Path(folder)
    record = read_record(folder)
    parts = parts_of(folder, record)
    model = load(folder)
    return compare(model, parts.train, parts.valid, parts.test, plan=record.plan, quiet=quiet)


def compare(
    model: Model,
    train: Table,
    valid: Table,
    test: Table,
    *,
    plan: Plan | None = None,
    quiet: bool = False,
) -> Comparison:
    """Train each modality alone, and the best pair, and lay them beside the fusion.

    Args:
        model: the trained fusion; its parts are built again with fewer columns.
        train: the rows that it learned from.
        valid: the rows by which the best epoch, and the best pair, are chosen.
        test: rows that decided nothing.
        plan: how the fusion was trained; every other model is trained so too. None is ``Plan()``.
        quiet: show no progress.

    Errors:
        PartError: the model has one modality only, aligns its columns, or reads texts that no
            modality has alone: there is nothing to compare.
    """
    plan = plan or Plan()
    if model.task.columns:
        aligned = listed(model.task.columns)
        msg = f"the model aligns {aligned}: none can be left out, so there is nothing to compare"
        raise PartError(msg)
    parts = modalities(model.schema.inputs)
    if len(parts) < 2:
        msg = f"there is one modality, {next(iter(parts))!r}, so there is nothing to compare"
        raise PartError(msg)
    needed = set(model.task.needs)
    able = {name: columns for name, columns in parts.items() if needed <= set(columns)}
    if not able:
        msg = f"the task reads {listed(model.task.needs)}, which no modality has alone"
        raise PartError(f"{msg}, so there is nothing to compare")
    tables = [t.with_schema(model.schema, partial=True) for t in (train, valid, test)]
    views = model.extractors(plan.augment, plan.views)
    shelves = [model.shelf(tables[0], extractors=views), *map(model.shelf, tables[1:])]
    entries: dict[Subset, tuple[str, ...]] = {(name,): columns for name, columns in able.items()}
    if len(parts) > 2:
        chosen = shelves[1] if len(shelves[1]) else shelves[0]
        pair = best_pair(model, chosen, parts, seed=plan.seed)
        entries[pair] = tuple(column for name in pair for column in parts[name])
    rivals: dict[Subset, _Rival] = {}
    for number, (names, columns) in enumerate(entries.items(), 1):
        Console(stderr=True, quiet=quiet).print(f"{number}/{len(entries)}  {listed(names)}")
        rivals[names] = _trained(model, columns, shelves, plan, quiet=quiet)
    whole = collect(model, shelves[2])
    answers = targets_of(model, tables[0])
    group = model.schema.group
    judge = _Judge(tables[2], whole, rivals, able, tuple(parts), group, plan.seed)
    return Comparison(
        targets={
            target: judge(target, answers[target])
            for target in whole.heads
            if len(whole.judged(target))
        },
        costs={listed(names): rival.cost for names, rival in rivals.items()},
        rows=len(whole.rows),
        provenance={**provenance_of(test, train, plan.seed), "plan": repr(plan)},
        notes=tuple(
            f"{name} alone was left out: the task reads {listed(model.task.needs)}."
            for name in parts
            if name not in able
        ),
    )


def best_pair(
    model: Model, valid: Shelf, parts: Mapping[str, tuple[str, ...]], *, seed: int = 0
) -> Subset:
    """Choose the pair of modalities from which the fusion answers best, on validation rows.

    Training every pair in full would cost too much, and choosing on the test rows would flatter
    the pair. With several targets the pair with the best places in all of them is taken.
    """
    needed = set(model.task.needs)
    able = [pair for pair in combinations(parts, 2)
            if needed <= {column for name in pair for column in parts[name]}]  # fmt: skip
    pairs = alterations_of(able, parts)
    places = numpy_generator(seed, "pairs").permutation(len(valid))[:ROWS]
    answers = altered(model, valid, places, pairs)
    truths = valid.batch(places.tolist()).columns
    ranks = dict.fromkeys(pairs, 0)
    for target, head in model.task.heads.items():
        truth = head.truth(truths[target])
        known = head.known(truth)
        if not known.any():
            continue
        sign = -1 if head.lower_is_better else 1
        scores = {
            p: sign * float(head.score(truth[known], answers[p][target][known])) for p in pairs
        }
        for pair in pairs:
            ranks[pair] += sum(other > scores[pair] for other in scores.values())
    return min(ranks, key=lambda pair: ranks[pair])


def part_of(model: Model, columns: Collection[str]) -> Model:
    """Build the same model again, untrained, for some of its input columns.

    The fitted preprocessing is shared, and so are classes and units of the targets.
    """
    inputs = {n: f for n, f in model.schema.inputs.items() if n in columns}
    schema = Schema(inputs, model.schema.targets, model.schema.group)
    steps = {name: model.prep.steps[name] for name in schema.fields}
    description = model.describe()
    description["fusion"] = _narrowed(description["fusion"], model.names, columns)
    frozen = {name for name, part in model.encoders.items() if part.frozen is not None}
    states = description["states"].items()
    description["states"] = {name: state for name, state in states if name in frozen}
    fixed = is_frozen(model.task)
    kept = {name: w for name, w in model.task.state_dict().items() if fixed(name)}
    if not kept:
        description.pop("task_state", None)
    part = assemble(Preprocess(schema, steps, model.prep.damaged), description, _classes(model))
    for name, encoder in part.encoders.items():
        own, whole = encoder.frozen, model.encoders[name].frozen
        if own is not None and whole is not None:  # what is frozen is what it was, not made anew
            own.load_state_dict(whole.state_dict())
    part.task.load_state_dict(kept, strict=False)
    return part


def _narrowed(
    fusion: Mapping[str, Any], names: Collection[str], columns: Collection[str]
) -> dict[str, Any]:
    """Leave out the columns that a fusion's keywords name and the part does not have."""
    return {
        key: [name for name in value if name in columns]
        if isinstance(value, list) and set(value) <= set(names)
        else value
        for key, value in fusion.items()
    }


def _classes(model: Model) -> dict[str, type]:
    parts = (*model.encoders.values(), model.fusion, model.task)
    return {type(part).__name__: type(part) for part in parts}


@dataclass(frozen=True, eq=False)
class _Rival:
    """What a model answered on the test rows, and what it cost."""

    outcome: Outcome
    cost: Cost


def _trained(
    model: Model, columns: Collection[str], shelves: Sequence[Shelf], plan: Plan, *, quiet: bool
) -> _Rival:
    part = part_of(model, columns)
    train, valid, test = shelves
    run = fit(part, train, valid if len(valid) else None, plan=plan, quiet=quiet)
    start = time.perf_counter()
    outcome = collect(run.model, test)
    speed = len(test) / max(time.perf_counter() - start, 1e-9)
    return _Rival(outcome, cost_of(run.model, run.history, speed))


@dataclass(frozen=True, eq=False)
class _Judge:
    """Judges the rivals of the fusion, one target after the other."""

    table: Table
    whole: Outcome
    rivals: Mapping[Subset, _Rival]
    parts: Mapping[str, tuple[str, ...]]
    fused: tuple[str, ...]
    group: str | None
    seed: int

    def __call__(self, target: str, learned: Array) -> FusionHelp:
        judged = self.whole.judged(target)
        said = {
            names: rival.outcome.decided[target][judged.index]
            for names, rival in self.rivals.items()
        }
        return fusion_help(
            referee_for(self.table, self.whole, judged, self.group, self.seed),
            judged.decided,
            {name: Part(said[(name,)], self._present(name, judged)) for name in self.parts},
            baseline(judged.head, learned),
            {listed(names): answers for names, answers in said.items() if len(names) > 1},
            self.fused,
        )

    def _present(self, name: str, judged: Judged) -> Array:
        columns = [self.whole.present[column][judged.index] for column in self.parts[name]]
        return np.asarray(np.stack(columns).any(0))
