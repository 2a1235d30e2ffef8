"""Every fusion against its formula, computed anew with numpy in float64."""

import math

import numpy as np
import pytest
import torch

from sensorium.core.batch import Encoded
from sensorium.fusion import (
    Bottleneck,
    Concat,
    CrossAttention,
    Early,
    Experts,
    FiLM,
    Gated,
    LowRankBilinear,
    LowRankTensor,
    Mean,
    Product,
    SelfAttention,
    Similarity,
    Tensor,
    Weighted,
)
from sensorium.testing.gradients import shake

WIDTH, NEAR = 4, 1e-12
NAMES = ("left", "middle", "right")
PRESENT = np.array([[1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 0, 0]], dtype=bool)
TIMES = (1, 3, 2)


def given():
    """Make tokens of three columns, in float64; absent cells hold noise."""
    rng = np.random.default_rng(0)
    tokens = [rng.normal(size=(4, time, WIDTH)) for time in TIMES]
    masks = [np.arange(time) < rng.integers(1, time + 1, (4, 1)) for time in TIMES]
    columns = {
        name: Encoded(torch.tensor(t), torch.tensor(m), torch.tensor(PRESENT[:, i]))
        for i, (name, t, m) in enumerate(zip(NAMES, tokens, masks, strict=True))
    }
    return columns, tokens, masks


def ready(fusion):
    fusion.setup(NAMES)
    fusion.double().eval()
    shake(list(fusion.parameters()))
    return fusion


def filled(fusion, tokens, masks):
    """Put the learned tokens where cells are absent: per column a list of token matrices."""
    learned = [n(p) for p in fusion.absent]
    return [
        [tokens[i][row][masks[i][row]] if PRESENT[row, i] else learned[i][None] for row in range(4)]
        for i in range(3)
    ]


def vectors(fusion, tokens, masks):
    """Average each column: [rows columns width]; and which columns count."""
    x = np.array([[cell.mean(0) for cell in column] for column in filled(fusion, tokens, masks)])
    counts = PRESENT | ~PRESENT.any(1, keepdims=True)
    return x.transpose(1, 0, 2), counts


def n(tensor):
    return tensor.detach().numpy()


def linear(layer, x):
    bias = 0 if layer.bias is None else n(layer.bias)
    return x @ n(layer.weight).T + bias


def norm(x, layer=None):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x if layer is None else x * n(layer.weight) + n(layer.bias)


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def attention(layer, query, context):
    """softmax(Q K^T / sqrt d) V, head by head."""
    q, kv = linear(layer.query, query), linear(layer.key_value, context)
    k, v = np.split(kv, 2, -1)
    heads = []
    for some in np.split(np.arange(q.shape[-1]), layer.heads):
        weights = softmax(q[:, some] @ k[:, some].T / math.sqrt(len(some)))
        heads.append(weights @ v[:, some])
    return linear(layer.out, np.concatenate(heads, -1))


def mlp(layer, x):
    return linear(layer.down, gelu(linear(layer.up, x)))


def block(layer, x):
    normed = norm(x, layer.norm_attention)
    x = x + attention(layer.attention, normed, normed)
    return x + mlp(layer.mlp, norm(x, layer.norm_mlp))


def transformer(layer, x):
    for one in layer.blocks:
        x = block(one, x)
    return norm(x, layer.norm)


# --- one formula a fusion: given the fusion, vectors [columns width], which count -------------


def mean(_, x, counts):
    return x[counts].mean(0)


def weighted(fusion, x, counts):
    a = n(fusion.weights)
    return sum(a[i] * x[i] for i in np.flatnonzero(counts)) * 3 / counts.sum()


def product(fusion, x, counts):
    z = np.ones(WIDTH)
    for i in np.flatnonzero(counts):
        z = z * linear(fusion.projections[i], x[i])
    return linear(fusion.out, z)


def bilinear(fusion, x, counts):
    h = {i: np.tanh(linear(fusion.projections[i], x[i])) for i in np.flatnonzero(counts)}
    z = sum(h.values()) + sum(h[i] * h[j] for i in h for j in h if i < j)
    return linear(fusion.out, z)


