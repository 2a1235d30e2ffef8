"""How a model that talks about pictures is asked: the ids and words around picture and question."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from sensorium.core.errors import PartError
from sensorium.encoders.towers.source import made_config, read_json, transformers

ASKED = "[[the question]]"
PLAIN = f"USER: <image>\n{ASKED} ASSISTANT:"
"""A turn where the folder has no chat template, as the first LLaVA models were taught."""


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation about a picture, taken apart.

    Attributes:
        before: the ids before the picture.
        prefix: the mark of the picture, and the words between it and the question.
        skip: how many ids of a text with that prefix stand up to the mark.
        after: the ids behind the question, up to the answer.
    """

    before: list[int]
    prefix: str
    skip: int
    after: list[int]

    def question(self, ids: list[int]) -> list[int]:
        """Give the ids behind the picture's mark of a text with that prefix."""
        return ids[self.skip :]


def turn_of(folder: Path, config: Mapping[str, Any]) -> Turn:
    """Read how a model is asked about a picture.

    Errors:
        PartError: it has no tokenizer.json, or its chat template does not keep the picture and
            the question in this order.
    """
    file = folder / "tokenizer.json"
    if not file.is_file():
        msg = f"{folder} has no tokenizer.json, which says how it is asked: copy it there too"
        raise PartError(msg)
    tokenizer = Tokenizer.from_file(str(file))
    number = int(made_config(config).image_token_id)
    mark = str(tokenizer.id_to_token(number) or "")
    said = _said(folder, mark)
    left, seen, rest = said.partition(mark or ASKED)
    between, asked, after = rest.partition(ASKED)
    if not (mark and seen and asked):
        msg = f"the chat template of {folder} does not put a picture before the words: {said!r}"
        raise PartError(msg)

    def ids(text: str, *, marks: bool = False) -> list[int]:
        return list(tokenizer.encode(text, add_special_tokens=marks).ids)

    first = ids(left + mark)
    first = first[: first.index(number)]
    own = ids(mark, marks=True)
    own = own[: own.index(number)]
    short, long = ids(f"{mark}{between}a"), ids(f"{mark}{between}a{after}")
    return Turn(
        before=first if first[: len(own)] == own else [*own, *first],
        prefix=mark + between,
        skip=len(own) + 1,
        after=long[len(short) :],
    )


def _said(folder: Path, mark: str) -> str:
    """Write a turn by the folder's chat template."""
    template = read_json(folder, "chat_template.json").get("chat_template")
    tokenizer = transformers().AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if not (template or tokenizer.chat_template):
        return PLAIN.replace("<image>", mark)
    turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": ASKED}]}]
    try:
        return str(
            tokenizer.apply_chat_template(
                turns, chat_template=template, tokenize=False, add_generation_prompt=True
            )
        )
    except Exception as error:  # jinja raises many kinds
        msg = f"the chat template of {folder} cannot be used: {error}"
        raise PartError(msg) from error
