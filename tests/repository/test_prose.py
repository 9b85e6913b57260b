"""Docstrings, messages and pages are written in the field's American English.

Cheap checks: phrases that no native engineer would write do not occur, nor common misspellings, and
the summary line of a function begins with a verb.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "motefit"
PHRASES = {
    "dialect": r"\bmend(s|ed|ing)?\b|\banew\b|\bbegin of\b|\bstands (at|in|beside)\b|\bcame to\b"
    r"|\blet it have\b|\bshall\b|\bfor ever\b|\bsittings?\b|\bswells?\b|\bper cent\b"
    r"|\blessons?\b|\bledgers?\b|\bspoil(s|t)?\b|\b(test|training|validation) part\b"
    r"|\bhears? of\b|\bgo(es)? on with\b|\bbegins? again\b|\bcame of\b|\bcomes? to nothing\b"
    r"|\bsaid of\b|\b(must|may) be told\b|\btold the truth\b|\bas ever\b|\bstood (at|in|beside)\b"
    r"|\bof (its|their) own making\b|\bmakes? room\b|\bmade alike\b",
    "British -ise": r"\b\w*(quanti|normali|optimi|recogni|standardi|organi|summari|minimi|maximi"
    r"|initiali|generali|seriali|synthesi|utili|reali)s(e[ds]?|ing|ation|ations)\b",
    "British -our": r"\b(colour|behaviour|neighbour|vapour|favour|labour|honour)\w*",
    "British spelling": r"\b(centre[ds]?|metres?|licence|modelling|labelled|cancelled|grey)\b",
}
ALLOWED = {
    ("src/motefit/spec/codec.py", "normalisation"): "a key of cards that earlier versions wrote",
    ("src/motefit/train/compressors/__init__.py", "quantisation"): "a step of earlier recipes",
}
NOT_A_VERB = re.compile(
    r"[A-Z]\w+ of\b|(A|All|An|Any|As|By|Each|Every|How|Its?|Names|No|None|Nothing|Of|One|Some|That"
    r"|The|Their|Th[eo]se|This|Two|What|When|Where|Whether|Which|Who|Whose|Why|With|Without)\b"
)


def _pages() -> Iterator[Path]:
    yield from (ROOT / name for name in ("README.md", "CONTRIBUTING.md"))
    yield from sorted(p for kind in ("md", "ipynb") for p in (ROOT / "docs").rglob(f"*.{kind}"))
    for folder in ("src", "tests", "tools", "benchmarks"):
        for suffix in ("py", "toml", "html"):
            yield from sorted((ROOT / folder).rglob(f"*.{suffix}"))


@pytest.mark.parametrize("kind", PHRASES)
def test_no_page_has_the_phrase(kind):
    pages = [p for p in _pages() if p != Path(__file__)]
    assert len(pages) > 300
    found = []
    for page in pages:
        name = str(page.relative_to(ROOT))
        text = page.read_text(encoding="utf-8").lower()  # ignoring case takes four times as long
        places = [m for m in re.finditer(PHRASES[kind], text) if (name, m[0]) not in ALLOWED]
        found += [f"{name}:{text.count(chr(10), 0, m.start()) + 1}: {m[0]}" for m in places]
    assert not found


def test_pages_docstrings_and_help_are_spelled_right(tmp_path):
    (tmp_path / "wrong.md").write_text("An acuracy of 98 %.\n", encoding="utf-8")
    places = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs", "src", "tools", "benchmarks"]
    command = [sys.executable, "-m", "codespell_lib", *places, tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [f"{tmp_path}/wrong.md:1: acuracy ==> accuracy"]


def test_what_is_allowed_is_there():
    for name, word in ALLOWED:
        assert word in (ROOT / name).read_text(encoding="utf-8").lower()


def _functions(body: list[ast.stmt]) -> Iterator[ast.FunctionDef]:
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node.body)
        elif isinstance(node, ast.FunctionDef):
            marks = [ast.unparse(mark) for mark in node.decorator_list]
            if not any(mark.endswith("property") for mark in marks):
                yield node


def test_the_summary_of_a_function_begins_with_a_verb():
    found, functions = [], 0
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE)
        for function in _functions(ast.parse(path.read_text(encoding="utf-8")).body):
            summary = (ast.get_docstring(function) or "").partition("\n")[0]
            functions += bool(summary)
            if NOT_A_VERB.match(summary):
                found.append(f"{name}: {function.name}: {summary}")
    assert functions > 300
    assert not found
