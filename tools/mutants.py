"""Change a module in one place at a time, and see whether its tests notice.

``python tools/mutants.py [MODULE ...] [--seconds N] [--seed N]``: modules of :data:`TESTED`, all of
them by default; ``--tests FILE ...`` for any other module. A comparison is turned, a number moves
by one, ``and`` becomes ``or``, a sign changes, a condition is negated, a returned value is dropped.
Each mutant runs its tests in a process of its own, a fork of one that has loaded NumPy, LiteRT and
pytest. Printed are the counts, and each survivor with its line; where the time did not suffice for
all mutants, those that ran are a sample drawn by the seed. Rows of :data:`TESTED` are kept in
``benchmarks/mutants``.

Why not mutmut or cosmic-ray: both start the interpreter for each mutant, which takes ten times as
long as the tests of one module do here.
"""

import argparse
import ast
import importlib.abc
import importlib.util
import itertools
import json
import os
import random
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "mutants" / "results.json"
TESTED: dict[str, list[str]] = {
    "motefit.spec.sweeping": ["tests/spec/test_sweeping.py"],
    "motefit.spec.files": ["tests/spec/test_files.py"],
    "motefit.spec.budget": ["tests/spec/test_budget.py"],
    "motefit.runtime.gate": ["tests/runtime/test_gate.py"],
    "motefit.spec.certificate": ["tests/spec/test_certificate.py", "tests/spec/test_busy.py"],
    "motefit.spec.binomial": ["tests/spec/test_binomial.py"],
    "motefit.certify.verdict_table": ["tests/certify/test_verdict_table.py"],
    "motefit.measure.accuracy": ["tests/measure/test_accuracy.py"],
    "motefit.measure.forecast_errors": ["tests/measure/test_forecast_errors.py"],
    "motefit.tflite.appended": ["tests/tflite/test_appended.py"],
    "motefit.tflite.flatbuffer.reader": ["tests/tflite/flatbuffer/test_reader.py"],
    "motefit.tflite.validate": ["tests/tflite/test_defects.py"],
    "motefit.signal.wav": ["tests/signal/test_wav.py"],
    "motefit.signal.wav_header": ["tests/signal/test_wav_header.py"],
    "motefit.signal.features": ["tests/signal/test_features.py", "tests/signal/test_streaming.py"],
    "motefit.signal.resample": ["tests/signal/test_resample.py"],
}
"""Modules on which safety and figures depend, with the tests that are theirs."""
LONGEST_CPU_S, LONGEST_S = 60, 1800
"""Of one mutant, which may run forever: of the processor, and until it is waited for no longer."""
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
    """Yield every mutant of a module; annotations, which nothing runs, are left alone."""
    whole = ast.parse(source)
    still = {id(node) for part in _annotations(whole) for node in ast.walk(part)}
    for place, original in enumerate(ast.walk(whole)):
        if not isinstance(original, CHANGED) or id(original) in still:
            continue
        tree = ast.parse(source)
        node = next(itertools.islice(ast.walk(tree), place, None))
        for change in _changes(node, tree):
            yield Mutant(line=getattr(node, "lineno", 0), change=change, source=ast.unparse(tree))


def _annotations(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        found = getattr(node, "annotation", None), getattr(node, "returns", None)
        yield from (part for part in found if part is not None)


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
        resource.setrlimit(resource.RLIMIT_CPU, (LONGEST_CPU_S, LONGEST_CPU_S))
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


@dataclass(frozen=True, kw_only=True)
class Row:
    """What the tests of a module noticed.

    Attributes:
        module: name of the module.
        tests: its tests.
        mutants: number of all its mutants.
        run: number of those that were run.
        killed: number of those that the tests noticed.
        seed: of the order in which they were drawn.
        survivors: line and change of each mutant that was not noticed.
    """

    module: str
    tests: list[str]
    mutants: int
    run: int
    killed: int
    seed: int
    survivors: list[str]

    def __str__(self) -> str:
        share = f"{100 * self.killed / self.run:.0f} %" if self.run else "none"
        return f"| `{self.module}` | {self.mutants} | {self.run} | {self.killed} | {share} |"


HEAD = "| module | mutants | run | noticed | share |\n|---|--:|--:|--:|--:|"
PAGE = """# Mutants

`python tools/mutants.py`: each module is changed in one place at a time, and its own tests must
notice. Where fewer mutants were run than there are, they are a random sample (seed {seeds}).
`results.json` has the tests of each module, and the mutants that they did not notice.

{rows}
"""


def measure(name: str, tests: list[str], *, seconds: float, seed: int) -> Row:
    """Run the mutants of a module.

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
    alive.sort(key=lambda mutant: mutant.line)
    return Row(
        module=name,
        tests=tests,
        mutants=len(made),
        run=dead + len(alive),
        killed=dead,
        seed=seed,
        survivors=[f"line {mutant.line}: {mutant.change}" for mutant in alive],
    )


def page(rows: list[Row]) -> str:
    """Format rows as the page of the results."""
    seeds = ", ".join(map(str, sorted({row.seed for row in rows})))
    return PAGE.format(seeds=seeds, rows="\n".join([HEAD, *map(str, rows)]))


def stored() -> list[Row]:
    """Read the rows of the modules that are still tested, in their order."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else []
    rows = {row["module"]: Row(**row) for row in known}
    return [rows[name] for name in TESTED if name in rows]


def keep(row: Row) -> None:
    """Put a row into the stored results, and write their page again."""
    rows = {old.module: old for old in stored()} | {row.module: row}
    kept = [rows[name] for name in TESTED if name in rows]
    RESULTS.parent.mkdir(exist_ok=True)
    text = json.dumps([asdict(row) for row in kept], indent=1)
    RESULTS.write_text(f"{text}\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(page(kept), encoding="utf-8")


def main() -> int:
    """Run the mutants; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("modules", nargs="*", help="default: all of the table")
    parser.add_argument("--tests", nargs="+", help="of one module that is not in the table")
    parser.add_argument("--seconds", type=float, default=300.0, help="of the processor, a module")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.chdir(ROOT)
    import ai_edge_litert.interpreter  # noqa: F401, PLC0415 - shared by all forks
    import numpy as np  # noqa: F401, PLC0415
    import pytest  # noqa: F401, PLC0415

    print(HEAD)
    for name in options.modules or TESTED:
        tests = options.tests or TESTED[name]
        row = measure(name, tests, seconds=options.seconds, seed=options.seed)
        print(row, *row.survivors, sep="\n  ", flush=True)
        if not options.tests:
            keep(row)
    return 0


if __name__ == "__main__":
    sys.exit(main())
