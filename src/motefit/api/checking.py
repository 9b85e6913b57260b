"""``check``: measure a model file again and compare it with its card and budget."""

from pathlib import Path

from motefit.api.progress_display import Progress, open_progress
from motefit.certify.check import CheckResult
from motefit.certify.check import check as measure_again
from motefit.recipes.catalog import find_recipe
from motefit.runtime.zoo import find_model, output_path
from motefit.spec.recipe import Recipe


def check(  # noqa: PLR0913 - the options of a command
    model: str | Path,
    *,
    data: str | Path | None = None,
    recipe: str | Path | Recipe | None = None,
    out: str | Path | None = None,
    whole: bool = False,
    c_source: bool = False,
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
        recipe: recipe whose budget and [data] section replace the card's, by name, path or as a
            Recipe; for a file without a card its front end is used too.
        out: folder for certificate and report; None: ``<model>-check`` beside the model, or
            here for a shipped model.
        whole: score all windows of a file, not only its last part; for forecasters.
        c_source: also generate the model's C source, compile it for this machine, and compare it
            with LiteRT's builtin kernels and the Python runtime on the same data.
        progress: how progress is shown, see :func:`motefit.fit`.

    Returns:
        The measured card and certificate, and in ``differences`` what the card does not confirm.

    Raises:
        ModelFileError: if the model is damaged, or its bytes do not match its card.
        DataError: if the data cannot be used.
        RecipeError: if the recipe is for another task than the model.
    """
    path = find_model(model)
    with open_progress(progress) as listener:
        return measure_again(
            path,
            None if data is None else Path(data),
            recipe=None if recipe is None else find_recipe(recipe),
            out=output_path(path, "-check") if out is None else Path(out),
            whole=whole,
            c_source=c_source,
            listener=listener,
        )
