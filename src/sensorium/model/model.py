"""The model object: preprocessing + encoders + fusion + task, saved as json + safetensors.

It knows nothing of files of tables, of training or of reports.
"""

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from sensorium.core.batch import Batch, Encoded, Features
from sensorium.core.describe import describe, plain
from sensorium.core.errors import PartError, TableError, nearest
from sensorium.core.faults import Fault, Ledger
from sensorium.core.schema import Schema
from sensorium.core.seed import derive
from sensorium.core.version import __version__
from sensorium.decoders import Draft, Sampling
from sensorium.encoders import Encoder
from sensorium.encoders.frozen import content_name, extracting, features_name
from sensorium.fusion import Fusion
from sensorium.model.answers import Answer, Row, answer_of, check_rows, warn_of, warned
from sensorium.model.given import rows_of
from sensorium.model.misfits import check_parts
from sensorium.model.unread import unread
from sensorium.model.writing import Written, pieces, writer_in
from sensorium.model.writing import written as written_text
from sensorium.preprocess import Extractor, Notes, Preprocess, Shelf, Table
from sensorium.store.folder import written
from sensorium.tasks import Task

INDEX = "sensorium.json"
WEIGHTS = "weights.safetensors"
PREPROCESS = "preprocess.json"
FORMAT = 1
COUNTS = {"texts", "cut"}
"""What a step notes of the rows that it was fitted on, and does not go by."""


