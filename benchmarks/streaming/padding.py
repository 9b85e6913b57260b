"""Cost of padding in a network that streams: errors on clips, and on clips in a stream.

Usage: python benchmarks/streaming/padding.py --data FOLDER [--recipe NAME] [--seeds N]

Trains a tcnet recipe in three forms: unchanged ("same"), with causal padding, and without padding
and with shorter kernels. Counts errors on the validation set; the test set is not opened. In a
stream a clip follows other sound, and the answer is the one at the clip's end: the streaming
form's states include the previous sound, unlike in training. One process, one thread; models
in --runs are not trained again. Writes padding.json and padding.md beside this file.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from motefit.certify.provenance import machine
from motefit.data.speech import SpeechDataset
from motefit.exporting.streaming import streaming_file
from motefit.fitting.jobs import CandidateJob, TrainJob, load_outcome
from motefit.fitting.worker import run_job
from motefit.recipes.catalog import find_recipe
from motefit.runtime import KeywordSpotter
from motefit.runtime.streaming.window import window_of
from motefit.search.space import Candidate
from motefit.signal.pcm import as_float32
from motefit.spec.codec import decode
from motefit.spec.errors import RecipeError
from motefit.spec.files import write_atomic
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tasks import TASKS
from motefit.tflite.archive import NAME, pack

HERE = Path(__file__).parent
FORMS = {
    "same": {},
    "causal": {"padding": "causal"},
    "valid": {"padding": "valid", "kernels": (3, 3, 5, 5, 5)},
}
CONTEXT_S = 2
NOISE_LEVEL = 100
"""Standard deviation of the quiet noise, in steps of 16 bits."""


def file_of(recipe: Recipe, seed: int, data: Path, runs: Path) -> tuple[bytes, SpeechIO]:
    """Train a recipe on one seed; return its file."""
    candidate = Candidate(values={}, seed=seed, recipe=recipe)
    run_job(TrainJob(works=(CandidateJob.of(candidate),), epochs=None, data=data, folder=runs))
    outcome = load_outcome(runs, candidate.key)
    return outcome.file.data, decode(SpeechIO, outcome.io, where="result.json: io")


def contexts_of(data: SpeechDataset) -> dict[str, Callable[[int], np.ndarray]]:
    """Return what may precede clip i, int16 (samples,), by name."""
    clips, seconds = data.validation.pcm, CONTEXT_S * data.rate_hz
    order = np.random.default_rng(0).permutation(len(clips))

    def noise(index: int) -> np.ndarray:
        start = np.random.default_rng(index).integers(0, len(data.noise) - seconds)
        piece = data.noise[start : start + seconds].astype(np.float64)
        return (piece * NOISE_LEVEL / max(float(piece.std()), 1.0)).astype(np.int16)

    return {
        "another clip": lambda index: clips[order[index]],
        "quiet noise": noise,
        "digital silence": lambda _: np.zeros(seconds, np.int16),
    }


def streamed(
    spotter: KeywordSpotter, data: SpeechDataset, context: Callable[[int], np.ndarray]
) -> np.ndarray:
    """Predict the label at the end of each validation clip."""
    labels = []
    for index, clip in enumerate(data.validation.pcm):
        window = window_of(spotter)
        window.push(as_float32(np.concatenate((context(index), clip))))
        labels.append(int(window.probabilities().argmax()))
    return np.array(labels)


def measure(model: bytes, io: SpeechIO, data: SpeechDataset) -> dict[str, int | None]:
    """Measure the bytes of one file, and its errors by context; None if it cannot stream."""
    labels = np.asarray(data.validation.label)
    whole = KeywordSpotter(model, io, xnnpack=False).classify_batch(data.validation.pcm)
    found: dict[str, int | None] = {
        "zip_bytes": len(pack({NAME: model})),
        "clips alone": int((whole.argmax(axis=1) != labels).sum()),
    }
    try:
        states = KeywordSpotter(*streaming_file(model, io), xnnpack=False)
    except RecipeError:
        states = None
    for name, context in contexts_of(data).items():
        found[name] = None
        if states is not None:
            found[name] = int((streamed(states, data, context) != labels).sum())
    return found


def markdown(facts: dict) -> str:
    names = list(facts["rows"][0]["found"])
    text = f"""# What padding costs a network that streams

Made by `python benchmarks/streaming/padding.py --recipe {facts["recipe"]} --seeds {facts["seeds"]}`
on {facts["machine"]}. Recipe `{facts["recipe"]}`, errors of {facts["clips"]} validation clips by
the shipped int8 files, by seed; the test set was not opened. *same*: the recipe as it is;
*causal*: all padding first; *valid*: none, kernels {FORMS["valid"]["kernels"]}. *clips alone*: the
network on the clip. The others: its streaming form, in which other sound precedes the clip.

| form | {" | ".join(names)} |
|---|{"---:|" * len(names)}
"""
    for form in FORMS:
        rows = [row["found"] for row in facts["rows"] if row["form"] == form]
        cells = [", ".join(str(row[name]) for row in rows) for name in names]
        cells = ["-" if "None" in cell else cell for cell in cells]
        text += f"| {form} | {' | '.join(cells)} |\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of words")
    parser.add_argument("--recipe", default="up-down", help="a tcnet recipe")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/padding"))
    parser.add_argument("--out", type=Path, default=HERE, help="folder of padding.json and .md")
    options = parser.parse_args()
    plain = find_recipe(options.recipe)
    data = TASKS.find(plain.task).load(plain, options.data)
    rows = []
    for form, knobs in FORMS.items():
        model = replace(plain.model, options={**plain.model.options, **knobs})
        recipe = replace(plain, model=model)
        for seed in range(options.seeds):
            found = measure(*file_of(recipe, seed, options.data, options.runs), data)
            rows.append({"form": form, "seed": seed, "found": found})
            print(form, seed, found, flush=True)
    facts = {
        "machine": machine(),
        "recipe": options.recipe,
        "seeds": options.seeds,
        "clips": len(data.validation),
        "rows": rows,
    }
    write_atomic(options.out / "padding.json", (json.dumps(facts, indent=1) + "\n").encode())
    write_atomic(options.out / "padding.md", markdown(facts).encode())
    print(markdown(facts))


if __name__ == "__main__":
    main()
