"""Short deflate streams of small files, which every unzip program reads.

Zopfli (https://github.com/google/zopfli) searches for the shortest stream, some percent below
zlib's. It comes with the extra ``train``; without it, as on a device, zlib packs alone.
"""

import os
import zlib
from functools import lru_cache

from motefit.spec.errors import RecipeError

ROUNDS_VARIABLE = "MOTEFIT_ZIP_ROUNDS"
"""Environment variable with the most rounds of a search, where zips need not be short."""
MOST_BYTES = 1 << 18
"""Longer data is left to zlib: the search would take ten seconds or more."""
ONE_BLOCK_BYTES = 1 << 10
"""Size up to which the header of a second block does not pay off."""


def deflate(data: bytes, *, rounds: int | None = None) -> bytes:
    """Return the shortest raw deflate stream that is found; equal arguments give equal streams.

    Args:
        data: bytes to pack.
        rounds: rounds of Zopfli's search, if it is installed and for data up to 256 KB, at most
            :data:`ROUNDS_VARIABLE`; None: as many as pay off for a model of that size; 0: zlib
            alone, at level 9, in a millisecond.

    Raises:
        RecipeError: if the variable is no number.
    """
    return _searched(data, _limited(_worthwhile_rounds(len(data)) if rounds is None else rounds))


def _limited(rounds: int) -> int:
    given = os.environ.get(ROUNDS_VARIABLE, "")
    if not given:
        return rounds
    if not given.isascii() or not given.isdigit() or len(given) > 6:
        raise RecipeError(
            f"{ROUNDS_VARIABLE} must be a whole number from 0 to 999999, got {given!r}; without it "
            "a zip is searched for as long as that pays off"
        )
    return min(int(given), rounds)


def _worthwhile_rounds(size: int) -> int:
    """Return rounds that take 0.3 CPU seconds for 1 KB, 2.5 for 20 KB and 3 for 64 KB.

    Measured on the zoo: three times as many save one byte in small files and 30 of 20,378 in the
    largest.
    """
    if size <= ONE_BLOCK_BYTES:
        return 1000
    return 202 if size <= 1 << 15 else 60


def _quick(data: bytes) -> bytes:
    """Return the shortest stream of zlib's strategies at level 9."""
    streams = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED):
        for memory in (8, 9):
            packer = zlib.compressobj(9, zlib.DEFLATED, -15, memory, strategy)
            streams.append(packer.compress(data) + packer.flush())
    return min(streams, key=len)


@lru_cache(maxsize=16)  # one command packs a file when it measures it and when it ships it
def _searched(data: bytes, rounds: int) -> bytes:
    quick = _quick(data)
    if not rounds or not 0 < len(data) <= MOST_BYTES:
        return quick
    try:
        from zopfli.zlib import compress  # noqa: PLC0415  (an extra)
    except ImportError:
        return quick
    # choosing blocks takes as long as many rounds
    split = int(len(data) > ONE_BLOCK_BYTES and rounds > 1)
    wrapped = compress(data, numiterations=rounds, blocksplitting=split)
    return min(quick, bytes(wrapped[2:-4]), key=len)  # without zlib's header and checksum
