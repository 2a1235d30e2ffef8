"""Searches against hand-made lists, averages over all orders of ties, and scikit-learn."""

import math
from itertools import permutations

import numpy as np
import pytest
from sklearn import metrics as sk

from sensorium.metrics import (
    average_precisions,
    mean_reciprocal_rank,
    median_rank,
    ndcg_at,
    ndcgs,
    place,
    ranks,
    recall_at,
    retrieval_map,
    retrieval_scores,
)

EXACT = 1e-12


def drawn(queries: int = 40, items: int = 25, levels: int = 0, share: float = 0.1, seed: int = 0):
    rng = np.random.default_rng(seed)
    relevance = rng.random((queries, items)) < share
    similarity = rng.normal(size=(queries, items)) + relevance
    if levels:  # few levels, many ties
        similarity = np.round(similarity * levels) / levels
    return similarity, relevance


def test_by_hand():
    similarity = np.array([[0.9, 0.8, 0.1], [0.9, 0.8, 0.1], [0.2, 0.3, 0.4], [0.1, 0.2, 0.3]])
    relevance = np.array([[1, 0, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0]], dtype=bool)
    places = place(similarity, relevance)
    assert ranks(places).tolist() == pytest.approx([1, 2, 3, math.nan], nan_ok=True)
    assert recall_at(places, 1) == pytest.approx(1 / 3, abs=EXACT)
    assert recall_at(places, 2) == pytest.approx(2 / 3, abs=EXACT)
    assert recall_at(places, 100) == 1.0
    assert median_rank(places) == 2.0
    assert mean_reciprocal_rank(places) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3, abs=EXACT)
    precision = (1 + (1 / 2 + 2 / 3) / 2 + 1 / 3) / 3
    assert retrieval_map(places) == pytest.approx(precision, abs=EXACT)
    second = (1 / math.log2(3)) / (1 + 1 / math.log2(3))
    assert ndcgs(places, 2).tolist() == pytest.approx([1, second, 0, math.nan], nan_ok=True)


def test_a_constant_similarity_finds_nothing_but_what_a_guess_finds():
    places = place(np.full((5, 9), 0.5), np.eye(5, 9, dtype=bool))
    assert ranks(places).tolist() == [5.0] * 5
    assert recall_at(places, 1) == 0.0
    assert recall_at(places, 4) == 0.0
    assert median_rank(places) == 5.0
    assert retrieval_map(places) == pytest.approx(1 / 9, abs=EXACT)


def test_a_model_that_gives_nan_is_as_good_as_a_constant_one():
    relevance = np.eye(5, 9, dtype=bool)
    assert ranks(place(np.full((5, 9), np.nan), relevance)).tolist() == [5.0] * 5
    similarity = np.where(relevance, np.nan, 0.0)
    assert ranks(place(similarity, relevance)).tolist() == [9.0] * 5


def test_ties_are_averaged_over_all_their_orders():
    similarity = np.array([[0.5, 0.5, 0.9, 0.5, 0.5, 0.5, 0.1]])
    relevance = np.array([[True, True, False, False, False, False, False]])
    found, gains = [], []
    for order in permutations((0, 1, 3, 4, 5)):
        listed = relevance[0, [2, *order, 6]]
        found.append(1 + int(np.argmax(listed)))
        worth = (listed / np.log2(np.arange(7) + 2))[:3].sum()
        gains.append(worth / (1 + 1 / math.log2(3)))
    places = place(similarity, relevance)
    assert ranks(places)[0] == pytest.approx(np.mean(found), abs=EXACT)
    assert ndcgs(places, 3)[0] == pytest.approx(np.mean(gains), abs=EXACT)


@pytest.mark.parametrize("levels", [0, 3, 1])
@pytest.mark.parametrize("k", [1, 5, 100])
def test_ndcg_like_scikit_learn(levels, k):
    similarity, relevance = drawn(levels=levels)
    some = relevance.any(1)
    theirs = sk.ndcg_score(relevance[some], similarity[some], k=k)
    assert ndcg_at(place(similarity, relevance), k) == pytest.approx(theirs, abs=EXACT)


