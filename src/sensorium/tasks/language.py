"""How probable a transcript is as a text: n-grams that are saved with the model."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from sensorium.core.errors import PartError
from sensorium.decoders.ngrams import NgramModel, NgramTable, Unit
from sensorium.preprocess.written import WrittenStep

ROWS = "rows"
ORDERS: Mapping[Unit, int] = {"word": 3, "char": 5}
"""How long the learned n-grams are, by what they are made of."""
SIDES = ("keys", "log_probs", "backoffs")


class Language(nn.Module):
    """Keeps the n-grams of a task as buffers.

    Args:
        source: ``"rows"``, the transcripts of the training rows; else a file: a text, one sentence
            a line, or ARPA. Chinese is told by characters, all else by words.
        step: the fitted step of the transcripts.
        known: what ``state`` gave of a model whose weights will follow; {} to begin anew.

    Errors:
        PartError: the file cannot be read.
    """

    def __init__(self, source: str, step: WrittenStep, known: Mapping[str, Any]) -> None:
        super().__init__()
        self.source = source
        self.tokens = step.tokens
        self.unit: Unit = "char" if step.chinese else "word"
        self.words: tuple[str, ...] = ()
        self.sizes: tuple[int, ...] = ()
        if known:
            self.unit, self.words = known["unit"], tuple(known["words"])
            self.sizes = tuple(known["sizes"])
            for order, size in enumerate(self.sizes, 1):
                for side, kind in zip(SIDES, (torch.int64, torch.float32, torch.float32),
                                      strict=True):  # fmt: skip
                    self.register_buffer(f"{side}_{order}", torch.zeros(size, dtype=kind))
        elif source != ROWS:
            self._keep(NgramModel.of_file(source, ORDERS[self.unit], self.unit, self._spelled))

    def study(self, texts: Sequence[str]) -> None:
        """Learn from the transcripts of the training rows, or see that a file tells of them.

        Errors:
            PartError: the file knows no word of them.
        """
        spelled = list(map(self._spelled, texts))
        if self.source == ROWS:
            self._keep(NgramModel.learn(spelled, ORDERS[self.unit], self.unit))
        elif self.model is not None and not any(map(self.model.knows, spelled)):
            said = next(filter(None, spelled), "")
            msg = (
                f"language={self.source!r} knows none of the transcripts' words, {said[:60]!r}: "
                "its words must be spelled as these are, in lower case it may be"
            )
            raise PartError(msg)

    @property
    def model(self) -> NgramModel | None:
        """The n-grams; None before there are any."""
        if not self.sizes:
            return None
        orders = range(1, len(self.sizes) + 1)
        sides = ([getattr(self, f"{side}_{order}") for side in SIDES] for order in orders)
        tables = (
            NgramTable(keys.cpu().numpy(), *(values.float().cpu().numpy() for values in others))
            for keys, *others in sides
        )
        return NgramModel(self.unit, self.words, tuple(tables))

    def state(self) -> Mapping[str, Any]:
        """Give the words, and how many n-grams there are of each length."""
        return {"unit": self.unit, "words": list(self.words), "sizes": list(self.sizes)}

    def _keep(self, model: NgramModel) -> None:
        self.words = model.words
        self.sizes = tuple(len(table.keys) for table in model.tables)
        for order, table in enumerate(model.tables, 1):
            for side in SIDES:
                self.register_buffer(f"{side}_{order}", torch.from_numpy(getattr(table, side)))

    def _spelled(self, text: str) -> str:
        """Spell a text as it would be heard."""
        return self.tokens.text(self.tokens.bare([text])[0])
