import io
import zipfile
import zlib

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from motefit.spec.errors import ModelFileError
from motefit.tflite.archive import is_as_packed, pack, read_model, zip_bytes
from motefit.tflite.write.write import write

MODEL = st.binary(max_size=300).map(lambda data: b"\x10\0\0\0TFL3" + data)


@settings(deadline=None, max_examples=300)
@given(text=st.text("ab", max_size=40) | st.text("abcdefgh", max_size=60), thorough=st.booleans())
@example(text="bbbbaabbbaaab", thorough=True)  # with cleared last bits it ends too, and says less
def test_what_was_packed_is_as_packed(text, thorough):
    assert is_as_packed(pack({"a": text.encode()}, thorough=thorough))


@settings(deadline=None, max_examples=50)
@given(MODEL)
def test_round_trip_through_bytes_and_the_standard_reader(model):
    packed = zip_bytes(model, thorough=False)  # what the search writes is read in test_deflate
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
        (b"", "no TensorFlow Lite model"),
        (b"hello world", "no TensorFlow Lite model"),
        (b"PK\x03\x04 but not a zip", "damaged"),
        (zip_bytes(b"text, no model at all"), "no TensorFlow Lite model"),
        (zip_bytes(b"\x10\0\0\0TFL3" + bytes(100))[:-30], "damaged"),
    ],
)
def test_refuses_what_is_no_model(tmp_path, content, reason):
    path = tmp_path / "model.zip"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=reason):
        read_model(path)


def test_refuses_a_changed_member():
    packed = bytearray(zip_bytes(b"\x10\0\0\0TFL3" + bytes(100)))
    packed[-100] ^= 0xFF
    with pytest.raises(ModelFileError):
        read_model(bytes(packed))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelFileError, match=r"absent\.tflite"):
        read_model(tmp_path / "absent.tflite")
