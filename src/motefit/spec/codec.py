"""Frozen dataclasses <-> plain mappings, TOML and JSON; unknown keys are errors with a hint."""

import dataclasses
import datetime
import difflib
import functools
import json
import math
import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from motefit.spec.errors import RecipeError

T = TypeVar("T")
LARGEST_INTEGER = 2**63 - 1
"""TOML guarantees 64 bits, and other readers of a card support no more."""
DEEPEST = 40
"""Levels of nested tables and lists in a JSON file; those of a card are at most eight."""
FORMERLY = {"normalisation": "normalization", "ways": "variants", "excess": "violations"}
"""Keys that earlier versions wrote into cards, recipes and runs, and their current names."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest allowed name, or an empty string."""
    match = difflib.get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return f" (did you mean {match[0]!r}?)" if match else ""


def unknown(what: str, name: str, allowed: Iterable[str]) -> RecipeError:
    """Return the error for a name that does not exist.

    >>> print(unknown("task", "forecast", ["forecasting", "keyword-spotting"]))
    unknown task 'forecast' (did you mean 'forecasting'?); allowed: forecasting, keyword-spotting

    Args:
        what: one of the named things in words.
        name: the name given.
        allowed: the names there are, in the order to list them in.
    """
    names = list(allowed)
    return RecipeError(
        f"unknown {what} {name!r}{nearest(name, names)}; allowed: {', '.join(names)}"
    )


