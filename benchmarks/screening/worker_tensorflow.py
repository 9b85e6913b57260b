"""Convert candidates with TensorFlow; runs where TensorFlow is installed.

Reads one JSON object per line: the operations of a network, its input shape and ``int8``. Answers
with one line each: the milliseconds of ``converter.convert()`` alone, and the bytes of the file.
"""

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

keras, layers = tf.keras, tf.keras.layers


def layer(op: dict[str, Any]) -> Any:  # noqa: ANN401  (Keras has no types)
    """Create the Keras layer of an operation, with Keras' initial weights."""
    window = {"strides": op.get("stride"), "padding": op.get("padding")}
    window["dilation_rate"] = op.get("dilation")
    makers = {
        "Conv2D": lambda: layers.Conv2D(op["filters"], op["kernel"], use_bias=op["bias"], **window),
        "DepthwiseConv2D": lambda: layers.DepthwiseConv2D(
            op["kernel"], use_bias=op["bias"], **window
        ),
        "Dense": lambda: layers.Dense(op["units"]),
        "BatchNorm": layers.BatchNormalization,
        "Activation": layers.ReLU,
        "Add": layers.Add,
        "AveragePool2D": lambda: layers.AveragePooling2D(op["window"], op["stride"]),
    }
    return makers[op["op"]]()


def model(told: dict[str, Any]) -> Any:  # noqa: ANN401
    """Build the network."""
    tensors = {"input": keras.Input(told["input_shape"], batch_size=1)}
    for op in told["ops"]:
        inputs = [tensors[name] for name in op["inputs"]]
        if op["op"] == "Dense" and len(inputs[0].shape) > 2:
            inputs = [layers.Flatten()(inputs[0])]
        tensors[op["output"]] = layer(op)(inputs if len(inputs) > 1 else inputs[0])
    return keras.Model(tensors["input"], tensors[told["ops"][-1]["output"]])


def examples(shape: tuple[int, ...]) -> Iterator[list[np.ndarray]]:
    """Generate one input, the minimum for calibration.

    Yields:
        The example, in a list.
    """
    yield [np.random.default_rng(0).normal(size=(1, *shape)).astype(np.float32)]


def convert(told: dict[str, Any]) -> dict[str, float]:
    """Time the conversion of one network that is already built."""
    network = model(told)
    converter = tf.lite.TFLiteConverter.from_keras_model(network)
    if told["int8"]:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: examples(told["input_shape"])
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    start, used = time.perf_counter(), time.process_time()
    data = converter.convert()
    return {
        "ms": 1000 * (time.perf_counter() - start),
        "cpu_ms": 1000 * (time.process_time() - used),
        "bytes": len(data),
    }


def main() -> None:
    """Answer until the input ends; standard output has only answers."""
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    for line in sys.stdin:
        answer = convert(json.loads(line))
        keras.backend.clear_session()
        print("ANSWER " + json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
