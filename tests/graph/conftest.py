"""Tools of the graph tests: networks with uneven weights, and LiteRT without XNNPACK."""

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from motefit.graph.graph import Graph
from motefit.tflite.write.write import write

Randomize = Callable[[Graph, np.random.Generator], Graph]
Runner = Callable[[Graph, np.ndarray], np.ndarray]


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def randomize() -> Randomize:
    """Makes a freshly built graph uneven: channels of different size, biases, statistics."""

    def change(graph: Graph, rng: np.random.Generator) -> Graph:
        constants = {}
        for name, array in graph.constants.items():
            noise = rng.normal(size=array.shape)
            if name.endswith(("bias", "beta", "mean")):
                value = array + 0.3 * noise
            elif name.endswith(("gamma", "variance")):
                value = array * np.exp(0.3 * noise)
            else:
                value = array * np.exp(0.4 * rng.normal(size=array.shape[-1:]))
            constants[name] = value.astype(np.float32)
        return graph.with_constants(constants)

    return change


@pytest.fixture(scope="session")
def builtin() -> Runner:
    """Runs a graph's .tflite in LiteRT's builtin kernels, one example at a time."""

    def run(graph: Graph, batch: np.ndarray) -> np.ndarray:
        interpreter = Interpreter(
            model_content=write(graph),
            num_threads=1,
            experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
        )
        interpreter.allocate_tensors()
        source = interpreter.get_input_details()[0]["index"]
        target = interpreter.get_output_details()[0]["index"]
        outputs = []
        for example in batch:
            interpreter.reset_all_variables()
            interpreter.set_tensor(source, example[None])
            interpreter.invoke()
            outputs.append(interpreter.get_tensor(target)[0])
        return np.stack(outputs)

    return run
