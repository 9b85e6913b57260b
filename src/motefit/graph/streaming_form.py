"""Streaming form of a network without look-ahead: new frames in, the past kept as states.

A convolution over time depends only on the past rows that its window covers, which are the last
rows of its input. The streaming form keeps them as a state: each convolution reads its state
followed by the new rows, without padding, and keeps the last rows again. A pool over the whole
window keeps the rows of the window. Nothing else has a memory, and weights, integers and scales
stay what they are (Rybakov et al., "Streaming keyword spotting on mobile devices",
arXiv:2005.06720).

One step takes as many frames as the strides reduce to one row, so that every step gives an output:
that of the window which ends with the newest frame. This output is,

- for a network whose convolutions do not pad, the network's output for the window, bit for bit;
- for one with causal padding, the same for the first window after a reset, because the initial
  states equal the padding; later there is real audio where a clip has padding.

Bit for bit holds for int8 where the channels are multiples of 16: LiteRT's kernel for additions
rounds differently in the numbers that do not fill a block of 16, wherever these are.
"""

from dataclasses import dataclass, field, replace
from math import prod

import numpy as np

from motefit.graph.graph import INPUT, Graph, Quantization, State
from motefit.graph.ops import (
    AveragePool2D,
    Broadcast,
    Conv2D,
    DepthwiseConv2D,
    Elementwise,
    Op,
    Quantize,
    Shape,
    Windowed,
)
from motefit.graph.ops_signal import Concatenate, Slice
from motefit.spec.errors import RecipeError


def streaming_form(graph: Graph) -> Graph:
    """Convert a network to its step in a stream.

    Args:
        graph: takes (frames, ..., channels), has no look-ahead, and ends in an average over time.
            In any form: trained, shipped, quantized.

    Returns:
        A graph of input (step frames, ..., channels) with states; outputs are those of the window
        that ends with the step's last frame. The first window after a reset ends a step for which
        :func:`lead_frames` frames of 0 came before the sound.

    Raises:
        RecipeError: if an operation looks ahead in time, or has no streaming form.
    """
    work = _Cutting(graph=graph, step=_step_frames(graph))
    for op in graph.ops:
        work.add(op)
    if graph.output in work.rows:
        raise RecipeError(
            f"{graph.output}: the output has a time axis; a network that streams must end in an "
            "average over time"
        )
    return Graph(
        input_shape=(work.step, *graph.input_shape[1:]),
        ops=tuple(work.ops),
        constants=graph.constants,
        quantization={n: q for n, q in work.quantization.items() if n not in work.same},
        states=tuple(work.states),
    )


def lead_frames(frames: int, step: int) -> int:
    """Count the zero frames before the audio, so that a window of ``frames`` ends with a step."""
    return -frames % step


def at_rest(graph: Graph, count: int) -> dict[str, np.ndarray]:
    """Make the initial states by name: (count, *shape), float32 or int8."""
    states = {}
    for state in graph.states:
        known = graph.quantization.get(state.name)
        value, dtype = (0, np.float32) if known is None else (known.zero_point, np.int8)
        states[state.name] = np.full((count, *state.shape), value, dtype)
    return states


def _step_frames(graph: Graph) -> int:
    """Count the input rows that all strides over time together reduce to one."""
    return prod(op.stride[0] for op in graph.ops if isinstance(op, Conv2D | DepthwiseConv2D))


@dataclass(kw_only=True)
class _Cutting:
    """Streaming form under construction.

    Attributes:
        graph: of the whole window.
        step: frames.
        rows: how many new rows each tensor with a time axis has in a step.
        same: names of tensors by those that they replace.
        heard: tensors in which a zero frame equals the padding.
        ops: of the streaming form.
        states: of the streaming form.
        quantization: of the streaming form.
    """

    graph: Graph
    step: int
    rows: dict[str, int] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)
    heard: set[str] = field(default_factory=lambda: {INPUT})
    ops: list[Op] = field(default_factory=list)
    states: list[State] = field(default_factory=list)
    quantization: dict[str, Quantization] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.rows[INPUT] = self.step
        self.quantization.update(self.graph.quantization)

    def add(self, op: Op) -> None:
        """Append an operation as it is in the streaming form."""
        whole = self.graph.shapes[op.inputs[0]]
        op = replace(op, inputs=tuple(self.same.get(name, name) for name in op.inputs))
        sources = [name for name in op.inputs if name not in self.graph.constants]
        rows = {self.rows.get(name, 0) for name in sources}
        if rows <= {0}:
            self.ops.append(op)
        elif isinstance(op, Windowed):
            self._slide(op, whole)
        elif isinstance(op, Slice) and op.axis == 0 and op.stop == whole[0]:
            self.same[op.output] = op.inputs[0]  # the last rows of a window end with the new ones
        elif isinstance(op, Elementwise | Broadcast) and len(rows) == 1:
            self.rows[op.output] = rows.pop()
            self.ops.append(op)
            if isinstance(op, Quantize) and op.inputs[0] in self.heard:
                self.heard.add(op.output)
        else:
            raise RecipeError(f"{op.output}: {type(op).__name__} has no streaming form here")

    def _slide(self, op: Windowed, whole: Shape) -> None:
        source, stride = op.inputs[0], op.stride[0]
        new = self.rows[source]
        if isinstance(op, AveragePool2D):
            self._average(op, whole, new)
            return
        window = self.graph.shapes[op.inputs[1]][1], self.graph.shapes[op.inputs[1]][2]
        reach = (window[0] - 1) * op.dilation[0] + 1
        (before, behind), width = op.pads(whole, window)
        if behind:
            raise RecipeError(
                f"{op.output} looks ahead in time, so that the network has no streaming form; "
                'train one that does not: padding = "valid" or "causal" in [model]'
            )
        outputs = self.graph.shapes[op.output][0]
        ends_together = (outputs - 1) * stride + reach - before == whole[0]
        begins_together = before in {0, reach - stride} or source in self.heard
        in_time = reach == stride or (reach > stride and width == (0, 0))
        if not (ends_together and begins_together and in_time):
            raise RecipeError(
                f"{op.output}: a window of {window} at a stride of {stride} over {whole} does not "
                "stream: windows must end with their input's last row, be no shorter than their "
                "stride, and pad in time only; and where a network strides more than once, no step "
                "may start in the padding"
            )
        self._append(op, keep=reach - stride, new=new)
        self.rows[op.output] = new // stride

    def _average(self, op: AveragePool2D, whole: Shape, new: int) -> None:
        if op.window[0] != whole[0] or op.dilation[0] != 1 or op.padding != "valid":
            raise RecipeError(f"{op.output}: only an average over the whole window can stream")
        self._append(op, keep=whole[0] - new, new=new)

    def _append(self, op: Windowed, *, keep: int, new: int) -> None:
        """Append an operation that reads the last ``keep`` rows before the new ones too."""
        if keep < 0:
            raise RecipeError(f"{op.output}: a step of {new} rows is longer than its window")
        if keep:
            source = op.inputs[0]
            state, seen = f"{op.output}.state", f"{op.output}.seen"
            rest = self.graph.shapes[source][1:]
            self.states.append(State(name=state, shape=(keep, *rest), after=f"{state}.after"))
            self.ops += [
                Concatenate(inputs=(state, source), output=seen, axis=0),
                Slice(inputs=(seen,), output=f"{state}.after", axis=0, start=new, stop=new + keep),
            ]
            if source in self.quantization:
                for name in (state, seen, f"{state}.after"):
                    self.quantization[name] = self.quantization[source]
            op = replace(op, inputs=(seen, *op.inputs[1:]), padding="valid")
        self.ops.append(op)
