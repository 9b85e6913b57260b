"""Models shipped with motefit, by name: in the package, or in the zoo folder of a checkout."""

from pathlib import Path

from motefit.spec.codec import nearest
from motefit.spec.errors import ModelFileError

PACKAGE = Path(__file__).resolve().parents[1]
FOLDERS = (PACKAGE / "zoo", PACKAGE.parents[1] / "zoo")


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
    if path.suffix or len(path.parts) != 1 or path.exists():
        return path
    if path.name not in shipped:
        known = f"shipped: {', '.join(sorted(shipped))}" if shipped else "none are shipped here"
        raise ModelFileError(
            f"there is no model {path.name!r}{nearest(path.name, shipped)}; {known}; or give the "
            "path of a bundle (.zip) or .tflite file"
        )
    return shipped[path.name]


def _shipped() -> dict[str, Path]:
    return {path.stem: path for folder in FOLDERS for path in folder.glob("*.zip")}
