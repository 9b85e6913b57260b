"""Small networks of every family in every form, and the runtimes that run their files."""

from collections.abc import Callable

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from family_cases import Case, make, run_litert


@pytest.fixture(scope="session")
def case() -> Callable[[str, str], Case]:
    """``case(family, form)``; forms: float32, those of FLOAT_FORMS, int8, int8-..., int4..."""
    return make


def run_micro(model: bytes, examples: np.ndarray) -> np.ndarray:
    runtime = pytest.importorskip("tflite_micro.python.tflite_micro.runtime")
    interpreter = runtime.Interpreter.from_bytes(model, arena_size=1 << 22)
    outputs = []
    for example in examples:
        interpreter.reset()
        interpreter.set_input(example[np.newaxis], 0)
        interpreter.invoke()
        outputs.append(interpreter.get_output(0)[0])
    return np.stack(outputs)


@pytest.fixture(scope="session")
def run_model() -> Callable[[str, bytes, np.ndarray], np.ndarray]:
    """``run_model(runtime, model, examples)``; runtimes: xnnpack, builtin, micro."""

    def run(name: str, model: bytes, examples: np.ndarray) -> np.ndarray:
        if name == "micro":
            return run_micro(model, examples)
        return run_litert(model, examples, xnnpack=name == "xnnpack")

    return run


@pytest.fixture(scope="session")
def operators() -> Callable[[bytes], list[str]]:
    """List the operators of a model in LiteRT; ``DELEGATE`` is what XNNPACK takes over."""

    def names(model: bytes) -> list[str]:
        interpreter = Interpreter(model_content=model, num_threads=1)
        interpreter.allocate_tensors()
        return [op["op_name"] for op in interpreter._get_ops_details()]

    return names
