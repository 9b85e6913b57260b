"""Our numbers of the schema are the official ones."""

import inspect

import pytest
from ai_edge_litert import schema_py_generated as official

from motefit.tflite.flatbuffer import schema

TABLES = {
    schema.ModelSlot: "Model",
    schema.SubGraphSlot: "SubGraph",
    schema.TensorSlot: "Tensor",
    schema.QuantizationSlot: "QuantizationParameters",
    schema.OperatorCodeSlot: "OperatorCode",
    schema.OperatorSlot: "Operator",
    schema.BufferSlot: "Buffer",
    schema.MetadataSlot: "Metadata",
}


@pytest.mark.parametrize("slots", TABLES, ids=lambda slots: slots.__name__)
def test_slots(slots):
    for slot in slots:
        field = slot.name.title().replace("_", "")
        source = inspect.getsource(getattr(official, f"{TABLES[slots]}Add{field}"))
        assert f"Slot({slot.value}, " in source


def test_operators():
    assert {op.name: op.value for op in schema.Operator}.items() <= vars(
        official.BuiltinOperator
    ).items()


def test_tensor_types():
    assert {t.name: t.value for t in schema.TensorType}.items() <= vars(official.TensorType).items()


def test_options():
    known = vars(official.BuiltinOptions)
    for option in schema.Options:
        words = option.name.replace("2D", "2d").title().replace("_", "").replace("2D", "2D")
        name = "NONE" if option.name == "NONE" else f"{words}Options"
        names = {key.lower(): value for key, value in known.items()}
        assert names[name.lower()] == option.value
