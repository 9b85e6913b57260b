"""docs/architecture.md and CONTRIBUTING.md name what exists, and every package there is."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "motefit"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEPS = re.findall(r"`([A-Za-z_][\w.]*)` \(`([\w/]+\.py)`\)", PAGE)


def test_both_walks_are_numbered_steps():
    walks = PAGE.split("\n## ")[1:3]
    for walk in walks:
        numbers = [int(number) for number in re.findall(r"^(\d+)\. ", walk, re.MULTILINE)]
        assert len(numbers) > 10
        assert numbers == list(range(1, len(numbers) + 1))
    assert len(STEPS) >= 35


@pytest.mark.parametrize(("name", "path"), STEPS)
def test_what_a_step_names_is_there(name, path):
    body = ast.parse((PACKAGE / path).read_text(encoding="utf-8")).body
    for part in name.split("."):
        found = {
            node.name: node for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)
        }
        assert part in found, f"{path} has no {name}"
        body = found[part].body


def test_every_path_exists_and_every_package_is_named():
    named = re.findall(r"`([\w/]+(?:/|\.py))`", PAGE)
    missing = [path for path in named if not (PACKAGE / path).exists()]
    assert not missing
    packages = {p.parent.relative_to(PACKAGE).as_posix() for p in PACKAGE.rglob("__init__.py")}
    unnamed = packages - {"."} - {path.rstrip("/") for path in named}
    assert len(packages) > 30
    assert not unnamed


def test_every_path_and_every_table_of_contributing_exists():
    named = set(re.findall(r"`([\w.-]+/[\w./-]*)`", CONTRIBUTING)) - {"speech/", "climate/"}
    assert len(named) > 40
    assert not [path for path in named if not any((at / path).exists() for at in (ROOT, PACKAGE))]
    tables = re.findall(r"`([A-Z]{3,})`\s+(?:in|of)\s+`([\w/.]+\.py)`", CONTRIBUTING)
    assert len(tables) == 5
    for name, path in tables:
        assert re.search(rf"^{name}\b.* = ", (ROOT / path).read_text("utf-8"), re.MULTILINE), name


def test_the_layers_of_contributing_are_those_of_the_map():
    layers = re.search(r"Top down: (.*?)\. Each imports", CONTRIBUTING, re.DOTALL)[1]
    rows = re.findall(r"^\| (`.*?`) \|", PAGE.split("\n## The map")[1], re.MULTILINE)
    packages = [name for row in rows for name in re.findall(r"`(\w+)/`", row)]
    assert set(re.findall(r"`(\w+)`", layers)) == set(packages)
