"""Public wake-word models beside one of motefit, on the same recordings.

    pip install pyopen-wakeword==1.1.0 pymicro-wakeword==2.5.0
    python benchmarks/keywords/rivals.py MODEL.zip --word alexa --clips FOLDER --stream FOLDER
    python benchmarks/keywords/rivals.py MODEL.zip ... --choose    # compare settings; no page

``--clips`` has a folder of recordings of each word, ``--stream`` one of hours without them
(``validation`` and ``test`` below it, see tools/negatives.sh). With ``--choose``, models of motefit
are measured on every third clip and the validation hours, and rows are printed; the page is of the
other clips and the test hours. All models hear the same sound: the clips 1.5 s
apart over quiet noise, and the recordings one after the other. A word is found by a report between
its clip's start and 0.75 s after its end; a report within 2 s of the last is not counted again.
Each is judged at its own threshold, and at the least one with at most 0.5 false accepts per hour.
The rivals know one word; the model's other words are measured in a row each. Rows that the page
already has, of the same bytes on the same clips and hours, are kept. Writes rivals.json and
rivals.md beside this file.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pymicro_wakeword
import pyopen_wakeword

import motefit
from motefit.certify.provenance import machine
from motefit.data.decode import read_clip
from motefit.data.stream_folder import find_stream
from motefit.runtime import KeywordSpotter, load_bundle
from motefit.runtime.streaming.candidates import CandidateStream
from motefit.runtime.streaming.detector import Detection
from motefit.spec.binomial import interval
from motefit.spec.codec import decode, dumps_json
from motefit.spec.errors import DataError
from motefit.spec.files import write_atomic
from motefit.spec.poisson import rate_interval

HERE = Path(__file__).parent
RATE = 16_000
PAUSE_S, LATE_S, APART_S = 1.5, 0.75, 2.0
BLOCK_S = 300.0
BED = 10
"""Standard deviation of the noise between clips: 70 dB below full scale."""
WANTED_PER_HOUR = 0.5
PUBLIC = "alexa"
"""The word that the public models know."""
GRID = np.concatenate([np.linspace(0.02, 0.98, 49), 1 - np.geomspace(0.015, 0.0005, 12)])


@dataclass(frozen=True, kw_only=True)
class Block:
    """Sound of some minutes: samples (n,) int16, and the start and end of each clip in it, in s."""

    pcm: np.ndarray
    clips: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Point:
    """What a threshold does: missed clips and false accepts, with 95 % limits of their rates."""

    threshold: float
    missed: int
    missed_limits: tuple[float, float]
    false_accepts: int
    per_hour: float
    per_hour_limits: tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One model on one word."""

    model: str
    word: str
    size_bytes: int
    macs_per_second: float
    ms_per_second: float
    clips: int
    hours: float
    own: Point
    quiet: Point | None
    curve: tuple[Point, ...]


Reports = Callable[[float], list[list[float]]]
"""Returns, for a threshold, the times of the reports in each block."""


def blocks_of_clips(folder: Path, *, choose: bool) -> list[Block]:
    """Lay the clips of a folder into noise: every third to choose by, or the others."""
    blocks: list[Block] = []
    rng = np.random.default_rng(0)
    pieces: list[np.ndarray] = []
    pause = np.zeros(0, np.int16)
    clips: list[tuple[float, float]] = []
    at = 0
    found = enumerate(sorted(folder.iterdir()))
    for path in (path for number, path in found if (number % 3 == 0) == choose):
        pause = rng.normal(0, BED, round(PAUSE_S * RATE)).round().astype(np.int16)
        pcm = read_clip(path, rate_hz=RATE)
        start = at + len(pause)
        at = start + len(pcm)
        pieces += [pause, pcm]
        clips.append((start / RATE, at / RATE))
        if at > BLOCK_S * RATE:
            blocks.append(Block(pcm=np.concatenate([*pieces, pause]), clips=clips))
            pieces, clips, at = [], [], 0
    if pieces:
        blocks.append(Block(pcm=np.concatenate([*pieces, pause]), clips=clips))
    return blocks


