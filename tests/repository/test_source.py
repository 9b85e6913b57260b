"""Rules of the source tree that no linter knows."""

import ast
import functools
import re
import tomllib
from collections import Counter
from pathlib import Path

from motefit.graph.families import FAMILIES
from motefit.spec.tasks import TASK_SPECS
from motefit.tasks import TASKS

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 600
LONGEST_FUNCTION = 60


def test_no_module_is_long():
    modules = sorted((ROOT / "src").rglob("*.py"))
    assert len(modules) > 100
    long = {
        str(path.relative_to(ROOT)): lines
        for path in modules
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) >= LONGEST
    }
    assert not long


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def function_lines(path: Path):
    """Lines of each function; of a command and its counterpart in the API, whose signatures are the
    options, those of the body."""
    for node in ast.walk(parsed(path)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.lineno
        command = path.parent.name == "commands" and node.name.endswith("_command")
        if command or path.parent.name == "api":
            first = node.body[0].end_lineno
        yield f"{path.name}: {node.name}", node.end_lineno - first + 1


def test_no_function_is_long():
    found = [entry for path in (ROOT / "src").rglob("*.py") for entry in function_lines(path)]
    assert len(found) > 1500
    assert not [(name, lines) for name, lines in found if lines > LONGEST_FUNCTION]


def test_no_file_stem_and_no_class_name_occurs_twice():
    stems, classes = Counter(), Counter()
    for path in (ROOT / "src").rglob("*.py"):
        stems[path.stem] += path.name != "__init__.py"
        classes.update(n.name for n in ast.walk(parsed(path)) if isinstance(n, ast.ClassDef))
    assert len(stems) > 200
    assert len(classes) > 200
    assert not [stem for stem, times in stems.items() if times > 1]
    assert not [name for name, times in classes.items() if times > 1]


def test_the_package_knows_no_place_of_one_machine():
    files = [p for p in (ROOT / "src").rglob("*") if p.suffix in {".py", ".toml", ".html"}]
    assert len(files) > 100
    for path in files:
        text = path.read_text(encoding="utf-8")
        for place in ("/work", "shared/"):
            assert place not in text, f"{path} names {place}"


def test_one_reader_of_flatbuffers_and_one_count_of_memory_and_work():
    """LiteRT's own bindings read a file once more, on purpose, where two files are compared."""
    imported = {}
    for path in (ROOT / "src").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        for module, names in re.findall(r"^ *from (\S+) import (\([^)]*\)|.*)", text, re.MULTILINE):
            for name in re.findall(r"\w+", names):
                imported.setdefault(f"{module}.{name}", set()).add(path.stem)
        assert not re.search(r"^ *import flatbuffers", text, re.MULTILINE), path
    assert not [name for name in imported if name.partition(".")[0] == "flatbuffers"]
    assert imported["ai_edge_litert.schema_py_generated"] == {"equivalence"}
    assert imported["motefit.graph.mac_rules.macs"] == {"counter", "inspect"}
    assert imported["motefit.graph.memory.peak_bytes"] == {"counter", "inspect"}


def test_what_a_recipe_can_name_can_be_run():
    for name in TASK_SPECS.names():
        assert TASKS.find(name).name == name
    for family in FAMILIES.all().values():
        assert family.tasks
        assert set(family.tasks) <= set(TASK_SPECS.names())


def test_no_rule_of_the_linter_is_lifted_for_a_whole_package():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    lifted = settings["ruff"]["lint"]["per-file-ignores"]
    packages = [place for place in lifted if place.startswith("src/") and "*" in place]
    assert packages == ["src/motefit/cli/**"]  # typer reads the options from the signature
    assert set(lifted[packages[0]]) == {"FBT002", "PLR0913"}


def test_the_import_contracts_follow_the_map():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    (layers,) = [c for c in settings["importlinter"]["contracts"] if c["type"] == "layers"]
    assert layers["exhaustive"]
    named = [name for layer in layers["layers"] for name in layer.split(" | ")]
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").split("## The map")[1]
    rows = re.findall(r"^\| (`.*?`) \|", page, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)/`", row)] == named
    source = ROOT / "src" / "motefit"
    assert {path.parent.name for path in source.glob("*/__init__.py")} == set(named)
