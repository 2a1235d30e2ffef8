"""An exponential moving average of the weights (Polyak & Juditsky, 1992)."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from sensorium.train.weights import learned, take_back


class Average:
    """Keeps e <- d e + (1 - d) w for all weights and buffers that a fit changes.

    The decay d rises with the steps, min(d, (1 + n) / (10 + n)), so that early weights fade.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = model
        self.decay = decay
        self.steps = 0
        self._live = learned(model)  # the tensors themselves, which training changes in place
        self.state = {name: w.clone() for name, w in self._live.items()}

    @torch.no_grad()
    def update(self) -> None:
        """Take in the model's weights after one step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        floats, news = [], []
        for name, weight in self._live.items():
            if weight.is_floating_point():
                floats.append(self.state[name])
                news.append(weight)
            else:
                self.state[name].copy_(weight)
        torch._foreach_lerp_(floats, news, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Put the average in the model's place for a while."""
        own = {name: w.clone() for name, w in self._live.items()}
        take_back(self.model, self.state)
        try:
            yield
        finally:
            take_back(self.model, own)

    def restore(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Take back a saved average."""
        self.steps = steps
        for name, weight in state.items():
            self.state[name].copy_(weight)