def decode(cls: type[T], data: object, *, where: str) -> T:
    """Build the dataclass ``cls`` from a mapping.

    Args:
        cls: a dataclass; nested dataclasses, tuples, literals and unions with None are followed. It
            may check itself as well, with :func:`check_fields`.
        data: the mapping, as ``tomllib`` or ``json`` gives it.
        where: the place named in errors, e.g. ``"up-down.toml: [train]"``.

    Raises:
        RecipeError: for an unknown or missing key, or a value of a wrong type or range.
    """
    if not isinstance(data, Mapping):
        raise RecipeError(f"{where}: expected a table, got {data!r}")
    data = {FORMERLY.get(key, key): value for key, value in data.items()}
    hints = _hints(cast("Any", cls))
    fields = {f.name: f for f in dataclasses.fields(cast("Any", cls)) if f.init}
    for key in data:
        if key not in fields:
            raise RecipeError(
                f"{where}: unknown key {key!r}{nearest(str(key), fields)}; "
                f"allowed: {', '.join(sorted(fields))}"
            )
    values: dict[str, Any] = {}
    for name, field in fields.items():
        if name in data:
            values[name] = _value(hints[name], data[name], where=f"{where}: {name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise RecipeError(f"{where}: the key {name!r} is missing")
    try:
        return cls(**values)
    except RecipeError as error:
        raise RecipeError(f"{where}: {error}") from None


def check_fields(instance: object) -> None:
    """Check a frozen dataclass against its annotations; call it first in ``__post_init__``.

    A value built in Python thus follows the same rules as one read from a file. Lists become
    tuples, and integers become floats where the annotation says float, so what is built equals what
    is read back.

    Raises:
        RecipeError: for a value of a wrong type or range, naming the field.
    """
    hints = _hints(cast("Any", type(instance)))
    for field in dataclasses.fields(cast("Any", instance)):
        value = _value(hints[field.name], getattr(instance, field.name), where=field.name)
        object.__setattr__(instance, field.name, value)


@functools.cache
def _hints(cls: type) -> Mapping[str, Any]:
    return typing.get_type_hints(cls)


def flatten(
    table: Mapping[str, object], *, where: str, leaves: Collection[str] = ()
) -> dict[str, object]:
    """Join keys of nested tables with dots, so that ``a.b = 1`` and ``"a.b" = 1`` are the same.

    Args:
        table: of tables and values.
        where: named in errors.
        leaves: a table with any of these keys is a value.

    Raises:
        RecipeError: if a key then occurs twice.
    """
    flat: dict[str, object] = {}
    for key, value in table.items():
        nested: Mapping[str, object] = {"": value}
        if isinstance(value, Mapping) and not value.keys() & set(leaves):
            nested = flatten(value, where=where, leaves=leaves)
        for rest, item in nested.items():
            name = f"{key}.{rest}" if rest else key
            if name in flat:
                raise RecipeError(f"{where}: the key {name!r} occurs twice; keep one")
            flat[name] = item
    return flat


@functools.cache
def _form(hint: Any) -> tuple[Any, bool]:
    """Return the origin of an annotation, and whether it is a dataclass.

    Its arguments are not cached: to ``functools.cache``, unions in a different order are equal.
    """
    return typing.get_origin(hint), dataclasses.is_dataclass(hint)


def _value(hint: Any, value: Any, *, where: str) -> Any:
    origin, table = _form(hint)
    arguments = typing.get_args(hint) if origin else ()
    if origin in {typing.Union, types.UnionType}:
        if value is None and type(None) in arguments:
            return None
        return _union([a for a in arguments if a is not type(None)], value, where=where)
    if origin is typing.Literal:
        return _literal(arguments, value, where=where)
    if origin is tuple:
        return _sequence(arguments, value, where=where)
    if origin in {dict, Mapping} or hint in {dict, Mapping}:
        if not isinstance(value, Mapping):
            raise RecipeError(f"{where}: expected a table, got {value!r}")
        if not arguments:
            return _plain(value, where=where)
        return {str(k): _value(arguments[1], v, where=f"{where}.{k}") for k, v in value.items()}
    if table:
        if isinstance(value, cast("type[Any]", hint)):
            return value
        return decode(cast("type[Any]", hint), value, where=where)
    return _scalar(hint, value, where=where)


def _union(options: Sequence[Any], value: Any, *, where: str) -> Any:
    errors = []
    for option in options:
        try:
            return _value(option, value, where=where)
        except RecipeError as error:
            errors.append(str(error))
    tables = [isinstance(value, Mapping) == dataclasses.is_dataclass(o) for o in options]
    raise RecipeError(errors[tables.index(True) if True in tables else 0])


def _literal(allowed: Sequence[Any], value: Any, *, where: str) -> Any:
    if any(value == a and type(value) is type(a) for a in allowed):
        return value
    hint = nearest(str(value), [str(a) for a in allowed])
    raise RecipeError(
        f"{where}: got {value!r}{hint}; allowed: {', '.join(repr(a) for a in allowed)}"
    )


def _sequence(arguments: Sequence[Any], value: Any, *, where: str) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise RecipeError(f"{where}: expected a list, got {value!r}")
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(_value(arguments[0], v, where=f"{where}[{i}]") for i, v in enumerate(value))
    if len(arguments) != len(value):
        raise RecipeError(f"{where}: expected {len(arguments)} values, got {value!r}")
    return tuple(
        _value(a, v, where=f"{where}[{i}]")
        for i, (a, v) in enumerate(zip(arguments, value, strict=True))
    )


def _scalar(hint: Any, value: Any, *, where: str) -> Any:
    if hint in {Any, object}:
        return _plain(value, where=where)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not isinstance(value, hint) and not (hint is float and whole):
        raise RecipeError(f"{where}: expected {hint.__name__}, got {value!r}")
    if isinstance(value, bool) and hint is not bool:
        raise RecipeError(f"{where}: expected {hint.__name__}, got {value!r}")
    return _number(value, where=where, hint=hint)


def _number(value: Any, *, where: str, hint: type) -> Any:
    if isinstance(value, int) and not -LARGEST_INTEGER <= value <= LARGEST_INTEGER:
        raise RecipeError(f"{where}: expected a number of at most 64 bits, got more")
    if isinstance(value, float) and not math.isfinite(value):
        raise RecipeError(f"{where}: expected a finite number, got {value!r}")
    return float(value) if hint is float else value


def _plain(value: Any, *, where: str) -> Any:
    """Copy a value that both TOML and JSON can represent, with lists as tuples at every level."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v, where=f"{where}.{k}") for k, v in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(v, where=f"{where}[{i}]") for i, v in enumerate(value))
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int | float):
        return _number(value, where=where, hint=type(value))
    if dataclasses.is_dataclass(value):
        return value
    kind = "a date or time" if isinstance(value, datetime.date | datetime.time) else repr(value)
    raise RecipeError(
        f"{where}: expected text, a number, true, false, a list or a table, got {kind}"
    )


def encode(value: Any) -> Any:
    """Convert a dataclass to plain dicts, lists and scalars; keys that are None are left out."""
    if value is None or isinstance(value, str | int | float):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        pairs = ((f.name, getattr(value, f.name)) for f in dataclasses.fields(value) if f.init)
        return {name: encode(item) for name, item in pairs if item is not None}
    if isinstance(value, Mapping):
        return {str(k): encode(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [encode(v) for v in value]
    return value


def loads_json(text: str) -> Any:
    """Read JSON that means one thing: no key twice, no half of a character, not too deep.

    Raises:
        ValueError: for anything else.
    """
    try:
        found = json.loads(text, object_pairs_hook=unique_keys)
        level: list[Any] = [found]
        for _ in range(DEEPEST):
            level = [inner for value in level for inner in _inside(value)]
            if not level:
                return found
    except RecursionError:
        pass
    raise ValueError(f"it is nested more than {DEEPEST} levels deep")


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of the pairs that a JSON reader found.

    Raises:
        ValueError: for a key that occurs twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} occurs twice")
    return found


def _inside(value: Any) -> Iterable[Any]:
    """Return what is inside a value.

    Raises:
        UnicodeError: for a text that cannot be written, such as half of a pair.
    """
    if isinstance(value, str):
        value.encode()
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list) else ()


def dumps_json(value: Any) -> str:
    """Serialize to JSON with sorted keys, so that equal values give equal bytes.

    Raises:
        ValueError: when a number is NaN or infinite.
    """
    return json.dumps(encode(value), indent=1, sort_keys=True, allow_nan=False) + "\n"


def dumps_toml(mapping: Mapping[str, Any]) -> str:
    """Serialize plain nested mappings to TOML (the standard library only reads it).

    Raises:
        TypeError: for a value that TOML cannot hold, such as None.
    """
    lines: list[str] = []
    _toml_table((), mapping, lines)
    return "\n".join(lines).strip() + "\n"


def _toml_table(path: tuple[str, ...], table: Mapping[str, Any], lines: list[str]) -> None:
    if path:
        lines.extend(("", f"[{'.'.join(_toml_key(part) for part in path)}]"))
    nested = {k: v for k, v in table.items() if isinstance(v, Mapping)}
    for key, value in table.items():
        if key not in nested:
            lines.append(f"{_toml_key(key)} = {_toml_value(value)}")
    for key, value in nested.items():
        _toml_table((*path, key), value, lines)


def _toml_key(key: str) -> str:
    bare = key and all(c.isalnum() or c in "-_" for c in key) and key.isascii()
    return key if bare else _toml_text(key)


def _toml_text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _toml_value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_toml_value(v) for v in value)}]"
    if isinstance(value, str):
        return _toml_text(value)
    if isinstance(value, Mapping):
        pairs = (f"{_toml_key(k)} = {_toml_value(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, int | float):
        return repr(value)
    raise TypeError(f"TOML cannot hold {value!r}")
