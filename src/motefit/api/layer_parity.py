"""``inspect --parity``: layer-by-layer comparison on real or random inputs."""

from pathlib import Path

import numpy as np

from motefit.measure.parity import Parity, measure_parity
from motefit.runtime.bundle import load_bundle
from motefit.runtime.quiet import silence_litert
from motefit.spec.errors import DataError, NoCardError, RecipeError
from motefit.spec.extras import require_training
from motefit.spec.recipe import Recipe
from motefit.tasks import find_task
from motefit.tflite.archive import read_model
from motefit.tflite.importer.read import read_graph

RANDOM = "random"
EXAMPLES = 64


def parity(model: Path, data: str, *, examples: int = EXAMPLES) -> Parity:
    """Compare every layer of a file with LiteRT's builtin kernels.

    Args:
        model: a .tflite file, or a zip of one.
        data: ``"random"`` for normal numbers with variance 1, like normalized inputs; a ``.npy``
            file of inputs (n, ...) as the network takes them; or, for a model with its card, the
            data of its task, whose validation set is used.
        examples: maximum number of examples.

    Raises:
        DataError: if the inputs have another size.
        ModelFileError: if the file cannot be read or run.
        MissingExtraError: for a task's data without the extras of training.
        NoCardError: for a task's data if the model has no card.
    """
    silence_litert()
    content = read_model(model)
    if data == RANDOM:
        shape = (examples, *read_graph(content).input_shape)
        return measure_parity(content, np.random.default_rng(0).normal(0.0, 1.0, shape))
    if data.endswith(".npy"):
        return measure_parity(content, _array(Path(data))[:examples])
    return measure_parity(content, _inputs(model, Path(data), examples))


def _array(path: Path) -> np.ndarray:
    try:
        found: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"cannot read the inputs {path}: {error}") from None
    if found.ndim < 2 or found.dtype.kind not in "fiu":
        raise DataError(
            f"{path} must contain real numbers of shape (n, ...), got {found.dtype} of shape "
            f"{found.shape}"
        )
    return found


def _inputs(model: Path, data: Path, examples: int) -> np.ndarray:
    """Prepare inputs of the network from the validation set of its task's data."""
    try:
        card = load_bundle(model).card
    except NoCardError:
        raise NoCardError(
            f"{model} has no card to say how its inputs are computed from {data}: give a .npy "
            "file of inputs, or --parity random"
        ) from None
    table = {key: value for key, value in card.recipe.items() if key != "name"}
    if not table:
        raise RecipeError(f"the card of {model} has no recipe; give a .npy file of inputs")
    require_training()
    recipe = Recipe.from_table(table, name=model.stem)
    task = find_task(card.task)
    dataset = task.load(recipe, data)
    task.require_fit(card.io, dataset)
    inputs: np.ndarray = task.source(recipe, dataset).part("validation")[0]
    return inputs[:examples]