class Model(nn.Module):
    """A multimodal model: calls its parts in order and keeps them together.

    Args:
        prep: fitted preprocessing; names the columns.
        encoders: one encoder an input column; the same object for two columns shares its weights.
            A column that the task only repeats in a prompt needs none.
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
        check_parts(prep, encoders, fusion, task)
        self.prep = prep
        self.seed = seed
        self.names = tuple(prep.schema.inputs)
        self._unread = tuple(name for name in task.asked if name not in encoders)
        encoders = {**encoders, **{name: unread(fusion.width) for name in self._unread}}
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
            task.setup(fusion.width, self.names, prep.steps)

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
            self.prep, table, ledger, folder=folder, on_row=on_row,
            notes=Notes(self.task.columns, self.task.reads),
            extractors=self.extractors() if extractors is None else extractors,
        )  # fmt: skip

    def answers(self, rows: Any, *, rows_per_step: int = 256) -> list[Answer]:
        """Answer rows, each with its status; a row's answer depends on no other row.

        Args:
            rows: a list of rows (cells by column; a missing cell is None or no key at all; targets
                may be there), or a whole table: a ``Table``, a frame, a dataset, a file.
            rows_per_step: how many rows go through the model at once.

        Errors:
            TableError: a cell is damaged and the model's policy is ``"error"``; names them all.
        """
        rows = rows_of(rows, self.schema)
        clean, faults = self._clean(rows)
        found: dict[Any, tuple[Any, dict[str, dict[str, float]]]] = {}
        for batch in self._batches(clean, faults, rows_per_step):
            found |= zip(batch.rows, self._values(self.features(batch)), strict=True)
        return [
            answer_of(found.get(n), self.names, clean[n], tuple(faults.get(n, ())))
            for n in range(len(rows))
        ]

    def predict(self, *rows: Any) -> list[Any]:
        """Give one answer a row: a label, a number, a list of tags, or a dict by target.

        Damaged cells are warned of; only ``answers`` tells which rows had them.

        Args:
            rows: rows one by one, or a whole table, as ``answers`` takes it.
        """
        return [answer.value for answer in warned(self.answers(rows))]

    def write(
        self,
        *rows: Any,
        sampling: Sampling | None = None,
        prefix: str = "",
        target: str | None = None,
        rows_per_step: int = 256,
    ) -> list[list[Written]]:
        """Write texts with all that is known of them: candidates, best first, row by row.

        Args:
            rows: cells by column, or a whole table.
            sampling: how to write; None is the task's own way.
            prefix: words with which every text begins.
            target: which target to write, of a model that writes several.
            rows_per_step: how many rows go through the model at once.

        Returns:
            The candidates of each row; none for a row that was skipped.

        Errors:
            PartError: the task writes nothing token by token, or several targets and none is named.
            TableError: as for ``answers``.
        """
        writer = writer_in(self.task, target)
        several = rows_of(rows, self.schema)
        clean, faults = self._clean(several)
        warn_of(chain(*faults.values()))
        found: dict[Any, list[Draft]] = {}
        for batch in self._batches(clean, faults, rows_per_step):
            drafts = writer.write(self.features(batch), sampling, prefix)
            found |= zip(batch.rows, drafts, strict=True)
        return [
            [written_text(draft, writer.head, prefix) for draft in found.get(number, ())]
            for number in range(len(several))
        ]

    def stream(
        self,
        row: Row,
        *,
        sampling: Sampling | None = None,
        prefix: str = "",
        target: str | None = None,
    ) -> Iterator[str]:
        """Write the text of one row, and give each piece of it as soon as it is there.

        Args:
            row: cells by column.
            sampling: how to write, without beams; None is the task's own way, without beams.
            prefix: words with which the text begins; they are not given again.
            target: which target to write, of a model that writes several.

        Errors:
            PartError: the task writes nothing token by token, or several targets and none is
                named, or beams were asked for.
        """
        writer = writer_in(self.task, target)
        clean, faults = self._clean([row])
        warn_of(chain(*faults.values()))
        batches = self._batches(clean, faults, 1)
        texts = (writer.stream(self.features(one), sampling, prefix) for one in batches)
        return pieces(chain.from_iterable(texts))

    def predict_proba(self, *rows: Any) -> NDArray[np.floating[Any]]:
        """Give the probability of each class, Float[rows classes], in the order of ``classes``.

        Errors:
            PartError: the model has several targets or none with classes; use ``answers``.
        """
        names = self.classes
        table = [
            next(iter(a.scores.values())) if a.scores else dict.fromkeys(names, np.nan)
            for a in warned(self.answers(rows))
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

    def embed(
        self, *rows: Any, column: str | None = None, rows_per_step: int = 256
    ) -> NDArray[np.floating[Any]]:
        """Give a vector a row, Float[rows width]: fused, or of one column alone.

        Args:
            rows: cells by column, or a whole table.
            column: the column; None takes the fused vector.
            rows_per_step: how many rows go through the model at once.

        Errors:
            PartError: there is no such column.
            TableError: as for ``answers``.
        """
        if column is not None and column not in self.names:
            msg = f"the model has no input {column!r}{nearest(column, self.names)}"
            raise PartError(msg)
        clean, faults = self._clean(rows_of(rows, self.schema))
        warn_of(chain(*faults.values()))
        vectors = [np.zeros((0, self.fusion.width), np.float32)]
        for batch in self._batches(clean, faults, rows_per_step):
            fused = self.features(batch).fused
            found = fused.pooled if column is None else fused.parts[column]
            vectors.append(found.float().cpu().numpy())
        return np.concatenate(vectors)

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

    def _clean(
        self, rows: Sequence[Row]
    ) -> tuple[Sequence[Mapping[str, Any]], dict[Any, list[Fault]]]:
        """Read rows; gives the damaged cells of each, too."""
        self._check_names(rows)
        ledger = Ledger()
        inputs = map(self._inputs, rows)
        clean = [self.prep.read(row, number, ledger) for number, row in enumerate(inputs)]
        self.prep.refuse(list(ledger))
        faults: dict[Any, list[Fault]] = {}
        for fault in ledger:
            faults.setdefault(fault.row, []).append(fault)
        return clean, faults

    def _batches(
        self, clean: Sequence[Mapping[str, Any]], faults: Collection[Any], rows_per_step: int
    ) -> Iterator[Batch]:
        """Give so many clean rows at a time, those to be skipped left out."""
        skipped = faults if self.prep.damaged == "skip" else ()
        kept = [number for number in range(len(clean)) if number not in skipped]
        for start in range(0, len(kept), rows_per_step):
            some = kept[start : start + rows_per_step]
            yield self.prep.collate([clean[n] for n in some], some)

    def _inputs(self, row: Row) -> Row:
        return {name: row.get(name) for name in self.names}

    def _check_names(self, rows: Sequence[Row]) -> None:
        check_rows(rows)
        if rows and not any(name in row for row in rows for name in self.names):
            msg = f"no row has any of the model's inputs {list(self.names)}; found {list(rows[0])}"
            raise TableError(msg)

    def describe(self) -> dict[str, Any]:
        """Describe the parts as JSON data; an encoder shared by columns is named once."""
        first: dict[int, str] = {}
        encoders: dict[str, Any] = {}
        for name, number in self._encoder_of.items():
            if name in self._unread:
                continue
            encoders[name] = first.get(number) or describe(self._encoders[number])
            first.setdefault(number, name)
        states = {name: dict(self.encoders[name].state()) for name in set(first.values())}
        read = dict(self.task.state())
        return {
            "encoders": encoders,
            "states": {name: states[name] for name in sorted(states) if states[name]},
            "fusion": describe(self.fusion),
            "task": describe(self.task),
            **({"task_state": read} if read else {}),
            "seed": plain(self.seed),
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


def _write_json(file: Path, content: Any) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1, default=plain)
    file.write_text(text + "\n", encoding="utf-8")
