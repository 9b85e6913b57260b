"""Models shipped with motefit, by name.

Their folder is part of the package; in a checkout it is a link to ``zoo`` at the root.
"""

from pathlib import Path

from motefit.spec.codec import nearest
from motefit.spec.errors import ModelFileError

FOLDER = Path(__file__).resolve().parents[1] / "zoo"


def model_names() -> tuple[str, ...]:
    """List the names of the shipped models, sorted; empty if none are shipped.

    >>> "yes-no" in model_names()
    True
    """
    return tuple(sorted(_shipped()))


def find_model(model: str | Path) -> Path:
    """Return the path of a model given by path, or by the name of a shipped model.

    A path is returned unchanged, whether or not the file exists.

    >>> find_model("yes-no").name, find_model("my/model.tflite").name
    ('yes-no.zip', 'model.tflite')

    Args:
        model: path, or a name listed by :func:`model_names`.

    Raises:
        ModelFileError: if a bare name is neither a file nor a shipped model; the message names the
            nearest one.
    """
    path, shipped = Path(model), _shipped()
    if len(path.parts) != 1 or path.is_file():
        return path
    trained = Path("runs", path.name, f"{path.name}.zip")
    if not path.suffix and path.name in shipped:
        return shipped[path.name]
    if path.is_dir():
        return path
    hint = f" (did you mean {trained}?)" if trained.is_file() else nearest(path.stem, shipped)
    if path.suffix and not hint:
        return path
    what = "file" if path.suffix else "model"
    raise ModelFileError(
        f"there is no {what} {path.name!r}{hint}; shipped models, by name: "
        f"{', '.join(sorted(shipped)) or 'none'}; or give the path of a bundle (.zip) or .tflite "
        "file"
    )


def output_path(model: Path, ending: str) -> Path:
    """Return the default path of a model's result: next to it, or here for a shipped model.

    >>> print(output_path(Path("my/model.zip"), "-check"))
    my/model-check
    >>> print(output_path(find_model("yes-no"), ".min.tflite"))
    yes-no.min.tflite
    """
    folder = Path() if model.parent == FOLDER else model.parent
    return folder / f"{model.stem}{ending}"


def is_shipped(path: Path) -> bool:
    """Return whether a file is a shipped model, which is trusted like the code next to it."""
    return path in _shipped().values()


def _shipped() -> dict[str, Path]:
    return {path.stem: path for path in FOLDER.glob("*.zip")}
