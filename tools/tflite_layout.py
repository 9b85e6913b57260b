"""Write src/motefit/tflite/flatbuffer/layout.py: the tables of TensorFlow Lite's schema.

``python tools/tflite_layout.py`` reads the accessors of ``ai_edge_litert.schema_py_generated``,
which name for every table the slot, type and default of each field. Run it when a new LiteRT adds
fields; a test compares the file with the module that is installed.
"""

import inspect
import re
import textwrap
from pathlib import Path

from ai_edge_litert import schema_py_generated as official

TARGET = Path(__file__).parent.parent / "src" / "motefit" / "tflite" / "flatbuffer" / "layout.py"
CODES = {
    "Bool": "?", "Int8": "b", "Uint8": "B", "Int16": "h", "Uint16": "H", "Int32": "i",
    "Uint32": "I", "Int64": "q", "Uint64": "Q", "Float32": "f", "Float64": "d",
}  # fmt: skip
UNIONS = {
    "BuiltinOptions": "BuiltinOptions",
    "BuiltinOptions2": "BuiltinOptions2",
    "Details": "QuantizationDetails",
    "ArraySegments": "SparseIndexVector",
    "ArrayIndices": "SparseIndexVector",
}
HEADER = '''\
"""The tables of TensorFlow Lite's schema, slot by slot.

Written by ``tools/tflite_layout.py`` from ``ai_edge_litert.schema_py_generated``; do not edit.

A line is a table and its slots in order: a :mod:`struct` code, with ``=`` and the default where
that is not 0; ``s`` a string; a table's name; ``|`` and a union's name, whose type is in the slot
before; ``[]`` a vector of these; ``-`` a slot that is no longer used. Long lines are wrapped.
``OPERATORS`` are the names of the builtin operators by their code, from 0.
"""
'''


def field(source: str, name: str) -> str:
    """Read one slot from the source of its accessor."""
    code = re.search(r"number_types\.(\w+)Flags, (?:o|a) \+", source)
    scalar = CODES[code[1]] if code else ""
    if "_tab.Union(" in source:
        return f"|{UNIONS[name]}"
    if "_tab.Vector(" in source:
        child = re.search(r"obj = (\w+)\(\)", source)
        return f"[{child[1] if child else scalar or 's'}]"
    if child := re.search(r"obj = (\w+)\(\)", source):
        return child[1]
    if "_tab.String(" in source:
        return "s"
    default = re.findall(r"return (\S+)\n", source)[-1]
    value = {"False": 0.0, "True": 1.0}.get(default)
    value = float(default) if value is None else value
    return f"{scalar}={value:g}" if value else scalar


def slots(table: type) -> list[str]:
    """List every slot of a table, in order."""
    found: dict[int, str] = {}
    for name, method in vars(table).items():
        if not inspect.isfunction(method):
            continue
        source = inspect.getsource(method)
        offset = re.search(r"_tab\.Offset\((\d+)\)", source)
        helper = "VectorLen" in source or name.endswith(("AsNumpy", "IsNone"))
        if offset and not helper:
            found[(int(offset[1]) - 4) // 2] = field(source, name)
    return [found.get(slot, "-") for slot in range(max(found, default=-1) + 1)]


def members(union: type, least: int = 1) -> list[str]:
    """List the names of a union or an enumeration by their number, from the least one."""
    numbers = {value: name for name, value in vars(union).items() if isinstance(value, int)}
    return [numbers[number] for number in range(least, len(numbers))]


def wrapped(words: list[str]) -> str:
    """One entry."""
    return textwrap.fill(" ".join(words), 100, subsequent_indent="  ", break_on_hyphens=False)


def layout() -> str:
    """Generate the text of the module."""
    tables = {
        name: value
        for name, value in vars(official).items()
        if inspect.isclass(value) and hasattr(value, "GetRootAs")
    }
    unions = {name: members(getattr(official, name)) for name in sorted(set(UNIONS.values()))}
    lines = [HEADER, 'TABLES = """']
    lines += [wrapped([name, *slots(value)]) for name, value in sorted(tables.items())]
    lines += ['"""', "", 'UNIONS = """']
    lines += [wrapped([name, *values]) for name, values in unions.items()]
    operators = wrapped(["", *members(official.BuiltinOperator, least=0)]).strip()
    return "\n".join([*lines, '"""', "", 'OPERATORS = """', operators, '"""', ""])


def main() -> None:
    """Write the module."""
    TARGET.write_text(layout(), encoding="utf-8")
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
