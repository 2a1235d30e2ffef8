"""Align: what its loss compares, what it leaves out, and what it answers."""

from typing import Any

import numpy as np
import pytest
import torch

from sensorium.align import contrastive, similarity_distil
from sensorium.core.batch import Batch, Column, Features, Fused
from sensorium.core.describe import build, describe
from sensorium.core.errors import PartError
from sensorium.core.schema import Number, Vector
from sensorium.preprocess import step_for
from sensorium.preprocess.step import Step
from sensorium.tasks import TASKS, Align

WIDTH = 6
NAMES = ("photo", "caption", "clip")


def column(rows: int, present: Any = None, identity: Any = None) -> Column:
    there = torch.ones(rows, dtype=torch.bool) if present is None else torch.tensor(present)
    same = None if identity is None else torch.tensor(identity)
    return Column(torch.randn(rows, 2), there.unsqueeze(1), there, identity=same)


def prepared(task: Align, columns: dict[str, Column]) -> tuple[Features, Batch, dict[str, Any]]:
    rows = len(next(iter(columns.values())).present)
    parts = {name: torch.randn(rows, WIDTH, requires_grad=True) for name in columns}
    tokens = torch.zeros(rows, 1, WIDTH)
    present = {name: one.present for name, one in columns.items()}
    fused = Fused(tokens[:, 0], tokens, torch.ones(rows, 1, dtype=torch.bool), parts, present)
    batch = Batch(columns, tuple(range(rows)))
    task.setup(WIDTH, tuple(columns), {})
    return task(fused, batch), batch, parts


def test_the_loss_is_the_contrastive_softmax() -> None:
    task = Align("photo", "caption", scale=5.0)
    features, batch, parts = prepared(task, {n: column(4) for n in ("photo", "caption")})
    found = task.loss(features, batch)
    scale = torch.tensor(5.0).log()
    assert list(found) == ["photo~caption"]
    assert found["photo~caption"].item() == pytest.approx(
        contrastive(parts["photo"], parts["caption"], scale).item(), abs=1e-6
    )


def test_equal_cells_are_no_negatives() -> None:
    """Rows 0 and 1 show one picture: each of its captions belongs to both."""
    task = Align("photo", "caption", scale=5.0)
    columns = {"photo": column(3, identity=[7, 7, 8]), "caption": column(3, identity=[1, 2, 3])}
    features, batch, parts = prepared(task, columns)
    positives = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    scale = torch.tensor(5.0).log()
    wanted = contrastive(parts["photo"], parts["caption"], scale, positives)
    assert task.loss(features, batch)["photo~caption"].item() == pytest.approx(wanted.item())


def test_equal_values_are_equal_cells_where_nothing_says_so() -> None:
    task = Align("photo", "caption")
    columns = {"photo": column(3), "caption": column(3)}
    columns["photo"].values[1] = columns["photo"].values[0]
    features, batch, _ = prepared(task, columns)
    said = task.loss(features, batch)["photo~caption"]
    columns = {
        "photo": Column(*_of(columns["photo"]), identity=torch.tensor([5, 5, 6])),
        "caption": Column(*_of(columns["caption"]), identity=torch.tensor([1, 2, 3])),
    }
    assert torch.equal(said, task.loss(features, Batch(columns, batch.rows))["photo~caption"])


def _of(one: Column) -> tuple[Any, ...]:
    return one.values, one.mask, one.present


def test_absent_cells_count_for_nothing() -> None:
    task = Align("photo", "caption")
    photo, caption = [True, False, True, True], [True, True, True, False]
    columns = {"photo": column(4, photo), "caption": column(4, caption)}
    features, batch, parts = prepared(task, columns)
    sum(task.loss(features, batch).values()).backward()
    assert parts["photo"].grad[1].eq(0).all()
    assert parts["caption"].grad[3].eq(0).all()
    assert parts["photo"].grad[3].eq(0).all()
    assert parts["photo"].grad[0].ne(0).any()


@pytest.mark.parametrize(
    ("anchor", "pairs"),
    [
        (None, ["photo~caption", "photo~clip", "caption~clip"]),
        ("caption", ["caption~photo", "caption~clip"]),
    ],
)
def test_all_pairs_or_those_with_the_anchor(anchor: Any, pairs: list[str]) -> None:
    task = Align(*NAMES, anchor=anchor)
    features, batch, _ = prepared(task, {name: column(5) for name in NAMES})
    assert list(task.loss(features, batch)) == pairs
    assert list(task.predict(features)[0]) == pairs


