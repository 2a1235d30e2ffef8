"""What every decoder promises: all at once or step by step, alone or among others, it is the same.

To hold a further decoder to it, add it to ``MAKERS``.
"""

from itertools import pairwise

import pytest
import torch
from decoders_made import LAYOUT, MAKERS, WIDTH, ready, said, seen
from torch import Tensor

from sensorium.core.describe import build, describe
from sensorium.decoders import DECODERS, Decoder, Draft, Sampling, stream, write
from sensorium.testing.gradients import check_gradients

CLOSE = 1e-10
WAYS = {
    "greedy": Sampling(max_tokens=7),
    "beams": Sampling(beams=3, candidates=3, max_tokens=6),
    "beams, long": Sampling(beams=4, candidates=2, length_penalty=2.0, max_tokens=6),
    "beams, short": Sampling(beams=2, candidates=2, length_penalty=-1.0, max_tokens=6),
    "beams without repetition": Sampling(beams=3, repetition_penalty=3.0, max_tokens=6),
    "draws": Sampling(temperature=1.0, candidates=3, max_tokens=6, seed=5),
    "draws of few": Sampling(temperature=0.7, top_k=4, top_p=0.8, candidates=2, seed=1),
}


@pytest.fixture(params=MAKERS)
def decoder(request: pytest.FixtureRequest) -> Decoder:
    return ready(request.param)


def apart(left: Tensor, right: Tensor) -> float:
    return float((left - right).detach().abs().max())


def same(left: list[Draft], right: list[Draft]) -> None:
    assert [draft.ids for draft in left] == [draft.ids for draft in right]
    assert [draft.ended for draft in left] == [draft.ended for draft in right]
    for one, other in zip(left, right, strict=True):
        assert one.log_probs == pytest.approx(other.log_probs, abs=1e-5)


def test_step_by_step_it_scores_as_all_at_once(decoder: Decoder) -> None:
    memory, mask = seen()
    tokens = said()
    whole = decoder(memory, mask, tokens)
    assert whole.shape == (4, 6, LAYOUT.vocabulary + 1)
    for first in (1, 2, 4, 6):  # a prefix of so many tokens is read at once
        state = decoder.start(memory, mask)
        assert state.steps == 0
        scores = [decoder.step(tokens[:, :first], state)]
        for step in range(first, 6):
            scores.append(decoder.step(tokens[:, step : step + 1], state))
        assert state.steps == 6
        assert apart(torch.stack(scores, 1), whole[:, first - 1 :]) < CLOSE


def test_several_tokens_are_read_behind_others(decoder: Decoder) -> None:
    memory, mask = seen()
    tokens = said()
    state = decoder.start(memory, mask)
    decoder.step(tokens[:, :2], state)
    found = decoder.step(tokens[:, 2:5], state)
    assert apart(found, decoder(memory, mask, tokens)[:, 4]) < CLOSE


def test_rows_are_selected_in_any_order_and_several_times(decoder: Decoder) -> None:
    memory, mask = seen()
    tokens, rows = said(), torch.tensor([2, 0, 0, 3])
    state = decoder.start(memory, mask)
    decoder.step(tokens[:, :3], state)
    chosen = state.select(rows)
    other = said(seed=9)[:, 3:4]
    found = decoder.step(other, chosen)
    text = torch.cat([tokens[rows, :3], other], 1)
    assert apart(found, decoder(memory[rows], mask[rows], text)[:, 3]) < CLOSE
    # What it was selected from goes on as if nothing had happened.
    again = decoder.step(tokens[:, 3:4], state)
    assert apart(again, decoder(memory, mask, tokens)[:, 3]) < CLOSE


def test_later_tokens_change_nothing_before_them(decoder: Decoder) -> None:
    memory, mask = seen()
    tokens, changed = said(), said()
    changed[:, 3:] = said(seed=4)[:, 3:]
    whole, other = decoder(memory, mask, tokens), decoder(memory, mask, changed)
    assert torch.equal(whole[:, :3], other[:, :3])
    assert apart(whole[:, 3], other[:, 3]) > 1e-3


def test_padding_of_the_memory_changes_nothing(decoder: Decoder) -> None:
    memory, mask = seen()
    tokens = said()
    noisy = torch.where(mask[..., None], memory, torch.full_like(memory, 7.0))
    longer = torch.cat([noisy, torch.randn(4, 3, WIDTH, dtype=torch.float64)], 1)
    real = torch.cat([mask, torch.zeros(4, 3, dtype=torch.bool)], 1)
    whole = decoder(memory, mask, tokens)
    assert apart(decoder(noisy, mask, tokens), whole) < CLOSE
    assert apart(decoder(longer, real, tokens), whole) < CLOSE


def test_a_row_does_not_see_other_rows_and_does_see_its_memory(decoder: Decoder) -> None:
    memory, mask = seen()
    tokens = said()
    whole = decoder(memory, mask, tokens)
    changed = memory.clone()
    changed[1] = torch.randn(5, WIDTH, dtype=torch.float64)
    found = decoder(changed, mask, tokens)
    kept = [0, 2, 3]
    assert apart(found[kept], whole[kept]) < CLOSE
    assert apart(found[1], whole[1]) > 1e-3


def test_a_row_with_nothing_to_look_at_is_finite(decoder: Decoder) -> None:
    memory, mask = seen()
    found = decoder(memory, torch.zeros_like(mask), said())
    assert found.isfinite().all()


