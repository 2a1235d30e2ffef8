"""Few-shot probes: scikit-learn on the vectors that a model gives, which stay as they are."""

from math import inf
from typing import Any, Literal

from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sensorium.core.counted import counted
from sensorium.core.errors import PartError, TableError
from sensorium.data.sample import is_missing
from sensorium.model import Model, Row
from sensorium.preprocess import Table
from sensorium.search.embed import embedded, embedded_rows

Kind = Literal["logistic", "knn"]


class Probe:
    """Classes learned from a few rows, on frozen vectors.

    Args:
        model: embeds the rows; nothing of it is changed.
        column: whose vectors are looked at; None takes the fused vector.
        kind: ``"logistic"`` regression, or the ``"knn"``, nearest neighbours by cosine.
        strength: of the regression, scikit-learn's C (1); the number of neighbours (5).

    Errors:
        PartError: another kind, a column that the model does not have, or a strength that is not
            above 0.
    """

    def __init__(
        self,
        model: Model,
        column: str | None = None,
        *,
        kind: Kind = "logistic",
        strength: float | None = None,
    ) -> None:
        if kind not in ("logistic", "knn"):
            msg = f"kind is 'logistic' or 'knn', found {kind!r}"
            raise PartError(msg)
        if column is not None and column not in model.names:
            msg = f"the model has no input {column!r}; it has {list(model.names)}"
            raise PartError(msg)
        _check_strength(kind, strength)
        self.model = model
        self.column = column
        self.kind = kind
        self.strength = strength
        self.classes: tuple[str, ...] = ()

    def fit(self, table: Table, target: str) -> "Probe":
        """Learn the classes in a column of a table; rows without cell or class are left out.

        Errors:
            TableError: fewer than two classes.
        """
        places, vectors = self._vectors(table)
        cells = table.cells(target)
        names = [cells[place] for place in places.tolist()]
        known = [number for number, name in enumerate(names) if not is_missing(name)]
        classes = sorted({str(names[number]) for number in known})
        if len(classes) < 2:
            met = counted(len(classes), "class", "classes")
            msg = f"{target!r} has {met} in rows with a vector; two are needed"
            raise TableError(msg)
        self.classes = tuple(classes)
        self._learned = self._make(len(known))
        self._learned.fit(vectors[known], [str(names[number]) for number in known])
        return self

    def predict(self, table: Table) -> list[str | None]:
        """Give a class a row; None where there is no cell.

        Errors:
            PartError: it was not fitted.
        """
        self._check_fitted()
        places, vectors = self._vectors(table)
        answers: list[str | None] = [None] * len(table)
        if len(places):
            for place, name in zip(places.tolist(), self._learned.predict(vectors), strict=True):
                answers[place] = str(name)
        return answers

    def predict_rows(self, *rows: Row) -> list[str | None]:
        """Give a class for each of some rows; None where there is no cell.

        Errors:
            PartError: it was not fitted.
        """
        self._check_fitted()
        if not rows:
            return []
        there, vectors = embedded_rows(self.model, self.column, rows)
        found = self._learned.predict(vectors)
        return [str(name) if known else None for name, known in zip(found, there, strict=True)]

    def _check_fitted(self) -> None:
        if not self.classes:
            msg = "the probe has learned no classes yet; call fit(table, target) first"
            raise PartError(msg)

    def _vectors(self, table: Table) -> Any:
        shelf = self.model.shelf(table)
        places, vectors = embedded(self.model, self.column, shelf)
        return shelf.kept[places], vectors

    def _make(self, rows: int) -> Any:
        if self.kind == "knn":
            neighbours = max(1, min(int(self.strength or 5), rows))
            return KNeighborsClassifier(neighbours, metric="cosine", weights="distance")
        plain = LogisticRegression(C=self.strength or 1.0, max_iter=2_000)
        return make_pipeline(StandardScaler(), plain)


def _check_strength(kind: Kind, strength: float | None) -> None:
    if strength is None:
        return
    fits = 0 < strength < inf
    if kind == "knn" and not (fits and float(strength).is_integer()):
        msg = f"strength is the number of neighbours, a whole number from 1 on, found {strength}"
        raise PartError(msg)
    if not fits:
        msg = f"strength is scikit-learn's C, a number above 0, found {strength}"
        raise PartError(msg)
