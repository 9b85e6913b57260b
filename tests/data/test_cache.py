"""The cache: whole or absent, checked at each opening, safe between processes."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import example, given
from hypothesis import strategies as st

from motefit.data.cache import alone, open_checked, read_entry, write_checked
from motefit.data.speech import load_speech
from motefit.spec.errors import OutputError
from motefit.spec.files import DamagedFileError, cache_folder
from motefit.spec.tasks.speech_spec import SpeechData

BLOCKS = [np.arange(100, dtype=np.int16), np.array([-32768, 32767], np.int16)]

LOAD = """
import sys
from pathlib import Path
from motefit.data.speech import load_speech
from motefit.spec.tasks.speech_spec import SpeechData
sys.stdin.readline()
words, cache = map(Path, sys.argv[1:])
data = load_speech(words, SpeechData(), rate_hz=8000, seconds=0.5, cache=cache)
print(data.key, int(data.train.pcm.astype(int).sum()))
"""


@pytest.fixture
def words(tmp_path):
    rng = np.random.default_rng(0)
    for word in ("up", "down"):
        (tmp_path / "words" / word).mkdir(parents=True)
        for i in range(30):
            pcm = rng.integers(-9000, 9000, 4000, dtype=np.int16)
            soundfile.write(tmp_path / "words" / word / f"{i}.wav", pcm, 8000)
    return tmp_path / "words"


def load(words, cache):
    return load_speech(words, SpeechData(), rate_hz=8000, seconds=0.5, cache=cache)


def entries(cache):
    return list((cache / "speech").iterdir())


def test_entry_round_trip(tmp_path):
    path = tmp_path / "new" / "a.checked"
    write_checked(path, iter(BLOCKS), lambda: {"a": [1, "x"]})
    payload, trailer = read_entry(path)
    assert trailer == {"a": [1, "x"]}
    np.testing.assert_array_equal(payload, np.concatenate(BLOCKS))
    with pytest.raises(ValueError, match="read-only"):
        payload[0] = 1
    assert [p.name for p in path.parent.iterdir()] == ["a.checked"]


def test_absent_entry(tmp_path):
    assert read_entry(tmp_path / "absent") is None
    assert read_entry(tmp_path) is None


@given(
    rows=st.lists(st.integers(0, 5), min_size=1, max_size=4),
    columns=st.lists(st.integers(0, 4), max_size=2),
    dtype=st.sampled_from(["int16", "float32", "uint8", "float64"]),
)
def test_any_array_comes_back_in_blocks(tmp_path_factory, rows, columns, dtype):
    rng = np.random.default_rng(0)
    blocks = [rng.integers(0, 99, (n, *columns)).astype(dtype) for n in rows]
    path = tmp_path_factory.mktemp("cache") / "a.checked"
    write_checked(path, blocks, lambda: {"n": rows})
    array, facts = open_checked(path)
    assert array.dtype == dtype
    assert facts == {"n": rows}
    np.testing.assert_array_equal(array, np.concatenate(blocks))


def test_blocks_that_do_not_fit_together_are_a_fault(tmp_path):
    path = tmp_path / "a.checked"
    for blocks in ([], [np.zeros(1), np.zeros(1, int)], [np.zeros((1, 2)), np.zeros((1, 3))]):
        with pytest.raises(ValueError, match="block"):
            write_checked(path, blocks)
    assert list(tmp_path.iterdir()) == []


def test_every_single_bit_is_under_a_checksum(tmp_path):
    path = tmp_path / "a.checked"
    write_checked(path, iter(BLOCKS), lambda: {"a": 1})
    content = path.read_bytes()
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            path.unlink()
            path.write_bytes(changed)
            with pytest.raises(DamagedFileError):
                open_checked(path)


def test_a_damaged_entry_is_said_once_and_an_absent_one_is_not(tmp_path, caplog):
    path = tmp_path / "a.checked"
    assert read_entry(path) is None
    assert caplog.records == []
    path.write_bytes(b"")
    assert read_entry(path) is None
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == f"a damaged cache file is rebuilt: {path}"


@given(at=st.floats(0, 0.999), bit=st.integers(0, 7), cut=st.booleans())
@example(at=0.2, bit=0, cut=False)  # between header and payload
def test_any_damaged_byte_and_any_cut_is_noticed(tmp_path_factory, at, bit, cut):
    path = tmp_path_factory.mktemp("cache") / "a.checked"
    write_checked(path, iter(BLOCKS), lambda: {"a": 1})
    content = bytearray(path.read_bytes())
    place = int(at * len(content))
    if cut:
        content = content[:place]
    else:
        content[place] ^= 1 << bit
    path.write_bytes(content)
    assert read_entry(path) is None


@pytest.mark.parametrize("kind", ["flipped", "truncated", "empty", "text"])
def test_damaged_cache_is_rebuilt(words, tmp_path, kind):
    cache = tmp_path / "cache"
    expected = load(words, cache)
    sums = {subset: clips.pcm.astype(int).sum() for subset, clips in expected.subsets.items()}
    [path] = entries(cache)
    content = bytearray(path.read_bytes())
    content[5000] ^= 4
    path.unlink()
    path.write_bytes(
        {"flipped": content, "truncated": content[:-9], "empty": b"", "text": b"hello"}[kind]
    )
    again = load(words, cache)
    assert again.key == expected.key
    assert {subset: clips.pcm.astype(int).sum() for subset, clips in again.subsets.items()} == sums
    assert entries(cache) == [path]
    assert read_entry(path) is not None


def test_processes_that_start_together_get_the_same_data(words, tmp_path):
    cache = tmp_path / "cache"
    command = [sys.executable, "-c", LOAD, str(words), str(cache)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    running = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        for _ in range(3)
    ]
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate(timeout=1200)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    mine = load(words, cache)
    assert set(results) == {f"{mine.key} {int(mine.train.pcm.astype(int).sum())}\n"}
    assert len(entries(cache)) == 1


def test_failure_while_writing_leaves_nothing(tmp_path):
    def blocks():
        yield BLOCKS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_checked(tmp_path / "a.checked", blocks())
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write the cache.*MOTEFIT_CACHE"):
        write_checked(tmp_path / "file" / "a.checked", iter(BLOCKS))


def test_full_disk_is_an_output_error_and_leaves_nothing(tmp_path):
    script = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from motefit.data.cache import write_checked
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_checked(Path(sys.argv[1]), (np.zeros(9999, np.int16) for _ in range(99)))
except OSError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.checked")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert done.stdout.startswith("OutputError")
    assert "File too large" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_cache_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("MOTEFIT_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    assert cache_folder(Path("chosen")) == Path("chosen")
    monkeypatch.setenv("MOTEFIT_CACHE", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "motefit"


def test_one_process_at_a_time_makes_a_thing(tmp_path):
    script = """
import sys, time
from pathlib import Path
from motefit.data.cache import alone
made = Path(sys.argv[1])
sys.stdin.readline()
with alone(made):
    there = made.exists()
    time.sleep(0.05)
    made.touch()
print(there)
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path / "thing")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        for _ in range(3)
    ]
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=120)[0].strip() for process in running]
    assert sorted(answers) == ["False", "True", "True"]


def test_a_lock_that_cannot_be_made_names_the_cache(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="MOTEFIT_CACHE"), alone(tmp_path / "file" / "a"):
        pass
