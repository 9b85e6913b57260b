"""The numbers of the schema match the official ones."""

import inspect

import pytest
from ai_edge_litert import schema_py_generated as official

from motefit.tflite.flatbuffer import schema
from motefit.tflite.flatbuffer.reader import operators

TABLES = {
    schema.ModelSlot: "Model",
    schema.SubGraphSlot: "SubGraph",
    schema.TensorSlot: "Tensor",
    schema.QuantizationSlot: "QuantizationParameters",
    schema.OperatorCodeSlot: "OperatorCode",
    schema.OperatorSlot: "Operator",
    schema.BufferSlot: "Buffer",
    schema.MetadataSlot: "Metadata",
    schema.SignatureSlot: "SignatureDef",
    schema.TensorMapSlot: "TensorMap",
}


@pytest.mark.parametrize("slots", TABLES, ids=lambda slots: slots.__name__)
def test_slots(slots):
    for slot in slots:
        field = slot.name.title().replace("_", "")
        field = {"Key": "SignatureKey", "Subgraph": "SubgraphIndex"}.get(field, field)
        source = inspect.getsource(getattr(official, f"{TABLES[slots]}Add{field}"))
        assert f"Slot({slot.value}, " in source


def test_operators():
    codes = {name: n for name, n in vars(official.BuiltinOperator).items() if type(n) is int}
    known = {name: code for code, name in enumerate(operators())}
    assert codes.items() <= known.items()  # an older LiteRT may have fewer
    assert {op.name: op.value for op in schema.Operator}.items() <= known.items()


def test_tensor_types():
    assert {t.name: t.value for t in schema.TensorType}.items() <= vars(official.TensorType).items()


def test_options():
    known = vars(official.BuiltinOptions)
    for option in schema.Options:
        words = option.name.replace("2D", "2d").title().replace("_", "").replace("2D", "2D")
        name = "NONE" if option.name == "NONE" else f"{words}Options"
        names = {key.lower(): value for key, value in known.items()}
        assert names[name.lower()] == option.value
