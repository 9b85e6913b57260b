"""Single-threaded matrix products, whatever settings the process was started with.

A clip's products are a few hundred thousand multiplications. OpenBLAS splits even those among
threads that wait for each other by spinning, so that on busy cores a product takes as long as a
time slice: tens of milliseconds instead of tens of microseconds.
"""

import ctypes
import importlib
import threading
from collections.abc import Callable
from types import TracebackType

EXTENSION = "numpy._core._multiarray_umath"
"""The module of numpy that is linked with its BLAS."""
FUNCTIONS = (
    ("scipy_openblas_get_num_threads64_", "scipy_openblas_set_num_threads64_"),  # numpy's wheels
    ("scipy_openblas_get_num_threads", "scipy_openblas_set_num_threads"),
    ("openblas_get_num_threads64_", "openblas_set_num_threads64_"),
    ("openblas_get_num_threads", "openblas_set_num_threads"),
    ("MKL_Get_Max_Threads", "MKL_Set_Num_Threads"),
    ("bli_thread_get_num_threads", "bli_thread_set_num_threads"),
)
"""Functions that get and set the number of threads, as listed by threadpoolctl."""


class OneThread:
    """Restricts BLAS to the calling thread inside a ``with`` statement, and restores it afterwards.

    The number of threads is a setting of the process: the first thread of the program that enters
    lowers it and the last one that leaves restores it, so that products in other threads meanwhile
    use one thread too. Statements may be nested.

    Args:
        count: the number of threads.
        set_count: sets it.
    """

    def __init__(self, count: Callable[[], int], set_count: Callable[[int], object]) -> None:
        self._count, self._set_count = count, set_count
        self._lock = threading.Lock()
        self._inside, self._before = 0, 1

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = self._count()
                if self._before > 1:
                    self._set_count(1)
            self._inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside and self._before > 1:
                self._set_count(self._before)


def numpy_blas() -> OneThread:
    """Return a context manager for the threads of the BLAS that numpy is linked with.

    A BLAS with none of :data:`FUNCTIONS` is left alone: the reference BLAS is single-threaded, and
    Accelerate decides for itself.
    """
    try:
        path = importlib.import_module(EXTENSION).__file__
        # A look-up includes the libraries that it is linked with. PyDLL keeps the interpreter's
        # lock: the functions only read and write a number.
        library = ctypes.PyDLL(path)
    except (ImportError, OSError):
        library = None
    for names in FUNCTIONS:
        if all(hasattr(library, name) for name in names):
            return OneThread(*(getattr(library, name) for name in names))
    return OneThread(lambda: 1, lambda _count: None)


ONE_THREAD = numpy_blas()
