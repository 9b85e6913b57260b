"""Keyword spotting: the words, how they are split, and the model's inputs and outputs."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from motefit.spec.codec import check_fields
from motefit.spec.decision import Decision
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.labels import is_one_line
from motefit.spec.layout_pattern import parse_layout
from motefit.spec.metrics import (
    RECALL_MIN,
    RECALL_PREFIX,
    SILENCE_ANSWERED,
    STREAM_METRICS,
    UNKNOWN_ANSWERED,
    WORDS_REJECTED,
)
from motefit.spec.normalization import Normalization
from motefit.spec.tasks import TASK_SPECS, TaskSpec, check_percents

NAME = "keyword-spotting"
SPEAKER_FOLDERS = "folder"
"""Value of ``speaker`` where folders name the speakers."""
UNKNOWN = "_unknown_"
"""Label of speech without any of the words."""
SILENCE = "_silence_"
"""Label of sound without speech."""
ANSWERED = {UNKNOWN: UNKNOWN_ANSWERED, SILENCE: SILENCE_ANSWERED}
"""Reject classes in the order of labels, and the metric of each: the share taken for a word."""
SYNTHETIC = "synthetic"
"""Entry of ``unknown`` and ``silence``: sound that motefit synthesizes."""
OTHER_WORDS = "other-words"
"""Entry of ``unknown``: the folders next to the words that are not words of the recipe."""
MANIFEST_COLUMNS = ("path", "label", "speaker", "split")
"""What a manifest says about a clip."""
LISTED_SPLITS = ("published", "folds")
"""Splits that read published lists."""


@dataclass(frozen=True, kw_only=True)
class SpeechData:
    """The ``[data]`` section of a keyword-spotting recipe.

    Attributes:
        words: folders to use, in any order (labels are always sorted); empty means all folders.
            Kept and compared in Unicode NFC. A single word, to wake a device, needs ``unknown``;
            its accuracy is the share of its clips that are not rejected.
        split: ``"published"`` reads lists of files, ``"stratified"`` draws a seeded split within
            each word, ``"speaker"`` a seeded split in which no speaker is in more than one set,
            which requires the speaker of every clip to be known. ``"folds"`` is for choosing by
            strangers: it leaves the published test list out, cuts the other clips into folds that
            share no speaker, validates on one, tests on the next and trains on the rest.
            ``"given"`` takes the sets that folders (``train/``, ``dev/``, ``testing/``, ...) or a
            manifest name; a validation set that is not given is drawn from the training set.
        speaker: where the name of a clip's speaker is found. Empty: in file names
            ``<speaker>_nohash_<number>``, as in Speech Commands. ``"folder"``: files are in
            word/speaker/file. Otherwise a regular expression with one group, the speaker, searched
            in ``word/file`` (without its extension). A clip without a match has an unknown speaker.
        train_percent: size of the training set (seeded splits).
        validation_percent: size of the validation set; the rest is the test set.
        seed: of a seeded split, and of the folds.
        folds: how many (split ``"folds"``), at least 3.
        fold: number of the fold that validates, from 0.
        lists: folder of the published lists, relative to the data folder; empty: found
            automatically.
        noise: folder of background noise, relative to the data folder; empty: found automatically,
            if there is one.
        unknown: other speech, which the model learns to reject: folders of recordings of any
            length, searched with their sub-folders, absolute or relative to the data folder;
            ``"other-words"``, all word folders that are not in ``words``; ``"synthetic"``,
            sentences and words that sound like the recipe's, spoken by espeak-ng. Empty: no such
            class.
        silence: sound without speech, likewise: folders, or ``"synthetic"``, noise, hum, clicks,
            tones and digital zero. Empty: no such class.
        synthetic_clips: clips per word to synthesize; also of the words and of other speech for
            ``"synthetic"`` rejects.
        synthesizers: what speaks where speech is synthesized: ``"espeak-ng"``, 187 formant voices
            of eight English accents, which alone reads words that sound like the recipe's; and
            ``"hibari"`` beside it, a neural voice (American English) at 93 pitches and sizes, which
            sounds more like people.
        synthetic: when clips are synthesized: ``"without-data"``, only if no data folder is given;
            or ``"always"``: the folder then contains a few recordings of each word, at least 3,
            which are added. Most of them train, some choose the model, and the others are the
            test set, with no synthetic clip among them.
        recordings_percent: share of recordings among the training clips (synthetic ``"always"``);
            each is taken as often as this needs, and augmented differently every time.
        layout: meaning of folders and file names, if they are not one folder per word: folders
            named ``word``, ``speaker``, ``split`` or ``*`` (any), joined by ``/``, e.g.
            ``"speaker/word"``; at the end there may be a file name that contains them, e.g.
            ``"split/word.*"`` or ``"word_speaker_*"``. Empty: found automatically.
        manifest: tables of the clips, relative to the data folder: CSV, TSV or JSON lines with the
            path and the label of each clip, and optionally its speaker and its set. Without a
            column of sets, the names of the tables (``train.tsv``, ``dev.tsv``) name them.
        columns: names of the manifest's columns ``path``, ``label``, ``speaker`` and ``split``, if
            they are not usual ones.
        channel: which of several channels to take, from 1; ``"mean"`` averages them; ``"auto"``
            takes, of two, the one that is not silent, else averages them, unless they cancel each
            other, and refuses more.
        crop: where a clip is taken from a longer recording: at its ``"start"``, in its
            ``"center"``, or where it is ``"loudest"``.
        damaged_percent: largest percentage of files that may be damaged; they are left out and
            counted.
        stream: long recordings for the ``stream`` metrics: a folder, absolute or relative to the
            data folder. Those in its sub-folder ``test``, or all, test the model; the decision is
            chosen on those in ``validation``. ``"scripted"``: no folder, only clips laid into
            background noise. Empty: nothing is measured in a stream.
    """

    words: tuple[str, ...] = ()
    split: Literal["published", "stratified", "speaker", "folds", "given"] = "stratified"
    speaker: str = ""
    train_percent: float = 80.0
    validation_percent: float = 10.0
    seed: int = 0
    folds: int = 10
    fold: int = 0
    lists: str = ""
    noise: str = ""
    synthetic_clips: int = 200
    unknown: tuple[str, ...] = ()
    silence: tuple[str, ...] = ()
    synthesizers: tuple[Literal["espeak-ng", "hibari"], ...] = ("espeak-ng",)
    synthetic: Literal["without-data", "always"] = "without-data"
    recordings_percent: float = 30.0
    layout: str = ""
    manifest: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    channel: int | Literal["auto", "mean"] = "auto"
    crop: Literal["start", "center", "loudest"] = "start"
    damaged_percent: float = 5.0
    stream: str = ""

    def __post_init__(self) -> None:
        check_fields(self)
        words = tuple(unicodedata.normalize("NFC", word) for word in self.words)
        object.__setattr__(self, "words", words)
        _check_speaker(self.speaker, self.split)
        if len(set(self.words)) != len(self.words):
            raise RecipeError(f"words contains a word twice: {', '.join(self.words)}")
        if len(self.words) == 1 and not self.unknown:
            raise RecipeError(
                f"at least two words are needed, got {self.words[0]}; a single one needs other "
                'speech to be told from: set unknown in [data], e.g. unknown = ["synthetic"]'
            )
        check_percents(self.train_percent, self.validation_percent)
        if not (self.folds >= 3 and 0 <= self.fold < self.folds):
            raise RecipeError(
                "folds must be at least 3 and fold 0 to folds - 1, "
                f"got folds = {self.folds} and fold = {self.fold}"
            )
        _check_layout(self)
        if isinstance(self.channel, int) and self.channel < 1:
            raise RecipeError(f"channel counts from 1, got {self.channel}")
        if not 0 <= self.damaged_percent <= 100:
            raise RecipeError(f"damaged_percent must be 0 to 100, got {self.damaged_percent:g}")
        if self.synthetic_clips < 10:
            raise RecipeError(
                f"synthetic_clips must be at least 10 per word, got {self.synthetic_clips}"
            )
        if "espeak-ng" not in self.synthesizers or len(set(self.synthesizers)) < len(
            self.synthesizers
        ):
            raise RecipeError(
                'synthesizers must be ["espeak-ng"] or ["espeak-ng", "hibari"], got '
                f"{list(self.synthesizers)}"
            )
        if not 1 <= self.recordings_percent <= 99:
            raise RecipeError(f"recordings_percent must be 1..99, got {self.recordings_percent:g}")
        _check_rejects(self)

    @property
    def sources(self) -> dict[str, tuple[str, ...]]:
        """The entries of each reject class, by label; without empty ones."""
        entries = {UNKNOWN: self.unknown, SILENCE: self.silence}
        return {label: given for label, given in entries.items() if given}

    @property
    def rejects(self) -> tuple[str, ...]:
        """Labels of the reject classes, in the order of the model's outputs."""
        return tuple(self.sources)


