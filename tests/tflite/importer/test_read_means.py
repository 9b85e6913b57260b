"""Integer means with their own output scale: written as MEAN, exact in the executor."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import assume, example, given
from hypothesis import strategies as st

from motefit.graph.execute import int8
from motefit.graph.graph import INPUT, Graph, Quantization
from motefit.graph.ops import AveragePool2D, Softmax
from motefit.spec.errors import ModelFileError
from motefit.tflite.importer.read import read_graph
from motefit.tflite.inspect import inspect
from motefit.tflite.write.write import write

SOFTMAX = Quantization(scale=np.array([1 / 256]), zero_point=-128)
RUNS = 12


def mean(shape, window, source, out, *, image):
    """Build a mean, followed by a softmax if its result stays an image."""
    pool = AveragePool2D(inputs=(INPUT,), output="mean", window=window, stride=window)
    softmax = Softmax(inputs=("mean",), output="softmax")
    known = {INPUT: source, "mean": out, **({"softmax": SOFTMAX} if image else {})}
    ops = (pool, softmax) if image else (pool,)
    return Graph(input_shape=shape, ops=ops, constants={}, quantization=known)


@given(
    shape=st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 9)),
    over=st.sampled_from([(True, True), (True, False), (False, True)]),
    scale=st.floats(0.01, 0.1),
    ratio=st.floats(0.2, 1.3),
    zeros=st.tuples(st.integers(-128, 127), st.integers(-128, 127)),
    image=st.booleans(),
)
@example(
    shape=(1, 2, 1), over=(True, True), scale=0.0625, ratio=0.2, zeros=(0, 0), image=True
)  # a half in single precision, less in double
def test_the_executor_equals_the_builtin_kernels(shape, over, scale, ratio, zeros, image):
    window = tuple(n if all_of_it else 1 for n, all_of_it in zip(shape[:2], over, strict=True))
    assume(window != (1, 1))
    source = Quantization(scale=np.array([scale]), zero_point=zeros[0])
    out = Quantization(scale=np.array([scale * ratio]), zero_point=zeros[1])
    assume(out.scale[0] != source.scale[0] or zeros[0] != zeros[1])
    graph = mean(shape, window, source, out, image=image)
    model = write(graph)
    assert inspect(model).ops[0].name == "MEAN"
    assert write(read_graph(model)) == model
    examples = np.random.default_rng(0).integers(-128, 128, (RUNS, *shape), np.int8)
    expected = int8.run_all(graph, examples)["mean"].reshape(RUNS, -1)
    interpreter = Interpreter(
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        experimental_preserve_all_tensors=True,
    )
    interpreter.allocate_tensors()
    index = inspect(model).ops[0].outputs[0]
    for one, wanted in zip(examples, expected, strict=True):
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one[None])
        interpreter.invoke()
        np.testing.assert_array_equal(interpreter.get_tensor(index).reshape(-1), wanted)


def test_a_partial_pool_keeps_its_scale():
    source = Quantization(scale=np.array([0.1]))
    out = Quantization(scale=np.array([0.2]))
    with pytest.raises(ModelFileError, match="whole height or width"):
        write(mean((6, 4, 2), (3, 4), source, out, image=True))
