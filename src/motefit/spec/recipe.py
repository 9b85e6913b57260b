"""A recipe: everything that turns data and a budget into a model file, as frozen dataclasses."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from motefit.spec.augment import AugmentSpec
from motefit.spec.budget import NAME, Budget, check_names
from motefit.spec.codec import check_fields, decode, dumps_toml, encode, flatten, nearest
from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.lfs_pointer import is_pointer, pointer_message
from motefit.spec.metrics import is_among, metric
from motefit.spec.rejects import RejectSpec
from motefit.spec.search import SearchSpec
from motefit.spec.tasks import TASK_SPECS, TaskSpec
from motefit.spec.teacher import TeacherSpec
from motefit.spec.visible import visible

Precision = Literal[
    "float32", "float16", "dynamic-range", "int8-weights", "int4-weights", "int8", "int4"
]
Calibration = Literal["min-max", "percentile", "mse"]
BiasScales = Literal["own", "borrowed", "none"]
SECTIONS = (
    "name", "description", "task", "data", "frontend", "model", "train", "compress", "budget",
    "budgets", "search",
)  # fmt: skip
"""The keys of a recipe file, in the order they are written."""


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """The ``[model]`` section: a family and its settings.

    Attributes:
        family: name of a registered model family.
        options: the family's keyword arguments; checked against its signature when built.
    """

    family: str
    options: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """The ``[train]`` section.

    Attributes:
        epochs: passes over the training set.
        batch_size: examples per step.
        optimizer: ``"adamw"``, ``"adam"``, or ``"sgd"`` with momentum 0.9.
        learning_rate: peak (one-cycle, cosine) or initial (linear, constant) learning rate.
        final_learning_rate: at the last step of the linear and cosine schedules.
        schedule: ``"one-cycle"``, ``"cosine"`` after a linear warm-up, ``"linear"`` or
            ``"constant"``.
        warm_up_epochs: of the cosine schedule; at most half of the epochs are.
        averaging: the network that is evaluated and kept is a moving average of the weights, of
            which each step keeps this fraction (0.99 to 0.9999), with its norms' statistics
            estimated again; 0 for the weights themselves.
        weight_decay: on weights of two and more dimensions; decoupled for ``"adamw"``.
        loss: ``"cross-entropy"``, ``"mae"``, ``"mse"`` or ``"huber"``; empty: the task's own.
        label_smoothing: of the cross-entropy.
        balance: of the words in training: ``"none"`` uses the clips as they are, ``"sampling"``
            draws equally many clips of each word in every epoch, those of rare words several times
            with new augmentation each time, and keeps the epoch with the best balanced accuracy.
        seeds: one candidate is trained per seed.
        refit: train the chosen candidate once more, with its settings and seed, on training and
            validation set together, and ship that file; its epochs and steps of compression are
            then validated on every fourth of the same windows. For forecasting only.
        augment: of training clips.
        teacher: a larger network to learn from, for tasks with cross-entropy; None for none.
        rejects: how often other sound is heard, for recipes with reject classes; None: the
            defaults, if there are any.
    """

    epochs: int = 30
    batch_size: int = 64
    optimizer: Literal["adamw", "adam", "sgd"] = "adamw"
    learning_rate: float = 0.01
    final_learning_rate: float = 1e-5
    schedule: Literal["one-cycle", "cosine", "linear", "constant"] = "one-cycle"
    warm_up_epochs: float = 5.0
    averaging: float = 0.0
    weight_decay: float = 0.01
    loss: Literal["", "cross-entropy", "mae", "mse", "huber"] = ""
    label_smoothing: float = 0.0
    balance: Literal["none", "sampling"] = "none"
    seeds: tuple[int, ...] = (0,)
    refit: bool = False
    augment: AugmentSpec = field(default_factory=AugmentSpec)
    teacher: TeacherSpec | None = None
    rejects: RejectSpec | None = None

    def __post_init__(self) -> None:
        check_fields(self)
        for name in ("epochs", "batch_size", "learning_rate", "final_learning_rate"):
            if getattr(self, name) <= 0:
                raise RecipeError(f"{name} must be positive, got {getattr(self, name)}")
        if self.warm_up_epochs < 0 or not 0 <= self.averaging < 1:
            raise RecipeError(
                "warm_up_epochs must not be negative and averaging must be 0..1, "
                f"got {self.warm_up_epochs} and {self.averaging}"
            )
        if self.weight_decay < 0 or not 0 <= self.label_smoothing < 1:
            raise RecipeError(
                "weight_decay must not be negative and label_smoothing must be 0..1, "
                f"got {self.weight_decay} and {self.label_smoothing}"
            )
        if not self.seeds or len(set(self.seeds)) != len(self.seeds) or min(self.seeds) < 0:
            raise RecipeError(f"seeds must be distinct and non-negative, got {list(self.seeds)}")


@dataclass(frozen=True, kw_only=True)
class CompressSpec:
    """The ``[compress]`` section.

    Attributes:
        precision: of the released file, one of

            * ``"float32"``;
            * ``"float16"``, ``"int8-weights"``, ``"int4-weights"``: weights stored in this type and
              widened when the model runs; arithmetic in float. Of these, TensorFlow Lite Micro runs
              only int8-weights with one scale per weight;
            * ``"dynamic-range"``: int8 weights, and float activations that each layer quantizes to
              int8 by their current range; not in TensorFlow Lite Micro;
            * ``"int8"``: weights and activations, with calibrated activations; runs everywhere;
            * ``"int4"``: as int8, with 4-bit weights. XNNPACK leaves its convolutions to the
              builtin kernels; TensorFlow Lite Micro accepts its dense layers with a single scale
              only.

        io: dtype of the model's input and output when ``precision`` is ``"int8"`` or ``"int4"``.
        rounding: of weights: ``"data"`` chooses integers that keep the layers' outputs on the
            calibration examples, ``"nearest"`` the nearest ones.
        per_channel: one scale per output channel of a weight; otherwise one per weight.
        calibration: range of the activations of int8 and int4: ``"min-max"`` all observed values,
            ``"percentile"`` all but one in ten thousand at each end, ``"mse"`` the range with the
            least mean square error.
        calibration_examples: training examples used to calibrate the activations and to round the
            weights.
        bias_scales: how an int8 file gives the scales of its int32 biases, see
            ``motefit.tflite.write.write.write``; the arithmetic is the same.
        keep_names: keep the tensor names in the file, for people who inspect it.
        steps: compression between training and export, in order: tables with the ``name`` of a
            compressor and its options, each a ``[[compress.steps]]``.
    """

    precision: Precision = "int8"
    io: Literal["int8", "float32"] = "int8"
    rounding: Literal["data", "nearest"] = "data"
    per_channel: bool = True
    calibration: Calibration = "percentile"
    calibration_examples: int = 512
    bias_scales: BiasScales = "own"
    keep_names: bool = False
    steps: tuple[Mapping[str, object], ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)
        if self.calibration_examples < 1:
            raise RecipeError(
                f"calibration_examples must be at least 1, got {self.calibration_examples}"
            )
        for index, step in enumerate(self.steps):
            if not isinstance(step.get("name"), str):
                raise RecipeError(
                    f"steps[{index}] needs the name of a compressor, "
                    'e.g. name = "magnitude-pruning"'
                )


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One recipe file.

    Attributes:
        name: of bundle and run: the key ``name``, or the file's name without its extension.
        description: one line for ``motefit recipes``.
        task: name of a registered task.
        data: the task's own section.
        frontend: None for tasks without one.
        model: family and settings.
        train: training settings.
        compress: form of the released file.
        budget: limits and objective.
        budgets: additional budgets by name; each gets its best candidate and a bundle.
        search: search space and strategy.
    """

    name: str
    task: str
    data: Any
    model: ModelSpec
    description: str = ""
    frontend: FrontEnd | None = None
    train: TrainSpec = field(default_factory=TrainSpec)
    compress: CompressSpec = field(default_factory=CompressSpec)
    budget: Budget = field(default_factory=Budget)
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    search: SearchSpec = field(default_factory=SearchSpec)

    def __post_init__(self) -> None:
        check_fields(self)
        task = TASK_SPECS.find(self.task)
        if not isinstance(self.data, task.data):
            raise RecipeError(
                f"data: the task {task.name} needs a {task.data.__name__}, got {self.data!r}"
            )
        if task.has_frontend != (self.frontend is not None):
            raise RecipeError(
                f"the task {task.name} {'needs a' if task.has_frontend else 'has no'} [frontend]"
            )
        check_names(self.budgets)
        measured = task.metrics(self.data)
        if self.train.teacher is not None and "accuracy" not in measured:
            raise RecipeError(
                f"[train]: a teacher needs classes, which the task {task.name} does not have"
            )
        if self.train.refit and "accuracy" in measured:
            raise RecipeError(f"[train]: refit: the task {self.task} does not refit")
        if self.train.balance != "none" and "accuracy" not in measured:
            raise RecipeError(f"[train]: balance: the task {task.name} has no classes to balance")
        if self.train.rejects is not None and not getattr(self.data, "rejects", ()):
            raise RecipeError(
                "[train.rejects] needs reject classes: give unknown or silence in the [data] of a "
                "keyword recipe, or leave the section out"
            )
        self.require_measured(measured)

    @property
    def all_budgets(self) -> Mapping[str, Budget]:
        """Every budget by the name of its bundle; the recipe's own budget comes first."""
        return {self.name: self.budget, **{f"{self.name}-{k}": b for k, b in self.budgets.items()}}

    def require_measured(self, measured: tuple[str, ...]) -> None:
        """Reject a bound or objective on a quality metric that does not exist for this recipe.

        Args:
            measured: names of the quality metrics, as from ``TaskSpec.metrics``.

        Raises:
            RecipeError: naming the section, the metric and the available ones.
        """
        wanted = [("search", name) for name in self.search.objectives]
        for section, budget in {"budget": self.budget, **self.budgets}.items():
            wanted += [(section, name) for name in (*budget.metrics, budget.objective)]
        for section, name in wanted:
            if metric(name).quality and not is_among(name, measured):
                raise RecipeError(
                    f"[{section}]: {name} is not measured here{nearest(name, measured)}; the task "
                    f"{self.task} with this [data] measures: {', '.join(measured)}"
                )

    @classmethod
    def from_table(cls, table: Mapping[str, Any], *, name: str) -> "Recipe":
        """Build a recipe from a parsed TOML table.

        Raises:
            RecipeError: naming the recipe, the section, and the nearest allowed key.
        """
        for key in table:
            if key not in SECTIONS:
                raise RecipeError(
                    f"{name}: unknown section {key!r}{nearest(key, SECTIONS)}; "
                    f"allowed: {', '.join(sorted(SECTIONS))}"
                )
        for key in ("task", "model"):
            if key not in table:
                raise RecipeError(f"{name}: the key {key!r} is missing")
        name = _name(table.get("name", name), where=name)
        try:
            task = TASK_SPECS.find(str(table["task"]))
        except RecipeError as error:
            raise RecipeError(f"{name}: {error}") from None
        if not task.has_frontend and "frontend" in table:
            raise RecipeError(f"{name}: the task {task.name} has no [frontend] section")

        wanted = [key for key in SECTIONS[3:] if task.has_frontend or key != "frontend"]
        sections = _sections({key: table.get(key, {}) for key in wanted}, task=task, name=name)
        try:
            description = table.get("description", "")
            return cls(name=name, description=description, task=task.name, **sections)
        except RecipeError as error:
            raise RecipeError(f"{name}: {error}") from None

    @classmethod
    def load(cls, path: str | Path) -> "Recipe":
        """Read a recipe file.

        Raises:
            RecipeError: if the file is absent, is not TOML, or has unknown contents.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"cannot read the recipe {path}: {error}") from None
        if is_pointer(text.encode()):
            raise RecipeError(pointer_message(path))
        if visible(path.stem) != path.stem:
            raise RecipeError(
                f"{path}: rename the file: its name, which the bundle takes over, is not UTF-8 "
                "or has control characters"
            )
        return cls.loads(text, name=path.stem)

    @classmethod
    def loads(cls, text: str, *, name: str) -> "Recipe":
        """Read a recipe from TOML text.

        Raises:
            RecipeError: as :meth:`load`.
        """
        try:
            table = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise RecipeError(f"{name}: not valid TOML: {error}") from None
        try:
            return cls.from_table(table, name=name)
        except RecursionError:
            raise RecipeError(f"{name}: its lists and tables are nested too deeply") from None

    def to_table(self) -> dict[str, Any]:
        """Return the plain table that :meth:`from_table` reads back to an equal recipe."""
        table = {"description": self.description, "task": self.task}
        return table | self._tables(SECTIONS[3:])

    def _tables(self, sections: Iterable[str]) -> dict[str, Any]:
        table = {name: _table(getattr(self, name)) for name in sections}
        return {k: v for k, v in table.items() if v is not None and (v or k != "budgets")}

    def to_toml(self) -> str:
        """Serialize the recipe to TOML text."""
        return dumps_toml(self.to_table())

    def with_values(self, values: Mapping[str, object]) -> "Recipe":
        """Return a copy with dotted keys replaced, e.g. ``{"model.width": 24}``.

        Raises:
            RecipeError: if a key or value is not allowed.
        """
        named = dict.fromkeys(dotted.split(".")[0] for dotted in values)
        table = self._tables(key for key in named if key in SECTIONS[3:])
        for dotted, value in values.items():
            *path, last = dotted.split(".")
            target = table
            for part in path:
                target = target.setdefault(part, {})
                if not isinstance(target, dict):
                    raise RecipeError(f"{self.name}: {dotted!r} does not name a recipe key")
            target[last] = dict(value) if isinstance(value, Mapping) else value
        for key in named:
            if key not in SECTIONS[3:] or (key == "frontend" and self.frontend is None):
                raise RecipeError(f"{self.name}: unknown section {key!r}{nearest(key, SECTIONS)}")
        return replace(self, **_sections(table, task=TASK_SPECS.find(self.task), name=self.name))


def _table(section: Any) -> Any:  # noqa: ANN401 - each section has its own type
    """Return one section of a recipe as a plain table; None if there is none."""
    if isinstance(section, ModelSpec):
        return {"family": section.family, **encode(section.options)}
    if isinstance(section, Budget):
        return section.to_table()
    if isinstance(section, Mapping):
        return {name: _table(value) for name, value in section.items()}
    return None if section is None else encode(section)


def _sections(table: Mapping[str, Any], *, task: TaskSpec, name: str) -> dict[str, Any]:
    """Decode the sections of a table.

    Raises:
        RecipeError: naming the recipe, the section, and the nearest allowed key.
    """
    specs = {
        "data": task.data, "frontend": FrontEnd, "model": ModelSpec, "train": TrainSpec,
        "compress": CompressSpec, "search": SearchSpec,
    }  # fmt: skip
    sections: dict[str, Any] = {}
    for key, given in table.items():
        where = f"{name}: [{key}]"
        if key == "budget":
            sections[key] = Budget.from_table(given, where=where)
        elif key == "budgets":
            sections[key] = {
                str(k): Budget.from_table(v, where=f"{name}: [budgets.{k}]")
                for k, v in _mapping(given, where=where).items()
            }
        else:
            shaped = _SHAPES.get(key, _mapping)(given, where=where)
            sections[key] = decode(specs[key], shaped, where=where)
    return sections


def _name(given: object, *, where: str) -> str:
    """Check the name of a recipe, which becomes that of files and folders."""
    if given == where:
        return where  # the file's own name: any
    if not isinstance(given, str) or not NAME.fullmatch(given):
        raise RecipeError(
            f"{where}: name: may hold letters, digits, '.', '_' and '-' only, the first a letter "
            f"or digit, got {given!r}"
        )
    return given


def _mapping(given: object, *, where: str) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise RecipeError(f"{where}: expected a table, got {given!r}")
    return given


def _model(given: object, *, where: str) -> Mapping[str, Any]:
    """Return the ``[model]`` section with the family's settings as its ``options``."""
    if not isinstance(given, Mapping) or "family" not in given:
        raise RecipeError(f'{where} needs a family, e.g. family = "dscnn"')
    knobs = {key: value for key, value in given.items() if key != "family"}
    return {"family": given["family"], "options": knobs}


def _search(given: object, *, where: str) -> Mapping[str, Any]:
    """Return the ``[search]`` section with ``model.width`` in its tables as ``"model.width"``."""
    search = dict(_mapping(given, where=where))
    for key in ("space", "variants", "ways"):
        if isinstance(search.get(key), Mapping):
            search[key] = flatten(search[key], where=f"{where}: {key}", leaves=("low", "high"))
    return search


_SHAPES = {"model": _model, "search": _search}
"""How a section is transformed before it is decoded."""