def _check_rejects(data: SpeechData) -> None:
    for name, entries in (("unknown", data.unknown), ("silence", data.silence)):
        if len(set(entries)) != len(entries) or not all(entries):
            raise RecipeError(f"{name} must name different folders, got {list(entries)}")
    if OTHER_WORDS in data.silence:
        raise RecipeError(f'"{OTHER_WORDS}" is speech: give it in unknown, not in silence')
    if OTHER_WORDS in data.unknown and not data.words:
        raise RecipeError(
            f'unknown = ["{OTHER_WORDS}"] needs words = [...], all others are rejected'
        )
    if clash := sorted(set(data.words) & set(data.rejects)):
        raise RecipeError(f"{clash[0]} is the label of a reject class and cannot be a word")


def _check_layout(data: SpeechData) -> None:
    """Check the keys that say where words, speakers and sets are named."""
    if data.layout and data.manifest:
        raise RecipeError("layout and manifest both say where the words are named; give one")
    if (data.layout or data.manifest) and data.split in LISTED_SPLITS:
        raise RecipeError(
            f'split = "{data.split}" reads lists that name clips as word/file; with a layout or a '
            'manifest use split = "given", "speaker" or "stratified"'
        )
    if unknown := sorted(set(data.columns) - set(MANIFEST_COLUMNS)):
        raise RecipeError(
            f"columns: unknown key {unknown[0]!r}; allowed: {', '.join(MANIFEST_COLUMNS)}"
        )
    if not data.layout:
        return
    named = parse_layout(data.layout).names
    if ("split" in named) != (data.split == "given"):
        raise RecipeError(
            f'layout = "{data.layout}" and split = "{data.split}" do not fit: a layout with split '
            'needs split = "given"; * in its place draws sets from all clips'
        )
    if "speaker" in named and data.speaker:
        raise RecipeError("layout and speaker both say where the speaker is named; give one")


