"""``check --stream``: false accepts, misses and latency of a model in long recordings alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from motefit.data.stream_folder import LongRecording, find_stream, recordings_key
from motefit.measure.stream_measurement import count, find_candidates, stream_evidence
from motefit.runtime.bundle import load_bundle
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.search.progress import Listener
from motefit.spec.budget import Budget
from motefit.spec.certificate import Certificate, certify
from motefit.spec.decision import Decision
from motefit.spec.errors import DataError
from motefit.spec.metrics import STREAM_PREFIX, format_value
from motefit.spec.recipe import Recipe
from motefit.spec.stream_evidence import RECORDINGS, StreamEvidence
from motefit.spec.tables import Item, Printable, ResultTable, Styled, Text
from motefit.spec.tasks.speech_spec import NAME

CURVE_ROWS = 8
"""Number of thresholds that are printed; JSON has all."""


@dataclass(frozen=True, kw_only=True, repr=False)
class StreamCheck(Printable):
    """Result of listening to long recordings.

    Attributes:
        certificate: of the ``stream`` lines of the budget; met if there are none.
        facts: value by metric name.
        evidence: counts and the curve over thresholds, as a card has them under ``"stream"``.
        stream: counts with exact limits.
        decision: decision that was applied.
        recordings: number of recordings, and number of those with a list of words.
    """

    certificate: Certificate
    facts: Mapping[str, float]
    evidence: Mapping[str, Any]
    stream: StreamEvidence
    decision: Decision
    recordings: tuple[int, int]

    @property
    def met(self) -> bool:
        """Whether every ``stream`` line of the budget passes."""
        return self.certificate.met

    def content(self) -> list[Item]:
        """List values, limits, verdicts and the curve."""
        number, listed = self.recordings
        head = f"{number} recordings, {listed} with a list of words"
        return [
            f"{head}; threshold {self.decision.threshold:.4g}",
            self._values(),
            *self.stream.sentences,
            "",
            self._curve(),
        ]

    def _values(self) -> ResultTable:
        lines = {line.metric: line for line in self.certificate.lines}
        rows: list[tuple[Text, ...]] = []
        for name in sorted({*lines, *self.facts}):
            line = lines.get(name)
            if line is None:
                rows.append((name, "", format_value(name, self.facts[name]), ""))
                continue
            style: Any = "good" if line.verdict == "pass" else "bad"
            rows.append((name, line.bound, line.measured, Styled(line.verdict, style)))
        return ResultTable(
            titles=("metric", "bound", "measured", "verdict"), align="lrrl", rows=rows
        )

    def _curve(self) -> ResultTable:
        found = self.evidence[RECORDINGS]
        points, hours, words = found["curve"], found["seconds"] / 3600, found["words"]
        step = max(-(-len(points) // CURVE_ROWS), 1)
        rows: list[tuple[Text, ...]] = [
            (
                f"{threshold:.4f}",
                f"{100 * missed / words:.2f} %" if words else "-",
                f"{false / hours:.2f}",
            )
            for threshold, missed, false in points[::step]
        ]
        return ResultTable(
            titles=("threshold", "misses", "false accepts per hour"), align="rrr", rows=rows
        )


def check_stream(
    model: Path,
    stream: Path,
    *,
    recipe: Recipe | None = None,
    listener: Listener | None = None,
) -> StreamCheck:
    """Listen to the long recordings of a folder with a bundle, as a device would.

    Args:
        model: bundle, or .tflite with its card.
        stream: folder of recordings; lists of words beside them are optional.
        recipe: its budget replaces the card's.
        listener: receives progress.

    Raises:
        ModelFileError: if the model is damaged, or not a keyword model.
        DataError: if a recording or a list cannot be used, or lists name none of the words.
    """
    listener = listener or Listener()
    silence_litert()
    bundle = load_bundle(model, task=NAME)
    recordings = find_stream(stream).test
    listener.measuring(f"{len(recordings)} recordings")
    spotter = KeywordSpotter(bundle.model, bundle.card.io)
    _require_words(recordings, spotter.io.words)
    candidates = find_candidates(spotter, recordings, progress=listener.listening)
    evidence = {**stream_evidence({RECORDINGS: candidates}), "sha256": recordings_key(recordings)}
    found = StreamEvidence.read(evidence)
    if found is None or not count(candidates).seconds:
        raise DataError(f"{stream}: the recordings have no sound; give longer ones")
    budget = _stream_budget(bundle.card.recipe if recipe is None else recipe.to_table())
    return StreamCheck(
        certificate=certify(
            found.facts,
            budget,
            evidence={"stream": evidence},
            model_sha256=bundle.card.model_sha256,
        ),
        facts=found.facts,
        evidence=evidence,
        stream=StreamEvidence.read(evidence, budget) or found,
        decision=candidates.decision,
        recordings=(len(recordings), sum(one.listed for one in recordings)),
    )


def _require_words(recordings: tuple[LongRecording, ...], known: tuple[str, ...]) -> None:
    """Reject lists that name none of the model's words: they belong to another model."""
    named = {word.word for recording in recordings for word in recording.words}
    if named and not named & set(known):
        raise DataError(
            f"the lists name {', '.join(sorted(named)[:5])}, but the model knows only "
            f"{', '.join(known)}: check their spelling"
        )


def _stream_budget(recipe: Mapping[str, Any]) -> Budget:
    """Return the ``stream`` lines of a recipe's budget."""
    budget = Budget.from_table(recipe.get("budget", {}), where="[budget]")
    bounds = tuple(b for b in budget.bounds if b.metric.startswith(STREAM_PREFIX))
    return Budget(bounds=bounds)
