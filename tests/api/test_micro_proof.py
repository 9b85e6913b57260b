"""``shrink`` of models that LiteRT cannot run: proven by TensorFlow Lite Micro where it can."""

import numpy as np
import pytest
from odd_models import ModelMaker, Operators, Types

import motefit
from motefit.spec.errors import ModelFileError
from motefit.tflite.micro_equivalence import RUNTIME, check_micro_equivalence, has_micro

pytestmark = pytest.mark.skipif(not has_micro(), reason="the extra micro is not installed")


def custom(name: bytes, *, scale: float = 1 / 16) -> bytes:
    """A model of one operator that only TensorFlow Lite Micro knows: frames in a ring buffer."""
    make = ModelMaker()
    given = make.tensor([1, 1, 1, 4], Types.INT8, scale=scale)
    out = make.tensor([1, 3, 1, 4], Types.INT8, scale=scale)
    make.operator(Operators.CUSTOM, [given], [out])
    make.model.operatorCodes[-1].customCode = name
    make.model.description = b"made by a test, with a long description that no runtime reads"
    return make.finish([given], [out])


def test_micro_proves_what_litert_cannot_run(tmp_path):
    path = tmp_path / "ring.tflite"
    path.write_bytes(custom(b"CIRCULAR_BUFFER"))
    found = motefit.shrink(path, inputs=5)
    assert found.proof.resolvers == (RUNTIME,)
    assert (found.proof.inputs, found.proof.values) == (5, 60)
    (line,) = [str(item) for item in found.content() if str(item).startswith("proof")]
    assert "5 random inputs; TensorFlow Lite Micro, since LiteRT cannot run it" in line
    assert found.written.stat().st_size < path.stat().st_size


def test_nothing_is_called_proven_that_neither_can_run(tmp_path):
    path = tmp_path / "unknown.tflite"
    path.write_bytes(custom(b"FANCY"))
    with pytest.raises(ModelFileError, match="nor can TensorFlow Lite Micro"):
        motefit.shrink(path)
    found = motefit.shrink(path, unrun=True)
    assert found.proof.inputs == 0
    assert not [item for item in found.content() if str(item).startswith("proof")]


def test_other_outputs_are_seen():
    def table(value: float) -> bytes:
        make = ModelMaker()
        given, out = make.tensor([1, 4]), make.tensor([1, 4])
        constant = make.constant(np.full((1, 4), value, np.float32))
        make.operator(Operators.MUL, [given, constant], [out])
        return make.finish([given], [out])

    with pytest.raises(ModelFileError, match="different outputs"):
        check_micro_equivalence(table(2), table(3), n=2, rng=np.random.default_rng(0))
