"""A small graph builder, used by the families: names tensors and draws initial weights."""

import math
from collections.abc import Sequence

import numpy as np

from motefit.graph.graph import INPUT, Graph
from motefit.graph.ops import (
    LSTM,
    Activation,
    Add,
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    LastStep,
    Op,
    Pair,
    Shape,
    Softmax,
    TimePadding,
)
from motefit.graph.ops_signal import Slice
from motefit.spec.errors import RecipeError

MOST_WEIGHTS, MOST_OPS = 1 << 24, 2000
"""Most weights of a layer, which are 64 MB in float32, and operations of a network."""


class Builder:
    """Appends operations to a graph; ``cursor`` names the tensor that the next one reads.

    Args:
        input_shape: of one example, without the batch.
        rng: draws the initial weights (He-uniform; Glorot for the last layer and LSTMs).
    """

    def __init__(self, input_shape: Shape, *, rng: np.random.Generator) -> None:
        self._rng = rng
        self._ops: list[Op] = []
        self._constants: dict[str, np.ndarray] = {}
        self._shapes: dict[str, Shape] = {INPUT: tuple(input_shape)}
        self._numbers: dict[str, int] = {}
        self.cursor = INPUT

    @property
    def shape(self) -> Shape:
        """Shape at the cursor."""
        return self._shapes[self.cursor]

    def _append(self, op: Op) -> str:
        shapes = [self._shapes.get(n, None) or self._constants[n].shape for n in op.inputs]
        self._shapes[op.output] = op.infer(shapes)
        if len(self._ops) == MOST_OPS:
            raise RecipeError(
                f"the network would have more than {MOST_OPS} operations; give it fewer layers"
            )
        self._ops.append(op)
        self.cursor = op.output
        return op.output

    def _name(self, kind: str) -> str:
        """Return ``kind`` with the number of its operations so far."""
        number = self._numbers.get(kind, 0)
        self._numbers[kind] = number + 1
        return f"{kind}{number}"

    def _constant(self, name: str, value: np.ndarray) -> str:
        self._constants[name] = value.astype(np.float32, copy=False)
        return name

    def _uniform(self, shape: Shape, limit: float) -> np.ndarray:
        if (weights := math.prod(shape)) > MOST_WEIGHTS:
            raise RecipeError(
                f"a layer of the network would have {weights} weights; at most {MOST_WEIGHTS} are "
                "trained: make it smaller"
            )
        return self._rng.uniform(-limit, limit, shape)

    def conv(  # noqa: PLR0913 - the settings of a convolution
        self,
        filters: int,
        kernel: Pair,
        *,
        stride: Pair = (1, 1),
        dilation: Pair = (1, 1),
        padding: TimePadding = "same",
        bias: bool = False,
        gain: float = 1.0,
    ) -> str:
        """Append a convolution; without bias where a batch norm follows.

        ``gain`` multiplies the initial weights.
        """
        name = self._name("conv")
        fan_in = kernel[0] * kernel[1] * self.shape[2]
        weight = self._uniform((filters, *kernel, self.shape[2]), np.sqrt(6 / fan_in))
        inputs = [self.cursor, self._constant(f"{name}.weight", weight * gain)]
        if bias:
            inputs.append(self._constant(f"{name}.bias", np.zeros(filters)))
        return self._append(
            Conv2D(
                inputs=tuple(inputs), output=name, stride=stride, dilation=dilation, padding=padding
            )
        )

    def depthwise(
        self,
        kernel: Pair,
        *,
        stride: Pair = (1, 1),
        dilation: Pair = (1, 1),
        padding: TimePadding = "same",
    ) -> str:
        """Append a depthwise convolution without bias (a batch norm or convolution follows)."""
        name = self._name("depthwise")
        weight = self._uniform((1, *kernel, self.shape[2]), np.sqrt(6 / (kernel[0] * kernel[1])))
        inputs = (self.cursor, self._constant(f"{name}.weight", weight))
        return self._append(
            DepthwiseConv2D(
                inputs=inputs, output=name, stride=stride, dilation=dilation, padding=padding
            )
        )

    def dense(self, units: int, *, bias: bool = True) -> str:
        """Append a fully connected layer over the flattened tensor."""
        name = self._name("dense")
        fan_in = int(np.prod(self.shape))
        weight = self._uniform((units, fan_in), np.sqrt(6 / (fan_in + units)))
        inputs = [self.cursor, self._constant(f"{name}.weight", weight)]
        if bias:
            inputs.append(self._constant(f"{name}.bias", np.zeros(units)))
        return self._append(Dense(inputs=tuple(inputs), output=name))

    def batch_norm(self, *, epsilon: float = 1e-3, bands: int = 1) -> str:
        """Append a batch normalization over the channels, of each of several frequency bands."""
        name = self._name("norm")
        channels = self.shape[-1] * bands
        inputs = [self.cursor]
        for part, value in (("gamma", 1.0), ("beta", 0.0), ("mean", 0.0), ("variance", 1.0)):
            inputs.append(self._constant(f"{name}.{part}", np.full(channels, value, np.float32)))
        return self._append(
            BatchNorm(inputs=tuple(inputs), output=name, epsilon=epsilon, bands=bands)
        )

    def relu(self) -> str:
        """Append a rectifier."""
        return self._append(Activation(inputs=(self.cursor,), output=self._name("relu")))

    def dropout(self, rate: float, *, whole_channels: bool = False) -> str:
        """Append a dropout; nothing for a rate of 0."""
        if rate == 0:
            return self.cursor
        name = self._name("dropout")
        return self._append(
            Dropout(inputs=(self.cursor,), output=name, rate=rate, whole_channels=whole_channels)
        )

    def average_pool(self, window: Pair, *, stride: Pair | None = None) -> str:
        """Append an average pool without padding; the stride is the window unless given."""
        name = self._name("pool")
        return self._append(
            AveragePool2D(
                inputs=(self.cursor,), output=name, window=window, stride=stride or window
            )
        )

    def global_average_pool(self) -> str:
        """Append a mean over height and width."""
        return self.average_pool((self.shape[0], self.shape[1]))

    def add(self, left: str, right: str) -> str:
        """Append the sum of two named tensors."""
        return self._append(Add(inputs=(left, right), output=self._name("add")))

    def last_rows(self, name: str, rows: int) -> str:
        """Append the last rows of a named tensor; the tensor itself if it has no more."""
        size = self._shapes[name][0]
        if rows == size:
            return name
        out = self._name("rows")
        return self._append(Slice(inputs=(name,), output=out, axis=0, start=size - rows, stop=size))

    def lstm(self, units: int) -> str:
        """Append an LSTM over a (steps, features) sequence; forget bias 1 as Keras has it."""
        name = self._name("lstm")
        features = self.shape[1]
        weight = self._uniform((4, units, features), np.sqrt(6 / (features + units)))
        recurrent = self._uniform((4, units, units), np.sqrt(3 / units))
        bias = np.zeros((4, units))
        bias[1] = 1.0
        inputs = (
            self.cursor,
            self._constant(f"{name}.weight", weight),
            self._constant(f"{name}.recurrent", recurrent),
            self._constant(f"{name}.bias", bias),
        )
        return self._append(LSTM(inputs=inputs, output=name))

    def last_step(self) -> str:
        """Append the choice of the last row of a sequence."""
        return self._append(LastStep(inputs=(self.cursor,), output=self._name("last")))

    def softmax(self) -> str:
        """Append a softmax."""
        return self._append(Softmax(inputs=(self.cursor,), output=self._name("softmax")))

    def classify(self, outputs: int, *, dropout: float = 0.0, softmax: bool = False) -> Graph:
        """Finish with global average pooling, dropout and a dense layer; probabilities if asked."""
        self.global_average_pool()
        self.dropout(dropout)
        self.dense(outputs)
        if softmax:
            self.softmax()
        return self.build()

    def build(self) -> Graph:
        """Return the finished graph."""
        return Graph(
            input_shape=self._shapes[INPUT], ops=tuple(self._ops), constants=dict(self._constants)
        )


def scaled(filters: int, width_multiplier: float) -> int:
    """Scale filters by the width multiplier, truncated as in the published scripts; at least 1."""
    return max(1, int(filters * width_multiplier))


def per_layer(values: Sequence[int], index: int) -> int:
    """Return the entry of a layer; the last entry applies to all further layers.

    Raises:
        RecipeError: for an empty list or an entry below 1.
    """
    if not values or min(values) < 1:
        raise RecipeError(f"a list of sizes needs entries of at least 1, got {list(values)}")
    return values[min(index, len(values) - 1)]
