"""State of the import of a file's operators as a Graph's operations, with shared helpers.

A Graph leaves out operators that move no number: RESHAPE, EXPAND_DIMS, SQUEEZE and the like become
other names of the same tensor (``views``). A tensor of the Graph may thus have another shape than
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
from motefit.spec.registry import Registry
from motefit.tflite.content import Content, FileOp, FileTensor
from motefit.tflite.flatbuffer.schema import TensorType

Rule = Callable[["ImportState", FileOp], None]
IMPORT_RULES: "Registry[Rule]" = Registry("motefit.tflite.importer", "operator")
"""Rules by the operator's name in the schema."""
ACTIVATIONS: Mapping[int, ActivationKind] = {0: "none", 1: "relu", 3: "relu6"}
Weighted = Conv2D | DepthwiseConv2D | Dense


def imports(*names: str) -> Callable[[Rule], Rule]:
    """Register the rule of some operators; a new rule needs no other change."""

    def register(rule: Rule) -> Rule:
        for name in names:
            IMPORT_RULES.register(name, rule)
        return rule

    return register


@dataclass(kw_only=True)
class ImportState:
    """The state of an import.

    Attributes:
        content: the file.
        unsigned: whether uint8 is read as int8: at the edges, if a QUANTIZE makes it of them, or
            throughout.
        shapes: shape of every activation of the Graph, by name.
        names: names of the Graph's tensors by the file's index; several indices may share a name.
        ops: position in the file and operation, to be sorted by position.
        constants: constants of the Graph.
        quantization: quantization of the Graph's tensors.
        pads: zeros before and after (height, width) that a PAD adds, and its source.
        static: tensors that depend on shapes alone, such as SHAPE's output.
        widened: outputs of a DEQUANTIZE of a constant, and that constant.
        means: integer means by the name of their output, since their kernel depends on the readers.
    """

    content: Content
    unsigned: bool = False
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
        """Return a tensor of the file."""
        return self.content.tensors[index]

    def graph(self) -> Graph:
        """Build the Graph, with operations in the file's order."""
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
        """Return an unused name: the file's if it has one, else the kind and a number."""
        name = wanted
        if not name or name in self._used:
            stem, count = wanted or kind, 0
            while not name or name in self._used:
                name, count = f"{stem}{count}", count + 1
        self._used.add(name)
        return name

    def exact(self, wanted: str) -> str:
        """Return a derived name, followed by a number if it is taken."""
        return self.fresh(wanted, "")

    # activations

    def source(self, op: FileOp, position: int = 0) -> str:
        """Return the name of an activation that an operator reads.

        Raises:
            ModelFileError: if it is a constant, absent, or the output of a PAD.
        """
        index = op.inputs[position] if position < len(op.inputs) else -1
        if index in self.pads:
            raise op.refuse("it reads a PAD; only convolutions without their own padding may")
        if index not in self.names or self.names[index] in self.constants:
            raise op.refuse(f"input {position} must be an activation")
        return self.names[index]

    def image(self, op: FileOp, index: int) -> Shape:
        """Return the shape (h, w, c) of an activation, on which Graph and file must agree."""
        return self._agreed(op, index, 3, "(height, width, channels)")

    def sequence(self, op: FileOp, index: int) -> Shape:
        """Return the shape (t, f) of an activation, on which Graph and file must agree."""
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
        """Return whether a tensor of the file is int8."""
        return self.tensor(index).dtype == "int8"

    def view(self, op: FileOp) -> None:
        """Name the output of an operator that moves no number like its input."""
        source, output = self.tensor(op.inputs[0]), self.tensor(op.outputs[0])
        if math.prod(source.shape) != math.prod(output.shape):
            raise op.refuse(f"it turns a shape {source.shape} into {output.shape}")
        self.same(op)

    def same(self, op: FileOp) -> None:
        """Name the output of an operator like its input; type and quantization must be equal."""
        name = self.source(op)
        source, output = self.tensor(op.inputs[0]), self.tensor(op.outputs[0])
        if source.dtype != output.dtype or not equal(source.quantization, output.quantization):
            raise op.refuse("its output and its input have different scales")
        self.names[op.outputs[0]] = name

    def activation(self, op: FileOp, kind: str) -> str:
        """Name an operator's output, and note its quantization.

        Raises:
            ModelFileError: if the output is neither float32 nor int8 with one scale.
        """
        tensor = self.tensor(op.outputs[0])
        name = self.fresh(tensor.name, kind)
        if tensor.dtype == "int8":
            self.note(op, name, tensor)
        elif tensor.dtype != "float32":
            raise op.refuse(f"its output is {tensor.dtype}; only float32 and int8 are supported")
        self.names[op.outputs[0]] = name
        return name

    def note(self, op: FileOp, name: str, tensor: FileTensor) -> None:
        """Note the quantization of an int8 activation."""
        if tensor.quantization is None or len(tensor.quantization.scale) != 1:
            raise op.refuse(f"the int8 tensor {tensor.name!r} needs one scale")
        if not -128 <= tensor.quantization.zero_point <= 127:
            raise op.refuse(f"the int8 tensor {tensor.name!r} has a zero point outside int8")
        self.quantization[name] = replace(tensor.quantization, axis=None)

    def add(self, op: FileOp, made: Op) -> None:
        """Append an operation after checking its shapes against the file's."""
        shapes = [
            self.constants[n].shape if n in self.constants else self.shapes[n] for n in made.inputs
        ]
        shape = made.infer(shapes)
        if math.prod(shape) != math.prod(self.tensor(op.outputs[0]).shape):
            raise op.refuse(f"its output is {self.tensor(op.outputs[0]).shape}, not {(1, *shape)}")
        self.shapes[made.output] = shape
        self.ops.append((op.place, made))

    def fused(self, op: FileOp, slot: int) -> ActivationKind:
        """Return the rectifier in an operator's options."""
        code = op.option(slot)
        if code not in ACTIVATIONS:
            raise op.refuse(f"its fused activation {code} is neither none, RELU nor RELU6")
        return ACTIVATIONS[code]

    # constants

    def value(self, op: FileOp, position: int) -> np.ndarray:
        """Return a constant that an operator reads.

        Raises:
            ModelFileError: if the input is not a constant.
        """
        index = op.inputs[position] if position < len(op.inputs) else -1
        data = self.tensor(index).data if index >= 0 else None
        if data is None or data.dtype.kind == "V":
            raise op.refuse(f"input {position} must be a constant")
        return data

    def constant(self, op: FileOp, position: int, wanted: str, axis: int | None = None) -> str:
        """Return the name of a constant that an operator reads, which is added to the Graph if new.

        Args:
            op: the operator.
            position: position of the input.
            wanted: its name if the file has none.
            axis: axis along which a quantized weight may have scales.
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
        centered = known.zero_point == 0 or (known.unsigned and not several)
        if not centered or (several and data.shape[axis or 0] != len(known.scale)):
            raise op.refuse(f"its weight {tensor.name!r} is not quantized symmetrically by channel")
        if several and known.axis != (axis or 0):
            raise op.refuse(f"its weight {tensor.name!r} has scales along axis {known.axis}")
        self.quantization[name] = known

    def _widen(self, index: int, wanted: str, axis: int | None) -> str:
        """Return the constant of a DEQUANTIZE, which becomes a separate operation."""
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
        """Find position and operation that computes a tensor with a single reader; None if none.

        It must be of one of the kinds, and without a rectifier.
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
        """Replace an operation."""
        self.ops[position] = (self.ops[position][0], op)


def signed(tensor: FileTensor) -> FileTensor:
    """Return a uint8 tensor as the int8 tensor of the same reals, any other as it is."""
    if tensor.kind != TensorType.UINT8:
        return tensor
    moved = tuple(zero - 128 for zero in tensor.zero_point)
    content = (np.frombuffer(tensor.content, np.uint8) ^ 0x80).tobytes()
    return replace(tensor, kind=TensorType.INT8, zero_point=moved, content=content, unsigned=True)


def equal(a: Quantization | None, b: Quantization | None) -> bool:
    """Return whether equal integers of two tensors have the same meaning."""
    if a is None or b is None:
        return a is b
    return a.zero_point == b.zero_point and np.array_equal(a.scale, b.scale)


def refuse_all(names: str) -> ModelFileError:
    """Create the error for operators without a rule."""
    return ModelFileError(f"this file has operators that motefit does not support: {names}")
