"""Classify and Tag by hand: losses, weights, thresholds, decisions."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import f1_score

from sensorium.core.batch import Batch, Column, Fused
from sensorium.core.errors import PartError
from sensorium.core.schema import Category, Flag
from sensorium.fusion import Late
from sensorium.preprocess import step_for
from sensorium.tasks import Classify, Tag
from sensorium.tasks.class_head import ClassHead, class_losses
from sensorium.tasks.head import Head
from sensorium.tasks.tag_head import TagHead, tag_losses
from sensorium.tasks.threshold import best_threshold

LOGITS = torch.tensor([[2.0, 0.0, -1.0], [0.0, 1.0, 0.5], [0.3, 0.2, 0.1]], dtype=torch.float64)


def column(values, present=None):
    values = torch.tensor(values)
    there = torch.ones(len(values), dtype=torch.bool) if present is None else torch.tensor(present)
    return Column(values, there.unsqueeze(1), there)


# --- classes ----------------------------------------------------------------------------------


def test_cross_entropy_smoothing_and_focal_by_hand():
    truth = torch.tensor([0, 2, 1])
    p = np.exp(LOGITS.numpy())
    p /= p.sum(1, keepdims=True)
    given = p[range(3), truth]
    assert class_losses(LOGITS, truth).numpy() == pytest.approx(-np.log(given))
    smooth = -0.7 * np.log(given) - 0.3 * np.log(p).mean(1)
    assert class_losses(LOGITS, truth, 0.3).numpy() == pytest.approx(smooth)
    focal = -((1 - given) ** 2) * np.log(given)
    assert class_losses(LOGITS, truth, 0.0, 2.0).numpy() == pytest.approx(focal)


def test_focal_loss_of_a_sure_answer_has_a_finite_gradient():
    logits = torch.tensor([[200.0, 0.0]], requires_grad=True)
    class_losses(logits, torch.tensor([0]), focal=0.5).sum().backward()
    assert logits.grad.isfinite().all()


def test_rows_average_by_the_importance_of_their_class():
    head = ClassHead(4, 1, "abc", importance=[1.0, 3.0, 0.0]).double()
    each = F.cross_entropy(LOGITS, torch.tensor([0, 1, 2]), reduction="none")
    found = head.loss(LOGITS, column([[0], [1], [2]]))
    assert found.item() == pytest.approx((each[0] + 3 * each[1]).item() / 4)
    assert head.primary == "balanced_accuracy"


def test_a_class_never_seen_does_not_count_in_the_loss_but_in_the_scores():
    head = ClassHead(4, 1, "abc")
    target = column([[0], [3], [1]], [True, True, False])
    assert head.loss(LOGITS, target).item() == pytest.approx(
        F.cross_entropy(LOGITS[:1], torch.tensor([0])).item()
    )
    truth, decided = head.truth(target), head.decide(LOGITS)
    assert truth.tolist() == [0, 3, -1]
    known = head.known(truth)
    assert known.tolist() == [True, True, False]
    assert head.metrics(truth[known], decided[known])["accuracy"] == 0.5
    assert head.errors(truth[known], decided[known])[1] == pytest.approx(36.04, abs=0.01)


def test_only_rows_that_count_are_averaged():
    head = ClassHead(4, 1, "abc")
    target = column([[0], [1], [2]], [True, True, False])
    some = torch.tensor([False, True, True])
    assert head.loss(LOGITS, target, some).item() == pytest.approx(
        F.cross_entropy(LOGITS[1:2], torch.tensor([1])).item()
    )


def test_decisions_are_probabilities_and_answers_are_labels():
    head = ClassHead(4, 1, (False, True))
    decided = head.decide(torch.tensor([[0.0, math.log(3.0)], [5.0, 0.0]]))
    assert decided[0].tolist() == pytest.approx([0.25, 0.75])
    assert head.answers(decided) == [True, False]
    assert head.names == ("False", "True")
    assert head.metrics(np.array([1, 0]), decided)["auroc"] == 1.0


def ready(task, field, cells, width=4, names=("left", "right.one")):
    step = step_for(field)
    clean = [step.read(cell) for cell in cells]
    task.setup(width, names, {task.target: step.fit(clean)})
    return task, step(clean)


def test_balanced_weights_let_all_classes_count_alike():
    cells = ["a"] * 6 + ["b"] * 2 + ["c"]
    task, target = ready(Classify("y", class_weights="balanced"), Category(), cells)
    importance = task.heads["y"].importance.tolist()
    assert importance == pytest.approx([9 / 18, 9 / 6, 9 / 3])
    each = np.array(importance)[target.values[:, 0]]
    assert np.bincount(target.values[:, 0], each).tolist() == pytest.approx([3, 3, 3])


def test_weights_by_name():
    task, _ = ready(Classify("y", class_weights={"b": 5.0}), Category(), ["a", "b", "c"])
    assert task.heads["y"].importance.tolist() == [1, 5, 1]
    task, _ = ready(Classify("y", class_weights={"True": 4.0}), Flag(), [True, False])
    assert task.heads["y"].importance.tolist() == [1, 4]


def fused(rows, names, decide=None):
    present = torch.ones(len(names), rows, dtype=torch.bool)
    present[0, -1] = False
    vectors = torch.randn(len(names) + 1, rows, 4)
    return Fused(
        vectors[0],
        vectors.transpose(0, 1),
        torch.ones(rows, len(names) + 1, dtype=torch.bool),
        dict(zip(names, vectors[1:], strict=True)),
        dict(zip(names, present, strict=True)),
        decide,
    )


def test_losses_are_named_and_auxiliary_losses_weighted():
    names = ("left", "right.one")
    task, target = ready(Classify("y", auxiliary=0.25), Category(), ["a", "b", "a", "b"])
    given, batch = fused(4, names), Batch({"y": target}, tuple(range(4)))
    features = task(given, batch)
    losses = task.loss(features, batch)
    assert list(losses) == ["y", "y/left", "y/right.one"]
    head = task.heads["y"]
    assert torch.equal(losses["y"], head.loss(head.joint(given.pooled), target))
    alone = head.apart[0](given.parts["left"])[:3]  # the last row lacks it
    expected = 0.25 * F.cross_entropy(alone, target.values[:3, 0])
    assert losses["y/left"].item() == pytest.approx(expected.item())


def test_late_fusion_decides_from_the_parts():
    names = ("left", "right.one")
    late = Late(4, "mean")
    late.setup(names)
    task, target = ready(Classify("y"), Category(), ["a", "b", "a", "b"])
    given = fused(4, names, late.eval().decide)
    features = task(given, Batch({"y": target}, tuple(range(4))))
    p = [features.alone[name]["y"].softmax(-1) for name in names]
    assert torch.allclose(features.outputs["y"][:3].softmax(-1), ((p[0] + p[1]) / 2)[:3])
    assert torch.allclose(features.outputs["y"][3].softmax(-1), p[1][3])


def test_of_two_classes_the_second_is_answered_from_the_threshold_on():
    head = ClassHead(4, 1, (False, True), threshold=0.3)
    decided = np.array([[0.65, 0.35], [0.75, 0.25], [0.1, 0.9]])
    assert head.answers(decided) == [True, False, True]
    assert head.metrics(np.array([1, 0, 0]), decided)["accuracy"] == pytest.approx(2 / 3)
    assert head.score(np.array([1, 0, 0]), decided) == pytest.approx(2 / 3)
    assert not head.learns_threshold
    head.fit_thresholds(np.array([1, 1, 1]), decided)
    assert head.threshold.item() == pytest.approx(0.3)


def test_a_head_of_ones_own_answers_as_its_form_says():
    classes, tags = ClassHead(4, 1, "ab"), TagHead(4, 1, "xy")
    decided = np.array([[0.9, 0.6], [0.2, 0.7]])
    assert Head.chosen(classes, decided).tolist() == [0, 1]
    assert Head.chosen(tags, decided).tolist() == tags.chosen(decided).tolist()


def test_the_threshold_of_the_best_f1_is_learned_and_saved():
    head = ClassHead(4, 1, ("no", "yes"), threshold="f1")
    decided = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.5, 0.5]])
    head.fit_thresholds(np.array([0, 0, 1, 1, -1]), decided)
    assert head.threshold.item() == pytest.approx(0.25)
    assert head.answers(decided) == ["no", "no", "yes", "yes", "yes"]
    other = ClassHead(4, 1, ("no", "yes"), threshold="f1")
    other.load_state_dict(head.state_dict())
    assert other.threshold == head.threshold


def test_a_threshold_needs_two_classes_and_a_share():
    with pytest.raises(PartError, match=r"lies between 0 and 1, found 2\.0"):
        Classify("y", threshold=2.0)
    with pytest.raises(PartError, match="two classes; target 'y' has 3"):
        ready(Classify("y", threshold="f1"), Category(), ["a", "b", "c"])


# --- tags -------------------------------------------------------------------------------------


def test_late_fusion_decides_on_each_tag_by_itself():
    names = ("left", "right.one")
    late = Late(4, "product")
    late.setup(names)
    task, target = ready(Tag("y"), Category(many=True), ["a|b", "b", "c", "a|c"])
    given = fused(4, names, late.eval().decide)
    features = task(given, Batch({"y": target}, tuple(range(4))))
    both = features.alone["left"]["y"] + features.alone["right.one"]["y"]
    assert torch.allclose(features.outputs["y"][:3], both[:3], atol=1e-6)  # odds multiply
    assert torch.allclose(features.outputs["y"][3], features.alone["right.one"]["y"][3], atol=1e-6)


def test_binary_cross_entropy_and_focal_by_hand():
    logits = torch.tensor([[0.0, math.log(3.0)]])
    truth = torch.tensor([[1.0, 0.0]])
    given = np.array([0.5, 0.25])
    assert tag_losses(logits, truth)[0].numpy() == pytest.approx(-np.log(given))
    focal = -((1 - given) ** 2) * np.log(given)
    assert tag_losses(logits, truth, 2.0)[0].numpy() == pytest.approx(focal)


def test_tags_average_by_importance_over_rows_that_have_the_target():
    head = TagHead(4, 1, ("a", "b"), importance=[1.0, 3.0])
    logits = torch.tensor([[0.0, math.log(3.0)], [9.0, 9.0]])
    target = column([[1.0, 0.0], [1.0, 1.0]], [True, False])
    expected = (1 * -math.log(0.5) + 3 * -math.log(0.25)) / 4
    assert head.loss(logits, target).item() == pytest.approx(expected)
    assert head.truth(target).tolist() == [[1, 0], [-1, -1]]
    assert head.known(head.truth(target)).tolist() == [True, False]


def test_the_best_threshold_is_the_best_of_all_that_can_be():
    rng = np.random.default_rng(0)
    for _ in range(25):
        rows = int(rng.integers(2, 30))
        truth = rng.random(rows) < rng.random()
        probability = np.round(rng.random(rows), int(rng.integers(1, 4)))
        found = best_threshold(truth, probability)
        if truth.all() or not truth.any():
            assert found == 0.5
            continue
        tried = [f1_score(truth, probability >= t) for t in np.unique(probability)]
        assert f1_score(truth, probability >= found) == pytest.approx(max(tried))


def test_of_equally_good_thresholds_the_one_nearest_to_one_half_is_taken():
    truth = np.array([True, True, False, False])
    assert best_threshold(truth, np.array([0.9, 0.8, 0.1, 0.0])) == pytest.approx(0.45)
    assert best_threshold(np.array([True, False]), np.array([0.3, 0.1])) == pytest.approx(0.2)


def test_fitted_thresholds_change_answers_and_are_saved_with_the_weights():
    head = TagHead(4, 1, ("rare", "common"))
    truth = np.array([[1, 1], [1, 1], [0, 1], [0, 0], [-1, -1]])
    decided = np.array([[0.3, 0.9], [0.25, 0.8], [0.1, 0.7], [0.05, 0.65], [0.9, 0.0]])
    before = head.metrics(truth[:4], decided[:4])["f1_macro"]
    head.fit_thresholds(truth, decided)
    assert head.thresholds.tolist() == pytest.approx([0.175, 0.675])
    assert head.metrics(truth[:4], decided[:4])["f1_macro"] == 1.0 > before
    assert head.answers(decided) == [["rare", "common"]] * 2 + [["common"], [], ["rare"]]
    again = TagHead(4, 1, ("rare", "common"))
    again.load_state_dict(head.state_dict())
    assert again.answers(decided) == head.answers(decided)


def test_nearly_certain_tags_are_answered():
    head = TagHead(4, 1, ("a",))
    truth = np.array([[0], [0], [1], [1]])
    for logits in ([12.0, 13.0, 15.0, 16.0], [17.0, 17.2, 19.0, 19.5]):
        decided = head.decide(torch.tensor(logits, dtype=torch.float64)[:, None])
        head.fit_thresholds(truth, decided)
        assert head.answers(decided)[2:] == [["a"], ["a"]]
        # What lies between 1 - 2**-24 and 1 no threshold of 32 bits tells apart.
        assert head.answers(decided)[:2] == ([[], []] if logits[0] == 12 else [["a"], ["a"]])


def test_losses_of_half_precision_are_not_rounded():
    logits = torch.tensor([[0.0, 3.0], [1.0, -2.0], [0.5, 0.25]]).bfloat16()
    truth = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    there = [True] * 3
    head = TagHead(4, 1, ("a", "b"), importance=[1.0, 3.0])
    classes = column([[0], [1], [0]], there).values[:, 0].long()
    with torch.autocast("cpu", torch.bfloat16):
        tags = head.loss(logits, column(truth.tolist(), there))
        focal = class_losses(logits, classes, focal=2.0)
    exact = head.loss(logits.float(), column(truth.tolist(), there))
    torch.testing.assert_close(tags, exact)
    torch.testing.assert_close(focal, class_losses(logits.float(), classes, focal=2.0))
