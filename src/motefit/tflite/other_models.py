"""What a file is that was given as a model and is none, and how a .tflite file is made of it."""

from collections.abc import Collection

_KERAS = (
    "it is a Keras model; convert it: tf.lite.TFLiteConverter.from_keras_model(model).convert()"
)
_TORCH = "it is a PyTorch model; convert it: litert_torch.convert(model, inputs).export(path)"
_STARTS = (
    (b"\x89HDF", _KERAS),
    (b"\x1f\x8b", "it is compressed by gzip; unpack it: gunzip, or tar -xzf for an archive"),
    (b"\x80\x02", _TORCH),
    (b"<", "it is a web page, as where a download failed; on GitHub, take the raw file"),
    (b"RIFF", "it is a sound"),
    (b"\x08\x01\x12", "it is a SavedModel; convert its folder: TFLiteConverter.from_saved_model"),
)
_MEMBERS = (("data.pkl", _TORCH), ("model.weights.h5", _KERAS))
_C_BYTES = 1 << 16
"""So many first bytes tell whether text is C source."""
_IR_VERSIONS = range(3, 32)
"""Of ONNX; a file starts with its own."""


def other_model(data: bytes) -> str:
    """Say what bytes are that are no .tflite file, and what helps; empty if that is not known.

    >>> other_model(b"const unsigned char g_model[] = {0x1c, 0x00, 0x00")[:29]
    'it is the C source of a model'
    """
    if not data:
        return "it is empty"
    if found := next((said for start, said in _STARTS if data.startswith(start)), ""):
        return found
    if len(data) > 3 and data[0] == 8 and data[1] in _IR_VERSIONS and data[2] in {0x12, 0x3A}:
        return "it is an ONNX model; convert it: onnx2tf -i FILE"
    head = data[:_C_BYTES]
    if head.isascii() and b"{" in head and head.count(b"0x") > 2:
        return (
            "it is the C source of a model; to turn it back: "
            "grep -oE '0x[0-9a-fA-F]{2}' FILE | xxd -r -p > model.tflite"
        )
    return ""


def other_archive(names: Collection[str]) -> str:
    """Say which program wrote a zip without a .tflite file, by the names in it; or nothing."""
    ends = {name.rpartition("/")[2] for name in names}
    return next((said for name, said in _MEMBERS if name in ends), "")
