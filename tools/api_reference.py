"""Write docs/api.md, or print it with ``--print``: the public Python API, from its docstrings.

Run it with the Python that motefit is installed in: ``.venv/bin/python tools/api_reference.py``.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import motefit

TARGET = Path(__file__).resolve().parent.parent / "docs" / "api.md"
HEAD = """\
# Python

<!-- Written by tools/api_reference.py from the program; do not edit. -->

What the [command line](cli.md) does, `import motefit` does too; [a script](python.md) shows how it
goes together. Models are given by path, or by the name of a shipped one; recipes by name, path or
as a `Recipe`. Results print as tables, and have HTML in a notebook. All errors on purpose are
subclasses of `MotefitError`; their text says what was given, what is allowed and what to do.
"""
SECTIONS = ("Args", "Attributes", "Returns", "Yields", "Raises")


def render() -> str:
    """Render the page as Markdown."""
    found = {name: getattr(motefit, name) for name in motefit.__all__}
    functions = [name for name, value in found.items() if inspect.isfunction(value)]
    errors = [name for name, value in found.items() if _is_error(value)]
    classes = [name for name in found if name not in {*functions, *errors}]
    parts = [HEAD, "## Functions\n"]
    parts += [_function(f"motefit.{name}", found[name], level="###") for name in functions]
    parts.append("## Classes\n")
    parts += [_class(name, found[name]) for name in classes]
    parts += ["## Errors\n", "| error | meaning |", "|---|---|"]
    parts += [f"| `{name}` | {_first(found[name])} |" for name in errors]
    return "\n".join(parts) + "\n"


def _is_error(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def _first(value: object) -> str:
    return (inspect.getdoc(value) or "").partition("\n\n")[0].replace("\n", " ")


def _class(name: str, kind: type[Any]) -> str:
    parts = [f"### `{name}`\n", _markdown(inspect.getdoc(kind) or "")]
    for member, value in vars(kind).items():
        if member.startswith("_") or member == "content":
            continue
        if isinstance(value, property):
            parts.append(f"`{name}.{member}`: {_first(value)}\n")
        elif inspect.isfunction(value):
            parts.append(_function(f"{name}.{member}", value, level="####"))
        elif isinstance(value, classmethod):
            parts.append(_function(f"{name}.{member}", getattr(kind, member), level="####"))
    return "\n".join(parts)


def _function(name: str, function: Callable[..., object], *, level: str) -> str:
    body = _markdown(inspect.getdoc(function) or "")
    return f"{level} `{name}`\n\n```\n{_signature(name, function)}\n```\n\n{body}"


def _signature(name: str, function: Callable[..., object]) -> str:
    parameters = list(inspect.signature(function).parameters.values())
    shown = [_parameter(p) for p in parameters if p.name != "self"]
    stars = [i for i, p in enumerate(parameters) if p.kind is p.KEYWORD_ONLY]
    if stars:
        shown.insert(len(shown) - len(stars), "*")
    line = f"{name.removeprefix('motefit.')}({', '.join(shown)})"
    if len(line) <= 96:
        return line
    return f"{name.removeprefix('motefit.')}(\n" + "".join(f"    {p},\n" for p in shown) + ")"


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.default is parameter.empty:
        return parameter.name
    plain = isinstance(parameter.default, (int, float, str, tuple, type(None)))
    return f"{parameter.name}={repr(parameter.default) if plain else '...'}"


def _markdown(text: str) -> str:
    """Convert a docstring in Google's style to Markdown."""
    lines, section = [], ""
    for block in _blocks(text):
        if block[0].startswith(">>> "):
            lines += ["```python", *(re.sub(r"  # doctest:.*", "", line) for line in block), "```"]
        elif block[0].rstrip(":") in SECTIONS and block[0].endswith(":"):
            section = block[0].rstrip(":")
            lines += [f"{section}:", "", *_items(block[1:], section)]
        else:
            lines += [_inline(line) for line in block]
        lines.append("")
    return "\n".join(lines)


def _blocks(text: str) -> Iterator[list[str]]:
    """Split text at empty lines.

    Yields:
        The lines of each piece.
    """
    for block in re.split(r"\n\s*\n", text.strip()):
        yield block.split("\n")


def _items(lines: list[str], section: str) -> list[str]:
    """Convert a section to one line per item, including continuation lines."""
    items: list[str] = []
    for line in lines:
        if not line.startswith("        ") or not items:
            items.append(line.strip())
        else:
            items[-1] += f" {line.strip()}"
    if section in {"Returns", "Yields"}:
        return [_inline(" ".join(items))]
    return ["- " + re.sub(r"^([*]*\w+):", r"`\1`:", _inline(item)) for item in items]


def _inline(text: str) -> str:
    """Convert roles and literals of reStructuredText to code."""
    text = re.sub(r":\w+:`~?(?:motefit\.)?([^`]*)`", r"`\1`", text)
    pieces = text.replace("``", "`").split("`")
    pieces[::2] = [piece.replace("<", "&lt;") for piece in pieces[::2]]
    return "`".join(pieces)


def main() -> None:
    """Write the page, or print it."""
    if "--print" in sys.argv[1:]:
        sys.stdout.write(render())
    else:
        TARGET.write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
