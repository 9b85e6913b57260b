"""Accuracy of keyword models at other levels of sound, with and without automatic gain.

Usage: MOTEFIT_DATA=FOLDER python benchmarks/levels/run.py [MODEL ...]

Plays the validation clips (the test set is not opened) at other gains, in 16 bits: what is too
quiet is rounded away, what is too loud is clipped. Each model is measured as shipped, and with
``gain_dbfs`` in its front end, at the median level of the training clips' loudest frames, without
training it again. Writes results.json and results.md beside this file.
"""

import argparse
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from motefit.certify.provenance import machine
from motefit.runtime import KeywordSpotter
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model
from motefit.signal.gain import loudest_frame
from motefit.signal.pcm import INT16_SCALE
from motefit.spec.files import write_atomic
from motefit.spec.frontend import FrontEnd
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS

HERE = Path(__file__).parent
MODELS = ("up-down", "eight-words")
GAINS_DB = (-60, -50, -40, -30, -20, -10, 0, 10, 20, 30)


def played(pcm: np.ndarray, gain_db: float) -> np.ndarray:
    """Return clips (n, samples), int16, at another gain."""
    loud = np.rint(pcm * np.float32(10 ** (gain_db / 20)))
    return np.clip(loud, -32768, 32767).astype(np.int16)


def loudest_frames_dbfs(pcm: np.ndarray, frontend: FrontEnd) -> float:
    """Compute the median over clips (n, samples) of the loudest frame's level, in dB."""
    starts = np.arange(frontend.frames) * frontend.frame_step
    frames = starts[:, np.newaxis] + np.arange(frontend.frame_length)
    levels = [loudest_frame(clip[frames] * INT16_SCALE) for clip in pcm]
    return float(20 * np.log10(np.median(levels)))


def measure(name: str, data: Path) -> dict[str, object]:
    """Measure one model of the zoo; accuracy in percent by gain."""
    bundle = load_bundle(find_model(name))
    recipe = Recipe.from_table(bundle.card.recipe, name=name)
    dataset = TASKS.find(recipe.task).load(recipe, data)
    clips, io = dataset.validation, bundle.card.io
    place = {word: index for index, word in enumerate(dataset.labels)}
    wanted = np.array([place[word] for word in io.labels])
    level = round(loudest_frames_dbfs(dataset.train.pcm, io.frontend))
    gained = replace(io, frontend=replace(io.frontend, gain_dbfs=float(level)))
    rows: dict[str, dict[int, float]] = {}
    for form, one in (("as shipped", io), ("automatic gain", gained)):
        spotter = KeywordSpotter(bundle.model, one)
        found = {}
        for gain_db in GAINS_DB:
            answers = spotter.classify_batch(played(clips.pcm, gain_db)).argmax(axis=1)
            found[gain_db] = round(100 * float((wanted[answers] == clips.label).mean()), 2)
        rows[form] = found
        print(name, form, found, flush=True)
    return {"model": name, "clips": len(clips), "gain_dbfs": level, "rows": rows}


def markdown(facts: dict[str, Any]) -> str:
    lines = [
        "# Accuracy at other levels of sound",
        "",
        f"Made by `python benchmarks/levels/run.py` on {facts['machine']}. Validation clips in",
        "16 bits, played at other gains; the test set was not opened. *Automatic gain*:",
        "`gain_dbfs` in the front end of the same file, set to the median level of the loudest",
        "frames of the training clips; the network was not trained again.",
        "",
        f"| model | clips | front end | {' | '.join(f'{gain:+d} dB' for gain in GAINS_DB)} |",
        f"|---|---:|---|{'---:|' * len(GAINS_DB)}",
    ]
    for model in facts["models"]:
        for form, found in model["rows"].items():
            about = f"{form}, {model['gain_dbfs']} dBFS" if "gain" in form else form
            cells = " | ".join(f"{value:.2f} %" for value in found.values())
            lines.append(f"| `{model['model']}` | {model['clips']} | {about} | {cells} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="*", default=list(MODELS), help="names in the zoo")
    options = parser.parse_args()
    data = Path(os.environ["MOTEFIT_DATA"]) / "speech"
    facts = {"machine": machine(), "models": [measure(name, data) for name in options.models]}
    write_atomic(HERE / "results.json", (json.dumps(facts, indent=1) + "\n").encode())
    write_atomic(HERE / "results.md", markdown(facts).encode())
    print(markdown(facts))


if __name__ == "__main__":
    main()
