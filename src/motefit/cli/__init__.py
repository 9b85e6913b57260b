"""The command line: parse, call, print.

Exit codes: 0, budget met; 1, not met; 2, the user's mistake; 70, a bug in motefit, with traceback;
130, interrupted.
"""

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TextIO

from motefit.spec.errors import UnsupportedPlatformError

FAULT = 70
"""Exit code of a bug (sysexits.h: EX_SOFTWARE); Python's own, 1, would mean "budget not met"."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""Errors of a disk that takes no more of what is printed."""


def main() -> None:
    """Run the ``motefit`` console script."""
    _open_closed()
    try:
        from motefit.cli.app import app  # noqa: PLC0415 - fails here without LiteRT

        _call(app)
    except UnsupportedPlatformError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except KeyboardInterrupt:  # before the application can tell it
        sys.stderr.write("error: interrupted\n")
        sys.exit(130)
    except BrokenPipeError:
        return
    except OSError as error:
        if error.errno not in _FULL:
            _fault()
        _discard(sys.stdout)
        try:
            sys.stderr.write(f"error: cannot write what is printed: {error.strerror}\n")
            sys.stderr.flush()
        except OSError:
            _discard(sys.stderr)
        sys.exit(2)
    except Exception:  # noqa: BLE001 - shows any traceback in full
        _fault()


def _fault() -> NoReturn:
    import traceback  # noqa: PLC0415 - most runs have none, and all wait for what is imported

    traceback.print_exc()
    sys.exit(FAULT)


def _open_closed() -> None:
    """Open the standard streams that are closed, as in ``<&-``, on nothing.

    A file that is opened later would take their place, and get what is printed.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))  # noqa: SIM115 - open to the end


def _discard(stream: TextIO) -> None:
    """Discard what is still to be written to a stream."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _call(app: Callable[..., object]) -> None:
    try:
        app(prog_name="motefit")
    except SystemExit as end:
        if not _is_unread(end):
            raise


def _is_unread(end: SystemExit) -> bool:
    """Return whether a program ends because its output is no longer read."""
    from motefit.cli.output import silence  # noqa: PLC0415 - see above

    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
    return isinstance(end.__context__, BrokenPipeError)
