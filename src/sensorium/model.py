"""The model object: preprocessing + encoders + fusion + task, saved as json + safetensors.

It knows nothing of files of tables, of training or of reports.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from sensorium.core.batch import Batch, Encoded, Features
from sensorium.core.describe import build, describe
from sensorium.core.errors import ArtifactError, PartError, TableError, all_at_once, nearest
from sensorium.core.faults import Fault, Ledger
from sensorium.core.schema import SCHEMA_PARTS, Schema
from sensorium.core.seed import derive
from sensorium.core.version import __version__
from sensorium.encoders import ENCODERS, Encoder
from sensorium.encoders.frozen import content_name, extracting, features_name
from sensorium.fusion import FUSIONS, Fusion
from sensorium.preprocess import Extractor, Preprocess, Shelf, Table
from sensorium.store.folder import opened, written
from sensorium.tasks import TASKS, Task

INDEX = "sensorium.json"
WEIGHTS = "weights.safetensors"
PREPROCESS = "preprocess.json"
FORMAT = 1
COUNTS = {"texts", "cut"}
"""What a step notes of the rows that it was fitted on, and does not go by."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """One row's answer and how it came about.

    Attributes:
        value: a label, a number, a list of tags, or a dict by target; None when the row was
            skipped.
        scores: probabilities by target, then by class; empty for numbers.
        status: ``"ok"``, or which cells were absent or damaged, or why the row was skipped.
        absent: the input columns that the row does not have.
        faults: the damaged cells of the row.
    """

    value: Any
    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    status: str = "ok"
    absent: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()


class Model(nn.Module):
    """A multimodal model: calls its parts in order and keeps them together.

    Args:
        prep: fitted preprocessing; names the columns.
        encoders: one encoder an input column; the same object for two columns shares its weights.
        fusion: how the columns meet.
        task: what comes out.
        seed: draws the first weights.

    Errors:
        PartError: parts that do not fit together; names every misfit.
    """

    def __init__(
        self,
        prep: Preprocess,
        *,
        encoders: Mapping[str, Encoder],
        fusion: Fusion,
        task: Task,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _check_parts(prep, encoders, fusion, task)
        self.prep = prep
        self.seed = seed
        self.names = tuple(prep.schema.inputs)
        unique = list(dict.fromkeys(encoders[name] for name in self.names))
        self._encoder_of = {name: unique.index(encoders[name]) for name in self.names}
        self._encoders = nn.ModuleList(unique)
        self.fusion = fusion
        self.task = task
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive(seed, "weights"))
            for number, encoder in enumerate(unique):
                name = next(n for n in self.names if self._encoder_of[n] == number)
                encoder.setup(prep.steps[name].layout)
            fusion.setup(self.names)
            task.setup(fusion.width, self.names, {t: prep.steps[t] for t in task.targets})

    @property
    def schema(self) -> Schema:
        """Which columns go in and come out."""
        return self.prep.schema

    @property
    def encoders(self) -> dict[str, Encoder]:
        """The encoders by column."""
        parts = list(self._encoders)
        return {name: parts[number] for name, number in self._encoder_of.items()}  # type: ignore[misc]

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def forward(self, batch: Batch) -> Features:
        """Encode each column, fuse, and compute the task's raw outputs."""
        return self.conclude(self.encode(batch), batch)

    def encode(self, batch: Batch) -> dict[str, Encoded]:
        """Do the first half, the costly one: encode each column by itself."""
        return {name: part(batch.columns[name]) for name, part in self.encoders.items()}

    def conclude(self, encoded: Mapping[str, Encoded], batch: Batch) -> Features:
        """Do the second half: fuse encoded columns and compute the task's raw outputs."""
        features: Features = self.task(self.fusion(encoded), batch)
        return features

    def extractors(self, augment: Sequence[str] = (), views: int = 1) -> dict[str, Extractor]:
        """Give what turns cells into features beforehand, for the columns of frozen encoders.

        Args:
            augment: augmentations that training asks for; each cell then gets so many views.
            views: views of a cell, where its kind is augmented.
        """
        found = {}
        for name, encoder in self.encoders.items():
            if encoder.frozen is not None:
                step = self.prep.steps[name]
                learned = {k: v for k, v in step.state().items() if k not in COUNTS}
                said = features_name(encoder, encoder.frozen, describe(step.field), learned)
                own = Extractor(said, extracting(encoder))
                found[name] = own.varying(step.kind, augment, views)
        return found

    def shelf(
        self,
        table: Table,
        ledger: Ledger | None = None,
        *,
        folder: Path | None = None,
        on_row: Callable[[int], None] | None = None,
        extractors: Mapping[str, Extractor] | None = None,
    ) -> Shelf:
        """Read a table for this model as ``Shelf.of`` does, by its own extractors unless given."""
        return Shelf.of(
            self.prep, table, ledger, folder=folder, on_row=on_row, identify=self.task.columns,
            extractors=self.extractors() if extractors is None else extractors,
        )  # fmt: skip

    def answers(self, rows: Sequence[Row], *, rows_per_step: int = 256) -> list[Answer]:
        """Answer rows, each with its status; a row's answer depends on no other row.

        Args:
            rows: cells by column; a missing cell is None or no key at all. Targets may be there.
            rows_per_step: how many rows go through the model at once.

        Errors:
            TableError: a cell is damaged and the model's policy is ``"error"``; names them all.
        """
        self._check_names(rows)
        ledger = Ledger()
        inputs = [{name: row.get(name) for name in self.names} for row in rows]
        clean = [self.prep.read(row, number, ledger) for number, row in enumerate(inputs)]
        faults: dict[Any, list[Fault]] = {}
        for fault in ledger:
            faults.setdefault(fault.row, []).append(fault)
        self.prep.refuse(list(ledger))
        skipped = set(faults) if self.prep.damaged == "skip" else set()
        kept = [number for number in range(len(rows)) if number not in skipped]
        found: dict[int, tuple[Any, dict[str, dict[str, float]]]] = {}
        for start in range(0, len(kept), rows_per_step):
            some = kept[start : start + rows_per_step]
            features = self.features(self.prep.collate([clean[n] for n in some], some))
            found |= zip(some, self._values(features), strict=True)
        return [
            _answer(found.get(n), self.names, clean[n], tuple(faults.get(n, ())))
            for n in range(len(rows))
        ]

    def predict(self, *rows: Row) -> list[Any]:
        """Give one answer a row: a label, a number, a list of tags, or a dict by target."""
        return [answer.value for answer in self.answers(rows)]

    def predict_proba(self, *rows: Row) -> NDArray[np.floating[Any]]:
        """Give the probability of each class, Float[rows classes], in the order of ``classes``.

        Errors:
            PartError: the model has several targets or none with classes; use ``answers``.
        """
        names = self.classes
        table = [
            next(iter(a.scores.values())) if a.scores else dict.fromkeys(names, np.nan)
            for a in self.answers(rows)
        ]
        return np.array([[row[name] for name in names] for row in table]).reshape(-1, len(names))

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes or tags of the one target that has them."""
        heads = [head for head in self.task.heads.values() if head.names]
        if len(heads) != 1:
            msg = f"{len(heads)} targets have classes; use model.answers(rows) and its scores"
            raise PartError(msg)
        return heads[0].names

    def embed(self, *rows: Row, column: str | None = None) -> NDArray[np.floating[Any]]:
        """Give a vector a row, Float[rows width]: fused, or of one column alone."""
        if column is not None and column not in self.names:
            msg = f"the model has no input {column!r}{nearest(column, self.names)}"
            raise PartError(msg)
        fused = self.features(self.prep(rows)).fused
        vectors = fused.pooled if column is None else fused.parts[column]
        return np.asarray(vectors.float().cpu().numpy())

    def features(self, batch: Batch) -> Features:
        """Run the model for use: no gradients, no dropout."""
        was_training = self.training
        self.eval()
        with torch.inference_mode():
            features: Features = self(batch.to(self.device))
        self.train(was_training)
        return features

    def _values(self, features: Features) -> list[tuple[Any, dict[str, dict[str, float]]]]:
        values = self.task.predict(features)
        scores: list[dict[str, dict[str, float]]] = [{} for _ in values]
        for target, head in self.task.heads.items():
            if head.names:
                for row, chances in zip(scores, head.decide(features.outputs[target]), strict=True):
                    row[target] = dict(zip(head.names, map(float, chances), strict=True))
        return list(zip(values, scores, strict=True))

    def _check_names(self, rows: Sequence[Row]) -> None:
        if any(not isinstance(row, Mapping) for row in rows):
            msg = "a row is a dict of cells by column, such as {'review': 'lovely'}"
            raise TableError(msg)
        if rows and not any(name in row for row in rows for name in self.names):
            msg = f"no row has any of the model's inputs {list(self.names)}; found {list(rows[0])}"
            raise TableError(msg)

    def describe(self) -> dict[str, Any]:
        """Describe the parts as JSON data; an encoder shared by columns is named once."""
        first: dict[int, str] = {}
        encoders: dict[str, Any] = {}
        for name, number in self._encoder_of.items():
            encoders[name] = first.get(number) or describe(self._encoders[number])
            first.setdefault(number, name)
        states = {name: dict(self.encoders[name].state()) for name in set(first.values())}
        return {
            "encoders": encoders,
            "states": {name: states[name] for name in sorted(states) if states[name]},
            "fusion": describe(self.fusion),
            "task": describe(self.task),
            "seed": self.seed,
        }

    @property
    def fingerprint(self) -> str:
        """The sha256 of parts, preprocessing and weights: models that answer alike share it."""
        return content_name([self.describe(), self.prep.state()], self)

    def save(self, folder: str | Path, *, replace: bool = False) -> Path:
        """Write the model as a folder: json + safetensors, a sha256 of every file, no pickle.

        Args:
            folder: where to; its parents are made.
            replace: write over an older model folder.
        """
        folder = Path(folder)
        with written(folder, INDEX, replace=replace) as aside:
            head = {"format": FORMAT, "sensorium": __version__}
            _write_json(aside / INDEX, head | self.describe())
            _write_json(aside / PREPROCESS, self.prep.state())
            state = {name: w.detach().cpu().contiguous() for name, w in self.state_dict().items()}
            save_file(state, aside / WEIGHTS)
            (aside / "README.md").write_text(self._card(), encoding="utf-8")
        return folder

    def _card(self) -> str:
        lines = ["# A Sensorium model", "", "| column | role | kind |", "|---|---|---|"]
        for role, fields in (("input", self.schema.inputs), ("target", self.schema.targets)):
            lines += [f"| {name} | {role} | {kind!r} |" for name, kind in fields.items()]
        count = sum(p.numel() for p in self.parameters())
        lines += ["", f"{count:,} weights. Load it with:", ""]
        return "\n".join([*lines, "    sensorium.load('this folder').predict({...})", ""])


def load(
    folder: str | Path, *, parts: Mapping[str, type] | None = None, device: str = "cpu"
) -> Model:
    """Load a model folder; nothing in it can run code.

    Args:
        folder: what ``Model.save`` wrote.
        parts: your own encoders, fusions or tasks by class name.
        device: where the weights go.

    Errors:
        ArtifactError: the folder is not ours, a byte of it was changed, or a part is unknown.
    """
    folder = Path(folder)
    content = opened(folder, INDEX)
    if content.get("format") != FORMAT:
        msg = f"{folder} has format {content.get('format')!r}, this version reads {FORMAT}"
        raise ArtifactError(msg)
    state = json.loads((folder / PREPROCESS).read_text(encoding="utf-8"))
    try:
        model = assemble(Preprocess.restore(state), content, parts)
        model.load_state_dict(load_file(folder / WEIGHTS))
    except (PartError, RuntimeError, KeyError) as error:
        msg = f"{folder} cannot be loaded: {error}"
        raise ArtifactError(msg) from error
    return model.to(device).eval()


def assemble(
    prep: Preprocess, description: Mapping[str, Any], parts: Mapping[str, type] | None = None
) -> Model:
    """Build a model with new weights from what ``Model.describe`` gave.

    Columns that ``prep`` does not have are left out, so a model of fewer columns can be made.
    Encoders whose state is described are made without their pretrained weights, which must follow.
    """
    known = {**SCHEMA_PARTS, **ENCODERS, **FUSIONS, **TASKS, **_plugged_in(), **(parts or {})}
    encoders: dict[str, Encoder] = {}
    shared: dict[str, Encoder] = {}
    for name, part in description["encoders"].items():
        first = part if isinstance(part, str) else name
        source = description["encoders"][first]
        if name in prep.schema.inputs:
            if first not in shared:
                shared[first] = build(source, known)
                shared[first].restore(description.get("states", {}).get(first, {}))
            encoders[name] = shared[first]
    return Model(
        prep,
        encoders=encoders,
        fusion=build(description["fusion"], known),
        task=build(description["task"], known),
        seed=description["seed"],
    )


def _plugged_in() -> dict[str, type]:
    return {point.name: point.load() for point in entry_points(group="sensorium.parts")}


def _check_parts(
    prep: Preprocess, encoders: Mapping[str, Encoder], fusion: Fusion, task: Task
) -> None:
    inputs, faults = prep.schema.inputs, []
    faults += [f"input {name!r} has no encoder" for name in inputs if name not in encoders]
    for name, encoder in encoders.items():
        if name not in inputs:
            faults.append(f"there is no input {name!r}{nearest(name, inputs)}")
        elif prep.steps[name].layout.kind not in encoder.kinds:
            kind, reads = prep.steps[name].layout.kind, sorted(encoder.kinds)
            faults.append(f"{name!r} is {kind}, but {type(encoder).__name__} reads {reads}")
        if encoder.width != fusion.width:
            faults.append(f"{name!r} has width {encoder.width}, the fusion has {fusion.width}")
    targets = prep.schema.targets
    faults += [f"no target {name!r}{nearest(name, targets)}" for name in task.targets
               if name not in targets]  # fmt: skip
    if faults:
        raise PartError(all_at_once("These parts do not fit together:", faults))


def _answer(
    found: tuple[Any, dict[str, dict[str, float]]] | None,
    names: Sequence[str],
    clean: Mapping[str, Any],
    faults: tuple[Fault, ...],
) -> Answer:
    damaged = [fault.column for fault in faults]
    absent = tuple(n for n in names if clean.get(n) is None and n not in damaged)
    notes = [f"{title}: {', '.join(columns)}" for title, columns in
             (("damaged", damaged), ("absent", absent)) if columns]  # fmt: skip
    if found is None:
        return Answer(None, {}, f"skipped; {'; '.join(notes)}", absent, faults)
    return Answer(*found, "; ".join(notes) or "ok", absent, faults)


def _write_json(file: Path, content: Any) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1)
    file.write_text(text + "\n", encoding="utf-8")
