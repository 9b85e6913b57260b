"""``codegen``: source of a model for microcontrollers."""

from pathlib import Path

from motefit.codegen.firmware import write_firmware
from motefit.codegen.project import CSource
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model, output_path
from motefit.spec.visible import visible


def generate_c(model: str | Path, *, target: str = "c99", out: str | Path | None = None) -> CSource:
    """Write the C source of a model: network, front end or calendar, labels, and a self-test.

    >>> import motefit
    >>> source = motefit.generate_c("yes-no", out="yes-no-c")  # doctest: +SKIP
    >>> source.arena_bytes, source.arena_optimal  # doctest: +SKIP
    (19672, True)

    Args:
        model: bundle, .tflite with its card, or name of a shipped model.
        target: ``"c99"``: any processor with a C99 compiler; ``"cortex-m"``: the same with start-up
            and Makefile, to run in qemu; ``"arduino"``: a library; ``"zephyr"``: a module;
            ``"tflm"``: the model, its operators and arena for TensorFlow Lite Micro.
        out: folder to write; None: ``<model>-c``, or ``<model>-<target>`` for another target than
            c99, beside the model; here for a shipped model.

    Raises:
        ModelFileError: if the model is damaged, or has an operation or form without C source.
        RecipeError: for an unknown target.
        MissingExtraError: for ``"tflm"`` without the extra ``micro``.
    """
    path = find_model(model)
    ending = "c" if target == "c99" else target
    folder = output_path(path, f"-{ending}") if out is None else Path(out)
    return write_firmware(load_bundle(path), folder, name=visible(path.stem), target=target)
