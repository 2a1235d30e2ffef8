"""The loader: the batches of one epoch in their order, the next ones fetched while one is used."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

from sensorium.data.order import Lengths, order

T = TypeVar("T")


class Loader(Generic[T]):
    """Fetches the batches of one epoch, a few ahead, in one background thread.

    A fault in ``fetch`` is raised where its batch would have come. When the consumer stops early,
    what was not yet begun is never fetched, and the thread ends.

    Args:
        fetch: makes a batch of row places.
        rows: how many rows there are.
        rows_per_step: the most rows of a batch.
        lengths: one number a row, to put rows of like length together; None does not.
        seed: which random order.
        epoch: every epoch has its own order.
        start: leave out so many steps: a fit that was stopped goes on where it was.
        shard: (this process, how many processes).

    Attributes:
        ahead: how many batches are fetched ahead.
    """

    ahead: int = 2

    def __init__(
        self,
        fetch: Callable[[Sequence[int]], T],
        *,
        rows: int,
        rows_per_step: int,
        lengths: Lengths | None = None,
        seed: int = 0,
        epoch: int = 0,
        start: int = 0,
        shard: tuple[int, int] = (0, 1),
    ) -> None:
        self._fetch = fetch
        self.steps = order(
            rows,
            rows_per_step,
            lengths=lengths,
            seed=seed,
            epoch=epoch,
            shard=shard,
        )[start:]

    def __len__(self) -> int:
        return len(self.steps)

    def __iter__(self) -> Iterator[T]:
        thread = ThreadPoolExecutor(1, thread_name_prefix="sensorium-loader")
        waiting: deque[Future[T]] = deque()
        try:
            for step in self.steps:
                waiting.append(thread.submit(self._fetch, step.tolist()))
                if len(waiting) > self.ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            thread.shutdown(wait=True, cancel_futures=True)
