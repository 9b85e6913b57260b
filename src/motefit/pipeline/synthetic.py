"""Where the embedded default data lie once made: in the cache, by what was asked for."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """``$MOTEFIT_CACHE``, or ``~/.cache/motefit``."""
    return Path(os.environ.get("MOTEFIT_CACHE") or Path.home() / ".cache" / "motefit")


def synthetic_folder(kind: str, *request: object) -> Path:
    """Folder of synthetic data for one request, e.g. ``speech/go-stop-200-0-16000``."""
    parts = ["-".join(map(str, r)) if isinstance(r, tuple) else str(r) for r in request]
    return cache_folder() / "synthetic" / kind / "-".join(parts).replace(os.sep, "_")
