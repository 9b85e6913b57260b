"""The zoo's spotters in C on their whole test sets, in float32 and in fixed point.

``python tools/c_zoo.py --data DATA`` prints for each model and front end: clips, clips whose int8
outputs equal those of LiteRT's builtin kernels, clips with Python's label, right labels in Python
and in C, and the largest difference of a normalized feature. Needs a C compiler.
Exit code 1: one of them does not agree.
"""

import argparse
import sys
from pathlib import Path

from motefit.certify.check import recipe_of
from motefit.codegen.agreement import compiled_bundle
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model, model_names
from motefit.spec.tasks.speech_spec import NAME
from motefit.tasks import TASKS


def main() -> None:
    """Compare the given models, or all spotters."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", help="names of shipped models; none: all spotters")
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    proven = True
    print("| model | front end | clips | equal outputs | same label | right | right in C | error |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.models or model_names():
        path = find_model(name)
        bundle = load_bundle(path)
        if bundle.card.task != NAME:
            continue
        task = TASKS.find(NAME)
        dataset = task.load(recipe_of(bundle.card, path), arguments.data)
        for fixed in (False, True):
            with compiled_bundle(bundle, name, fixed=fixed) as compiled:
                found = task.compare_c(compiled, bundle, dataset, "test")
            proven = proven and found.proven
            print(
                f"| {name} | {'fixed point' if fixed else 'float32'} | {found.examples} "
                f"| {found.equal_outputs} | {found.equal_answers} | {found.right_in_python} "
                f"| {found.right_in_c} | {found.feature_error:.2g} |",
                flush=True,
            )
    sys.exit(0 if proven else 1)


if __name__ == "__main__":
    main()
