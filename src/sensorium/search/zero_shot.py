"""Classes told by their names: each name becomes a vector in the space that columns share.

Radford et al. 2021, section 3.1: names stand in sentences ("a photo of a {}"), and the vectors of
several sentences are averaged.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float

from sensorium.core.errors import PartError, all_at_once
from sensorium.model import Model, Row
from sensorium.search.embed import embedded_rows
from sensorium.tasks import Align

Scores = Float[np.ndarray, " rows classes"]
STEP = 256


class ZeroShot:
    """Tells which of some classes a cell is of, with nothing learned of them.

    Args:
        model: its task is ``Align``.
        column: the column whose cells are told apart.
        classes: their names; or, by name, the words that stand for each.
        by: the column that names are written in; None takes the one other text column.
        templates: sentences with ``{}`` in the place of a name; their vectors are averaged.

    Errors:
        PartError: a model that aligned nothing, columns that share no space, fewer than two
            classes, a blank name, a template without ``{}``; all at once. Or a sentence that the
            model gives no vector.
    """

    def __init__(
        self,
        model: Model,
        column: str,
        classes: Sequence[str] | Mapping[str, Sequence[str]],
        *,
        by: str | None = None,
        templates: Sequence[str] = ("{}",),
    ) -> None:
        self.model = model
        self.column = column
        self.words = _words(classes)
        self.classes = tuple(self.words)
        self.templates = tuple([templates] if isinstance(templates, str) else templates)
        self.by = by or _text_column(model, column)
        self._check()
        sentences = [
            [form.replace("{}", word) for word in words for form in self.templates]
            for words in self.words.values()
        ]
        flat = [{self.by: sentence} for group in sentences for sentence in group]
        found = self._embedded(flat, self.by)
        _refuse_silent([row[self.by] for row in flat], found)
        vectors = iter(found)
        means = [np.mean([next(vectors) for _ in group], 0) for group in sentences]
        self._names = np.stack([mean / max(np.linalg.norm(mean), 1e-12) for mean in means])

    def _check(self) -> None:
        faults = []
        shared = self.model.task.columns
        faults += [
            f"{name!r} lies in no space with others; aligned are {list(shared)}"
            for name in (self.column, self.by)
            if name not in shared
        ]
        if len(self.classes) < 2:
            faults.append(f"at least two classes are needed, found {list(self.classes)}")
        faults += [f"no words stand for {name!r}" for name, its in self.words.items() if not its]
        faults += [f"a word that stands for {name!r} is blank; write it out, or leave it out"
                   for name, its in self.words.items()
                   if not all(map(str.strip, its))]  # fmt: skip
        faults += [f"the template {form!r} has no {{}}" for form in self.templates
                   if "{}" not in form]  # fmt: skip
        if faults:
            raise PartError(all_at_once("Classes cannot be told by their names:", faults))

    def scores(self, *rows: Row) -> Scores:
        """Give the probability of each class; NaN where the cell is missing or damaged."""
        return self._softmax(self._near(rows))

    def predict(self, *rows: Row) -> list[str | None]:
        """Give the most probable class a row; None where the cell is missing or damaged."""
        near = self._near(rows)
        best = np.nan_to_num(near, nan=-np.inf).argmax(1)
        known = ~np.isnan(near).any(1)
        return [self.classes[i] if ok else None for i, ok in zip(best, known, strict=True)]

    def tags(self, *rows: Row, least: float = 0.5) -> list[list[str]]:
        """Give all classes that a row shows.

        A class counts as shown when it is nearer than the average class by the learned
        temperature: sigmoid((cos - mean cos) / t) >= least.
        """
        near = self._near(rows)
        task = self.model.task
        assert isinstance(task, Align)  # noqa: S101  _check saw to it
        with torch.inference_mode():
            over = torch.from_numpy(near - near.mean(1, keepdims=True)).to(self.model.device)
            zero = task.logits(torch.zeros(1, device=self.model.device))
            chances = torch.sigmoid(task.logits(over) - zero).cpu().numpy()
        return [
            [name for name, chance in zip(self.classes, row, strict=True) if chance >= least]
            for row in chances
        ]

    def _near(self, rows: Sequence[Row]) -> Scores:
        cells = [{self.column: row.get(self.column)} for row in rows]
        return np.asarray(self._embedded(cells, self.column) @ self._names.T)

    def _embedded(self, rows: Sequence[Row], column: str) -> Float[np.ndarray, " rows width"]:
        found = [np.zeros((0, self.model.fusion.width))]
        for start in range(0, len(rows), STEP):
            there, vectors = embedded_rows(self.model, column, rows[start : start + STEP])
            found.append(np.where(there[:, None], vectors, np.nan))
        return np.concatenate(found)

    def _softmax(self, near: Scores) -> Scores:
        task = self.model.task
        assert isinstance(task, Align)  # noqa: S101  _check saw to it
        with torch.inference_mode():
            logits = task.logits(torch.from_numpy(near).to(self.model.device))
            return np.asarray(logits.softmax(1).cpu().numpy())


def _refuse_silent(sentences: Sequence[str], vectors: Scores) -> None:
    """Refuse sentences without a vector: the scores of all classes would be no numbers."""
    wrong = np.flatnonzero(~np.isfinite(vectors).all(1)).tolist()
    if wrong:
        title = "The model gives no vector for these; write the classes with other words:"
        raise PartError(all_at_once(title, [repr(sentences[place]) for place in wrong]))


def _words(classes: Sequence[str] | Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    if isinstance(classes, Mapping):
        return {n: [its] if isinstance(its, str) else list(its) for n, its in classes.items()}
    return {name: [name] for name in classes}


def _text_column(model: Model, column: str) -> str:
    if not model.task.columns:
        msg = f"{type(model.task).__name__} brings no columns into one space; fit with task=Align"
        raise PartError(msg)
    texts = [
        name
        for name in model.task.columns
        if name != column and model.schema.inputs[name].kind == "text"
    ]
    if len(texts) != 1:
        msg = f"name the column that class names are written in, by=...; text columns: {texts}"
        raise PartError(msg)
    return texts[0]
