"""Damaged files that affect a model are never mistaken for intact ones, in any kind of cache.

Damage is drawn by a seed: flipped bits, truncation, swapped blocks, added bytes, runs of zeros.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from motefit.data.cache import read_entry
from motefit.data.speech import Clips, SpeechDataset, load_speech
from motefit.data.synth.folder import SEAL, synthetic_folder
from motefit.data.synth.sound import write_wav
from motefit.fitting.jobs import outcome_of, rung_facts, rung_facts_path
from motefit.runtime.bundle import sha256
from motefit.search.rounds import Proposal, Round, Rounds
from motefit.spec.errors import ModelFileError, OutputError
from motefit.spec.files import read_sealed, write_sealed
from motefit.spec.frontend import FrontEnd
from motefit.spec.tasks.speech_spec import SpeechData
from motefit.train.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from motefit.train.speech_source import SpeechSource

KINDS = ("bit", "cut", "swap", "append", "zeros")
BLOCK = 512
FRONT_END = FrontEnd(rate_hz=8000, seconds=0.5, mel_bins=8, coefficients=0)


def damaged(content: bytes, rng: np.random.Generator) -> bytes:
    """Damage the bytes in one place, so that they differ."""
    while True:
        changed = _changed(content, str(rng.choice(KINDS)), rng)
        if changed != content:
            return changed


def _changed(content: bytes, kind: str, rng: np.random.Generator) -> bytes:
    data, size = bytearray(content), len(content)
    at = int(rng.integers(size))
    if kind == "bit":
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == "cut":
        del data[at:]
    elif kind == "swap":
        length = int(rng.integers(1, min(BLOCK, size // 2) + 1))
        first, second = sorted(int(i) for i in rng.integers(0, size - length + 1, 2))
        one, other = data[first : first + length], data[second : second + length]
        if second - first >= length:
            data[first : first + length], data[second : second + length] = other, one
    elif kind == "append":
        data += rng.bytes(int(rng.integers(1, BLOCK)))
    else:
        end = min(size, at + int(rng.integers(1, BLOCK)))
        data[at:end] = bytes(end - at)
    return bytes(data)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A written file and the function that reads it.

    Attributes:
        path: path of the file.
        refused: reads the file as the program does, and says whether it was found to be damaged.
    """

    path: Path
    refused: Callable[[], bool]


def raises(error: type[Exception], read: Callable[[], object]) -> bool:
    try:
        read()
    except error:
        return True
    return False


def audio(folder: Path) -> Stored:
    rng = np.random.default_rng(0)
    for word in ("up", "down"):
        (folder / "words" / word).mkdir(parents=True)
        for i in range(20):
            path = folder / "words" / word / f"{i}.wav"
            write_wav(path, rng.normal(0, 0.1, 4000), 8000)
    load_speech(folder / "words", SpeechData(), rate_hz=8000, seconds=0.5, cache=folder / "cache")
    (path,) = (folder / "cache" / "speech").iterdir()
    return Stored(path=path, refused=lambda: read_entry(path) is None)


def features(folder: Path) -> Stored:
    rng = np.random.default_rng(0)
    none = Clips(
        pcm=np.zeros((0, 4000), np.int16), label=np.zeros(0, np.int64), ids=(), speakers=(),
        lengths=np.zeros(0, np.int64), digests=(),
    )  # fmt: skip
    clips = Clips(
        pcm=rng.integers(-9000, 9000, (9, 4000), dtype=np.int16), label=np.arange(9) % 2,
        ids=("",) * 9, speakers=("",) * 9, lengths=np.full(9, 4000), digests=("",) * 9,
    )  # fmt: skip
    dataset = SpeechDataset(
        labels=("a", "b"), rate_hz=8000, train=clips, validation=none, test=none,
        noise=np.zeros(0, np.int16), key="noise",
    )  # fmt: skip
    SpeechSource(dataset, FRONT_END, cache=folder)
    (path,) = (folder / "features").iterdir()
    return Stored(path=path, refused=lambda: read_entry(path) is None)


def checkpoint(folder: Path) -> Stored:
    """Write the checkpoint of a training, like that of a teacher."""
    path = folder / "training.checkpoint"
    arrays = {f"layer{n}": np.random.default_rng(n).normal(size=(7, n)) for n in range(1, 6)}
    facts = {"epoch": 3, "history": [{"loss": 0.25}] * 3}
    write_checkpoint(path, Checkpoint(identity="mine", facts=facts, arrays=arrays))

    def read() -> object:
        return read_checkpoint(path, identity="mine")

    return Stored(path=path, refused=lambda: raises(ModelFileError, read))


def rung(folder: Path) -> Stored:
    path = rung_facts_path(folder, "key", 3)
    write_sealed(path, {"facts": {"accuracy": 0.75, "size.tflite_bytes": 2048.0}})
    return Stored(path=path, refused=lambda: rung_facts(folder, "key", 3) is None)


