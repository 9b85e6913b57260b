"""Models as C: written into one folder, compiled once, called through ctypes."""

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from motefit.codegen.compiled import CompiledModel, build_library, find_compiler
from motefit.codegen.project import write_c_source
from motefit.runtime.bundle import Bundle


@pytest.fixture(scope="session")
def compiler() -> str:
    found = find_compiler()
    if found is None:
        pytest.skip("no C compiler (tools/system_packages.sh installs gcc)")
    return found[0]


@pytest.fixture(scope="session")
def compiled(compiler, tmp_path_factory) -> Callable[..., Mapping[str, CompiledModel]]:
    """``compiled(bundles by name)``: all of them in one library, so kernels compile once."""
    del compiler

    def compile_all(
        bundles: Mapping[str, Bundle], *, fixed: bool = False
    ) -> Mapping[str, CompiledModel]:
        folder: Path = tmp_path_factory.mktemp("c")
        sources = {name: write_c_source(it, folder, name=name) for name, it in bundles.items()}
        files = {folder / file for source in sources.values() for file in source.files}
        library = folder / "models.so"
        build_library(sorted(files), library, optimize="-O0", fixed=fixed)
        return {
            name: CompiledModel(source=source, library=library, fixed=fixed)
            for name, source in sources.items()
        }

    return compile_all


@pytest.fixture
def fuzzed(compiler, tmp_path) -> Callable[..., str]:
    """``fuzzed(bundle, driver, calls)``: what a driver prints, compiled with the sanitizers."""

    def run(bundle: Bundle, driver: str, calls: int, *, fixed: bool = False) -> str:
        source = write_c_source(bundle, tmp_path, name="fuzzed")
        text = Path(__file__).with_name(driver).read_text(encoding="utf-8")
        text = text.replace("model", source.name).replace("MODEL", source.name.upper())
        (tmp_path / driver).write_text(text, encoding="utf-8")
        files = [tmp_path / f for f in source.files if f.endswith(".c") and f != "self_test.c"]
        checks = "-fsanitize=address,undefined,float-cast-overflow"
        options = ["-std=c99", f"-DMF_FIXED={int(fixed)}", checks, "-fno-sanitize-recover=all"]
        program = tmp_path / "fuzz"
        include = f"-I{Path(__file__).parent}"  # fuzz_numbers.h
        command = [
            compiler, *options, include, "-O1", "-o", program, tmp_path / driver, *files, "-lm",
        ]  # fmt: skip
        subprocess.run(command, check=True)
        done = subprocess.run([program, str(calls)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
