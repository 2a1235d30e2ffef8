"""How scores become texts, on chains whose every text's probability is known."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from decoders_made import Chain, asked
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from sensorium.core.describe import build, describe
from sensorium.core.errors import PartError
from sensorium.decoders import DECODERS, Draft, Sampling, check_sampling, stream, write
from sensorium.decoders.sampling import narrowed

A, B, C, END = 0, 1, 2, 3
TRAP = [  # the likelier first step leads where nothing is likely
    [0.25, 0.25, 0.25, 0.25],  # after a
    [0.05, 0.05, 0.00, 0.90],  # after b
    [0.25, 0.25, 0.25, 0.25],  # after c
    [0.60, 0.40, 0.00, 0.00],  # at the beginning
]
LOOP = [  # a is liked best, again and again
    [0.50, 0.30, 0.10, 0.10],
    [0.40, 0.10, 0.10, 0.40],
    [0.10, 0.10, 0.10, 0.70],
    [0.70, 0.20, 0.10, 0.00],
]
ONLY = {"length_penalty": 0.0}


def texts(chain: Chain, sampling: Sampling, *tables: int) -> list[list[Draft]]:
    return write(chain, *asked(*(tables or (0,))), sampling)


def one(chain: Chain, **options: float) -> Draft:
    ((draft,),) = texts(chain, Sampling(**options))  # type: ignore[arg-type]
    return draft


def every(table: list[list[float]], most: int) -> dict[tuple[int, ...], float]:
    """Give the probability of every text that ends within so many steps, by brute force."""
    found = {}
    for length in range(most):
        for ids in itertools.product(range(len(table) - 1), repeat=length):
            steps = itertools.pairwise((END, *ids, END))
            chance = math.prod(table[a][b] for a, b in steps)
            if chance:
                found[ids] = chance
    return found


def test_greedy_takes_the_best_token_each_time() -> None:
    draft = one(Chain(TRAP, limit=3))
    assert draft.ids == (A, A, A)  # the first of equals, until the limit
    assert not draft.ended
    assert draft.log_probs == pytest.approx([math.log(0.6), math.log(0.25), math.log(0.25)])


def test_two_beams_find_what_greedy_misses() -> None:
    draft = one(Chain(TRAP), beams=2, **ONLY)
    assert draft.ids == (B,)
    assert draft.ended
    assert draft.log_probs == pytest.approx([math.log(0.4), math.log(0.9)])
    assert draft.score(0.0) == pytest.approx(math.log(0.36))
    assert draft.score(1.0) == pytest.approx(math.log(0.36) / 2)


def test_the_end_counts_as_a_token_and_the_empty_text_is_one() -> None:
    draft = one(Chain([[0.0, 1.0], [0.3, 0.7]]), beams=2)
    assert draft.ids == ()
    assert draft.ended
    assert draft.log_probs == pytest.approx([math.log(0.7)])


@pytest.mark.parametrize("table", [TRAP, LOOP])
@pytest.mark.parametrize("penalty", [0.0, 0.5, 1.0, 2.0, -1.0])
def test_wide_beams_find_what_exhaustive_search_finds(
    table: list[list[float]], penalty: float
) -> None:
    most = 4
    chances = every(table, most)
    worth = {ids: math.log(p) / (len(ids) + 1) ** penalty for ids, p in chances.items()}
    best = sorted(worth.values(), reverse=True)[:5]
    wide = Sampling(beams=81, candidates=5, length_penalty=penalty, max_tokens=most)
    (found,) = texts(Chain(table), wide)
    assert [draft.score(penalty) for draft in found] == pytest.approx(best, abs=1e-5)
    for draft in found:
        assert draft.ended
        assert sum(draft.log_probs) == pytest.approx(math.log(chances[draft.ids]), abs=1e-5)


def test_few_beams_are_never_better_than_all() -> None:
    for table in (TRAP, LOOP):
        found = [one(Chain(table), beams=n, **ONLY) for n in (2, 3, 8, 81)]
        ended = [draft.score(0.0) for draft in found if draft.ended]
        assert max(ended) == ended[-1]


def test_the_length_penalty_by_hand() -> None:
    """Of "c" (0.1 * 0.7) and "a b" (0.7 * 0.3 * 0.4), the longer wins as length is paid for."""
    chain = Chain([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.4, 0.0, 0.6]], limit=3)  # "" or "a b"
    assert one(chain, beams=3, length_penalty=0.0).ids == ()  # log .6 > log .4
    assert one(chain, beams=3, length_penalty=1.0).ids == (0, 1)  # log .6 / 1 < log .4 / 3
    assert math.log(0.6) < math.log(0.4) / 3


def test_unfinished_texts_stand_in_where_too_few_have_ended() -> None:
    chain = Chain([[0.9, 0.0, 0.1], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]], limit=3)
    (found,) = texts(chain, Sampling(beams=3, candidates=3, length_penalty=0.0))
    assert {draft.ids for draft in found if not draft.ended} >= {(1, 1, 1)}
    assert all(len(draft.ids) == 3 for draft in found if not draft.ended)
    assert len({draft.ids for draft in found}) == 3
    scores = [draft.score(0.0) for draft in found]
    assert scores == sorted(scores, reverse=True)


def test_the_repetition_penalty_by_hand() -> None:
    """Logits are log-probabilities here, below 0, so they are multiplied."""
    draft = one(Chain(LOOP, limit=3), repetition_penalty=2.0)
    # a (.7); then a at 2 log .5 = log .25 loses to b (.3); then of a at log .16, b at log .01,
    # c (.1) and the end (.4) the end wins.
    assert draft.ids == (A, B)
    assert draft.log_probs == pytest.approx([math.log(p) for p in (0.7, 0.3, 0.4)])
    assert one(Chain(LOOP, limit=3)).ids == (A, A, A)
    chain = Chain(LOOP, limit=3)
    chain.logits = chain.logits + 5.0  # above 0, they are divided: a at 4.31 / 2 < b at 3.8
    assert one(chain, repetition_penalty=2.0).ids[:2] == (A, B)


def test_beams_stand_by_the_repetition_penalty_in_the_end() -> None:
    """A text that repeats itself must not win after all, by what it would have been worth."""
    table = [[0.55, 0.05, 0.40], [0.1, 0.1, 0.8], [0.9, 0.1, 0.0]]
    options = {"beams": 9, "length_penalty": 2.0, "max_tokens": 4}
    assert one(Chain(table), **options).ids == (0, 0, 0)
    assert one(Chain(table), repetition_penalty=50.0, **options).ids in ((0,), (0, 1))


@pytest.mark.parametrize("beams", [1, 3])
def test_what_may_never_be_written_is_not(beams: int) -> None:
    chain = Chain(LOOP)
    chain.never = (A,)
    chain.first_never = (B, END)
    draft = one(chain, beams=beams)
    assert draft.ids[:1] == (C,)
    assert A not in draft.ids
    assert draft.log_probs[0] == pytest.approx(math.log(0.1))  # as the decoder gave it


def test_limits() -> None:
    stuck = [[1.0, 0.0], [1.0, 0.0]]
    assert one(Chain(stuck, limit=5)).ids == (0,) * 5
    assert one(Chain(stuck, limit=5), max_tokens=2).ids == (0,) * 2
    assert one(Chain(stuck, limit=2), max_tokens=7).ids == (0,) * 7
    assert one(Chain(stuck, limit=5), beams=2).ids == (0,) * 5
    chain = Chain(stuck, limit=5)
    one(chain)
    assert chain.widest == 5  # its mark and four tokens; what follows the last is not asked


def test_rows_go_by_what_they_look_at_and_end_when_they_end() -> None:
    chain = Chain(TRAP, LOOP, [[0, 0, 0, 1.0]] * 4, limit=4)
    for sampling in (Sampling(), Sampling(beams=2), Sampling(temperature=1.0, candidates=3)):
        together = texts(chain, sampling, 0, 1, 2, 1)
        assert together == [texts(chain, sampling, row)[0] for row in (0, 1, 2, 1)]
        assert {draft.ids for draft in together[2]} == {()}


def test_draws_match_the_distribution() -> None:
    chances, many = every(LOOP, 3), 4_000
    (found,) = texts(Chain(LOOP), Sampling(temperature=1.0, candidates=many, max_tokens=3))
    counts = Counter(draft.ids for draft in found if draft.ended)
    assert set(counts) <= set(chances)
    rest = many - sum(counts.values())
    observed = [counts[ids] for ids in chances] + [rest]
    expected = [many * p for p in chances.values()] + [many * (1 - sum(chances.values()))]
    assert chisquare(observed, expected).pvalue > 0.001
    scores = [draft.score() for draft in found]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"temperature": 0.5}, [0.49, 0.04, 0.01]),
        ({"temperature": 2.0}, [0.7**0.5, 0.2**0.5, 0.1**0.5]),
        ({"temperature": 1.0, "top_k": 2}, [0.7, 0.2, 0.0]),
        ({"temperature": 1.0, "top_p": 0.71}, [0.7, 0.2, 0.0]),
        ({"temperature": 1.0, "top_p": 0.7}, [1.0, 0.0, 0.0]),
    ],
)
def test_temperature_and_narrowing_shape_the_draws(
    options: dict[str, float], expected: list[float]
) -> None:
    many = 3_000
    sampling = Sampling(candidates=many, max_tokens=1, **options)  # type: ignore[arg-type]
    (found,) = texts(Chain(LOOP), sampling)
    counts = Counter(draft.ids[0] for draft in found)
    total = sum(expected)
    kept = [token for token in (A, B, C) if expected[token]]
    assert set(counts) == set(kept)
    if len(kept) > 1:
        shares = [many * expected[token] / total for token in kept]
        assert chisquare([counts[token] for token in kept], shares).pvalue > 0.001
    for draft in found[:5]:  # told as the decoder gave it, not as it was narrowed
        assert draft.log_probs[0] == pytest.approx(math.log(LOOP[END][draft.ids[0]]), abs=1e-5)


def test_the_seed_decides_and_noise_of_ones_own_draws_every_row_apart() -> None:
    chain = Chain(LOOP)
    draw = Sampling(temperature=1.0, seed=4, max_tokens=4)
    rows = texts(chain, draw, 0, 0, 0)
    assert rows == texts(chain, draw, 0, 0, 0)
    assert rows[0] == rows[1] == rows[2]  # a row's text depends on no other
    others = {texts(chain, Sampling(temperature=1.0, seed=s))[0][0].ids for s in range(20)}
    assert len(others) > 3
    memory, mask = asked(*([0] * 40))
    apart = [
        write(chain, memory, mask, draw, noise=torch.Generator().manual_seed(seed))
        for seed in (1, 1, 2)
    ]
    assert apart[0] == apart[1] != apart[2]
    assert len({row[0].ids for row in apart[0]}) > 3


def test_a_temperature_however_low_takes_the_best() -> None:
    for temperature in (1e-3, 1e-12, 1e-38, 1e-44):
        chain = Chain(LOOP, limit=3)
        chain.logits = chain.logits - 7.0
        chain.never = (END,)
        assert one(chain, temperature=temperature).ids == (A, A, A)


def test_narrowed_by_hand() -> None:
    logits = torch.log(torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]]))
    assert torch.equal(narrowed(logits, 0, 1.0), logits)
    assert torch.equal(narrowed(logits, 3, 1.0), logits)
    kept = narrowed(logits, 2, 1.0).isfinite().tolist()
    assert kept[0] == [True, True, False]
    assert sum(kept[1]) == 2  # of equals, as many as were asked for
    assert narrowed(logits, 0, 0.5).isfinite().tolist() == [
        [True, False, False],
        [False] * 2 + [True],
    ]
    assert narrowed(logits, 0, 0.51).isfinite().tolist()[0] == [True, True, False]
    # First the two most probable, 5/8 and 3/8; then of these what reaches 0.6.
    assert narrowed(logits[:1], 2, 0.6).isfinite().tolist() == [[True, False, False]]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-8, 8, width=32), min_size=2, max_size=9),
    st.integers(0, 10),
    st.floats(0.01, 1.0),
)
def test_narrowed_keeps_the_best_and_no_more_than_needed(
    scores: list[float], top_k: int, top_p: float
) -> None:
    logits = torch.tensor([scores], dtype=torch.float64)
    found = narrowed(logits, top_k, top_p)[0]
    kept = found.isfinite()
    assert kept.any()
    assert torch.equal(found[kept], logits[0][kept])
    assert logits[0][kept].min() >= logits[0][~kept].max() if (~kept).any() else True
    if top_k:
        assert int(kept.sum()) <= top_k
    if not top_k and top_p < 1:
        shares = logits[0].softmax(0)
        assert shares[kept].sum() >= top_p - 1e-9
        assert shares[kept].sum() - shares[kept].min() < top_p + 1e-9


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"max_tokens": -1}, "max_tokens must be at least 0, found -1"),
        ({"beams": 0}, "beams must be at least 1"),
        ({"temperature": -0.1}, "temperature must be at least 0"),
        ({"temperature": math.nan}, "temperature must be at least 0, found nan"),
        ({"temperature": math.inf}, "temperature"),
        ({"top_k": -2}, "top_k"),
        ({"top_p": 0.0}, "top_p lies above 0 and up to 1"),
        ({"top_p": 1.1}, "top_p"),
        ({"candidates": 0}, "candidates"),
        ({"length_penalty": math.nan}, "length_penalty"),
        ({"repetition_penalty": 0.0}, "repetition_penalty must be above 0"),
        ({"repetition_penalty": math.nan}, "repetition_penalty"),
        ({"beams": 2, "temperature": 1.0}, "beams go without temperature"),
        ({"beams": 2, "candidates": 3}, "2 beams give 2 candidates at most"),
        ({"candidates": 3}, "several candidates need beams, or a temperature"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict[str, float], hint: str) -> None:
    with pytest.raises(PartError, match=hint):
        Sampling(**options)  # type: ignore[arg-type]


def test_all_bad_options_are_named_at_once() -> None:
    with pytest.raises(PartError) as caught:
        Sampling(max_tokens=-1, beams=0, temperature=-1, top_k=-1, top_p=2, candidates=0,
                 length_penalty=math.inf, repetition_penalty=-1)  # fmt: skip
    assert str(caught.value).count("\n  - ") == 8


def test_it_is_described_by_its_options() -> None:
    sampling = Sampling(beams=3, length_penalty=0.7)
    assert repr(sampling) == "Sampling(beams=3, length_penalty=0.7)"
    assert build(describe(sampling), DECODERS) == sampling


def test_a_stream_is_of_one_text_and_leaves_the_caller_alone() -> None:
    chain = Chain(LOOP, limit=3)
    for sampling in (Sampling(beams=2), Sampling(candidates=2, temperature=1.0)):
        with pytest.raises(PartError, match="set beams=1 and candidates=1"):
            next(stream(chain, *asked(0), sampling))
    steps = stream(chain, *asked(0))
    assert next(steps) == [(A,)]
    assert not torch.is_inference_mode_enabled()
    assert torch.ones(1, requires_grad=True).mul(2).requires_grad
    assert list(steps) == [[(A, A)], [(A, A, A)]]


def test_no_rows_give_no_texts() -> None:
    memory, mask = asked(0)
    for sampling in (Sampling(), Sampling(beams=2), Sampling(temperature=1.0)):
        assert write(Chain(LOOP), memory[:0], mask[:0], sampling) == []


def test_what_is_no_number_or_draws_nothing_is_refused() -> None:
    loose = Sampling()
    for name, value in {"max_tokens": 2.5, "beams": True, "temperature": "hot"}.items():
        object.__setattr__(loose, name, value)  # past the types, as without their checks
    with pytest.raises(PartError) as fault:
        loose.__post_init__()
    for said in ("max_tokens is a whole number, found 2.5", "beams is a whole", "temperature is a"):
        assert said in str(fault.value)
    for options in ({"top_k": 3}, {"top_p": 0.9}):
        with pytest.raises(PartError, match="set a temperature above 0"):
            Sampling(**options)  # type: ignore[arg-type]
    object.__setattr__(loose, "max_tokens", np.int64(3))
    object.__setattr__(loose, "beams", np.int64(1))
    object.__setattr__(loose, "temperature", np.float32(0.5))
    loose.__post_init__()
    with pytest.raises(PartError, match=r"such as sensorium\.Sampling\(beams=3\), found 'beam'"):
        check_sampling("beam")