@pytest.mark.parametrize("way", WAYS)
def test_many_rows_are_written_as_one_by_one(decoder: Decoder, way: str) -> None:
    memory, mask = seen(rows=5)
    together = write(decoder, memory, mask, WAYS[way])
    assert len(together) == 5
    assert {len(row) for row in together} == {WAYS[way].candidates}
    if way != "greedy":  # rows alike would show nothing
        assert len({row[0].ids for row in together}) > 1
    for row, drafts in enumerate(together):
        one = slice(row, row + 1)
        same(drafts, write(decoder, memory[one], mask[one], WAYS[way])[0])


@pytest.mark.parametrize("way", ["greedy", "beams", "draws"])
def test_a_prefix_is_read_and_not_given_again(decoder: Decoder, way: str) -> None:
    memory, mask = seen()
    first = write(decoder, memory, mask, WAYS[way])
    prefix = said()[:, 1:4]
    for drafts in write(decoder, memory, mask, WAYS[way], prefix):
        for draft in drafts:
            assert len(draft.ids) <= WAYS[way].max_tokens
    if way == "greedy":  # what it would say anyhow is said on
        row = max(range(4), key=lambda n: len(first[n][0].ids))
        ids = first[row][0].ids
        assert len(ids) >= 2
        one = slice(row, row + 1)
        ((on,),) = write(decoder, memory[one], mask[one], WAYS[way], torch.tensor([ids[:2]]))
        assert on.ids[: len(ids) - 2] == ids[2:]


def test_log_probs_are_those_of_the_whole_text(decoder: Decoder) -> None:
    memory, mask = seen()
    for way in WAYS.values():
        for row, drafts in enumerate(write(decoder, memory, mask, way)):
            for draft in drafts:
                marked = [*draft.ids, *([decoder.end] if draft.ended else [])]
                read = torch.tensor([[*decoder.begin, *marked[:-1]]])
                one = slice(row, row + 1)
                told = decoder(memory[one], mask[one], read).log_softmax(2)
                told = told[0, len(decoder.begin) - 1 :].gather(1, torch.tensor(marked)[:, None])
                assert draft.log_probs == pytest.approx(told[:, 0].tolist(), abs=1e-4)
                assert not set(draft.ids) & {*decoder.never, decoder.end}


@pytest.mark.parametrize("way", ["greedy", "draws"])
def test_a_stream_gives_what_is_written(decoder: Decoder, way: str) -> None:
    sampling = Sampling(max_tokens=7, temperature=WAYS[way].temperature, seed=3)
    memory, mask = seen()
    steps = list(stream(decoder, memory, mask, sampling))
    assert steps[-1] == [row[0].ids for row in write(decoder, memory, mask, sampling)]
    for before, after in pairwise(steps):
        assert all(b[: len(a)] == a for a, b in zip(before, after, strict=True))


def test_writing_goes_without_dropout_and_leaves_training_as_it_was(decoder: Decoder) -> None:
    memory, mask = seen()
    rest = write(decoder, memory, mask)
    decoder.train()
    assert write(decoder, memory, mask) == rest
    assert decoder.training
    for _ in stream(decoder, memory, mask):
        assert decoder.training
        assert not torch.is_inference_mode_enabled()


def test_attention_tells_where_each_token_was_looked_for(decoder: Decoder) -> None:
    memory, mask = seen()
    found = decoder.attention(memory, mask, said())
    assert found is not None
    assert found.shape == (4, 6, 5)
    assert torch.allclose(found.sum(2), torch.ones(4, 6, dtype=torch.float64))
    assert not found.masked_select(~mask[:, None].expand_as(found)).any()
    changed = said()
    changed[:, 4:] = said(seed=8)[:, 4:]
    other = decoder.attention(memory, mask, changed)
    assert other is not None
    assert apart(found[:, :4], other[:, :4]) < CLOSE


def test_gradients_agree_with_finite_differences(decoder: Decoder) -> None:
    memory, mask = seen(rows=2, time=3)
    memory.requires_grad_()
    tokens = said(rows=2, steps=4)

    def total() -> Tensor:
        scores = decoder(memory, mask[:2, :3], tokens).log_softmax(2)
        return -scores[:, :-1].gather(2, tokens[:, 1:, None]).sum()

    check_gradients(total, dict(decoder.named_parameters()), [memory])


def test_weights_and_keywords_make_it_again(decoder: Decoder) -> None:
    again = build(describe(decoder), DECODERS)
    again.setup(WIDTH, LAYOUT)
    again.load_state_dict(decoder.state_dict())
    memory, mask = seen()
    tokens = said()
    assert torch.equal(again.double().eval()(memory, mask, tokens), decoder(memory, mask, tokens))
    assert repr(again).startswith(type(decoder).__name__)


def test_the_same_seed_gives_the_same_weights() -> None:
    for name in MAKERS:
        one, two = ready(name).state_dict(), ready(name).state_dict()
        assert all(torch.equal(weight, two[key]) for key, weight in one.items())


def test_texts_longer_than_any_that_was_learned_are_read(decoder: Decoder) -> None:
    memory, mask = seen()
    long = said(steps=LAYOUT.length + 9)
    assert decoder(memory, mask, long).isfinite().all()
    (draft,) = write(decoder, memory[:1], mask[:1], Sampling(max_tokens=30))[0]
    assert len(draft.ids) <= 30


def test_marks_of_a_learned_tokenizer_are_never_written(decoder: Decoder) -> None:
    assert decoder.never == (0, 1)
    assert decoder.end == LAYOUT.vocabulary
    assert decoder.limit == LAYOUT.length + 1
