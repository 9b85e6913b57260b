"""The front end inside the model, compared with numpy's: size, latency and agreement.

Usage: python benchmarks/in_graph/run.py [--data FOLDER] [--rounds N]

Writes results.json and results.md beside this file. Each setting's network is the one of the recipe
eight-words, untrained, int8. All forms of a setting are timed in one run of measure_latency; ratios
are of 25th percentiles. With --data the features of the test clips are compared, else of generated
sound; each front end is also compared with one in float64.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np

from motefit.certify.provenance import machine
from motefit.exporting.exported_form import sounds
from motefit.exporting.in_graph import TOLERANCE, in_graph_file
from motefit.graph.families import Problem, build
from motefit.graph.frontend_graph import choose_layout, frontend_graph
from motefit.measure.latency.paired import measure_latency
from motefit.measure.size import measure_size
from motefit.recipes.catalog import find_recipe
from motefit.runtime.interpreter import Interpreter
from motefit.runtime.keyword_spotter import clips_of
from motefit.runtime.quiet import silence_litert
from motefit.signal.features import features_of
from motefit.signal.spectrum import framed, hann
from motefit.spec.files import write_atomic, write_json
from motefit.spec.frontend import FEATURE_KINDS, FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tasks import TASKS
from motefit.tflite.model import ModelFile
from motefit.tflite.write.precision import export
from motefit.tflite.write.write import write

HERE = Path(__file__).parent
RECIPE = find_recipe("eight-words")
SETTINGS = {
    "640/320, 40 mel to 4 kHz, 10 MFCC": FrontEnd(),
    "640/320, 40 log-mel to 7.6 kHz (eight-words)": RECIPE.frontend,
    "512/160, 20 mel to 6 kHz, 10 MFCC": FrontEnd(
        frame_length=512, frame_step=160, mel_bins=20, upper_hz=6000.0
    ),
    "256/256, 40 mel to 4 kHz, 10 MFCC": FrontEnd(frame_length=256, frame_step=256),
    "8 kHz, 320/160, 40 mel to 4 kHz, 8 MFCC": FrontEnd(
        rate_hz=8000, frame_length=320, frame_step=160, coefficients=8
    ),
    "256/128, spectrogram to 4 kHz": FrontEnd(
        kind="spectrogram", frame_length=256, frame_step=128, mel_bins=0, coefficients=0
    ),
}
SOUNDS = 256


def exact(frontend: FrontEnd, clip: np.ndarray) -> np.ndarray:
    """Compute features in float64, with numpy's transform and the same tables."""
    frames = framed(clip, frontend.frame_length, frontend.frame_step).astype(np.float64)
    first, stop = FEATURE_KINDS.find(frontend.kind).bins(frontend)
    x = np.abs(np.fft.rfft(frames * hann(frontend.frame_length)))[:, first:stop]
    for stage in FEATURE_KINDS.find(frontend.kind).stages(frontend):
        x = (x if stage.matrix is None else x @ stage.matrix.astype(np.float64)) + stage.offset
        x = np.log(x) if stage.logarithm else x
    return x


def agreement(frontend: FrontEnd, pcm: np.ndarray) -> dict[str, Any]:
    """Measure how far the two front ends are from each other, and each from float64."""
    clips = clips_of(pcm, frontend.clip_samples)
    ours = Interpreter(write(frontend_graph(frontend))).run(clips).reshape(-1, *frontend.shape)
    numpy = features_of(frontend).batch(clips)
    truth = np.stack([exact(frontend, clip) for clip in clips])
    pairs = {"both": ours - numpy, "in-graph": ours - truth, "numpy": numpy - truth}
    found: dict[str, Any] = {"clips": len(clips), "features": numpy.size}
    for name, apart in pairs.items():
        found[name] = {
            "greatest": float(np.abs(apart).max()),
            "root_mean_square": float(np.sqrt(np.mean(np.square(apart, dtype=np.float64)))),
            "exceeding": int(np.count_nonzero(np.abs(apart) > TOLERANCE)),
        }
    return found


def files(frontend: FrontEnd) -> tuple[tuple[bytes, SpeechIO], tuple[bytes, SpeechIO]]:
    """Write the plain form and the one with its front end inside, with their sections of a card."""
    rng = np.random.default_rng(0)
    features = features_of(frontend).batch(sounds(frontend, 64, rng=rng))
    mean, std = features.mean(axis=(0, 1)), features.std(axis=(0, 1)) + 1e-3
    problem = Problem(input_shape=frontend.shape, outputs=len(RECIPE.data.words))
    graph = build(RECIPE.model.family, RECIPE.model.options, problem=problem, rng=rng)
    examples = ((features - mean) / std).astype(np.float32).reshape(-1, *graph.input_shape)
    plain = export(graph, RECIPE.compress, examples=examples)
    io = SpeechIO(
        labels=tuple(sorted(RECIPE.data.words)),
        frontend=frontend,
        normalization=Normalization(mean=tuple(map(float, mean)), std=tuple(map(float, std))),
    )
    return (plain, io), in_graph_file(plain, io)


