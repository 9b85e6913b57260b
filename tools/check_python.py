"""Say clearly which Python is needed, before pip fails with an obscure message."""

import platform
import struct
import sys

if not (3, 11) <= sys.version_info[:2] <= (3, 13):
    sys.exit(
        f"motefit needs Python 3.11, 3.12 or 3.13; this is {sys.version.split()[0]}.\n"
        "Name another one: make PYTHON=python3.12 ..."
    )
if struct.calcsize("P") < 8:
    sys.exit(
        "motefit needs a 64-bit operating system, because LiteRT exists for no other; this Python "
        f"has {8 * struct.calcsize('P')} bits ({platform.machine()}).\n"
        "On a Raspberry Pi 3 or later install the 64-bit Raspberry Pi OS."
    )
