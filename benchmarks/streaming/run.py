"""Cost of a stream per 20 ms, compared with computing the whole window again, paired in one run.

Usage: python benchmarks/streaming/run.py [MODEL ...]

MODEL is a bundle, or the name of a shipped recipe, built with random weights, since costs do
not depend on them. NAME:valid is a tcnet recipe's net without padding and with shorter kernels,
and thus also in streaming form. All forms run on one core and one thread, in random order. A
form's cost in a round is the 25th percentile of its cycles of up to 2 s of sound, a ratio is the
median over rounds of ratios within a round. Writes results.json and results.md beside this file.
Exit code 1: the promise was missed.

The forms, each fed 20 ms at a time:
- window: the last second kept, its features and the network: a 20 ms hop without a stream
- open: the streaming spotter without its loudness detector, so that the network runs at every hop
- words: the same with its loudness detector, on bursts of sound every two seconds
- noise: the same, on even noise
- every 20 ms: as open, but with a hop of 20 ms: the network runs on every frame

and of networks with a streaming form, with a hop of 20 ms, which is every step of the network:

- states: features and network alone, as *window*, an answer at every step
- network, and network, states: the network alone, on precomputed features; builtin: without XNNPACK
- states, words: the streaming spotter with its loudness detector; the network gets every frame
- states, open: the same without the loudness detector
"""

import argparse
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from motefit.certify.provenance import machine
from motefit.exporting.streaming import Step, streaming_file
from motefit.graph.families import Problem, build
from motefit.recipes.catalog import find_recipe
from motefit.runtime import KeywordSpotter
from motefit.runtime.bundle import load_bundle
from motefit.runtime.streaming.detector import StreamingSettings
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.runtime.streaming.window import window_of
from motefit.signal.pcm import as_float32
from motefit.spec.decision import Decision
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.files import write_atomic
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.precision import shipped_graph
from motefit.tflite.write.write import write

HERE = Path(__file__).parent
DEFAULT = ("quickstart", "up-down", "eight-words", "up-down:valid", "eight-words:valid")
VALID = {"padding": "valid", "kernels": (3, 3, 5, 5, 5)}
PROMISE = 0.2
STEP_S = 0.02
CYCLE_S = 2
CYCLES = 10
STEPS = 10
"""Short cycles: the 25th percentile leaves out a cycle that a pause of the machine distorts."""
OPEN = StreamingSettings(decision=Decision(prominence=-1))
PROMISED = ("words", "states")


def model_of(name: str) -> tuple[bytes, SpeechIO]:
    """Load a bundle's model, or build the untrained net of a recipe in the form that it ships."""
    if Path(name).is_file():
        bundle = load_bundle(name)
        return bundle.model, bundle.card.io
    name, _, form = name.partition(":")
    recipe = find_recipe(name)
    if recipe.frontend is None:
        sys.exit(f"{name} is not a keyword-spotting recipe")
    rng = np.random.default_rng(0)
    words = tuple(sorted(recipe.data.words)) or ("a", "b")
    problem = Problem(input_shape=recipe.frontend.shape, outputs=len(words))
    options = {**recipe.model.options, **(VALID if form == "valid" else {})}
    graph = build(recipe.model.family, options, problem=problem, rng=rng)
    examples = rng.standard_normal((64, *recipe.frontend.shape)).astype(np.float32)
    model = write(shipped_graph(graph, recipe.compress, examples=examples))
    normalization = Normalization(mean=(-2.0,), std=(3.0,))
    return model, SpeechIO(labels=words, frontend=recipe.frontend, normalization=normalization)


def streaming_of(model: bytes, io: SpeechIO, *, xnnpack: bool = True) -> KeywordSpotter | None:
    """Convert the model to streaming form; None if it has none."""
    try:
        return KeywordSpotter(*streaming_file(model, io), xnnpack=xnnpack)
    except (RecipeError, ModelFileError):
        return None


