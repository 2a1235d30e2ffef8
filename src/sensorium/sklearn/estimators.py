"""Estimators for scikit-learn's users: ``cross_val_score``, ``GridSearchCV`` and pipelines work.

The names and manners here are scikit-learn's; the work is that of ``sensorium.auto`` and the parts.
"""

import copy
import dataclasses
import tempfile
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import (
    assert_all_finite,
    check_array,
    check_consistent_length,
    check_random_state,
    column_or_1d,
)
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from sensorium.auto import choose
from sensorium.auto.rules import fusion_for
from sensorium.core.counted import counted
from sensorium.core.errors import PartError, PlanError, TableError, all_at_once, nearest
from sensorium.core.faults import Fault, Ledger
from sensorium.core.schema import Category, Field, Number, Schema
from sensorium.data import Table
from sensorium.encoders import Encoder
from sensorium.fusion import FUSIONS, Fusion
from sensorium.model import Answer, Model, load
from sensorium.preprocess import Preprocess
from sensorium.preprocess.cells import missing, plain
from sensorium.sklearn.columns import (
    free_names,
    from_array,
    from_objects,
    is_frame,
    is_rows,
    refuse_words,
    schema_for,
)
from sensorium.tasks import Classify, Regress, Task
from sensorium.train import Plan, train

Floats = NDArray[np.floating[Any]]
FEWEST_TO_SPLIT = 10


