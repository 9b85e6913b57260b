"""Latency of rows with words, compared with the published TensorFlow pipelines in one run.

Each row is timed three ways by three protocols: its file after the published front end in
TensorFlow, as the published scripts run it (``"tensorflow"``), its file in motefit's runtime
(``"rebuilt"``), and motefit's answer for the same words (``"answer"``). In every loop of a protocol
each of them runs once, so that whatever slows the machine slows all of them. Nothing else runs in
between, since dozens of other pipelines would leave each of them with cold caches.
"""

import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from motefit.certify.reference_pipeline import reference_model
from motefit.fitting.run_dir import RunDir
from motefit.measure.latency.protocols import (
    LOOPS_2020,
    LOOPS_2024,
    Iteration,
    Latency2020,
    Latency2024,
    interleave,
)
from motefit.measure.machine import this_machine
from motefit.measure.workers.client import Worker, motefit_worker, tensorflow_worker
from motefit.recipes.catalog import find_recipe
from motefit.recipes.published import published_names, published_targets
from motefit.reproduce.plan import digest, is_done, recipe_of
from motefit.reproduce.training import Tell
from motefit.runtime.bundle import load_bundle
from motefit.spec.codec import encode
from motefit.spec.errors import ModelFileError

Table = dict[str, Any]
PROTOCOLS = {"motefit": LOOPS_2024, "2020": LOOPS_2020, "2024": LOOPS_2024}
"""Number of loops of each protocol. motefit's own is that of 2024 without pauses."""
TENSORFLOW, REBUILT, ANSWER = "tensorflow", "rebuilt", "answer"
SAVING = "latency.saving_percent"
SAVING_PROTOCOL = "2024"
PAUSE_S = 0.02
"""Pause after each iteration. With the scripts' 0.1 s a run takes half an hour; a pause makes the
next iteration slower, and one of 0.02 s has nearly the same effect."""
COUNTED = 100
"""Number of final loops that count, in both protocols."""
TOLERANCE = 1e-4
"""Largest difference between the features of both sides, which reach about 20; float32 alone
accounts for 2e-6."""
REMEDY = (
    "--reference must name a Python with TensorFlow and SciPy; in a checkout of motefit, "
    "python tools/tensorflow_env.py creates one and prints its path; elsewhere: python -m venv "
    "tf, tf/bin/pip install tensorflow scipy, --reference tf/bin/python"
)


def require_reference(python: Path) -> str:
    """Make sure that a Python can run the published pipelines, and return its versions.

    Raises:
        RecipeError: if it cannot.
    """
    with tensorflow_worker(python, remedy=REMEDY) as worker:
        return worker.versions


@cache
def answer_of(name: str) -> str:
    """Return the name of the bundle that answers a row; empty for a row without words.

    It is the answer to a budget that the row won, or else the first answer for the same words.

    Args:
        name: name of a published row.
    """
    words = words_of(name)
    if not words:
        return ""
    targets = published_targets().values()
    won = [target.answer for winner, target, _ in targets if winner == name]
    others = [target.answer for _, target, _ in targets]
    return next((a for a in (*won, *others) if words_of(recipe_of(a)) == words), "")


def words_of(name: str) -> frozenset[str]:
    """Return the words of a recipe; none if it has no front end.

    Args:
        name: name of a published row or a shipped recipe.
    """
    recipe = find_recipe(name)
    return frozenset(recipe.data.words) if recipe.frontend is not None else frozenset()


def references() -> dict[str, str]:
    """Map each untrained reference pipeline to the row whose saving is relative to it."""
    targets = published_targets().values()
    return {budget.reference: winner for winner, _, budget in targets if budget.reference}


def models_of(name: str, shipped: Mapping[str, str]) -> dict[str, str]:
    """Identify the models behind a row's figures, which are invalid once one of them changes.

    Args:
        name: name of a published row.
        shipped: hashes of the existing model files, by the names of rows and answers.
    """
    if name in references():
        return {TENSORFLOW: digest(name)}
    sides = {REBUILT: name, ANSWER: answer_of(name)}
    return {side: shipped[of] for side, of in sides.items() if of in shipped}


def time_rows(
    names: Iterable[str], out: Path, python: Path, *, pause_s: float = PAUSE_S, tell: Tell
) -> Table:
    """Time rows that have words and a finished run.

    Args:
        names: names of published rows; those without words or a finished run are skipped.
        out: folder of the runs.
        python: Python of an environment with TensorFlow and SciPy.
        pause_s: pause after each iteration, in the published protocols.
        tell: function that receives a line about what is timed.

    Reiterations:
        ``runs`` and ``rows``, as :func:`kept` takes them; empty if there is nothing to time.

    Raises:
        RecipeError: if the Python cannot run the published pipelines.
        ModelFileError: if TensorFlow cannot run a file, or its front end computes different
            features.
    """
    rows = [n for n in names if answer_of(n) and n not in references() and _bundle(n, out)]
    rows += [name for name, winner in references().items() if winner in rows]
    if not rows:
        tell("latencies: none of the requested rows has words and a finished run")
        return {}
    started, machine = datetime.now(UTC), this_machine()
    run = started.isoformat(timespec="seconds")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        published = stack.enter_context(tensorflow_worker(python, remedy=REMEDY))
        own = stack.enter_context(motefit_worker())
        entries = {name: _TimedModel(name, out, folder, published, own) for name in rows}
        pipelines = len({key for entry in entries.values() for key in entry.keys.values()})
        tell(f"latencies: {pipelines} pipelines of {len(rows)} rows")
        for group in _groups(rows):
            tell(f"latencies: {', '.join(group)}")
            together = [entries[name] for name in group]
            for protocol, loops in PROTOCOLS.items():
                iterations = dict(
                    pair for entry in together for pair in entry.iterations(protocol).items()
                )
                pause = 0.0 if protocol == "motefit" else pause_s
                times_ns = interleave(iterations, loops=loops, pause_s=pause)
                for entry in together:
                    entry.facts[protocol] = entry.figures(protocol, times_ns, pause_s=pause)
        versions = published.versions
    facts = {
        "machine": encode(machine),
        "tensorflow": versions,
        "threads": 1,
        "resolver": "xnnpack",
        "pause_s": pause_s,
        "pipelines": pipelines,
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 1),
    }
    return {
        "runs": {run: facts},
        "rows": {name: {"run": run, **entry.facts} for name, entry in entries.items()},
    }


