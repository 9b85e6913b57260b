"""Bundles: deterministic, refused when changed, never half written."""

import dataclasses
import subprocess
import sys
import zipfile

import pytest

from motefit.runtime.bundle import bundle_bytes, load_bundle, write_bundle
from motefit.spec.errors import ModelFileError, NoCardError, OutputError
from motefit.tflite.archive import read_model


def test_round_trip(tmp_path, speech_bundle, series_bundle):
    for bundle in (speech_bundle, series_bundle):
        path = write_bundle(tmp_path / "model.zip", bundle.model, bundle.card)
        assert load_bundle(path) == bundle
        assert read_model(path) == bundle.model
        assert path.stat().st_size == bundle.bundle_bytes


def test_members_and_bytes_are_fixed(tmp_path, speech_bundle):
    first = write_bundle(tmp_path / "a.zip", speech_bundle.model, speech_bundle.card)
    second = write_bundle(tmp_path / "b.zip", speech_bundle.model, speech_bundle.card)
    assert first.read_bytes() == second.read_bytes()
    with zipfile.ZipFile(first) as archive:
        assert archive.namelist() == ["model.tflite", "card.json"]
    assert first.stat().st_mode & 0o777 == 0o644
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.zip", "b.zip"]


@pytest.mark.parametrize("beside", ["net.card.json", "card.json"])
def test_a_bare_model_with_a_card_beside_it(tmp_path, speech_bundle, beside):
    (tmp_path / "net.tflite").write_bytes(speech_bundle.model)
    text = speech_bundle.card.to_json()
    (tmp_path / beside).write_text(text)
    bundle = load_bundle(tmp_path / "net.tflite")
    assert (bundle.model, bundle.card) == (speech_bundle.model, speech_bundle.card)
    assert bundle.bundle_bytes == len(speech_bundle.model) + len(text)


@pytest.mark.parametrize("name", ["net.tflite", "net.zip"])
def test_without_a_card_the_error_says_how_to_give_a_front_end(tmp_path, speech_bundle, name):
    path = tmp_path / name
    if name.endswith("zip"):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("some/net.tflite", speech_bundle.model)
    else:
        path.write_bytes(speech_bundle.model)
    assert read_model(path) == speech_bundle.model
    with pytest.raises(NoCardError, match=r"front end.*net\.card\.json.*--recipe"):
        load_bundle(path)
    (tmp_path / "net.card.json").write_text(speech_bundle.card.to_json())
    assert load_bundle(path).model == speech_bundle.model


def test_changed_bytes_are_refused(tmp_path, speech_bundle):
    changed = bytearray(speech_bundle.model)
    changed[-1] ^= 1
    path = tmp_path / "model.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.tflite", bytes(changed))
        archive.writestr("card.json", speech_bundle.card.to_json())
    with pytest.raises(ModelFileError, match="refused"):
        load_bundle(path)
    with pytest.raises(ModelFileError, match="refused"):
        bundle_bytes(bytes(changed), speech_bundle.card)


def test_every_single_flipped_byte_is_noticed(tmp_path, series_bundle):
    data = bundle_bytes(series_bundle.model, series_bundle.card)
    path = tmp_path / "model.zip"
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0xFF
        path.write_bytes(changed)
        with pytest.raises(ModelFileError):
            load_bundle(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_zip_is_an_error(tmp_path, speech_bundle, share):
    data = bundle_bytes(speech_bundle.model, speech_bundle.card)
    path = tmp_path / "model.zip"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelFileError, match=r"damaged|no TensorFlow Lite"):
        load_bundle(path)


def test_absent_and_unfit_files_are_errors(tmp_path, speech_bundle):
    with pytest.raises(ModelFileError, match="cannot read"):
        load_bundle(tmp_path / "absent.zip")
    with pytest.raises(ModelFileError, match="cannot read"):
        load_bundle(tmp_path)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", b"no model")
    with pytest.raises(ModelFileError, match="no TensorFlow Lite model"):
        load_bundle(tmp_path / "other.zip")
    (tmp_path / "net.tflite").write_bytes(speech_bundle.model)
    (tmp_path / "card.json").write_bytes(b"\xff\xfe")
    with pytest.raises(ModelFileError, match="UTF-8"):
        load_bundle(tmp_path / "net.tflite")
    (tmp_path / "card.json").write_text('{"schema_version": 99}')
    with pytest.raises(ModelFileError, match="99"):
        load_bundle(tmp_path / "net.tflite")


FULL_DISK = """
import resource, sys
from pathlib import Path
from motefit.runtime.bundle import load_bundle, write_bundle
from motefit.spec.errors import OutputError
old, path = load_bundle(sys.argv[1]), Path(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (700, resource.RLIM_INFINITY))
try:
    write_bundle(path, old.model, old.card)
except OutputError as error:
    print(error)
"""


def test_a_write_that_fails_midway_leaves_the_old_bundle(tmp_path, speech_bundle, series_bundle):
    """A real failed write: the kernel refuses bytes beyond the 700th in a process of its own."""
    (tmp_path / "out").mkdir()
    path = write_bundle(tmp_path / "out/model.zip", series_bundle.model, series_bundle.card)
    other = write_bundle(tmp_path / "new.zip", speech_bundle.model, speech_bundle.card)
    before = path.read_bytes()
    assert len(before) > 700
    result = subprocess.run(
        [sys.executable, "-c", FULL_DISK, other, path], capture_output=True, text=True, check=True
    )
    assert "cannot write" in result.stdout
    assert "unchanged" in result.stdout
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["model.zip"]


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path, series_bundle):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="cannot write"):
        write_bundle(tmp_path / "file/m.zip", series_bundle.model, series_bundle.card)
    path = write_bundle(tmp_path / "new/folder/m.zip", series_bundle.model, series_bundle.card)
    assert load_bundle(path) == series_bundle


def test_a_card_of_another_model_is_not_written(tmp_path, series_bundle):
    card = dataclasses.replace(series_bundle.card, model_sha256="")
    with pytest.raises(ModelFileError, match="refused"):
        write_bundle(tmp_path / "m.zip", series_bundle.model, card)
    assert not list(tmp_path.iterdir())
