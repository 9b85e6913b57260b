import io
import zipfile
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from motefit.spec.errors import ModelFileError
from motefit.tflite.archive import CONTAINER_BYTES, NAME, pack, read_model, unpack, zip_bytes
from motefit.tflite.write.write import write

MODEL = st.binary(max_size=300).map(lambda data: b"\x10\0\0\0TFL3" + data)


@given(text=st.text("ab", max_size=40) | st.text("abcdefgh", max_size=60), level=st.integers(0, 9))
@example(text="bbbbaabbbaaab", level=9)
def test_the_stream_of_a_member_is_measured_whatever_program_packed_it(text, level):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        archive.writestr(NAME, text.encode())
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    stream = packer.compress(text.encode()) + packer.flush()
    model, companion = unpack(buffer.getvalue(), where="it")
    assert (model.content, companion) == (text.encode(), None)
    assert model.stream_bytes == len(stream)


@pytest.mark.parametrize("thorough", [True, False])
def test_a_zip_is_its_stream_and_a_fixed_container(case, thorough):
    for form in ("float32", "int8"):
        packed = zip_bytes(write(case("mlp", form).graph), thorough=thorough)
        assert unpack(packed, where="it")[0].stream_bytes + CONTAINER_BYTES == len(packed)


def test_order_and_other_files_do_not_matter_but_duplicate_names_do():
    packed = pack({"readme": b"hello", "card": b"{}", NAME: b"first", "z": b""})
    model, companion = unpack(packed, where="it", companion="card")
    assert (model.content, companion.content) == (b"first", b"{}")
    buffer = io.BytesIO(packed)
    with zipfile.ZipFile(buffer, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr(NAME, b"second")
    with pytest.raises(ModelFileError, match=r"two files model\.tflite"):
        unpack(buffer.getvalue(), where="it")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_refuses_uncommon_compression_methods(method):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(NAME, b"\x10\0\0\0TFL3" + bytes(100))
    with pytest.raises(ModelFileError, match="deflate"):
        read_model(buffer.getvalue())


@given(MODEL)
def test_round_trip_through_bytes_and_the_standard_reader(model):
    packed = zip_bytes(model, thorough=False)  # test_deflate covers the thorough search
    assert read_model(packed) == model
    assert read_model(model) == model
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        assert archive.testzip() is None
        (member,) = archive.infolist()
        assert member.filename == "model.tflite"
        assert member.date_time == (1980, 1, 1, 0, 0, 0)
        assert member.extra == b""
        assert archive.read(member) == model


def test_no_larger_than_the_standard_writer(case):
    for form in ("float32", "int8"):
        model = write(case("dscnn", form).graph)
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.writestr(zipfile.ZipInfo("model.tflite"), model, zipfile.ZIP_DEFLATED, 9)
        quick = zip_bytes(model, thorough=False)
        assert len(zip_bytes(model)) < len(quick) <= len(buffer.getvalue())


def test_data_that_does_not_shrink_is_stored():
    model = b"\x10\0\0\0TFL3" + zlib.compress(bytes(range(256)) * 4)
    assert len(zip_bytes(model)) == len(model) + 122


def test_reads_files_and_the_first_member_of_a_bundle(tmp_path):
    model = b"\x10\0\0\0TFL3 and more"
    bare, bundle = tmp_path / "a.tflite", tmp_path / "a.zip"
    bare.write_bytes(model)
    with zipfile.ZipFile(bundle, "w") as archive:
        archive.writestr("model.tflite", model)
        archive.writestr("card.json", "{}")
    assert read_model(bare) == read_model(bundle) == model


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not a TensorFlow Lite model"),
        (b"hello world", r"give a .tflite file or a zip of one$"),
        (b"\x89HDF\r\n\x1a\n", "it is a Keras model; .*from_keras_model"),
        (b"\x08\x08\x12\x07pytorch", "it is an ONNX model; .*onnx2tf"),
        (b"\x08\x01\x12\xc8\x01\x0a\x05const", "it is a SavedModel"),
        (b"<!DOCTYPE html>404", "it is a web page"),
        (b"const unsigned char m[] = {0x1c, 0x00, 0x00, 0x00", "the C source .*xxd -r -p"),
        (pack({"archive/data.pkl": b"x"}), "it is a PyTorch model"),
        (pack({"config.json": b"{}", "model.weights.h5": b""}), "it is a Keras model"),
        (
            pack({"a.tflite": b"1", "b/c.TFLITE": b"2"}),
            "has 2 models: a.tflite, b/c.TFLITE; unpack",
        ),
        (b"PK\x03\x04 but not a zip", "damaged"),
        (zip_bytes(b"text, no model at all"), "not a TensorFlow Lite model"),
        (zip_bytes(b"\x10\0\0\0TFL3" + bytes(100))[:-30], "damaged"),
    ],
)
def test_refuses_files_that_are_not_models(tmp_path, content, reason):
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=reason):
        read_model(path)


def test_the_only_model_of_a_zip_is_found_behind_other_files():
    model = b"\x10\0\0\0TFL3 and more"
    assert read_model(pack({"README.txt": b"hello", "ei/trained.tflite": model})) == model


def test_refuses_a_changed_member():
    packed = bytearray(zip_bytes(b"\x10\0\0\0TFL3" + bytes(100)))
    packed[-100] ^= 0xFF
    with pytest.raises(ModelFileError):
        read_model(bytes(packed))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"absent\.tflite"):
        read_model(tmp_path / "absent.tflite")
