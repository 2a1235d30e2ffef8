"""Runs over altered rows: what is shuffled, what is taken away, what each input is worth."""

from importlib import import_module

import numpy as np
import pytest
import torch
from small_models import Taught, rows_of, taught

from sensorium.core.batch import Encoded
from sensorium.core.errors import PartError
from sensorium.core.schema import Category
from sensorium.data import read
from sensorium.evaluate import collect, evaluate
from sensorium.evaluate.alterations import Only, Shuffled, altered
from sensorium.evaluate.contribution import contributions, shuffles
from sensorium.evaluate.intervals import Resamples
from sensorium.evaluate.referee import Referee
from sensorium.evaluate.runs import run_altered
from sensorium.preprocess import Shelf

RUNS = import_module("sensorium.evaluate.runs")


def encoded(rows: int = 12) -> dict[str, Encoded]:
    return {
        name: Encoded(
            torch.arange(rows * 4.0).reshape(rows, 2, 2) + 100 * place,
            torch.ones(rows, 2, dtype=torch.bool),
            torch.arange(rows) % 3 > 0,
        )
        for place, name in enumerate(("photo", "words"))
    }


def test_shuffling_deals_whole_cells_to_other_rows_and_leaves_other_columns_alone() -> None:
    before = encoded()
    after = Shuffled(("photo",), seed=0)(before, 0)
    assert after["words"] is before["words"]
    moved = after["photo"]
    assert not torch.equal(moved.tokens, before["photo"].tokens)
    for row in range(12):
        source = int(moved.tokens[row, 0, 0]) // 4
        assert torch.equal(moved.tokens[row], before["photo"].tokens[source])
        assert moved.present[row] == before["photo"].present[source]
    assert moved.tokens.sum() == before["photo"].tokens.sum()


def test_each_repeat_and_each_batch_is_shuffled_anew_and_each_seed_again() -> None:
    def order(seed: int, repeat: int, batch: int) -> list[float]:
        shuffled = Shuffled(("photo",), seed, repeat)(encoded(), batch)
        return shuffled["photo"].tokens[:, 0, 0].tolist()

    orders = [order(0, 0, 0), order(0, 1, 0), order(0, 0, 1), order(1, 0, 0)]
    assert len({tuple(found) for found in orders}) == 4
    assert order(0, 0, 0) == orders[0]


def test_only_some_columns_stay() -> None:
    after = Only(("words",))(encoded(), 0)
    assert not after["photo"].present.any()
    assert not after["photo"].mask.any()
    assert after["words"].present.any()


def test_taking_encoded_columns_away_is_the_same_as_taking_cells_away(exclusive: Taught) -> None:
    shelf = Shelf.of(exclusive.model.prep, exclusive.test)
    places = np.arange(len(shelf))
    found = altered(exclusive.model, shelf, places, {"left": Only(("left",))}, rows_per_step=64)
    plain = collect(exclusive.model, shelf, without=("right",))
    assert found["left"]["answer"] == pytest.approx(plain.decided["answer"], abs=1e-6)


def test_altered_rows_keep_their_order_and_the_model_its_mode(exclusive: Taught) -> None:
    shelf = Shelf.of(exclusive.model.prep, exclusive.test)
    places = np.array([5, 3, 190, 4])
    exclusive.model.train()
    found = altered(exclusive.model, shelf, places, {"all": Only(("left", "right"))})
    assert exclusive.model.training
    exclusive.model.eval()
    plain = collect(exclusive.model, shelf).decided["answer"]
    assert found["all"]["answer"] == pytest.approx(plain[places], abs=1e-6)


def worth(model: Taught) -> dict[str, tuple[float, float]]:
    shelf = Shelf.of(model.model.prep, model.test)
    outcome = collect(model.model, shelf)
    judged = outcome.judged("answer")
    runs = run_altered(model.model, shelf)
    referee = Referee(judged.head, judged.truth[runs.places], Resamples(len(judged), 300))
    shuffled: dict[str, list[np.ndarray]] = {}
    for (column, _), answers in runs.shuffled.items():
        shuffled.setdefault(column, []).append(answers["answer"])
    found = contributions(referee, judged.decided[runs.places], shuffled)
    assert [c.loss.value for c in found] == sorted((c.loss.value for c in found), reverse=True)
    return {c.column: (c.loss.value, c.loss.low) for c in found}


