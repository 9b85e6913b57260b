"""Models as C: written into one folder, compiled once, called through ctypes."""

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
