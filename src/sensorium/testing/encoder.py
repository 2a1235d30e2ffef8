"""``check_encoder``: everything that an encoder promises, tried on one column.

    from sensorium.testing import check_encoder

    def test_my_encoder():
        step = prep.steps["photo"]
        check_encoder(lambda: MyEncoder(width=16), step.layout, step(cells))

Legend: rows = batch, time = tokens, width = features of a token.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor

from sensorium.core.batch import Column, Encoded, Layout
from sensorium.core.counted import counted
from sensorium.core.describe import build, describe
from sensorium.encoders.encoder import Encoder
from sensorium.testing.again import read_answer, write_job
from sensorium.testing.checks import (
    TOLERANCES,
    demand,
    distance,
    explained,
    is_sequence,
    noise,
    same_bits,
    seeded,
)
from sensorium.testing.gradients import check_gradients, shake
from sensorium.testing.process import run


def check_encoder(
    make: Callable[[], Encoder], layout: Layout, column: Column, *, new_process: bool = True
) -> None:
    """Check every promise of an encoder.

    Shapes; the same seed gives the same numbers; the order of rows, the neighbours of a row and
    padding change nothing; absent cells change nothing and get no gradient; gradients agree with
    finite differences; one row can be trained on; bf16 works; what is frozen stays so, and its
    features may be kept; saved, described and built again it gives the same bits, in a new
    process too.

    Args:
        make: makes the encoder, before ``setup``.
        layout: the column's layout.
        column: at least 3 rows, all present; small, for it is encoded many times.
        new_process: also load it in a new process, which takes some seconds.

    Errors:
        ContractError: the first promise that is broken.
    """
    demand(len(column.present) >= 3 and column.present.all(), "column", "give 3 present rows")
    case = Case(make, layout, _of_unequal_length(column) if is_sequence(column) else column)
    for promise, check in CHECKS.items():
        with explained(promise):
            check(case)
    if new_process:
        _check_new_process(case)


@dataclass(frozen=True)
class Case:
    """An encoder to be, and a column to try it on."""

    make: Callable[[], Encoder]
    layout: Layout
    column: Column

    def encoder(self, seed: int = 0) -> Encoder:
        """Make the encoder with weights of a seed, ready for use."""
        encoder = self.make()
        with seeded(seed):
            encoder.setup(self.layout)
        return encoder.eval()

    def precise(self) -> tuple[Encoder, Column]:
        """Give encoder and column in float64, every weight moved off its first value."""
        encoder = self.encoder().double()
        shake(list(encoder.parameters()))
        values = self.column.values
        values = values.double() if values.is_floating_point() else values
        return encoder, replace(self.column, values=values)


def _of_unequal_length(column: Column) -> Column:
    """Cut the rows to all, two thirds and a third of their steps, and so on, so padding matters."""
    rows = len(column.present)
    lengths = column.mask.sum(1)
    shares = 1 - (torch.arange(rows) % 3) / 3
    kept = (lengths * shares).ceil().clamp(min=1)
    mask = column.mask & (torch.arange(column.mask.shape[1]) < kept.unsqueeze(1))
    values = column.values.clone()
    values[~mask] = 0
    return replace(column, values=values, mask=mask)


def _check_kind(case: Case) -> None:
    encoder = case.make()
    kind, kinds = case.layout.kind, encoder.kinds
    demand(kind in kinds, "kinds", f"the column is {kind!r}, the encoder reads {sorted(kinds)}")


def _check_shapes(case: Case) -> None:
    encoder = case.encoder()
    before = case.column.values.clone()
    found = encoder(case.column)
    rows = len(case.column.present)
    shape = tuple(found.tokens.shape)
    asked = f"(rows={rows}, time, width={encoder.width})"
    right = len(shape) == 3 and (shape[0], shape[2]) == (rows, encoder.width)
    demand(right, "shapes", f"tokens should be {asked}, found {shape}")
    demand(found.tokens.is_floating_point(), "shapes", f"tokens are {found.tokens.dtype}")
    right = found.mask.shape == shape[:2] and found.mask.dtype == torch.bool
    demand(right, "shapes", f"mask should be Bool{shape[:2]}, found {found.mask.shape}")
    demand(found.mask.any(1).all(), "shapes", "a present row has no real token; give it one")
    demand(torch.equal(found.present, case.column.present), "shapes", "present was changed")
    demand(found.tokens.isfinite().all(), "shapes", "tokens are not finite")
    demand(torch.equal(before, case.column.values), "shapes", "the column's values were changed")


def _check_seed(case: Case) -> None:
    weights = (case.encoder().state_dict(), case.encoder().state_dict())
    unlike = [name for name, one in weights[0].items() if not torch.equal(one, weights[1][name])]
    demand(not unlike, "seed", f"the same seed gave other weights: {unlike}")
    trained = []
    for _ in range(2):
        encoder = case.encoder().train()
        with seeded(7):
            trained.append(encoder(case.column))
    message = "the same seed gave other numbers; draw from torch's global generator only"
    demand(same_bits(*trained), "seed", message)
    encoder = case.encoder()
    message = "eval() gave other numbers the second time; draw and count only while self.training"
    demand(same_bits(encoder(case.column), encoder(case.column)), "seed", message)


def _check_order(case: Case) -> None:
    encoder, column = case.precise()
    order = torch.arange(len(column.present)).flip(0)
    straight, turned = encoder(column), encoder(column.rows(order))
    gap = distance(_real(straight)[order], _real(turned))
    message = f"the rows in another order gave other numbers ({gap:.1e} apart)"
    demand(gap <= TOLERANCES["order"], "order", message)
    few = encoder(column.rows(order[:2]))
    gap = distance(few.pooled(), turned.pooled()[:2])
    message = f"a row's numbers depend on its neighbours ({gap:.1e} apart); eval() must forbid that"
    demand(gap <= TOLERANCES["order"], "order", message)


def _real(encoded: Encoded) -> Tensor:
    return encoded.tokens.masked_fill(~encoded.mask.unsqueeze(-1), 0.0)


def _check_padding(case: Case) -> None:
    encoder, column = case.precise()
    if not is_sequence(column):
        return
    together = encoder(column)
    values = column.values.clone()
    values[~column.mask] = noise(column.values)[~column.mask]
    _same_tokens(encoder(replace(column, values=values)), together, "noise in the padding")
    for row, length in enumerate(column.mask.sum(1).tolist()):
        one = column.rows(torch.tensor([row]))
        alone = encoder(replace(one, values=one.values[:, :length], mask=one.mask[:, :length]))
        padded = Encoded(*(x[[row]] for x in (together.tokens, together.mask, together.present)))
        _same_tokens(alone, padded, f"a row of {counted(length, 'step')} without its padding")


def _same_tokens(one: Encoded, other: Encoded, what: str) -> None:
    tokens = one.tokens[one.mask], other.tokens[other.mask]
    counts = [len(x) for x in tokens]
    own = counted(counts[0], "token")
    demand(counts[0] == counts[1], "padding", f"{what} gave {own}, not {counts[1]}")
    gap = distance(*tokens)
    advice = "mask it wherever steps meet: convolutions, pooling, attention, norms"
    message = f"{what} changed the tokens ({gap:.1e} apart); {advice}"
    demand(gap <= TOLERANCES["padding"], "padding", message)


def _noisy(column: Column, rows: Tensor, fill: float | None = None) -> Column:
    values, mask = column.values.clone(), column.mask.clone()
    other = noise(column.values, seed=3) if fill is None else torch.full_like(values, fill)
    values[rows] = other[rows]
    mask[rows] = ~mask[rows]
    return replace(column, values=values, mask=mask)


def _check_absence(case: Case) -> None:
    present = torch.arange(len(case.column.present)) % 2 == 1
    column = replace(case.column, present=present)
    noises = [_noisy(column, ~present)]
    if column.values.is_floating_point():
        noises.append(_noisy(column, ~present, float("nan")))
    for training in (False, True):
        base = _encode(case, column, training=training)
        for one in base:
            demand(not one.mask[~present].any(), "absence", "an absent row has real tokens")
            demand(torch.equal(one.present, present), "absence", "present was changed")
        for other in noises:
            message = "what stands in an absent cell changed the tokens; encode present rows only"
            for one, two in zip(base, _encode(case, other, training=training), strict=True):
                demand(same_bits(one, two), "absence", message)
    if column.values.is_floating_point():
        values = column.values.clone().requires_grad_()
        case.encoder()(replace(column, values=values)).tokens.sum().backward()
        reached = values.grad is not None or case.encoder().frozen is not None
        silent = values.grad is None or not values.grad[~present].any()
        demand(
            reached and silent, "absence", "an absent cell gets a gradient; it must be exactly 0"
        )


def _encode(case: Case, column: Column, *, training: bool) -> tuple[Encoded, Encoded]:
    """Encode, and encode again in eval mode, where running statistics show."""
    encoder = case.encoder().train(training)
    with seeded(7):
        first = encoder(column)
    return first, encoder.eval()(column)


def _check_all_absent(case: Case) -> None:
    encoder = case.encoder()
    rows = len(case.column.present)
    column = _noisy(case.column, torch.ones(rows, dtype=torch.bool))
    found = encoder(replace(column, present=torch.zeros(rows, dtype=torch.bool)))
    shape = tuple(found.tokens.shape)
    right = (shape[0], shape[2]) == (rows, encoder.width) and found.tokens.isfinite().all()
    demand(right, "all absent", f"a batch without a single cell gave tokens {shape}, or not finite")
    demand(not found.mask.any(), "all absent", "a batch without a single cell has real tokens")


def _check_gradients(case: Case) -> None:
    encoder, column = case.precise()
    values = column.values.clone()
    whole = encoder.frozen is None  # else no gradient comes to the cells, whatever they are
    inputs = [values.requires_grad_()] if whole and values.is_floating_point() else []
    column = replace(column, values=values)
    with seeded(5):
        weigh = torch.randn(_real(encoder(column)).shape, dtype=torch.float64)
    movable = {name: weight for name, weight in encoder.named_parameters() if weight.requires_grad}

    def total() -> Tensor:
        return (_real(encoder(column)) * weigh).sum()

    check_gradients(total, movable, inputs)


def _check_training(case: Case) -> None:
    for title, column in (("one row", case.column.rows(torch.tensor([0]))), ("", case.column)):
        for half in (False, True):
            encoder = case.encoder().train()
            with seeded(7), torch.autocast("cpu", torch.bfloat16, enabled=half):
                tokens = encoder(column).tokens
                if tokens.requires_grad:
                    tokens.float().sum().backward()
            slopes = [p.grad for p in encoder.parameters() if p.grad is not None]
            finite = tokens.isfinite().all() and all(slope.isfinite().all() for slope in slopes)
            where = " ".join(filter(None, (title, "under bf16 autocast" if half else "")))
            demand(finite, "training", f"tokens or gradients are not finite {where}")


def _check_saving(case: Case) -> None:
    first = case.encoder()
    expected = first(case.column)
    description = json.loads(json.dumps(describe(first)))
    again: Encoder = build(description, {type(first).__name__: type(first)})
    again.restore(json.loads(json.dumps(first.state())))
    with seeded(99):
        again.setup(case.layout)
    again.load_state_dict(first.state_dict())
    message = "built from its description, with its weights loaded, it gives other numbers; keep "
    message += "every keyword under its own name, and every random number as a weight or buffer"
    demand(same_bits(again.eval()(case.column), expected), "saving", message)


def _check_frozen(case: Case) -> None:
    encoder = case.encoder()
    if encoder.frozen is None:
        return
    expected, features = encoder(case.column), encoder.extract(case.column)
    message = "features extracted beforehand gave other numbers than the cells themselves"
    demand(features.extracted and same_bits(encoder(features), expected), "frozen", message)
    moving = [name for name, weight in encoder.frozen.named_parameters() if weight.requires_grad]
    demand(not moving, "frozen", f"these weights would be trained: {moving}")
    with seeded(7):
        again = encoder.train().extract(case.column)
    message = "train() changed what the frozen part gives; keep it in eval()"
    demand(torch.equal(again.values, features.values), "frozen", message)


CHECKS: dict[str, Callable[[Case], None]] = {
    "kinds": _check_kind,
    "shapes": _check_shapes,
    "seed": _check_seed,
    "order": _check_order,
    "padding": _check_padding,
    "absence": _check_absence,
    "all absent": _check_all_absent,
    "gradients": _check_gradients,
    "training": _check_training,
    "frozen": _check_frozen,
    "saving": _check_saving,
}


def _check_new_process(case: Case) -> None:
    encoder = case.encoder()
    with TemporaryDirectory() as folder:
        write_job(Path(folder), encoder, case.layout, case.column)
        run("sensorium.testing.again", "encode_again", Path(folder))
        found = read_answer(Path(folder))
    message = "loaded there, it gives other numbers"
    demand(same_bits(found, encoder(case.column)), "new process", message)
