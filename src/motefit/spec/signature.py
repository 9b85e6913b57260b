"""Settings given by a function's keyword-only arguments, checked like any other section."""

import dataclasses
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

from motefit.spec.codec import decode


def settings_type(function: Callable[..., object], *, without: tuple[str, ...] = ()) -> type[Any]:
    """Make a frozen dataclass of a function's keyword-only arguments.

    Args:
        function: with type hints and defaults.
        without: arguments that a recipe does not set.
    """
    hints = typing.get_type_hints(function)
    fields: list[tuple[str, Any, Any]] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in without:
            required = parameter.default is parameter.empty
            default = dataclasses.MISSING if required else parameter.default
            field = dataclasses.field(default=default)
            fields.append((parameter.name, hints[parameter.name], field))
    return dataclasses.make_dataclass(function.__name__, fields, frozen=True, kw_only=True)


def checked_settings(
    settings: type[Any], table: Mapping[str, object], *, where: str
) -> dict[str, Any]:
    """Return the keyword arguments that a recipe's table gives, with defaults filled in.

    Raises:
        RecipeError: for an unknown or missing key, or a value of a wrong type.
    """
    chosen = decode(settings, table, where=where)
    return {field.name: getattr(chosen, field.name) for field in dataclasses.fields(settings)}
