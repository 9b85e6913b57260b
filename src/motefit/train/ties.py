"""Roundings that keep what has been settled: zeros stay zero, shared values stay shared."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from motefit.train.model import Model, weight_names
from motefit.train.module import Rounding, layout_of


class Ties(nn.Module):
    """Holds pruned weights at 0 and the weights of a group together (a ``Rounding``).

    What readers see of a group is the mean of its members, in steps of the channels' scales, so
    that each member receives the mean of the group's gradients.

    Args:
        model: whose zeros and groups are kept.
    """

    def __init__(self, model: Model) -> None:
        super().__init__()
        graph = model.graph
        self._held: dict[str, Tensor] = {}
        self._groups: dict[str, tuple[Tensor, Tensor]] = {}
        for name in weight_names(graph):
            layout, array = layout_of(graph, name), graph.constants[name]
            alive = array != 0
            if not alive.all():
                self._held[name] = layout.to_torch(alive.astype(np.float32))
            if name in model.groups and alive.any():
                # the zeros are a group of their own: their mean must not move others
                groups = np.where(alive, model.groups[name], model.groups[name].max() + 1)
                _, index = np.unique(groups, return_inverse=True)
                tensor = layout.to_torch(index.reshape(array.shape)).long()
                scale = model.scales.get(name, np.ones(1, np.float32))
                shape = (-1, *[1] * (array.ndim - 1))
                self._groups[name] = (tensor, torch.from_numpy(scale.reshape(shape)))

    def constant(self, name: str, value: Tensor) -> Tensor:
        """A weight, tied."""
        if name in self._groups:
            index, scale = (part.to(value.device) for part in self._groups[name])
            value = _means(value / scale, index) * scale
        return value * self._held[name].to(value.device) if name in self._held else value

    def activation(self, name: str, value: Tensor) -> Tensor:  # noqa: ARG002 - of the protocol
        """As it is."""
        return value

    def advance(self, step: int, steps: int, constants: Mapping[str, Tensor]) -> None:
        """Nothing changes with time."""


def _means(value: Tensor, index: Tensor) -> Tensor:
    """Every number replaced by the mean of the numbers with its index."""
    flat, places = value.reshape(-1), index.reshape(-1)
    sums = flat.new_zeros(int(places.max()) + 1).index_add(0, places, flat)
    counts = torch.bincount(places).to(flat)
    seen: Tensor = (sums / counts)[places].reshape(value.shape)
    return seen


class Chain(nn.Module):
    """Several roundings one after the other (a ``Rounding``).

    Args:
        roundings: modules that implement ``Rounding``, in order.
    """

    def __init__(self, roundings: Sequence[nn.Module]) -> None:
        super().__init__()
        self._parts = nn.ModuleList(roundings)

    def _roundings(self) -> list[Rounding]:
        return list(self._parts)  # type: ignore[arg-type]  # torch's list knows modules only

    def constant(self, name: str, value: Tensor) -> Tensor:
        """What is left after all of them."""
        for rounding in self._roundings():
            value = rounding.constant(name, value)
        return value

    def activation(self, name: str, value: Tensor) -> Tensor:
        """What is left after all of them."""
        for rounding in self._roundings():
            value = rounding.activation(name, value)
        return value

    def advance(self, step: int, steps: int, constants: Mapping[str, Tensor]) -> None:
        """Tell each of them."""
        for rounding in self._roundings():
            rounding.advance(step, steps, constants)
