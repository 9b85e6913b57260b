"""Graph: a short list of operations plus arrays."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from motefit.graph.ops import Op, Shape
from motefit.spec.errors import RecipeError

INPUT = "input"


@dataclass(frozen=True, kw_only=True, eq=False)
class Quantization:
    """Mapping of integers to reals: ``real = scale * (q - zero_point)``.

    Attributes:
        scale: float32, (1,) per tensor or (n,) along ``axis``.
        zero_point: of activations; 0 for weights and biases.
        axis: None per tensor, otherwise the axis of the per-channel scales.
        bits: of an integer in the file: 8, or 4 for weights in [-7, 7], two to a byte.
        unsigned: whether the file holds ``q + 128`` as uint8, for which kernels round differently.
            Its weights have zero points, too. Such a graph is read and executed, but not written.
    """

    scale: np.ndarray
    zero_point: int = 0
    axis: int | None = None
    bits: int = 8
    unsigned: bool = False

    def __post_init__(self) -> None:
        scale = np.asarray(self.scale, np.float32)
        if scale.ndim != 1:
            scale = scale.reshape(-1)
        # a single number is compared directly: numpy's reductions take microseconds
        ends = scale.tolist() if scale.size < 2 else [scale.min(), scale.max()]
        if ends and not 0 < ends[0] <= ends[-1] < np.inf:
            raise RecipeError(f"quantization scales must be positive and finite, got {scale}")
        object.__setattr__(self, "scale", scale)

    def along(self, rank: int) -> np.ndarray:
        """Return the scale, float32, shaped to broadcast against a tensor of the given rank."""
        if self.axis is None:
            return self.scale[0]  # type: ignore[no-any-return]
        shape = [1] * rank
        shape[self.axis] = -1
        return self.scale.reshape(shape)


@dataclass(frozen=True, kw_only=True)
class State:
    """A tensor that persists between runs: one run writes it, the next one reads it.

    Its initial value is that of padding: 0, which in int8 is the zero point.

    Attributes:
        name: that operations use to read it.
        shape: of one example, without the batch.
        after: name of the activation that becomes the state of the next run.
    """

    name: str
    shape: Shape
    after: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A network: the single description that is trained, counted, executed and written to a file.

    Attributes:
        input_shape: of one example, without the batch; the input's name is ``"input"``.
        ops: in an executable order; the output of the last one is the graph's.
        constants: weights, biases and statistics by name: float32, or int8/int32 when quantized.
        quantization: of tensors that hold integers, by name. An activation named here is int8
            (int16 for an LSTM's cell state, named ``"<output>.cell"``), any other float32.
        states: additional inputs, and additional outputs that become them in the next run; in files
            they follow the input and the output, in this order. Only the streaming form of a
            network has any, see :mod:`motefit.graph.streaming_form`.
    """

    input_shape: Shape
    ops: tuple[Op, ...]
    constants: Mapping[str, np.ndarray]
    quantization: Mapping[str, Quantization] = field(default_factory=dict)
    states: tuple[State, ...] = ()

    def __post_init__(self) -> None:
        known = {INPUT, *self.constants, *(state.name for state in self.states)}
        for op in self.ops:
            missing = [name for name in op.inputs if name not in known]
            if missing:
                raise RecipeError(f"{op.output}: unknown inputs {missing}")
            if op.output in known:
                raise RecipeError(f"two tensors are named {op.output!r}")
            known.add(op.output)
        if not self.ops:
            raise RecipeError("a graph needs at least one operation")
        lost = [state.after for state in self.states if state.after not in known]
        if lost:
            raise RecipeError(f"states refer to {lost}, which no operation produces")

    @property
    def output(self) -> str:
        """Name of the graph's output."""
        return self.ops[-1].output

    @cached_property
    def shapes(self) -> Mapping[str, Shape]:
        """Shape of every tensor by name.

        Raises:
            RecipeError: if an operation does not fit its inputs, or a state changes its shape.
        """
        shapes: dict[str, Shape] = {INPUT: tuple(self.input_shape)}
        shapes.update({name: array.shape for name, array in self.constants.items()})
        shapes.update({state.name: state.shape for state in self.states})
        for op in self.ops:
            shapes[op.output] = op.infer([shapes[name] for name in op.inputs])
        for state in self.states:
            if shapes[state.after] != state.shape:
                raise RecipeError(f"{state.name}: {state.shape} becomes {shapes[state.after]}")
        return shapes

    @property
    def output_shape(self) -> Shape:
        """Shape of one example's output."""
        return self.shapes[self.output]

    def activations(self) -> tuple[str, ...]:
        """List the names of the input, the states and every operation's output, in order."""
        return (INPUT, *(s.name for s in self.states), *(op.output for op in self.ops))

    def consumers(self, name: str) -> tuple[Op, ...]:
        """Return the operations that read a tensor."""
        return self._readers.get(name, ())

    @cached_property
    def _readers(self) -> Mapping[str, tuple[Op, ...]]:
        readers: dict[str, tuple[Op, ...]] = {}
        for op in self.ops:
            for name in dict.fromkeys(op.inputs):
                readers[name] = (*readers.get(name, ()), op)
        return readers

    def with_constants(self, constants: Mapping[str, np.ndarray]) -> "Graph":
        """Return a copy with some constants replaced.

        Raises:
            RecipeError: for a constant that the graph does not have, or of another shape.
        """
        for name, array in constants.items():
            if name not in self.constants or self.constants[name].shape != array.shape:
                raise RecipeError(f"no constant {name!r} of shape {array.shape} in this graph")
        return replace(self, constants={**self.constants, **constants})
