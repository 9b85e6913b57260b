"""Moving average of a network's weights, which generalizes better than the weights themselves.

Polyak averaging as an exponential moving average (Tarvainen and Valpola, arXiv:1703.01780). The
norms' running statistics are not averaged: they are estimated again with the averaged weights
(Izmailov et al., arXiv:1803.05407).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Averages the parameters of a module over the steps of a training.

    Args:
        module: whose parameters now are the first average.
        share: of the average that a step keeps; less in the first steps, so that the average
            forgets where it started.
    """

    def __init__(self, module: nn.Module, *, share: float) -> None:
        self._share = share
        self._names = [name for name, _ in module.named_parameters()]
        self._values = [p.detach().clone() for p in module.parameters()]
        self._steps = 0

    def update(self, module: nn.Module) -> None:
        """Take in the parameters after a step."""
        share = min(self._share, (1 + self._steps) / (10 + self._steps))
        self._steps += 1
        now = [p.detach() for p in module.parameters()]
        torch._foreach_lerp_(self._values, now, 1 - share)

    @contextmanager
    def shown(self, module: nn.Module) -> Iterator[None]:
        """Give the module the averaged parameters inside a ``with`` statement.

        Buffers may change inside, and are restored too.
        """
        before = {name: value.detach().clone() for name, value in module.state_dict().items()}
        module.load_state_dict(dict(zip(self._names, self._values, strict=True)), strict=False)
        try:
            yield
        finally:
            module.load_state_dict(before)

    def state(self) -> dict[str, Tensor]:
        """Return the averages by name of the parameter, and the steps so far as ``steps``."""
        values = dict(zip(self._names, self._values, strict=True))
        return {**values, "steps": torch.tensor(self._steps)}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Load copies of the result of :meth:`state`."""
        for name, value in zip(self._names, self._values, strict=True):
            value.copy_(state[name])
        self._steps = int(state["steps"])
