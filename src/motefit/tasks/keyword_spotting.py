"""Keyword spotting: its part in each step of the pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from motefit.codegen.agreement import CAgreement, compare_speech
from motefit.codegen.compiled import CompiledModel
from motefit.data.damage import BrokenFile
from motefit.data.own_recordings import add_recordings, split_of_recordings, synthetic_only
from motefit.data.quality import SpeechAudit, audit_speech
from motefit.data.rejects.synthetic_rejects import spoken_words
from motefit.data.scripted_stream import script_stream
from motefit.data.speakers import unseen
from motefit.data.speech import SpeechDataset, exclude_overlap, find_broken, load_speech, relabeled
from motefit.data.stream_folder import StreamFolder, find_stream, recordings_key
from motefit.data.tree import composed
from motefit.graph.families import Problem
from motefit.measure.accuracy import Accuracy, probabilities_of, score_words
from motefit.measure.baselines import majority_class
from motefit.measure.decision_rule import choose_decision
from motefit.measure.hard_negatives import find_hard_negatives
from motefit.measure.hardest_clips import TOPIC, hardest_clips
from motefit.measure.latency.paired import BenchmarkCase
from motefit.measure.rejections import measure_rejections
from motefit.measure.stream_measurement import (
    Sound,
    StreamCandidates,
    StreamProgress,
    find_candidates,
    stream_evidence,
    stream_facts,
)
from motefit.runtime.bundle import Bundle
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.spec.codec import dumps_json, encode
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.recipe import Recipe
from motefit.spec.stream_evidence import RECORDINGS, SCRIPTED
from motefit.spec.tasks import TASK_SPECS
from motefit.spec.tasks.speech_spec import LISTED_SPLITS, NAME, SpeechData, SpeechIO
from motefit.tasks import TASKS, Measurement, Progress, Subset, Task, TeacherData
from motefit.tflite.label_files import label_files
from motefit.tflite.model import ModelFile

STREAM_SEED = 0
"""Seed of the scripted stream: order, gaps and noise."""
SPEAKERS_UNKNOWN = "speakers unknown"
"""Entry of a card in place of an accuracy on unseen speakers."""

if TYPE_CHECKING:
    from motefit.train.speech_source import SpeechSource

UNBALANCED = 3
"""Ratio of clips of the most frequent to the rarest word above which the audit has a note."""


class KeywordSpotting(Task[SpeechDataset, SpeechIO, "SpeechSource"]):
    """Classification of clips of one word each."""

    name: ClassVar[str] = NAME

    def load(
        self, recipe: Recipe, data: Path | None, *, progress: Progress | None = None
    ) -> SpeechDataset:
        """Decode the clips of a folder of words, synthesize them, or do both; find the stream."""
        dataset = self._load_clips(recipe, data, progress)
        stream = recipe.data.stream
        if not stream:
            return dataset
        found = StreamFolder() if stream == SCRIPTED else find_stream((data or Path()) / stream)
        return replace(dataset, stream=found)

    def _load_clips(
        self, recipe: Recipe, data: Path | None, progress: Progress | None
    ) -> SpeechDataset:
        always = recipe.data.synthetic == "always"
        if data is not None and not always:
            return _load_folder(data, recipe, recipe.data, progress)
        folder = self._synthesize(recipe, progress)
        synthetic = _load_folder(folder, recipe, recipe.data, progress)
        if not always:
            return synthetic
        if data is None:
            return synthetic_only(synthetic)
        own = _load_folder(data, recipe, split_of_recordings(recipe.data), progress)
        return add_recordings(synthetic, own, share_percent=recipe.data.recordings_percent)

    def data_settings(self, recipe: Recipe) -> str:
        """Return the words, and the rate and length of the clips, as text."""
        frontend = _frontend(recipe)
        return dumps_json([recipe.data, frontend.rate_hz, frontend.seconds])

    def _synthesize(self, recipe: Recipe, progress: Progress | None) -> Path:
        words = recipe.data.words
        if not words:
            raise RecipeError(
                "synthetic speech needs words: give --words up,down, or words = [...] in [data], "
                "or --data"
            )
        if recipe.data.split in LISTED_SPLITS and not recipe.data.lists:
            raise RecipeError(
                f'the recipe asks for split = "{recipe.data.split}", and synthetic speech has no '
                'published lists: give --data FOLDER, or use split = "stratified" in a copy of '
                "the recipe (motefit recipes NAME > mine.toml)"
            )
        frontend = _frontend(recipe)
        return spoken_words(
            words,
            recipe.data,
            rate_hz=frontend.rate_hz,
            seconds=frontend.seconds,
            progress=progress,
        )

    def broken(self, recipe: Recipe, data: Path) -> Sequence[BrokenFile]:
        """List every clip and noise file that cannot be decoded."""
        return find_broken(data, recipe.data)

    def damaged(self, dataset: SpeechDataset) -> Sequence[BrokenFile]:
        """List the clips and noise files that cannot be decoded and were left out."""
        return dataset.damaged

    def data_key(self, dataset: SpeechDataset) -> str:
        """Return the content hash of clips, labels and split."""
        return dataset.key

    def problem(self, recipe: Recipe, dataset: SpeechDataset) -> Problem:
        """Return the shapes: features of a clip in, one number per word and reject class out."""
        return Problem(input_shape=_frontend(recipe).shape, outputs=len(dataset.labels))

    def loss(self, recipe: Recipe) -> Literal["cross-entropy"]:
        """Return the cross-entropy, the only loss of this task."""
        if recipe.train.loss not in {"", "cross-entropy"}:
            raise RecipeError(
                f"keyword spotting trains on cross-entropy, not on {recipe.train.loss!r}"
            )
        return "cross-entropy"

    def source(self, recipe: Recipe, dataset: SpeechDataset) -> "SpeechSource":
        """Return augmented clips with the front end applied."""
        return self._source(recipe, dataset, {})

    def _source(
        self, recipe: Recipe, dataset: SpeechDataset, mined: Mapping[str, Sequence[int]]
    ) -> "SpeechSource":
        from motefit.train.speech_source import SpeechSource  # noqa: PLC0415 - see motefit.tasks

        train = recipe.train
        return SpeechSource(
            dataset,
            _frontend(recipe),
            augment=train.augment,
            balance=train.balance,
            rejects=train.rejects,
            mined=mined,
        )

    def mining_rounds(self, recipe: Recipe) -> int:
        """Return the rounds of a recipe with reject classes."""
        return recipe.train.rejects.mining_rounds if recipe.train.rejects is not None else 0

    def harder(
        self, recipe: Recipe, dataset: SpeechDataset, source: "SpeechSource", model: bytes
    ) -> "SpeechSource":
        """Add the windows of reject recordings that the model takes for words."""
        if dataset.sounds is None:
            return source
        spotter = KeywordSpotter(model, self.io(recipe, dataset, source))
        train = [subsets["train"] for subsets in dataset.sounds.classes.values()]
        mined = find_hard_negatives(spotter, train, known=source.mined)
        return self._source(recipe, dataset, mined)

    def teacher_data(
        self, recipe: Recipe, dataset: SpeechDataset, source: "SpeechSource", data: Path | None
    ) -> TeacherData:
        """Return the teacher's clips, excluding any that are in validation or test."""
        words = recipe.train.teacher.words if recipe.train.teacher is not None else ()
        if not words:
            return super().teacher_data(recipe, dataset, source, data)
        # Here, because it imports torch; see motefit.tasks.
        from motefit.train.standardize import normalized  # noqa: PLC0415 - see above

        if unknown := sorted(set(dataset.words) - set(map(composed, words))):
            raise RecipeError(
                f"[train]: teacher: words must include the recipe's own; add {', '.join(unknown)}"
            )
        wider = exclude_overlap(self.load(_with_words(recipe, words), data), dataset)
        examples = self.source(recipe, wider)

        def view(inputs: np.ndarray) -> np.ndarray:
            own = source.normalization
            features = inputs * np.asarray(own.std, np.float32) + np.asarray(own.mean, np.float32)
            return normalized(features, examples.normalization)

        return TeacherData(
            source=examples,
            problem=self.problem(recipe, wider),
            classes=tuple(wider.labels.index(word) for word in dataset.labels),
            view=view,
        )

    def io(self, recipe: Recipe, dataset: SpeechDataset, source: "SpeechSource") -> SpeechIO:
        """Return labels, front end and normalization."""
        softmax = bool(recipe.model.options.get("softmax", False))
        return SpeechIO(
            labels=dataset.labels,
            frontend=_frontend(recipe),
            normalization=source.normalization,
            output="probabilities" if softmax else "logits",
            rejects=dataset.rejects,
        )

    def ordered(
        self, dataset: SpeechDataset, model: ModelFile, given: Sequence[str] | None
    ) -> tuple[SpeechDataset, str]:
        """Order the words as they are given, else as a list in the file, else alphabetically."""
        if given is not None:
            return relabeled(dataset, given), f"labels as given: {', '.join(given)}"
        wanted = set(dataset.labels)
        for found in label_files(model.data, model.tables):
            if set(found.labels) == wanted and len(found.labels) == len(wanted):
                said = f"labels from {found.name} in the file: {', '.join(found.labels)}"
                return relabeled(dataset, found.labels), said
        said = (
            f"labels in alphabetical order: {', '.join(dataset.labels)}; the file has no list of "
            "them, so say so if its order is another: --labels"
        )
        return dataset, said

    def foreign_io(self, recipe: Recipe, dataset: SpeechDataset, model: ModelFile) -> SpeechIO:
        """Return a section without normalization; a file ending in softmax gives probabilities."""
        last = next((op.name for op in reversed(model.inspection.ops)), "")
        return SpeechIO(
            labels=dataset.labels,
            frontend=_frontend(recipe),
            normalization=Normalization(),
            output="probabilities" if last == "SOFTMAX" else "logits",
            rejects=dataset.rejects,
        )

    def require_fit(self, io: SpeechIO, dataset: SpeechDataset) -> None:
        """Require the same words and the same rate."""
        if io.labels != dataset.labels or io.frontend.rate_hz != dataset.rate_hz:
            raise RecipeError(
                f"the model knows {', '.join(io.labels)} at {io.frontend.rate_hz} Hz; the data has "
                f"{', '.join(dataset.labels)} at {dataset.rate_hz} Hz"
            )

    def require_measured(self, recipe: Recipe, dataset: SpeechDataset) -> None:
        """Require the word of each recall that the budget bounds."""
        words = replace(recipe.data, words=dataset.words)
        recipe.require_measured(TASK_SPECS.find(NAME).metrics(words))

    def measure(
        self, model: bytes, io: SpeechIO, dataset: SpeechDataset, subset: Subset
    ) -> Measurement:
        """Measure the accuracy of the file on one subset."""
        clips = dataset.subsets[subset]
        strangers = unseen(dataset.train, clips)
        spotter = KeywordSpotter(model, io)
        probabilities = probabilities_of(spotter, clips.pcm)
        result = score_words(io, probabilities, clips.label, unseen=strangers)
        unknown = {"unseen_speakers": SPEAKERS_UNKNOWN} if strangers is None else {}
        details = {TOPIC: hardest_clips(io, probabilities, clips)} if subset == "test" else {}
        if dataset.sounds is None:
            return replace(_measurement(result, **unknown), details=details)
        sounds = {label: subsets[subset] for label, subsets in dataset.sounds.classes.items()}
        guesses = probabilities.argmax(axis=1)
        rejections = measure_rejections(spotter, sounds, guesses=guesses, labels=clips.label)
        table = encode(rejections)
        measured = _measurement(result, **unknown, confusion=table.pop("confusion"))
        return Measurement(
            facts={**measured.facts, **rejections.facts},
            evidence={**measured.evidence, "rejects": table},
            details=details,
        )

    def measure_stream(
        self,
        model: bytes,
        io: SpeechIO,
        dataset: SpeechDataset,
        subset: Subset,
        progress: StreamProgress | None = None,
    ) -> Measurement:
        """Measure false accepts, misses and latency, if the recipe names a stream."""
        if dataset.stream is None:
            return Measurement(facts={})
        candidates = stream_candidates(KeywordSpotter(model, io), dataset, subset, progress)
        evidence = stream_evidence(candidates)
        key = recordings_key(dataset.stream.subsets[subset])
        return Measurement(
            facts=stream_facts(evidence), evidence={"stream": {**evidence, "sha256": key}}
        )

    def decide(
        self, model: bytes, io: SpeechIO, dataset: SpeechDataset, recipe: Recipe
    ) -> tuple[SpeechIO, Measurement]:
        """Choose the threshold on validation, if the recipe names a stream."""
        if dataset.stream is None:
            return io, Measurement(facts={})
        candidates = stream_candidates(KeywordSpotter(model, io), dataset, "validation")
        chosen = choose_decision(candidates, recipe.all_budgets.values())
        decided = {
            kind: replace(found, decision=chosen.decision) for kind, found in candidates.items()
        }
        return replace(io, decision=chosen.decision), Measurement(
            facts=stream_facts(stream_evidence(decided)), evidence={"decision": chosen.evidence}
        )

    def baselines(self, dataset: SpeechDataset, subset: Subset) -> Mapping[str, Measurement]:
        """Measure always answering the most frequent word, where there are several."""
        if len(dataset.words) == 1:
            return {}
        result = majority_class(
            dataset.words, train=dataset.train.label, test=dataset.subsets[subset].label
        )
        return {"majority class": _measurement(result)}

    def audit(self, dataset: SpeechDataset) -> Mapping[str, object]:
        """Collect counts, shared speakers and duplicate clips."""
        audit = audit_speech(dataset)
        facts: dict[str, object] = encode(audit)
        if dataset.sounds is None:
            del facts["rejects"], facts["rejects_dropped"]
        facts["notes"] = self._notes(dataset, audit)
        return facts

    def _notes(self, dataset: SpeechDataset, audit: SpeechAudit) -> list[str]:
        n, words, shared = len(dataset.test), len(dataset.words), audit.test_clips_shared
        speakers = f"{shared} of them are from speakers who are also in the training set"
        if shared is None:
            speakers = "speakers unknown, so they may all be in the training set too"
        notes = [*dataset.taken, f"the test set has {n} clips of {words} words; {speakers}"]
        notes += _reject_notes(dataset)
        if audit.unused:
            reasons = ", ".join(f"{count} {reason}" for reason, count in audit.unused.items())
            notes.append(f"audio files not used: {sum(audit.unused.values())} ({reasons})")
        if dataset.listed_missing:
            missing = ", ".join(dataset.listed_missing)
            count = len(dataset.listed_missing)
            clips, are = ("clip", "is") if count == 1 else ("clips", "are")
            notes.append(f"{count} {clips} that the published lists name {are} missing: {missing}")
        counts = np.bincount(dataset.train.label, minlength=words)
        rare, frequent = int(counts.argmin()), int(counts.argmax())
        if counts[frequent] > UNBALANCED * counts[rare]:
            notes.append(
                f"the training set has {counts[frequent]} clips of {dataset.labels[frequent]} and "
                f"{counts[rare]} of {dataset.labels[rare]}: a rare word may never be predicted; "
                '[train] balance = "sampling" trains on as many clips of each'
            )
        return notes

    def compare_c(
        self, compiled: CompiledModel, bundle: Bundle, dataset: SpeechDataset, subset: Subset
    ) -> CAgreement:
        """Compare on the clips of one subset."""
        clips = dataset.subsets[subset]
        return compare_speech(compiled, bundle, clips.pcm, clips.label)

    def benchmark_case(
        self, model: bytes, io: SpeechIO, *, threads: int = 1, xnnpack: bool = True
    ) -> BenchmarkCase:
        """Prepare the model with a clip of noise, whose latency is that of any clip."""
        noise = np.random.default_rng(0).normal(0.0, 1000.0, (1, io.frontend.clip_samples))
        spotter = KeywordSpotter(model, io, threads=threads, xnnpack=xnnpack)
        return BenchmarkCase(pipeline=spotter, example=noise.astype(np.int16))


