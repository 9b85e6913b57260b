"""The command line: parse, call, print. Exit 0: budget met; 1: not met; 2: the user's mistake."""

import sys

from motefit.spec.errors import UnsupportedPlatformError


def main() -> None:
    """Entry point of the ``motefit`` console script."""
    try:
        from motefit.cli.app import app  # noqa: PLC0415 - where LiteRT is absent, this says so
    except UnsupportedPlatformError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    app(prog_name="motefit")
