"""Detection of words in a long recording: found, missed, or found twice.

Usage: MOTEFIT_DATA=FOLDER python benchmarks/streaming/words.py [MODEL ...] [--subset validation]

MODEL is a bundle, or the name of a shipped recipe, which is trained first; default: all word
models of the zoo. Each seed puts all clips of a subset of the model's own data into one recording,
in random order, 0 to 1 s apart, over background noise, and the streaming spotter processes it by
the decision in the model's card, which was chosen on validation clips. Reports in noise are
counted, too, and those in words that the model does not know, since it can only answer with its own
words. Writes words.json and words.md beside this file; models that are not named keep their rows.
Exit code 1: a model missed the promise.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
from recording import BED_DB, LONGEST_GAP_S, REACH_S, record, score

from motefit.certify.provenance import machine
from motefit.data.decode import fit_length, read_clip
from motefit.data.speech import SpeechDataset, load_speech
from motefit.data.splits import SUBSETS
from motefit.runtime import KeywordSpotter, load_bundle
from motefit.runtime.streaming.detector import Detection
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.spec.codec import decode, dumps_json, encode
from motefit.spec.files import write_atomic
from motefit.spec.tasks.speech_spec import NAME, SpeechData

HERE = Path(__file__).parent
ZOO = HERE.parents[1] / "zoo"
ONCE, TWICE = 0.95, 0.02
CHUNK_SECONDS = 0.1
HEAD = (
    "| model | clips x seeds | once | twice or more | wrong | missed | once, worst seed "
    "| stray | clip accuracy | reports in noise alone | unknown words reported |"
)


def bundle(name: str, data: Path, folder: Path) -> Path:
    """Return the bundle itself, or the one that ``motefit fit`` makes from the recipe."""
    if Path(name).is_file():
        return Path(name)
    code = "from motefit.cli import main; main()"
    command = [sys.executable, "-c", code, "fit", name, "--data", str(data)]
    done = subprocess.run([*command, "--out", str(folder / name)], check=False)
    if done.returncode > 1:
        sys.exit(f"{name}: exit {done.returncode}")
    return folder / name / f"{name}.zip"


def listen(spotter: KeywordSpotter, pcm: np.ndarray) -> list[Detection]:
    """Run the streaming spotter on chunks of a microphone's size; return its reports."""
    stream = StreamingSpotter(spotter)
    chunk = round(CHUNK_SECONDS * stream.rate_hz)
    found = []
    for first in range(0, len(pcm), chunk):
        found += stream.push(pcm[first : first + chunk])
    return found + stream.finish()


def unknown_words(spotter: KeywordSpotter, folder: Path) -> dict[str, int]:
    """Count the clips of other words that are reported as a keyword."""
    files = sorted(folder.rglob("*.flac")) + sorted(folder.rglob("*.wav"))
    rate_hz, samples = spotter.io.frontend.rate_hz, spotter.io.frontend.clip_samples
    clips = [fit_length(read_clip(path, rate_hz=rate_hz), samples) for path in files]
    return {"clips": len(clips), "reported": sum(bool(listen(spotter, clip)) for clip in clips)}


def measure(path: Path, folder: Path, *, subset: str, seeds: int) -> dict[str, object]:
    """Count over all recordings of one model."""
    loaded = load_bundle(path, task=NAME)
    spotter = KeywordSpotter(loaded.model, loaded.card.io)
    frontend = spotter.io.frontend
    data = decode(SpeechData, loaded.card.recipe["data"], where=f"{path}: card")
    dataset = load_speech(folder, data, rate_hz=frontend.rate_hz, seconds=frontend.seconds)
    counts, once, seconds = Counter[str](), [], 0.0
    for seed in range(seeds):
        recording = record(
            dataset.subsets[subset],
            dataset.labels,
            dataset.noise,
            rate_hz=dataset.rate_hz,
            rng=np.random.default_rng(seed),
        )
        found = score(recording, listen(spotter, recording.pcm))
        counts.update(found)
        once.append(found["once"] / found["clips"])
        seconds += recording.seconds
    clips = dataset.subsets[subset]
    right = spotter.classify_batch(np.array(clips.pcm)).argmax(axis=1) == clips.label
    return {
        "part": subset,
        "seeds": seeds,
        "model_sha256": loaded.card.model_sha256,
        "seconds": round(seconds, 1),
        "counts": dict(counts),
        "once_worst_seed": min(once),
        "clip_accuracy": float(right.mean()),
        "noise_alone": noise_alone(spotter, dataset),
        "unknown_words": unknown_words(spotter, folder / "other_words"),
        "machine": machine(),
        "decision": encode(StreamingSpotter(spotter).candidates.decision),
    }


