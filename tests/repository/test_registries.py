"""Conformance of every registry: one class, one lookup, one error, no forgotten file."""

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

from motefit.spec.errors import RecipeError
from motefit.spec.registry import Registry

SOURCE = Path(__file__).resolve().parents[2] / "src"
DECORATORS = {
    "COMPRESSORS": "compressor",
    "FAMILIES": "family",
    "IMPORT_RULES": "imports",
    "STRATEGIES": "strategy",
}
"""Registries whose members are decorated functions, and the decorator."""
HELPERS = {"IMPORT_RULES": {"read"}}
"""Files of a registry's folder that register nothing."""
NO_REGISTRY = {"_admitted", "_STAGE"}
"""Module-level containers that start empty and remember something else than members."""


def _assignments(having=""):
    """Yield (module, name, value) of assignments at the top of modules with a text."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
        text = path.read_text(encoding="utf-8")
        for node in ast.parse(text).body if having in text else []:
            if isinstance(node, ast.AnnAssign) and node.value is not None:
                yield module.removesuffix(".__init__"), ast.unparse(node.target), node.value
            if isinstance(node, ast.Assign):
                yield module.removesuffix(".__init__"), ast.unparse(node.targets[0]), node.value


def _is_registry(value: ast.expr) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func).partition("[")[0] == "Registry"


REGISTRIES = {
    name: module for module, name, value in _assignments(having="Registry") if _is_registry(value)
}


def registry(name: str) -> Registry:
    found = getattr(importlib.import_module(REGISTRIES[name]), name)
    assert isinstance(found, Registry)
    return found


def test_there_is_no_other_registry():
    assert len(REGISTRIES) >= 14
    empty = {"{}", "[]", "dict()", "list()", "set()"}
    found = {name for _, name, value in _assignments() if ast.unparse(value) in empty}
    assert found == NO_REGISTRY


@pytest.mark.parametrize("name", REGISTRIES)
def test_members_are_listed_by_name_and_found(name):
    members = registry(name)
    assert len(members.names()) > 1
    assert list(members.names()) == sorted(members.all())
    for member in members.names():
        assert members.find(member) is members.all()[member]


@pytest.mark.parametrize("name", REGISTRIES)
def test_an_unknown_name_is_refused_with_the_nearest_and_all_others(name):
    members = registry(name)
    known = members.names()
    for wrong in ("", f"{known[-1]}?", known[0].swapcase()):
        with pytest.raises(RecipeError) as refused:
            members.find(wrong)
        pattern = r"unknown [a-z ]+ '(.*?)'(?: \(did you mean '(.*)'\?\))?; allowed: (.*)"
        given, meant, allowed = re.fullmatch(pattern, str(refused.value)).groups()
        assert (given, tuple(allowed.split(", "))) == (wrong, known)
        assert meant in known if wrong.endswith("?") else meant in {None, *known}


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_file_of_the_folder_registers_a_member(name):
    members = registry(name)
    package = importlib.import_module(members.package)
    marks = (f"{name}.register(", f"\n@{DECORATORS.get(name, name)}(")
    files = {file.name for file in pkgutil.iter_modules(package.__path__)}
    registering = {
        file
        for file in files
        if any(
            mark in (Path(package.__path__[0]) / f"{file}.py").read_text(encoding="utf-8")
            for mark in marks
        )
    }
    assert files - registering == HELPERS.get(name, set())
    assert len(members.names()) >= len(registering)
