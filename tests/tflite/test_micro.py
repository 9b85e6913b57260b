"""The arena is the smallest with which TensorFlow Lite Micro runs any model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from odd_models import endless

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.streaming_form import streaming_form
from motefit.runtime.bundle import load_bundle
from motefit.spec.errors import ModelFileError
from motefit.tflite import micro
from motefit.tflite.micro_search import smallest
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write

needs_wheel = pytest.mark.skipif(
    micro.importlib.util.find_spec(micro.WHEEL) is None, reason="tflite-micro is not installed"
)
ROOT = Path(__file__).parents[2]
ZOO = sorted((ROOT / "zoo").glob("*.zip"))
CONVERTED = [
    "cnn.int8-float-edges", "conv1d.float32", "conv1d.int8", "dscnn8-keras2.int8",
    "dscnn8.float32", "dscnn8.int8", "lstm-fused.int8", "lstm-unrolled.float32",
    "lstm-unrolled.int8", "lstm-while.float32", "mlp.float32", "mlp.int8",
]  # fmt: skip
"""Files of the official converters that TensorFlow Lite Micro runs."""

# Independent of the program's own search; each size in a fork, since a lack of memory may end it.
BRUTE_FORCE = """
import functools, json, os, sys
from pathlib import Path
from tflite_micro.python.tflite_micro import runtime

runtime.count_resource_variables = functools.cache(runtime.count_resource_variables)  # it is slow

def works(model, size):
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    os.close(2)
    try:
        runtime.Interpreter.from_bytes(model, arena_size=size).invoke()
    except RuntimeError:
        os._exit(1)
    os._exit(0)

answers = []
for path, sizes in json.loads(sys.stdin.read()):
    model = Path(path).read_bytes()
    runtime.count_resource_variables(model)
    answers.append([works(model, size) for size in sizes])
print(json.dumps(answers))
"""


def brute_force(asked: list[tuple[Path, list[int]]]) -> list[list[bool]]:
    text = json.dumps([(str(path), sizes) for path, sizes in asked])
    done = subprocess.run(
        [sys.executable, "-c", BRUTE_FORCE], input=text, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def unrolled(kind: str, count: int, *, inputs: int, width: int) -> bytes:
    """Build a float model of ``count`` elementwise operations in a row, on its joined inputs."""
    codes = {"add": 0, "logistic": 14, "tanh": 28}
    tensors, operators = [], []

    def tensor(columns: int) -> int:
        made = official.TensorT()
        made.shape, made.buffer, made.name = [1, columns], 0, f"t{len(tensors)}".encode()
        tensors.append(made)
        return len(tensors) - 1

    def operator(code: int, read: list[int], made: int, options: Any = None, option_type: int = 0):
        op = official.OperatorT()
        op.opcodeIndex, op.inputs, op.outputs = code, read, [made]
        op.builtinOptions, op.builtinOptionsType = options, option_type
        operators.append(op)

    given = [tensor(width) for _ in range(inputs)]
    joined = given[0]
    if inputs > 1:
        options = official.ConcatenationOptionsT()
        options.axis = 1
        joined = tensor(width * inputs)
        operator(0, given, joined, options, official.BuiltinOptions.ConcatenationOptions)
    last = before = joined
    for _ in range(count):
        made = tensor(width * inputs)
        if kind == "add":  # also reads old tensors, so that many are alive at once
            options = official.AddOptionsT()
            operator(1, [last, before], made, options, official.BuiltinOptions.AddOptions)
            before = last
        else:
            operator(1, [last], made)
        last = made
    return pack(tensors, operators, (2, codes[kind]), given, last)


def pack(
    tensors: list[Any], operators: list[Any], codes: tuple[int, ...], given: list[int], last: int
) -> bytes:
    model, graph = official.ModelT(), official.SubGraphT()
    model.version, model.buffers = 3, [official.BufferT()]
    model.operatorCodes = []
    for code in codes:
        made = official.OperatorCodeT()
        made.builtinCode = made.deprecatedBuiltinCode = code
        made.version = 1
        model.operatorCodes.append(made)
    graph.tensors, graph.operators = tensors, operators
    graph.inputs, graph.outputs = given, [last]
    model.subgraphs = [graph]
    builder = flatbuffers.Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def networks() -> dict[str, bytes]:
    """Build other networks with motefit's writer: deep, wide, with several states, streaming."""
    speech = Problem(input_shape=(49, 20), outputs=8)
    series = Problem(input_shape=(24, 5), outputs=12, naive=tuple(range(12)))
    wanted = {
        "bcresnet-deep": ("bcresnet", {"channels": (4, 6), "blocks": (2, 2)}, speech),
        "dscnn-wide": ("dscnn", {"width": 40, "blocks": 4}, speech),
        "tcnet": ("tcnet", {"width": 12, "blocks": 2, "padding": "valid"}, speech),
        "lstm-three": ("lstm", {"units": 9, "layers": 3}, series),
    }
    made = {}
    for name, (family, knobs, problem) in wanted.items():
        graph = fold(build(family, knobs, problem=problem, rng=np.random.default_rng(1)))
        made[name] = write(graph)
        if name == "tcnet":
            made["tcnet-streaming"] = write(streaming_form(graph))
    return made