def test_the_answer_is_how_well_the_cells_of_a_row_fit() -> None:
    task = Align("photo", "caption")
    columns = {"photo": column(3), "caption": column(3, [True, True, False])}
    features, _, parts = prepared(task, columns)
    near = torch.cosine_similarity(parts["photo"], parts["caption"])
    answers = task.predict(features)
    assert answers[:2] == pytest.approx(near[:2].tolist(), abs=1e-6)
    assert answers[2] is None


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_it_is_built_again_from_its_description(kind: Any) -> None:
    task = Align("photo", "caption", kind=kind, anchor="photo", scale=3.0)
    again = build(describe(task), TASKS)
    assert describe(again) == describe(task)
    again.setup(WIDTH, ("photo", "caption"), {})
    cosine = torch.tensor([0.5])
    task.setup(WIDTH, ("photo", "caption"), {})
    assert torch.equal(task.logits(cosine), again.logits(cosine))
    offset = -10.0 if kind == "sigmoid" else 0.0
    assert task.logits(cosine).item() == pytest.approx(1.5 + offset, abs=1e-5)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Align("photo"), "at least two columns"),
        (lambda: Align("photo", "photo"), "at least two columns"),
        (lambda: Align("photo", "caption", anchor="phot"), "did you mean 'photo'"),
        (lambda: Align("photo", "caption", hard=-1.0), "hard"),
        (lambda: Align("photo", "caption", kind="sigmoid", hard=0.5), "softmax loss only"),
        (lambda: Align("photo", "caption", bias=1.0), "sigmoid loss only"),
        (lambda: Align(*NAMES, teacher={"phto": "a", "clip": "b"}), "did you mean 'photo'"),
        (lambda: Align(*NAMES, teacher={"photo": "a"}), "both columns of a pair"),
        (
            lambda: Align(*NAMES, anchor="clip", teacher={"photo": "a", "caption": "b"}),
            "both columns of a pair",
        ),
        (lambda: Align(*NAMES, teacher={"photo": "a", "clip": "a"}), "a column of their own"),
        (lambda: Align(*NAMES, teacher={"photo": "clip", "clip": "b"}), "a column of their own"),
    ],
)
def test_what_cannot_be_is_said(make: Any, says: str) -> None:
    with pytest.raises(PartError, match=says):
        make()


def test_a_column_that_is_no_input_is_named() -> None:
    with pytest.raises(PartError, match=r"'captoin'.*did you mean 'caption'"):
        Align("photo", "captoin").setup(WIDTH, ("photo", "caption"), {})


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_every_weight_of_the_loss_is_reached_from_the_outputs(kind: Any) -> None:
    """A model wrapped for many processes refuses gradients of weights that are not."""
    task = Align("a", "b", kind=kind)
    features, *_ = prepared(task, {"a": column(3), "b": column(3)})
    torch.stack([x.sum() for x in features.outputs.values()]).sum().backward()
    weights = dict(task.named_parameters())
    assert weights
    assert all(w.grad is not None and w.grad == 0 for w in weights.values())


TEACHER = {"photo": "photo.taught", "caption": "caption.taught"}


def taught(kind: Any = "softmax", rows: int = 6) -> tuple[Align, Features, Batch, Any, Any]:
    """A task with a teacher, of whose vectors row 2 lacks one; and these as the table has them."""
    task = Align("photo", "caption", kind=kind, scale=5.0, teacher=TEACHER)
    columns, steps, told = {n: column(rows) for n in TEACHER}, {}, {}
    for number, name in enumerate(TEACHER.values()):
        torch.manual_seed(number)
        told[name] = 3 + 2 * torch.randn(rows, 4)
        cells: list[Any] = [vector.numpy() for vector in told[name]]
        if number:
            cells[2] = None
        steps[name] = step_for(Vector())
        columns[name] = steps[name].fit(cells)(cells)
    torch.manual_seed(7)
    parts = {name: torch.randn(rows, WIDTH, requires_grad=True) for name in TEACHER}
    tokens = torch.zeros(rows, 1, WIDTH)
    there = dict.fromkeys(TEACHER, torch.ones(rows, dtype=torch.bool))
    fused = Fused(tokens[:, 0], tokens, torch.ones(rows, 1, dtype=torch.bool), parts, there)
    batch = Batch(columns, tuple(range(rows)))
    task.setup(WIDTH, tuple(TEACHER), steps)
    return task, task(fused, batch), batch, parts, told


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_a_teacher_adds_how_alike_it_finds_the_rows_that_it_knows(kind: Any) -> None:
    task, features, batch, parts, told = taught(kind)
    found = task.loss(features, batch)
    assert list(found) == ["photo~caption", "photo~caption teacher"]
    known = torch.tensor([0, 1, 3, 4, 5])
    sides = [parts[name][known] for name in TEACHER]
    teachers = [told[name][known] for name in TEACHER.values()]
    scale = torch.tensor(5.0).log()
    wanted = similarity_distil(*sides, *teachers, scale, scale)
    assert found["photo~caption teacher"].item() == pytest.approx(wanted.item(), rel=1e-4)
    found["photo~caption teacher"].backward()
    assert parts["photo"].grad[2].eq(0).all()
    assert parts["photo"].grad[known].ne(0).any(1).all()


def test_no_row_of_the_teachers_costs_nothing() -> None:
    task, features, batch, _, _ = taught()
    for name in TEACHER.values():
        batch.columns[name].present[:] = False
    found = task.loss(features, batch)["photo~caption teacher"]
    assert found.item() == 0
    assert found.requires_grad


def test_a_teachers_column_that_holds_no_vectors_is_named() -> None:
    with pytest.raises(PartError, match=r"'photo.taught' is no target.*sm.Vector"):
        Align("photo", "caption", teacher=TEACHER).setup(WIDTH, tuple(TEACHER), {})
    steps: dict[str, Step] = {name: step_for(Number()) for name in TEACHER.values()}
    with pytest.raises(PartError, match="of kind 'number'"):
        Align("photo", "caption", teacher=TEACHER).setup(WIDTH, tuple(TEACHER), steps)
    steps = {
        name: step_for(Vector()).fit([np.zeros(4 + number, np.float32)])
        for number, name in enumerate(TEACHER.values())
    }
    with pytest.raises(PartError, match=r"'photo.taught' and .* vectors of 4 and 5 numbers, .*one"):
        Align("photo", "caption", teacher=TEACHER).setup(WIDTH, tuple(TEACHER), steps)
