"""Checks for optional dependencies, made before a run starts and not after an hour of training."""

import importlib.util

from motefit.spec.errors import MissingExtraError


def require(module: str, *, extra: str, purpose: str) -> None:
    """Make sure that an optional package is installed, without importing it.

    Raises:
        MissingExtraError: naming the extra to install.
    """
    try:
        found = importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        found = False
    if not found:
        raise MissingExtraError(module, extra, purpose)


def require_training() -> None:
    """Make sure that a model can be trained.

    Raises:
        MissingExtraError: naming the extra to install.
    """
    for module in ("torch", "optuna"):
        require(module, extra="train", purpose="training")


def can_report() -> bool:
    """Return whether a report can be written."""
    try:
        require_report()
    except MissingExtraError:
        return False
    return True


def require_report() -> None:
    """Make sure that a report can be written.

    Raises:
        MissingExtraError: naming the extra to install.
    """
    require("jinja2", extra="report", purpose="writing report.html")