def _reject_notes(dataset: SpeechDataset) -> list[str]:
    """Describe the reject recordings by speakers who are in training, and those not used."""
    if dataset.sounds is None:
        return []
    train = {*dataset.train.speakers}
    train |= {s for subsets in dataset.sounds.classes.values() for s in subsets["train"].speakers}
    notes = []
    for label, subsets in dataset.sounds.classes.items():
        known = [speaker for speaker in subsets["test"].speakers if speaker is not None]
        if known:
            shared = sum(speaker in train for speaker in known)
            notes.append(
                f"{label}: {shared} of the {len(known)} test recordings with a known speaker are "
                "by speakers who are also in the training set, of words or of rejects"
            )
    if dropped := dataset.sounds.dropped:
        reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
        notes.append(f"reject recordings not used: {sum(dropped.values())} ({reasons})")
    return notes


def _load_folder(
    folder: Path, recipe: Recipe, data: SpeechData, progress: Progress | None
) -> SpeechDataset:
    frontend = _frontend(recipe)
    return load_speech(
        folder, data, rate_hz=frontend.rate_hz, seconds=frontend.seconds, progress=progress
    )


def _frontend(recipe: Recipe) -> FrontEnd:
    if recipe.frontend is None:
        raise RecipeError(f"{recipe.name}: keyword spotting needs a [frontend] section")
    return recipe.frontend


