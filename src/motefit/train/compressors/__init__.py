"""Compressors: the steps of a recipe's ``[[compress.steps]]``; one file per compressor.

A file in this folder defines a function decorated with :func:`compressor` that implements
:class:`Compressor`. Its keyword-only arguments are the options that a recipe may set.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from motefit.spec.errors import RecipeError
from motefit.spec.registry import Registry
from motefit.spec.signature import checked_settings, settings_type
from motefit.train.finetune.finetuner import FineTuner
from motefit.train.finetune.trained_model import Model

Step = Mapping[str, object]


class Compressor(Protocol):
    """Makes a trained model smaller, or prepares it for a later step.

    A compressor receives a trained model and a fine-tuner. It returns a model that

    * has the input and output shapes of the given one;
    * keeps the constraints of earlier steps: weights that are 0 stay 0, weights of a group stay
      equal (in steps of their channels' scales), removed channels stay removed, a model that is
      ``aware`` stays so. :meth:`FineTuner.fit` ensures this for all weights it trains;
    * records in ``Model`` the constraints on later steps and the export;
    * depends only on its arguments: all randomness comes from ``tuner.rng``, all training uses
      ``tuner.fit``. So an interrupted run repeats the cheap parts, resumes the training and
      produces the same bytes.

    It folds the model first (``model.folded()``) if it works on the released values.

    Raises:
        RecipeError: for an option that does not fit the model, naming those that would.
    """

    def __call__(self, model: Model, tuner: FineTuner, **options: Any) -> Model:  # noqa: ANN401
        """Compress ``model``; options are the step's own, checked against the signature."""
        ...


@dataclass(frozen=True, kw_only=True)
class RegisteredCompressor:
    """One registered compressor.

    Attributes:
        name: as written in a recipe.
        apply: the function.
        options: a frozen dataclass of the options that a recipe may set.
        shrinks: whether it reduces the file, the arithmetic or the memory compared with the
            untrained network, so that screening cannot reject by them.
    """

    name: str
    apply: Compressor
    options: type[Any]
    shrinks: bool


FORMERLY = {"quantisation-aware": "quantization-aware"}
"""Names that earlier versions wrote into recipes, and their current names."""
COMPRESSORS: Registry[RegisteredCompressor] = Registry(__name__, "compressor")
"""Every compressor by name; each file of this folder adds one."""
Apply = TypeVar("Apply", bound=Callable[..., Model])


def compressor(name: str, *, shrinks: bool = False) -> Callable[[Apply], Apply]:
    """Register a function as a compressor."""

    def wrap(apply: Apply) -> Apply:
        options = settings_type(apply)
        COMPRESSORS.register(
            name, RegisteredCompressor(name=name, apply=apply, options=options, shrinks=shrinks)
        )
        return apply

    return wrap


def check_steps(
    steps: Sequence[Step],
) -> tuple[tuple[RegisteredCompressor, Mapping[str, Any]], ...]:
    """Resolve the compressors of a recipe's steps, each with its options.

    Args:
        steps: tables with ``name`` and the compressor's options.

    Raises:
        RecipeError: for an unknown compressor or option, or a value of a wrong type.
    """
    found = []
    for index, step in enumerate(steps):
        where = f"[[compress.steps]] {index + 1}"
        try:
            name = str(step.get("name", ""))
            chosen = COMPRESSORS.find(FORMERLY.get(name, name))
        except RecipeError as error:
            raise RecipeError(f"{where}: {error}") from None
        table = {key: value for key, value in step.items() if key != "name"}
        where = f"{where} ({chosen.name})"
        found.append((chosen, checked_settings(chosen.options, table, where=where)))
    return tuple(found)


def compress(model: Model, steps: Sequence[Step], tuner: FineTuner) -> Model:
    """Run the steps of a recipe in their order.

    Raises:
        RecipeError: for invalid steps, or steps that do not fit the model; the text names the step.
    """
    for index, (chosen, options) in enumerate(check_steps(steps)):
        try:
            model = chosen.apply(model, tuner, **options)
        except RecipeError as error:
            where = f"[[compress.steps]] {index + 1} ({chosen.name})"
            raise RecipeError(f"{where}: {error}") from None
    return model


def require(name: str, value: float, *, low: float, high: float) -> None:
    """Reject an option out of its range.

    Raises:
        RecipeError: naming the option and the range.
    """
    if not low <= value <= high:
        raise RecipeError(f"{name} must be {low:g}..{high:g}, got {value:g}")
