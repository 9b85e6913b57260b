"""Read WAV files of every form on several Pythons, and compare the samples.

    python tools/sound_on_pythons.py .venv312/bin/python .venv313/bin/python

Each Python needs numpy; motefit is taken from this clone. Exit code 1 if one reads a file
differently from this Python, or refuses it with other words.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "support")]

import wav_files  # noqa: E402 - after its folder is known

READ = """
import hashlib, json, pathlib, sys
from motefit.signal.wav import read_wav
from motefit.spec.errors import DataError
found = {}
for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
    try:
        pcm, rate_hz = read_wav(path, channel="mean")
        found[path.name] = [hashlib.sha256(pcm.astype("<i2").tobytes()).hexdigest(), rate_hz]
    except DataError as error:
        found[path.name] = str(error)
print(json.dumps({"python": sys.version.split()[0], "found": found}))
"""
KINDS = (("integer", 1), ("integer", 2), ("integer", 3), ("integer", 4), ("float", 4),
         ("float", 8))  # fmt: skip


def write_files(folder: Path) -> int:
    """Write a file of each encoding, container, length and chunk order; return how many."""
    rng = np.random.default_rng(0)
    count = 0
    for kind, size in KINDS:
        for channels in (1, 2):
            data = wav_files.encode(rng.uniform(-0.9, 0.9, (500, channels)), kind, size)
            for extensible in (False, True):
                form = wav_files.format_chunk(
                    rate_hz=16_000, channels=channels, kind=kind, size=size, extensible=extensible
                )
                odd = [(b"LIST", b"odd")]
                for content in (
                    wav_files.wav(data, form),
                    wav_files.wav(data, form, container="RF64"),
                    wav_files.wav(data, form, container="W64"),
                    wav_files.wav(data, form, length=0xFFFFFFFF),
                    wav_files.wav(data, form, before=odd, after=odd, pad=False),
                    wav_files.wav(data, form)[:-99],
                ):
                    (folder / f"{count:03d}.wav").write_bytes(content)
                    count += 1
    for code in (6, 7):
        form = wav_files.format_chunk(rate_hz=8000, kind="A-law" if code == 6 else "mu-law", size=1)
        (folder / f"{count:03d}.wav").write_bytes(wav_files.wav(rng.bytes(500), form))
        count += 1
    return count


def read_on(python: str, folder: Path) -> dict[str, object]:
    """Return what a Python reads from the files."""
    done = subprocess.run(
        [python, "-c", READ, str(folder)],
        env={"PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{python}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def main() -> None:
    """Compare the Pythons named on the command line with this one."""
    with tempfile.TemporaryDirectory() as place:
        count = write_files(Path(place))
        own = read_on(sys.executable, Path(place))
        digest = hashlib.sha256(json.dumps(own["found"]).encode()).hexdigest()[:16]
        refused = sum(isinstance(found, str) for found in own["found"].values())
        print(f"Python {own['python']}: {count} files, {refused} of them refused, {digest}")
        differ = False
        for python in sys.argv[1:]:
            other = read_on(python, Path(place))
            same = other["found"] == own["found"]
            differ |= not same
            print(f"Python {other['python']}: {'the same' if same else 'DIFFERENT'}")
    sys.exit(1 if differ else 0)


if __name__ == "__main__":
    main()
