"""``check_fusion``: everything that a fusion promises, tried on three columns of made-up tokens.

    from sensorium.testing import check_fusion

    def test_my_fusion():
        check_fusion(lambda: MyFusion(width=16))

Legend: rows = batch, time = tokens, width = features of a token.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from sensorium.core.batch import Encoded, Fused
from sensorium.core.describe import build, describe
from sensorium.core.errors import PartError
from sensorium.fusion.fusion import Fusion
from sensorium.testing.checks import TOLERANCES, demand, distance, explained, noise, seeded
from sensorium.testing.gradients import check_gradients, shake
from sensorium.testing.process import address, locate, run

JOB, WEIGHTS, FOUND = "job.json", "weights.safetensors", "out.safetensors"

TIMES = {"photo": 5, "the.words": 4, "price": 1}
"""How many tokens the made-up columns have; a name may hold a dot."""

PRESENT = {
    "photo": (1, 1, 1, 0, 0, 0),
    "the.words": (1, 1, 0, 1, 0, 0),
    "price": (1, 0, 1, 1, 1, 0),
}
"""Whole, each column absent once, one column left, nothing left."""

Columns = Mapping[str, Encoded]


def check_fusion(make: Callable[[], Fusion], *, new_process: bool = True) -> None:
    """Check every promise of a fusion.

    Shapes, for one column and for several; the same seed gives the same numbers; the order of
    rows, the neighbours of a row and padding change nothing; absent cells change nothing and get
    no gradient; every column that is present has a say; gradients agree with finite differences;
    it can be trained, in bf16 too; saved, described and built again it gives the same bits, in a
    new process too.

    Args:
        make: makes the fusion, before ``setup``.
        new_process: also load it in a new process, which takes some seconds.

    Errors:
        ContractError: the first promise that is broken.
    """
    case = Case(make, made_up(make().width))
    for check in (
        _check_shapes,
        _check_seed,
        _check_names,
        _check_order,
        _check_padding,
        _check_absence,
        _check_say,
        _check_gradients,
        _check_training,
        _check_saving,
    ):
        with explained(check.__name__.removeprefix("_check_").replace("_", " ")):
            check(case)
    if new_process:
        _check_new_process(case)


@dataclass(frozen=True)
class Case:
    """A fusion to be, and columns to try it on."""

    make: Callable[[], Fusion]
    columns: Columns

    def fusion(self, seed: int = 0) -> Fusion:
        """Make the fusion with weights of a seed, ready for use."""
        fusion = self.make()
        with seeded(seed):
            fusion.setup(tuple(self.columns))
        return fusion.eval()

    def precise(self) -> tuple[Fusion, dict[str, Encoded]]:
        """Give fusion and columns in float64, every weight moved off its first value."""
        fusion = self.fusion().double()
        shake(list(fusion.parameters()))
        return fusion, {n: replace(e, tokens=e.tokens.double()) for n, e in self.columns.items()}


def made_up(width: int, seed: int = 0) -> dict[str, Encoded]:
    """Make six rows of tokens in three columns, of unequal length, some absent."""
    generator = torch.Generator().manual_seed(seed)
    columns = {}
    for name, time in TIMES.items():
        present = torch.tensor(PRESENT[name], dtype=torch.bool)
        lengths = 1 + torch.arange(len(present)) % time
        mask = (torch.arange(time) < lengths.unsqueeze(1)) & present.unsqueeze(1)
        tokens = torch.randn(len(present), time, width, generator=generator)
        columns[name] = Encoded(tokens * mask.unsqueeze(-1), mask, present)
    return columns


def _tensors(fused: Fused) -> dict[str, Tensor]:
    """List all numbers that came out, padding left out; late decisions too."""
    found = {
        "pooled": fused.pooled,
        "tokens": fused.tokens.masked_fill(~fused.mask.unsqueeze(-1), 0.0),
        **{f"parts[{name!r}]": part for name, part in fused.parts.items()},
    }
    if fused.decide:
        present = torch.stack(list(fused.present.values()), 1)
        outputs = noise(fused.pooled.new_zeros(*present.shape, 3), seed=11)
        for kind in ("scores", "values"):
            found[f"decide {kind}"] = fused.decide(outputs, present, kind)
    return found


def _demand_same(promise: str, what: str, left: Fused, right: Fused) -> None:
    """Demand the same numbers to the last bit, masks included."""
    one, two = _tensors(left), _tensors(right)
    unlike = [name for name in one if not torch.equal(one[name], two[name])]
    unlike += [] if torch.equal(left.mask, right.mask) else ["mask"]
    demand(not unlike, promise, f"{what} changed {', '.join(unlike)}")


def _demand_near(promise: str, what: str, left: Mapping[str, Tensor], right: Fused) -> None:
    other = _tensors(right)
    for name, tensor in left.items():
        gap = distance(tensor, other[name])
        demand(gap <= TOLERANCES[promise], promise, f"{what} changed {name} ({gap:.1e} apart)")


def _check_shapes(case: Case) -> None:
    before = {name: e.tokens.clone() for name, e in case.columns.items()}
    for count in (1, 2, 3):
        some = dict(list(case.columns.items())[:count])
        fusion = Case(case.make, some).fusion()
        fused, rows = fusion(some), len(PRESENT["price"])
        of = f"of {count} columns"
        shape = tuple(fused.pooled.shape)
        right = shape == (rows, fusion.width)
        demand(right, "shapes", f"pooled {of} should be ({rows}, {fusion.width}), found {shape}")
        shape = tuple(fused.tokens.shape)
        right = len(shape) == 3 and (shape[0], shape[2]) == (rows, fusion.width)
        demand(right, "shapes", f"tokens {of} should be ({rows}, time, width), found {shape}")
        right = fused.mask.shape == shape[:2] and fused.mask.dtype == torch.bool
        demand(right, "shapes", f"mask {of} should be Bool{shape[:2]}, found {fused.mask.shape}")
        demand(fused.mask.any(1).all(), "shapes", f"a row {of} has no real token")
        right = set(fused.parts) == set(some)
        right = right and all(p.ndim == 2 and len(p) == rows for p in fused.parts.values())
        demand(right, "shapes", f"parts {of} should be one vector a row for each column")
        finite = all(tensor.isfinite().all() for tensor in _tensors(fused).values())
        demand(finite, "shapes", f"numbers are not finite, with cells or whole rows absent, {of}")
        for name, e in some.items():
            same = torch.equal(fused.present[name], e.present)
            demand(same, "shapes", f"present of {name!r} was changed")
            demand(
                torch.equal(before[name], e.tokens), "shapes", f"tokens of {name!r} were changed"
            )


def _check_names(case: Case) -> None:
    fusion = case.fusion()
    turned = dict(reversed(list(case.columns.items())))
    _demand_same("names", "the order of the mapping", fusion(case.columns), fusion(turned))
    try:
        fusion({name: case.columns[name] for name in list(case.columns)[1:]})
    except PartError:
        return
    demand(kept=False, promise="names", message="a column was left out and nothing was said")


def _check_seed(case: Case) -> None:
    one, two = case.fusion().state_dict(), case.fusion().state_dict()
    unlike = [name for name, weight in one.items() if not torch.equal(weight, two[name])]
    demand(not unlike, "seed", f"the same seed gave other weights: {unlike}")
    trained = []
    for _ in range(2):
        fusion = case.fusion().train()
        with seeded(7):
            trained.append(fusion(case.columns))
    _demand_same("seed", "a second fusion of the same seed", *trained)
    fusion = case.fusion()
    _demand_same("seed", "eval() a second time", fusion(case.columns), fusion(case.columns))


def _rows(columns: Columns, index: Tensor) -> dict[str, Encoded]:
    return {
        name: Encoded(e.tokens[index], e.mask[index], e.present[index])
        for name, e in columns.items()
    }


def _check_order(case: Case) -> None:
    fusion, columns = case.precise()
    whole = {k: v for k, v in _tensors(fusion(columns)).items() if not k.startswith("decide")}
    for what, index in (
        ("another order of the rows", torch.arange(len(PRESENT["price"])).flip(0)),
        ("leaving out a row's neighbours", torch.tensor([3])),
    ):
        rows = {name: tensor[index] for name, tensor in whole.items()}
        _demand_near("order", what, rows, fusion(_rows(columns, index)))


def _check_padding(case: Case) -> None:
    fusion, columns = case.precise()
    plain = _tensors(fusion(columns))
    noisy, longer = {}, {}
    for name, e in columns.items():
        other = noise(e.tokens, seed=3)
        real = (e.mask | ~e.present[:, None]).unsqueeze(-1)
        noisy[name] = replace(e, tokens=torch.where(real, e.tokens, other))
        pad = torch.zeros_like(e.mask[:, :1]).expand(-1, 2)
        longer[name] = Encoded(
            torch.cat([e.tokens, other[:, :1].expand(-1, 2, -1)], 1),
            torch.cat([e.mask, pad], 1),
            e.present,
        )
    _demand_near("padding", "noise in the padding", plain, fusion(noisy))
    plain.pop("tokens")
    _demand_near("padding", "more padding", plain, fusion(longer))


def _check_absence(case: Case) -> None:
    for training in (False, True):
        expected = _fused(case, case.columns, training=training)
        for fill in (noise, lambda tokens: torch.full_like(tokens, float("nan"))):
            other = {
                name: Encoded(
                    torch.where(e.present[:, None, None], e.tokens, fill(e.tokens)),
                    torch.where(e.present[:, None], e.mask, ~e.mask),
                    e.present,
                )
                for name, e in case.columns.items()
            }
            found = _fused(case, other, training=training)
            _demand_same("absence", "what stands in an absent cell", expected, found)
    _check_absent_decisions(case.fusion()(case.columns))
    fusion, columns = case.fusion(), {}
    for name, e in case.columns.items():
        columns[name] = replace(e, tokens=e.tokens.clone().requires_grad_())
    total = torch.stack([t.sum() for t in _tensors(fusion(columns)).values()]).sum()
    torch.autograd.backward(total)
    for name, e in columns.items():
        silent = e.tokens.grad is not None and not e.tokens.grad[~e.present].any()
        demand(silent, "absence", f"absent cells of {name!r} get a gradient; it must be exactly 0")


def _check_absent_decisions(fused: Fused) -> None:
    """Late fusion: what an absent column would decide must not matter where another is there."""
    if fused.decide is None:
        return
    present = torch.stack(list(fused.present.values()), 1)
    present = present[present.any(1)]
    outputs = noise(fused.pooled.new_zeros(*present.shape, 3), seed=11)
    other = torch.where(present.unsqueeze(-1), outputs, noise(outputs, seed=12))
    for kind in ("scores", "values"):
        decided = [fused.decide(x, present, kind) for x in (outputs, other)]
        message = f"what an absent column would decide changes the joint decision on {kind}"
        demand(torch.equal(*decided), "absence", message)


def _fused(case: Case, columns: Columns, *, training: bool) -> Fused:
    fusion = case.fusion().train(training)
    with seeded(7):
        fused: Fused = fusion(columns)
    return fused


def _check_say(case: Case) -> None:
    fusion, columns = case.precise()
    pooled = fusion(columns).pooled
    for name, e in columns.items():
        louder = replace(e, tokens=e.tokens + e.mask.unsqueeze(-1) * noise(e.tokens, seed=5))
        changed = (fusion({**columns, name: louder}).pooled != pooled).any(1)
        message = f"column {name!r} is present and has no say in the fused vector"
        demand(changed[e.present].all(), "say", message)


def _check_gradients(case: Case) -> None:
    fusion, columns = case.precise()
    columns = {n: replace(e, tokens=e.tokens.requires_grad_()) for n, e in columns.items()}
    weights = {name: p for name, p in fusion.named_parameters() if p.requires_grad}
    weigh = {k: noise(v.detach(), seed=9) for k, v in _tensors(fusion(columns)).items()}

    def total() -> Tensor:
        found = _tensors(fusion(columns))
        return torch.stack([(found[name] * weigh[name]).sum() for name in weigh]).sum()

    check_gradients(total, weights, [e.tokens for e in columns.values()])


def _check_training(case: Case) -> None:
    one = _rows(case.columns, torch.tensor([0]))
    for title, columns in (("one row", one), ("a batch", case.columns)):
        for half in (False, True):
            fusion = case.fusion().train()
            with seeded(7), torch.autocast("cpu", torch.bfloat16, enabled=half):
                found = list(_tensors(fusion(columns)).values())
                total = torch.stack([t.float().sum() for t in found]).sum()
            if total.requires_grad:
                torch.autograd.backward(total)
            slopes = [p.grad for p in fusion.parameters() if p.grad is not None]
            finite = all(t.isfinite().all() for t in [*found, *slopes])
            where = f"{title}{' under bf16 autocast' if half else ''}"
            demand(finite, "training", f"numbers or gradients are not finite for {where}")


def _check_saving(case: Case) -> None:
    first = case.fusion()
    try:
        description = json.loads(json.dumps(describe(first)))
        again: Fusion = build(description, {type(first).__name__: type(first)})
    except (PartError, TypeError) as error:
        demand(kept=False, promise="saving", message=f"it cannot be built again: {error}")
        raise
    with seeded(99):
        again.setup(tuple(case.columns))
    again.load_state_dict(first.state_dict())
    what = "building from the description and loading the weights"
    _demand_same("saving", what, first(case.columns), again.eval()(case.columns))


def _check_new_process(case: Case) -> None:
    fusion = case.fusion()
    with TemporaryDirectory() as name:
        folder = Path(name)
        keep_for_again(fusion, folder)
        run("sensorium.testing.fusion", "fuse_again", folder)
        demand_again(fusion, folder)


def keep_for_again(fusion: Fusion, folder: Path) -> None:
    """Save a fusion that was set up for the made-up columns, for ``fuse_again``."""
    folder.mkdir(parents=True, exist_ok=True)
    job = {"class": address(type(fusion)), "fusion": describe(fusion)}
    (folder / JOB).write_text(json.dumps(job), encoding="utf-8")
    save_file({k: w.contiguous() for k, w in fusion.state_dict().items()}, folder / WEIGHTS)


def fuse_again(folder: Path) -> None:
    """Build every fusion saved below a folder, and write what it gives; for a new process."""
    for file in sorted(folder.rglob(JOB)):
        job = json.loads(file.read_text(encoding="utf-8"))
        fusion: Fusion = build(job["fusion"], {job["fusion"]["part"]: locate(job["class"])})
        columns = made_up(fusion.width)
        fusion.setup(tuple(columns))
        fusion.load_state_dict(load_file(file.with_name(WEIGHTS)))
        with torch.no_grad():
            found = _tensors(fusion.eval()(columns))
        save_file({k: t.contiguous() for k, t in found.items()}, file.with_name(FOUND))


def demand_again(fusion: Fusion, folder: Path) -> None:
    """Demand that ``fuse_again`` wrote what the fusion gives here.

    Errors:
        ContractError: a number differs in its last bit.
    """
    expected, found = _tensors(fusion(made_up(fusion.width))), load_file(folder / FOUND)
    unlike = [name for name, tensor in expected.items() if not torch.equal(tensor, found[name])]
    demand(not unlike, "new process", f"loaded there, it gives other {', '.join(unlike)}")