def test_where_both_inputs_are_needed_each_contributes_half(exclusive: Taught) -> None:
    found = worth(exclusive)
    assert set(found) == {"left", "right"}
    for value, low in found.values():
        assert value == pytest.approx(0.5, abs=0.08)
        assert low > 0.3


def test_an_input_of_noise_contributes_nothing(lonely: Taught) -> None:
    found = worth(lonely)
    assert found["left"][0] == pytest.approx(0.5, abs=0.08)
    assert found["right"][0] == 0


def test_what_is_lost_is_told_class_by_class(lonely: Taught) -> None:
    judged = collect(lonely.model, Shelf.of(lonely.model.prep, lonely.test)).judged("answer")
    referee = Referee(judged.head, judged.truth, Resamples(len(judged), 50))
    always = np.tile([0.9, 0.1], (len(judged), 1))
    (found,) = contributions(referee, judged.decided, {"left": [always]})
    assert found.by_class == {"no": pytest.approx(0.0), "yes": pytest.approx(1.0)}
    assert found.loss.value == pytest.approx((judged.truth == 1).mean())


def test_many_columns_are_shuffled_less_often() -> None:
    few, many = [f"c{i}" for i in range(20)], [f"c{i}" for i in range(21)]
    assert len(shuffles(few, 0)) == 20 * 5
    assert len(shuffles(many, 0)) == 21 * 2


def test_many_rows_are_sampled_for_the_many_runs_but_not_for_the_parts_alone(
    lonely: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RUNS, "LEAST", 30)
    monkeypatch.setattr(RUNS, "MOST", 50)
    shelf = Shelf.of(lonely.model.prep, lonely.test)
    runs = run_altered(lonely.model, shelf, seed=4)
    assert len(runs.places) == len(set(runs.places.tolist())) == 50
    assert {len(answers["answer"]) for answers in runs.shuffled.values()} == {50}
    assert {len(answers["answer"]) for answers in runs.alone.values()} == {200}
    assert (run_altered(lonely.model, shelf, seed=4).places == runs.places).all()
    assert not np.array_equal(run_altered(lonely.model, shelf, seed=5).places, runs.places)


def test_parts_alone_are_the_same_whether_sampled_or_not(
    exclusive: Taught, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf.of(exclusive.model.prep, exclusive.test)
    whole = run_altered(exclusive.model, shelf).alone["left"]["answer"]
    monkeypatch.setattr(RUNS, "MOST", 200 - 1)
    apart = run_altered(exclusive.model, shelf).alone["left"]["answer"]
    assert whole == pytest.approx(apart, abs=1e-6)


def test_collecting_keeps_truth_answers_presence_and_row_ids() -> None:
    rows = rows_of(lambda left, _: left, 30, 0)
    inputs = {"left": Category(), "right": Category()}
    model = taught(rows, rows, inputs).model
    some = [{**row} for row in rows[:5]]
    some[1]["left"] = None
    some[3]["answer"] = None
    some[4]["answer"] = "perhaps"
    table = read([*rows, *some]).with_schema(model.schema).slice(30, 35)
    outcome = collect(model, Shelf.of(model.prep, table), rows_per_step=2)
    assert outcome.rows == (30, 31, 32, 33, 34)
    assert outcome.present["left"].tolist() == [True, False, True, True, True]
    assert outcome.truth["answer"].tolist()[3:] == [-1, 2]
    judged = outcome.judged("answer")
    assert judged.index.tolist() == [0, 1, 2, 4]
    assert judged.decided.shape == (4, 2)
    assert set(judged.alone) == {"left", "right"}
    assert judged.decided.sum(1) == pytest.approx(np.ones(4))


def test_an_unknown_column_cannot_be_taken_away(lonely: Taught) -> None:
    shelf = Shelf.of(lonely.model.prep, lonely.test)
    with pytest.raises(PartError, match=r"no input 'lef' \(did you mean 'left'\?\)"):
        collect(lonely.model, shelf, without=("lef",))


def test_no_rows_cannot_be_judged(lonely: Taught) -> None:
    shelf = Shelf.of(lonely.model.prep, lonely.test.slice(0, 0))
    with pytest.raises(PartError, match="no rows to judge"):
        collect(lonely.model, shelf)


def test_not_every_column_can_be_taken_away(lonely: Taught) -> None:
    with pytest.raises(PartError, match=r"no input is left to judge"):
        evaluate(lonely.model, lonely.test, without=list(lonely.model.names))
    one, *_ = lonely.model.names
    assert evaluate(lonely.model, lonely.test, without=one).without == (one,)
