"""Word vectors from files, and files from texts."""

import gzip
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from towers_made import made_again, ready, sequences

from sensorium.core.batch import Column, Layout
from sensorium.core.errors import ExtraError, PartError
from sensorium.core.schema import Text
from sensorium.encoders import WordVectors, train_word_vectors
from sensorium.encoders.word_table import read_word_table
from sensorium.preprocess.text import TextStep
from sensorium.preprocess.words import Words
from sensorium.testing import check_encoder

LAYOUT = Layout("text", vocabulary=5, length=4, words=("[PAD]", "[UNK]", "Red", "blue", "moss"))
GLOVE = "the 9 9 9\nred 1 2 3\nblue -1 0.5 2e-1\n. . . 4 5 6\n"


@pytest.fixture
def glove(tmp_path: Path) -> Path:
    (tmp_path / "glove.txt").write_text(GLOVE, "utf-8")
    return tmp_path / "glove.txt"


def ids(*rows: list[int]) -> Column:
    return sequences(torch.tensor(rows))


# --- files ------------------------------------------------------------------------------------


def test_glove_has_no_header_and_words_may_hold_spaces(glove: Path) -> None:
    table = read_word_table(glove, ["Red", "blue", "moss", ". . ."])
    wanted = torch.tensor([[1, 2, 3], [-1, 0.5, 0.2], [0, 0, 0], [4, 5, 6]])
    torch.testing.assert_close(table.vectors, wanted)
    assert table.known == 3


