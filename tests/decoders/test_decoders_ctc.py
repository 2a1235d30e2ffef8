"""CTC against brute force over all alignments, on sizes where they can be counted."""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from sensorium.decoders import CTC, Heard, aligned, ctc_losses, greedy, prefix_beam
from sensorium.testing.gradients import check_gradients

Chances = NDArray[np.float64]
BLANK = 2


def heard_at(time: int, ids: int, seed: int = 0, sharp: float = 1.0) -> Chances:
    scores = np.random.default_rng(seed).normal(0, sharp, (time, ids))
    found: Chances = scores - np.log(np.exp(scores).sum(1, keepdims=True))
    return found


def merged(path: Sequence[int], blank: int) -> tuple[int, ...]:
    return tuple(token for token, _ in itertools.groupby(path) if token != blank)


def alignments(log_probs: Chances) -> dict[tuple[int, ...], list[tuple[int, ...]]]:
    found: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    time, ids = log_probs.shape
    for path in itertools.product(range(ids), repeat=time):
        found.setdefault(merged(path, ids - 1), []).append(path)
    return found


def worth(log_probs: Chances, path: Sequence[int]) -> float:
    return float(sum(log_probs[step, token] for step, token in enumerate(path)))


def summed(log_probs: Chances, paths: Sequence[Sequence[int]]) -> float:
    return float(np.logaddexp.reduce([worth(log_probs, path) for path in paths]))


def test_the_loss_is_that_of_all_alignments() -> None:
    time, ids = 5, 3
    log_probs = np.stack([heard_at(time, ids, seed) for seed in range(4)])
    texts: list[tuple[int, ...]] = [(0, 1), (0, 0), (1,), ()]
    lengths = [5, 4, 2, 3]
    mask = torch.arange(time)[None] < torch.tensor(lengths)[:, None]
    tokens = torch.tensor([[*text, *[1] * (2 - len(text))] for text in texts])
    real = torch.arange(2)[None] < torch.tensor([len(text) for text in texts])[:, None]
    found = ctc_losses(torch.from_numpy(log_probs), mask, tokens, real)
    for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        own = log_probs[row, :length]
        expected = -summed(own, alignments(own)[text]) / max(1, len(text))
        assert float(found[row]) == pytest.approx(expected, abs=1e-10)


def test_a_text_longer_than_its_time_teaches_nothing() -> None:
    log_probs = torch.from_numpy(heard_at(3, 3)[None]).requires_grad_()
    for text in ([0, 1, 0, 1], [0, 0, 1]):  # a repeated token needs a blank between
        tokens = torch.tensor([text])
        found = ctc_losses(log_probs, torch.ones(1, 3).bool(), tokens, torch.ones_like(tokens) > 0)
        assert found.tolist() == [0.0]
        found.sum().backward()
        assert log_probs.grad is not None
        assert not log_probs.grad.any()


def test_gradients_agree_with_finite_differences() -> None:
    torch.manual_seed(0)
    part = CTC(6, 3).double()
    steps = torch.randn(2, 5, 6, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True] * 5, [True] * 4 + [False]])
    tokens, real = torch.tensor([[0, 2], [1, 0]]), torch.tensor([[True, True], [True, False]])

    def total() -> torch.Tensor:
        return ctc_losses(part(steps), mask, tokens, real).sum()

    check_gradients(total, dict(part.named_parameters()), [steps])


def test_it_says_log_probabilities_of_the_tokens_and_the_blank() -> None:
    part = CTC(6, 3)
    found = part(torch.randn(2, 5, 6))
    assert found.shape == (2, 5, 4)
    assert torch.allclose(found.exp().sum(2), torch.ones(2, 5))
    assert part.blank == 3
    assert part(torch.randn(1, 2, 6).bfloat16().float()).dtype == torch.float32
    assert part.double()(torch.randn(1, 2, 6).double()).dtype == torch.float64


def spelled(path: Sequence[int], ids: int = 3, sure: float = 0.9) -> Chances:
    """Make log-probabilities whose best path is this one."""
    chances = np.full((len(path), ids), (1 - sure) / (ids - 1))
    chances[np.arange(len(path)), list(path)] = sure
    return np.log(chances)


def test_greedy_by_hand() -> None:
    found = greedy(spelled([2, 0, 0, 2, 0, 1, 1, 2]))
    assert found.ids == (0, 0, 1)
    assert found.starts == (1, 4, 5)
    assert found.ends == (3, 5, 7)
    assert found.chances == pytest.approx((0.9, 0.9, 0.9))
    assert found.score == pytest.approx(8 * math.log(0.9))
    assert greedy(spelled([2, 2])).ids == ()
    assert (greedy(spelled([0])).ids, greedy(spelled([0])).ends) == ((0,), (1,))


