"""What each task does at each step of the pipeline; one file a task.

A file in this folder subclasses :class:`Task` and calls :func:`register`; looking a task up imports
every file. ``spec/tasks`` has the task's recipe and card sections.

``motefit.train`` needs torch, and only :meth:`Task.source` needs ``motefit.train``: that method,
and no other, imports it when it is called, so that everything but training works without torch.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

import numpy as np

from motefit.data.speech import BrokenFile
from motefit.graph.families import Problem
from motefit.measure.latency.paired import BenchmarkCase
from motefit.spec.codec import dumps_json
from motefit.spec.recipe import Recipe
from motefit.spec.registry import Registry
from motefit.tflite.model import ModelFile

Dataset = TypeVar("Dataset")
IO = TypeVar("IO")
Examples = TypeVar("Examples", bound="Parts")
Part = Literal["validation", "test"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What was measured on one part of the data, on the shipped bytes.

    Attributes:
        facts: values by metric name.
        evidence: counts, intervals and matrices by topic, for the card.
    """

    facts: Mapping[str, float]
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TeacherData:
    """What the teacher of a recipe learns.

    Attributes:
        source: of its examples, a ``motefit.train.loop.Source``.
        problem: its input and output shapes.
        classes: the model's classes among the teacher's; None: they are the same.
        view: from the model's normalized inputs to the teacher's; None: they are the same.
    """

    source: Any
    problem: Problem
    classes: tuple[int, ...] | None = None
    view: Callable[[np.ndarray], np.ndarray] | None = None


class Parts(Protocol):
    """Examples that can be had clean, by part; a task's source of training examples is one."""

    def part(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Clean normalized inputs (n, ...) and targets of ``"train"`` or ``"validation"``."""
        ...


class Task(ABC, Generic[Dataset, IO, Examples]):
    """The steps that differ from task to task. ``dataset`` is what :meth:`load` returned."""

    name: ClassVar[str]

    @abstractmethod
    def load(
        self, recipe: Recipe, data: Path | None, *, progress: Progress | None = None
    ) -> Dataset:
        """Load the data a recipe asks for; None synthesizes the embedded default."""

    def data_settings(self, recipe: Recipe) -> str:
        """What of a recipe :meth:`load` depends on, as text."""
        return dumps_json(recipe.data)

    def broken(self, recipe: Recipe, data: Path) -> Sequence[BrokenFile]:
        """Every file of the data that cannot be used; only for data of many files."""
        del recipe, data
        return ()

    @abstractmethod
    def data_key(self, dataset: Dataset) -> str:
        """Content hash of a dataset."""

    @abstractmethod
    def problem(self, recipe: Recipe, dataset: Dataset) -> Problem:
        """Input and output shapes of the network."""

    @abstractmethod
    def loss(self, recipe: Recipe) -> str:
        """The recipe's loss, or the task's own."""

    @abstractmethod
    def source(self, recipe: Recipe, dataset: Dataset) -> Examples:
        """Training examples; also a ``motefit.train.loop.Source``.

        Raises:
            MissingExtraError: without torch.
        """

    def lessons(
        self, recipe: Recipe, dataset: Dataset, source: Examples, data: Path | None
    ) -> TeacherData:
        """What a teacher learns; the training examples themselves, where nothing else is said.

        Args:
            recipe: with a ``[train.teacher]``.
            dataset: of the recipe.
            source: of the training examples.
            data: as in :meth:`load`.

        Raises:
            RecipeError: when the recipe asks for what the task or the data do not have.
        """
        del data
        return TeacherData(source=source, problem=self.problem(recipe, dataset))

    @abstractmethod
    def io(self, recipe: Recipe, dataset: Dataset, source: Examples) -> IO:
        """The task's section of the card."""

    @abstractmethod
    def foreign_io(self, recipe: Recipe, dataset: Dataset, model: ModelFile) -> IO:
        """The card's section for a model file made elsewhere, read from recipe and data."""

    @abstractmethod
    def require_fit(self, io: IO, dataset: Dataset) -> None:
        """Raise a RecipeError when a card and a dataset do not speak of the same things."""

    def require_measured(self, recipe: Recipe, dataset: Dataset) -> None:
        """Raise a RecipeError when a budget bounds what these data do not have.

        What the recipe alone tells, it has refused itself.
        """
        del recipe, dataset

    @abstractmethod
    def measure(self, model: bytes, io: IO, dataset: Dataset, part: Part) -> Measurement:
        """Run the shipped bytes on one part of the data."""

    @abstractmethod
    def baselines(self, dataset: Dataset, part: Part) -> Mapping[str, Measurement]:
        """Naive rows beside the model, by name."""

    @abstractmethod
    def audit(self, dataset: Dataset) -> Mapping[str, object]:
        """Facts about the data that qualify the result: counts, shared speakers, duplicates."""

    @abstractmethod
    def benchmark_case(
        self, model: bytes, io: IO, *, threads: int = 1, xnnpack: bool = True
    ) -> BenchmarkCase:
        """The model with one example, for latency measurements."""


AnyTask = Task[Any, Any, Any]
ProblemOf = Callable[[Recipe], Problem]
"""Input and output of the network of a recipe, given the data."""
_TASKS: Registry[AnyTask] = Registry(__name__, "task")


def register(task: AnyTask) -> None:
    """Add a task; called once by each file of this folder."""
    _TASKS.register(task.name, task)


def find_task(name: str) -> AnyTask:
    """The registered task of that name.

    Raises:
        RecipeError: when no file of this folder registers it.
    """
    return _TASKS.find(name)


KEPT = 2
"""Data sets in memory: searches that try several sampling rates go from one to the other."""

_loaded: OrderedDict[tuple[str, str, str], Any] = OrderedDict()


def load_dataset(
    task: Task[Dataset, IO, Examples],
    recipe: Recipe,
    data: Path | None,
    *,
    progress: Progress | None = None,
) -> Dataset:
    """What ``task.load`` returns, or returned before for the same settings.

    Raises:
        DataError: when the data cannot be used.
    """
    key = (task.name, str(data), task.data_settings(recipe))
    if key not in _loaded:
        _loaded[key] = task.load(recipe, data, progress=progress)
    _loaded.move_to_end(key)
    while len(_loaded) > KEPT:
        _loaded.popitem(last=False)
    found: Dataset = _loaded[key]
    return found
