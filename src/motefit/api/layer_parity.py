"""``inspect --parity``: layer-by-layer comparison on real or random inputs."""

from pathlib import Path
from tokenize import TokenError

import numpy as np

from motefit.measure.parity import Parity, measure_parity
from motefit.runtime.bundle import Bundle
from motefit.runtime.gate import admit
from motefit.spec.card import Card
from motefit.spec.errors import DataError, NoCardError, RecipeError
from motefit.spec.extras import require_training
from motefit.spec.lfs_pointer import is_pointer, pointer_message
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS
from motefit.tflite.model import ModelFile

RANDOM = "random"
EXAMPLES = 64
DAMAGE = (
    OSError, ValueError, EOFError, MemoryError, SyntaxError, OverflowError, TokenError, TypeError,
)  # fmt: skip
"""Exceptions raised for a file that is not an array, or is damaged."""


def needs_card(inputs: str) -> bool:
    """Return whether the inputs are data of the model's task, so that its card is needed."""
    return bool(inputs) and inputs != RANDOM and not inputs.endswith(".npy")


def parity(
    found: Bundle | ModelFile, inputs: str, *, path: Path, examples: int = EXAMPLES
) -> Parity:
    """Compare every layer of a file with LiteRT's builtin kernels.

    Args:
        found: model file, with its card if :func:`needs_card` says so.
        inputs: ``"random"`` for normal numbers with variance 1, like normalized inputs; a ``.npy``
            file of inputs (n, ...) as the network takes them; or, for a model with its card, the
            data of its task, whose validation set is used.
        path: path of the file, for errors.
        examples: maximum number of examples.

    Raises:
        DataError: if the inputs have another size.
        ModelFileError: if the file cannot be read or run.
        MissingExtraError: for a task's data without the extras of training.
        NoCardError: for a task's data if the model has no card.
    """
    file = found if isinstance(found, ModelFile) else found.file
    admit(file, path)
    if inputs == RANDOM:
        size = next((tensor.size for tensor in file.inspection.inputs), 1)
        drawn = np.random.default_rng(0).normal(0.0, 1.0, (examples, size))
        return measure_parity(file, drawn, contain=True)
    if inputs.endswith(".npy"):
        return measure_parity(file, _array(Path(inputs))[:examples], contain=True)
    if isinstance(found, ModelFile):
        raise NoCardError(
            f"{path} has no card to say how its inputs are computed from {inputs}: give a "
            ".npy file of inputs, or 'random'"
        )
    given = _of_task(found.card, path, Path(inputs), examples)
    return measure_parity(file, given, contain=True)


def _array(path: Path) -> np.ndarray:
    start = b""
    try:
        with path.open("rb") as file:
            start = file.read(64)
            file.seek(0)
            found: np.ndarray = np.lib.format.read_array(file, allow_pickle=False)
    except DAMAGE as error:
        if isinstance(error, ValueError) and is_pointer(start):
            raise DataError(pointer_message(path)) from None
        raise DataError(f"cannot read the inputs {path}: {error}") from None
    if found.ndim < 2 or found.dtype.kind not in "fiu":
        raise DataError(
            f"{path} must contain real numbers of shape (n, ...), got {found.dtype} of shape "
            f"{found.shape}"
        )
    return found


def _of_task(card: Card, model: Path, data: Path, examples: int) -> np.ndarray:
    """Prepare inputs of the network from the validation set of its task's data."""
    table = {key: value for key, value in card.recipe.items() if key != "name"}
    if not table:
        raise RecipeError(f"the card of {model} has no recipe; give a .npy file of inputs")
    require_training()
    recipe = Recipe.from_table(table, name=model.stem)
    task = TASKS.find(card.task)
    dataset = task.load(recipe, data)
    task.require_fit(card.io, dataset)
    inputs: np.ndarray = task.source(recipe, dataset).subset("validation")[0]
    return inputs[:examples]
