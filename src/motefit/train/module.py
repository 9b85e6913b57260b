"""A Graph as a torch module: the same function, with gradients.

Images are (n, c, h, w) tensors in ``channels_last`` memory inside, which is the Graph's
(n, h, w, c) byte for byte; constants are permuted once, when the module is created.
"""

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import Add, BatchNorm, DepthwiseConv2D, Softmax
from motefit.graph.ops_signal import Multiply
from motefit.spec.errors import RecipeError
from motefit.train.fused_steps import steps_of
from motefit.train.torch_ops import Context

NORM_MOMENTUM = 0.9
"""Fraction of the previous running statistics kept at each step (Keras's definition). Keras's own
0.99 needs hundreds of steps to settle; small data sets have 25 in an epoch."""


class Rounding(Protocol):
    """Transforms constants and activations before they are read, e.g. to simulate int8."""

    def constant(self, name: str, value: Tensor) -> Tensor:
        """Transform a constant for its readers.

        Args:
            name: of the constant.
            value: in torch's layout: convolution OIHW, depthwise C1HW, dense OI; float32.
        """
        ...

    def activation(self, name: str, value: Tensor) -> Tensor:
        """Transform an activation (or the input) for its readers.

        Args:
            name: of the activation.
            value: (n, c, h, w) for images, otherwise (n, *shape); float32.
        """
        ...

    def advance(self, step: int, steps: int, constants: Mapping[str, Tensor]) -> None:
        """Prepare for a training step, for roundings that change over time.

        Args:
            step: from 0.
            steps: total number.
            constants: their current values, before any rounding.
        """
        ...


class GraphModule(nn.Module):
    """Interprets a float Graph, in trained or in released form.

    In training mode batch norms use and update batch statistics (running variance without bias, as
    Keras and torch keep it), dropouts act, and a final softmax is left out, so that the loss reads
    logits. In evaluation mode the output equals ``graph.reference.run``.

    Attributes:
        graph: as given.

    Args:
        graph: whose constants become parameters; means and variances of norms become buffers.
        seed: of the dropouts.
        rounding: applied to constants and activations; None leaves them unchanged.
        norm_momentum: see :data:`NORM_MOMENTUM`.
        fused: whether several operations may run as one, see ``train.fused_steps``; with a rounding
            they never do.

    Raises:
        ModelFileError: for a graph with operations that cannot be trained, such as int8 ones.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        seed: int,
        rounding: Rounding | None = None,
        norm_momentum: float = NORM_MOMENTUM,
        fused: bool = True,
    ) -> None:
        super().__init__()
        self.graph = graph
        self._rounding = rounding
        self._context = Context(norm_momentum)
        self._layouts = {name: layout_of(graph, name) for name in used_constants(graph)}
        statistics = {n for op in graph.ops if isinstance(op, BatchNorm) for n in op.inputs[3:]}
        for name, layout in self._layouts.items():
            tensor = layout.to_torch(graph.constants[name])
            if name in statistics:
                self.register_buffer(_key(name), tensor)
            else:
                self.register_parameter(_key(name), nn.Parameter(tensor))
        self._plain_steps = steps_of(graph, fused=False)
        self._fused_steps = steps_of(graph, fused=fused and rounding is None)
        self._ends_in_softmax = isinstance(graph.ops[-1], Softmax)
        self.reseed(seed)

    def reseed(self, *seed: int) -> None:
        """Restart the dropouts' random numbers from non-negative integers."""
        device = next(self.parameters(), torch.empty(0)).device
        self._context.generator = generator_of(*seed, device=device)

    def forward(self, batch: Tensor) -> Tensor:
        """Compute outputs (n, *output_shape) of inputs (n, *input_shape), float32."""
        return self._run(batch, softmax=not self.training)

    def logits(self, batch: Tensor) -> Tensor:
        """Compute as :meth:`forward`, but without a final softmax in either mode."""
        return self._run(batch, softmax=False)

    def tensor(self, name: str) -> Tensor:
        """Return the parameter or buffer of a constant, in torch's layout."""
        value: Tensor = getattr(self, _key(name))
        return value

    def load(self, graph: Graph) -> None:
        """Load the constants of a graph of the same form."""
        with torch.no_grad():
            for name, layout in self._layouts.items():
                self.tensor(name).copy_(layout.to_torch(graph.constants[name]))

    def to_graph(self) -> Graph:
        """Return the graph with the current values of all constants, as their readers see them."""
        with torch.no_grad():
            seen = self._constants()
        layouts = self._layouts.items()
        return self.graph.with_constants({n: layout.to_numpy(seen[n]) for n, layout in layouts})

    def estimate_norms(self, batches: Iterable[Tensor]) -> None:
        """Replace the statistics of all norms by their means over some batches, without dropout."""
        context, before = self._context, self._context.norm_momentum
        mode = self.training
        self.train()
        context.dropping = False
        with torch.no_grad():
            for number, batch in enumerate(batches):
                context.norm_momentum = 1 - 1 / (number + 1)
                self.logits(batch)
        context.norm_momentum, context.dropping = before, True
        self.train(mode)

    def advance(self, step: int, steps: int) -> None:
        """Advance the rounding before a training step; see :class:`Rounding`."""
        if self._rounding is not None:
            constants = {name: self.tensor(name).detach() for name in self._layouts}
            self._rounding.advance(step, steps, constants)

    def _run(self, batch: Tensor, *, softmax: bool) -> Tensor:
        graph = self.graph
        tensors = self._constants()
        self._context.training = self.training
        tensors[INPUT] = self._seen(INPUT, _channels_second(batch))
        # a fused step has gradients in training only
        differentiable = self.training or not torch.is_grad_enabled()
        steps = self._fused_steps if differentiable else self._plain_steps
        if self._ends_in_softmax and not softmax:
            steps = steps[:-1]
        name = INPUT
        for step in steps:
            made = step.run([tensors[n] for n in step.inputs], self._context)
            for name, value in zip(step.outputs, made, strict=True):
                tensors[name] = self._seen(name, value)
        out = tensors[name]
        return out.permute(0, 2, 3, 1) if len(graph.output_shape) == 3 else out

    def _constants(self) -> dict[str, Tensor]:
        tensors = {name: self.tensor(name) for name in self._layouts}
        if self._rounding is not None:
            for name, value in tensors.items():
                tensors[name] = self._rounding.constant(name, value)
        return tensors

    def _seen(self, name: str, value: Tensor) -> Tensor:
        return value if self._rounding is None else self._rounding.activation(name, value)