def blocks_of_recordings(folder: Path, subset: str) -> list[Block]:
    """Join the recordings of a subset, half a second apart."""
    blocks: list[Block] = []
    pieces: list[np.ndarray] = []
    for recording in find_stream(folder).subsets[subset]:
        with suppress(DataError):  # a few are empty
            pieces += [recording.pcm(RATE), np.zeros(RATE // 2, np.int16)]
        if sum(map(len, pieces)) > BLOCK_S * RATE:
            blocks.append(Block(pcm=np.concatenate(pieces)))
            pieces = []
    if pieces:
        blocks.append(Block(pcm=np.concatenate(pieces)))
    return blocks


def crossings(scores: Sequence[tuple[float, float]], threshold: float) -> list[float]:
    """Return the times at which a score is above the threshold, :data:`APART_S` apart."""
    found: list[float] = []
    for at, score in scores:
        if score > threshold and (not found or at - found[-1] >= APART_S):
            found.append(at)
    return found


def by_scores(listen: Callable[[np.ndarray], list[tuple[float, float]]]) -> Callable[..., Reports]:
    """Make a model of a function that scores a block hop by hop."""

    def detect(blocks: Sequence[Block]) -> Reports:
        heard = [listen(block.pcm) for block in blocks]
        return lambda threshold: [crossings(scores, threshold) for scores in heard]

    return detect


def open_wake_word(word: str) -> Callable[..., Reports]:
    """OpenWakeWord as its package runs it, 80 ms at a time."""

    def listen(pcm: np.ndarray) -> list[tuple[float, float]]:
        features = pyopen_wakeword.OpenWakeWordFeatures.from_builtin()
        model = pyopen_wakeword.OpenWakeWord.from_builtin(pyopen_wakeword.Model(word))
        scores = []
        for end in range(1280, len(pcm) + 1, 1280):
            for found in features.process_streaming(pcm[end - 1280 : end].tobytes()):
                scores += [(end / RATE, p) for p in model.process_streaming(found)]
        return scores

    return by_scores(listen)


def micro_wake_word(word: str) -> Callable[..., Reports]:
    """MicroWakeWord as its package runs it, 10 ms at a time."""

    def listen(pcm: np.ndarray) -> list[tuple[float, float]]:
        features = pymicro_wakeword.MicroWakeWordFeatures()
        model = pymicro_wakeword.MicroWakeWord.from_builtin(pymicro_wakeword.Model(word))
        scores = []
        for end in range(160, len(pcm) + 1, 160):
            for found in features.process_streaming(pcm[end - 160 : end].tobytes()):
                scores += [(end / RATE, model.process_streaming_prob(found) or 0.0)]
        return scores

    return by_scores(listen)


def motefit_model(spotter: KeywordSpotter, word: str) -> Callable[..., Reports]:
    """A model of motefit with the decision of its card, whatever its threshold."""

    def detect(blocks: Sequence[Block]) -> Reports:
        streams = [CandidateStream(spotter) for _ in blocks]
        heard = [
            [*stream.push(block.pcm), *stream.finish()]
            for stream, block in zip(streams, blocks, strict=True)
        ]

        def reports(threshold: float) -> list[list[float]]:
            found = []
            for stream, candidates in zip(streams, heard, strict=True):
                decision = replace(stream.decision, threshold=threshold)
                decided: list[Detection] = list(stream.postprocessor(decision).detect(candidates))
                found.append([one.reported_s for one in decided if one.word == word])
            return found

        return reports

    return detect


def misses(blocks: Sequence[Block], reports: Sequence[Sequence[float]]) -> int:
    """Count clips without a report."""
    return sum(
        not any(start <= at <= end + LATE_S for at in times)
        for block, times in zip(blocks, reports, strict=True)
        for start, end in block.clips
    )


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A model to be measured on a word, and what one second of sound costs it at most."""

    model: str
    word: str
    detect: Callable[..., Reports]
    threshold: float
    size_bytes: int
    macs_per_second: float


def measure(subject: Subject, spoken: Sequence[Block], other: Sequence[Block]) -> Row:
    """Count misses and false accepts at every threshold, and time the processor."""
    start = time.process_time()
    at_words, at_others = subject.detect(spoken), subject.detect(other)
    cost_s = time.process_time() - start
    hours = sum(len(block.pcm) for block in other) / RATE / 3600
    clips = sum(len(block.clips) for block in spoken)

    def at(threshold: float) -> Point:
        missed = misses(spoken, at_words(threshold))
        false = sum(map(len, at_others(threshold)))
        return Point(
            threshold=threshold,
            missed=missed,
            missed_limits=interval(missed, clips),
            false_accepts=false,
            per_hour=false / hours,
            per_hour_limits=rate_interval(false, hours),
        )

    curve = tuple(at(float(threshold)) for threshold in GRID)
    return Row(
        model=subject.model,
        word=subject.word,
        size_bytes=subject.size_bytes,
        macs_per_second=subject.macs_per_second,
        ms_per_second=1000 * cost_s / (sum(len(b.pcm) for b in [*spoken, *other]) / RATE),
        clips=clips,
        hours=hours,
        own=at(subject.threshold),
        quiet=next((point for point in curve if point.per_hour <= WANTED_PER_HOUR), None),
        curve=curve,
    )


def subjects(models: Sequence[Path], words: Sequence[str]) -> list[Subject]:
    """List the models: each bundle on each word, and the public ones on theirs."""
    found = []
    for bundle in models:
        spotter = KeywordSpotter.load(bundle)
        facts = load_bundle(bundle).card.facts
        found += [
            Subject(
                model=bundle.stem,
                word=word,
                detect=motefit_model(spotter, word),
                threshold=CandidateStream(spotter).decision.threshold,
                size_bytes=round(facts["size.tflite_bytes"]),
                macs_per_second=10 * facts["macs"],
            )
            for word in words
        ]
    return found


def public_subjects() -> list[Subject]:
    """List the public models of the word that they know."""
    folder = Path(pyopen_wakeword.__file__).parent / "models"
    files = [folder / f"{name}.tflite" for name in ("melspectrogram", "embedding_model", PUBLIC)]
    micro = Path(pymicro_wakeword.__file__).parent / "models" / f"{PUBLIC}.tflite"
    settings = json.loads(micro.with_suffix(".json").read_text("utf-8"))["micro"]
    stride = pymicro_wakeword.MicroWakeWord.from_builtin(pymicro_wakeword.Model(PUBLIC)).stride
    return [
        Subject(
            model="openWakeWord",
            word=PUBLIC,
            detect=open_wake_word(PUBLIC),
            threshold=0.5,
            size_bytes=sum(file.stat().st_size for file in files),
            macs_per_second=12.5 * sum(map(macs, files)),
        ),
        Subject(
            model="microWakeWord",
            word=PUBLIC,
            detect=micro_wake_word(PUBLIC),
            threshold=settings["probability_cutoff"],
            size_bytes=micro.stat().st_size,
            macs_per_second=100 / stride * macs(micro),
        ),
    ]


def macs(path: Path) -> int:
    """Count the multiply-accumulates of one run of a file."""
    return motefit.inspect(path).file.macs


def cells(point: Point | None, clips: int) -> str:
    """The two cells of the table about one threshold."""
    if point is None:
        return "- | -"
    low, high = point.missed_limits
    least, most = point.per_hour_limits
    return (
        f"{100 * point.missed / clips:.1f} % ({100 * low:.1f}..{100 * high:.1f}) "
        f"| {point.per_hour:.2f} ({least:.2f}..{most:.2f})"
    )


def page(rows: Sequence[Row]) -> str:
    """The table in Markdown."""
    columns = (
        "| model | word | clips | bytes | MACs per s | ms per s | missed | false accepts per hour"
    )
    lines = [
        "# Wake words beside public models",
        "",
        "<!-- Written by benchmarks/keywords/rivals.py; do not edit. -->",
        "",
        f"{rows[0].hours:.2f} h of recordings without the words; 95 % limits in brackets. At",
        f"its own threshold, and at the least of a grid with at most {WANTED_PER_HOUR} per hour",
        '("quiet"). Processor time of one thread, with Python. MACs of a motefit model: a window',
        "every 100 ms, the most there can be.",
        "",
        f"{columns} | missed, quiet | false accepts per hour, quiet |",
        "|---|---|---:|---:|---:|---:|---|---|---|---|",
        *(
            f"| {row.model} | {row.word} | {row.clips} | {row.size_bytes:,} "
            f"| {row.macs_per_second:,.0f} | {row.ms_per_second:.1f} "
            f"| {cells(row.own, row.clips)} | {cells(row.quiet, row.clips)} |"
            for row in rows
        ),
    ]
    return "\n".join([*lines, "", f"Machine: {machine()}", ""])


def stored(path: Path) -> list[Row]:
    """Read the rows of earlier runs."""
    if not path.exists():
        return []
    return [decode(Row, row, where=str(path)) for row in json.loads(path.read_text("utf-8"))]


def main() -> None:
    """Measure all models; write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", type=Path, nargs="*", help="bundles; none: the public models")
    parser.add_argument("--word", action="append", required=True)
    parser.add_argument("--clips", type=Path, required=True)
    parser.add_argument("--stream", type=Path, required=True)
    parser.add_argument("--choose", action="store_true", help="compare settings; no page")
    parser.add_argument("--out", type=Path, default=HERE)
    options = parser.parse_args()
    choose = options.choose
    other = blocks_of_recordings(options.stream, "validation" if choose else "test")
    spoken = {word: blocks_of_clips(options.clips / word, choose=choose) for word in options.word}
    found = subjects(options.models, options.word)
    if choose:
        rows = [measure(subject, spoken[subject.word], other) for subject in found]
        print(page(rows))
        return
    found += public_subjects() if PUBLIC in options.word else []
    cases = {(one.model, one.word): place for place, one in enumerate(found)}
    hours = sum(len(block.pcm) for block in other) / RATE / 3600
    rows = [
        row
        for row in stored(options.out / "rivals.json")
        if (row.model, row.word) in cases
        and row.size_bytes == found[cases[row.model, row.word]].size_bytes
        and row.clips == sum(len(block.clips) for block in spoken[row.word])
        and math.isclose(row.hours, hours)
    ]
    for subject in found:
        if any((row.model, row.word) == (subject.model, subject.word) for row in rows):
            continue
        rows.append(measure(subject, spoken[subject.word], other))
        rows.sort(key=lambda row: cases[row.model, row.word])
        write_atomic(options.out / "rivals.json", dumps_json(rows))
        write_atomic(options.out / "rivals.md", page(rows))
        print(f"{subject.model} on {subject.word!r}: done", flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
