"""Errors that a user can cause; each says what was given, what is allowed and what to do.

The command line maps :class:`MotefitError` to exit code 2 and prints its text without a traceback.
"""


class MotefitError(Exception):
    """Root of all errors that motefit raises on purpose."""


class RecipeError(MotefitError, ValueError):
    """A recipe, budget or option that cannot be understood."""


class DataError(MotefitError, ValueError):
    """Input data (audio, series, folders, lists) that cannot be used."""


class ModelFileError(MotefitError, ValueError):
    """A model file, card or bundle that is damaged, changed or not supported."""


class NoCardError(ModelFileError):
    """A model file without the card that describes its inputs and outputs."""


class OutputError(MotefitError, OSError):
    """A result that could not be written; previous contents are intact."""


class HostError(MotefitError, OSError):
    """A remote machine that cannot be reached, or cannot do what it is asked to."""


class UnsupportedPlatformError(MotefitError, ImportError):
    """A processor, operating system or Python that cannot run models."""


class MissingExtraError(MotefitError, ImportError):
    """A needed optional dependency that is not installed; the text names the extra to install."""

    def __init__(self, module: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {module!r}, which is not installed; "
            f"install it with: pip install 'motefit[{extra}]'"
        )
