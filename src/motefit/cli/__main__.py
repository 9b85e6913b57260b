"""``python -m motefit.cli``: the command line, even if its script is not on the path."""

from motefit.cli import main

main()
