"""What judges the phrases of a text: is it a keyword of this row? From what is seen of it, and all.

A small network looks at a phrase's features and at the endings of the words at its edges; beside
it stands how near the phrase's words are to the fused vector, so that a picture has its say.

Legend: phrases = phrases of all rows of a batch, features = numbers of a phrase.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from sensorium.metrics.keywords import Keyword
from sensorium.tasks.phrase_counts import PhraseCounts
from sensorium.tasks.phrase_features import FEATURES, SUFFIXES, VECTORS, Seen, see
from sensorium.tasks.reading import Words

HIDDEN, EDGE, NEAR = 96, 8, 32
REMEMBERED = 600_000
"""What was seen of so many phrases is kept, of nearly 1 KB each."""
FIRST = -3.0
"""Most phrases are no keywords: where their scores begin."""


class PhraseScorer(nn.Module):
    """Judges phrases.

    Args:
        width: of the fused vector.
        dropout: share of features dropped while training.
    """

    def __init__(self, width: int, dropout: float = 0.3) -> None:
        super().__init__()
        self.counts = PhraseCounts()
        self.edges = nn.Embedding(SUFFIXES, EDGE)
        last = nn.Linear(HIDDEN, 1)
        self.net = nn.Sequential(
            nn.Linear(FEATURES + 4 * EDGE, HIDDEN),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN, HIDDEN),
            nn.GELU(),
            nn.Dropout(dropout),
            last,
        )
        self.vectors = nn.Embedding(VECTORS + 1, NEAR)
        self.near = nn.Linear(width, NEAR)
        with torch.no_grad():
            self.edges.weight.mul_(0.1)
            self.vectors.weight.mul_(0.1)
            last.bias.fill_(FIRST)
        self._seen: dict[tuple[str, frozenset[Keyword] | None], Seen] = {}
        self._held = 0

    def see(self, words: Words, own: Sequence[frozenset[Keyword] | None]) -> list[Seen | None]:
        """Find the phrases of each row's text; None where there is none.

        Args:
            words: the text of each row.
            own: the true keywords of rows that were counted.
        """
        rows = zip(words, own, strict=True)
        return [self._see(row[0], its) if row else None for row, its in rows]

    def _see(self, text: str, own: frozenset[Keyword] | None) -> Seen:
        found = self._seen.get((text, own))
        if found is None:
            found = see(text, self.counts, None if own is None else set(own))
            self._held += len(found.phrases)
            if self._held > REMEMBERED:
                self._forget()
                self._held = len(found.phrases)
            self._seen[text, own] = found
        return found

    def _forget(self) -> None:
        self._seen.clear()
        self._held = 0

    def learn(self, texts: Sequence[tuple[str, ...]], keywords: Sequence[tuple[str, ...]]) -> None:
        """Count what training rows tell."""
        self._forget()
        self.counts.learn(texts, keywords)

    def forward(
        self, pooled: Float[Tensor, " batch width"], seen: Sequence[Seen | None]
    ) -> Mapping[str, Tensor]:
        """Give ``logits`` of all phrases, and the ``row`` of each."""
        device, dtype = pooled.device, pooled.dtype
        some = [its for its in seen if its is not None]
        sizes = [0 if its is None else len(its.phrases) for its in seen]
        row = torch.arange(len(seen), device=device).repeat_interleave(
            torch.tensor(sizes, device=device)
        )
        if not len(row):
            none = pooled.sum() * 0 + sum(weight.sum() * 0 for weight in self.parameters())
            return {"logits": none.expand(0), "row": row}
        features = torch.from_numpy(np.concatenate([its.features for its in some])).to(device)
        edges = torch.from_numpy(np.concatenate([its.edges for its in some])).to(device)
        words = torch.from_numpy(np.concatenate([its.words for its in some])).to(device)
        plain = self.net(torch.cat([features.to(dtype), self.edges(edges).flatten(1)], 1))[:, 0]
        real = (words != VECTORS).unsqueeze(2).to(dtype)
        phrase = (self.vectors(words) * real).sum(1) / real.sum(1)
        near = (F.dropout(phrase, 0.2, self.training) * self.near(pooled)[row]).sum(1)
        return {"logits": plain + near, "row": row}
