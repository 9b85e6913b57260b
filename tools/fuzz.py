"""Give every loader damaged files and count what it does: read, refused, or a fault.

``python tools/fuzz.py [--seconds N] [--seed N] [LOADER ...]``. Files that motefit makes (shipped
bundles and their cards, a recipe, a clip, a table) are damaged: bytes change, are repeated, cut out
or swapped, and numbers become the ones that programs trip over. A loader may read the result or
refuse it with a message; anything else is a fault, whose input is kept in the folder
``build/fuzz`` and whose traceback is printed. The exit code is 1 if there was one. ``litert`` runs
the models that pass the gate's first checks in LiteRT, in a process of their own each.
"""

import argparse
import collections
import os
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from motefit.data.decode import decode_clip
from motefit.data.series import read_series
from motefit.data.synth.sound import write_wav
from motefit.measure.claims import read_claims
from motefit.recipes.catalog import find_recipe
from motefit.runtime.bundle import load_bundle
from motefit.runtime.gate import vouch
from motefit.runtime.zoo import find_model
from motefit.signal.wav import read_wav
from motefit.spec.card import Card
from motefit.spec.certificate import Certificate
from motefit.spec.codec import dumps_toml
from motefit.spec.errors import MotefitError
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.series_spec import SeriesData
from motefit.tflite.archive import unpack
from motefit.tflite.inspect import inspect
from motefit.tflite.model import ModelFile
from motefit.tflite.model_trial import try_model
from motefit.tflite.shrink import shrink
from motefit.tflite.validate import check_structure, validate

KEPT = Path("build/fuzz")
NAMES = ("yes-no", "climate-6", "climate-6-clock")
TRIPS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
Loader = Callable[[bytes], object]


def damaged(data: bytes, rng: random.Random) -> bytes:
    """Damage some bytes, as a bad copy or a bad intention does."""
    made = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        at = rng.randrange(len(made))
        kind = rng.randrange(6)
        if kind == 0:
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            made[at] = rng.randrange(256)
        elif kind == 2:
            size = rng.choice((1, 2, 4))
            value = rng.choice(TRIPS) & ((1 << 8 * size) - 1)
            made[at : at + size] = value.to_bytes(size, "little")
        elif kind == 3 and len(made) > 64:
            del made[at : at + rng.randrange(1, 32)]
        elif kind == 4:
            made[at:at] = made[at : at + rng.randrange(1, 32)] * rng.choice((1, 2, 100))
        else:
            other = rng.randrange(len(made))
            size = rng.randrange(1, 16)
            made[at : at + size] = made[other : other + size]
    return bytes(made)


def main() -> int:
    """Run the loaders; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("loaders", nargs="*", help="names; all by default")
    parser.add_argument("--seconds", type=float, default=20.0, help="per loader")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MOTEFIT_CACHE"] = folder
        table = loaders(Path(folder))
        for name in options.loaders or table:
            sources, load = table[name]
            faults += fuzz(name, sources, load, options.seconds, random.Random(options.seed))  # noqa: S311
    return int(faults > 0)


def fuzz(
    name: str, sources: Sequence[bytes], load: Loader, seconds: float, rng: random.Random
) -> int:
    """Run one loader for some seconds, print its counts and return the number of faults."""
    counts: collections.Counter[str] = collections.Counter()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        data = damaged(rng.choice(sources), rng)
        try:
            load(data)
            counts["read"] += 1
        except MotefitError as error:
            text = str(error)
            counts["refused"] += 1
            counts["crashes contained"] += "crashes LiteRT" in text
            counts["hangs contained"] += "did not finish" in text
        except Exception:  # noqa: BLE001 - what this looks for
            counts["faults"] += 1
            KEPT.mkdir(parents=True, exist_ok=True)
            (KEPT / f"{name}-{counts['faults']}").write_bytes(data)
            if counts["faults"] <= 3:
                traceback.print_exc()
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    total = counts["read"] + counts["refused"] + counts["faults"]
    print(f"{name:12s} {total:8d} inputs: {told}", flush=True)
    return counts["faults"]


def loaders(folder: Path) -> dict[str, tuple[list[bytes], Loader]]:
    """Return sources and function of each loader by its name."""
    bundles = [load_bundle(find_model(name)) for name in NAMES]
    models = [bundle.model for bundle in bundles]
    zips = [find_model(name).read_bytes() for name in NAMES]
    cards = [bundle.card.to_json().encode() for bundle in bundles]
    certificates = [
        path.read_bytes() for path in find_model(NAMES[0]).parent.glob("*.certificate.json")
    ]
    recipe = dumps_toml(find_recipe("quickstart").to_table()).encode()
    write_wav(folder / "clip.wav", np.arange(4000, dtype=np.int16), 16_000)
    rows = "".join(
        f"2024-01-{d:02d} {h:02d}:00,{d}.5,{h}\n" for d in range(1, 9) for h in range(24)
    )
    series = SeriesData(
        time="time", inputs=("a", "b"), targets=("a",), step_minutes=60, time_format=""
    )

    def by_path(name: str, read: Callable[[Path], object]) -> Loader:
        path = folder / name

        def load(data: bytes) -> object:
            path.write_bytes(data)
            return read(path)

        return load

    def whole(data: bytes) -> None:
        file = ModelFile(data=data)
        file.inspection  # noqa: B018 - reads it
        read_claims(file)
        validate(data, file.tables)

    def in_litert(data: bytes) -> None:
        check_structure(ModelFile(data=data).tables)
        try_model(data)

    def bundle(path: Path) -> None:
        model, _ = unpack(path.read_bytes(), where="", companion="card.json")
        vouch(ModelFile(data=model.content))  # LiteRT is the part of another loader
        load_bundle(path)

    clip = (folder / "clip.wav").read_bytes()
    return {
        "inspect": (models, lambda data: (inspect(data), whole(data))),
        "shrink": (models, shrink),
        "litert": (models, in_litert),
        "bundle": (zips, by_path("a.zip", bundle)),
        "card": (cards, lambda data: Card.from_json(data.decode(errors="replace"))),
        "certificate": (
            certificates, lambda data: Certificate.from_json(data.decode(errors="replace")),
        ),
        "recipe": ([recipe], lambda data: Recipe.loads(data.decode(errors="replace"), name="a")),
        "wav": ([clip], by_path("b.wav", read_wav)),
        "clip": ([clip], by_path("c.wav", lambda path: decode_clip(path, rate_hz=16_000))),
        "series": (
            [b"time,a,b\n" + rows.encode()],
            by_path("d.csv", lambda path: read_series(path, series)),
        ),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
