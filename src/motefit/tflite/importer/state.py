"""The state of turning a file's operators into a Graph's operations, and what rules share.

A Graph leaves out what moves no number: RESHAPE, EXPAND_DIMS, SQUEEZE and the like become other
names of the same tensor (``views``). A tensor of the Graph may therefore have another shape than
the file's tensor of the same numbers; a rule that needs a shape asks :meth:`ImportState.image` or
:meth:`ImportState.sequence`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from motefit.graph.graph import INPUT, Graph, Quantization
from motefit.graph.ops import (
    ActivationKind,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dequantize,
    Op,
    Pair,
    Shape,
)
from motefit.spec.errors import ModelFileError
from motefit.tflite.content import Content, FileOp, FileTensor

Rule = Callable[["ImportState", FileOp], None]
RULES: dict[str, Rule] = {}
ACTIVATIONS: Mapping[int, ActivationKind] = {0: "none", 1: "relu", 3: "relu6"}
Weighted = Conv2D | DepthwiseConv2D | Dense


def imports(*names: str) -> Callable[[Rule], Rule]:
    """Register the rule of some operators; a new rule edits nothing else."""

    def register(rule: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, rule))
        return rule

    return register


@dataclass(kw_only=True)
class ImportState:
    """What has been read so far.

    Attributes:
        content: the file.
        shapes: of every activation of the Graph, by name.
        names: of the Graph's tensors, by the file's index; several indices may have one name.
        ops: place in the file and operation, to be put in the order of places.
        constants: of the Graph.
        quantization: of the Graph.
        pads: zeros before and after (height, width) of a tensor that a PAD makes, and its source.
        static: tensors that depend on shapes alone, such as SHAPE's output.
        widened: tensors made by DEQUANTIZE of a constant, and that constant.
        means: integer means by the name of their output; their kernel depends on the readers.
    """

    content: Content
    shapes: dict[str, Shape] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    ops: list[tuple[int, Op]] = field(default_factory=list)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    quantization: dict[str, Quantization] = field(default_factory=dict)
    pads: dict[int, tuple[int, tuple[Pair, Pair]]] = field(default_factory=dict)
    static: set[int] = field(default_factory=set)
    widened: dict[int, tuple[int, FileOp]] = field(default_factory=dict)
    means: dict[str, FileOp] = field(default_factory=dict)
    _used: set[str] = field(default_factory=lambda: {INPUT})

    def tensor(self, index: int) -> FileTensor:
        """A tensor of the file."""
        return self.content.tensors[index]

    def graph(self) -> Graph:
        """What was read, with operations in the file's order."""
        ops = [op for _, op in sorted(self.ops, key=lambda item: item[0])]
        used = {name for op in ops for name in op.inputs}
        constants = {name: array for name, array in self.constants.items() if name in used}
        return Graph(
            input_shape=self.shapes[INPUT],
            ops=tuple(ops),
            constants=constants,
            quantization=self.quantization,
        )

    # names

    def fresh(self, wanted: str, kind: str) -> str:
        """A name nothing has yet: the file's where it has one, else the kind and a number."""
        name = wanted
        if not name or name in self._used:
            stem, count = wanted or kind, 0
            while not name or name in self._used:
                name, count = f"{stem}{count}", count + 1
        self._used.add(name)
        return name

    def exact(self, wanted: str) -> str:
        """A name that follows from another one, with a number behind it where it is taken."""
        return self.fresh(wanted, "")

    # activations

    def source(self, op: FileOp, position: int = 0) -> str:
        """Name of an activation that an operator reads.

        Raises:
            ModelFileError: where it is a constant, absent, or behind a PAD.
        """
        index = op.inputs[position] if position < len(op.inputs) else -1
        if index in self.pads:
            raise op.refuse("it reads a PAD; only convolutions without padding of their own may")
        if index not in self.names or self.names[index] in self.constants:
            raise op.refuse(f"input {position} must be an activation")
        return self.names[index]

    def image(self, op: FileOp, index: int) -> Shape:
        """Shape (h, w, c) of an activation, which the Graph and the file must agree upon."""
        return self._agreed(op, index, 3, "(height, width, channels)")

    def sequence(self, op: FileOp, index: int) -> Shape:
        """Shape (t, f) of an activation, which the Graph and the file must agree upon."""
        return self._agreed(op, index, 2, "(steps, features)")

    def _agreed(self, op: FileOp, index: int, rank: int, what: str) -> Shape:
        shape = self.tensor(index).shape
        if len(shape) != rank + 1 or shape[0] != 1:
            raise op.refuse(f"its input has the shape {shape}, not a batch of one of {what}")
        own = self.shapes[self.names[index]]
        if own != shape[1:]:
            raise op.refuse(
                f"its input {shape} was reshaped from {(1, *own)}; a Graph has no reshape there"
            )
        return own

    def is_int8(self, index: int) -> bool:
        """Whether a tensor of the file holds int8."""
        return self.tensor(index).dtype == "int8"

    def view(self, op: FileOp) -> None:
        """Give the output of an operator that moves no number its input's name."""
        source, output = self.tensor(op.inputs[0]), self.tensor(op.outputs[0])
        if math.prod(source.shape) != math.prod(output.shape):
            raise op.refuse(f"it turns a shape {source.shape} into {output.shape}")
        self.same(op)

    def same(self, op: FileOp) -> None:
        """Give the output of an operator its input's name, type and quantization alike."""
        name = self.source(op)
        source, output = self.tensor(op.inputs[0]), self.tensor(op.outputs[0])
        if source.dtype != output.dtype or not equal(source.quantization, output.quantization):
            raise op.refuse("its output has other scales than its input")
        self.names[op.outputs[0]] = name

    def activation(self, op: FileOp, kind: str) -> str:
        """A name for an operator's output; notes its quantization.

        Raises:
            ModelFileError: where the output is neither float32 nor int8 with one scale.
        """
        tensor = self.tensor(op.outputs[0])
        name = self.fresh(tensor.name, kind)
        if tensor.dtype == "int8":
            self.note(op, name, tensor)
        elif tensor.dtype != "float32":
            raise op.refuse(f"its output is {tensor.dtype}; float32 and int8 are read")
        self.names[op.outputs[0]] = name
        return name

    def note(self, op: FileOp, name: str, tensor: FileTensor) -> None:
        """Note the quantization of an int8 activation."""
        if tensor.quantization is None or len(tensor.quantization.scale) != 1:
            raise op.refuse(f"the int8 tensor {tensor.name!r} needs one scale")
        if not -128 <= tensor.quantization.zero_point <= 127:
            raise op.refuse(f"the int8 tensor {tensor.name!r} has a zero point that is no int8")
        self.quantization[name] = replace(tensor.quantization, axis=None)

    def add(self, op: FileOp, made: Op) -> None:
        """Append an operation, after a check of its shapes against the file's."""
        shapes = [
            self.constants[n].shape if n in self.constants else self.shapes[n] for n in made.inputs
        ]
        shape = made.infer(shapes)
        if math.prod(shape) != math.prod(self.tensor(op.outputs[0]).shape):
            raise op.refuse(f"its output is {self.tensor(op.outputs[0]).shape}, not {(1, *shape)}")
        self.shapes[made.output] = shape
        self.ops.append((op.place, made))

    def fused(self, op: FileOp, slot: int) -> ActivationKind:
        """The rectifier in an operator's options."""
        code = op.option(slot)
        if code not in ACTIVATIONS:
            raise op.refuse(f"its fused activation {code} is neither none, RELU nor RELU6")
        return ACTIVATIONS[code]

    # constants

    def value(self, op: FileOp, position: int) -> np.ndarray:
        """A constant that an operator reads.

        Raises:
            ModelFileError: where it is not one.
        """
        index = op.inputs[position] if position < len(op.inputs) else -1
        data = self.tensor(index).data if index >= 0 else None
        if data is None or data.dtype.kind == "V":
            raise op.refuse(f"input {position} must be a constant")
        return data

    def constant(self, op: FileOp, position: int, wanted: str, axis: int | None = None) -> str:
        """Name of a constant that an operator reads, added to the Graph where it is new.

        Args:
            op: the operator.
            position: of the input.
            wanted: its name where the file has none.
            axis: of the scales a quantized weight may have one for each.
        """
        index = op.inputs[position] if position < len(op.inputs) else -1
        if index in self.widened:
            return self._widen(index, wanted, axis)
        if index in self.names:
            if self.names[index] not in self.constants:
                raise op.refuse(f"input {position} must be a constant")
            return self.names[index]
        data = self.value(op, position)
        tensor = self.tensor(index)
        name = self.fresh(tensor.name, "") if tensor.name else self.exact(wanted)
        self._hold(op, name, data, tensor, axis)
        self.names[index] = name
        return name

    def _hold(
        self, op: FileOp, name: str, data: np.ndarray, tensor: FileTensor, axis: int | None
    ) -> None:
        if data.dtype not in {np.dtype(t) for t in ("f4", "f2", "i1", "i4")}:
            raise op.refuse(f"its constant {tensor.name!r} is {tensor.dtype}")
        self.constants[name] = data
        if data.dtype.kind != "i":
            return
        known = tensor.quantization
        if known is None:
            if data.dtype == np.int8:
                raise op.refuse(f"its weight {tensor.name!r} has no scale")
            return
        several = len(known.scale) > 1
        if known.zero_point != 0 or (several and data.shape[axis or 0] != len(known.scale)):
            raise op.refuse(f"its weight {tensor.name!r} is not quantized symmetrically by channel")
        if several and known.axis != (axis or 0):
            raise op.refuse(f"its weight {tensor.name!r} has scales along axis {known.axis}")
        self.quantization[name] = known

    def _widen(self, index: int, wanted: str, axis: int | None) -> str:
        """The constant behind a DEQUANTIZE, which becomes an operation of its own."""
        op = self.widened[index][1]
        if index not in self.names:
            name = self.constant(op, 0, wanted, axis)
            tensor = self.tensor(index)
            wide = self.fresh(tensor.name, "") if tensor.name else self.exact(f"{name}.float")
            self.names[index], self.shapes[wide] = wide, self.constants[name].shape
            self.ops.append((op.place, Dequantize(inputs=(name,), output=wide)))
        return self.names[index]

    # folding into the operation before

    def producer(self, index: int, *, kinds: tuple[type[Op], ...]) -> tuple[int, Op] | None:
        """Position and operation that makes a tensor nobody else reads; None where there is none.

        Only operations of some kinds, without a rectifier yet.
        """
        name = self.names.get(index)
        aliases = [i for i, known in self.names.items() if known == name]
        readers = sum(self._counts(i) for i in aliases)
        for position, (_, op) in enumerate(self.ops):
            if op.output != name or not isinstance(op, kinds):
                continue
            free = getattr(op, "activation", "none") == "none"
            return (position, op) if free and readers == len(aliases) else None
        return None

    def _counts(self, index: int) -> int:
        return len(self.content.readers(index)) + (index == self.content.output)

    def replace(self, position: int, op: Op) -> None:
        """Put another operation in an operation's place."""
        self.ops[position] = (self.ops[position][0], op)


def equal(a: Quantization | None, b: Quantization | None) -> bool:
    """Whether two tensors mean the same by the same integers."""
    if a is None or b is None:
        return a is b
    return a.zero_point == b.zero_point and np.array_equal(a.scale, b.scale)


def refuse_all(names: str) -> ModelFileError:
    """The error for operators that have no rule."""
    return ModelFileError(f"this file has operators that motefit does not read: {names}")
