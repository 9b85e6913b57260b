"""A node through a day of sound, as fast as it goes: memory, processor time, nothing left over.

Usage: MOTEFIT_DATA=FOLDER python benchmarks/node/day.py [--model up-down] [--hours 24] [--seed 0]
       python benchmarks/node/day.py --page     # write day.md again from day.json

The microphone is a WAV file: the hour of hour.py, again and again. Logging is on at the start and
switched by the words heard. Beside the simulated room there is a sensor that measures the memory
of its own process every 2 s while logging is on; the table compares its mean over ten minutes after
the first hour with that over the last ten minutes of logging, and gives the most in between. It
needs 115 MB of disk for each hour. Beside it are the instructions that an emulated Arm processor
needs for a second of sound, from ../arm/results.json: the front end of a clip of a second, and as
many inferences as the stream makes in a second, without the rest of the node. Writes day.json and
day.md beside this file.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import time
import wave
from array import array
from pathlib import Path

import numpy as np
from hour import RATE_HZ, script

import motefit
from motefit.certify.provenance import machine
from motefit.deploy.reading import Quantity
from motefit.deploy.sensors import SENSORS
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.runtime.streaming.spotter import StreamingSpotter
from motefit.runtime.zoo import find_model
from motefit.spec.codec import dumps_json
from motefit.spec.files import write_atomic

HERE = Path(__file__).parent
EVERY_S = 2.0
PAGE_BYTES = resource.getpagesize()


class OwnMemory:
    """Resident memory of this process, which keeps what it measured."""

    quantities = (Quantity(name="memory", unit="B"),)
    least_interval_s = 0.0

    def __init__(self) -> None:
        self.found = array("d")  # time and memory in turn, 16 bytes for both

    def read(self, now_s: float) -> dict[str, float]:
        used = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
        self.found.extend((now_s, used))
        return {"memory": float(used)}

    def close(self) -> None:
        pass


def write_day(path: Path, hour: np.ndarray, hours: int) -> None:
    """Write the sound of an hour several times."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        for _ in range(hours):
            file.writeframes(hour.astype("<i2").tobytes())


def run(model: str, microphone: Path, folder: str) -> dict[str, object]:
    """Run a node through the sound."""
    memory = OwnMemory()
    SENSORS.register("own-memory", lambda _: memory)
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    result = motefit.monitor(
        tell=lambda _: None,
        sensors=["room", "own-memory"],
        sink=f"sqlite:{folder}/readings.db",
        outbox=f"{folder}/outbox.db",
        node="node",
        every_s=EVERY_S,
        model=model,
        on="up",
        off="down",
        start="on",
        microphone=str(microphone),
    )
    wall_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    return {
        "model": model,
        "hours": result.seconds / 3600,
        "speed": result.seconds / wall_s,
        "cpu_share": cpu_s / result.seconds,
        **growth(memory.found),
        "readings": result.counts.readings,
        "sent": result.sent,
        "waiting": result.waiting,
        "switches": result.counts.switches,
        "machine": machine(),
    }


def growth(found: "array[float]") -> dict[str, float]:
    """Compare the memory after an hour with that at the end."""
    times, used = np.array(found).reshape(-1, 2).T
    since = times - times[0]
    first = used[(since >= 3600) & (since < 3600 + 600)]
    last = used[since >= since[-1] - 600]
    if not len(first):
        return {"memory_bytes": float(used[-1])}
    return {
        "memory_bytes": float(first.mean()),
        "last_bytes": float(last.mean()),
        "most_bytes": float(used[since >= 3600].max()),
        "growth": float(last.mean() / first.mean() - 1),
    }


def instructions(model: str, cpu: str) -> str:
    """Compute the instructions for a second of sound from those for a clip; empty if unknown."""
    found = json.loads((HERE.parent / "arm" / "results.json").read_text())["results"]
    for result in found:
        if (result["model"], result["cpu"]) == (model, cpu):
            silence_litert()
            counts = result["instructions"]
            spotter = StreamingSpotter(KeywordSpotter.load(find_model(model)))
            return f"{(counts['frontend'] + counts['xnnpack'] / spotter.hop_s) / 1e6:.1f} million"
    return ""


def page(row: dict[str, object]) -> str:
    """Write the table."""

    def number(name: str) -> float:
        return float(str(row.get(name, "nan")))

    rows = [
        ("sound", f"{number('hours'):.1f} hours"),
        ("speed", f"{number('speed'):.0f} times real time"),
        ("processor time for each second of sound, one core", f"{number('cpu_share'):.2%}"),
        *((f"instructions for each second of sound, emulated {cpu}", text)
          for cpu in ("cortex-a72", "cortex-a76")
          if (text := instructions(str(row["model"]), cpu))),
        ("memory after an hour (10 minutes' mean)", f"{number('memory_bytes') / 1e6:.2f} MB"),
        ("memory at the end (10 minutes' mean)", f"{number('last_bytes') / 1e6:.2f} MB"),
        ("growth after the first hour", f"{number('growth'):+.2%}"),
        ("most memory after the first hour", f"{number('most_bytes') / 1e6:.2f} MB"),
        ("readings; sent; left in the outbox",
         f"{row['readings']}; {row['sent']}; {row['waiting']}"),
        ("switches", str(row["switches"])),
    ]  # fmt: skip
    lines = [
        "# A node through a day of sound\n",
        f"Written by `benchmarks/node/day.py`, which says how: {row['model']}, {row['machine']}.\n",
        "| | |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in rows),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make the sound, run the node, write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="up-down")
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--page", action="store_true")
    options = parser.parse_args()
    if options.page:
        write_atomic(HERE / "day.md", page(json.loads((HERE / "day.json").read_text())))
        return
    if not os.environ.get("MOTEFIT_DATA"):
        sys.exit("MOTEFIT_DATA must name the folder of speech/ and negatives/")
    with tempfile.TemporaryDirectory() as folder:
        microphone = Path(folder) / "microphone.wav"
        hour, _ = script(Path(os.environ["MOTEFIT_DATA"]), 60, options.seed)
        write_day(microphone, hour, options.hours)
        del hour
        row = run(options.model, microphone, folder)
    row["seed"] = options.seed
    sys.stdout.write(page(row))
    sys.stdout.write(json.dumps(row) + "\n")
    if options.hours == 24:
        write_atomic(HERE / "day.json", dumps_json(row))
        write_atomic(HERE / "day.md", page(row))


if __name__ == "__main__":
    main()
