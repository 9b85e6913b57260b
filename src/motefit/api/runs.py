"""``fit`` and ``resume``: train the smallest model that meets a recipe's budget, and certify it."""

from collections.abc import Sequence
from pathlib import Path

from motefit.api.own_words import with_words
from motefit.api.progress_display import Progress, open_progress
from motefit.fitting.fit import FitOptions, FitResult
from motefit.fitting.fit import fit as run_recipe
from motefit.fitting.run_dir import RunDir
from motefit.recipes.catalog import find_recipe
from motefit.spec.files import leaves_no_empty
from motefit.spec.recipe import Recipe
from motefit.spec.several import several_names


def fit(  # noqa: PLR0913 - the options of a command
    recipe: str | Path | Recipe,
    *,
    data: str | Path | None = None,
    words: Sequence[str] = (),
    out: str | Path | None = None,
    workers: int = 0,
    device: str = "cpu",
    engine: str = "local",
    address: str = "",
    storage: str = "",
    profile: str | Path | None = None,
    in_graph: bool = False,
    sound: bool = True,
    keep_names: bool = False,
    overwrite: bool = False,
    progress: Progress = "auto",
) -> FitResult:
    """Train the smallest model that meets a recipe's budget, and certify the file it ships.

    An interrupted run continues where it stopped; a finished one returns its stored verdict and
    does not open the test set again. A script needs no ``__main__`` guard.

    >>> import motefit
    >>> result = motefit.fit("climate-6", data="jena.csv", workers=2)  # doctest: +SKIP
    >>> print(result)  # doctest: +SKIP

    Args:
        recipe: name of a shipped recipe, path of a .toml file, or a Recipe.
        data: folder of words, or CSV file; None synthesizes data by the recipe.
        words: words in place of the recipe's own, e.g. for the recipe ``custom``, which needs no
            recordings. If they are synthesized, clips are as long as the words need.
        out: folder for the run; None: ``runs/<name of the recipe>``.
        workers: training processes; 0 takes one per usable core.
        device: device on which torch trains, ``"cpu"`` or ``"cuda"``.
        engine: where workers run, ``"local"`` or ``"ray"``.
        address: address of the engine's cluster, e.g. ``"auto"`` for ray.
        storage: URL of an Optuna storage for the study; empty: a file in the run's folder.
        profile: profile of the device to screen for, as measured by :func:`motefit.bench`.
        in_graph: also write each model with its front end inside.
        sound: keep the sound of the ten clips that a keyword spotter finds hardest in the report.
        keep_names: keep tensor names in the file.
        overwrite: replace the run that is in the folder.
        progress: how progress is shown, on standard error: ``"auto"`` (live in a terminal, plain
            elsewhere, as in a notebook), ``"live"``, ``"plain"``, ``"json"`` or ``"quiet"``; or a
            Listener.

    Returns:
        The result: ``result.main.bundle`` is the path of the bundle, ``result.met`` whether the
        budget is met.

    Raises:
        RecipeError: if the recipe or an option is invalid.
        DataError: if the data cannot be used.
        OutputError: if the run's folder cannot be written, or belongs to another run.
        MissingExtraError: without the extras of training: ``pip install 'motefit[train,report]'``.
        NothingTrainedError: if no candidate finished its training.
    """
    found = find_recipe(recipe)
    if chosen := several_names(words):
        found = with_words(found, chosen, synthetic=data is None)
    if keep_names:
        found = found.with_values({"compress.keep_names": True})
    folder = Path("runs") / found.name if out is None else Path(out)
    options = FitOptions(
        workers=workers,
        device=device,
        engine=engine,
        address=address,
        storage=storage,
        profile=None if profile is None else Path(profile),
        in_graph=in_graph,
        sound=sound,
        overwrite=overwrite,
    )
    with open_progress(progress, workers=workers) as listener, leaves_no_empty(folder):
        return run_recipe(
            found,
            None if data is None else Path(data),
            folder,
            options=options,
            listener=listener,
        )


def resume(  # noqa: PLR0913 - the options of a command
    out: str | Path,
    *,
    workers: int = 0,
    device: str = "cpu",
    engine: str = "local",
    address: str = "",
    storage: str = "",
    profile: str | Path | None = None,
    in_graph: bool = False,
    sound: bool = True,
    overwrite: bool = False,
    progress: Progress = "auto",
) -> FitResult:
    """Continue the run in a folder, with the recipe and data stored there.

    >>> import motefit
    >>> motefit.resume("runs/climate-6")  # doctest: +SKIP

    Args:
        out: folder of the run.
        workers: as in :func:`fit`, like all further arguments.
        device: device on which torch trains.
        engine: where workers run.
        address: address of the engine's cluster.
        storage: URL of the study's storage.
        profile: profile of the device to screen for.
        in_graph: also write each model with its front end inside.
        sound: as in :func:`fit`; a run that was started without it stays without.
        overwrite: start over.
        progress: how progress is shown.

    Raises:
        MotefitError: as in :func:`fit`; OutputError if the folder has no run.
    """
    recipe, data = RunDir(Path(out)).stored()
    return fit(
        recipe,
        data=data,
        out=out,
        workers=workers,
        device=device,
        engine=engine,
        address=address,
        storage=storage,
        profile=profile,
        in_graph=in_graph,
        sound=sound,
        overwrite=overwrite,
        progress=progress,
    )


def can_resume(out: str | Path) -> bool:
    """Return whether a folder has a run that :func:`resume` can continue.

    >>> can_resume("no/such/folder")
    False
    """
    return RunDir(Path(out)).started