class _Estimator(BaseEstimator, ABC):  # type: ignore[misc]  # scikit-learn has no types
    """What classifier and regressor share; abstract.

    Attributes:
        model_: the trained model.
        history_: one record an epoch.
        ledger_: the damaged cells that were met in ``fit``.
        n_features_in_, feature_names_in_: as always.
    """

    def __init__(  # noqa: PLR0913 - scikit-learn searches over flat parameters
        self,
        *,
        kinds: Mapping[str, str | Field] | None = None,
        encoders: Mapping[str, Encoder] | None = None,
        fusion: str | Fusion | None = None,
        width: int = 64,
        epochs: int | None = None,
        rate: float | None = None,
        plan: Plan | None = None,
        validation_fraction: float = 0.0,
        damaged: Literal["absent", "error"] = "absent",
        folder: str | Path | None = None,
        random_state: int | np.random.RandomState | None = 0,
        verbose: bool = False,
    ) -> None:
        """Choose how to learn; every parameter can be searched over.

        Args:
            kinds: kinds of columns, by name: ``"image"`` or a field such as ``Image(size=32)``; the
                others are inferred (numbers throughout for an array).
            encoders: encoders by column; the others are chosen.
            fusion: how the columns meet: a name from ``sensorium.fusion``, an object, or None to
                choose.
            width: the width of the parts that are chosen.
            epochs: passes over the rows; None chooses.
            rate: the highest learning rate; None chooses.
            plan: how to train, in full; ``epochs``, ``rate`` and ``random_state`` still count.
            validation_fraction: share of the rows that choose the best epoch; 0 keeps the last.
            damaged: what to do with damaged cells: ``"absent"`` or ``"error"``.
            folder: where relative file names in cells start; None is the working directory.
            random_state: draws the first weights and the order.
            verbose: show progress.
        """
        self.kinds = kinds
        self.encoders = encoders
        self.fusion = fusion
        self.width = width
        self.epochs = epochs
        self.rate = rate
        self.plan = plan
        self.validation_fraction = validation_fraction
        self.damaged = damaged
        self.folder = folder
        self.random_state = random_state
        self.verbose = verbose

    @abstractmethod
    def fit(self, X: Any, y: Any) -> "_Estimator":  # noqa: N803
        """Learn y from X."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _table(self, X: Any, *, reset: bool) -> Table:  # noqa: N803
        """Read X; an array must fit what was fitted, as scikit-learn has it."""
        if is_rows(X):
            table = from_objects(X, self.folder)
            if reset:
                self._numeric = False
                self.n_features_in_ = len(table.columns)
                self.feature_names_in_ = np.array(table.columns, object)
            return table
        if is_frame(X) and (reset or not self._numeric):
            validate_data(self, X, reset=reset, skip_check_array=True)
            self._numeric = False
            return from_objects(X, self.folder)
        refuse_words(X)
        array = validate_data(self, X, reset=reset, dtype="numeric", ensure_all_finite="allow-nan")
        if reset:
            self._numeric = True
        return from_array(array, self._names())

    def _check(self) -> None:
        faults = []
        if self.damaged not in ("absent", "error"):
            faults.append(f"damaged is 'absent' or 'error', found {self.damaged!r}")
        if not isinstance(self.width, int | np.integer) or self.width < 1:
            faults.append(f"width is a whole number of 1 or more, found {self.width!r}")
        if faults:
            raise PlanError(all_at_once(f"{type(self).__name__} cannot be fitted:", faults))

    def _names(self) -> list[str] | None:
        return [str(name) for name in getattr(self, "feature_names_in_", ())] or None

    def _learn(self, table: Table, targets: Mapping[str, Field], task: Task) -> None:
        """Fit on a table that has its targets."""
        self._check()
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        schema = schema_for(table, targets, self.kinds, numeric=self._numeric)
        table = table.with_schema(schema)
        learn, valid = self._shares(table, schema, seed)
        choice = choose(
            schema,
            len(learn),
            task=task,
            encoders=copy.deepcopy(self.encoders),
            fusion=self._fusion(schema, len(learn)),
            plan=self.plan,
            seed=seed,
        )
        ledger = Ledger()
        learn = learn.with_schema(choice.schema)
        valid = None if valid is None else valid.with_schema(choice.schema)
        prep = Preprocess.fit(learn, choice.schema, damaged=self.damaged, ledger=ledger)
        model = Model(
            prep, encoders=choice.encoders, fusion=choice.fusion, task=choice.task, seed=seed
        )
        plan = self._plan(choice.plan, seed)
        run = train(model, learn, valid, plan=plan, quiet=not self.verbose)
        self.model_ = run.model
        self.history_ = list(run.history)
        self.ledger_ = (*ledger, *(fault for fault in run.ledger if fault not in set(ledger)))
        _warn(self.ledger_)

    def _fusion(self, schema: Schema, rows: int) -> Fusion:
        width = int(self.width)
        if self.fusion is None:
            given = next(iter((self.encoders or {}).values()), None)
            return fusion_for(schema, rows, given.width if given else width)[0]
        if not isinstance(self.fusion, str):
            return copy.deepcopy(self.fusion)
        if self.fusion not in FUSIONS:
            msg = f"no fusion is called {self.fusion!r}{nearest(self.fusion, FUSIONS)}"
            raise PartError(msg)
        return FUSIONS[self.fusion](width=width)

    def _plan(self, plan: Plan, seed: int) -> Plan:
        """Take what was given; no clock decides, so that the same call gives the same model."""
        if self.plan is None:
            plan = dataclasses.replace(plan, minutes=None, precision="fp32")
        return dataclasses.replace(
            plan,
            seed=seed,
            keep="best" if self.validation_fraction else "last",
            epochs=plan.epochs if self.epochs is None else plain(self.epochs),
            rate=plan.rate if self.rate is None else plain(self.rate),
        )

    def _shares(self, table: Table, schema: Schema, seed: int) -> tuple[Table, Table | None]:
        share = self.validation_fraction
        if not share or len(table) < FEWEST_TO_SPLIT:
            return table, None
        learn, valid = table.split(1 - share, share, seed=seed, group=schema.group)
        return learn, valid

    def _answers(self, X: Any) -> list[Answer]:  # noqa: N803
        check_is_fitted(self, "model_")
        table = self._table(X, reset=False).with_schema(self.model_.schema, partial=True)
        answers = self.model_.answers(list(table))
        _warn([fault for answer in answers for fault in answer.faults])
        return answers

    def __getstate__(self) -> dict[str, Any]:
        """Give the state with the model as the bytes of its folder, which holds no code."""
        state = dict(super().__getstate__())
        model = state.pop("model_", None)
        if model is not None:
            state["_files"] = _packed(model)
            parts = [*model.encoders.values(), model.fusion, model.task]
            state["_parts"] = {type(part).__name__: type(part) for part in parts}
        return state

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Take the state back."""
        state = dict(state)
        files, parts = state.pop("_files", None), state.pop("_parts", None)
        super().__setstate__(state)
        if files is not None:
            self.model_ = _unpacked(files, parts)


