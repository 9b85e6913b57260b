"""Operations of a Graph: frozen records of names and settings, with shape inference.

Shapes leave the batch dimension out. Images are (height, width, channels): for speech, height is
time in frames and width is frequency. ``"same"`` padding is TensorFlow's: the smaller half first.
``"causal"`` padding is as much, but along the height, which is time, all of it first: a row of the
output depends on no later row of the input, and the last one ends with the input's last row.
Constants are TensorFlow Lite's layouts: convolution OHWI, depthwise 1HWC, dense OI.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from motefit.spec.errors import RecipeError

Shape = tuple[int, ...]
Pair = tuple[int, int]
Padding = Literal["same", "valid"]
TimePadding = Literal["same", "valid", "causal"]
ActivationKind = Literal["none", "relu", "relu6"]


@dataclass(frozen=True, kw_only=True)
class Op:
    """One operation: abstract; names of its inputs (activations, then constants) and its output."""

    inputs: tuple[str, ...]
    output: str

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Infer the shape of the output from the shapes of the inputs, in order.

        Raises:
            RecipeError: if the shapes do not fit the operation.
        """
        raise TypeError(f"{type(self).__name__} has no shape rule for {shapes}")


@dataclass(frozen=True, kw_only=True)
class Windowed(Op):
    """An operation that slides a window over height and width: abstract."""

    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: TimePadding = "same"

    def slide(self, size: Shape, window: Pair) -> Pair:
        """Compute height and width of the output.

        Raises:
            RecipeError: if a window without padding is larger than its input.
        """
        result = []
        for n, k, s, d in zip(size[:2], window, self.stride, self.dilation, strict=True):
            reach = (k - 1) * d + 1
            out = (n - reach) // s + 1 if self.padding == "valid" else -(-n // s)
            if out < 1:
                raise RecipeError(
                    f"{self.output}: a window of {reach} does not fit an input of {n}; use a "
                    "smaller kernel or stride, fewer layers, or padding = 'same'"
                )
            result.append(out)
        return result[0], result[1]

    def pads(self, size: Shape, window: Pair) -> tuple[Pair, Pair]:
        """Compute the zeros added (before, after) in height and in width."""
        if self.padding == "valid":
            return (0, 0), (0, 0)
        pairs = []
        for n, k, s, d in zip(size[:2], window, self.stride, self.dilation, strict=True):
            total = max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0)
            pairs.append((total // 2, total - total // 2))
        if self.padding == "causal":
            pairs[0] = sum(pairs[0]), 0
        return pairs[0], pairs[1]


@dataclass(frozen=True, kw_only=True)
class Conv2D(Windowed):
    """Convolution. Inputs: x (h, w, c), weight (o, kh, kw, c), and a bias (o,) if there is one."""

    activation: ActivationKind = "none"

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return shape (h', w', o)."""
        x, weight = shapes[:2]
        if len(x) != 3 or len(weight) != 4 or weight[3] != x[2]:
            raise RecipeError(f"{self.output}: a weight {weight} does not fit an input {x}")
        return (*self.slide(x, (weight[1], weight[2])), weight[0])


@dataclass(frozen=True, kw_only=True)
class DepthwiseConv2D(Windowed):
    """Depthwise convolution, multiplier 1. Inputs: x (h, w, c), weight (1, kh, kw, c), bias."""

    activation: ActivationKind = "none"

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return shape (h', w', c)."""
        x, weight = shapes[:2]
        if len(x) != 3 or len(weight) != 4 or weight[0] != 1 or weight[3] != x[2]:
            raise RecipeError(f"{self.output}: a weight {weight} does not fit an input {x}")
        return (*self.slide(x, (weight[1], weight[2])), x[2])


@dataclass(frozen=True, kw_only=True)
class Dense(Op):
    """Fully connected over the flattened input. Inputs: x, weight (o, i), and a bias (o,)."""

    activation: ActivationKind = "none"

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return shape (o,)."""
        x, weight = shapes[:2]
        if len(weight) != 2 or math.prod(x) != weight[1]:
            raise RecipeError(f"{self.output}: a weight {weight} does not fit an input {x}")
        return (weight[0],)


@dataclass(frozen=True, kw_only=True)
class AveragePool2D(Windowed):
    """Mean over a window; padding does not count. Inputs: x (h, w, c)."""

    window: Pair
    padding: TimePadding = "valid"

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return shape (h', w', c)."""
        return (*self.slide(shapes[0], self.window), shapes[0][2])


@dataclass(frozen=True, kw_only=True)
class Broadcast(Op):
    """An operation on two tensors of equal rank that repeats sizes of 1: abstract."""

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return the broadcast shape."""
        a, b = shapes
        if len(a) != len(b) or any(m != n and 1 not in {m, n} for m, n in zip(a, b, strict=True)):
            name = type(self).__name__.lower()
            raise RecipeError(f"{self.output}: cannot {name} {a} and {b}")
        return tuple(max(m, n) for m, n in zip(a, b, strict=True))


@dataclass(frozen=True, kw_only=True)
class Add(Broadcast):
    """Sum of two tensors; a size of 1 is repeated. Inputs: a, b of equal rank."""

    activation: ActivationKind = "none"


@dataclass(frozen=True, kw_only=True)
class Elementwise(Op):
    """An operation whose output has the shape of its first input: abstract."""

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        return shapes[0]


@dataclass(frozen=True, kw_only=True)
class Activation(Elementwise):
    """Stand-alone rectifier, as families write it; fused into the preceding operation on export."""

    kind: ActivationKind = "relu"


@dataclass(frozen=True, kw_only=True)
class BatchNorm(Elementwise):
    """Batch normalization over the last axis; folded on export.

    With ``bands`` above 1 it is sub-spectral (Chang et al., arXiv:2103.13620): the width, which is
    frequency, is cut into as many bands of equal width, each normalized on its own.

    Inputs: x, gamma, beta, mean, variance, each (bands * c,), the channels of the lowest band
    first.
    """

    epsilon: float = 1e-3
    bands: int = 1

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return the input's shape."""
        x, numbers = shapes[0], set(shapes[1:])
        if self.bands > 1 and (len(x) != 3 or x[1] % self.bands):
            raise RecipeError(
                f"{self.output}: {self.bands} bands do not divide the frequencies of {x}; use a "
                "number of bands that divides the mel bins at every stage, or 1"
            )
        if numbers != {(self.bands * x[-1],)}:
            raise RecipeError(f"{self.output}: statistics {sorted(numbers)} do not fit {x}")
        return x


@dataclass(frozen=True, kw_only=True)
class Dropout(Elementwise):
    """Random zeros in training, identity otherwise; removed on export. Inputs: x.

    With ``whole_channels`` a channel of an example is zero everywhere or nowhere (Tompson et al.,
    arXiv:1411.4280).
    """

    rate: float = 0.2
    whole_channels: bool = False


@dataclass(frozen=True, kw_only=True)
class Softmax(Elementwise):
    """Softmax over the last axis. Inputs: x."""


@dataclass(frozen=True, kw_only=True)
class Quantize(Elementwise):
    """float32 to int8, by the output's quantization. Inputs: x."""


@dataclass(frozen=True, kw_only=True)
class Dequantize(Elementwise):
    """int8 to float32, by the input's quantization. Inputs: an activation or a constant."""


@dataclass(frozen=True, kw_only=True)
class LSTM(Op):
    """Long short-term memory over a sequence; states start at zero for every example.

    Inputs: x (t, i), weight (4, h, i), recurrent weight (4, h, h), bias (4, h); gates in the order
    input, forget, cell, output (TensorFlow's).
    """

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return shape (t, h)."""
        x, weight, recurrent = shapes[:3]
        h = weight[1]
        if len(x) != 2 or weight != (4, h, x[1]) or recurrent != (4, h, h):
            raise RecipeError(f"{self.output}: weights {weight}, {recurrent} do not fit {x}")
        return x[0], h


@dataclass(frozen=True, kw_only=True)
class LastStep(Op):
    """The last row of a sequence. Inputs: x (t, f)."""

    def infer(self, shapes: Sequence[Shape]) -> Shape:
        """Return shape (f,)."""
        if len(shapes[0]) != 2:
            raise RecipeError(f"{self.output}: expected (steps, features), got {shapes[0]}")
        return shapes[0][1:]
