"""Bytecode of tests and package, written once: in a new clone each process would make all of it."""

import compileall
import os
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest
from _pytest.assertion import rewrite


def write_bytecode(config: pytest.Config, root: Path, *, processes: int) -> None:
    """Compile what has changed, side by side; what fails is left to who imports it."""
    if sys.dont_write_bytecode:
        return
    tests = [p for p in sorted((root / "tests").rglob("*.py")) if p.parent.name != "support"]
    plain = [
        p for folder in ("src", "tests/support") for p in sorted((root / folder).rglob("*.py"))
    ]
    children = []
    for number in range(processes):
        if child := os.fork():
            children.append(child)
            continue
        try:
            _rewrite(tests[number::processes], config)
            for path in plain[number::processes]:
                compileall.compile_file(path, quiet=2)
        finally:
            os._exit(0)
    for child in children:
        os.waitpid(child, 0)


def _rewrite(paths: Iterable[Path], config: pytest.Config) -> None:
    """Compile tests as pytest does, with asserts that show their values."""
    for path in paths:
        pyc = rewrite.get_cache_dir(path) / (path.stem + rewrite.PYC_TAIL)
        if rewrite._read_pyc(path, pyc) is None and rewrite.try_makedirs(pyc.parent):
            digest, code = rewrite._rewrite_test(path, config)
            rewrite._write_pyc(config.stash[rewrite.assertstate_key], code, digest, pyc)
