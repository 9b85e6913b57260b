"""Typical networks converted by TensorFlow's converter; runs where TensorFlow is installed.

``keras_models.py OUT`` writes one .tflite file per network and precision, the way the official
tutorials do it. With ``MOTEFIT_KERAS=2`` the LSTM is made by the Keras that fuses it (tf-keras).
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

FUSED = os.environ.get("MOTEFIT_KERAS") == "2"
if FUSED:
    os.environ["TF_USE_LEGACY_KERAS"] = "1"

import numpy as np  # noqa: E402  (the choice of Keras must stand before TensorFlow's import)
import tensorflow as tf  # noqa: E402

layers, keras = tf.keras.layers, tf.keras
SPEECH, SERIES = (49, 10, 1), (6, 2)
SEED = 7


def mlp(batch: int | None) -> keras.Model:
    """Two hidden layers on a window of a series."""
    hidden = [layers.Dense(32, activation="relu") for _ in range(2)]
    return keras.Sequential(
        [
            keras.Input(SERIES, batch_size=batch),
            layers.Flatten(),
            *hidden,
            layers.Dense(12),
            layers.Reshape((6, 2)),
        ]
    )


def cnn(batch: int | None) -> keras.Model:
    """Plain convolutions on MFCC with batch norms and global average pooling."""
    net = [keras.Input(SPEECH, batch_size=batch)]
    for i, filters in enumerate((12, 16)):
        net.append(layers.Conv2D(filters, 3, strides=2 - i, use_bias=False, padding="valid"))
        net += [layers.BatchNormalization(), layers.ReLU()]
    return keras.Sequential(
        [*net, layers.GlobalAveragePooling2D(), layers.Dense(8), layers.Softmax()]
    )


def dscnn(batch: int | None, width: int, blocks: int = 4) -> keras.Model:
    """Depthwise-separable convolutions on MFCC."""
    norm = [layers.BatchNormalization, layers.ReLU]
    net = [
        keras.Input(SPEECH, batch_size=batch),
        layers.Conv2D(width, 3, strides=2, use_bias=False, padding="same"),
        *(make() for make in norm),
    ]
    for _ in range(blocks):
        net.append(layers.DepthwiseConv2D(3, use_bias=False, padding="same"))
        net += [make() for make in norm]
        net.append(layers.Conv2D(width, 1, use_bias=False))
        net += [make() for make in norm]
    return keras.Sequential([*net, layers.GlobalAveragePooling2D(), layers.Dense(8)])


def conv1d(batch: int | None) -> keras.Model:
    """Convolution over the steps of a series, then dense layers."""
    return keras.Sequential(
        [
            keras.Input(SERIES, batch_size=batch),
            layers.Conv1D(16, 3, activation="relu"),
            layers.Conv1D(8, 2, activation="relu"),
            layers.Flatten(),
            layers.Dense(16, activation="relu"),
            layers.Dense(12),
        ]
    )


def lstm(batch: int | None, *, unroll: bool) -> keras.Model:
    """One LSTM over the steps of a series."""
    return keras.Sequential(
        [keras.Input(SERIES, batch_size=batch), layers.LSTM(8, unroll=unroll), layers.Dense(12)]
    )


NETS: dict[str, Callable[[int | None], keras.Model]] = {
    "mlp": mlp,
    "cnn": cnn,
    "dscnn8": lambda b: dscnn(b, 8, blocks=2),
    "dscnn16": lambda b: dscnn(b, 16),
    "dscnn64": lambda b: dscnn(b, 64),
    "conv1d": conv1d,
    "lstm-unrolled": lambda b: lstm(b, unroll=True),
    "lstm-while": lambda b: lstm(b, unroll=False),
}
if FUSED:
    NETS = {
        "lstm-fused": lambda b: lstm(b, unroll=False),
        "dscnn8-keras2": lambda b: dscnn(b, 8, blocks=2),
    }
PRECISIONS = ("float32", "open-batch", "float16", "dynamic", "int8", "int8-float-edges")
OPEN_BATCH = ("mlp", "cnn")
CRASHES = ("lstm-while",)
"""Nets whose conversion to int8 ends TensorFlow 2.20's process with a segmentation fault."""


def lively(model: keras.Model, rng: np.random.Generator) -> None:
    """Set weights and statistics like those of a trained network, not zeros and ones."""
    for variable in model.weights:
        shape = tuple(variable.shape)
        if (
            "variance" in variable.path
            if hasattr(variable, "path")
            else "variance" in variable.name
        ):
            value = rng.uniform(0.7, 1.5, shape)
        elif len(shape) == 1:
            value = variable.numpy() + rng.normal(0, 0.3, shape)
        else:
            value = rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1])), shape)
        variable.assign(value.astype(np.float32))


def examples(shape: tuple[int, ...], rng: np.random.Generator) -> Iterator[list[np.ndarray]]:
    """Generate inputs for calibration.

    Yields:
        One example, in a list as the converter requires.
    """
    for _ in range(32):
        yield [rng.normal(0, 1, (1, *shape)).astype(np.float32)]


def convert(model: keras.Model, precision: str) -> bytes:
    """Convert a network with TensorFlow's converter."""
    shape = tuple(model.input_shape[1:])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if precision not in {"float32", "open-batch"}:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if precision.startswith("int8"):
        rng = np.random.default_rng(SEED)
        converter.representative_dataset = lambda: examples(shape, rng)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if precision == "int8":
            converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()


def main() -> None:
    """Convert everything; networks that a converter refuses are reported and left out."""
    out = Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for name, make in NETS.items():
        for precision in PRECISIONS:
            if precision == "open-batch" and name not in OPEN_BATCH:
                continue
            if precision.startswith("int8") and name in CRASHES:
                continue
            model = make(None if precision == "open-batch" else 1)
            lively(model, np.random.default_rng(SEED))
            try:
                data = convert(model, precision)
            except Exception as error:  # noqa: BLE001  (any converter error is a result here)
                print(f"{name} {precision}: {type(error).__name__} {str(error)[:200]}")
                continue
            (out / f"{name}.{precision}.tflite").write_bytes(data)


if __name__ == "__main__":
    main()
