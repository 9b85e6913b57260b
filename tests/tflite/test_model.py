import dataclasses
import hashlib

import pytest

from motefit.spec.errors import ModelFileError
from motefit.tflite.archive import zip_bytes
from motefit.tflite.inspect import inspect
from motefit.tflite.model import ModelFile
from motefit.tflite.write.write import write


def test_everything_is_decoded_once(case):
    data = write(case("mlp", "int8").graph)
    model = ModelFile(data=data)
    assert model.sha256 == hashlib.sha256(data).hexdigest()
    assert model.inspection == inspect(data)
    assert model.inspection is model.inspection
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.data = b""


@pytest.mark.parametrize("zipped", [False, True])
def test_a_file_can_be_bare_or_in_a_zip(tmp_path, case, zipped):
    data = write(case("linear", "float32").graph)
    path = tmp_path / "model"
    path.write_bytes(zip_bytes(data) if zipped else data)
    for given in (path, str(path)):
        found = ModelFile.from_path(given)
        assert found == ModelFile(data=data)
        assert found.stream_bytes is None  # not a bundle: a zip without a card claims nothing


def test_a_damaged_file_is_refused_when_it_is_decoded(tmp_path, case):
    path = tmp_path / "cut.tflite"
    path.write_bytes(write(case("mlp", "int8").graph)[:200])
    model = ModelFile.from_path(path)
    assert len(model.sha256) == 64
    with pytest.raises(ModelFileError, match=r"damaged \.tflite"):
        _ = model.inspection
    with pytest.raises(ModelFileError, match=r"absent\.tflite"):
        ModelFile.from_path(tmp_path / "absent.tflite")


def test_equal_bytes_are_equal_files_whatever_their_stream():
    assert ModelFile(data=b"a", stream_bytes=3) == ModelFile(data=b"a")
    assert ModelFile(data=b"a") != ModelFile(data=b"b")
