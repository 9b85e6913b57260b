"""Time a report of many candidates in a headless Chromium: opening, and sorting its table.

``python benchmarks/report_page/measure.py [--candidates 1000] [--page report.html]`` prints the
page's size, the time until it is drawn, and of each sort with its layout the best of five times and
the processor time, which other programs do not lengthen. Candidates are invented unless a page is
given; the page is the one that ``motefit report`` writes.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from motefit.report.render import render_report
from motefit.report.report_facts import ReportFacts
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model
from motefit.spec.certificate import recheck

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from report_pictures import browser  # noqa: E402 - a tool beside the package

EPOCHS, RUNG = 60, 20
PROBE = """
onload = () => {
  const view = frames[0], page = view.document, clock = () => performance.now();
  page.body.offsetHeight;
  const found = {opened_ms: view.performance.now(), sorts_ms: []};
  for (const button of page.querySelectorAll('#candidates-table thead button')) {
    const best = [Infinity, Infinity];  // rising and falling: others may use the machine too
    for (let i = 0; i < 10; i++) {
      const before = clock();
      button.click();
      page.body.offsetHeight;
      best[i % 2] = Math.min(best[i % 2], clock() - before);
    }
    found.sorts_ms.push(...best);
  }
  document.body.innerHTML = '';
  document.body.textContent = JSON.stringify(found);
};
"""


def invented(count: int) -> ReportFacts:
    """Return the facts of a shipped model with many invented candidates."""
    bundle = load_bundle(find_model("up-down"))
    rng = np.random.default_rng(0)
    rows = []
    for i in range(count):
        status = str(rng.choice(["trained", "stopped", "rejected"], p=[0.4, 0.4, 0.2]))
        width, depth, seed = rng.integers(8, 64), rng.integers(1, 8), rng.integers(4)
        size = int(9000 + 40 * width * depth + rng.integers(300))
        row = {
            "values": {
                "model.width": int(width), "model.depth": int(depth), "seed": int(seed),
                "train.learning_rate": float(rng.uniform(1e-4, 1e-2)),
            },
            "status": status if i else "chosen",
            "tflite_bytes": 2 * size, "macs": 100 * size,
        }  # fmt: skip
        if status == "rejected" and i:
            rows.append({**row, "reason": f"size.tflite_bytes is {2 * size} B, bound < 40 KB"})
            continue
        epochs = EPOCHS if status == "trained" else RUNG
        accuracy = 1 - 0.5 * float(width * depth) ** -0.5 - float(rng.uniform(0, 0.02))
        curve = accuracy * (1 - 0.6 * 0.9 ** np.arange(epochs)) - rng.uniform(0, 0.01, epochs)
        qualities = {"accuracy": accuracy, "balanced_accuracy": accuracy - 0.002}
        rows.append({
            **row, "zip_bytes": size, "total_ms": size / 9e4, "epochs": epochs,
            "validation": qualities, "curve": [float(f"{v:.5g}") for v in curve],
        })  # fmt: skip
    inspection = bundle.file.inspection
    return ReportFacts(
        card=bundle.card,
        certificate=recheck(bundle.card),
        byte_map=inspection.bytes_by_part,
        operations=(),
        candidates=tuple(rows),
        name=f"{count} candidates",
    )


def timed(page: Path, folder: Path) -> dict[str, Any]:
    """Open a page in a frame, sort its table by every column, and return the times.

    Those of the processor are in Chromium's trace of the clicks.
    """
    wrapper = folder / "wrapper.html"
    frame = f'<iframe src="{page.as_uri()}" style="width:1280px;height:900px"></iframe>'
    wrapper.write_text(f"<!doctype html><script>{PROBE}</script><body>{frame}", encoding="utf-8")
    trace = folder / "trace.json"
    command = [
        browser(), "--headless", "--trace-startup=devtools.timeline", "--trace-startup-format=json",
        f"--trace-startup-file={trace}", "--trace-startup-duration=0",
        "--no-sandbox", "--disable-gpu", "--dump-dom",
        "--allow-file-access-from-files", f"--user-data-dir={folder / 'profile'}", wrapper.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    body = re.search(r"<body>(\{.*?\})</body>", done.stdout, re.DOTALL)
    if body is None:
        raise SystemExit(f"the page did not answer: {done.stderr[-1000:]}")
    clicks = [
        event["tdur"] / 1000
        for event in json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
        if event.get("args", {}).get("data", {}).get("type") == "click" and "tdur" in event
    ]
    return {**json.loads(body[1]), "clicks_cpu_ms": clicks}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--candidates", type=int, default=1000)
    parser.add_argument("--page", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        page = given.page or Path(name) / "report.html"
        if given.page is None:
            start = time.perf_counter()
            page.write_text(render_report(invented(given.candidates)), encoding="utf-8")
            print(f"written in {time.perf_counter() - start:.2f} s")
        size = page.stat().st_size
        found = timed(page.resolve(), Path(name))
        rows = page.read_text(encoding="utf-8").count('<tr id="c')
    sorts = sorted(found["sorts_ms"])
    print(f"{rows} candidates, page of {size / 1e6:.2f} MB")
    print(f"load average {os.getloadavg()[0]:.1f}")
    print(f"drawn {found['opened_ms']:.0f} ms after opening")
    print(
        f"{len(sorts)} sorts, each the best of 5: fastest {sorts[0]:.0f} ms, "
        f"median {sorts[len(sorts) // 2]:.0f} ms, slowest {sorts[-1]:.0f} ms"
    )
    clicks = found["clicks_cpu_ms"]
    print(
        f"processor time of {len(clicks)} sorts: median {statistics.median(clicks):.1f} ms, "
        f"most {max(clicks):.1f} ms"
    )


if __name__ == "__main__":
    main()
