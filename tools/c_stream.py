"""Words that a spotter's C source and the Python runtime report in the same long sound.

``python tools/c_stream.py yes-no --data DATA --minutes 60`` lays the test clips of the model into
white noise, over and over in other orders, and pushes the sound into both in pieces of random
lengths. ``--fixed`` compiles the fixed-point front end. Needs a C compiler.
Exit code 1: a word, or its time, differs (``--fixed``: more than 1 % of the words do).
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from motefit.certify.check import recipe_of
from motefit.codegen.compiled import compile_source
from motefit.codegen.project import write_c_source
from motefit.data.scripted_stream import script_stream
from motefit.runtime.bundle import Bundle, load_bundle
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.streaming import StreamingSpotter
from motefit.runtime.zoo import find_model
from motefit.tasks import TASKS

LONGEST_PIECE = 4000
NOISE_SECONDS = 20
FIXED_SHARE = 0.01
Heard = tuple[str, float, float]
"""Word, its time, and the time of the report."""


def sounds(model: Path, bundle: Bundle, data: Path, minutes: float) -> Iterator[np.ndarray]:
    """Yield stretches of sound, int16 (samples,), until they are long enough."""
    recipe, task = recipe_of(bundle.card, model), TASKS.find(bundle.card.task)
    clips = task.load(recipe, data).subsets["test"]
    io, rng = bundle.card.io, np.random.default_rng(0)
    rate = io.frontend.rate_hz
    left = round(minutes * 60 * rate)
    while left > 0:
        noise = rng.normal(0, 1000, NOISE_SECONDS * rate).astype(np.int16)
        sound = script_stream(clips, io.labels, noise, rate_hz=rate, rng=rng).sound[:left]
        left -= len(sound)
        yield sound


def main() -> None:
    """Compare both, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="bundle of a spotter, or name of a shipped one")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--fixed", action="store_true")
    arguments = parser.parse_args()
    model = find_model(arguments.model)
    bundle = load_bundle(model)
    spotter = KeywordSpotter(bundle.model, bundle.card.io, xnnpack=False)
    python: list[Heard] = []
    c: list[Heard] = []
    with tempfile.TemporaryDirectory() as folder:
        source = write_c_source(bundle, Path(folder), name=model.stem)
        compiled = compile_source(source, fixed=arguments.fixed)
        stream, rng = StreamingSpotter(spotter), np.random.default_rng(1)
        for sound in sounds(model, bundle, arguments.data, arguments.minutes):
            place = 0
            while place < len(sound):
                piece = sound[place : place + int(rng.integers(1, LONGEST_PIECE))]
                place += len(piece)
                python += [(w.word, w.time_s, w.reported_s) for w in stream.push(piece)]
                labels = bundle.card.io.labels
                c += [
                    (labels[w["label"]], w["time_s"], w["reported_s"])
                    for w in compiled.listen(piece)
                ]
    only_python, only_c = sorted(set(python) - set(c)), sorted(set(c) - set(python))
    print(
        f"{model.stem}: {stream.received_s / 60:.1f} minutes, {len(python)} words in Python and "
        f"{len(c)} in C; {len(only_python)} only in Python, {len(only_c)} only in C"
    )
    for heard in (*only_python[:5], *only_c[:5]):
        print(f"  {heard}")
    allowed = FIXED_SHARE * len(python) if arguments.fixed else 0
    sys.exit(1 if max(len(only_python), len(only_c)) > allowed or not python else 0)


if __name__ == "__main__":
    main()
