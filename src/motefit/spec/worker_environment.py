"""Environment variables of a worker process: one thread, and equal arithmetic on all x86-64.

Linear-algebra libraries choose their kernels by processor and sometimes by shape, and sums in a
different order round differently. A worker fixes the choice before numpy and torch are loaded, so
that equal recipe, data and seed give equal bytes on any x86-64 processor with AVX2, Intel or AMD
(see docs/decisions/0017-equal-bytes.md for the measurements). Other architectures and other
versions of numpy and torch give different bytes.
"""

import platform
from collections.abc import Mapping
from pathlib import Path

ONE_THREAD: Mapping[str, str] = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Many single-threaded processes are faster than a few multithreaded ones."""
MKL: Mapping[str, str] = {"MKL_CBWR": "COMPATIBLE"}
"""The only mode of MKL with equal results on Intel and other processors; it is also independent of
the batch shape (Intel, "Reproducibility Conditions")."""
AVX2: Mapping[str, str] = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    # numpy's names since 2.4 and before; features that a processor or a numpy lacks are ignored
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL "
    "AVX512_ICL AVX512_SPR",
}
"""The instruction set of torch, oneDNN, OpenBLAS and numpy, on processors that have it."""
MEMORY: Mapping[str, str] = {
    "MALLOC_MMAP_THRESHOLD_": "1073741824",
    "MALLOC_TRIM_THRESHOLD_": "2147483648",
}
"""glibc keeps freed memory for the next tensor: a training step frees and takes hundreds of
megabytes, and a new page costs more than the arithmetic on it (``benchmarks/epoch``)."""
_CPUINFO = Path("/proc/cpuinfo")


def worker_environment() -> dict[str, str]:
    """Return the variables to set before a worker process loads numpy and torch."""
    return {**ONE_THREAD, **MEMORY, **equal_arithmetic()}


def equal_arithmetic() -> dict[str, str]:
    """Return the variables that fix kernels and instruction sets; empty without guarantees."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return {}
    return {**MKL, **AVX2} if _has_avx2() else dict(MKL)


def _has_avx2() -> bool:
    """Return whether the processor has AVX2 and FMA; if told to, torch uses them unchecked."""
    try:
        lines = _CPUINFO.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((line for line in lines if line.startswith("flags")), "").split()
    return {"avx2", "fma"} <= set(flags)
