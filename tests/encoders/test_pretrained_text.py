"""Pretrained text encoders give what ``transformers`` gives; so do sentence embedders."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer

from sensorium.core.batch import Column
from sensorium.core.errors import PartError
from sensorium.core.schema import Field, Text
from sensorium.encoders import Pretrained
from sensorium.encoders.towers import Tower, open_tower, remade_tower
from sensorium.preprocess.text import TextStep
from tiny_models import BERT, MARKS, TEXTS, WORDS, embedder, made, write_tokenizer

PLAIN = ("bert", "roberta", "xlm-roberta", "mpnet", "distilbert", "t5")
PAIRED = ("clip", "siglip", "clap")
Tiny = Callable[[str], Path]


def column_of(tower: Tower, texts: list[str] = TEXTS) -> Column:
    """Prepare texts as a field does that takes the tower's tokenizer."""
    field = tower.suited(Text(max_tokens=12))
    assert isinstance(field, Text)
    step = TextStep(field).fit(texts)
    tower.check(step.layout)
    return step(texts)


def theirs(folder: Path, texts: list[str] = TEXTS, most: int = 12, **options: Any) -> Any:
    """Cut and pad texts by the model's own tokenizer."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    given = {"padding": True, "truncation": True, "max_length": most, "return_tensors": "pt"}
    return tokenizer(texts, **given | options)


def run(model: Any, given: Any, names: tuple[str, ...] = ("input_ids", "attention_mask")) -> Any:
    with torch.inference_mode():
        return model.eval()(**{name: given[name] for name in names})


def same(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one.detach(), other.detach(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", PLAIN)
def test_tokens_and_their_mean_are_those_of_transformers(tiny: Tiny, family: str) -> None:
    folder = tiny(family)
    tower = open_tower(str(folder), "text")
    column = column_of(tower)
    given = theirs(folder)
    assert torch.equal(column.mask, given["attention_mask"].bool())
    assert torch.equal(column.values[column.mask], given["input_ids"][column.mask])
    part = transformers.T5EncoderModel if family == "t5" else transformers.AutoModel
    expected = run(part.from_pretrained(folder), given).last_hidden_state
    found = tower.tokens(column)
    assert found.tokens.shape[2] == tower.features
    same(found.tokens[found.mask], expected[column.mask])
    weight = given["attention_mask"].unsqueeze(-1).float()
    same(tower.summary(column), (expected * weight).sum(1) / weight.sum(1))


@pytest.mark.parametrize("family", PAIRED)
def test_the_text_side_of_a_model_of_two_gives_its_own_embedding(tiny: Tiny, family: str) -> None:
    folder = tiny(family)
    tower = open_tower(str(folder), "text")
    column = column_of(tower)
    model = transformers.AutoModel.from_pretrained(folder)
    if family == "siglip":
        given = theirs(folder, most=16, padding="max_length")
        expected = model.get_text_features(input_ids=given["input_ids"])
        hidden = run(model.text_model, given, ("input_ids",)).last_hidden_state
    else:
        given = theirs(folder)
        names = {name: given[name] for name in ("input_ids", "attention_mask")}
        expected = model.get_text_features(**names)
        hidden = run(model.text_model, given).last_hidden_state
    summary = tower.summary(column)
    assert summary.shape == (len(TEXTS), tower.summed)
    own = F.normalize(summary, dim=-1) if family == "clap" else summary  # it norms its features
    same(own, getattr(expected, "pooler_output", expected))
    found = tower.tokens(column)
    same(found.tokens[found.mask], hidden[:, : column.mask.shape[1]][column.mask])


@pytest.mark.parametrize("family", [*PLAIN, *PAIRED])
def test_padding_and_the_order_of_rows_change_nothing(tiny: Tiny, family: str) -> None:
    tower = open_tower(str(tiny(family)), "text")
    column = column_of(tower)
    order = torch.tensor([2, 0, 3, 1])
    same(tower.summary(column)[order], tower.summary(column.rows(order)))
    together = tower.tokens(column)
    for row, text in enumerate(TEXTS):
        alone = column_of(tower, [text])
        same(tower.summary(alone)[0], tower.summary(column)[row])
        same(tower.tokens(alone).tokens[0], together.tokens[row][together.mask[row]])


@pytest.mark.parametrize("family", [*PLAIN, *PAIRED])
def test_a_tower_is_made_again_from_its_state(tiny: Tiny, family: str) -> None:
    tower = open_tower(str(tiny(family)), "text")
    column = column_of(tower)
    state = json.loads(json.dumps({"tower": type(tower).__name__, "known": dict(tower.state())}))
    again = remade_tower(state)
    again.load_state_dict(tower.state_dict())
    assert torch.equal(again.summary(column), tower.summary(column))
    assert len(again.blocks()) == len(tower.blocks()) == 3
    assert (again.features, again.summed) == (tower.features, tower.summed)


@pytest.mark.parametrize("pool", ["mean_tokens", "cls_token", "max_tokens", "lasttoken"])
def test_a_sentence_embedder_pools_bends_and_norms(tmp_path: Path, pool: str) -> None:
    folder = embedder(tmp_path, pool, tanh=pool != "max_tokens")
    tower = open_tower(str(folder), "text")
    column = column_of(tower)
    given = theirs(folder)
    tokens = run(transformers.BertModel.from_pretrained(folder), given).last_hidden_state
    lengths = given["attention_mask"].sum(1)
    rows = [row[:length] for row, length in zip(tokens, lengths, strict=True)]
    ways: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "mean_tokens": lambda row: row.mean(0),
        "cls_token": lambda row: row[0],
        "max_tokens": lambda row: row.amax(0),
        "lasttoken": lambda row: row[-1],
    }
    vectors = torch.stack([ways[pool](row) for row in rows])
    dense = load_file(folder / "2_Dense" / "model.safetensors")
    vectors = F.linear(vectors, dense["linear.weight"], dense["linear.bias"])
    vectors = vectors if pool == "max_tokens" else vectors.tanh()
    same(tower.summary(column), F.normalize(vectors, dim=-1))
    assert tower.summed == 10


@pytest.mark.parametrize(
    ("family", "head"),
    [("bert", "BertForMaskedLM"), ("mpnet", "MPNetForMaskedLM"), ("t5", "T5EncoderModel"),
     ("distilbert", "DistilBertForSequenceClassification")],
)  # fmt: skip
def test_a_checkpoint_of_another_task_gives_the_same_features(
    tiny: Tiny, tmp_path: Path, family: str, head: str
) -> None:
    """What such a checkpoint lacks (a pooling layer, a decoder) is neither needed nor random."""
    getattr(transformers, head).from_pretrained(tiny(family)).save_pretrained(tmp_path)
    write_tokenizer(tmp_path, MARKS[family])
    whole, one, two = (open_tower(str(p), "text") for p in (tiny(family), tmp_path, tmp_path))
    assert torch.equal(one.summary(column_of(one)), whole.summary(column_of(whole)))
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, two.state_dict()[name])


def test_a_text_that_is_too_long_keeps_its_end_mark_as_transformers_does(tiny: Tiny) -> None:
    texts = [" ".join(WORDS)] * 2
    for family in ("roberta", "clip"):
        tower = open_tower(str(tiny(family)), "text")
        column = column_of(tower, texts)
        assert column.mask.shape[1] == 12
        assert torch.equal(column.values, theirs(tiny(family), texts)["input_ids"])


@pytest.mark.parametrize(
    ("family", "named", "most"),
    [("bert", 20, 20), ("bert", int(1e30), 34), ("bert", None, 34), ("roberta", None, 32),
     ("mpnet", None, 32), ("clip", None, 34), ("t5", 16, 16), ("t5", None, 512)],
)  # fmt: skip
def test_the_longest_text_is_what_the_files_say(
    tmp_path: Path, family: str, named: int | None, most: int
) -> None:
    folder = made(family, tmp_path)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_max_length": named}))
    field = open_tower(str(folder), "text").suited(Text(max_tokens=4_000))
    assert isinstance(field, Text)
    assert field.max_tokens == most


def test_a_text_as_long_as_may_be_can_be_read(tmp_path: Path) -> None:
    """The RoBERTa family numbers positions from padding on, so that the last two are no places."""
    for family in ("roberta", "mpnet", "clap", "bert"):
        folder = made(family, tmp_path / family)
        (folder / "tokenizer_config.json").unlink()
        tower = open_tower(str(folder), "text")
        field = tower.suited(Text(max_tokens=1_000))
        assert isinstance(field, Text)
        step = TextStep(field)
        column = step(["lovely " * 100])
        assert column.mask.shape[1] == field.max_tokens == (34 if family == "bert" else 32)
        tower.check(step.layout)
        assert tower.summary(column).isfinite().all()


def test_a_model_of_more_places_than_most_reads_them_all(tmp_path: Path) -> None:
    config = transformers.BertConfig(
        vocab_size=24, hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=24, max_position_embeddings=2_048,
    )  # fmt: skip
    transformers.BertModel(config).save_pretrained(tmp_path)
    write_tokenizer(tmp_path, BERT)
    (tmp_path / "tokenizer_config.json").unlink()
    field = open_tower(str(tmp_path), "text").suited(Text(max_tokens=4_000))
    assert isinstance(field, Text)
    assert field.max_tokens == 2_048


def test_a_prompt_that_the_embedder_asks_for_is_put_before_each_text(tmp_path: Path) -> None:
    folder = embedder(tmp_path, "mean_tokens")
    said = {"prompts": {"query": "good ", "document": ""}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(said))
    tower = open_tower(str(folder), "text")
    field = tower.suited(Text())
    assert isinstance(field, Text)
    assert field.prefix == "good "
    asked = TextStep(field)(["bad place"])
    plain = column_of(open_tower(str(embedder(tmp_path / "plain", "mean_tokens")), "text"), ["x"])
    assert asked.mask.sum() == 5
    assert plain.mask.sum() == 3
    own = tower.suited(Text(prefix="no "))
    assert isinstance(own, Text)
    assert own.prefix == "no "


def test_an_older_tokenizer_of_a_word_list_is_read(tmp_path: Path, tiny: Tiny) -> None:
    folder = made("bert", tmp_path)
    words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(sorted(words, key=words.get)) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    tower = open_tower(str(folder), "text")
    column = column_of(tower)
    new = open_tower(str(tiny("bert")), "text")
    same(tower.summary(column)[:3], new.summary(column_of(new))[:3])


def test_another_tokenizer_is_refused(tmp_path: Path, tiny: Tiny) -> None:
    tower = open_tower(str(tiny("bert")), "text")
    learned = TextStep(Text(vocabulary=300)).fit(TEXTS)
    write_tokenizer(tmp_path / "other", BERT, WORDS[::-1])
    other = TextStep(Text(tokenizer=str(tmp_path / "other"), max_tokens=12)).fit(TEXTS)
    for step in (learned, other):
        with pytest.raises(PartError, match=r"tokenizer does not match.*use Text\(tokenizer="):
            tower.check(step.layout)
    padded = Tokenizer.from_file(str(tiny("bert") / "tokenizer.json"))
    padded.enable_padding()
    padded.enable_truncation(7)
    padded.save(str(tmp_path / "padded.json"))
    field = Text(tokenizer=str(tmp_path / "padded.json"), max_tokens=12)
    tower.check(TextStep(field).fit(TEXTS).layout)
    long = TextStep(Text(tokenizer=str(tiny("bert")), max_tokens=64)).fit(TEXTS)
    with pytest.raises(PartError, match=r"takes 16 tokens.*up to 64; use Text\(max_tokens=16\)"):
        tower.check(long.layout)


def test_a_folder_whose_tokenizer_has_more_words_than_the_model_is_refused(tmp_path: Path) -> None:
    folder = made("bert", tmp_path)
    write_tokenizer(folder, BERT, (*WORDS, *(f"word{n}" for n in range(20))))
    with pytest.raises(PartError, match="38 tokens are not the 24"):
        column_of(open_tower(str(folder), "text"))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"type": "sentence_transformers.models.WeightedLayerPooling"}, "WeightedLayerPooling"),
        ({"type": "sentence_transformers.models.Normalize"}, "in this order"),
    ],
)
def test_modules_that_are_not_known_are_named(
    tmp_path: Path, fault: dict[str, str], message: str
) -> None:
    folder = embedder(tmp_path, "mean_tokens")
    modules = json.loads((folder / "modules.json").read_text())
    modules[1] |= fault
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(PartError, match=message):
        open_tower(str(folder), "text")


@pytest.mark.parametrize(
    ("name", "said", "message"),
    [
        ("1_Pooling", {"pooling_mode_weightedmean_tokens": True}, r"pools by \['weightedmean'\]"),
        ("1_Pooling", {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True}, "one of"),
        ("2_Dense", {"activation_function": "torch.nn.modules.activation.GELU"}, "bends by GELU"),
    ],
)
def test_poolings_and_bends_that_are_not_known_are_named(
    tmp_path: Path, name: str, said: dict[str, Any], message: str
) -> None:
    folder = embedder(tmp_path, "mean_tokens")
    (folder / name / "config.json").write_text(json.dumps(said))
    with pytest.raises(PartError, match=message):
        open_tower(str(folder), "text")


def test_a_dense_layer_without_weights_is_named(tmp_path: Path) -> None:
    folder = embedder(tmp_path, "mean_tokens")
    (folder / "2_Dense" / "model.safetensors").unlink()
    with pytest.raises(PartError, match=r"2_Dense is a dense layer whose model\.safetensors"):
        open_tower(str(folder), "text")


@pytest.mark.parametrize("pool", ["mean", "max", "first", "last", "none"])
def test_tokens_are_pooled_as_asked(tiny: Tiny, pool: Any) -> None:
    encoder = Pretrained(str(tiny("bert")), width=8, pool=pool)
    field: Field = encoder.suited(Text(max_tokens=12))
    assert isinstance(field, Text)
    step = TextStep(field).fit(TEXTS)
    encoder.setup(step.layout)
    found = encoder.extract(step(TEXTS))
    tokens = encoder.tower.tokens(step(TEXTS))
    real = [row[its] for row, its in zip(tokens.tokens, tokens.mask, strict=True)]
    ways: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "mean": lambda row: row.mean(0),
        "max": lambda row: row.amax(0),
        "first": lambda row: row[0],
        "last": lambda row: row[-1],
    }
    if pool == "none":
        same(found.values, tokens.tokens)
        assert torch.equal(found.mask, tokens.mask)
    else:
        same(found.values.squeeze(1), torch.stack([ways[pool](row) for row in real]))
    assert encoder(step(TEXTS)).tokens.shape[2] == 8
