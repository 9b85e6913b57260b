"""The command line: parse, call, print. Exit 0: budget met; 1: not met; 2: the user's mistake."""

import sys

from motefit.cli.app import app
from motefit.cli.output import fail
from motefit.spec.errors import MotefitError

INTERRUPTED = 130


def main() -> None:
    """Entry point of the ``motefit`` console script."""
    try:
        app()
    except MotefitError as error:
        fail(str(error))
        sys.exit(2)
