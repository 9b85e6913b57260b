"""How well a recipe does on speakers who are not in training: folds that share no speaker.

    MOTEFIT_DATA=... python benchmarks/keywords/strangers.py [RECIPE ...] [--folds 5] [--fold 0 1]
    python benchmarks/keywords/strangers.py --page     # write strangers.md again

A recipe is a shipped name or a file. Its data are cut by ``[data] split = "folds"``: clips of the
published test list are left out; one fold validates, the next one tests, the rest train. Each fold
trains one network (seed 0) and measures the file that the recipe ships, on the fold that tests.
Recipes are compared and settings chosen here, never on the published test list. A row of the same
recipe, network and fold is replaced.
Writes strangers.json and strangers.md beside this file.
"""

import argparse
import dataclasses
import json
import os
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import motefit
from motefit.certify.provenance import machine
from motefit.recipes.catalog import find_recipe
from motefit.spec.codec import dumps_json, encode
from motefit.spec.files import write_atomic
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.speech_spec import SpeechData

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from own_words import share  # noqa: E402

RECIPES = ("up-down",)


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One training, and its file on clips of speakers that it does not know.

    Attributes:
        recipe: its name.
        network: family and settings.
        folds: how many there are.
        fold: that validates.
        validation: accuracy of the file on the fold that validates, 0..1.
        correct: clips of the next fold that are classified right.
        clips: of the next fold.
        zip_bytes: of the file.
        macs: of one inference.
        machine: it was trained on.
    """

    recipe: str
    network: str
    folds: int
    fold: int
    validation: float
    correct: int
    clips: int
    zip_bytes: int
    macs: int
    machine: str


def on_fold(recipe: Recipe, folds: int, fold: int) -> Recipe:
    """Return a recipe that trains one network on all but two folds, whatever it reaches."""
    if not isinstance(recipe.data, SpeechData):
        raise SystemExit(f"{recipe.name} is not a recipe for words")
    return replace(
        recipe,
        data=replace(recipe.data, split="folds", folds=folds, fold=fold),
        train=replace(recipe.train, seeds=(0,)),
        search=replace(recipe.search, repeats=1),
    )


def measure(recipe: Recipe, folds: int, fold: int, data: Path) -> Fold:
    """Train a recipe on a fold and measure its file on the next one."""
    cut = on_fold(recipe, folds, fold)
    with tempfile.TemporaryDirectory() as folder:
        made = motefit.fit(cut, data=data, out=Path(folder) / "run", workers=1, progress="plain")
        release = made.main
    facts, evidence = release.card.facts, release.card.evidence
    family, options = recipe.model.family, recipe.model.options
    return Fold(
        recipe=recipe.name,
        network=", ".join([family, *(f"{key} {value}" for key, value in options.items())]),
        folds=folds,
        fold=fold,
        validation=evidence["seeds"]["validation"]["accuracy"]["mean"],
        correct=evidence["accuracy"]["correct"],
        clips=evidence["accuracy"]["n"],
        zip_bytes=round(facts["size.zip_bytes"]),
        macs=round(facts["macs"]),
        machine=machine(),
    )


def page(rows: list[Fold]) -> str:
    """The table in Markdown: one line per fold, and one per recipe."""
    lines = [
        "# Speakers who are not in training",
        "",
        "<!-- Written by benchmarks/keywords/strangers.py; do not edit. -->",
        "",
        "Mini Speech Commands without the published test list, cut into folds that share no",
        "speaker: one validates, the next one tests, the rest train. One network each (seed 0),",
        "measured on the int8 file that the recipe ships. 95 % limits in brackets.",
        "",
        "| recipe | network | fold | validation | test clips | right | zip bytes | MACs |",
        "|---|---|---:|---:|---:|---|---:|---:|",
    ]
    for settings in dict.fromkeys((row.recipe, row.network) for row in rows):
        own = [row for row in rows if (row.recipe, row.network) == settings]
        lines += [
            f"| `{row.recipe}` | {row.network} | {row.fold} of {row.folds} "
            f"| {100 * row.validation:.1f} % | {row.clips} | {share(row.correct, row.clips)} "
            f"| {row.zip_bytes:,} | {row.macs:,} |"
            for row in own
        ]
        if len(own) > 1:
            correct, clips = sum(row.correct for row in own), sum(row.clips for row in own)
            lines.append(
                f"| **`{own[0].recipe}`** | {own[0].network} | all | | {clips} "
                f"| **{share(correct, clips)}** | | |"
            )
    machines = sorted({row.machine for row in rows})
    return "\n".join([*lines, "", f"Machine: {'; '.join(machines)}.", ""])


def stored(path: Path) -> list[Fold]:
    """Read the rows of earlier runs."""
    return [Fold(**row) for row in json.loads(path.read_text("utf-8"))] if path.exists() else []


def main() -> None:
    """Measure each fold of each recipe; write the results after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="*", default=RECIPES, metavar="RECIPE")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--fold", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--page", action="store_true", help="write strangers.md again")
    options = parser.parse_args()
    rows = stored(options.out / "strangers.json")
    for recipe in [] if options.page else map(find_recipe, options.recipes):
        for fold in options.fold:
            new = measure(recipe, options.folds, fold, Path(os.environ["MOTEFIT_DATA"]) / "speech")
            print(dataclasses.asdict(new), flush=True)
            case = (new.recipe, new.network, new.folds, new.fold)
            kept = [r for r in rows if (r.recipe, r.network, r.folds, r.fold) != case]
            rows = sorted([*kept, new], key=lambda r: (r.recipe, r.network, r.folds, r.fold))
            write_atomic(options.out / "strangers.json", dumps_json([encode(r) for r in rows]))
    write_atomic(options.out / "strangers.md", page(rows).encode())


if __name__ == "__main__":
    main()
