"""Choose the decision of finished keyword models on validation, and write it into their cards.

Usage: python tools/decide.py FOLDER MODEL.zip ... [--stream STREAM]

FOLDER is the folder of words that a model was trained on, STREAM one of long recordings with a
sub-folder ``validation``; without it, the validation clips laid into background noise decide. Model
bytes, facts and certificate stay as they are: only ``io.decision`` and the evidence of the choice
are new. Models that ``motefit fit`` makes from a recipe with ``[data] stream`` have a decision
already.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from motefit.certify.check import recipe_of
from motefit.runtime import load_bundle
from motefit.runtime.bundle import write_bundle
from motefit.runtime.quiet import silence_litert
from motefit.spec.stream_evidence import SCRIPTED
from motefit.tasks import TASKS


def decide(path: Path, folder: Path, stream: str) -> str:
    """Choose the decision of one bundle and write it; return the choice in words."""
    bundle = load_bundle(path)
    recipe = recipe_of(bundle.card, path)
    task = TASKS.find(recipe.task)
    measured = replace(recipe, data=replace(recipe.data, stream=stream))
    dataset = task.load(measured, folder)
    undecided = replace(bundle.card.io, decision=None)
    io, chosen = task.decide(bundle.model, undecided, dataset, measured)
    card = replace(bundle.card, io=io, evidence={**bundle.card.evidence, **chosen.evidence})
    write_bundle(path, bundle.model, card)
    facts = ", ".join(f"{name} {value:.4g}" for name, value in sorted(chosen.facts.items()))
    return f"{path.name}: threshold {io.decision.threshold:.4f}; on validation {facts}"


def main() -> None:
    """Decide each model named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--stream", default=SCRIPTED)
    options = parser.parse_args()
    silence_litert()
    stream = options.stream
    if stream != SCRIPTED:
        stream = str(Path(stream).absolute())
    for path in options.models:
        print(decide(path, options.folder, stream), flush=True)


if __name__ == "__main__":
    main()
