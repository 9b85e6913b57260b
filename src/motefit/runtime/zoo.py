"""Models shipped with motefit, by name: in the package, or in the folder zoo of a checkout."""

from pathlib import Path

from motefit.spec.codec import nearest
from motefit.spec.errors import ModelFileError

PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (PACKAGE / "zoo", PACKAGE.parents[1] / "zoo")


def model_names() -> tuple[str, ...]:
    """Names of the shipped models, sorted; empty where none is shipped.

    >>> "yes-no" in model_names()
    True
    """
    return tuple(sorted(_shipped()))


def find_model(model: str | Path) -> Path:
    """Path of a model file given by its path, or of a shipped model given by its name.

    A path is returned as it is, whether there is a file or not.

    >>> find_model("yes-no").name, find_model("my/model.tflite").name
    ('yes-no.zip', 'model.tflite')

    Args:
        model: path, or a name as :func:`model_names` gives it.

    Raises:
        ModelFileError: for a bare name that is neither a file nor a shipped model; it names the
            nearest one.
    """
    path, shipped = Path(model), _shipped()
    if path.suffix or len(path.parts) != 1 or path.exists():
        return path
    if path.name not in shipped:
        known = f"shipped: {', '.join(sorted(shipped))}" if shipped else "none is shipped here"
        raise ModelFileError(
            f"there is no model {path.name!r}{nearest(path.name, shipped)}; {known}; or give the "
            "path of a bundle (.zip) or .tflite file"
        )
    return shipped[path.name]


def _shipped() -> dict[str, Path]:
    return {path.stem: path for folder in FOLDERS for path in folder.glob("*.zip")}