@pytest.mark.parametrize("levels", [0, 3, 1])
def test_average_precision_like_scikit_learn(levels):
    similarity, relevance = drawn(levels=levels)
    found = average_precisions(place(similarity, relevance))
    some = relevance.any(1)
    theirs = [
        sk.average_precision_score(*row)
        for row in zip(relevance[some], similarity[some], strict=True)
    ]
    assert found[some].tolist() == pytest.approx(theirs, abs=EXACT)
    assert np.isnan(found[~some]).all()
    mean = retrieval_map(place(similarity, relevance))
    assert mean == pytest.approx(np.mean(theirs), abs=EXACT)


def test_ranks_without_ties_are_places_in_the_sorted_list():
    similarity, relevance = drawn(share=0.2)
    for row, rank in enumerate(ranks(place(similarity, relevance))):
        listed = relevance[row, np.argsort(-similarity[row])]
        assert rank == 1 + np.argmax(listed) if listed.any() else math.isnan(rank)


def test_scores_do_not_depend_on_the_order_of_items_or_queries():
    similarity, relevance = drawn(levels=2)
    rng = np.random.default_rng(1)
    items, queries = rng.permutation(25), rng.permutation(40)
    first = retrieval_scores(similarity, relevance)
    again = retrieval_scores(similarity[queries][:, items], relevance[queries][:, items])
    assert again == pytest.approx(first, abs=EXACT)


def test_queries_without_relevant_items_are_left_out():
    similarity, relevance = drawn()
    some = relevance.any(1)
    assert not some.all()
    alone = retrieval_scores(similarity[some], relevance[some])
    assert retrieval_scores(similarity, relevance) == pytest.approx(alone, abs=EXACT)


def test_many_draws_at_once_are_the_draws_one_by_one():
    similarity, relevance = drawn(levels=2)
    draws = np.random.default_rng(2).multinomial(40, np.ones(40) / 40, 20)
    draws[3, relevance.any(1)] = 0  # a draw of queries that look for nothing
    at_once = retrieval_scores(similarity, relevance, draws)
    for spot, draw in enumerate(draws):
        picked = np.repeat(np.arange(40), draw)
        repeated = retrieval_scores(similarity[picked], relevance[picked])
        alone = retrieval_scores(similarity, relevance, draw)
        for name, values in at_once.items():
            assert values.shape == (20,)
            assert values[spot] == pytest.approx(repeated[name], abs=EXACT, nan_ok=True)
            assert values[spot] == pytest.approx(alone[name], abs=EXACT, nan_ok=True)
    assert math.isnan(at_once["median_rank"][3])


def test_the_median_is_that_of_the_ranks_drawn():
    similarity, relevance = drawn(levels=2)
    places = place(similarity, relevance)
    assert median_rank(places) == np.nanmedian(ranks(places))
    draws = np.random.default_rng(3).multinomial(40, np.ones(40) / 40, 50)
    medians = [np.nanmedian(np.repeat(ranks(places), draw)) for draw in draws]
    assert median_rank(places, draws).tolist() == medians
    assert median_rank(place(np.array([[2.0, 1.0]] * 2), np.eye(2, dtype=bool))) == 1.5


def test_names_and_kinds():
    scores = retrieval_scores(*drawn(), at=(2, 20))
    assert list(scores) == [
        "recall_at_2",
        "recall_at_20",
        "median_rank",
        "mrr",
        "ndcg_at_20",
        "retrieval_map",
    ]
    assert all(isinstance(value, float) for value in scores.values())


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0), (4, 3)])
def test_nothing_to_find_scores_nan_and_does_not_fail(shape):
    scores = retrieval_scores(np.zeros(shape), np.zeros(shape, dtype=bool))
    assert all(math.isnan(value) for value in scores.values())
    drawn_twice = retrieval_scores(np.zeros(shape), np.zeros(shape, bool), np.ones((2, shape[0])))
    assert all(np.isnan(v).all() and v.shape == (2,) for v in drawn_twice.values())


def test_many_items_need_no_more_memory_than_a_few_rows():
    rng = np.random.default_rng(0)
    similarity = rng.random((1000, 4000), dtype=np.float32)
    relevance = np.zeros((1000, 4000), dtype=bool)
    relevance[np.arange(1000)[:, None], rng.integers(0, 4000, (1000, 5))] = True
    scores = retrieval_scores(similarity, relevance)
    assert 400 < scores["median_rank"] < 700  # the best of five among 4000: about 518
