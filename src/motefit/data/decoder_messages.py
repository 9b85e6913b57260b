"""What libmpg123 writes to standard error past Python, caught while an MP3 file is decoded.

No setting of soundfile silences it, and its lines name no file. They tell nothing about damage: an
MP3 cut out of a longer one starts with the same errors, and is sound. Whatever else is written in
that time, e.g. by other threads, is written on afterwards.
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

from motefit.spec.scratch import scratch_file

_STANDARD_ERROR = 2
_OWN = (b"Note: ", b"Warning: ", b"[src/libmpg123/", b"[libmpg123", b"mpg123")
_alone = threading.Lock()


@contextlib.contextmanager
def caught_messages() -> Iterator[None]:
    """Drop libmpg123's messages during the block; threads wait for each other.

    Yields:
        once.
    """
    with _alone, contextlib.ExitStack() as opened:
        try:
            kept = os.dup(_STANDARD_ERROR)
        except OSError:  # standard error is closed: nothing is shown anyway
            yield
            return
        opened.callback(os.close, kept)
        caught = opened.enter_context(scratch_file())
        sys.stderr.flush()
        os.dup2(caught.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, _STANDARD_ERROR)
            caught.seek(0)
            lines = caught.read().splitlines(keepends=True)
            others = [line for line in lines if line.strip() and not line.startswith(_OWN)]
            os.write(kept, b"".join(others))