class SensoriumClassifier(ClassifierMixin, _Estimator):  # type: ignore[misc]
    """A multimodal classifier; X may be an array of numbers, a frame, a list of dicts, a Table."""

    def fit(self, X: Any, y: Any) -> "SensoriumClassifier":  # noqa: N803
        """Learn to tell the classes in y.

        Errors:
            ValueError: what cannot be learned from, as scikit-learn has it; TableError is one.
        """
        table = self._table(X, reset=True)
        labels = column_or_1d(_given(self, y), warn=True)
        check_consistent_length(table, labels)
        _check_known(labels)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            msg = f"there is nothing to learn: all rows are of one class, {self.classes_[0]}"
            raise TableError(msg)
        (name,) = free_names(table, 1)
        table = table.with_column(name, [f"{number:09d}" for number in numbers])
        self._learn(table, {name: Category()}, Classify(name))
        return self

    def predict_proba(self, X: Any) -> Floats:  # noqa: N803
        """Give the probability of each class, Float32[rows classes], as ``classes_`` has them."""
        answers = self._answers(X)
        known = [int(name) for name in self.model_.classes]
        table = np.zeros((len(answers), len(self.classes_)), np.float32)
        for row, answer in enumerate(answers):
            (scores,) = answer.scores.values()
            table[row, known] = list(scores.values())
        return table

    def predict(self, X: Any) -> NDArray[Any]:  # noqa: N803
        """Give the most probable class of each row."""
        best = self.predict_proba(X).argmax(axis=1)
        return np.asarray(self.classes_[best])


class SensoriumRegressor(RegressorMixin, _Estimator):  # type: ignore[misc]
    """A multimodal regressor of one number or several."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(self, X: Any, y: Any) -> "SensoriumRegressor":  # noqa: N803
        """Learn the numbers in y, [rows] or [rows outputs].

        Errors:
            ValueError: what cannot be learned from, as scikit-learn has it; TableError is one.
        """
        table = self._table(X, reset=True)
        numbers = check_array(_given(self, y), ensure_2d=False, dtype=np.float64, input_name="y")
        check_consistent_length(table, numbers)
        self._flat = numbers.ndim == 1
        columns = numbers.reshape(len(numbers), -1)
        names = free_names(table, columns.shape[1])
        for place, name in enumerate(names):
            table = table.with_column(name, columns[:, place].tolist())
        self._learn(table, dict.fromkeys(names, Number()), Regress(*names))
        return self

    def predict(self, X: Any) -> Floats:  # noqa: N803
        """Give each row's number, Float32[rows], or numbers, Float64[rows outputs].

        The model computes in 32 bits; scikit-learn wants tables of outputs in 64.
        """
        values = [answer.value for answer in self._answers(X)]
        rows = [list(v.values()) if isinstance(v, Mapping) else [v] for v in values]
        table = np.array(rows, np.float64).reshape(len(rows), -1)
        return table[:, 0].astype(np.float32) if self._flat else table


def _check_known(labels: NDArray[Any]) -> None:
    gaps = [row for row, label in enumerate(labels) if labels.dtype == object and missing(label)]
    if gaps:
        msg = (
            f"y has no label in {counted(len(gaps), 'row')}, the first is row {gaps[0]}; leave out "
            "rows without one"
        )
        raise TableError(msg)


def _given(estimator: _Estimator, y: Any) -> Any:
    if y is None:
        name = type(estimator).__name__
        msg = f"{name} requires y to be passed, but the target y is None."
        raise TableError(msg)
    return y


def _warn(faults: Sequence[Fault]) -> None:
    if faults:
        ledger = Ledger()
        for fault in faults:
            ledger.add(fault)
        msg = f"{counted(len(ledger), 'damaged cell')} taken as absent:\n{ledger.message()}"
        warnings.warn(msg, UserWarning, stacklevel=4)


def _packed(model: Model) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        saved = model.save(Path(folder, "model"))
        files = [file for file in saved.rglob("*") if file.is_file()]
        return {str(file.relative_to(saved)): file.read_bytes() for file in files}


def _unpacked(files: Mapping[str, bytes], parts: Mapping[str, type]) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            file = Path(folder, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)
        return load(folder, parts=parts)