def test_nothing_to_hear_is_the_empty_text() -> None:
    none = np.zeros((0, 3))
    assert greedy(none) == Heard((), (), (), (), 0.0)
    (found,) = prefix_beam(none, 4)
    assert found == Heard((), (), (), (), 0.0)
    assert aligned(none, ()) == Heard((), (), (), (), 0.0)
    assert aligned(none, (0, 1)) == Heard((0, 1), (0, 0), (0, 0), (0.0, 0.0), 0.0)


@pytest.mark.parametrize("seed", range(5))
def test_wide_beams_sum_over_all_alignments(seed: int) -> None:
    log_probs = heard_at(5, 3, seed)
    sums = {text: summed(log_probs, paths) for text, paths in alignments(log_probs).items()}
    found = prefix_beam(log_probs, 200)
    assert len(found) == len(sums)
    for one in found:
        assert one.score == pytest.approx(sums[one.ids], abs=1e-9)
    assert [one.score for one in found] == pytest.approx(sorted(sums.values(), reverse=True))


def test_beams_find_the_text_that_greedy_misses() -> None:
    """Of Graves: no single alignment of "0" is the best path, but all of them together are."""
    log_probs = np.log(np.array([[0.4, 0.6], [0.4, 0.6]]))
    assert greedy(log_probs).ids == ()
    found = prefix_beam(log_probs, 2)
    assert found[0].ids == (0,)
    assert found[0].score == pytest.approx(math.log(1 - 0.36))
    assert found[0].chances == pytest.approx((0.4,))


def test_few_beams_give_a_lower_bound() -> None:
    log_probs = heard_at(6, 4, sharp=2.0)
    sums = {text: summed(log_probs, paths) for text, paths in alignments(log_probs).items()}
    for beams in (1, 2, 8):
        found = prefix_beam(log_probs, beams)
        assert 1 <= len(found) <= beams
        assert all(one.score <= sums[one.ids] + 1e-9 for one in found)


def test_only_texts_that_are_allowed_are_heard() -> None:
    log_probs = heard_at(5, 3, 1)
    words = {(0, 1), (1, 1, 0)}
    starts = {word[:n] for word in words for n in range(len(word) + 1)}
    sums = {word: summed(log_probs, alignments(log_probs)[word]) for word in words}
    allowed: Callable[[tuple[int, ...]], bool] = starts.__contains__
    found = prefix_beam(log_probs, 50, allowed=allowed, finished=words.__contains__)
    assert {one.ids: one.score for one in found} == pytest.approx(sums)
    (none,) = prefix_beam(log_probs, 50, allowed=lambda _: False, finished=bool)
    assert none.ids == ()
    assert none.score == pytest.approx(log_probs[:, BLANK].sum())


def test_a_text_that_breaks_off_within_a_word_is_cut_back_to_its_last_whole_one() -> None:
    words = {(0,), (0, 1, 0, 1)}
    starts = {word[:n] for word in words for n in range(len(word) + 1)}
    log_probs = np.log(np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.8, 0.1, 0.1]]))
    (found,) = prefix_beam(log_probs, 1, allowed=starts.__contains__, finished=words.__contains__)
    assert found.ids == (0,)
    assert found.score == pytest.approx(summed(log_probs, alignments(log_probs)[0,]))


def test_a_bonus_ranks_what_was_found_and_does_not_change_its_score() -> None:
    log_probs = heard_at(5, 3, 2)
    plain = prefix_beam(log_probs, 50)
    ranked = prefix_beam(log_probs, 50, bonus=lambda ids: 100.0 * len(ids))
    assert {one.ids: one.score for one in ranked} == {one.ids: one.score for one in plain}
    lengths = [len(one.ids) for one in ranked]
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("seed", range(4))
def test_alignment_by_brute_force(seed: int) -> None:
    log_probs = heard_at(6, 3, seed, sharp=2.0)
    for text, paths in alignments(log_probs).items():
        found = aligned(log_probs, text, score=-1.5)
        best = max(paths, key=lambda path: worth(log_probs, path))
        assert found.ids == text
        assert found.score == -1.5
        runs = [
            [place for place, _ in run]
            for token, run in itertools.groupby(enumerate(best), key=lambda pair: pair[1])
            if token != BLANK
        ]
        assert found.starts == tuple(run[0] for run in runs)
        assert found.ends == tuple(run[-1] + 1 for run in runs)
        for run, token, chance in zip(runs, text, found.chances, strict=True):
            assert chance == pytest.approx(np.exp(log_probs[run, token]).max())


def test_a_text_that_so_few_steps_cannot_hold_has_no_times_of_its_own() -> None:
    for text in ((0, 1, 0, 1), (0, 0, 1)):
        found = aligned(heard_at(3, 3), text)
        assert (found.ids, found.starts, found.ends) == (text, (0,) * len(text), (3,) * len(text))
        assert found.chances == (0.0,) * len(text)