@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
def test_word2vec_and_fasttext_have_a_header(tmp_path: Path, end: str) -> None:
    lines = ["3 2", "红 1 2", "2024 3 4", "a\u2028b 5 6", ""]
    with gzip.open(tmp_path / "cc.zh.vec.gz", "wb") as stream:
        stream.write(end.join(lines).encode())
    table = read_word_table(tmp_path / "cc.zh.vec.gz", ["红", "2024", "a\u2028b"])
    assert table.vectors.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_the_exact_word_comes_before_its_lower_case(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("us 1 1\nUS 2 2\nus 3 3\n", "utf-8")
    found = read_word_table(tmp_path / "v.txt", ["US", "us", "Us"])
    assert found.vectors.tolist() == [[2, 2], [1, 1], [1, 1]]


@pytest.mark.parametrize(("text", "fault"), [
    ("red 1 2 3\nblue 1 2\n", r"line 2: asked for a word and 3 numbers, found 'blue 1 2'"),
    ("2 2\nblue 1 2\nred 1\n", r"line 3: asked for a word and 2 numbers, found 'red 1'"),
    ("blue 1 x\n", r"line 1: asked for 2 finite numbers, found '1 x'"),
    ("moss 1 2\nblue 1 nan\n", r"line 2: asked for 2 finite numbers, found '1 nan'"),
    ("red\n", "line 1: asked for a word and some numbers"),
    ("red 1 2\n\nblue 1 2\n", "line 2: asked for a word and 2 numbers, found ''"),
    ("3 2\nblue 1 2\nred 1 2\n", "holds 2 words and should hold 3"),
    ("", "holds 0 words"),
])  # fmt: skip
def test_a_torn_file_names_its_line(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "v.txt").write_text(text, "utf-8")
    with pytest.raises(PartError, match=rf"v\.txt.*{fault}"):
        read_word_table(tmp_path / "v.txt", ["red", "blue"])


def test_a_shortened_archive_is_refused(tmp_path: Path) -> None:
    whole = gzip.compress(GLOVE.encode() * 500)
    (tmp_path / "v.txt.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(PartError, match="cannot be read to its end"):
        read_word_table(tmp_path / "v.txt.gz", ["red"])
    with pytest.raises(PartError, match="there is no file"):
        read_word_table(tmp_path / "none.txt", ["red"])


# --- the encoder ------------------------------------------------------------------------------


@pytest.mark.parametrize("tuned", [False, True])
def test_vectors_of_the_vocabulary_come_from_the_file(glove: Path, tuned: bool) -> None:
    encoder = WordVectors(width=3, source=str(glove), tuned=tuned)
    ready(encoder, LAYOUT)
    wanted = torch.tensor([[0, 0, 0], [0, 0, 0], [1, 2, 3], [-1, 0.5, 0.2], [0, 0, 0]])
    torch.testing.assert_close(encoder.embed.weight.data, wanted)
    assert encoder.found == 2
    assert encoder.embed.weight.requires_grad is tuned
    assert isinstance(encoder.project, nn.Identity)


@pytest.mark.parametrize("options", [{"tuned": True}, {"tuned": False}])
def test_it_keeps_the_promises_of_an_encoder(glove: Path, options: dict[str, bool]) -> None:
    column = ids([2, 3, 4, 2], [3, 3, 1, 2], [4, 2, 3, 1])
    make = lambda: WordVectors(width=8, source=str(glove), **options)  # noqa: E731
    check_encoder(make, LAYOUT, column, new_process=False)


def test_made_again_without_the_file_it_gives_the_same_bits(glove: Path) -> None:
    encoder = ready(WordVectors(width=8, source=str(glove)), LAYOUT)
    glove.unlink()
    again = made_again(encoder, LAYOUT)
    column = ids([2, 3], [4, 1])
    assert torch.equal(again(column).tokens, encoder(column).tokens)
    assert (again.found, again.state()) == (2, {"dim": 3, "found": 2})


def test_it_says_so_where_half_the_words_are_unknown(glove: Path) -> None:
    layout = Layout("text", vocabulary=5, words=("[PAD]", "[UNK]", "rot", "blau", "red"))
    with pytest.warns(UserWarning, match=r"has 1 of the column's 3 words"):
        WordVectors(width=3, source=str(glove)).setup(layout)


def test_pieces_of_words_are_refused(glove: Path) -> None:
    with pytest.raises(PartError, match=r"Text\(tokenizer='words'\)"):
        WordVectors(width=3, source=str(glove)).setup(Layout("text", vocabulary=5))


def test_layouts_of_words_name_them_and_others_do_not() -> None:
    texts = ["red red blue", "red"]
    assert TextStep(Text(tokenizer="words")).fit(texts).layout.words == (
        "[PAD]", "[UNK]", "red", "blue",
    )  # fmt: skip
    assert TextStep(Text()).fit(texts).layout.words == ()


# --- training ---------------------------------------------------------------------------------


def corpus() -> list[list[str]]:
    """Two worlds whose words never meet."""
    generator = torch.Generator().manual_seed(0)
    sea, bakery = (
        ("sea", "ship", "sail", "wave", "pier"),
        ("flour", "bread", "oven", "dough", "pan"),
    )
    worlds = (sea, bakery)
    draws = torch.randint(0, 5, (300, 8), generator=generator).tolist()
    return [[worlds[n % 2][i] for i in draw] for n, draw in enumerate(draws)]


def test_words_of_one_world_lie_together(tmp_path: Path) -> None:
    pytest.importorskip("gensim")
    file = train_word_vectors(corpus(), tmp_path / "v.vec", width=8, epochs=20)
    table = read_word_table(file, ["sea", "ship", "flour", "bread"])
    assert table.vectors.shape == (4, 8)
    near = nn.functional.normalize(table.vectors, dim=1)
    alike = near @ near.T
    assert alike[0, 1] > alike[0, 2] + 0.3
    assert alike[2, 3] > alike[1, 3] + 0.3


def test_the_same_seed_writes_the_same_file(tmp_path: Path) -> None:
    pytest.importorskip("gensim")
    made = [
        train_word_vectors(corpus(), tmp_path / f"{n}.vec", width=4, epochs=1, seed=seed)
        for n, seed in enumerate((0, 0, 1))
    ]
    first, again, other = (file.read_bytes() for file in made)
    assert first == again != other
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.vec", "1.vec", "2.vec"]


def test_words_split_as_a_column_splits_them_are_found(tmp_path: Path) -> None:
    pytest.importorskip("gensim")
    texts = ["Don't stop, red ship!", "don't stop, blue ship!"] * 5
    words = Words(1_000)
    words.fit(texts)
    file = train_word_vectors([words.words(t) for t in texts], tmp_path / "v.vec", width=4)
    step = TextStep(Text(tokenizer="words")).fit(texts)
    encoder = ready(WordVectors(width=4, source=str(file)), step.layout)
    assert encoder.found == step.layout.vocabulary - 2


def test_what_cannot_be_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gensim")
    with pytest.raises(PartError, match="text 0 is not split into words"):
        train_word_vectors(["a whole text"], tmp_path / "v.vec")
    with pytest.raises(PartError, match="no word of the 1 texts occurs 2 times"):
        train_word_vectors([["once", "each"]], tmp_path / "v.vec")
    monkeypatch.setitem(sys.modules, "gensim.models", None)
    with pytest.raises(ExtraError, match=r"pip install 'sensorium\[words\]'"):
        train_word_vectors(corpus(), tmp_path / "v.vec")
