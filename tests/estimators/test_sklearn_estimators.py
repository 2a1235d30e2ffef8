"""The estimators where scikit-learn's users put them: searches, pipelines, frames with media."""

# ruff: noqa: N806 - X is the name in this field

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import sensorium
from sensorium.core.errors import PartError, PlanError, TableError
from sensorium.core.schema import Image, Text
from sensorium.encoders import Categories, NGrams, Pretrained
from sensorium.fusion import Gated
from sensorium.sklearn import SensoriumClassifier, SensoriumRegressor
from sensorium.train import Plan

QUICK: dict[str, Any] = {"width": 16, "epochs": 8, "rate": 0.02}
MEDIA = ["photo", "review", "price", "shop"]


@pytest.fixture(scope="session")
def frame(mixed: Any) -> pd.DataFrame:
    return pd.DataFrame(mixed.rows)


@pytest.fixture
def classifier(mixed: Any) -> SensoriumClassifier:
    return SensoriumClassifier(
        kinds={"photo": Image(size=16), "review": Text(max_tokens=8, vocabulary=300)},
        folder=mixed.folder,
        **QUICK,
    )


def test_a_frame_with_media_is_learned(frame: pd.DataFrame, classifier: Any) -> None:
    classifier.fit(frame[MEDIA], frame["mood"])
    assert classifier.score(frame[MEDIA], frame["mood"]) >= 0.9
    assert list(classifier.classes_) == ["calm", "cross", "glad"]
    assert list(classifier.feature_names_in_) == MEDIA
    assert classifier.n_features_in_ == 4
    assert {name: field.kind for name, field in classifier.model_.schema.inputs.items()} == {
        "photo": "image",
        "review": "text",
        "price": "number",
        "shop": "category",
    }


def test_cross_validation_works_with_media(frame: pd.DataFrame, classifier: Any) -> None:
    scores = cross_val_score(classifier, frame[MEDIA], frame["mood"], cv=2)
    assert scores.shape == (2,)
    assert scores.min() >= 0.75


def test_a_grid_can_be_searched_inside_a_pipeline(frame: pd.DataFrame, classifier: Any) -> None:
    def shout(columns: pd.DataFrame) -> pd.DataFrame:
        return columns.assign(review=columns["review"].str.upper())

    line = Pipeline([("shout", FunctionTransformer(shout)), ("learn", classifier)])
    grid = {"learn__fusion": ["Concat", Gated(width=16)], "learn__rate": [0.02, 1e-6]}
    search = GridSearchCV(line, grid, cv=2).fit(frame[MEDIA], frame["mood"])
    assert search.best_params_["learn__rate"] == 0.02
    assert len(search.cv_results_["mean_test_score"]) == 4
    assert search.predict(frame[MEDIA]).shape == (48,)


@pytest.mark.parametrize("form", ["rows", "table", "polars"])
def test_other_forms_of_a_table_give_the_same_answers(
    frame: pd.DataFrame, classifier: Any, form: str
) -> None:
    """Lists of dicts, tables and polars frames hold the same cells as the pandas frame."""
    forms: dict[str, Callable[[pd.DataFrame], Any]] = {
        "rows": lambda columns: columns.to_dict("records"),
        "table": lambda columns: sensorium.read(columns.to_dict("records")),
        "polars": lambda columns: pl.DataFrame(columns.to_dict("list")),
    }
    other = clone(classifier).fit(forms[form](frame[MEDIA]), frame["mood"])
    chances = classifier.fit(frame[MEDIA], frame["mood"]).predict_proba(frame[MEDIA])
    np.testing.assert_array_equal(other.predict_proba(forms[form](frame[MEDIA])), chances)
    assert list(other.feature_names_in_) == MEDIA


def test_missing_cells_are_no_fault(frame: pd.DataFrame, classifier: Any) -> None:
    holes = frame[MEDIA].copy()
    holes.loc[::3, "photo"] = None
    holes.loc[1::3, "price"] = np.nan
    classifier.fit(holes, frame["mood"])
    assert classifier.ledger_ == ()
    assert classifier.score(holes, frame["mood"]) >= 0.9
    nothing = pd.DataFrame([dict.fromkeys(MEDIA)])
    np.testing.assert_allclose(classifier.predict_proba(nothing).sum(), 1.0, atol=1e-5)


