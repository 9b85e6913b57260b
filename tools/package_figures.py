"""Files, lines, public names, tests, imported modules and import times, before and now.

``python tools/package_figures.py`` prints the tables of ``docs/decisions/0018-packages.md`` in
Markdown: before the packages were divided, and the working tree. Lines are those of
Python files; a package's tests are the folder of its name in ``tests``, in lines per line of
source. Modules are counted in the last of :data:`REPEATS` fresh processes, since the first may try
a model out, and without those that Python loads by itself. Times are the processor's, the least of
all processes, before and now in turns.
"""

import argparse
import ast
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BEFORE = "7c956b7"
"""The commit before the packages were divided."""
STARTS = {
    "`motefit kws --help`": "sys.argv = ['motefit', 'kws', '--help']; "
    "from motefit.cli import main\ntry: main()\nexcept SystemExit: pass",
    "`import motefit`": "import motefit",
    "`import motefit.runtime`": "import motefit.runtime",
    "`motefit.load` of a keyword model": "from motefit.runtime.keyword_spotter import "
    "KeywordSpotter as K; K.load(r'{model}')",
}
"""What is started, as Python code; the device's packages load with the first model."""
REPEATS = 9


@dataclass(frozen=True, kw_only=True)
class PackageSize:
    """Size of a package.

    Attributes:
        files: Python files.
        lines: lines of them.
        names: public functions and classes at the top of its modules.
        test_lines: lines of its tests; 0 if no folder of tests has its name.
    """

    files: int
    lines: int
    names: int
    test_lines: int

    def cells(self) -> tuple[str, ...]:
        """Format files, lines, names and tests."""
        share = f"{self.test_lines / self.lines:.2f}" if self.test_lines else "elsewhere"
        return str(self.files), f"{self.lines:,}", str(self.names), share


def _texts(folder: Path) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in folder.rglob("*.py")]


def _lines(texts: list[str]) -> int:
    return sum(len(text.splitlines()) for text in texts)


def _size(source: Path, tests: Path) -> PackageSize:
    texts = _texts(source)
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = (node for text in texts for node in ast.parse(text).body if isinstance(node, kinds))
    return PackageSize(
        files=len(texts),
        lines=_lines(texts),
        names=sum(not node.name.startswith("_") for node in found),
        test_lines=_lines(_texts(tests)) if tests.is_dir() else 0,
    )


def package_sizes(root: Path) -> Mapping[str, PackageSize]:
    """Measure the packages of a checkout by name, and the whole as ``"all"``."""
    source = root / "src" / "motefit"
    packages = sorted(path.parent.name for path in source.glob("*/__init__.py"))
    sizes = {name: _size(source / name, root / "tests" / name) for name in packages}
    return {"all": _size(source, root / "tests"), **sizes}


@dataclass(frozen=True, kw_only=True)
class Start:
    """A start of Python in a fresh process.

    Attributes:
        modules: names of the loaded modules.
        cpu_ms: processor time of the process, the start of Python included.
    """

    modules: frozenset[str]
    cpu_ms: float


def start(title: str, root: Path) -> Start:
    """Start what :data:`STARTS` has under a title, in a checkout."""
    model = next((root / "zoo").glob("yes-no*.zip"))
    return _start(STARTS[title].replace("{model}", str(model)), root)


def bare_modules(root: Path) -> frozenset[str]:
    """List the modules that Python loads by itself."""
    return _start("import importlib", root).modules


def _start(code: str, root: Path) -> Start:
    listing = (
        "import time; spent = time.process_time()\n"
        "import json; print('\\n' + json.dumps([1000 * spent, sorted(sys.modules)]))"
    )
    whole = f"import sys; sys.path[:0] = {_paths(root)}\n{code}\n{listing}"
    done = subprocess.run(
        [sys.executable, "-S", "-c", whole],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""},  # the first start compiles
    )
    cpu_ms, modules = json.loads(done.stdout.splitlines()[-1])
    return Start(modules=frozenset(modules), cpu_ms=cpu_ms)


def _paths(root: Path) -> list[str]:
    others = [path for path in sys.path if "site-packages" in path]
    return [str(root / "src"), *others]


def _row(name: str, before: PackageSize | None, now: PackageSize | None) -> str:
    old = before.cells() if before else ("",) * 4
    new = now.cells() if now else ("gone",) * 4
    cells = (f"{a} → {b}" if a else b for a, b in zip(old, new, strict=True))
    return f"| {name if name == 'all' else f'`{name}`'} | {' | '.join(cells)} |"


def _packages(before: Mapping[str, PackageSize], now: Mapping[str, PackageSize]) -> str:
    rows = (_row(name, before.get(name), now.get(name)) for name in sorted({**before, **now}))
    title = "| package | files | lines | public names | tests |\n|---|---|---|---|---|"
    return "\n".join((title, *rows))


def _starts(title: str, old: Path) -> str:
    trees = (old, ROOT)
    bare = {root: bare_modules(root) for root in trees}
    found: dict[Path, list[Start]] = {root: [] for root in trees}
    for _ in range(REPEATS):
        for root in trees:
            found[root].append(start(title, root))
    modules = " → ".join(str(len(found[root][-1].modules - bare[root])) for root in trees)
    times = " → ".join(f"{min(one.cpu_ms for one in found[root]):.0f}" for root in trees)
    return f"| {title} | {modules} | {times} |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--before", default=BEFORE, help="commit to compare with")
    before = parser.parse_args().before
    packed = subprocess.run(
        ["git", "archive", before, "src", "tests", "zoo"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory() as name:
        old = Path(name)
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(old, filter="data")
        print(_packages(package_sizes(old), package_sizes(ROOT)))
        print("\n| start | modules | CPU time in ms |\n|---|---|---|")
        for title in STARTS:
            print(_starts(title, old))


if __name__ == "__main__":
    main()
