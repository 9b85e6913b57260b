"""Say in words which Python is needed, before pip does it in riddles."""

import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(
        f"motefit needs Python 3.11, 3.12 or 3.13; this is {sys.version.split()[0]}.\n"
        "Name another one: make PYTHON=python3.12 ..."
    )