def _groups(rows: Iterable[str]) -> list[list[str]]:
    """Group the rows timed together: each row alone, or with its reference pipeline."""
    groups = {name: [name] for name in rows if name not in references()}
    for name, winner in references().items():
        if winner in groups:
            groups[winner].append(name)
    return list(groups.values())


def merged(before: Mapping[str, Any], new: Mapping[str, Any]) -> Table:
    """Replace earlier latencies by those of a new run."""
    return {key: {**before.get(key, {}), **new.get(key, {})} for key in ("runs", "rows")}


def kept(latency: Mapping[str, Any], shipped: Mapping[str, str]) -> Table:
    """Keep the stored latencies of existing model files, in the order of the reports.

    Args:
        latency: ``runs`` and ``rows``.
        shipped: hashes as in :func:`models_of`.
    """
    stored = latency.get("rows", {})
    rows = {
        name: stored[name]
        for name in published_names()
        if name in stored and stored[name]["models"] == models_of(name, shipped)
    }
    wanted = {row["run"] for row in rows.values()}
    runs = {run: facts for run, facts in latency.get("runs", {}).items() if run in wanted}
    return {"runs": runs, "rows": rows}


def savings(latency: Mapping[str, Any], winner: str, reference: str) -> dict[str, float]:
    """Compute how much less time each side of a row takes than the TensorFlow reference pipeline.

    ``100 (reference - ours) / reference`` of the median totals by the protocol of 2024, in percent;
    empty unless both were timed in the same run.

    Args:
        latency: ``runs`` and ``rows``.
        winner: name of the row.
        reference: row of the reference pipeline.
    """
    ours, theirs = (latency["rows"].get(name) for name in (winner, reference))
    if not ours or not theirs or ours["run"] != theirs["run"]:
        return {}
    against = theirs[SAVING_PROTOCOL][TENSORFLOW]["total_ms"]
    totals = {side: figures["total_ms"] for side, figures in ours[SAVING_PROTOCOL].items()}
    return {side: 100 * (against - total) / against for side, total in totals.items()}


def _bundle(bundle: str, out: Path) -> Path | None:
    """Find the bundle of a finished run by the name of a row or an answer."""
    recipe = bundle if bundle in published_names() else recipe_of(bundle)
    folder = out / recipe
    return RunDir(folder).bundle_path(bundle) if is_done(folder, find_recipe(recipe)) else None


class _TimedModel:
    """A row in a run: its pipelines, the workers that time them, and the figures."""

    def __init__(self, name: str, out: Path, folder: Path, published: Worker, own: Worker) -> None:
        self.keys = {TENSORFLOW: f"{name} in TensorFlow"}
        self._workers: dict[str, Worker] = {TENSORFLOW: published}
        bundle = None if name in references() else _bundle(name, out)
        shipped: dict[str, str] = {}
        if bundle is None:
            model, io = reference_model(name)
        else:
            loaded = load_bundle(bundle)
            model, io = loaded.model, loaded.card.io
            shipped[name] = loaded.card.model_sha256
        file = folder / f"{name}.tflite"
        file.write_bytes(model)
        features = published.add(self.keys[TENSORFLOW], file, io.frontend)
        if bundle is not None:
            self.keys[REBUILT], self._workers[REBUILT] = name, own
            _require_equal(name, features, own.add(name, bundle, io.frontend))
        answer = answer_of(name)
        path = _bundle(answer, out) if bundle is not None else None
        if path is not None:
            card = load_bundle(path).card
            self.keys[ANSWER], self._workers[ANSWER] = answer, own
            own.add(answer, path, card.io.frontend)
            shipped[answer] = card.model_sha256
        self.facts: Table = {"answer": answer, "models": models_of(name, shipped)}

    def iterations(self, protocol: str) -> dict[str, Iteration]:
        """Return an iteration of each pipeline by key; rows with the same answer share its key."""
        steps = "2024" if protocol == "motefit" else protocol
        return {key: self._workers[side].turn(key, steps) for side, key in self.keys.items()}

    def figures(
        self, protocol: str, times_ns: Mapping[str, np.ndarray], *, pause_s: float
    ) -> dict[str, dict[str, float]]:
        """Return the protocol's figures and the 25th percentile of the total, by side."""
        kind = Latency2020 if protocol == "2020" else Latency2024
        found: dict[str, dict[str, float]] = {}
        for side, key in self.keys.items():
            times = times_ns[key]
            figures = encode(kind.of(times, pause_s=pause_s))
            low = float(np.percentile(times[-COUNTED:, -1], 25)) / 1e6
            found[side] = {k: v for k, v in figures.items() if k.endswith("_ms")} | {
                "total_p25_ms": low
            }
        return found


def _require_equal(name: str, published: np.ndarray, ours: np.ndarray) -> None:
    off = float(np.abs(published - ours).max())
    if not off < TOLERANCE:
        raise ModelFileError(
            f"{name}: TensorFlow's front end does not compute the same as motefit's (features "
            f"differ by {off:.3g}), so their times cannot be compared"
        )