def measure(frontend: FrontEnd, pcm: np.ndarray, rounds: int) -> dict[str, Any]:
    """Measure one setting."""
    task = TASKS.find(RECIPE.task)
    plain, inside = files(frontend)
    latency = measure_latency(
        {
            "plain": task.benchmark_case(*plain),
            "in-graph": task.benchmark_case(*inside),
            "in-graph, builtin": task.benchmark_case(*inside, xnnpack=False),
        },
        rounds=rounds,
        warm_up_rounds=rounds // 10,
    )
    layout = choose_layout(frontend)
    alone = write(frontend_graph(frontend))
    sizes = {"plain": plain[0], "in-graph": inside[0], "front end alone": alone}
    return {
        "split": [layout.rows, layout.columns],
        "bytes": {
            name: dataclasses.asdict(measure_size(ModelFile(data=data)))
            for name, data in sizes.items()
        },
        "latency": {name: dataclasses.asdict(found) for name, found in latency.items()},
        "agreement": agreement(frontend, pcm),
    }


def clips(data: Path | None, frontend: FrontEnd) -> np.ndarray:
    """Return the clips on which features are compared."""
    if data is None or frontend.rate_hz != RECIPE.frontend.rate_hz:
        return sounds(frontend, SOUNDS, rng=np.random.default_rng(1))
    return TASKS.find(RECIPE.task).load(RECIPE, data).test.pcm


def markdown(facts: dict[str, Any]) -> str:
    """Render the results as a page."""
    text = f"""# Front end inside the model

Made by `python benchmarks/in_graph/run.py --rounds {facts["rounds"]}{facts["data"]}` on
{facts["machine"]}, one thread. Network: eight-words,
untrained, int8. "plain" is numpy's front end and the model; times are 25th percentiles of
{facts["rounds"]} rounds in which all forms take turns.

| front end | DFT | bytes plain | bytes in-graph | zip plain | zip in-graph \
| plain us | in-graph us | in-graph / plain | builtin kernels / XNNPACK |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""
    for name, row in facts["results"].items():
        plain, inside = (row["bytes"][form] for form in ("plain", "in-graph"))
        times = {form: found["total_p25_ms"] * 1e3 for form, found in row["latency"].items()}
        cells = [
            name,
            f"{row['split'][0]} x {row['split'][1]}",
            *(str(size["tflite_bytes"]) for size in (plain, inside)),
            *(str(size["zip_bytes"]) for size in (plain, inside)),
            f"{times['plain']:.0f}",
            f"{times['in-graph']:.0f}",
            f"{times['in-graph'] / times['plain']:.2f}",
            f"{times['in-graph, builtin'] / times['in-graph']:.1f}",
        ]
        text += f"| {' | '.join(cells)} |\n"
    text += """
Features, before standardization. Of both float32 front ends a few numbers are further than 1e-4
from float64: where a band is less than a thousandth as strong as the loudest bin of its frame, the
logarithm magnifies the rounding of any float32 transform. rms: root mean square of the differences.

| front end | clips | in-graph - numpy: rms | greatest | above 1e-4 \
| in-graph - float64: rms | above 1e-4 | numpy - float64: rms | above 1e-4 |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""
    for name, row in facts["results"].items():
        found = row["agreement"]
        cells = [name, str(found["clips"]), f"{found['both']['root_mean_square']:.1e}"]
        cells += [f"{found['both']['greatest']:.1e}", _share(found, "both")]
        for form in ("in-graph", "numpy"):
            cells += [f"{found[form]['root_mean_square']:.1e}", _share(found, form)]
        text += f"| {' | '.join(cells)} |\n"
    return text


def _share(found: dict[str, Any], form: str) -> str:
    return f"{1e6 * found[form]['exceeding'] / found['features']:.0f} in a million"


def main() -> None:
    """Read the command line, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of speech data: the test clips are heard")
    parser.add_argument("--rounds", type=int, default=2000, help="of the timing (default 2000)")
    parser.add_argument("--out", type=Path, default=HERE, help="folder of results.json and .md")
    options = parser.parse_args()
    silence_litert()
    facts: dict[str, Any] = {
        "machine": machine(),
        "rounds": options.rounds,
        "data": " --data ..." if options.data else "",
        "results": {},
    }
    for name, frontend in SETTINGS.items():
        found = measure(frontend, clips(options.data, frontend), options.rounds)
        facts["results"][name] = found
        print(f"done: {name}", file=sys.stderr)
    write_json(options.out / "results.json", facts)
    write_atomic(options.out / "results.md", markdown(facts))
    print(markdown(facts))


if __name__ == "__main__":
    main()
