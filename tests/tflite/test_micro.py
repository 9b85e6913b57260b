import pytest

from motefit.spec.errors import ModelFileError
from motefit.tflite import micro
from motefit.tflite.writer import write

needs_wheel = pytest.mark.skipif(
    micro.importlib.util.find_spec(micro.WHEEL) is None, reason="tflite-micro is not installed"
)


@needs_wheel
def test_more_activations_need_more_arena(case):
    small = micro.arena_bytes(write(case("mlp", "int8").graph))
    large = micro.arena_bytes(write(case("dscnn", "int8").graph))
    assert 500 < small < 2500
    assert small < large < 20_000


@needs_wheel
def test_the_reason_is_told_when_an_operator_is_lacking(case):
    model = bytearray(write(case("linear", "float32").graph))
    # the only byte 9 before three bytes of padding is the operator code FULLY_CONNECTED
    at = next(i for i, b in enumerate(model) if b == 9 and model[i + 1 : i + 4] == bytes(3))
    model[at] = 13
    with pytest.raises(ModelFileError, match="LOCAL_RESPONSE_NORMALIZATION"):
        micro.arena_bytes(bytes(model))


def test_damaged_bytes_are_refused_before_they_run():
    with pytest.raises(ModelFileError, match="damaged"):
        micro.arena_bytes(b"not a model")


def test_none_without_the_wheel(case, monkeypatch):
    monkeypatch.setattr(micro, "WHEEL", "tflite_micro_that_is_not_there")
    assert micro.arena_bytes(write(case("linear", "float32").graph)) is None
