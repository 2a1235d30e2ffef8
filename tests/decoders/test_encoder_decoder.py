"""The decoders of pretrained models of two halves: they write what ``transformers`` writes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sensorium.core.batch import Layout
from sensorium.core.errors import PartError
from sensorium.core.schema import Text
from sensorium.decoders import EncoderDecoder, Sampling, write
from sensorium.preprocess.steps import target_step_for
from sensorium.train.weights import learned
from tiny_models import made

transformers = pytest.importorskip("transformers")
Tiny = Callable[[str], Path]
WIDTHS = {"whisper-writing": 16, "bart": 16, "t5-writing": 16, "trocr": 16, "donut": 16, "blip": 16}
TEXTS = ("lovely bright place", "bad", "quiet slow awful loud mess no one two")
MASK = torch.tensor([[1, 1, 1, 1], [1, 0, 0, 0], [1, 1, 0, 1]], dtype=torch.bool)


def ready(folder: Path, width: int = 16, **options: Any) -> EncoderDecoder:
    if "whisper" in folder.name:
        options = {"language": "en"} | options
    decoder = EncoderDecoder(str(folder), **options)
    step = target_step_for(decoder.suited(Text(max_tokens=12)))
    decoder.setup(width, step.fit([(text,) for text in TEXTS]).layout)
    return decoder.eval()


def seen(rows: int = 3) -> Tensor:
    return torch.randn(rows, 4, 16, generator=torch.Generator().manual_seed(1))


def texts_of(decoder: EncoderDecoder) -> Tensor:
    ids = torch.randint(4, 18, (3, 5), generator=torch.Generator().manual_seed(2))
    return torch.cat([torch.tensor([decoder.begin] * 3), ids], 1)


@pytest.mark.parametrize("family", WIDTHS)
@torch.no_grad()
def test_steps_give_what_is_scored_at_once(tiny: Tiny, family: str) -> None:
    decoder = ready(tiny(family))
    tokens, marks = texts_of(decoder), len(decoder.begin)
    whole = decoder(seen(), MASK, tokens)
    state = decoder.start(seen(), MASK)
    steps = [decoder.step(tokens[:, :marks], state)]
    steps += [decoder.step(tokens[:, n : n + 1], state) for n in range(marks, tokens.shape[1])]
    torch.testing.assert_close(torch.stack(steps, 1), whole[:, marks - 1 :])
    order = torch.tensor([2, 0, 2])
    taken = state.select(order)
    more = torch.tensor([[5], [6], [7]])
    found = decoder.step(more, taken)
    torch.testing.assert_close(found[0], decoder.step(more[[0, 0, 0]], state)[2])


@pytest.mark.parametrize("family", WIDTHS)
@torch.no_grad()
def test_padding_and_neighbours_change_nothing(tiny: Tiny, family: str) -> None:
    decoder = ready(tiny(family))
    tokens = texts_of(decoder)
    whole = decoder(seen(), MASK, tokens)
    for row in range(3):
        alone = decoder(seen()[[row]][:, MASK[row]], MASK[[row]][:, MASK[row]], tokens[[row]])
        torch.testing.assert_close(alone[0], whole[row])
    drafts = write(decoder, seen(), MASK, Sampling(beams=2, max_tokens=5))
    for row in range(3):
        one = write(decoder, seen()[[row]], MASK[[row]], Sampling(beams=2, max_tokens=5))
        assert one[0][0].ids == drafts[row][0].ids


def theirs(folder: Path, memory: Tensor, begin: tuple[int, ...]) -> list[list[int]]:
    """Let transformers write, after the same beginning, from the same tokens of its encoder."""
    kind = transformers.AutoConfig.from_pretrained(folder).model_type
    part = {
        "whisper": transformers.WhisperForConditionalGeneration,
        "vision-encoder-decoder": transformers.VisionEncoderDecoderModel,
        "blip": transformers.BlipForConditionalGeneration,
    }.get(kind, transformers.AutoModelForSeq2SeqLM)
    model = part.from_pretrained(folder).eval()
    first = torch.tensor([begin] * len(memory))
    options: dict[str, Any] = {"max_new_tokens": 8, "do_sample": False, "num_beams": 1}
    if kind == "blip":
        found = model.text_decoder.generate(
            input_ids=first, encoder_hidden_states=memory, eos_token_id=2, pad_token_id=0,
            encoder_attention_mask=torch.ones(memory.shape[:2]), **options,
        )  # fmt: skip
    elif kind == "whisper":  # its own way of writing wants sounds
        said = transformers.GenerationConfig.from_pretrained(folder)
        found = transformers.GenerationMixin.generate(
            model, decoder_input_ids=first, generation_config=said, **options,
            encoder_outputs=transformers.modeling_outputs.BaseModelOutput(memory),
        )  # fmt: skip
    else:
        found = model.generate(
            decoder_input_ids=first, **options, pad_token_id=0,
            encoder_outputs=transformers.modeling_outputs.BaseModelOutput(memory),
            attention_mask=torch.ones(memory.shape[:2]),
        )  # fmt: skip
    return [[*row, 2][: [*row, 2].index(2)] for row in found[:, len(begin) :].tolist()]


@pytest.mark.parametrize("family", WIDTHS)
@pytest.mark.filterwarnings("ignore")
@torch.no_grad()
def test_it_writes_what_transformers_writes(tiny: Tiny, family: str) -> None:
    decoder = ready(tiny(family))
    drafts = write(decoder, seen(6), torch.ones(6, 4, dtype=torch.bool), Sampling(max_tokens=8))
    ours = [list(row[0].ids) for row in drafts]
    assert ours == theirs(tiny(family), seen(6), decoder.begin)
    assert any(ours)


def test_whisper_is_told_the_language_and_what_to_do(tiny: Tiny) -> None:
    decoder = ready(tiny("whisper-writing"))
    assert decoder.begin == (1, 20, 22, 19)
    assert (decoder.end, decoder.never, decoder.first_never) == (
        2,
        (0, 1, 3, 8, *range(18, 24)),
        (2, 9),
    )
    other = ready(tiny("whisper-writing"), language="<|zh|>", speech_task="translate")
    assert other.begin == (1, 21, 23, 19)
    with pytest.raises(PartError, match=r"knows no language 'fr'.*\['en', 'zh'\], or none"):
        ready(tiny("whisper-writing"), language="fr")


@torch.no_grad()
def test_whisper_tells_the_language_of_each_row(tiny: Tiny) -> None:
    folder = tiny("whisper-writing")
    decoder = ready(folder, language="")
    model = transformers.WhisperForConditionalGeneration.from_pretrained(folder).eval()
    memory, mask = 5 * seen(12), torch.ones(12, 4, dtype=torch.bool)
    hears = transformers.modeling_outputs.BaseModelOutput(memory)
    found = model.detect_language(encoder_outputs=hears).tolist()
    assert set(found) == {20, 21}  # some of each
    begins = decoder.begins(memory, mask)
    assert begins.tolist() == [[1, language, 22, 19] for language in found]
    drafts = write(decoder, memory, mask, Sampling(max_tokens=8))
    named = {20: ready(folder, language="en"), 21: ready(folder, language="zh")}
    for row, language in enumerate(found):
        (one,) = write(named[language], memory[[row]], mask[[row]], Sampling(max_tokens=8))
        assert one[0].ids == drafts[row][0].ids
    ids = torch.randint(4, 18, (12, 5), generator=torch.Generator().manual_seed(2))
    read = torch.cat([torch.tensor([decoder.begin] * 12), ids], 1)
    scores = decoder(memory, mask, read)
    for row, language in enumerate(found):
        own = torch.cat([begins[[row]], ids[[row]]], 1)
        alone = named[language](memory[[row]], mask[[row]], own)
        torch.testing.assert_close(scores[[row]], alone)
    again = EncoderDecoder(str(folder))
    again.restore(json.loads(json.dumps(decoder.state())))
    assert again.suited(Text()) == decoder.suited(Text())
    again.setup(16, Layout("text", vocabulary=24, tokenizer=decoder.state()["digest"]))
    again.load_state_dict(decoder.state_dict())
    assert torch.equal(again.eval().begins(memory, mask), begins)


def test_its_first_token_is_none_of_those_forbidden_there(tiny: Tiny) -> None:
    decoder = ready(tiny("whisper-writing"))
    decoder.first_never = tuple(i for i in range(24) if i != 9)
    decoder.never = ()
    with torch.no_grad():
        (draft,) = write(decoder, seen(1), MASK[:1], Sampling(max_tokens=4))[0]
    assert draft.ids[0] == 9
    assert set(draft.ids) != {9}


def test_a_prompt_is_a_beginning(tiny: Tiny) -> None:
    assert ready(tiny("trocr"), prompt="lovely bright").begin == (1, 4, 5)
    assert ready(tiny("donut"), prompt="lovely bright").begin == (4, 5)
    assert ready(tiny("donut")).begin == (1,)
    assert ready(tiny("blip"), prompt="lovely").begin == (1, 4)


@pytest.mark.parametrize("family", ["whisper-writing", "trocr", "blip", "t5-writing"])
@pytest.mark.parametrize("options", [{}, {"lora": 2}, {"unfreeze": "all"}], ids=str)
def test_slopes_reach_what_is_trained_alone(tiny: Tiny, family: str, options: Any) -> None:
    decoder = ready(tiny(family), **options).train()
    memory = seen().requires_grad_()
    decoder(memory, MASK, texts_of(decoder)).square().sum().backward()
    assert memory.grad is not None
    given = {name for name, w in decoder.network.named_parameters() if w.grad is not None}
    assert bool(given) == bool(options)
    if "lora" in options:
        assert all("lora_" in name for name in given)
    if "unfreeze" not in options:
        assert all("lora_" in name for name in learned(decoder))


@pytest.mark.parametrize("family", WIDTHS)
def test_it_is_made_again_without_its_source(tiny: Tiny, tmp_path: Path, family: str) -> None:
    folder = shutil.copytree(tiny(family), tmp_path / family)
    decoder = ready(folder)
    field = decoder.suited(Text(max_tokens=12))
    layout = target_step_for(field).fit([(text,) for text in TEXTS]).layout
    state, weights = decoder.state(), decoder.state_dict()
    shutil.rmtree(folder)
    again = EncoderDecoder(str(folder), language=decoder.language)
    again.restore(state)
    again.setup(16, layout)
    again.load_state_dict(weights)
    assert not any("encoder." in name and "decoder" not in name and "bert" not in name
                   for name in weights)  # fmt: skip
    with torch.no_grad():
        found = again.eval()(seen(), MASK, texts_of(decoder))
        assert torch.equal(found, decoder(seen(), MASK, texts_of(decoder)))


def test_what_cannot_be_is_said(tiny: Tiny, tmp_path: Path) -> None:
    for family in ("bert", "llama", "vit", "clip"):
        with pytest.raises(PartError, match="no decoder that looks"):
            ready(tiny(family))
    with pytest.raises(PartError, match=r"16 features, the width is 8: take .*pool='full'"):
        ready(tiny("blip"), 8)
    with pytest.raises(PartError, match="language goes with Whisper"):
        ready(tiny("bart"), language="en")
    with pytest.raises(PartError, match=r"Text\(tokenizer="):
        EncoderDecoder(str(tiny("bart"))).setup(16, target_step_for(Text()).fit([("a",)]).layout)
    folder = made("bart", tmp_path / "bart")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(PartError, match="pickle only"):
        ready(folder)


@pytest.mark.parametrize("beams", [1, 2])
@torch.no_grad()
def test_behind_a_prefix_that_fills_it_one_token_is_written(tiny: Tiny, beams: int) -> None:
    decoder = ready(tiny("donut"))
    room = decoder.positions - len(decoder.begin)
    for given, most in ((room, 1), (room - 1, 2)):
        drafts = write(decoder, seen(), MASK, Sampling(beams=beams), torch.full((3, given), 5))
        assert all(1 <= len(row[0].log_probs) <= most for row in drafts)
    with pytest.raises(PartError, match="shorten these"):
        write(decoder, seen(), MASK, Sampling(beams=beams), torch.full((3, room + 1), 5))
