"""Atomic files: the old one or the new one, whatever happens in between."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.spec.errors import OutputError
from motefit.spec.files import read_json, replacing, write_atomic, write_json
from motefit.spec.scratch import NO_FOLDER, scratch_file

DISK_FULL = """
import resource, signal, sys
from pathlib import Path
from motefit.spec.errors import OutputError
from motefit.spec.files import write_atomic
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    write_atomic(Path(sys.argv[1]), bytes(20_000), what="the model")
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("data", [b"", b"\x00\xff", "text: \u00e4\n"])
def test_bytes_and_text_are_written_as_they_are(tmp_path, data):
    path = tmp_path / "new" / "folder" / "file"
    write_atomic(path, data)
    assert path.read_bytes() == (data.encode() if isinstance(data, str) else data)
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files in a child process")
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    done = subprocess.run(
        [sys.executable, "-c", DISK_FULL, str(path)],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.startswith(f"cannot write the model {path}: ")
    assert "free some space or choose another folder (previous contents are unch" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_block_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def interrupted():
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_readers_see_the_old_file_until_the_block_ends(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
        file.seek(0)
        file.write(b"N")
    assert path.read_bytes() == b"New"


def test_a_name_as_long_as_the_system_allows(tmp_path):
    path = tmp_path / ("n" * 255)
    write_atomic(path, b"x")
    assert path.read_bytes() == b"x"


def test_permissions_are_those_of_any_new_file(tmp_path):
    plain, ours = tmp_path / "plain", tmp_path / "ours"
    plain.write_bytes(b"")
    write_atomic(ours, b"")
    assert stat.S_IMODE(ours.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "folder", Path("/proc/none/file")):
        with pytest.raises(OutputError, match=f"cannot write {path}: .*; buy a disk") as caught:
            write_atomic(path, b"x", remedy="buy a disk")
        assert isinstance(caught.value, OSError)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]


def test_an_output_error_in_the_block_passes_as_it_is(tmp_path):
    with pytest.raises(OutputError, match=r"^mine$"), replacing(tmp_path / "file"):
        raise OutputError("mine")
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=20, deadline=None)  # each waits for the disk
@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5)))
def test_json_round_trip(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("json") / "file.json"
    write_json(path, table)
    assert read_json(path) == table


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\xfe", b"3"])
def test_read_json_of_anything_else_is_none(tmp_path, content):
    path = tmp_path / "file.json"
    if content is not None:
        path.write_bytes(content)
    assert read_json(path) is None
    assert read_json(tmp_path) is None


def test_only_regular_files_are_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="not a regular file but a device, a pipe or a socket"):
        write_atomic(pipe, "x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "away").mkdir()
    file, link = tmp_path / "away" / "file", tmp_path / "link"
    file.write_text("old")
    link.symlink_to(file)
    write_atomic(link, "new")
    assert link.is_symlink()
    assert file.read_text() == "new"
    assert list((tmp_path / "away").iterdir()) == [file]


def test_scratch_files_are_in_memory_where_no_folder_can_be_written(monkeypatch):
    def none():
        raise FileNotFoundError(2, f"{NO_FOLDER} found in ['/tmp']")

    monkeypatch.setattr("tempfile.gettempdir", none)
    with scratch_file() as file:
        os.write(file.fileno(), b"said")
        file.seek(0)
        assert file.read() == b"said"
