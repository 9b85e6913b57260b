"""The command line: parse, call, print. Exit 0: budget met; 1: not met; 2: the user's mistake."""

from motefit.cli.app import app


def main() -> None:
    """Entry point of the ``motefit`` console script."""
    app(prog_name="motefit")