def result(folder: Path) -> Stored:
    model = folder / "candidates" / "key" / "model.tflite"
    path = model.with_name("result.json")
    table = {"io": {}, "facts": {"accuracy": 1.0}, "history": [], "seconds": 1.5}
    write_sealed(path, {**table, "model_sha256": sha256(b"model")})
    model.write_bytes(b"model")
    return Stored(path=path, refused=lambda: outcome_of(folder, "key") is None)


def model(folder: Path) -> Stored:
    path = result(folder).path.with_name("model.tflite")
    return Stored(path=path, refused=lambda: outcome_of(folder, "key") is None)


def proposals(folder: Path) -> Stored:
    rounds = Rounds(folder)
    rounds.write(0, Round(entries=(Proposal(point={"model.width": 8, "seed": 0}),)))
    (path,) = (folder / "rounds").iterdir()
    return Stored(path=path, refused=lambda: raises(OutputError, lambda: rounds.read(0)))


STORES = {
    f.__name__: f
    for f in (audio, features, checkpoint, rung, result, model, proposals)
}  # fmt: skip


def damage_many(store: str, folder: Path, count: int, seed: int) -> None:
    stored = STORES[store](folder)
    assert not stored.refused()
    content, rng = stored.path.read_bytes(), np.random.default_rng(seed)
    accepted = []
    for index in range(count):
        changed = damaged(content, rng)
        stored.path.unlink(missing_ok=True)
        stored.path.write_bytes(changed)
        if not stored.refused():
            accepted.append(index)
    assert accepted == []
    stored.path.unlink(missing_ok=True)
    stored.path.write_bytes(content)
    assert not stored.refused()


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    """Suppress the notices, which other tests check."""
    caplog.set_level(logging.CRITICAL, logger="motefit")


@pytest.mark.parametrize("store", sorted(STORES))
def test_no_damaged_file_is_accepted(store, tmp_path):
    damage_many(store, tmp_path, 72, seed=1)


@pytest.mark.proof
@pytest.mark.parametrize("store", sorted(STORES))
def test_none_of_20_000_damaged_files_is_accepted(store, tmp_path):
    damage_many(store, tmp_path, 20_000 // len(STORES) + 1, seed=2)


FILES = {"synth.json": b'{"a": 1}\n', "up/1.wav": b"RIFF" + bytes(300), "down/2.wav": b"data" * 90}


def synthesize(folder: Path) -> None:
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def damage_folders(cache: Path, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    made: list[Path] = []

    def make(folder: Path) -> None:
        made.append(folder)
        synthesize(folder)

    folder = synthetic_folder("kind", cache.name, make=make)
    assert synthetic_folder("kind", cache.name, make=make) == folder
    assert made == [folder]
    files = [*(folder / name for name in FILES), folder.parent / SEAL]
    for index in range(count):
        path = files[index % len(files)]
        path.write_bytes(damaged(path.read_bytes(), rng))
        synthetic_folder("kind", cache.name, make=make)
        assert len(made) == index + 2
        assert {name: (folder / name).read_bytes() for name in FILES} == FILES


def test_a_damaged_synthetic_folder_is_synthesized_again(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTEFIT_CACHE", str(tmp_path))
    damage_folders(tmp_path, 40, seed=1)


@pytest.mark.proof
def test_none_of_2_000_damaged_synthetic_folders_is_accepted(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTEFIT_CACHE", str(tmp_path))
    damage_folders(tmp_path, 2000, seed=2)


def test_an_extra_or_missing_file_is_damage(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("MOTEFIT_CACHE", str(tmp_path))
    caplog.set_level(logging.WARNING, logger="motefit")
    folder = synthetic_folder("kind", make=synthesize)
    (folder / "up" / "1.wav").rename(folder / "up" / "9.wav")
    assert synthetic_folder("kind", make=synthesize) == folder
    assert sorted(p.name for p in folder.glob("*/*.wav")) == ["1.wav", "2.wav"]
    assert [r.getMessage() for r in caplog.records] == [
        f"a damaged cache file is rebuilt: {folder}"
    ]


def test_a_failed_synthesis_is_not_taken_for_complete(tmp_path, monkeypatch):
    monkeypatch.setenv("MOTEFIT_CACHE", str(tmp_path))

    def fail(folder: Path) -> None:
        synthesize(folder)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        synthetic_folder("kind", make=fail)
    made: list[Path] = []
    synthetic_folder("kind", make=lambda folder: (made.append(folder), synthesize(folder)))
    assert len(made) == 1


@pytest.mark.parametrize("content", [b"{}", b"[]", b"3", b'{"a": 1}', b"\xff", b""])
def test_a_sealed_file_without_its_seal_is_damaged(tmp_path, content):
    path = tmp_path / "file.json"
    path.write_bytes(content)
    assert raises(ValueError, lambda: read_sealed(path))


def test_a_sealed_file_comes_back_without_its_seal(tmp_path):
    path = tmp_path / "file.json"
    assert read_sealed(path) is None
    table = {"b": [1, 2.5, None, "é"], "a": {"z": 1e300, "y": True}}
    write_sealed(path, table)
    assert read_sealed(path) == table
    with pytest.raises(ValueError, match="checksum"):
        write_sealed(path, {"sha256": ""})
