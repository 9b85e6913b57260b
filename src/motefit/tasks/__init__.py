"""Tasks: their part in each step of the pipeline, one file per task.

A file in this folder subclasses :class:`Task` and calls :func:`register`; looking up a task imports
every file. ``spec/tasks`` has the task's sections of recipe and card.

``motefit.train`` needs torch, and only :meth:`Task.source` needs ``motefit.train``: that method
alone imports it, when it is called, so that everything except training works without torch.
"""

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

import numpy as np

from motefit.codegen.agreement import CAgreement
from motefit.codegen.compiled import CompiledModel
from motefit.data.damage import BrokenFile
from motefit.graph.families import Problem
from motefit.measure.latency.paired import BenchmarkCase
from motefit.measure.stream_measurement import StreamProgress
from motefit.runtime.bundle import Bundle
from motefit.spec.codec import dumps_json
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe
from motefit.spec.registry import Registry
from motefit.tflite.model import ModelFile

Dataset = TypeVar("Dataset")
IO = TypeVar("IO")
Examples = TypeVar("Examples", bound="Subsets")
Subset = Literal["validation", "test"]
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Result of measuring the shipped bytes on one subset of the data.

    Attributes:
        facts: values by metric name.
        evidence: counts, intervals and matrices by topic, for the card.
        details: examples and finer tables by topic, which a report shows and no card carries; only
            of the test set.
    """

    facts: Mapping[str, float]
    evidence: Mapping[str, object] = field(default_factory=dict)
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TeacherData:
    """Training data of a recipe's teacher.

    Attributes:
        source: source of its examples, a ``motefit.train.loop.Source``.
        problem: its input and output shapes.
        classes: indices of the model's classes among the teacher's; None: they are the same.
        view: converts the model's normalized inputs to the teacher's; None: they are the same.
    """

    source: Any
    problem: Problem
    classes: tuple[int, ...] | None = None
    view: Callable[[np.ndarray], np.ndarray] | None = None


class Subsets(Protocol):
    """Clean examples by subset; a task's source of training examples provides them."""

    def subset(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Return clean normalized inputs (n, ...) and targets; ``"train"`` or ``"validation"``."""
        ...


class Task(ABC, Generic[Dataset, IO, Examples]):
    """Steps that differ between tasks; ``dataset`` is the result of :meth:`load`."""

    name: ClassVar[str]

    @abstractmethod
    def load(
        self, recipe: Recipe, data: Path | None, *, progress: Progress | None = None
    ) -> Dataset:
        """Load the data of a recipe; None synthesizes the default data."""

    def load_whole(
        self, recipe: Recipe, data: Path | None, *, progress: Progress | None = None
    ) -> Dataset:
        """Load the data with every example in the test set.

        Raises:
            RecipeError: for a task that cannot.
        """
        del recipe, data, progress
        raise RecipeError(f"--all scores forecasters, not {self.name}; leave it out")

    def scope(self, recipe: Recipe, dataset: Dataset) -> str:
        """Describe which of the data are the test set; empty if nothing needs to be said."""
        del recipe, dataset
        return ""

    def data_settings(self, recipe: Recipe) -> str:
        """Return the settings of a recipe that :meth:`load` depends on, as text."""
        return dumps_json(recipe.data)

    def broken(self, recipe: Recipe, data: Path) -> Sequence[BrokenFile]:
        """List every unusable file of the data; only for data of many files."""
        del recipe, data
        return ()

    def damaged(self, dataset: Dataset) -> Sequence[BrokenFile]:
        """List the files that were left out because they are unusable."""
        del dataset
        return ()

    def refitting(self, recipe: Recipe, dataset: Dataset) -> Dataset:
        """Return the data set of a refit: training and validation set together, for both.

        Raises:
            RecipeError: for a task that does not refit.
        """
        del dataset
        raise RecipeError(f"[train] refit = true: the task {recipe.task} does not refit")

    @abstractmethod
    def data_key(self, dataset: Dataset) -> str:
        """Compute the content hash of a dataset."""

    @abstractmethod
    def problem(self, recipe: Recipe, dataset: Dataset) -> Problem:
        """Return the input and output shapes of the network."""

    @abstractmethod
    def loss(self, recipe: Recipe) -> str:
        """Return the recipe's loss, or the task's default."""

    @abstractmethod
    def source(self, recipe: Recipe, dataset: Dataset) -> Examples:
        """Return the training examples, which are also a ``motefit.train.loop.Source``.

        Raises:
            MissingExtraError: without torch.
        """

    def mining_rounds(self, recipe: Recipe) -> int:
        """Return how often hard negatives are sought after the training; by default never."""
        del recipe
        return 0

    def harder(self, recipe: Recipe, dataset: Dataset, source: Examples, model: bytes) -> Examples:
        """Return the training examples with hard negatives that a model gets wrong added.

        Args:
            recipe: recipe of the candidate.
            dataset: dataset of the recipe.
            source: source of the training examples so far.
            model: the file of the network trained on them.
        """
        del recipe, dataset, model
        return source

    def teacher_data(
        self, recipe: Recipe, dataset: Dataset, source: Examples, data: Path | None
    ) -> TeacherData:
        """Return the training data of a teacher; by default the training examples themselves.

        Args:
            recipe: recipe with a ``[train.teacher]``.
            dataset: dataset of the recipe.
            source: source of the training examples.
            data: folder or file as in :meth:`load`.

        Raises:
            RecipeError: if the recipe requires something that the task or the data do not have.
        """
        del data
        return TeacherData(source=source, problem=self.problem(recipe, dataset))

    @abstractmethod
    def io(self, recipe: Recipe, dataset: Dataset, source: Examples) -> IO:
        """Return the task's section of the card."""

    def ordered(
        self, dataset: Dataset, model: ModelFile, given: Sequence[str] | None
    ) -> tuple[Dataset, str]:
        """Bring the labels of a dataset into the order of a foreign model's outputs.

        Args:
            dataset: of the recipe.
            model: the file.
            given: labels in the order of its outputs, if they are known; None: as the file says.

        Returns:
            The dataset, and which order that is and why, in words; empty for tasks without labels.

        Raises:
            RecipeError: if the labels are not those of the dataset.
        """
        del model
        if given is not None:
            raise RecipeError(f"labels (--labels) are for keyword spotters, not for {self.name}")
        return dataset, ""

    @abstractmethod
    def foreign_io(self, recipe: Recipe, dataset: Dataset, model: ModelFile) -> IO:
        """Return the card's section for a foreign model file, from recipe and data."""

    @abstractmethod
    def require_fit(self, io: IO, dataset: Dataset) -> None:
        """Raise a RecipeError if a card and a dataset do not match."""

    def require_measured(self, recipe: Recipe, dataset: Dataset) -> None:
        """Raise a RecipeError if a budget bounds a metric that these data do not have.

        The recipe itself has already refused what it can check without data.
        """
        del recipe, dataset

    @abstractmethod
    def measure(self, model: bytes, io: IO, dataset: Dataset, subset: Subset) -> Measurement:
        """Measure the shipped bytes on one subset of the data."""

    def measure_stream(
        self,
        model: bytes,
        io: IO,
        dataset: Dataset,
        subset: Subset,
        progress: StreamProgress | None = None,
    ) -> Measurement:
        """Measure the shipped bytes on the long recordings of one subset; nothing by default."""
        del model, io, dataset, subset, progress
        return Measurement(facts={})

    def decide(
        self, model: bytes, io: IO, dataset: Dataset, recipe: Recipe
    ) -> tuple[IO, Measurement]:
        """Choose on validation how a model decides in a stream; by default it has no choice.

        Returns:
            The card's section with the decision; and what was measured: facts on validation, and
            evidence of the choice.
        """
        del model, dataset, recipe
        return io, Measurement(facts={})

    @abstractmethod
    def baselines(self, dataset: Dataset, subset: Subset) -> Mapping[str, Measurement]:
        """Measure naive baselines, by name."""

    @abstractmethod
    def audit(self, dataset: Dataset) -> Mapping[str, object]:
        """Collect facts that qualify a result: counts, shared speakers, duplicates."""

    @abstractmethod
    def compare_c(
        self, compiled: CompiledModel, bundle: Bundle, dataset: Dataset, subset: Subset
    ) -> CAgreement:
        """Compare a model's C source with the Python runtime on one subset of the data."""

    @abstractmethod
    def benchmark_case(
        self, model: bytes, io: IO, *, threads: int = 1, xnnpack: bool = True
    ) -> BenchmarkCase:
        """Prepare the model with one example, for latency measurements."""


AnyTask = Task[Any, Any, Any]
ProblemOf = Callable[[Recipe], Problem]
"""Returns the input and output shapes of a recipe's network, given the data."""
TASKS: Registry[AnyTask] = Registry(__name__, "task")
"""Every task by name; each file of this folder adds one."""

KEPT = 2
"""Number of data sets in memory; searches over sampling rates alternate between two."""

_loaded: OrderedDict[tuple[str, str, str], Any] = OrderedDict()


def load_dataset(
    task: Task[Dataset, IO, Examples],
    recipe: Recipe,
    data: Path | None,
    *,
    progress: Progress | None = None,
) -> Dataset:
    """Load the data of a recipe, or return what was loaded before for the same settings.

    Raises:
        DataError: if the data cannot be used.
    """
    key = (task.name, str(data), task.data_settings(recipe))
    if key not in _loaded:
        _loaded[key] = task.load(recipe, data, progress=progress)
    _loaded.move_to_end(key)
    while len(_loaded) > KEPT:
        _loaded.popitem(last=False)
    found: Dataset = _loaded[key]
    return found
