"""Change a module in one place at a time, and see whether its tests notice.

``python tools/mutants.py MODULE TESTS [--seconds N] [--seed N]``, as in ``python tools/mutants.py
motefit.tflite.appended tests/tflite/test_appended.py``; without arguments the modules of
:data:`TESTED`, as a table. A comparison is turned, a number moves by
one, ``and`` becomes ``or``, a sign changes, a condition is negated, a returned value is dropped.
Each mutant runs its tests in a process of its own, a fork of one that has loaded NumPy, LiteRT and
pytest. Printed are the counts, each survivor with its line, and how many mutants the time did not
suffice for: with these the result is partial, and says so. Order is drawn by the seed.

Why not mutmut or cosmic-ray: both start the interpreter for each mutant, which takes ten times as
long as the tests of one module do here.
"""

import argparse
import ast
import importlib.abc
import importlib.util
import itertools
import os
import random
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TESTED = {
    "motefit.spec.sweeping": "tests/spec/test_sweeping.py",
    "motefit.runtime.gate": "tests/runtime/test_gate.py",
    "motefit.tflite.appended": "tests/tflite/test_appended.py",
    "motefit.spec.files": "tests/spec/test_files.py",
    "motefit.spec.budget": "tests/spec/test_budget.py",
}
"""Modules on which safety depends, with the tests that are theirs."""
LONGEST_S = 120
TURNED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
CHANGED = (
    ast.Compare, ast.BinOp, ast.BoolOp, ast.AugAssign, ast.Constant, ast.If, ast.IfExp, ast.While,
    ast.Return,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A changed module.

    Attributes:
        line: where it is changed.
        change: in words.
        source: of the whole module.
    """

    line: int
    change: str
    source: str


def mutants(source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    for place, original in enumerate(ast.walk(ast.parse(source))):
        if not isinstance(original, CHANGED):
            continue
        tree = ast.parse(source)
        node = next(itertools.islice(ast.walk(tree), place, None))
        for change in _changes(node, tree):
            yield Mutant(line=getattr(node, "lineno", 0), change=change, source=ast.unparse(tree))


def _changes(node: ast.AST, tree: ast.Module) -> Iterator[str]:
    """Change a node in place, at most once.

    Yields:
        What was done.
    """
    if isinstance(node, ast.Compare) and type(node.ops[0]) in TURNED:
        new = TURNED[type(node.ops[0])]
        yield from _named(node.ops[0], new, setter=lambda op: node.ops.__setitem__(0, op))
    elif isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in TURNED:
        yield from _named(node.op, TURNED[type(node.op)], setter=lambda op: setattr(node, "op", op))
    elif isinstance(node, ast.Constant) and type(node.value) in {int, float}:
        node.value += 1
        yield f"{node.value - 1} becomes {node.value}"
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and not _is_typing(node):
        node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)
        yield "the condition is negated"
    elif isinstance(node, ast.Return) and node.value is not None:
        node.value = ast.Constant(value=None)
        yield "None is returned"
    ast.fix_missing_locations(tree)


def _named(old: ast.AST, new: type[ast.AST], *, setter: object) -> Iterator[str]:
    setter(new())  # type: ignore[operator]
    yield f"{type(old).__name__} becomes {new.__name__}"


def _is_typing(node: ast.If | ast.IfExp | ast.While) -> bool:
    return isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another source."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(self, name: str, *_: object) -> object:
        if name != self._name:
            return None
        return importlib.util.spec_from_file_location(name, self._path, loader=self)

    def exec_module(self, module: object) -> None:
        code = compile(self._source, str(self._path), "exec")
        exec(code, vars(module))  # noqa: S102 - the module under test

    def get_code(self, _: str) -> object:
        return compile(self._source, str(self._path), "exec")


def killed(name: str, path: Path, source: str, tests: list[str]) -> bool:
    """Run the tests on a source in a fork; return whether one of them failed."""
    child = os.fork()
    if not child:
        signal.alarm(LONGEST_S)
        sys.meta_path.insert(0, _Finder(name, path, source))
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        import pytest  # noqa: PLC0415 - loaded before the fork

        try:
            os._exit(int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]) != 0))
        except BaseException:  # noqa: BLE001 - it does not get as far as the tests
            os._exit(1)
    return os.waitpid(child, 0)[1] != 0


def measure(name: str, tests: list[str], *, seconds: float, seed: int) -> None:
    """Run the mutants of a module; print its row of the table, and the survivors.

    Raises:
        RuntimeError: if the tests fail on the module as it is.
    """
    path = ROOT / "src" / f"{name.replace('.', '/')}.py"
    source = path.read_text(encoding="utf-8")
    if killed(name, path, source, tests):
        raise RuntimeError(f"the tests fail on the module as it is: {' '.join(tests)}")
    made = list(mutants(source))
    random.Random(seed).shuffle(made)  # noqa: S311 - no secret
    dead, alive, before = 0, [], sum(os.times()[:4])
    for mutant in made:
        if sum(os.times()[:4]) - before > seconds:
            break
        if killed(name, path, mutant.source, tests):
            dead += 1
        else:
            alive.append(mutant)
    run = dead + len(alive)
    rest = f"partial: {len(made) - run} of {len(made)} were not run" if run < len(made) else ""
    share = f"{100 * dead / run:.0f} %" if run else "none"
    print(f"| {name} | {len(made)} | {run} | {dead} | {share} |", rest, flush=True)
    for mutant in sorted(alive, key=lambda mutant: mutant.line):
        print(f"  line {mutant.line}: {mutant.change}", flush=True)


def main() -> int:
    """Run the mutants; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("module", nargs="?")
    parser.add_argument("tests", nargs="*")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the processor, a module")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.chdir(ROOT)
    import ai_edge_litert.interpreter  # noqa: F401, PLC0415 - shared by all forks
    import numpy as np  # noqa: F401, PLC0415
    import pytest  # noqa: F401, PLC0415

    limits = {"seconds": options.seconds, "seed": options.seed}
    if options.module:
        measure(options.module, options.tests, **limits)
        return 0
    print("| module | mutants | run | noticed | share |\n| --- | --- | --- | --- | --- |")
    for name, tests in TESTED.items():
        measure(name, [tests], **limits)
    return 0


if __name__ == "__main__":
    sys.exit(main())
