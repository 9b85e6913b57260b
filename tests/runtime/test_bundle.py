"""Bundles: deterministic, refused when changed, never partially written."""

import dataclasses
import io
import itertools
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from motefit.measure.size import measure_size
from motefit.runtime.bundle import bundle_bytes, load_bundle, write_bundle
from motefit.spec.errors import ModelFileError, NoCardError, OutputError
from motefit.tflite.archive import read_model
from motefit.tflite.model import ModelFile


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


def streams(data):
    """Locate the compressed model and the compressed card in a bundle."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for info in archive.infolist():
            start = info.header_offset + 30 + len(info.filename)
            yield range(start, start + info.compress_size)


def test_every_flipped_byte_is_detected_or_changes_nothing(tmp_path, series_bundle):
    """Dates, attributes and versions are ignored; all of the compressed content is checked."""
    data = bundle_bytes(series_bundle.model, series_bundle.card)
    path = tmp_path / "model.zip"
    content = {position for stream in streams(data) for position in stream}
    detected = set()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 0xFF
        path.write_bytes(changed)
        try:
            found = load_bundle(path)
        except ModelFileError:
            detected.add(position)
        else:
            assert found == series_bundle
            assert measure_size(found.file) == measure_size(series_bundle.file)
    assert content <= detected
    assert len(detected - content) > 100  # signatures, names, sizes, checksums, places


def damage(data, rng):
    """Damage the bytes once: a bit, a run of zeros or noise, a lost end, an insertion, a block."""
    changed, size = bytearray(data), len(data)
    at, length = int(rng.integers(size)), int(rng.integers(1, 64))
    match int(rng.integers(6)):
        case 0:
            changed[at] ^= 1 << int(rng.integers(8))
        case 1:
            changed[at : at + length] = bytes(len(changed[at : at + length]))
        case 2:
            changed[at : at + length] = rng.bytes(len(changed[at : at + length]))
        case 3:
            del changed[at:]
        case 4:
            changed[at:at] = rng.bytes(length)
        case _:
            other = int(rng.integers(size - length))
            changed[other : other + length] = data[at : at + length]
    return bytes(changed)


def test_damage_is_detected_or_changes_nothing(tmp_path, speech_bundle, series_bundle):
    survive_damage(tmp_path, (speech_bundle, series_bundle), count=400, seed=0)


@pytest.mark.proof
def test_20_000_kinds_of_damage_are_detected_or_change_nothing(
    tmp_path, speech_bundle, series_bundle
):
    survive_damage(tmp_path, (speech_bundle, series_bundle), count=10_000, seed=1)


def survive_damage(folder, bundles, *, count, seed):
    rng, path = np.random.default_rng(seed), folder / "model.zip"
    for bundle in bundles:
        data, detected = bundle_bytes(bundle.model, bundle.card), 0
        for _ in range(count):
            path.write_bytes(damage(data, rng))
            try:
                found = load_bundle(path)
            except ModelFileError:
                detected += 1
            else:
                assert (found.file, found.card) == (bundle.file, bundle.card)
                assert measure_size(found.file) == measure_size(bundle.file)
        assert detected > count / 2


def test_who_packed_the_zip_does_not_matter(tmp_path, speech_bundle):
    path = tmp_path / "theirs.zip"
    for method, names in itertools.product(
        (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED), itertools.permutations(range(3))
    ):
        members = [
            ("model.tflite", speech_bundle.model),
            ("card.json", speech_bundle.card.to_json()),
            ("read me.txt", "of another program"),
        ]
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.comment = b"by another program"
            for index in names:
                archive.writestr(*members[index])
        found = load_bundle(path)
        assert (found.file, found.card) == (speech_bundle.file, speech_bundle.card)
        assert found.bundle_bytes == path.stat().st_size


def test_a_bundle_is_measured_by_its_own_stream(tmp_path, speech_bundle):
    """Whatever program packed it, so that measuring needs no compression and no Zopfli."""
    shipped = write_bundle(tmp_path / "ours.zip", speech_bundle.model, speech_bundle.card)
    fresh = measure_size(ModelFile(data=speech_bundle.model))
    assert measure_size(load_bundle(shipped).file) == fresh
    theirs = tmp_path / "theirs.zip"
    with zipfile.ZipFile(theirs, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("card.json", speech_bundle.card.to_json())
        archive.writestr("model.tflite", speech_bundle.model)
        stream = archive.getinfo("model.tflite").compress_size
    assert load_bundle(theirs) == dataclasses.replace(
        speech_bundle, bundle_bytes=theirs.stat().st_size
    )
    assert measure_size(load_bundle(theirs).file).zip_bytes == stream + 122 > fresh.zip_bytes


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_zip_is_an_error(tmp_path, speech_bundle, share):
    data = bundle_bytes(speech_bundle.model, speech_bundle.card)
    path = tmp_path / "model.zip"
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(ModelFileError, match=r"damaged|not a TensorFlow Lite"):
        load_bundle(path)


def test_missing_and_unsuitable_files_are_errors(tmp_path, speech_bundle):
    with pytest.raises(ModelFileError, match="cannot read"):
        load_bundle(tmp_path / "absent.zip")
    with pytest.raises(ModelFileError, match="is a folder; give a bundle"):
        load_bundle(tmp_path)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", b"no model")
    with pytest.raises(ModelFileError, match="not a TensorFlow Lite model"):
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
    """A write that really fails: the kernel refuses bytes beyond the 700th in a child process."""
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


def test_a_folder_that_cannot_be_created_is_an_output_error(tmp_path, series_bundle):
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
