"""Tasks of motefit, as recipes and cards describe them; one file per task.

A file in this folder defines the task's ``[data]`` section and the ``io`` section of its card, and
registers a :class:`TaskSpec` in :data:`TASK_SPECS`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from motefit.spec.errors import RecipeError
from motefit.spec.registry import Registry


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """Task-specific sections of recipes and cards.

    Attributes:
        name: as written in ``task = "..."``.
        data: dataclass of the recipe's ``[data]`` section.
        io: dataclass of the card's ``io`` section: the model's inputs and outputs.
        has_frontend: whether a recipe has a ``[frontend]`` section.
        metrics: names of the quality metrics of a model, given ``data``; or one of
            ``spec.metrics.PATTERNS`` if only the data themselves tell which.
    """

    name: str
    data: type
    io: type
    has_frontend: bool
    metrics: Callable[[Any], tuple[str, ...]]


TASK_SPECS: Registry[TaskSpec] = Registry(__name__, "task")
"""What a recipe and a card say of every task, by its name; each file of this folder adds one."""


def check_percents(train: float, validation: float) -> None:
    """Check the shares of training and validation set.

    Raises:
        RecipeError: unless both are positive and leave a test set.
    """
    if not (train > 0 and validation > 0 and train + validation < 100):
        raise RecipeError(
            "train_percent and validation_percent must be positive and leave a test set, "
            f"got {train} and {validation}"
        )
