"""Labels that a model file brings along."""

import io
import zipfile

import pytest
from ai_edge_litert import schema_py_generated as official
from model_edits import rewritten

from motefit.runtime import load_bundle
from motefit.runtime.zoo import find_model
from motefit.tflite.label_files import MOST_BYTES, label_files
from motefit.tflite.model import ModelFile


@pytest.fixture(scope="module")
def model() -> bytes:
    return load_bundle(find_model("yes-no")).model


def found(data: bytes) -> list[tuple[str, tuple[str, ...]]]:
    return [(file.name, file.labels) for file in label_files(data, ModelFile(data=data).tables)]


def with_zip(model: bytes, **files: bytes) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.txt", content)
    return model + held.getvalue()


def with_metadata(model: bytes, name: str, content: bytes) -> bytes:
    def change(tables: official.ModelT) -> None:
        buffer, entry = official.BufferT(), official.MetadataT()
        buffer.data, entry.name, entry.buffer = list(content), name, len(tables.buffers)
        tables.buffers.append(buffer)
        tables.metadata = [entry]

    return rewritten(model, change)


def test_lists_are_found_behind_the_model_and_in_its_metadata(model):
    assert found(model) == []
    assert found(with_zip(model, labels=b"yes\r\n\nno\n")) == [("labels.txt", ("yes", "no"))]
    assert found(with_metadata(model, "labels", b"no\nyes\0")) == [("labels", ("no", "yes"))]
    assert found(with_metadata(model, "min_runtime_version", b"1.5.0\0")) == []


def test_what_is_no_list_is_left_alone(model):
    assert found(with_zip(model, labels=b"\xff\xfe")) == []
    assert found(with_zip(model, labels=b"a\n" * MOST_BYTES)) == []
    assert found(with_zip(model, labels=b"yes\nno")[:-9]) == []
