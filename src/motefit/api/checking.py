"""``check``: measure a model file again and compare it with its card and budget."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from motefit.api.progress_display import Progress, open_progress
from motefit.certify.check import CheckResult
from motefit.certify.check import check as measure_again
from motefit.certify.check_stream import StreamCheck
from motefit.certify.check_stream import check_stream as listen_again
from motefit.data.tree import is_there
from motefit.recipes.catalog import find_recipe
from motefit.runtime.zoo import find_model, output_path
from motefit.spec.errors import RecipeError
from motefit.spec.files import leaves_no_empty
from motefit.spec.recipe import Recipe
from motefit.spec.several import several_names


def check(  # noqa: PLR0913 - the options of a command
    model: str | Path,
    *,
    data: str | Path | None = None,
    stream: str | Path | None = None,
    recipe: str | Path | Recipe | None = None,
    labels: str | Path | Sequence[str] | None = None,
    out: str | Path | None = None,
    whole: bool = False,
    c_source: bool | Literal["fixed"] = False,
    sound: bool = True,
    progress: Progress = "auto",
) -> CheckResult:
    """Measure a model file on the test set of the data, from its bytes alone.

    >>> import motefit
    >>> result = motefit.check("climate-6", data="jena.csv")  # doctest: +SKIP
    >>> result.met, result.differences  # doctest: +SKIP
    (True, ())

    Args:
        model: bundle, .tflite with its card, or name of a shipped model; with ``recipe`` any
            .tflite file or zip of one.
        data: folder of words; or a table, a folder of tables or a pattern; None synthesizes data by
            the recipe.
        stream: folder of long recordings in place of the recipe's ``[data] stream``, for keyword
            spotters; :func:`check_stream` measures them alone.
        recipe: recipe whose budget and [data] section replace the card's, by name, path or as a
            Recipe; for a file without a card its front end is used too.
        labels: labels of a keyword spotter without a card, in the order of its outputs: a list,
            comma-separated text, or a file with one per line. None: those of a list in the model
            file, in its metadata or in a zip appended to it, else in alphabetical order; the result
            says which.
        out: folder for certificate and report; None: ``<model>-check`` beside the model, or
            here for a shipped model.
        whole: score all windows of a file, not only its last part (forecasters only).
        c_source: also generate the model's C source, compile it for this machine, and compare it
            with LiteRT's builtin kernels and the Python runtime on the same data. ``"fixed"``: with
            its front end in fixed point, as on a processor without an FPU.
        sound: keep the sound of the ten clips that a keyword spotter finds hardest in the report.
        progress: how progress is shown, see :func:`motefit.fit`.

    Returns:
        The measured card and certificate, and in ``differences`` what the card does not confirm.

    Raises:
        ModelFileError: if the model is damaged, or its bytes do not match its card.
        DataError: if the data cannot be used.
        RecipeError: if the recipe is for another task than the model.
    """
    path = find_model(model)
    folder = output_path(path, "-check") if out is None else Path(out)
    with open_progress(progress) as listener, leaves_no_empty(folder):
        return measure_again(
            path,
            None if data is None else Path(data),
            stream=None if stream is None else str(stream),
            recipe=None if recipe is None else find_recipe(recipe),
            labels=None if labels is None else _label_list(labels),
            out=folder,
            whole=whole,
            c_source=c_source,
            sound=sound,
            listener=listener,
        )


def _label_list(given: str | Path | Sequence[str]) -> Sequence[str]:
    """Return labels from a list, a text or a file."""
    if not isinstance(given, str | Path):
        return tuple(given)
    path = Path(given)
    if not isinstance(given, Path) and ("," in given or not is_there(path)):
        return several_names(given)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"cannot read the labels {path}: {error}") from None
    return tuple(line.strip() for line in lines if line.strip())


def check_stream(
    model: str | Path,
    stream: str | Path,
    *,
    recipe: str | Path | Recipe | None = None,
    progress: Progress = "auto",
) -> StreamCheck:
    """Measure false accepts, misses and latency of a keyword spotter in long recordings.

    >>> import motefit
    >>> found = motefit.check_stream("up-down", "an-evening-of-radio")  # doctest: +SKIP
    >>> found.facts["stream.false_accepts_per_hour"]  # doctest: +SKIP
    371.2

    Args:
        model: bundle, .tflite with its card, or name of a shipped model.
        stream: folder of recordings of any length, with sub-folders. Beside a recording may be a
            list of the words in it: a label track of Audacity (``.txt``), or a ``.csv`` with
            ``start_s,end_s,word``. If there is a sub-folder ``test``, only its recordings are used.
        recipe: recipe whose budget replaces the card's, by name, path or as a Recipe.
        progress: how progress is shown, see :func:`motefit.fit`.

    Returns:
        Values with their exact limits, the curve over thresholds, and the verdict on the ``stream``
        lines of the budget.

    Raises:
        ModelFileError: if the model is damaged, or not a keyword spotter.
        DataError: if the recordings cannot be used.
    """
    with open_progress(progress) as listener:
        return listen_again(
            find_model(model),
            Path(stream),
            recipe=None if recipe is None else find_recipe(recipe),
            listener=listener,
        )