def test_damaged_cells_are_named(make_mixed: Callable[..., Any]) -> None:
    mixed = make_mixed(rows=24, damaged=1)
    ((row, column),) = mixed.damaged
    assert column == "photo"
    table, moods = pd.DataFrame(mixed.rows)[["photo", "price"]], [r["mood"] for r in mixed.rows]
    model = SensoriumClassifier(kinds={"photo": Image(size=16)}, folder=mixed.folder, **QUICK)
    with pytest.warns(UserWarning, match=rf"row {row}, column 'photo', file .*photo{row}"):
        model.fit(table, moods)
    assert [(fault.row, fault.column) for fault in model.ledger_] == [(row, "photo")]
    with pytest.warns(UserWarning, match="1 damaged cell taken as absent"):
        assert len(model.predict(table)) == 24
    strict = clone(model).set_params(damaged="error")
    with pytest.raises(TableError, match=f"row {row}, column 'photo'"):
        strict.fit(table, moods)


def test_numbers_may_be_missing_in_an_array() -> None:
    X, y = load_iris(return_X_y=True)
    X[::5, 2] = np.nan
    model = SensoriumClassifier(**QUICK).fit(X, y)
    assert model.score(X, y) >= 0.9
    with pytest.raises(ValueError, match="infinity"):
        model.predict(np.full((1, 4), np.inf))


def test_a_wide_array_is_one_vector_a_row() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 100))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    model = SensoriumClassifier(**QUICK).fit(X, y)
    assert list(model.model_.schema.inputs) == ["x"]
    assert model.n_features_in_ == 100
    assert model.score(X, y) >= 0.9
    X[7, 3] = np.nan
    with pytest.raises(TableError, match="NaN in 1 of 90 rows"):
        model.fit(X, y)


def test_many_classes_keep_their_order() -> None:
    """Eleven classes and more: numbers must not be sorted as words."""
    y = np.repeat(np.arange(12) * 10, 10)
    X = np.c_[y / 10.0, -y / 10.0]
    model = SensoriumClassifier(width=32, epochs=40, rate=0.02).fit(X, y)
    assert list(model.classes_) == list(range(0, 120, 10))
    assert model.score(X, y) >= 0.9
    assert model.predict_proba(X).shape == (120, 12)


def test_several_numbers_are_learned_at_once() -> None:
    X = np.random.default_rng(0).normal(size=(96, 3))
    y = np.c_[3 * X[:, 0] + 100, X[:, 1] - X[:, 2]]
    model = SensoriumRegressor(width=32, epochs=30, rate=0.01).fit(X, y)
    assert model.predict(X).shape == (96, 2)
    assert model.score(X, y) >= 0.9
    assert model.predict(X)[:, 0].mean() == pytest.approx(100, abs=1)
    assert clone(model).fit(X, y[:, 0]).predict(X).shape == (96,)


def test_a_pickled_estimator_gives_the_same_bits(frame: pd.DataFrame, classifier: Any) -> None:
    """The pickle holds the bytes of a model folder; the user's own parts are found by class."""
    classifier.set_params(fusion=Mine(width=16)).fit(frame[MEDIA], frame["mood"])
    before = classifier.predict_proba(frame[MEDIA])
    for again in (pickle.loads(pickle.dumps(classifier)), copy.deepcopy(classifier)):  # noqa: S301
        np.testing.assert_array_equal(again.predict_proba(frame[MEDIA]), before)
        assert isinstance(again.model_.fusion, Mine)
    assert isinstance(classifier.__getstate__()["_files"]["sensorium.json"], bytes)


class Mine(Gated):
    """A fusion of the user's own."""


