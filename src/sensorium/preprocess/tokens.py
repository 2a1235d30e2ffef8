"""Tokenizers: words -> ids. Trained ones give 0 to padding and 1 to what they do not know.

``tokens_for(field)`` picks one: byte-level BPE (Sennrich et al. 2016) or words, learnt from the
training rows, or a Hugging Face ``tokenizer.json`` whose ids are kept as they are.
"""

import json
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from sensorium.core.errors import ArtifactError, ExtraError, SchemaError
from sensorium.store.content import tokenizer_digest

Place = tuple[int, int]
"""The first character of a stretch of a text, and one past the last."""

TORN = "\ufffd"
"""What a tokenizer puts where the bytes of a character are not all there yet."""
PAD, UNKNOWN = 0, 1
_SEEN = [*range(33, 127), *range(161, 173), *range(174, 256)]
_BYTES = {chr(byte): byte for byte in _SEEN} | {
    chr(256 + place): byte for place, byte in enumerate(b for b in range(256) if b not in _SEEN)
}
"""The byte that each sign of a byte-level token stands for (Radford et al. 2019)."""
SPECIAL = ["[PAD]", "[UNK]"]


class Tokens(ABC):
    """A tokenizer. A subclass is final."""

    @property
    @abstractmethod
    def size(self) -> int:
        """How many different ids there are."""

    @abstractmethod
    def fit(self, texts: Iterable[str]) -> None:
        """Learn from the training texts."""

    @abstractmethod
    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Give each text's ids."""

    def bare(self, texts: Sequence[str]) -> list[list[int]]:
        """Give each text's ids without any marks around them."""
        return self(texts)

    @abstractmethod
    def spans(self, texts: Sequence[str]) -> list[list[Place]]:
        """Tell which characters of its text each id stands for, in the order of the ids.

        White space around words belongs to none of them; marks stand for no character.
        """

    def cut(self, ids: list[Any], most: int) -> list[Any]:
        """Shorten a row of ids, or of what stands for them, to so many."""
        return ids[:most]

    @property
    def digest(self) -> str:
        """The sha256 of a tokenizer whose ids come from elsewhere; "" for a learned one."""
        return ""

    @property
    def entries(self) -> tuple[str, ...]:
        """The words in the order of their ids; () where ids are pieces of words."""
        return ()

    @abstractmethod
    def text(self, ids: Sequence[int]) -> str:
        """Join ids back to text, leaving out padding."""

    @abstractmethod
    def state(self) -> Mapping[str, Any]:
        """Give what was learned, as JSON data."""

    @abstractmethod
    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what ``state`` gave."""


class Subwords(Tokens):
    """Byte-level BPE: any text in any language, without unknown tokens."""

    def __init__(self, vocabulary: int, lowercase: bool = False) -> None:  # noqa: FBT001, FBT002
        self.vocabulary = vocabulary
        self.lowercase = lowercase
        self._tokenizer = self._blank()

    def _blank(self) -> Tokenizer:
        tokenizer = Tokenizer(BPE(unk_token=SPECIAL[UNKNOWN]))
        steps = [normalizers.NFC()] + ([normalizers.Lowercase()] if self.lowercase else [])
        tokenizer.normalizer = normalizers.Sequence(steps)
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer

    @property
    def size(self) -> int:
        """How many different ids there are."""
        return max(2, int(self._tokenizer.get_vocab_size()))

    def fit(self, texts: Iterable[str]) -> None:
        """Learn merges that occur at least twice."""
        self._tokenizer = self._blank()
        trainer = BpeTrainer(
            vocab_size=self.vocabulary,
            min_frequency=2,
            special_tokens=SPECIAL,
            initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
            show_progress=False,
        )
        self._tokenizer.train_from_iterator(texts, trainer)

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Give each text's ids."""
        found = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def spans(self, texts: Sequence[str]) -> list[list[Place]]:
        """Tell which characters each id stands for; ids that share one all stand for it."""
        # The tokenizer's own places lose the accents that it puts on letters.
        whole = [unicodedata.normalize("NFC", text) for text in texts]
        found = self._tokenizer.encode_batch(whole, add_special_tokens=False)
        return [
            _whence(text, _trimmed(same, its.offsets))
            for text, same, its in zip(texts, whole, found, strict=True)
        ]

    def text(self, ids: Sequence[int]) -> str:
        """Join ids back to text; bytes that make no character are left out."""
        pieces = (self._tokenizer.id_to_token(i) for i in ids if i >= len(SPECIAL))
        held = bytes(_BYTES[sign] for piece in pieces for sign in piece or "")
        return held.decode("utf-8", "ignore").strip()

    def state(self) -> Mapping[str, Any]:
        """Give the tokenizer's own JSON."""
        return {"tokenizer": json.loads(self._tokenizer.to_str())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it back."""
        self._tokenizer = _from_state(state)


class Pretrained(Tokens):
    """A Hugging Face ``tokenizer.json``; its ids are its own, so that pretrained weights fit."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._tokenizer: Tokenizer | None = None
        self._digest = ""

    def _loaded(self) -> Tokenizer:
        if self._tokenizer is None:
            self._tokenizer = _from_file(self.file)
            self._tokenizer.no_padding()
            self._tokenizer.no_truncation()
        return self._tokenizer

    @property
    def size(self) -> int:
        """How many different ids there are."""
        return int(self._loaded().get_vocab_size())

    def fit(self, texts: Iterable[str]) -> None:  # noqa: ARG002
        """Load the file; learn nothing."""
        self._loaded()

    def __call__(self, texts: Sequence[str]) -> list[list[int]]:
        """Give each text's ids, with the tokenizer's own marks around them."""
        return [encoding.ids for encoding in self._loaded().encode_batch_fast(list(texts))]

    def bare(self, texts: Sequence[str]) -> list[list[int]]:
        """Give each text's ids without the tokenizer's own marks."""
        found = self._loaded().encode_batch_fast(list(texts), add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def spans(self, texts: Sequence[str]) -> list[list[Place]]:
        """Tell which characters each id stands for; marks stand for none."""
        found = self._loaded().encode_batch(list(texts))
        return [_trimmed(text, its.offsets) for text, its in zip(texts, found, strict=True)]

    def cut(self, ids: list[Any], most: int) -> list[Any]:
        """Shorten a row of ids to so many, the marks at its end kept."""
        if len(ids) <= most:
            return ids
        marks = self._marks()
        return ids[: most - marks] + ids[len(ids) - marks :] if marks < most else ids[:most]

    def _marks(self) -> int:
        """Count the marks that the tokenizer puts at the end of a text."""
        flags = self._loaded().encode("a").special_tokens_mask
        return flags[::-1].index(0) if 0 in flags else 0

    @property
    def digest(self) -> str:
        """The sha256 of the tokenizer's own JSON."""
        self._digest = self._digest or tokenizer_digest(self._loaded().to_str())
        return self._digest

    def text(self, ids: Sequence[int]) -> str:
        """Join ids back to text; a character at its end that is not whole yet is left out."""
        whole = str(self._loaded().decode(list(ids), skip_special_tokens=True))
        return whole.rstrip(TORN).strip()

    def state(self) -> Mapping[str, Any]:
        """Give the tokenizer's own JSON, so that the file is not needed again."""
        return {"tokenizer": json.loads(self._loaded().to_str())}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take it back."""
        self._tokenizer = _from_state(state)


def composed(text: str) -> list[Place]:
    """Tell from which characters each one of the text's normal form (NFC) is made."""
    if unicodedata.is_normalized("NFC", text):
        return [(at, at + 1) for at in range(len(text))]
    places, start = [], 0
    for end in range(1, len(text) + 1):
        group = unicodedata.normalize("NFC", text[start:end])
        more = unicodedata.normalize("NFC", text[start : end + 1])
        after = text[end : end + 1]
        if not after or (more == group + after and not unicodedata.combining(after)):
            places += [(start, end)] * len(group)
            start = end
    return places


def _whence(text: str, places: Sequence[Place]) -> list[Place]:
    """Turn places in the text's normal form (NFC) into places in the text."""
    if unicodedata.is_normalized("NFC", text):
        return list(places)
    whence = [*composed(text), (len(text), len(text))]
    return [
        (whence[start][0], whence[end - 1][1] if end > start else whence[start][0])
        for start, end in places
    ]


def _trimmed(text: str, offsets: Sequence[Place]) -> list[Place]:
    """Take white space off both ends of each stretch."""
    trimmed = []
    for start, end in offsets:
        word = text[start:end]
        first = start + len(word) - len(word.lstrip())
        trimmed.append((first, max(first, end - (len(word) - len(word.rstrip())))))
    return trimmed


def _from_state(state: Mapping[str, Any]) -> Tokenizer:
    try:
        return Tokenizer.from_str(json.dumps(state["tokenizer"]))
    except Exception as error:  # the Rust binding raises plain Exception
        msg = f"the saved tokenizer cannot be read ({error})"
        raise ArtifactError(msg) from error


def _from_file(name: str) -> Tokenizer:
    file = Path(name).expanduser()
    if file.is_dir() and not (file / "tokenizer.json").is_file() and any(file.glob("vocab*")):
        return _converted(file)
    if file.is_dir():
        file = file / "tokenizer.json"
    if not file.is_file():
        msg = (
            f"Text(tokenizer={name!r}): there is no such tokenizer; give 'bpe', 'words', "
            "'characters', or a tokenizer.json file or the folder that holds one"
        )
        raise SchemaError(msg)
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the Rust binding raises plain Exception
        msg = f"Text(tokenizer={name!r}): {file} is not a tokenizer.json ({error})"
        raise SchemaError(msg) from error


def _converted(folder: Path) -> Tokenizer:
    """Read a tokenizer of an older form (vocab.txt, vocab.json + merges.txt)."""
    try:
        from transformers import AutoTokenizer  # noqa: PLC0415  an extra
    except ImportError as error:
        purpose = f"{folder} has no tokenizer.json; reading its older form"
        raise ExtraError("transformers", "pretrained", purpose) from error
    try:
        found = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        return Tokenizer.from_str(found.backend_tokenizer.to_str())
    except Exception as error:  # transformers raises many kinds
        msg = f"Text(tokenizer={str(folder)!r}): its older form cannot be read ({error})"
        raise SchemaError(msg) from error
