"""What worker processes are given, and what they leave in the folder of the run.

::

    RUN/trainings/<training key>/   history.jsonl, training.checkpoint, diverged.json
    RUN/candidates/<key>/           epoch-<n>.json: facts of the file it would make then;
                                    model.tflite and result.json: the file it was made into

Everything that is there is whole, and is not done again; what was damaged since is removed, and so
done again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
    """One candidate as plain values, so that it travels.

    Attributes:
        table: the candidate's recipe as a plain table.
        name: of the recipe.
        seed: of the candidate.
        key: of the candidate.
        training_key: of its training.
    """

    table: Mapping[str, Any]
    name: str
    seed: int
    key: str
    training_key: str

    @classmethod
    def of(cls, candidate: Candidate) -> "CandidateJob":
        """A candidate as plain values."""
        return cls(
            table=candidate.recipe.to_table(),
            name=candidate.recipe.name,
            seed=candidate.seed,
            key=candidate.key,
            training_key=candidate.training_key,
        )

    def recipe(self) -> Recipe:
        """The candidate's recipe."""
        return Recipe.from_table(self.table, name=self.name)


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """Something for a worker to do, repeatable at any moment.

    Attributes:
        works: of a training job: candidates, those of one training side by side; all trainings
            have as many epochs, and train as one when there are several. Of a finishing job: one.
        epochs: to train up to; None: make the candidate's file, trained to the end.
        data: folder or file of the data; None for the synthetic default.
        folder: of the run.
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
            or standing_of(self.folder, work.key, self.epochs) is not None
            for work in self.works
        )


@dataclass(frozen=True, kw_only=True)
class TrainedFile:
    """A candidate's file and what the validation set says of it.

    Attributes:
        file: the .tflite file.
        io: the task's section of the card, as a plain mapping.
        facts: validation facts by metric name.
        history: one mapping per epoch.
        seconds: of training and of making the file.
    """

    file: ModelFile
    io: Mapping[str, Any]
    facts: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    seconds: float


def training_folder(run: Path, training_key: str) -> Path:
    """Folder of a training."""
    return run / "trainings" / training_key


def candidate_folder(run: Path, key: str) -> Path:
    """Folder of a candidate."""
    return run / "candidates" / key


def standing_path(run: Path, key: str, epochs: int) -> Path:
    """Where a candidate's facts after so many epochs are."""
    return candidate_folder(run, key) / f"epoch-{epochs}.json"


def standing_of(run: Path, key: str, epochs: int) -> Mapping[str, float] | None:
    """Facts of the file that a candidate would make after so many epochs; None: not there yet."""
    table = _stored(standing_path(run, key, epochs))
    return None if table is None else table["facts"]


def _stored(path: Path) -> Mapping[str, Any] | None:
    """What a sealed file holds; None when there is none, or it is damaged, and then removed."""
    try:
        return read_sealed(path)
    except DamagedFileError:
        _remove_damaged(path)
        return None


def _remove_damaged(path: Path) -> None:
    """Say so, once; what is gone is made again."""
    report_damage(path)
    path.unlink(missing_ok=True)


def diverged(run: Path, training_key: str) -> str | None:
    """Reason the training diverged, or None."""
    table = _stored(training_folder(run, training_key) / DIVERGED)
    return None if table is None else str(table["reason"])


def outcome_of(run: Path, key: str) -> TrainedFile | None:
    """The outcome stored for a candidate; None when it is not finished, or damaged."""
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
        )
    except (OSError, KeyError, TypeError):
        return None


def load_outcome(run: Path, key: str) -> TrainedFile:
    """The outcome of a candidate that must be finished by now.

    Raises:
        ModelFileError: when it is not there, e.g. because someone removed files of the run.
    """
    outcome = outcome_of(run, key)
    if outcome is None:
        folder = candidate_folder(run, key)
        raise ModelFileError(f"{folder} holds no finished candidate; run again to train it")
    return outcome


def untrained(recipe: Recipe, seed: int, problem: Problem) -> Graph:
    """A network with the weights its seed draws."""
    rng = np.random.default_rng([seed, 0x6D6F7465])
    return build(recipe.model.family, recipe.model.options, problem=problem, rng=rng)