def _key(name: str) -> str:
    return name.replace(".", "/")  # torch keeps the dot for nested modules


def used_constants(graph: Graph) -> tuple[str, ...]:
    """List a graph's constants in the order in which operations read them: weight before bias."""
    read = dict.fromkeys(name for op in graph.ops for name in op.inputs)
    return tuple(name for name in read if name in graph.constants)


def _channels_second(batch: Tensor) -> Tensor:
    if batch.ndim != 4:
        return batch
    return batch.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


class ParameterLayout:
    """Layout of a constant in torch: a permutation of the Graph's axes."""

    def __init__(self, order: tuple[int, ...]) -> None:
        self._order = order
        self._back = tuple(int(i) for i in np.argsort(order))

    def to_torch(self, array: np.ndarray) -> Tensor:
        """Convert an array in the Graph's layout to a float32 tensor."""
        tensor = torch.tensor(array, dtype=torch.float32).permute(self._order)
        if tensor.ndim == 4:
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor.contiguous()

    def to_numpy(self, tensor: Tensor) -> np.ndarray:
        """Convert a tensor to a float32 array in the Graph's layout."""
        array = tensor.detach().cpu().permute(self._back).contiguous().numpy()
        return np.array(array, np.float32)


def layout_of(graph: Graph, name: str) -> ParameterLayout:
    """Return the layout of a constant: convolution OIHW, depthwise C1HW, images CHW.

    Others are unchanged.
    """
    rank = graph.constants[name].ndim
    if rank == 3 and any(isinstance(op, Add | Multiply) for op in graph.consumers(name)):
        return ParameterLayout((2, 0, 1))
    if any(isinstance(op, DepthwiseConv2D) for op in graph.consumers(name)):
        rank_4 = (3, 0, 1, 2)
    else:
        rank_4 = (0, 3, 1, 2)
    return ParameterLayout(rank_4 if rank == 4 else tuple(range(rank)))


def generator_of(*seed: int, device: torch.device | None = None) -> torch.Generator:
    """Make a torch generator seeded by non-negative integers; ``device`` None is the CPU."""
    state = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
    return torch.Generator(device or "cpu").manual_seed(state % 2**63)


def select_device(name: str) -> torch.device:
    """Return an available torch device.

    Raises:
        RecipeError: for a name unknown to torch, or a device that this machine lacks.
    """
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise RecipeError(
            f"the device {name!r} cannot be used ({reason}); "
            f"use 'cpu'{' or cuda' if torch.cuda.is_available() else ''}"
        ) from None
    return device
