"""C literals: numbers, records and tables of constants, exact to the last bit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

WIDTH = 100
"""Columns of the generated source."""
TYPES = {
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "uint8": "uint8_t",
    "uint16": "uint16_t",
    "float32": "float",
    "float64": "double",
}
"""C type of an array's elements."""


class Name(str):
    """A C expression that is written as it is: a name, an address."""

    __slots__ = ()


@dataclass(kw_only=True)
class Constants:
    """Constants of one model, each written once; tables with equal bytes are one table.

    Attributes:
        lines: C definitions, in order.
        table_bytes: bytes of all tables on the target.
    """

    lines: list[str] = field(default_factory=list)
    table_bytes: int = 0
    _known: dict[tuple[str, bytes], Name] = field(default_factory=dict)

    def table(self, values: np.ndarray, name: str) -> Name:
        """Define a table, or find the one with the same bytes; return its name."""
        array = np.ascontiguousarray(values)
        key = array.dtype.name, array.tobytes()
        if key not in self._known:
            self.table_bytes += array.nbytes
            literals = (literal(value) for value in array.reshape(-1))
            self._define(f"{TYPES[array.dtype.name]} {name}[{array.size}]", wrap(literals))
            self._known[key] = Name(name)
        return self._known[key]

    def records(self, kind: str, rows: Sequence[Any], name: str) -> Name:
        """Define an array of records of one type; equal arrays are one."""
        body = ",\n    ".join(literal(row) for row in rows)
        key = kind, body.encode()
        if key not in self._known:
            self._define(f"{kind} {name}[{len(rows)}]", body)
            self._known[key] = Name(name)
        return self._known[key]

    def record(self, kind: str, fields: Mapping[str, Any], name: str) -> Name:
        """Define one record; return its address."""
        body = ",\n    ".join(f".{key} = {literal(value)}" for key, value in fields.items())
        self._define(f"{kind} {name}", body)
        return Name(f"&{name}")

    def _define(self, declaration: str, body: str) -> None:
        self.lines.append(f"static const {declaration} = {{\n    {body}}};\n")


def literal(value: Any) -> str:  # noqa: ANN401 - any constant
    """Write a C literal.

    >>> literal({"scale": np.float32(0.1), "taps": (1, -2), "bias": None})
    '{.scale = 0.1f, .taps = {1, -2}, .bias = NULL}'
    """
    if isinstance(value, Name):
        return str(value)
    if value is None:
        return "NULL"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f".{key} = {literal(part)}" for key, part in value.items()) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "{" + ", ".join(literal(part) for part in value) + "}"
    if isinstance(value, np.floating | float):
        return _real(value)
    if isinstance(value, str):
        return quoted(value)
    return "INT32_MIN" if int(value) == -(2**31) else str(int(value))


def _real(value: np.floating[Any] | float) -> str:
    """Write the shortest decimal that reads back as the same number."""
    single = isinstance(value, np.float32)
    if np.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    text = repr(float(str(value))) if single else repr(float(value))
    return f"{text}f" if single else text


def quoted(text: str) -> str:
    r"""Write a string literal; other than printable ASCII as octal escapes of UTF-8.

    >>> print(quoted('grün "1"'))
    "gr\303\274n \"1\""
    """
    plain = set(range(32, 127)) - set(b'"\\?')
    escaped = {ord('"'): '\\"', ord("\\"): "\\\\"}
    parts = (
        chr(byte) if byte in plain else escaped.get(byte, f"\\{byte:03o}") for byte in text.encode()
    )
    return '"' + "".join(parts) + '"'


def wrap(literals: Iterator[str]) -> str:
    """Join literals by commas into lines of at most :data:`WIDTH` columns."""
    lines, line = [], ""
    for text in literals:
        if line and len(line) + len(text) + 6 > WIDTH:
            lines.append(line)
            line = ""
        line += f"{', ' if line else ''}{text}"
    return ",\n    ".join([*lines, line])
