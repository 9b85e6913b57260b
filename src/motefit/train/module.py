"""A Graph as a torch module: the same function, with gradients.

Images are (n, c, h, w) tensors in ``channels_last`` memory inside, which is the Graph's
(n, h, w, c) byte for byte; constants are permuted once, when the module is made.
"""

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import BatchNorm, DepthwiseConv2D, Softmax
from motefit.spec.errors import RecipeError
from motefit.train.torch_ops import Context, compile_op

NORM_MOMENTUM = 0.9
"""Share of the old running statistics kept at each step (Keras's sense of the word). Keras's own
0.99 needs hundreds of steps to settle; small data sets have 25 in an epoch."""


class Rounding(Protocol):
    """Stands between a constant or an activation and its readers, e.g. to imitate int8."""

    def constant(self, name: str, value: Tensor) -> Tensor:
        """What the readers of a constant see.

        Args:
            name: of the constant.
            value: in torch's layout: convolution OIHW, depthwise C1HW, dense OI; float32.
        """
        ...

    def activation(self, name: str, value: Tensor) -> Tensor:
        """What the readers of an activation (the input too) see.

        Args:
            name: of the activation.
            value: (n, c, h, w) for images, otherwise (n, *shape); float32.
        """
        ...

    def advance(self, step: int, steps: int, constants: Mapping[str, Tensor]) -> None:
        """Told before every step of a training, for roundings that change with time.

        Args:
            step: from 0.
            steps: how many there will be.
            constants: their present values, before any rounding.
        """
        ...


class GraphModule(nn.Module):
    """Interprets a float Graph, in trained or in shipped form.

    In training mode batch norms use and update batch statistics (running variance without bias, as
    Keras and torch keep it), dropouts act, and a final softmax is left out, so that the loss reads
    logits. In evaluation mode the output equals ``graph.reference.run``.

    Attributes:
        graph: as given.

    Args:
        graph: whose constants become parameters; means and variances of norms become buffers.
        seed: of the dropouts.
        rounding: applied to constants and activations; None leaves them as they are.
        norm_momentum: see :data:`NORM_MOMENTUM`.

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
        self._steps = [(op, compile_op(op, graph)) for op in graph.ops]
        self._ends_in_softmax = isinstance(graph.ops[-1], Softmax)
        self.reseed(seed)

    def reseed(self, *seed: int) -> None:
        """Start the dropouts' random numbers again from whole numbers of at least 0."""
        device = next(self.parameters(), torch.empty(0)).device
        self._context.generator = generator_of(*seed, device=device)

    def forward(self, batch: Tensor) -> Tensor:
        """Outputs (n, *output_shape) of inputs (n, *input_shape), float32."""
        return self._run(batch, softmax=not self.training)

    def logits(self, batch: Tensor) -> Tensor:
        """As :meth:`forward`, but without a final softmax in either mode."""
        return self._run(batch, softmax=False)

    def tensor(self, name: str) -> Tensor:
        """The parameter or buffer of a constant, in torch's layout."""
        value: Tensor = getattr(self, _key(name))
        return value

    def load(self, graph: Graph) -> None:
        """Take over the constants of a graph of the same form."""
        with torch.no_grad():
            for name, layout in self._layouts.items():
                self.tensor(name).copy_(layout.to_torch(graph.constants[name]))

    def to_graph(self) -> Graph:
        """The graph with the present values of all constants, as their readers see them."""
        with torch.no_grad():
            seen = self._constants()
        layouts = self._layouts.items()
        return self.graph.with_constants({n: layout.to_numpy(seen[n]) for n, layout in layouts})

    def advance(self, step: int, steps: int) -> None:
        """Tell the rounding how far the training is; see :class:`Rounding`."""
        if self._rounding is not None:
            constants = {name: self.tensor(name).detach() for name in self._layouts}
            self._rounding.advance(step, steps, constants)

    def _run(self, batch: Tensor, *, softmax: bool) -> Tensor:
        graph = self.graph
        tensors = self._constants()
        self._context.training = self.training
        tensors[INPUT] = self._seen(INPUT, _channels_second(batch))
        steps = self._steps if softmax or not self._ends_in_softmax else self._steps[:-1]
        name = INPUT
        for op, step in steps:
            name = op.output
            tensors[name] = self._seen(name, step([tensors[n] for n in op.inputs], self._context))
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
    """A graph's constants in the order in which operations read them: a weight before its bias."""
    read = dict.fromkeys(name for op in graph.ops for name in op.inputs)
    return tuple(name for name in read if name in graph.constants)


def _channels_second(batch: Tensor) -> Tensor:
    if batch.ndim != 4:
        return batch
    return batch.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


class ParameterLayout:
    """How a constant lies in torch: a permutation of the Graph's axes."""

    def __init__(self, order: tuple[int, ...]) -> None:
        self._order = order
        self._back = tuple(int(i) for i in np.argsort(order))

    def to_torch(self, array: np.ndarray) -> Tensor:
        """A float32 tensor of an array in the Graph's layout."""
        tensor = torch.tensor(array, dtype=torch.float32).permute(self._order)
        if tensor.ndim == 4:
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor.contiguous()

    def to_numpy(self, tensor: Tensor) -> np.ndarray:
        """A float32 array, in the Graph's layout, of a tensor."""
        array = tensor.detach().cpu().permute(self._back).contiguous().numpy()
        return np.array(array, np.float32)


def layout_of(graph: Graph, name: str) -> ParameterLayout:
    """The layout of a constant: convolution OIHW, depthwise C1HW, anything else as it is."""
    if any(isinstance(op, DepthwiseConv2D) for op in graph.consumers(name)):
        rank_4 = (3, 0, 1, 2)
    else:
        rank_4 = (0, 3, 1, 2)
    rank = graph.constants[name].ndim
    return ParameterLayout(rank_4 if rank == 4 else tuple(range(rank)))


def generator_of(*seed: int, device: torch.device | None = None) -> torch.Generator:
    """Torch's random numbers from whole numbers of at least 0; ``device`` None is the CPU."""
    state = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0])
    return torch.Generator(device or "cpu").manual_seed(state % 2**63)


def select_device(name: str) -> torch.device:
    """A torch device that is there.

    Raises:
        RecipeError: for a name torch does not know, or a device this machine lacks.
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