def noise_alone(spotter: KeywordSpotter, dataset: SpeechDataset) -> dict[str, float]:
    """Count reports in the background noise recordings, end to end, at their own level."""
    seconds = len(dataset.noise) / dataset.rate_hz
    reports = len(listen(spotter, np.array(dataset.noise))) if seconds else 0
    return {"seconds": round(seconds, 1), "reports": reports}


def row(name: str, result: dict) -> str:
    """Write one line of the table."""
    counts, noise, other = result["counts"], result["noise_alone"], result["unknown_words"]
    n = counts["clips"]
    shares = [f"{100 * counts[key] / n:.2f} %" for key in ("once", "twice", "wrong", "missed")]
    cells = [
        f"`{name}`", f"{n // result['seeds']} x {result['seeds']}", *shares,
        f"{100 * result['once_worst_seed']:.2f} %", f"{100 * counts['stray'] / n:.2f} %",
        f"{100 * result['clip_accuracy']:.2f} %", f"{noise['reports']} in {noise['seconds']:.0f} s",
        f"{other['reported']} of {other['clips']}",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def verdict(results: dict[str, dict]) -> tuple[bool, str]:
    """Return whether each model meets the promise, and a sentence."""
    total, short = Counter[str](), []
    for name, result in sorted(results.items()):
        counts = result["counts"]
        total.update(counts)
        if counts["once"] < ONCE * counts["clips"] or counts["twice"] > TWICE * counts["clips"]:
            short.append(name)
    once, twice = (100 * total[key] / total["clips"] for key in ("once", "twice"))
    missed = f"missed by {', '.join(short)}" if short else "met by each model"
    return not short, (
        f"At least {100 * ONCE:g} % once and at most {100 * TWICE:g} % twice: **{missed}**. "
        f"Over all {total['clips']} words of all models: {once:.2f} % and {twice:.2f} %."
    )


def markdown(results: dict[str, dict], *, subset: str) -> str:
    return "\n".join([
        "# Words in a long recording",
        "",
        f"Made by `python benchmarks/streaming/words.py`: every clip of the {subset} set, in",
        f"random order, 0 to {LONGEST_GAP_S:g} s apart, over background noise {-BED_DB:g} dB",
        "below the clips; one recording a seed. A report belongs to the word whose loudest half",
        f"second has its middle within {REACH_S:g} s. *Wrong*: a report of another word there,",
        "in addition or instead; *stray*: reports that belong to no word, per clip, most of them",
        "noises inside the clips. Clip accuracy is that of the same file on the same clips, cut",
        "out and one by one.",
        "Each model decides as its card says; its threshold was chosen on validation clips over",
        "the same noise; that of `up-down-live` over hours of other speech. Most of the unknown",
        "words were in its training.",
        "",
        HEAD,
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        *(row(name, results[name]) for name in sorted(results)),
        "",
        verdict(results)[1],
        "",
    ])  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "models",
        nargs="*",
        default=[
            str(path) for path in sorted(ZOO.glob("*.zip")) if load_bundle(path).card.task == NAME
        ],
        help="bundles or shipped recipes",
    )
    parser.add_argument("--subset", choices=SUBSETS, default="test")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    folder = Path(os.environ["MOTEFIT_DATA"]) / "speech"
    stored = options.out / "words.json"
    results = json.loads(stored.read_text(encoding="utf-8")) if stored.is_file() else {}
    results = {name: kept for name, kept in results.items() if kept["part"] == options.subset}
    with tempfile.TemporaryDirectory() as runs:
        for name in options.models:
            path = bundle(name, folder, Path(runs))
            found = measure(path, folder, subset=options.subset, seeds=options.seeds)
            results[path.stem] = found
            print(row(path.stem, found), flush=True)
    write_atomic(stored, dumps_json(results).encode())
    write_atomic(options.out / "words.md", markdown(results, subset=options.subset).encode())
    print(verdict(results)[1])
    sys.exit(not verdict(results)[0])


if __name__ == "__main__":
    main()
