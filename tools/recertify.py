"""Measure shipped bundles again, and update their cards and certificates.

    python tools/recertify.py --data FOLDER zoo/up-down.zip ...
    python tools/recertify.py zoo/up-down.zip ...

For a change of how a figure is measured (decision 0016: the arena), or of how a zip is packed. The
model file is unchanged, and so is what the card says about its training; quality must be what
the card states, otherwise nothing is written. Without data nothing is measured: only the folders
of the machine that trained it are removed from texts in the card.
"""

import argparse
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from motefit.certify.check import check
from motefit.certify.facts import is_quality
from motefit.runtime.bundle import load_bundle, write_bundle
from motefit.spec.card import Card
from motefit.spec.certificate import recheck
from motefit.spec.errors import MotefitError
from motefit.spec.files import write_atomic
from motefit.spec.metrics import format_value

OF_THE_RUN = ("search", "seeds")
"""Evidence of the training run; it is not measured on the file."""
FOLDERS = re.compile(r"(?<![\w.:/])/(?:[^\s/\"']+/)+(?=[^\s/\"'])")
"""Folders of an absolute path, up to its last name; no address of the web."""


def without_folders(card: Card) -> Card:
    """Reduce the absolute paths in a card's texts to names, since a card is published."""
    return Card.from_json(FOLDERS.sub("", card.to_json()), where="the card without folders")


def publish(path: Path) -> None:
    """Remove the folders of this machine from the card of a bundle; figures stay."""
    bundle = load_bundle(path)
    card = without_folders(bundle.card)
    if card != bundle.card:
        write_bundle(path, bundle.model, card)
        write_atomic(path.with_suffix(".certificate.json"), recheck(card).to_json())
        print(f"{path.name}: absolute paths removed")


def recertify(path: Path, data: Path) -> None:
    """Measure one bundle and rewrite it.

    Raises:
        MotefitError: when it cannot be measured, or its quality is not what the card states.
    """
    bundle = load_bundle(path)
    with tempfile.TemporaryDirectory() as folder:
        # sizes are measured on the stream that ships, so it is packed first
        packed = write_bundle(Path(folder) / path.name, bundle.model, bundle.card)
        found = check(packed, data, out=Path(folder))
    if not found.same_data:
        raise MotefitError(f"{path}: {data} does not hold the data of the card")
    differences = {item.metric: item for item in found.differences or ()}
    if wrong := [name for name in differences if is_quality(name)]:
        raise MotefitError(f"{path}: {', '.join(wrong)} differ from the card")
    kept = {name: bundle.card.evidence[name] for name in OF_THE_RUN if name in bundle.card.evidence}
    card = without_folders(
        replace(
            found.card,
            evidence={**found.card.evidence, **kept},
            provenance=replace(bundle.card.provenance, machine=found.card.provenance.machine),
        )
    )
    write_bundle(path, bundle.model, card)
    write_atomic(path.with_suffix(".certificate.json"), found.certificate.to_json())
    print(f"{path.name}: budget {'met' if found.certificate.met else 'MISSED'}")
    for name, item in differences.items():
        measured = "nothing" if item.measured is None else format_value(name, item.measured)
        print(f"  {name}: {format_value(name, item.stated)} -> {measured}")


def main() -> None:
    """Measure each bundle given, or clean its card."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundles", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, help="folder or file of the data")
    arguments = parser.parse_args()
    for path in arguments.bundles:
        if arguments.data is None:
            publish(path)
        else:
            recertify(path, arguments.data)


if __name__ == "__main__":
    main()
