"""The command line: parse, call, print.

Exit codes: 0, budget met; 1, not met; 2, the user's mistake; 70, a bug in motefit, with traceback.
"""

import sys
import traceback

from motefit.spec.errors import UnsupportedPlatformError

FAULT = 70
"""Exit code of a bug (sysexits.h: EX_SOFTWARE); Python's own, 1, would mean "budget not met"."""


def main() -> None:
    """Run the ``motefit`` console script."""
    try:
        from motefit.cli.app import app  # noqa: PLC0415 - fails here without LiteRT
    except UnsupportedPlatformError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    try:
        app(prog_name="motefit")
    except SystemExit as end:
        if not _is_unread(end):
            raise
    except BrokenPipeError:
        return
    except Exception:  # noqa: BLE001 - shows any traceback in full
        traceback.print_exc()
        sys.exit(FAULT)


def _is_unread(end: SystemExit) -> bool:
    """Return whether a program ends because its output is no longer read."""
    from motefit.cli.output import silence  # noqa: PLC0415 - see above

    try:
        sys.stdout.flush()
    except BrokenPipeError:
        silence()
    return isinstance(end.__context__, BrokenPipeError)
