"""Where the embedded default data lie once made: in the cache, by what was asked for."""

import hashlib
from pathlib import Path

from motefit.data.cache import cache_folder


def synthetic_folder(kind: str, *request: object) -> Path:
    """Folder of synthetic data for one request; other requests have other folders.

    Args:
        kind: of the data, e.g. ``"speech"``.
        request: everything that the data depend on; plain values.
    """
    key = hashlib.sha256(repr(request).encode()).hexdigest()[:16]
    return cache_folder() / "synthetic" / f"{kind}-{key}"
