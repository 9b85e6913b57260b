"""Jobs of worker processes, and the files they write in the folder of the run.

::

    RUN/trainings/<training key>/   history.jsonl, training.checkpoint, diverged.json
    RUN/candidates/<key>/           epoch-<n>.json: facts of the file it would make then;
                                    model.tflite and result.json: its finished file

Files are written atomically and only once; a file damaged later is removed, and therefore written
again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from motefit.data.cache import report_damage
from motefit.graph.families import Problem, build
from motefit.graph.graph import Graph
from motefit.search.space import Candidate
from motefit.spec.errors import ModelFileError
from motefit.spec.files import DamagedFileError, read_sealed
from motefit.spec.recipe import Recipe
from motefit.tflite.model import ModelFile

MODEL, RESULT, HISTORY = "model.tflite", "result.json", "history.jsonl"
CHECKPOINT, DIVERGED = "training.checkpoint", "diverged.json"


@dataclass(frozen=True, kw_only=True)
class CandidateJob:
    """One candidate as plain values, so that it can be sent to a process.

    Attributes:
        table: the candidate's recipe as a plain table.
        name: name of the recipe.
        seed: seed of the candidate.
        key: key of the candidate.
        training_key: key of its training.
        refit: whether it is trained on training and validation set together.
    """

    table: Mapping[str, Any]
    name: str
    seed: int
    key: str
    training_key: str
    refit: bool = False

    @classmethod
    def of(cls, candidate: Candidate) -> "CandidateJob":
        """Convert a candidate to plain values."""
        return cls(
            table=candidate.recipe.to_table(),
            name=candidate.recipe.name,
            seed=candidate.seed,
            key=candidate.key,
            training_key=candidate.training_key,
            refit=candidate.refit,
        )

    def recipe(self) -> Recipe:
        """Return the candidate's recipe."""
        return Recipe.from_table(self.table, name=self.name)


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """Job of a worker, which can be repeated at any time.

    Attributes:
        works: for a training job, the candidates, grouped by training; all trainings have the same
            number of epochs, and several are trained as one. For a finishing job, one candidate.
        epochs: epoch up to which to train; None: make the candidate's file, trained to the end.
        data: folder or file of the data; None for the synthetic default.
        folder: folder of the run.
        device: torch device.
    """

    works: tuple[CandidateJob, ...]
    epochs: int | None
    data: Path | None
    folder: Path
    device: str = "cpu"

    @property
    def parts(self) -> tuple[str, ...]:
        """Folders under :attr:`folder` that the job reads and writes."""
        trainings = [f"trainings/{work.training_key}" for work in self.works]
        return tuple(dict.fromkeys([*trainings, *(f"candidates/{w.key}" for w in self.works)]))

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        if self.epochs is None:
            return all(outcome_of(self.folder, work.key) is not None for work in self.works)
        return all(
            diverged(self.folder, work.training_key) is not None
            or rung_facts(self.folder, work.key, self.epochs) is not None
            for work in self.works
        )


@dataclass(frozen=True, kw_only=True)
class TrainedFile:
    """A candidate's file and its validation facts.

    Attributes:
        file: the .tflite file.
        io: the task's section of the card, as a plain mapping.
        facts: validation facts by metric name.
        history: one mapping per epoch.
        seconds: duration of training and of making the file.
        evidence: evidence about what was chosen on the validation set, by topic of the card.
        details: what only a report shows, by topic, as :class:`motefit.tasks.Measurement` has it.
    """

    file: ModelFile
    io: Mapping[str, Any]
    facts: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    seconds: float
    evidence: Mapping[str, object] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)


def training_folder(run: Path, training_key: str) -> Path:
    """Return the folder of a training."""
    return run / "trainings" / training_key


def candidate_folder(run: Path, key: str) -> Path:
    """Return the folder of a candidate."""
    return run / "candidates" / key


def rung_facts_path(run: Path, key: str, epochs: int) -> Path:
    """Return the path of a candidate's facts after a number of epochs."""
    return candidate_folder(run, key) / f"epoch-{epochs}.json"


def rung_facts(run: Path, key: str, epochs: int) -> Mapping[str, float] | None:
    """Read the facts of a candidate's file after a number of epochs; None: not written yet."""
    table = _stored(rung_facts_path(run, key, epochs))
    return None if table is None else table["facts"]


def _stored(path: Path) -> Mapping[str, Any] | None:
    """Read a sealed file; None if it is missing, or damaged and thus removed."""
    try:
        return read_sealed(path)
    except DamagedFileError:
        _remove_damaged(path)
        return None


def _remove_damaged(path: Path) -> None:
    """Report a damaged file and remove it, so that it is written again."""
    report_damage(path)
    path.unlink(missing_ok=True)


def diverged(run: Path, training_key: str) -> str | None:
    """Return the reason why the training diverged, or None."""
    table = _stored(training_folder(run, training_key) / DIVERGED)
    return None if table is None else str(table["reason"])


def outcome_of(run: Path, key: str) -> TrainedFile | None:
    """Read the stored outcome of a candidate; None if it is not finished, or damaged."""
    folder = candidate_folder(run, key)
    result = _stored(folder / RESULT)
    if result is None:
        return None
    try:
        file = ModelFile(data=(folder / MODEL).read_bytes())
        if file.sha256 != result["model_sha256"]:
            _remove_damaged(folder / MODEL)
            return None
        return TrainedFile(
            file=file,
            io=result["io"],
            facts=result["facts"],
            history=tuple(result["history"]),
            seconds=result["seconds"],
            evidence=result.get("evidence", {}),
            details=result.get("details", {}),
        )
    except (OSError, KeyError, TypeError):
        return None


def load_outcome(run: Path, key: str) -> TrainedFile:
    """Read the stored outcome of a candidate that must be finished.

    Raises:
        ModelFileError: if it is missing, e.g. because files of the run were removed.
    """
    outcome = outcome_of(run, key)
    if outcome is None:
        folder = candidate_folder(run, key)
        raise ModelFileError(f"{folder} has no finished candidate; run again to train it")
    return outcome


def untrained(recipe: Recipe, seed: int, problem: Problem) -> Graph:
    """Build a network with initial weights drawn by its seed."""
    rng = np.random.default_rng([seed, 0x6D6F7465])
    return build(recipe.model.family, recipe.model.options, problem=problem, rng=rng)
