"""What fusions are for: absent columns weigh nothing, and a question can be asked of a picture."""

import math

import pytest
import torch
import torch.nn.functional as F

from sensorium.core.batch import Encoded
from sensorium.fusion import (
    FUSIONS,
    CrossAttention,
    Early,
    Experts,
    FiLM,
    Fusion,
    Gated,
    LowRankBilinear,
    LowRankTensor,
    Mean,
    Product,
    Similarity,
    Tensor,
    Weighted,
)
from sensorium.fusion.similarity import shares

WIDTH = 8
WEIGHING = (Mean, Weighted, Product, LowRankBilinear, Gated, Tensor, LowRankTensor, Experts,
            Similarity)  # fmt: skip


def columns_of(*tokens: torch.Tensor, present: torch.Tensor | None = None) -> dict[str, Encoded]:
    rows = len(tokens[0])
    there = torch.ones(rows, len(tokens), dtype=torch.bool) if present is None else present
    return {
        f"column {i}": Encoded(t, torch.ones(t.shape[:2], dtype=torch.bool), there[:, i])
        for i, t in enumerate(tokens)
    }


@pytest.mark.parametrize("part", WEIGHING)
def test_the_learned_token_of_an_absent_column_has_no_weight(part):
    """Gates may look at it (they see all columns); nothing else does."""
    fusion = part(WIDTH)
    tokens = [torch.randn(4, 2, WIDTH) for _ in range(3)]
    present = torch.tensor([[1, 0, 1], [1, 1, 0], [0, 0, 1], [1, 1, 1]], dtype=torch.bool)
    columns = columns_of(*tokens, present=present)
    fusion.setup(tuple(columns))
    if part is Gated:
        torch.nn.init.zeros_(fusion.gates.weight)
    before = fusion(columns).pooled
    with torch.no_grad():
        for token in fusion.absent:
            token.add_(10.0)
    assert torch.equal(fusion(columns).pooled, before)


def test_weighted_keeps_its_size_when_a_column_is_absent():
    fusion = Weighted(WIDTH)
    same = torch.randn(2, 1, WIDTH)
    columns = columns_of(same, same, present=torch.tensor([[True, True], [True, False]]))
    fusion.setup(tuple(columns))
    assert torch.allclose(fusion(columns).pooled, same[:, 0])


def test_similarity_listens_to_columns_that_agree():
    agreed, odd = torch.eye(WIDTH)[:2]
    vectors = torch.stack([agreed, 3 * agreed, odd]).unsqueeze(0)
    weight = shares(vectors, torch.ones(1, 3, dtype=torch.bool))[0]
    e = math.e
    agreeing, apart = [e, e, 1], [1, 1, e]  # exp(cosine), before each row is divided by its sum
    for row, each in zip(weight, (agreeing, agreeing, apart), strict=True):
        assert row.tolist() == pytest.approx([w / sum(each) for w in each])
    assert weight.mean(0)[2] < 0.3 < 1 / 3


@pytest.mark.parametrize("name", FUSIONS)
def test_tokens_are_there_for_decoders(name):
    fusion = FUSIONS[name](WIDTH)
    columns = columns_of(torch.randn(2, 3, WIDTH), torch.randn(2, 1, WIDTH))
    fusion.setup(tuple(columns))
    fused = fusion(columns)
    assert fused.tokens.shape[1] in (4, 5)  # Early adds its summary
    assert fused.mask.all()


# --- pictures and questions -------------------------------------------------------------------

SHAPES, COLOURS, PLACES = 3, 3, 6


def asked(rows: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Make pictures of three things in six places, and questions "what colour is the SHAPE?".

    Neither the picture nor the question alone holds the answer, nor does their sum: of the three
    things in each picture, all shapes and all colours occur.
    """
    shapes = torch.stack([torch.randperm(SHAPES, generator=generator) for _ in range(rows)])
    colours = torch.stack([torch.randperm(COLOURS, generator=generator) for _ in range(rows)])
    places = torch.stack([torch.randperm(PLACES, generator=generator)[:3] for _ in range(rows)])
    picture = torch.zeros(rows, PLACES, 16)
    thing = torch.cat([F.one_hot(shapes, SHAPES), F.one_hot(colours, COLOURS)], -1).float()
    picture[torch.arange(rows)[:, None], places, :6] = thing
    which = torch.randint(0, SHAPES, (rows,), generator=generator)
    question = torch.zeros(rows, 1, 16)
    question[:, 0, :SHAPES] = F.one_hot(which, SHAPES).float()
    answer = colours.gather(1, (shapes == which[:, None]).int().argmax(1, keepdim=True))
    return picture, question, answer.squeeze(1)


def score(fusion: Fusion, steps: int = 150) -> float:
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    fusion.setup(("picture", "question"))
    stems = torch.nn.ModuleList(torch.nn.Linear(16, 16) for _ in range(2))
    top = torch.nn.Linear(16, COLOURS)

    def outputs(picture: torch.Tensor, question: torch.Tensor) -> torch.Tensor:
        tokens = (stems[0](picture), stems[1](question))
        columns = dict(zip(("picture", "question"), columns_of(*tokens).values(), strict=True))
        return top(fusion(columns).pooled)

    weights = [*fusion.parameters(), *stems.parameters(), *top.parameters()]
    optimiser = torch.optim.Adam(weights, lr=4e-3)
    fusion.train()
    for _ in range(steps):
        picture, question, answer = asked(128, generator)
        optimiser.zero_grad()
        F.cross_entropy(outputs(picture, question), answer).backward()
        optimiser.step()
    fusion.eval()
    with torch.no_grad():
        picture, question, answer = asked(600, generator)
        return (outputs(picture, question).argmax(1) == answer).float().mean().item()


@pytest.mark.parametrize(
    "make",
    [
        lambda: FiLM(16, dropout=0.0),
        lambda: CrossAttention(16, dropout=0.0),
        lambda: Early(16, depth=2, dropout=0.0),
    ],
    ids=["FiLM", "CrossAttention", "Early"],
)
def test_a_question_can_be_asked_of_a_picture(make):
    assert score(make()) > 0.95


@pytest.mark.parametrize("part", [Mean, Product], ids=["Mean", "Product"])
def test_which_no_mix_of_averages_can_answer(part):
    """The colours of a picture's average say nothing: the test above is not won by chance."""
    assert score(part(16)) < 0.5