def noise_and_words(rate_hz: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Generate noise, and the same with a burst of 0.5 s every two seconds: int16 (samples,)."""
    noise = rng.normal(0, 100, CYCLE_S * rate_hz)
    burst = np.zeros_like(noise)
    first = round(0.75 * rate_hz)
    length = round(0.5 * rate_hz)
    burst[first : first + length] = np.hanning(length) * rng.normal(0, 5000, length)
    return noise.astype(np.int16), (noise + burst).astype(np.int16)


def forms_of(model: bytes, io: SpeechIO) -> dict[str, Callable[[], float]]:
    """Return for each form a function that runs a cycle and returns its seconds per 20 ms."""
    frontend, spotter = io.frontend, KeywordSpotter(model, io)
    noise, words = noise_and_words(frontend.rate_hz, np.random.default_rng(1))
    step = round(STEP_S * frontend.rate_hz)
    short = words[: STEPS * step]
    every = replace(OPEN, hop_ms=1000 * STEP_S)
    streams = {
        "words": (StreamingSpotter(spotter), words),
        "noise": (StreamingSpotter(spotter), noise),
        "open": (StreamingSpotter(spotter, settings=OPEN), words[: 5 * STEPS * step]),
        "every 20 ms": (StreamingSpotter(spotter, settings=every), short),
    }

    def window() -> float:
        last = words[: frontend.clip_samples]
        pieces = np.split(words, range(step, len(words), step))[:STEPS]
        start = time.perf_counter()
        for piece in pieces:
            last = np.concatenate((last[len(piece) :], piece))
            spotter.infer(spotter.inputs(last[np.newaxis]))
        return (time.perf_counter() - start) / len(pieces)

    forms = {"window": window}
    states = streaming_of(model, io)
    if states is not None:
        forms |= networks_of(model, io)
        gated = StreamingSettings(hop_ms=every.hop_ms)
        streams["states, words"] = StreamingSpotter(states, settings=gated), words
        streams["states, open"] = StreamingSpotter(states, settings=every), short
        forms["states"] = steps_of(states, short)
    forms |= {name: streamed(stream, pcm, step) for name, (stream, pcm) in streams.items()}
    return forms


def networks_of(model: bytes, io: SpeechIO) -> dict[str, Callable[[], float]]:
    """Time the network alone, on given features: on the whole window every 20 ms, and by steps."""
    rows = np.random.default_rng(2).standard_normal((1, *io.frontend.shape)).astype(np.float32)
    forms = {}
    for kernels, xnnpack in (("", True), (", builtin", False)):
        whole = KeywordSpotter(model, io, xnnpack=xnnpack)
        steps = Step(streaming_of(model, io, xnnpack=xnnpack))
        frames = steps.inputs(np.zeros((1, steps.samples), np.float32))
        share = STEP_S * io.frontend.rate_hz / steps.samples
        forms[f"network{kernels}"] = timed(lambda whole=whole: whole.infer(rows))
        forms[f"network, states{kernels}"] = timed(
            lambda steps=steps, frames=frames: steps.infer(frames), share
        )
    return forms


def timed(call: Callable[[], object], share: float = 1) -> Callable[[], float]:
    """Measure the seconds per 20 ms of a call that covers 20 ms, or a multiple of it."""

    def cycle() -> float:
        start = time.perf_counter()
        for _ in range(STEPS):
            call()
        return (time.perf_counter() - start) / STEPS * share

    return cycle


def streamed(stream: StreamingSpotter, pcm: np.ndarray, step: int) -> Callable[[], float]:
    pieces = np.split(pcm, range(step, len(pcm), step))

    def cycle() -> float:
        start = time.perf_counter()
        for piece in pieces:
            stream.push(piece)
        return (time.perf_counter() - start) / len(pieces)

    return cycle


def steps_of(spotter: KeywordSpotter, pcm: np.ndarray) -> Callable[[], float]:
    """Time features and network alone, with an answer for each step of the network."""
    window, frontend = window_of(spotter), spotter.io.frontend
    step = window.step_frames * frontend.frame_step
    pieces = np.split(pcm, range(step, len(pcm), step))
    window.push(np.zeros(frontend.clip_samples, np.float32))

    def cycle() -> float:
        start = time.perf_counter()
        for piece in pieces:
            window.push(as_float32(piece))
            window.probabilities()
        return (time.perf_counter() - start) / len(pcm) * STEP_S * frontend.rate_hz

    return cycle


def compare(name: str, rounds: int, rng: random.Random) -> dict[str, dict]:
    """Compute microseconds per 20 ms and ratios to the whole window, by form."""
    forms = forms_of(*model_of(name))
    for cycle in forms.values():
        cycle()
    times: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(rounds):
        for name in rng.sample(list(forms), len(forms)):
            cycles = [forms[name]() for _ in range(CYCLES)]
            times[name].append(float(np.percentile(cycles, 25)))
    table = {}
    for name, values in times.items():
        ratios = [own / whole for own, whole in zip(values, times["window"], strict=True)]
        lower, middle, upper = statistics.quantiles(ratios, n=4)
        table[name] = {
            "percentile_25_us": 1e6 * float(np.percentile(values, 25)),
            "ratio": middle,
            "ratio_lower_quartile": lower,
            "ratio_upper_quartile": upper,
        }
    return table


def markdown(facts: dict) -> str:
    text = f"""# What a stream costs

Made by `python benchmarks/streaming/run.py --rounds {facts["rounds"]}` on {facts["machine"]};
one core, one thread. Cost of 20 ms of sound, and its ratio to computing the whole window again at
each 20 ms (median over rounds, quartiles in brackets). *words*: as the spotter is by default, with
a burst of sound in two seconds; *noise*: no word; *open*: its gate is held open, so that the
network runs at every hop of {StreamingSettings().hop_ms:g} ms; *every 20 ms*: open, with a hop of
20 ms: that saves only the front end, and the calls cost as much as the arithmetic.

`:valid` are the same networks without padding, of kernels {VALID["kernels"]}, and also in streaming
form at a hop of 20 ms; the network takes two frames a step and so answers every 40 ms. *states*:
features and network alone, as *window* is; *network* and *network, states*: the network alone, on
precomputed features; *builtin*: without XNNPACK; *states, words* and *states, open*: the whole
spotter, with its gate at work, and held open. The rest of a step's cost is mostly call overhead.

| model | form | us per 20 ms | ratio |
|---|---|---:|---:|
"""
    for model, forms in facts["results"].items():
        for name, row in forms.items():
            spread = f"{row['ratio_lower_quartile']:.3f}..{row['ratio_upper_quartile']:.3f}"
            text += (
                f"| `{model}` | {name} | {row['percentile_25_us']:.1f} "
                f"| {row['ratio']:.3f} ({spread}) |\n"
            )
    verdict = "met" if facts["met"] else "missed"
    return f"{text}\n{facts['promise']}: **{verdict}**\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=DEFAULT, help="bundles or shipped recipes")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--out", type=Path, default=HERE, help="folder of results.json, results.md")
    options = parser.parse_args()
    where = machine()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    rng = random.Random(0)  # noqa: S311 - the order of turns
    results = {Path(name).stem: compare(name, options.rounds, rng) for name in options.models}
    promised = [forms[name] for forms in results.values() for name in PROMISED if name in forms]
    met = all(form["ratio"] <= PROMISE for form in promised)
    facts = {
        "machine": where,
        "rounds": options.rounds,
        "results": results,
        "promise": f"At most {PROMISE:g} of the window's cost per 20 ms: {' and '.join(PROMISED)}",
        "met": met,
    }
    write_atomic(options.out / "results.json", (json.dumps(facts, indent=1) + "\n").encode())
    write_atomic(options.out / "results.md", markdown(facts).encode())
    print(markdown(facts))
    sys.exit(not met)


if __name__ == "__main__":
    main()
