"""What a family must fit: the shapes a task asks for."""

from dataclasses import dataclass

from motefit.graph.ops import Shape


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Input and output of a network.

    Attributes:
        input_shape: (rows, columns) of one example: frames x features, or steps x columns.
        outputs: size of the output vector.
        naive: for each output the index in the flattened input that a naive forecast copies;
            empty where there is none.
    """

    input_shape: Shape
    outputs: int
    naive: tuple[int, ...] = ()
