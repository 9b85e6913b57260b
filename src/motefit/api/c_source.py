"""``codegen``: C source of a model."""

from pathlib import Path
from typing import Literal

from motefit.codegen.project import CSource, write_c_source
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model
from motefit.spec.errors import RecipeError
from motefit.spec.visible import visible

TARGETS = ("c99",)


def generate_c(
    model: str | Path, *, target: Literal["c99"] = "c99", out: str | Path | None = None
) -> CSource:
    """Write the C source of a model: network, front end or calendar, labels, and a self-test.

    >>> import motefit
    >>> source = motefit.generate_c("yes-no", out="yes-no-c")  # doctest: +SKIP
    >>> source.arena_bytes, source.arena_optimal  # doctest: +SKIP
    (4520, True)

    Args:
        model: bundle, .tflite with its card, or name of a shipped model.
        target: ``"c99"``: any processor with a C99 compiler, without dependencies.
        out: folder to write; None: ``<model>-c`` beside the model.

    Raises:
        ModelFileError: if the model is damaged, or has an operation or form without C source.
        RecipeError: for an unknown target.
    """
    if target not in TARGETS:
        raise RecipeError(f"the target must be one of {', '.join(TARGETS)}, got {target!r}")
    path = find_model(model)
    folder = path.with_name(f"{path.stem}-c") if out is None else Path(out)
    return write_c_source(load_bundle(path), folder, name=visible(path.stem))
