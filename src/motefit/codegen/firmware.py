"""Firmware projects: a bundle laid out for a target."""

from pathlib import Path

from motefit.codegen.project import CSource, save_source
from motefit.codegen.targets import TARGETS
from motefit.runtime.bundle import Bundle


def write_firmware(bundle: Bundle, folder: Path, *, name: str, target: str = "c99") -> CSource:
    """Write a bundle as source, laid out for a target.

    Args:
        bundle: model and card.
        folder: to write to; created if it is missing.
        name: of the model; becomes a C identifier.
        target: one of :data:`~motefit.codegen.targets.TARGETS`.

    Raises:
        RecipeError: for an unknown target.
        ModelFileError: for a form or an operation without C source.
        OutputError: if the folder cannot be written.
    """
    chosen = TARGETS.find(target)
    layout = chosen.lay_out(bundle, name)
    return save_source(layout.source, layout.texts, folder, target=target, hint=chosen.hint)