def foreign() -> dict[str, bytes]:
    """Load models made by others."""
    golden = ROOT / "tests" / "golden" / "converters"
    converted = {name: (golden / f"{name}.tflite").read_bytes() for name in CONVERTED}
    return {
        **converted,
        **networks(),
        "chain-of-60": unrolled("tanh", 60, inputs=1, width=3),
        "chain-of-7": unrolled("logistic", 7, inputs=1, width=33),
        "five-inputs": unrolled("logistic", 2, inputs=5, width=7),
        "two-inputs-of-17": unrolled("add", 25, inputs=2, width=17),
    }


def models() -> dict[str, bytes]:
    zoo = {path.stem: load_bundle(path).model for path in ZOO}
    return {**zoo, **foreign()}


def written(folder: Path, found: dict[str, bytes]) -> dict[str, Path]:
    paths = {name: folder / f"{name}.tflite" for name in found}
    for name, data in found.items():
        paths[name].write_bytes(data)
    return paths


STEP = micro.GRANULE_BYTES
SOME = [
    "climate-3", "eight-words", "dscnn8.int8", "lstm-fused.int8", "tcnet-streaming", "chain-of-60",
    "five-inputs",
]  # fmt: skip


@needs_wheel
def test_the_size_works_and_one_step_less_does_not(tmp_path):
    found = models()
    some = {name: found[name] for name in SOME}
    arenas = {name: micro.arena_bytes(ModelFile(data=data)) for name, data in some.items()}
    paths = written(tmp_path, some)
    near = [(paths[name], [a + STEP * n for n in range(-3, 3)]) for name, a in arenas.items()]
    answers = dict(zip(some, brute_force(near), strict=True))
    assert answers == dict.fromkeys(some, [False] * 3 + [True] * 3)


@needs_wheel
@pytest.mark.proof
def test_no_smaller_size_works_for_any_model(tmp_path):
    found = models()
    assert ZOO
    assert len(found) - len(ZOO) >= 20
    arenas = {name: micro.arena_bytes(ModelFile(data=data)) for name, data in found.items()}
    paths = written(tmp_path, found)
    scans = [
        (paths[name], list(range(STEP, arena + 6 * STEP + 1, STEP)))
        for name, arena in arenas.items()
    ]
    for (_, sizes), answers in zip(scans, brute_force(scans), strict=True):
        assert answers == [False] * (len(sizes) - 7) + [True] * 7


@needs_wheel
def test_the_planner_of_many_tensors_needs_more_than_the_tensors():
    """The size that the allocator prints does not include the planner's own memory."""
    short, long = (unrolled("tanh", count, inputs=1, width=3) for count in (30, 60))
    # two tensors of 12 bytes are alive at once, however long the chain
    assert (
        micro.arena_bytes(ModelFile(data=long)) - micro.arena_bytes(ModelFile(data=short))
        > 30 * 100
    )


@pytest.mark.parametrize("wanted", [1, 2, 63, 64, 65, 1000, 4095, 4096])
def test_the_search_finds_the_smallest(wanted):
    asked = []

    def works(size):
        asked.append(size)
        return size >= wanted

    assert smallest(works, 4096) == wanted
    assert len(asked) < 20


@needs_wheel
def test_a_model_is_run_once_however_often_it_is_measured(case, monkeypatch):
    model = write(case("mlp", "int8").graph)
    first = micro.arena_bytes(ModelFile(data=model))
    monkeypatch.setattr(micro.subprocess, "run", lambda *_, **__: pytest.fail("ran again"))
    assert micro.arena_bytes(ModelFile(data=bytes(bytearray(model)))) == first


@needs_wheel
def test_more_activations_need_more_arena(case):
    small = micro.arena_bytes(ModelFile(data=write(case("mlp", "int8").graph)))
    large = micro.arena_bytes(ModelFile(data=write(case("dscnn", "int8").graph)))
    assert 500 < small < 2500
    assert small < large < 20_000


@needs_wheel
def test_a_missing_operator_is_named(case):
    model = bytearray(write(case("linear", "float32").graph))
    # the only byte 9 before three bytes of padding is the operator code FULLY_CONNECTED
    at = next(i for i, b in enumerate(model) if b == 9 and model[i + 1 : i + 4] == bytes(3))
    model[at] = 13
    with pytest.raises(ModelFileError, match="LOCAL_RESPONSE_NORMALIZATION"):
        micro.arena_bytes(ModelFile(data=bytes(model)))


def test_damaged_bytes_are_refused_before_they_run():
    with pytest.raises(ModelFileError, match="damaged"):
        micro.arena_bytes(ModelFile(data=b"not a model"))


def test_none_without_the_wheel(case, monkeypatch):
    monkeypatch.setattr(micro, "WHEEL", "tflite_micro_that_is_not_there")
    assert micro.arena_bytes(ModelFile(data=write(case("linear", "float32").graph))) is None


@needs_wheel
@pytest.mark.proof
def test_a_loop_without_an_end_is_ended():
    with pytest.raises(ModelFileError, match="did not finish a run in 2 s"):
        micro.arena_bytes(ModelFile(data=endless()))
