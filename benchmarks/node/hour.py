"""A node through an hour of sound: commands among noise, other words and free speech.

Usage: MOTEFIT_DATA=FOLDER python benchmarks/node/hour.py [MODEL ...] [--minutes 60] [--seed 0]

MODEL is a bundle or the name of a shipped one; default: up-down. The sound is a microphone that is
a WAV file: background noise throughout; a command every two minutes, from the published test list,
"up" and "down" in turn; and in the time between, with a gap of at least 3 s around each command,
sentences, digits and other words, one after another with 0.5 to 4 s between them. Counted are
commands that switch logging within 1.5 s of the end of their clip, and switches that no command
asked for. Writes hour.json and hour.md beside this file; models that are not named keep their rows.
"""

import argparse
import json
import os
import sys
import tempfile
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import motefit
from motefit.certify.provenance import machine
from motefit.data.decode import read_clip
from motefit.runtime.zoo import find_model
from motefit.spec.codec import dumps_json
from motefit.spec.files import write_atomic

HERE = Path(__file__).parent
RATE_HZ = 16_000
EVERY_S, QUIET_S, LATE_S = 120, 3.0, 1.5
NOISE_RMS, SPEECH_PEAK = 60.0, (2000.0, 12_000.0)


def script(data: Path, minutes: int, seed: int) -> tuple[np.ndarray, list[tuple[float, str]]]:
    """Return the sound, int16, and each command with the second at which its clip ends."""
    rng = np.random.default_rng(seed)
    sound = background(data, minutes * 60, rng)
    tests = (data / "speech/splits/kws_test_split.txt").read_text().split()
    commands, other = [], others(data, rng)
    free_s = 0.0
    for number, at_s in enumerate(range(EVERY_S, minutes * 60 - 10, EVERY_S)):
        while free_s < at_s - QUIET_S:
            clip = read_clip(next(other), rate_hz=RATE_HZ)
            if free_s + len(clip) / RATE_HZ > at_s - QUIET_S:
                break
            lay(sound, clip, free_s, rng)
            free_s += len(clip) / RATE_HZ + rng.uniform(0.5, 4)
        word = ("up", "down")[number % 2]
        named = [Path(line).stem for line in tests if Path(line).parent.name == word]
        name = named[rng.integers(len(named))]
        clip = read_clip(data / f"speech/mini_speech_commands/{word}/{name}.flac", rate_hz=RATE_HZ)
        lay(sound, clip, at_s, rng)
        commands.append((at_s + len(clip) / RATE_HZ, word))
        free_s = at_s + len(clip) / RATE_HZ + QUIET_S
    return sound.clip(-32768, 32767).astype(np.int16), commands


def background(data: Path, seconds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the noise recordings, in turn, at a low level."""
    parts: list[np.ndarray] = []
    files = sorted((data / "speech/background_noise").glob("*.flac"))
    while sum(map(len, parts)) < seconds * RATE_HZ:
        noise = read_clip(files[rng.integers(len(files))], rate_hz=RATE_HZ).astype(np.float32)
        parts.append(noise * (NOISE_RMS / max(float(np.sqrt(np.mean(noise**2))), 1.0)))
    return np.concatenate(parts)[: seconds * RATE_HZ]


def others(data: Path, rng: np.random.Generator) -> Iterator[Path]:
    """Yield sentences, digits and other words without end, equally often."""
    kinds = [
        sorted((data / "negatives/sentences").glob("*.flac")),
        sorted((data / "negatives/digits_8khz").rglob("*.flac")),
        sorted((data / "speech/other_words").rglob("*.flac")),
    ]
    while True:
        kind = kinds[rng.integers(len(kinds))]
        yield kind[rng.integers(len(kind))]


def lay(sound: np.ndarray, clip: np.ndarray, at_s: float, rng: np.random.Generator) -> None:
    """Add a clip at a loudness drawn at random."""
    peak = np.exp(rng.uniform(*np.log(SPEECH_PEAK)))
    first = round(at_s * RATE_HZ)
    room = sound[first : first + len(clip)]
    room += clip[: len(room)].astype(np.float32) * (peak / max(int(np.abs(clip).max()), 1))


def write_wav(path: Path, sound: np.ndarray) -> None:
    """Write 16-bit mono."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(sound.astype("<i2").tobytes())


def run(model: str, microphone: Path, commands: list[tuple[float, str]]) -> dict[str, object]:
    """Run a node through the sound; count what its commands did."""
    told: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        result = motefit.monitor(
            tell=told.append,
            sensors=["room"],
            sink=f"sqlite:{folder}/readings.db",
            outbox=f"{folder}/outbox.db",
            node="node",
            every_s=2.0,
            model=model,
            on="up",
            off="down",
            microphone=str(microphone),
        )
        cpu_s = time.process_time() - start
    lines = [line.split() for line in told if line.startswith("logging ")]
    switches = [(float(line[line.index("at") + 1]), line[1].rstrip(":")) for line in lines]
    obeyed, asked, state = 0, 0, "off"
    used: set[float] = set()
    for end_s, word in commands:
        wanted = "on" if word == "up" else "off"
        before = [to for at_s, to in switches if at_s < end_s - 1.0]
        state = before[-1] if before else "off"
        if state == wanted:
            continue  # a false switch had been there first: nothing to obey
        asked += 1
        hits = [at_s for at_s, to in switches if to == wanted and abs(at_s - end_s) <= LATE_S]
        obeyed += bool(hits)
        used.update(hits[:1])
    return {
        "commands": len(commands),
        "asked": asked,
        "obeyed": obeyed,
        "other_switches": len(switches) - len(used),
        "hours": result.seconds / 3600,
        "readings": result.counts.readings,
        "sent": result.sent,
        "cpu_share": cpu_s / result.seconds,
    }


def page(found: dict[str, dict[str, object]]) -> str:
    """Write the table."""
    titles = (
        *("model", "hours", "commands", "asked for a switch", "obeyed within 1.5 s"),
        *("other switches", "readings", "sent", "CPU per second of sound", "machine"),
    )
    lines = [
        "# A node through an hour of sound\n",
        "Written by `benchmarks/node/hour.py`, which says how it is made. Most of the sentences,",
        "digits and other words were in the training of `up-down-live`, as sounds to reject.\n",
        f"| {' | '.join(titles)} |",
        f"|{'---|' * len(titles)}",
    ]
    for model, row in sorted(found.items()):
        counts = [str(row[name]) for name in ("commands", "asked", "obeyed", "other_switches")]
        stored = [str(row[name]) for name in ("readings", "sent")]
        share = f"{100 * float(str(row['cpu_share'])):.1f} %"
        hours = f"{float(str(row['hours'])):.2f}"
        cells = (model, hours, *counts, *stored, share, str(row["machine"]))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the sound, run the models, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["up-down"])
    parser.add_argument("--minutes", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if not os.environ.get("MOTEFIT_DATA"):
        sys.exit("MOTEFIT_DATA must name the folder of speech/ and negatives/")
    sound, commands = script(Path(os.environ["MOTEFIT_DATA"]), options.minutes, options.seed)
    stored = HERE / "hour.json"
    found = json.loads(stored.read_text()) if stored.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        microphone = Path(folder) / "microphone.wav"
        write_wav(microphone, sound)
        for model in options.models:
            row = run(model, microphone, commands)
            found[find_model(model).stem] = {**row, "machine": machine(), "seed": options.seed}
            sys.stdout.write(f"{model}: {row}\n")
    write_atomic(stored, dumps_json(found))
    write_atomic(HERE / "hour.md", page(found))


if __name__ == "__main__":
    main()
