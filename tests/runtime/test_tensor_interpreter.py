"""Models with several inputs, other numbers, batches and states, run as they are."""

import numpy as np
import pytest
from odd_models import counting, sixteen_bits, stateful, two_inputs, unknown_type

from motefit.runtime.interpreter import Interpreter, OtherEdgesError
from motefit.runtime.tensor_interpreter import FrameInterpreter, TensorInterpreter
from motefit.spec.errors import ModelFileError


def test_every_input_of_any_type_is_set():
    with pytest.raises(OtherEdgesError, match="exactly one input, this one has 2"):
        Interpreter(two_inputs())
    model = TensorInterpreter(two_inputs())
    table = np.arange(12, dtype=np.float32).reshape(3, 4)
    (found,) = model.run_tensors([table, np.array([2, 0, 1], np.int32)])
    assert model.batch == 3
    np.testing.assert_array_equal(found, table[[2, 0, 1]])
    drawn = model.random_inputs(np.random.default_rng(0))
    assert [array.dtype for array in drawn] == [np.float32, np.int32]
    assert len(model.run_tensors(drawn)) == 1


def test_inputs_that_do_not_fit_are_refused():
    with pytest.raises(ModelFileError, match="cannot run this model"):
        TensorInterpreter(two_inputs()).run_tensors([np.zeros(2, np.float32)] * 2)


def test_sixteen_bits_are_quantized_as_eight_are():
    values = np.linspace(-4, 4, 8, dtype=np.float32)[np.newaxis]
    found = Interpreter(sixteen_bits()).run(values)
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-values)), atol=1e-3)


@pytest.mark.parametrize("xnnpack", [True, False])
def test_a_resource_variable_keeps_its_value_from_run_to_run(xnnpack):
    model = TensorInterpreter(counting(), xnnpack=xnnpack)
    ones = np.ones((1, 4), np.float32)
    sums = [float(model.run_tensors([ones])[0][0, 0]) for _ in range(3)]
    assert sums == [1, 2, 3]


def test_a_clip_is_taken_frame_by_frame_and_the_next_one_starts_anew():
    """Its answer is that of frames given one by one to a model that was never run before."""
    clip = np.random.default_rng(1).normal(size=(1, 9, 10)).astype(np.float32)
    by_frame = TensorInterpreter(stateful())
    for frame in clip[0]:
        (expected,) = by_frame.run_tensors([frame.reshape(1, 1, 10)])
    model = FrameInterpreter(stateful(), shape=(9, 10))
    assert (model.steps, model.step_frames) == (9, 1)
    for _ in range(2):
        np.testing.assert_array_equal(model.run(clip), expected)
    assert FrameInterpreter(stateful(frames=2), shape=(9, 10)).steps == 4
    with pytest.raises(ModelFileError, match="not a whole number of frames"):
        FrameInterpreter(stateful(), shape=(9, 7))


def test_numbers_that_numpy_lacks_are_refused():
    with pytest.raises(ModelFileError, match="LiteRT cannot load this model"):
        TensorInterpreter(unknown_type())
