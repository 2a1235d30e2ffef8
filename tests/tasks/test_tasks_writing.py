"""What writers learn from and what becomes of it: losses by hand, teaching, rewards, lexicons."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from decoders_tabled import Tabled

from sensorium.core.batch import Batch, Column, Features, Fused
from sensorium.core.errors import PartError
from sensorium.core.schema import Text
from sensorium.decoders import NgramModel, Sampling
from sensorium.preprocess import target_step_for
from sensorium.preprocess.written import WrittenStep
from sensorium.tasks import Answer, Caption, Several, Teaching, Transcribe
from sensorium.tasks.head import as_rows
from sensorium.tasks.judging import FAMILIES, family_of
from sensorium.tasks.listener import Lexicon, listeners_of
from sensorium.tasks.words_head import WordsHead, token_losses
from sensorium.tasks.writer import Writer, writers_of

WIDTH = 8
FIELD = Text(tokenizer="characters", vocabulary=300, max_tokens=20)


def step_of(*cells: object) -> WrittenStep:
    step = target_step_for(FIELD)
    assert isinstance(step, WrittenStep)
    return step.fit([step.read(cell) for cell in cells])


def fused(rows: int, time: int = 3, there: Sequence[bool] | None = None) -> Fused:
    torch.manual_seed(1)
    tokens = torch.randn(rows, time, WIDTH)
    present = torch.tensor(list(there or [True] * rows))
    mask = torch.ones(rows, time, dtype=torch.bool)
    return Fused(
        tokens[:, 0], tokens, mask, {"x": tokens[:, 0]}, {"x": present}, lengths={"x": time}
    )


def batch_of(step: WrittenStep, *cells: object) -> Batch:
    return Batch({"y": step([step.read(cell) for cell in cells])}, tuple(range(len(cells))))


def writing(step: WrittenStep, **options: object) -> Caption:
    torch.manual_seed(0)
    task = Caption("y", **options)  # type: ignore[arg-type]
    task.setup(WIDTH, ("x",), {"y": step})
    return task.eval()


def test_the_loss_is_that_of_every_token_and_the_end() -> None:
    step = step_of("ab", "b", "abc")
    task, batch, seen = writing(step, teaching=Teaching(smoothing=0.0)), None, fused(3)
    batch = batch_of(step, "ab", None, "b")
    features = task(seen, batch)
    (loss,) = task.loss(features, batch).values()
    writer = task.body
    assert isinstance(writer, Writer)
    total, count = 0.0, 0
    for row, text in ((0, "ab"), (2, "b")):
        ids = step.tokens.bare([text])[0]
        memory = torch.cat([seen.pooled[row][None], seen.tokens[row]])[None]
        read = torch.tensor([[*writer.decoder.begin, *ids]])
        log_probs = writer.decoder(memory, torch.ones(1, 4).bool(), read).log_softmax(2)[0]
        for place, said in enumerate([*ids, writer.decoder.end]):
            total, count = total - float(log_probs[place, said].detach()), count + 1
    assert loss.item() == pytest.approx(total / count, abs=1e-5)


def test_smoothing_spreads_the_truth() -> None:
    logits = torch.randn(1, 1, 4)
    found = token_losses(logits, torch.tensor([[2]]), smoothing=0.2)
    log_probs = logits[0, 0].log_softmax(0)
    assert float(found) == pytest.approx(
        float(-0.8 * log_probs[2] - 0.2 * log_probs.mean()), abs=1e-6
    )


@pytest.mark.parametrize("own", [0.0, 0.5, 1.0])
def test_some_tokens_that_are_read_are_the_decoders_own(own: float) -> None:
    step = step_of("abcabcabc", "bca")
    seen, batch = fused(40), batch_of(step, *["abcabcabc"] * 40)
    task = writing(step, decoder=Tabled(), teaching=Teaching(own=own, smoothing=0.0))
    decoder = task.body.decoder
    assert isinstance(decoder, Tabled)
    task.train()
    task(seen, batch)
    truth = batch.columns["y"].values
    read = decoder.reads_seen[-1]
    assert (read[:, 0] == decoder.end).all()
    changed = float((read[:, 1:] != truth).float().mean())
    assert changed == pytest.approx(own, abs=0.1)  # a table at rest is never right
    task.eval()
    task(seen, batch)
    assert torch.equal(decoder.reads_seen[-1][:, 1:], truth)
    task.train()
    task(fused(2), batch_of(step, "abcabcabc", "bca"))
    assert (decoder.reads_seen[-1][1, 4:] == decoder.end).all()  # behind the text


def reward_of(task: Answer, seen: Fused, batch: Batch) -> float:
    """Give the expected reward by drawing many texts of the first row."""
    writer = task.body
    assert isinstance(writer, Writer)
    drafts = writer.write(Features(seen), Sampling(temperature=1.0, candidates=400, max_tokens=3))[
        0
    ]
    texts = [writer.head.tokens.text(draft.ids) for draft in drafts]
    return float(np.mean([text == "b" for text in texts]))


def test_self_critical_teaching_raises_the_expected_reward() -> None:
    """Of texts of one letter, b is right; the table begins by liking all alike."""
    step = step_of("a", "b", "c", "d")
    torch.manual_seed(0)
    teaching = Teaching(self_critical=1.0, smoothing=0.0)
    task = Answer("y", free=True, decoder=Tabled(), teaching=teaching)
    task.setup(WIDTH, ("x",), {"y": step})
    task.study({"y": [("a",), ("b",)]})
    seen, batch = fused(16), batch_of(step, *["b"] * 16)
    before = reward_of(task, seen, batch)
    optimiser = torch.optim.Adam(task.parameters(), lr=0.15)
    task.train()
    for _ in range(35):
        optimiser.zero_grad()
        losses = task.loss(task(seen, batch), batch)
        assert set(losses) == {"y", "y/score"}
        assert losses["y"].item() == 0.0
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
    after = reward_of(task.eval(), seen, batch)
    assert before < 0.2
    assert after > 3 * before


def test_rewards_of_captions_go_by_rare_words() -> None:
    step = step_of("ab", "b")
    task = writing(step, teaching=Teaching(self_critical=0.5))
    writer = task.body
    assert isinstance(writer, Writer)
    assert writer.rare is None
    task.study({"y": [("a cat", "one cat"), (), ("a dog",)]})
    assert writer.rare is not None
    assert writer.rare.documents == 2
    task.train()
    batch = batch_of(step, "ab", None, "b")
    losses = task.loss(task(fused(3), batch), batch)
    assert all(loss.isfinite() for loss in losses.values())
    assert set(losses) == {"y", "y/score"}
    task.eval()
    assert set(task.loss(task(fused(3), batch), batch)) == {"y"}


def test_rows_without_a_text_get_no_reward() -> None:
    step = step_of("ab", "b")
    task = writing(step, teaching=Teaching(self_critical=1.0))
    task.train()
    batch = batch_of(step, None, None)
    losses = task.loss(task(fused(2), batch), batch)
    assert [loss.item() for loss in losses.values()] == [0.0, 0.0]


def test_truth_is_every_reference_and_what_is_known() -> None:
    step = step_of(["ab", "b"], "c", None)
    head = WordsHead(step.tokens, "text")
    column = step([("ab", "b"), ("c",), None])
    truth = head.truth(column)
    assert truth.tolist() == [("ab", "b"), ("c",), ()]
    assert head.known(truth).tolist() == [True, True, False]
    bare = Column(column.values, column.mask, column.present)
    assert head.truth(bare).tolist() == [("ab",), ("c",), ()]
    assert head.answers(as_rows(["ab", "c"])) == ["ab", "c"]
    ids = torch.tensor([[*step.tokens.bare(["ab"])[0], -1], [-1, -1, -1]])
    assert head.decide(ids).tolist() == ["ab", ""]


@pytest.mark.parametrize("judge", FAMILIES)
def test_every_family_judges_by_all_references(judge: str) -> None:
    head = WordsHead(step_of("a").tokens, judge)
    truth = as_rows([("a red cube", "one cube here"), ("two balls",), ("a cone of ice",)])
    right = as_rows(["a red cube", "two balls", "a cone of ice"])
    wrong = as_rows(["zzz", "", "qqq qqq"])
    best, worst = head.metrics(truth, right), head.metrics(truth, wrong)
    assert head.primary in best
    assert (best[head.primary] < worst[head.primary]) == head.lower_is_better
    assert head.errors(truth, right).max() == pytest.approx(0.0)
    assert head.errors(truth, wrong).min() > 0.5
    drawn = head.metrics(truth, right, np.ones((3, 3)))
    assert all(np.allclose(drawn[name], score, equal_nan=True) for name, score in best.items())
    second = as_rows(["one cube here", "two balls", "a cone of ice"])
    if "speech" not in judge:  # of speech there is one transcript
        assert head.errors(truth, second)[0] == pytest.approx(0.0)


def test_an_unknown_family_is_refused() -> None:
    with pytest.raises(PartError, match="did you mean 'caption'"):
        family_of("captoin")


def test_candidates_and_prefixes_of_a_writer() -> None:
    step = step_of("abc", "bca", "cab")
    task = writing(step)
    writer = task.body
    assert isinstance(writer, Writer)
    rows = writer.write(Features(fused(2)), Sampling(beams=3, candidates=3))
    assert [len(row) for row in rows] == [3, 3]
    for row in rows:
        scores = [draft.score() for draft in row]
        assert scores == sorted(scores, reverse=True)
    for row in writer.write(Features(fused(2)), prefix="ab"):
        assert len(row) == 1
    found = writer.attention(fused(1), rows[0][0].ids)
    assert found is not None
    assert found.shape == (len(rows[0][0].ids), 3)
    assert (found.sum(1) <= 1 + 1e-5).all()


def listening(step: WrittenStep, **options: object) -> Transcribe:
    torch.manual_seed(0)
    task = Transcribe("y", **options)  # type: ignore[arg-type]
    task.setup(WIDTH, ("x",), {"y": step})
    return task.eval()


def spelled(task: Transcribe, step: WrittenStep, seen: Fused, *texts: str) -> Features:
    """Make features in which the listener hears these texts, a letter a step; _ is the blank."""
    blank = step.layout.vocabulary
    rows = [[blank if c == "_" else step.tokens.bare([c])[0][0] for c in text] for text in texts]
    log_probs = torch.full((*seen.mask.shape, blank + 1), -5.0)
    for row, ids in enumerate(rows):
        log_probs[row, torch.arange(len(ids)), torch.tensor(ids)] = 0.0
    listener = listeners_of(task)["y"]
    return Features(seen, {listener.key: log_probs.log_softmax(2)})


def test_a_listener_hears_what_is_spelled_and_pads_nothing() -> None:
    step = step_of("ab c", "b")
    task, seen = listening(step), fused(2, 6)
    mask = seen.mask.clone()
    mask[1, 3:] = False
    seen = replace(seen, mask=mask)
    features = spelled(task, step, seen, "aab_ c", "b_bccc")
    assert task.predict(features) == ["ab c", "bb"]
    listener = listeners_of(task)["y"]
    first, second = listener.heard(features)
    assert first.starts == (0, 2, 4, 5)
    assert second.ends == (1, 3)


def test_what_has_no_sound_has_the_empty_transcript() -> None:
    step = step_of("ab", "b")
    for kind in ("ctc", "attention", "both"):
        task = listening(step, kind=kind)
        batch = batch_of(step, "ab", "b")
        features = task(fused(2, 5, there=[True, False]), batch)
        assert task.predict(features)[1] == ""
        lost = task.loss(task(fused(2, 5, there=[False, False]), batch), batch)
        if kind == "ctc":
            assert lost["y"].item() == 0.0


def test_marks_of_the_tokenizer_are_never_heard() -> None:
    step = step_of("ab", "b")
    task, seen = listening(step), fused(1, 2)
    features = spelled(task, step, seen, "ab")
    listener = listeners_of(task)["y"]
    features.outputs[listener.key][:, :, :2] = 3.0  # type: ignore[index]
    assert task.predict(features) == ["ab"]


def test_only_words_of_the_lexicon_are_heard() -> None:
    step = step_of("one two ten", "o n e")
    seen = fused(1, 7)
    loose = listening(step, beams=20)
    strict = listening(step, beams=50, words=["one", "two", "ten"])
    heard = spelled(loose, step, seen, "twe on_")
    assert loose.predict(heard) == ["twe on"]
    (text,) = strict.predict(spelled(strict, step, seen, "twe on_"))
    assert set(text.split()) <= {"one", "two", "ten"}
    assert strict.predict(spelled(strict, step, seen, "two one")) == ["two one"]


def test_words_that_can_never_be_heard_are_refused() -> None:
    step = step_of("one two ten", "o n e")
    with pytest.raises(PartError, match=r"single words, without blanks in them, found 'one two'"):
        listening(step, beams=20, words=["one two", "ten"])
    strict = listening(step, beams=20, words=["ten", "six", "安静"])
    with pytest.raises(PartError, match="the letters of 2 words in words=: 'six', '安静'"):
        strict.study({"y": [("one two",), ("ten", "net")]})
    listening(step, beams=20, words=["ten"]).study({"y": [("Ten",)]})


def test_a_lexicon_by_hand() -> None:
    tokens = step_of("one two", "on").tokens

    def ids(text: str) -> tuple[int, ...]:
        return tuple(tokens.bare([text])[0])

    lexicon = Lexicon(tokens, ["one", "two"])
    assert all(lexicon.allowed(ids(text)) for text in ("", "o", "one", "one ", "one tw"))
    assert not any(lexicon.allowed(ids(text)) for text in ("n", "ono", "on t", "two w"))
    assert lexicon.finished(ids("one two"))
    assert lexicon.finished(())
    assert not lexicon.finished(ids("one tw"))


def test_a_lexicon_is_spelled_as_the_tokenizer_spells() -> None:
    step = target_step_for(Text(tokenizer="characters", lowercase=True, vocabulary=300))
    step.fit([step.read("one"), step.read("two")])
    assert isinstance(step, WrittenStep)
    lexicon = Lexicon(step.tokens, ["One", "TWO"])
    assert lexicon.finished(tuple(step.tokens.bare(["one"])[0]))


def test_a_language_decides_what_the_sound_leaves_open(tmp_path: Path) -> None:
    step, seen = step_of("a b", "b a"), fused(1, 3)
    plain = listening(step, beams=10)
    features = spelled(plain, step, seen, "a b")
    (log_probs,) = features.outputs.values()
    one, other = (step.tokens.bare([letter])[0][0] for letter in "ab")
    log_probs[0, 0, other] = log_probs[0, 0, one]
    log_probs[0, 2, one] = log_probs[0, 2, other]
    file = tmp_path / "texts.txt"
    for likely in ("a b", "b a", "b b"):
        file.write_text(f"{likely}\n{likely}\n")
        task = listening(step, beams=10, language=str(file))
        assert task.predict(features) == [likely]
        listeners_of(task.bfloat16())["y"].weight = 5.0  # bf16 tells b a from a b less well
        assert task.predict(features) == [likely]
    listeners_of(task)["y"].weight = 0.0
    assert task.predict(features) == plain.predict(features)


def test_a_language_is_learned_from_the_rows_and_kept() -> None:
    step = step_of("a b", "b a", "c")
    task = listening(step, beams=5, language="rows")
    task.study({"y": [("a b", "b a"), ("a b",), ()]})
    listener = listeners_of(task)["y"]
    assert listener.language is not None
    model = listener.language.model
    assert model is not None
    assert model.log_prob("a b") == NgramModel.learn(["a b", "b a", "a b"]).log_prob("a b")
    again = Transcribe("y", beams=5, language="rows")
    again.restore(json.loads(json.dumps(task.state())))
    again.setup(WIDTH, ("x",), {"y": step})
    again.load_state_dict(task.state_dict())
    kept = listeners_of(again)["y"].language.model  # type: ignore[union-attr]
    assert kept is not None
    assert kept.words == model.words
    assert [kept.log_prob(text) for text in ("a b", "b b a", "d")] == [
        model.log_prob(text) for text in ("a b", "b b a", "d")
    ]


def test_a_language_of_other_words_says_so(tmp_path: Path) -> None:
    step = step_of("a b")
    (tmp_path / "texts.txt").write_text("Quite other words\n")
    task = listening(step, beams=5, language=str(tmp_path / "texts.txt"))
    with pytest.raises(PartError, match="knows none of the transcripts' words, 'a b'"):
        task.study({"y": [("a b",)]})
    with pytest.raises(PartError, match=r"there is no file 'none\.arpa'"):
        listening(step, beams=5, language="none.arpa")
    with pytest.raises(PartError, match=r"language goes with.*\n.*language_weight is at least 0"):
        Transcribe("y", language="rows", language_weight=-1.0)


def test_parts_are_found_in_tasks() -> None:
    step = step_of("a", "b")
    closed = Answer("y", free=True)
    assert writers_of(closed) == {}  # before setup
    assert set(writers_of(writing(step))) == {"y"}
    assert listeners_of(writing(step)) == {}
    both = listening(step, kind="both")
    assert set(writers_of(both)) == {"y"}
    assert set(listeners_of(both)) == {"y"}
    several = Several(Caption("y"))
    several.setup(WIDTH, ("x",), {"y": step})
    assert set(writers_of(several)) == {"y"}


def test_both_teach_together() -> None:
    step = step_of("ab", "b")
    task, batch, seen = listening(step, kind="both"), None, fused(2, 5)
    batch = batch_of(step, "ab", "b")
    losses = task.loss(task(seen, batch), batch)
    assert set(losses) == {"y", "y/heard"}
    slopes = torch.autograd.grad(losses["y/heard"], list(listeners_of(task)["y"].parameters()))
    assert all(slope.any() for slope in slopes)
