"""The cache: whole or absent, checked at each opening, safe between processes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from motefit.data.cache import cache_folder, read_entry, write_entry
from motefit.data.speech import load_speech
from motefit.spec.errors import OutputError
from motefit.spec.tasks.keyword_spotting import SpeechData

BLOCKS = [np.arange(100, dtype=np.int16), np.array([-32768, 32767], np.int16)]

LOAD = """
import sys
from pathlib import Path
from motefit.data.speech import load_speech
from motefit.spec.tasks.keyword_spotting import SpeechData
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
    path = tmp_path / "new" / "a.pcm"
    write_entry(path, iter(BLOCKS), lambda: {"a": [1, "x"]})
    payload, trailer = read_entry(path)
    assert trailer == {"a": [1, "x"]}
    np.testing.assert_array_equal(payload, np.concatenate(BLOCKS))
    with pytest.raises(ValueError, match="read-only"):
        payload[0] = 1
    assert [p.name for p in path.parent.iterdir()] == ["a.pcm"]


def test_absent_entry(tmp_path):
    assert read_entry(tmp_path / "absent") is None
    assert read_entry(tmp_path) is None


@settings(max_examples=60)
@given(at=st.floats(0, 0.999), bit=st.integers(0, 7), cut=st.booleans())
def test_any_damaged_byte_and_any_cut_is_noticed(tmp_path_factory, at, bit, cut):
    path = tmp_path_factory.mktemp("cache") / "a.pcm"
    write_entry(path, iter(BLOCKS), lambda: {"a": 1})
    content = bytearray(path.read_bytes())
    place = int(at * len(content))
    if cut:
        content = content[:place]
    else:
        assume(not 32 <= place < 64)  # padding between header and payload: carries nothing
        content[place] ^= 1 << bit
    path.write_bytes(content)
    assert read_entry(path) is None


@pytest.mark.parametrize("kind", ["flipped", "truncated", "empty", "text"])
def test_damaged_cache_is_rebuilt(words, tmp_path, kind):
    cache = tmp_path / "cache"
    expected = load(words, cache)
    sums = {part: clips.pcm.astype(int).sum() for part, clips in expected.parts.items()}
    [path] = entries(cache)
    content = bytearray(path.read_bytes())
    content[5000] ^= 4
    path.unlink()
    path.write_bytes(
        {"flipped": content, "truncated": content[:-9], "empty": b"", "text": b"hello"}[kind]
    )
    again = load(words, cache)
    assert again.key == expected.key
    assert {part: clips.pcm.astype(int).sum() for part, clips in again.parts.items()} == sums
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
        write_entry(tmp_path / "a.pcm", blocks(), dict)
    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"cannot write the cache.*MOTEFIT_CACHE"):
        write_entry(tmp_path / "file" / "a.pcm", iter(BLOCKS), dict)


def test_full_disk_is_an_output_error_and_leaves_nothing(tmp_path):
    script = """
import resource, signal, sys
import numpy as np
from pathlib import Path
from motefit.data.cache import write_entry
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_entry(Path(sys.argv[1]), (np.zeros(9999, np.int16) for _ in range(99)), dict)
except OSError as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "a.pcm")],
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