def concat(fusion, x, _):
    first, up, _, _, down = fusion.mix
    return linear(down, gelu(linear(up, norm(x.reshape(-1), first))))


def gated(fusion, x, counts):
    gates = linear(fusion.gates, x.reshape(-1)).reshape(3, WIDTH)
    some = np.flatnonzero(counts)
    h = np.array([np.tanh(linear(fusion.projections[i], x[i])) for i in some])
    return (softmax(gates[some], 0) * h).sum(0)


def tensor(fusion, x, counts):
    product = np.ones(())
    for i in range(3):
        small = linear(fusion.projections[i], x[i]) * counts[i]
        product = np.multiply.outer(product, np.append(small, 1.0))
    return linear(fusion.out, product.reshape(-1))


def lowrank(fusion, x, counts):
    z = np.zeros(WIDTH)
    for r in range(fusion.rank):
        some = slice(r * WIDTH, (r + 1) * WIDTH)
        term = np.ones(WIDTH)
        for i in range(3):
            factor = fusion.factors[i]
            known = x[i] if counts[i] else np.zeros(WIDTH)
            term = term * (n(factor.weight)[some] @ known + n(factor.bias)[some])
        z = z + n(fusion.shares)[r] * term
    return z + n(fusion.bias)


def similarity(fusion, x, counts):
    some = np.flatnonzero(counts)
    p = np.array([linear(fusion.projections[i], x[i]) for i in some])
    unit = p / np.linalg.norm(p, axis=1, keepdims=True)
    sim = math.exp(n(fusion.log_scale)) * unit @ unit.T
    gathered = [sum(w * v for w, v in zip(softmax(row), p, strict=True)) for row in sim]
    return np.mean(gathered, 0)


