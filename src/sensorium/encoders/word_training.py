"""Word vectors taught by one's own texts: skip-grams, negative sampling (Mikolov et al. 2013)."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sensorium.core.errors import ExtraError, PartError


def train_word_vectors(
    texts: Iterable[Sequence[str]],
    out: str | Path,
    width: int = 100,
    window: int = 5,
    epochs: int = 5,
    negative: int = 5,
    least: int = 2,
    seed: int = 0,
) -> Path:
    """Learn a vector for each word from the words around it, and write them as word2vec text.

    The same texts and the same seed give the same file. ``WordVectors(source=out)`` reads it.

    Args:
        texts: texts split into words, as ``Text(tokenizer="words")`` splits them:
            ``words = sensorium.preprocess.words.Words(8_000); words.fit(texts)``, then
            ``[words.words(text) for text in texts]``; Chinese too.
        out: the file to be written.
        width: how many numbers a word gets.
        window: how many words before and behind count as its neighbours.
        epochs: how often the texts are gone through.
        negative: how many words drawn at random stand against each neighbour.
        least: a word that occurs less often gets no vector.
        seed: draws the first vectors and the random words.

    Errors:
        PartError: texts that are not split, or no word that occurs often enough.
        ExtraError: ``gensim`` is not installed.
    """
    word2vec = _gensim()
    rows = [_row(number, text) for number, text in enumerate(texts)]
    model = word2vec(
        vector_size=width, window=window, epochs=epochs, negative=negative, min_count=least,
        seed=seed, sg=1, workers=1,
    )  # fmt: skip
    model.build_vocab(rows)
    if not len(model.wv):
        msg = f"no word of the {len(rows):,} texts occurs {least} times; lower least or give more"
        raise PartError(msg)
    model.train(rows, total_examples=model.corpus_count, epochs=epochs)
    return _write(Path(out), model.wv)


def _gensim() -> Any:
    try:
        from gensim.models import Word2Vec  # noqa: PLC0415  an extra
    except ImportError as error:
        raise ExtraError("gensim", "words", "training word vectors") from error
    return Word2Vec


def _row(number: int, text: Sequence[str]) -> list[str]:
    """Take a text's words, without those that a line of the file could not hold."""
    if isinstance(text, str):
        msg = (
            f"text {number} is not split into words: give lists of words, for example "
            "[words.words(text) for text in texts] with sensorium.preprocess.words.Words"
        )
        raise PartError(msg)
    return [word for word in text if word.split() == [word]]


def _write(out: Path, vectors: Any) -> Path:
    """Write the file aside, then under its name."""
    aside = out.with_name(f"{out.name}.part")
    with aside.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(f"{len(vectors)} {vectors.vector_size}\n")
        for word in vectors.index_to_key:
            stream.write(f"{word} {' '.join(f'{x:.6g}' for x in vectors[word].tolist())}\n")
    return aside.replace(out)