def stream_candidates(
    spotter: KeywordSpotter,
    dataset: SpeechDataset,
    subset: Subset,
    progress: StreamProgress | None = None,
) -> Mapping[str, StreamCandidates]:
    """Find the candidates in the long recordings of a subset, and in its clips as a stream.

    The recordings of reject classes are among the clips of the scripted stream.
    """
    classes = dataset.sounds.classes.values() if dataset.sounds is not None else ()
    others = [
        subsets[subset].pcm[start : start + length]
        for subsets in classes
        for start, length in zip(subsets[subset].starts, subsets[subset].lengths, strict=True)
    ]
    scripted = script_stream(
        dataset.subsets[subset],
        dataset.labels,
        dataset.noise,
        rate_hz=dataset.rate_hz,
        others=others,
        rng=np.random.default_rng(STREAM_SEED),
    )
    recordings = dataset.stream.subsets[subset] if dataset.stream is not None else ()
    kinds: dict[str, Sequence[Sound]] = {RECORDINGS: recordings, SCRIPTED: (scripted,)}
    return {
        kind: find_candidates(spotter, sounds, progress=progress)
        for kind, sounds in kinds.items()
        if sounds
    }


def _with_words(recipe: Recipe, words: tuple[str, ...]) -> Recipe:
    return replace(recipe, data=replace(recipe.data, words=words))


def _measurement(result: Accuracy, **more: object) -> Measurement:
    table = {**encode(result), **more}
    table["recall"] = dict(zip(table.pop("labels"), table.pop("recalls"), strict=True))
    return Measurement(facts=result.facts, evidence={"accuracy": table})


TASKS.register(NAME, KeywordSpotting())