FORMULAS = {
    "mean": (Mean, mean),
    "weighted": (Weighted, weighted),
    "product": (Product, product),
    "bilinear": (LowRankBilinear, bilinear),
    "concat": (Concat, concat),
    "gated": (Gated, gated),
    "tensor": (Tensor, tensor),
    "lowrank": (LowRankTensor, lowrank),
    "similarity": (Similarity, similarity),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_vectors_are_fused_as_the_formula_says(name):
    part, formula = FORMULAS[name]
    fusion = ready(part(WIDTH))
    columns, tokens, masks = given()
    x, counts = vectors(fusion, tokens, masks)
    found = n(fusion(columns).pooled)
    for row in range(4):
        expected = formula(fusion, x[row], counts[row])
        assert found[row] == pytest.approx(expected, abs=NEAR), f"row {row}"


def test_experts_multiply_gaussians():
    """The product of Gaussians, on a fine grid of x: its mean is what the fusion gives."""
    fusion = ready(Experts(WIDTH))
    columns, tokens, masks = given()
    x, _ = vectors(fusion, tokens, masks)
    found = n(fusion(columns).pooled)
    grid = np.linspace(-12, 12, 200_001)
    for row in range(4):
        for feature in range(WIDTH):
            log_density = -(grid**2) / 2  # the prior
            for i in np.flatnonzero(PRESENT[row]):
                mean_, log_precision = np.split(linear(fusion.experts[i], x[row, i]), 2)
                gap = grid - mean_[feature]
                log_density -= math.exp(log_precision[feature]) * gap**2 / 2
            density = np.exp(log_density - log_density.max())
            expected = (grid * density).sum() / density.sum()
            assert found[row, feature] == pytest.approx(expected, abs=1e-9)
    assert not found[3].any()  # nothing present: the prior's mean


def test_two_columns_are_gated_by_the_papers_sigmoid():
    fusion = Gated(WIDTH)
    fusion.setup(("one", "two"))
    fusion.double()
    there, mask = torch.ones(5, dtype=bool), torch.ones(5, 1, dtype=bool)
    x = torch.randn(2, 5, WIDTH, dtype=torch.float64)
    columns = {
        k: Encoded(v.unsqueeze(1), mask, there) for k, v in zip(("one", "two"), x, strict=True)
    }
    gates = linear(fusion.gates, np.concatenate(n(x), -1)).reshape(5, 2, WIDTH)
    z = 1 / (1 + np.exp(gates[:, 1] - gates[:, 0]))
    one, two = (np.tanh(linear(fusion.projections[i], n(x[i]))) for i in range(2))
    assert np.abs(n(fusion(columns).pooled) - (z * one + (1 - z) * two)).max() < NEAR


# --- fusions of tokens ------------------------------------------------------------------------


def test_self_attention():
    fusion = ready(SelfAttention(WIDTH, depth=2, heads=2))
    columns, tokens, masks = given()
    cells = filled(fusion, tokens, masks)
    found = n(fusion(columns).pooled)
    for row in range(4):
        owned = [cells[i][row] + n(fusion.columns)[i] for i in range(3)]
        after = transformer(fusion.trunk, np.concatenate(owned))
        ends = np.cumsum([len(part) for part in owned])[:-1]
        each = np.array([part.mean(0) for part in np.split(after, ends)])
        counts = PRESENT[row] if PRESENT[row].any() else ~PRESENT[row]
        assert found[row] == pytest.approx(each[counts].mean(0), abs=NEAR)


def test_early():
    fusion = ready(Early(WIDTH, depth=2, heads=2))
    columns, tokens, masks = given()
    cells = filled(fusion, tokens, masks)
    found = n(fusion(columns).pooled)
    for row in range(4):
        owned = [norm(cells[i][row], fusion.norm) + n(fusion.columns)[i] for i in range(3)]
        after = transformer(fusion.trunk, np.concatenate([n(fusion.summary)[None], *owned]))
        assert found[row] == pytest.approx(after[0], abs=NEAR)


def test_cross_attention():
    fusion = ready(CrossAttention(WIDTH, depth=2, heads=2))
    columns, tokens, masks = given()
    cells = filled(fusion, tokens, masks)
    found = n(fusion(columns).pooled)
    for row in range(4):
        x = [cells[i][row] for i in range(3)]
        for layer in fusion.layers:
            x = [crossed(layer[i], x[i], [x[j] for j in range(3) if j != i]) for i in range(3)]
        both = np.concatenate([part.mean(0) for part in x])
        assert found[row] == pytest.approx(
            linear(fusion.mix[1], norm(both, fusion.mix[0])), abs=NEAR
        )


def crossed(layer, own, others):
    context = norm(np.concatenate(others), layer.norm_others)
    own = own + attention(layer.attention, norm(own, layer.norm_own), context)
    return own + mlp(layer.mlp, norm(own, layer.norm_mlp))


def test_bottleneck():
    fusion = ready(Bottleneck(WIDTH, bottlenecks=2, depth=2, heads=2))
    columns, tokens, masks = given()
    cells = filled(fusion, tokens, masks)
    found = n(fusion(columns).pooled)
    for row in range(4):
        counts = PRESENT[row] if PRESENT[row].any() else ~PRESENT[row]
        x, shared = [cells[i][row] for i in range(3)], n(fusion.shared)
        for layer in fusion.layers:
            both = [block(layer[i], np.concatenate([shared, x[i]])) for i in range(3)]
            x = [part[2:] for part in both]
            shared = np.mean([part[:2] for part, yes in zip(both, counts, strict=True) if yes], 0)
        each = np.array([part.mean(0) for part in x])
        assert found[row] == pytest.approx(norm(each[counts].mean(0), fusion.norm), abs=NEAR)


def test_film():
    fusion = ready(FiLM(WIDTH, depth=2, onto=("middle", "right")))
    columns, tokens, masks = given()
    cells = filled(fusion, tokens, masks)
    x, _ = vectors(fusion, tokens, masks)
    found = n(fusion(columns).pooled)
    for row in range(4):
        pooled = [x[row, 0]]
        for i in (1, 2):
            condition = np.concatenate([x[row, j] for j in range(3) if j != i])
            part = cells[i][row]
            for one in fusion.blocks[i]:
                entered = gelu(linear(one.enter, part))
                scale, shift = np.split(linear(one.film, condition), 2)
                part = entered + gelu((1 + scale) * norm(linear(one.inner, entered)) + shift)
            pooled.append(part.max(0))
        mixed = linear(fusion.mix[1], norm(np.concatenate(pooled), fusion.mix[0]))
        assert found[row] == pytest.approx(mixed, abs=NEAR)
