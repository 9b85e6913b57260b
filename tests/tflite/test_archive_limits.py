"""Limits of zips, from both sides; what is beyond them is never unpacked."""

import tracemalloc
import zipfile
from pathlib import Path

import pytest

from motefit.spec.errors import ModelFileError
from motefit.spec.limits import CARD_BYTES, MODEL_VARIABLE, SMALL_BYTES
from motefit.tflite.archive import read_model, unpack

HEAD = b"\x1c\0\0\0TFL3"


def zipped(path: Path, *, method: int = zipfile.ZIP_DEFLATED, **members: bytes) -> bytes:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return path.read_bytes()


def test_cards(tmp_path):
    stored = zipfile.ZIP_STORED
    for size in (CARD_BYTES, CARD_BYTES + 1):
        data = zipped(tmp_path / "a.zip", method=stored, model_tflite=HEAD, card_json=b" " * size)
        if size > CARD_BYTES:
            with pytest.raises(ModelFileError, match=r"a\.zip: card\.json has more than 4194304"):
                unpack(data, where="a.zip", companion="card.json")
        else:
            _, card = unpack(data, where="a.zip", companion="card.json")
            assert card is not None
            assert len(card.content) == size


def test_models(tmp_path, monkeypatch):
    monkeypatch.setenv(MODEL_VARIABLE, "1")
    for size in (1 << 20, (1 << 20) + 1):
        content = HEAD.ljust(size, b"\0")
        bare = tmp_path / "a.tflite"
        bare.write_bytes(content)
        zipped(tmp_path / "a.zip", method=zipfile.ZIP_STORED, model_tflite=content)
        for path in (bare, tmp_path / "a.zip"):
            if size > 1 << 20:
                with pytest.raises(ModelFileError, match=rf"more than 1048576.*{MODEL_VARIABLE}"):
                    read_model(path)
            else:
                assert read_model(path) == content


def test_compression(tmp_path):
    assert unpack(zipped(tmp_path / "a.zip", model_tflite=bytes(SMALL_BYTES)), where="a.zip")
    data = zipped(tmp_path / "a.zip", model_tflite=bytes(SMALL_BYTES + 1))
    with pytest.raises(ModelFileError, match="unpacks to 1048577 bytes, more than 200 times"):
        unpack(data, where="a.zip")


def test_a_bomb_takes_no_memory_even_if_its_header_understates_it(tmp_path):
    honest = zipped(tmp_path / "a.zip", model_tflite=HEAD + bytes(48 << 20))
    size = (len(HEAD) + (48 << 20)).to_bytes(4, "little")
    for data in (honest, honest.replace(size, (1 << 20).to_bytes(4, "little"))):
        tracemalloc.start()
        with pytest.raises(ModelFileError, match=r"unpacks to|is damaged|incomplete"):
            unpack(data, where="a.zip")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 8 << 20


def test_a_pointer_of_git_lfs_is_recognized(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n")
    with pytest.raises(ModelFileError, match=r"Git LFS pointer.*git lfs pull"):
        read_model(path)