def _check_speaker(speaker: str, split: str) -> None:
    if speaker == SPEAKER_FOLDERS and split in LISTED_SPLITS:
        raise RecipeError(
            f'published lists name clips as word/file; with speaker = "{SPEAKER_FOLDERS}" use '
            'split = "speaker" or "stratified"'
        )
    if not speaker or speaker == SPEAKER_FOLDERS:
        return
    try:
        groups = re.compile(speaker).groups
    except (re.error, OverflowError, RecursionError) as error:
        raise RecipeError(
            f"speaker is not a regular expression: {error}; got {speaker!r}. It is searched in "
            "word/file, without the file extension"
        ) from None
    if groups != 1:
        raise RecipeError(
            f"speaker must have one group, the speaker, got {groups} in {speaker!r}; for example "
            f"'/([^_]+)_'; or \"{SPEAKER_FOLDERS}\" if the files are in word/speaker/file"
        )


@dataclass(frozen=True, kw_only=True)
class SpeechIO:
    """Inputs and outputs of a keyword spotter; part of its card.

    Attributes:
        labels: in the order of the model's outputs: the words (sorted), then the reject classes.
        frontend: how a clip becomes features.
        normalization: of the features, per feature column.
        output: whether the model file gives logits (the runtime applies softmax) or probabilities.
        input: of the model file: ``"features"``, normalized; or ``"audio"``: the samples of a clip
            as float32 with full scale 1.0, with front end and normalization inside the model; or
            ``"stream"``: the next normalized frames, and states that keep what it needs from
            earlier ones.
        rejects: labels of other sound, :data:`UNKNOWN` and :data:`SILENCE`, never reported as a
            word.
        decision: which sounds in a stream are words; None: the default.
    """

    labels: tuple[str, ...]
    frontend: FrontEnd
    normalization: Normalization
    output: Literal["logits", "probabilities"] = "logits"
    input: Literal["features", "audio", "stream"] = "features"
    rejects: tuple[str, ...] = ()
    decision: Decision | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Labels that are words, in the order of the model's outputs."""
        return tuple(label for label in self.labels if label not in self.rejects)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Input shape of one clip: (frames, features), or (samples,)."""
        inside = self.input == "audio"
        return (self.frontend.clip_samples,) if inside else self.frontend.shape

    def __post_init__(self) -> None:
        check_fields(self)
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise RecipeError(f"at least two distinct labels are needed, got {list(self.labels)}")
        if broken := [label for label in self.labels if not is_one_line(label)]:
            raise RecipeError(f"a label is one line of text, got {broken[0]!r}")
        if not self.words or self.labels != (*self.words, *self.rejects):
            raise RecipeError(
                f"labels must be words, then rejects in their order, got labels "
                f"{list(self.labels)} and rejects {list(self.rejects)}"
            )


def _metrics(data: SpeechData) -> tuple[str, ...]:
    words = data.words or ("<word>",)  # only the folder tells which words
    rejects = data.rejects
    return (
        "accuracy",
        "balanced_accuracy",
        RECALL_MIN,
        *(f"{RECALL_PREFIX}{w}" for w in words),
        *((WORDS_REJECTED,) if rejects else ()),
        *(ANSWERED[label] for label in rejects),
        *(STREAM_METRICS if data.stream else ()),
    )


TASK_SPECS.register(
    NAME,
    TaskSpec(
        name=NAME,
        data=SpeechData,
        io=SpeechIO,
        has_frontend=True,
        metrics=_metrics,
    ),
)
