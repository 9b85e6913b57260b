"""Bytes after the model, and data in buffer 0, as real files have them."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as official
from model_edits import custom_operation, rewritten

from motefit.spec.errors import ModelFileError
from motefit.tflite.appended import appended_bytes, names_of_zip
from motefit.tflite.equivalence import check_equivalence
from motefit.tflite.flatbuffer.reader import read_tables
from motefit.tflite.shrink import shrink

GOLDEN = Path(__file__).parent.parent / "golden" / "converters"
LABELS = {"labels.txt": b"up\ndown\n", "other/a.txt": b"x" * 300}


def named(model: official.ModelT) -> None:
    """The file of a converter, with long names."""
    for tensor in model.subgraphs[0].tensors:
        tensor.name = b"a long name " * 4


@pytest.fixture(scope="module")
def model() -> bytes:
    return rewritten(min(GOLDEN.glob("*.tflite")).read_bytes(), named)


def with_zip(model: bytes, *, absolute: bool) -> bytes:
    """Append a zip as the metadata writer of the Task Library does, or as ``cat`` does."""
    file = io.BytesIO(model if absolute else b"")
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        for name, content in LABELS.items():
            archive.writestr(name, content)
    return file.getvalue() if absolute else model + file.getvalue()


@pytest.mark.parametrize("absolute", [True, False])
def test_an_appended_zip_is_kept_with_the_metadata(model, absolute):
    before = with_zip(model, absolute=absolute)
    after = shrink(before, keep_metadata=True)
    assert len(after) < len(before)
    with zipfile.ZipFile(io.BytesIO(after)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == LABELS
    assert names_of_zip(appended_bytes(after, read_tables(after))) == tuple(LABELS)
    assert check_equivalence(before, after, n=2, rng=np.random.default_rng(0)).values
    assert names_of_zip(shrink(before)) == ()


def test_other_bytes_are_kept_with_the_metadata_and_dropped_without(model):
    before = model + b"signature " * 9
    assert shrink(before, keep_metadata=True).endswith(b"signature " * 9)
    assert shrink(before) == shrink(model)


def test_bytes_that_custom_operators_may_refer_to_are_not_moved(model):
    custom = rewritten(model, custom_operation)
    assert len(shrink(custom)) < len(custom)
    with pytest.raises(ModelFileError, match=r"400 bytes follow the model.*FancyOp may refer"):
        shrink(custom + bytes(range(100)) * 4)


def test_data_in_buffer_0_are_no_data(model):
    def emptied(found: official.ModelT) -> None:
        found.buffers[0].data = np.zeros(0, np.uint8)

    before = rewritten(model, emptied)
    after = shrink(before)
    assert after == shrink(model)
    assert check_equivalence(before, after, n=2, rng=np.random.default_rng(0)).values


def test_every_signature_is_compared(model):
    def signed(found: official.ModelT) -> None:
        graph, signature = found.subgraphs[0], official.SignatureDefT()
        signature.signatureKey, signature.subgraphIndex = b"serve", 0
        signature.inputs, signature.outputs = [], []
        for maps, indices, name in (
            (signature.inputs, graph.inputs, b"x"),
            (signature.outputs, graph.outputs, b"y"),
        ):
            entry = official.TensorMapT()
            entry.name, entry.tensorIndex = name, int(indices[0])
            maps.append(entry)
        found.signatureDefs = [signature]

    plain = rewritten(model, lambda found: setattr(found, "signatureDefs", None))
    both = rewritten(plain, signed)
    rng = np.random.default_rng(0)
    single = check_equivalence(plain, plain, n=2, rng=rng).values
    assert check_equivalence(both, shrink(both, keep_signatures=True), n=2, rng=rng).values == (
        2 * single
    )
