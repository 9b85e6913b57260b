"""Files without a name, for what another process writes and this one reads back."""

import os
import tempfile
from typing import IO

NO_FOLDER = "No usable temporary directory"
"""How Python's message begins where no folder for temporary files can be written."""


def scratch_file() -> IO[bytes]:
    """Open a file for writing and reading: on the disk, or in memory if no folder can be written.

    >>> with scratch_file() as file:
    ...     _ = file.write(b"said"), file.seek(0)
    ...     file.read()
    b'said'
    """
    try:
        return tempfile.TemporaryFile()
    except OSError:
        return os.fdopen(os.memfd_create("motefit"), "w+b")
