"""One step on a batch too big for memory: the loss sees all rows, the encoders a chunk at a time.

Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Peak". Knows a
function that encodes, and a loss of what comes out; of one process, without sums across machines.

The slopes are those of the whole batch as long as rows do not meet inside ``encode``: batch norm
would see chunks.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from sensorium.core.errors import PartError

Chunk = TypeVar("Chunk")
Named = Tensor | Mapping[str, Tensor]
ALONE = "loss"
"""The name of what came without one."""


def cached_step(
    encode: Callable[[Chunk], Named],
    chunks: Sequence[Chunk],
    loss: Callable[[Any], Named],
    backward: Callable[[Tensor], Any] = torch.autograd.backward,
) -> dict[str, Tensor]:
    """Add the slopes of one big batch's loss to every weight, chunk by chunk.

    First all chunks are encoded without a graph; then the loss of all rows gives the slope of each
    representation; then each chunk is encoded again with a graph, under the same draws of torch's
    generators, so that dropout repeats, and its slopes go back into the encoder. Memory holds the
    graph of one chunk; time grows by one forward pass.

    Args:
        encode: gives a chunk's representation, or several by name, rows first.
        chunks: the batch, cut.
        loss: of the representations of all chunks, joined; one number, or several by name, which
            are summed. Its own weights, such as a temperature, get their slopes too.
        backward: how the loss goes back, such as ``accelerator.backward``.

    Returns:
        The losses by name, without a graph; ``"loss"`` where there is only one.

    Errors:
        PartError: no chunks.
    """
    if not chunks:
        msg = "a cached step needs one chunk at least; found none"
        raise PartError(msg)
    draws, leaves = [], []
    with torch.no_grad():
        for chunk in chunks:
            draws.append(_Draws.now())
            leaves.append({name: _leaf(x) for name, x in _named(encode(chunk)).items()})
    whole = {name: torch.cat([leaf[name] for leaf in leaves]) for name in leaves[0]}
    losses = _named(loss(whole[ALONE] if set(whole) == {ALONE} else whole))
    backward(torch.stack(list(losses.values())).sum())
    for chunk, drawn, leaf in zip(chunks, draws, leaves, strict=True):
        with drawn.again():
            _send_back(_named(encode(chunk)), leaf)
    return {name: value.detach() for name, value in losses.items()}


def _named(values: Named) -> Mapping[str, Tensor]:
    return {ALONE: values} if isinstance(values, Tensor) else values


def _leaf(x: Tensor) -> Tensor:
    return x.detach().requires_grad_(x.is_floating_point())


def _send_back(encoded: Mapping[str, Tensor], leaf: Mapping[str, Tensor]) -> None:
    """Go back from representations with the slopes that the loss left on their leaves."""
    pairs = [(x, leaf[name].grad) for name, x in encoded.items()]
    known = [(x, slope) for x, slope in pairs if slope is not None and x.requires_grad]
    if known:
        torch.autograd.backward([x for x, _ in known], [slope for _, slope in known])


@dataclass(frozen=True, eq=False)
class _Draws:
    """Where torch's own generators stand: of the processor, and of each CUDA device in use."""

    cpu: Tensor
    cuda: tuple[Tensor, ...]

    @classmethod
    def now(cls) -> "_Draws":
        used = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        return cls(torch.get_rng_state(), tuple(torch.cuda.get_rng_state_all()) if used else ())

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draw the same numbers; afterwards go on as if nothing had been drawn."""
        with torch.random.fork_rng(list(range(len(self.cuda)))):
            torch.set_rng_state(self.cpu)
            for device, state in enumerate(self.cuda):
                torch.cuda.set_rng_state(state, device)
            yield
