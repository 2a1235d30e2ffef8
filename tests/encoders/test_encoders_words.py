"""Text encoders against hand computations: bags, hashes, dropped tokens, stems."""

import pytest
import torch
import torch.nn.functional as F

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import PartError
from sensorium.encoders import Encoder, NGrams, TextCNN, TextLSTM, TextTransformer, WordVectors
from sensorium.encoders.ngrams import grams, hash_grams
from sensorium.encoders.text import UNKNOWN, drop_tokens

LAYOUT = Layout("text", vocabulary=20, length=6)
IDS = torch.tensor([[5, 9, 5, 9], [7, 3, 0, 0]])


def texts(ids: torch.Tensor = IDS) -> Column:
    return Column(ids, ids > 0, (ids > 0).any(1))


def ready(encoder: Encoder) -> Encoder:
    torch.manual_seed(0)
    encoder.setup(LAYOUT)
    return encoder.eval()


def test_dropped_tokens_become_unknown_and_padding_stays() -> None:
    torch.manual_seed(0)
    ids = torch.full((100, 50), 7)
    ids[:, 40:] = 0
    dropped = drop_tokens(ids, 0.3, training=True)
    assert set(dropped.unique().tolist()) == {0, UNKNOWN, 7}
    assert not dropped[:, 40:].any()
    assert 0.27 < (dropped[:, :40] == UNKNOWN).float().mean() < 0.33
    assert torch.equal(drop_tokens(ids, 0.3, training=False), ids)


def test_the_same_run_of_words_has_the_same_bucket_anywhere() -> None:
    buckets = hash_grams(IDS, 2, 1_000)
    assert buckets[0, 0] == buckets[0, 2]
    assert len({*buckets[0, :2].tolist(), *buckets[1].tolist()}) == 5
    assert hash_grams(torch.tensor([[5, 9]]), 2, 1_000)[0, 0] == buckets[0, 0]
    assert hash_grams(torch.tensor([[9, 5]]), 2, 1_000)[0, 0] != buckets[0, 0]


def by_hand(run: list[int], buckets: int) -> int:
    """Hash a run as ``hash_grams`` says it does, in Python's own numbers."""
    mixed = len(run)
    for token in run:
        mixed = (mixed ^ token) * 0x9E3779B97F4A7C15 % 2**64
        signed = mixed - 2**64 if mixed >= 2**63 else mixed
        mixed = (signed ^ (signed >> 29)) % 2**64
    return (mixed - 2**64 if mixed >= 2**63 else mixed) % buckets


def test_hashes_are_the_same_on_every_machine() -> None:
    ids = torch.tensor([[1, 2, 31_999]])
    assert hash_grams(ids, 3, 10_007).tolist() == [[by_hand([1, 2, 31_999], 10_007)]]
    pairs = [by_hand([1, 2], 20_000), by_hand([2, 31_999], 20_000)]
    assert hash_grams(ids, 2, 20_000).tolist() == [pairs]


def test_hashes_spread_evenly() -> None:
    pairs = torch.cartesian_prod(torch.arange(200), torch.arange(200))
    counts = torch.bincount(hash_grams(pairs, 2, 100).flatten(), minlength=100).float()
    assert counts.min() > 320
    assert counts.max() < 480


def test_only_runs_without_padding_are_real() -> None:
    runs, real = grams(IDS, IDS > 0, longest=3, buckets=100)
    assert runs.shape == (2, 3 + 2)
    assert real.tolist() == [[True] * 5, [True, False, False, False, False]]
    short, none = grams(IDS[:, :1], IDS[:, :1] > 0, longest=3, buckets=100)
    assert short.shape == none.shape == (2, 0)