def test_the_same_call_gives_the_same_bits() -> None:
    X, y = load_iris(return_X_y=True)
    first, second = (SensoriumClassifier(**QUICK).fit(X, y).predict_proba(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    other = SensoriumClassifier(random_state=1, **QUICK).fit(X, y).predict_proba(X)
    assert not np.array_equal(first, other)


def test_given_parts_are_used_and_left_alone(frame: pd.DataFrame, classifier: Any) -> None:
    encoders = {"shop": Categories(width=24), "review": NGrams(width=24)}
    before = [name for name, _ in encoders["shop"].named_parameters()]
    plan = Plan(epochs=2, optimiser="momentum", precision="fp32")
    classifier.set_params(encoders=encoders, plan=plan, epochs=None, rate=None)
    classifier.fit(frame[MEDIA], frame["mood"])
    assert classifier.model_.fusion.width == 24
    assert len(classifier.history_) == 2
    assert [name for name, _ in encoders["shop"].named_parameters()] == before


def test_validation_rows_choose_the_best_epoch() -> None:
    X, y = load_iris(return_X_y=True)
    model = SensoriumClassifier(validation_fraction=0.2, **QUICK).fit(X, y)
    assert all("valid" in record for record in model.history_)
    assert "valid" not in SensoriumClassifier(**QUICK).fit(X, y).history_[0]


def test_faults_are_said_plainly(tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(PartError, match="did you mean 'Gated'"):
        SensoriumClassifier(fusion="Gatd", **QUICK).fit(X, y)
    with pytest.raises(TableError, match="all rows are of one class, 1"):
        SensoriumClassifier(**QUICK).fit(X, np.ones(150, int))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        SensoriumRegressor(**QUICK).fit(X, y[:-1])


def test_a_pretrained_encoder_takes_its_own_tokenizer(tiny: Callable[[str], Path]) -> None:
    pytest.importorskip("transformers")
    rows = [{"word": ["red sky", "blue sea"][n % 2]} for n in range(12)]
    words = Pretrained(str(tiny("bert")), width=16)
    told = SensoriumClassifier(kinds={"word": Text()}, encoders={"word": words}, epochs=1)
    told.fit(rows, [n % 2 for n in range(12)])
    assert told.model_.schema.inputs["word"].tokenizer == str(tiny("bert"))
    assert told.predict(rows).shape == (12,)


def test_what_cannot_be_read_or_learned_is_named() -> None:
    frame = pd.DataFrame({"word": ["a", "b"] * 6, "x": np.arange(12.0)})
    y = ["no", "yes"] * 6
    learner = SensoriumClassifier(**QUICK)
    with pytest.raises(TableError, match=r"array with words \(row 0, column 0: 'a'\)"):
        learner.fit(frame.to_numpy(), y)
    with pytest.raises(TableError, match=r"array with words \(row 0: 'a'\); give a DataFrame"):
        learner.fit(frame["word"], y)
    for given in ({"word": "a"}, "table.csv"):
        with pytest.raises(TableError, match=r"X is a .*; give a DataFrame"):
            learner.fit(given, y)
    for gaps in (np.array(["no", None] * 6, object), pd.Series(["no", pd.NA] * 6, dtype="string")):
        with pytest.raises(TableError, match="no label in 6 rows, the first is row 1"):
            learner.fit(frame, gaps)
    with pytest.raises(PlanError) as caught:
        SensoriumClassifier().set_params(width=0, damaged="skip").fit(frame, y)
    assert "damaged is 'absent' or 'error'" in str(caught.value)
    assert "width is a whole number of 1 or more, found 0" in str(caught.value)
    with pytest.raises(NotFittedError):
        learner.predict(frame)


def test_an_array_stays_numbers_beside_a_column_whose_kind_is_given() -> None:
    X = np.array([[n % 2, n % 3, 1.0, n] for n in range(30)])
    model = SensoriumClassifier(kinds={"x1": "category"}, **QUICK).fit(X, X[:, 0])
    inputs = model.model_.schema.inputs
    assert {name: field.kind for name, field in inputs.items()} == {
        "x0": "number", "x1": "category", "x2": "number", "x3": "number"
    }  # fmt: skip


def test_searches_may_count_with_numpy() -> None:
    X, y = load_iris(return_X_y=True)
    ways = {"epochs": np.arange(1, 3), "width": np.array([8])}
    search = GridSearchCV(SensoriumClassifier(), ways, cv=2, error_score="raise").fit(X, y)
    best = search.best_estimator_
    assert best.model_.fusion.width == 8
    assert copy.deepcopy(best).predict(X[:2]).shape == (2,)
