"""Own words: how far synthetic speech carries, and what ten recordings of each word add.

    MOTEFIT_DATA=... python benchmarks/keywords/own_words.py [--words up,down] [--recipe custom]
        [--recordings 0 10] [--judged validation test] [--seeds 0]
    python benchmarks/keywords/own_words.py --page     # write own_words.md again

The recordings are clips of the published training list, one of each of as many speakers; the model
is trained as a user would, with ``motefit.fit``, and judged on clips of the published validation
or test list, of which it knows none. Right: the word is the likeliest label and the model does not
reject the clip. Settings are compared on the validation list; the test list is opened once for
a page. A row of the same words, recordings, list, seed and recipe is replaced.
Writes own_words.json and own_words.md beside this file.
"""

import argparse
import dataclasses
import json
import os
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import motefit
from motefit.certify.provenance import machine
from motefit.data.speech import Clips, load_speech
from motefit.runtime import KeywordSpotter
from motefit.spec.binomial import interval
from motefit.spec.codec import dumps_json
from motefit.spec.files import write_atomic
from motefit.spec.tasks.speech_spec import SpeechData

HERE = Path(__file__).parent
RATE = 16_000
COLUMNS = (
    "words", "recipe", "recordings", "seed", "list", "clips", "zip bytes", "right", "rejected",
    "told apart",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class OwnWords:
    """One training and what it gives on real clips.

    Attributes:
        words: of the model.
        recordings: of each word beside the synthetic clips.
        judged: the published list whose clips are classified.
        recipe: its name.
        seed: which recordings are drawn.
        clips: their number.
        right: clips whose word is answered.
        rejected: clips that are answered by no word.
        told_apart: clips whose word is likelier than the other words, rejects set aside.
        size_bytes: of the zip.
    """

    words: tuple[str, ...]
    recordings: int
    judged: str
    recipe: str
    seed: int
    clips: int
    right: int
    rejected: int
    told_apart: int
    size_bytes: int

    @property
    def case(self) -> tuple[object, ...]:
        """What is measured."""
        return (*self.words, self.recordings, self.judged, self.recipe, self.seed)


def record(clips: Clips, words: tuple[str, ...], count: int, *, seed: int, folder: Path) -> Path:
    """Write clips of each word, each by another speaker, as a user would record them."""
    rng = np.random.default_rng(seed)
    for label, word in enumerate(words):
        (folder / word).mkdir(parents=True)
        own = rng.permutation(np.flatnonzero(clips.label == label))
        _, first = np.unique([str(clips.speakers[i]) for i in own], return_index=True)
        for row in own[np.sort(first)][:count]:
            path = folder / word / f"{clips.speakers[row]}_nohash_0.wav"
            with wave.open(str(path), "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(RATE)
                file.writeframes(clips.pcm[row].tobytes())
    return folder


def measure(
    words: tuple[str, ...],
    recordings: int,
    *,
    recipe: str,
    seed: int,
    data: Path,
    judged: list[str],
) -> list[OwnWords]:
    """Train with some recordings of each word, and classify the clips of lists."""
    dataset = load_speech(
        data, SpeechData(words=words, split="published"), rate_hz=RATE, seconds=1.0
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        own = record(dataset.train, words, recordings, seed=seed, folder=place / "recordings")
        result = motefit.fit(
            recipe,
            words=words,
            data=own if recordings else None,
            out=place / "run",
            workers=1,
            progress="plain",
        )
        if not result.releases:
            raise SystemExit(f"no model meets the budget of {recipe}\n{result}")
        spotter = KeywordSpotter.load(result.main.bundle)
        size_bytes = round(result.main.card.facts["size.zip_bytes"])
    places = np.array([spotter.io.labels.index(word) for word in words])
    rows = []
    for name in judged:
        clips = dataset.subsets[name]
        heard = [spotter.classify(pcm, RATE) for pcm in clips.pcm]
        probabilities = np.array([list(one.probabilities.values()) for one in heard])
        rejected = np.array([one.rejected for one in heard])
        right = (probabilities.argmax(1) == places[clips.label]) & ~rejected
        row = OwnWords(
            words=words,
            recordings=recordings,
            judged=name,
            recipe=Path(recipe).stem,
            seed=seed,
            clips=len(clips),
            right=int(right.sum()),
            rejected=int(rejected.sum()),
            told_apart=int(np.sum(probabilities[:, places].argmax(1) == clips.label)),
            size_bytes=size_bytes,
        )
        print(dataclasses.asdict(row), flush=True)
        rows.append(row)
    return rows


def share(count: int, clips: int) -> str:
    """A share with its 95 % limits."""
    low, high = interval(count, clips)
    return f"{100 * count / clips:.1f} % ({100 * low:.1f}..{100 * high:.1f})"


def page(rows: list[OwnWords]) -> str:
    """The table in Markdown."""
    lines = [
        "# Own words",
        "",
        "<!-- Written by benchmarks/keywords/own_words.py; do not edit. -->",
        "",
        "Synthetic speech, and some recordings of each word by as many speakers; judged on clips",
        "of other speakers in a published list of Mini Speech Commands. *Right*: the word is",
        "answered; *rejected*: no word is; *told apart*: the word is likelier than the other",
        "words. 95 % limits in brackets.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---|---|---:|---:|---|---:|---:|---|---|---|",
        *(
            f"| {', '.join(row.words)} | {row.recipe} | {row.recordings} | {row.seed} "
            f"| {row.judged} | {row.clips} | {row.size_bytes:,} | {share(row.right, row.clips)} "
            f"| {share(row.rejected, row.clips)} | {share(row.told_apart, row.clips)} |"
            for row in rows
        ),
        "",
        f"Machine: {machine()}",
        "",
    ]
    return "\n".join(lines)


def stored(path: Path) -> list[OwnWords]:
    """Read the rows of earlier runs."""
    if not path.exists():
        return []
    found = json.loads(path.read_text("utf-8"))
    return [OwnWords(**{**row, "words": tuple(row["words"])}) for row in found]


def main() -> None:
    """Measure each case; write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", default="up,down")
    parser.add_argument("--recipe", default="custom")
    parser.add_argument("--recordings", type=int, nargs="+", default=[0, 10])
    lists = ("validation", "test")
    parser.add_argument("--judged", choices=lists, nargs="+", default=["validation"])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--page", action="store_true", help="write own_words.md again")
    options = parser.parse_args()
    words = tuple(sorted(options.words.split(",")))
    rows = stored(options.out / "own_words.json")
    if not options.page:
        data = Path(os.environ["MOTEFIT_DATA"]) / "speech"
        for count in options.recordings:
            for seed in options.seeds:
                found = measure(
                    words, count, recipe=options.recipe, seed=seed, data=data, judged=options.judged
                )
                new = {row.case for row in found}
                rows = [*(row for row in rows if row.case not in new), *found]
                write_atomic(options.out / "own_words.json", dumps_json(rows))
    write_atomic(options.out / "own_words.md", page(rows).encode())


if __name__ == "__main__":
    main()
