"""The command line: parse, call, print.

Exit 0: budget met; 1: not met; 2: the user's mistake; 70: a fault of motefit, with its traceback.
"""

import sys
import traceback

from motefit.spec.errors import UnsupportedPlatformError

FAULT = 70
"""Exit code of a fault (sysexits.h: EX_SOFTWARE); Python's own, 1, would say "budget not met"."""


def main() -> None:
    """Entry point of the ``motefit`` console script."""
    try:
        from motefit.cli.app import app  # noqa: PLC0415 - where LiteRT is absent, this says so
    except UnsupportedPlatformError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    try:
        app(prog_name="motefit")
    except Exception:  # noqa: BLE001 - whatever it is, it is shown whole
        traceback.print_exc()
        sys.exit(FAULT)