def test_a_bag_is_the_weighted_sum_of_its_rows() -> None:
    encoder = ready(NGrams(width=4, longest=2, buckets=50, pace=0.5, rare=0.1))
    pair = int(hash_grams(torch.tensor([[7, 3]]), 2, 50)) + LAYOUT.vocabulary
    seen = {7: 9, 3: 4, pair: 0}
    for gram, count in seen.items():
        encoder.counts[gram] = count
    encoder.texts.fill_(9)
    shares = torch.tensor([(1 + count) / (1 + 9) for count in seen.values()])
    weights = (1 - shares.log()) * (shares / (shares + 0.1)).sqrt()
    weights = weights / weights.square().sum().sqrt()
    bag = 0.5 * (weights @ encoder.table[[7, 3, pair]])
    torch.testing.assert_close(encoder(texts()).pooled()[1], bag + encoder.mlp(bag))


def test_a_normed_bag_has_deviation_1_before_the_small_network() -> None:
    encoder = ready(NGrams(width=16, normed=True))
    kept: list[torch.Tensor] = []
    encoder.norm.register_forward_hook(lambda module, given, out: kept.append(out))
    encoder(texts())
    torch.testing.assert_close(kept[0].std(1, correction=0), torch.ones(2), rtol=0.1, atol=0.1)


def test_a_gram_is_counted_once_a_text_and_only_while_training() -> None:
    encoder = ready(NGrams(width=4, longest=1, buckets=1))
    twice = torch.tensor([[7, 7, 0], [7, 3, 3]])
    column = Column(twice, twice > 0, torch.ones(2, dtype=torch.bool))
    encoder(column)
    assert encoder.texts == 0
    encoder.train()
    encoder(column)
    encoder(column)
    assert encoder.texts == 4
    assert encoder.counts.nonzero().flatten().tolist() == [3, 7]
    assert encoder.counts[[3, 7]].tolist() == [2, 4]


def test_words_and_runs_are_left_out_only_while_training() -> None:
    encoder = ready(NGrams(width=4, gram_dropout=0.5, dropout=0.0))
    once, again = encoder(texts()).pooled(), encoder(texts()).pooled()
    assert torch.equal(once, again)
    encoder.train()
    torch.manual_seed(0)
    assert len({tuple(encoder(texts()).pooled()[0].tolist()) for _ in range(20)}) > 5


def test_a_phrase_is_found_wherever_it_stands() -> None:
    encoder = ready(TextCNN(width=4, lengths=(1,), features=3))
    vectors = encoder.embed.weight[[7, 3]].T
    layer = encoder.convolutions[0]
    found = F.relu(layer.weight[:, :, 0] @ vectors + layer.bias.unsqueeze(1)).T
    expected = encoder.mean(found) + encoder.largest(found.amax(0))
    torch.testing.assert_close(encoder(texts()).tokens[1, :2], expected)


def test_phrases_of_even_length_are_refused() -> None:
    with pytest.raises(PartError, match=r"odd lengths, found \[2\]"):
        TextCNN(width=4, lengths=(1, 2))


def test_the_order_of_words_is_lost_to_averages_alone() -> None:
    turned = IDS.clone()
    turned[1, :2] = IDS[1, [1, 0]]
    for encoder, lost in (
        (WordVectors(width=4), True),
        (NGrams(width=4, longest=1), True),
        (NGrams(width=4, longest=2), False),
        (TextCNN(width=4), False),
        (TextTransformer(width=4), False),
        (TextLSTM(width=4), False),
    ):
        ready(encoder)
        vectors = encoder(texts()).pooled(), encoder(texts(turned)).pooled()
        assert torch.allclose(*vectors, atol=1e-6) == lost, encoder


def test_a_stem_is_embeddings_and_positions_alone() -> None:
    encoder = ready(TextTransformer(width=4, depth=0))
    tokens = encoder(texts()).tokens
    torch.testing.assert_close(tokens[1, 1], encoder.embed.weight[3] + encoder.positions.table[1])
    assert not tokens[1, 2:].any()


def test_a_text_longer_than_any_in_training_is_read() -> None:
    encoder = ready(TextTransformer(width=4))
    assert encoder(texts(torch.full((1, 9), 3))).tokens.isfinite().all()
