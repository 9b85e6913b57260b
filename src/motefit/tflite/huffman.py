"""Prefix codes for deflate: word lengths, the canonical code, and how a block describes it.

Formats: RFC 1951, sections 3.2.2 and 3.2.7.
"""

from collections.abc import Sequence
from dataclasses import dataclass

META_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
META_EXTRA = {16: 2, 17: 3, 18: 7}


def code_lengths(counts: Sequence[int], limit: int) -> list[int]:
    """Lengths of the best prefix code without longer words than ``limit`` (package-merge)."""
    used: list[tuple[int, tuple[int, ...]]] = [(n, (i,)) for i, n in enumerate(counts) if n]
    lengths = [0] * len(counts)
    if len(used) < 2:
        for _, symbols in used:
            lengths[symbols[0]] = 1
        return lengths
    used.sort()
    packages = list(used)
    for _ in range(limit - 1):
        pairs = [
            (packages[i][0] + packages[i + 1][0], packages[i][1] + packages[i + 1][1])
            for i in range(0, len(packages) - 1, 2)
        ]
        packages = sorted(used + pairs)
    for _, symbols in packages[: 2 * len(used) - 2]:
        for symbol in symbols:
            lengths[symbol] += 1
    return lengths


def distance_lengths(counts: Sequence[int]) -> list[int]:
    """As :func:`code_lengths`; at least two codes, because some decoders want them."""
    lengths = code_lengths(counts, 15)
    for symbol in (0, 1):
        if sum(1 for n in lengths if n) < 2:
            lengths[symbol] = 1
    return lengths


def smooth_counts(counts: Sequence[int], tolerance: int) -> list[int]:
    """Counts with stretches of similar ones made equal, so that the header repeats more.

    After Zopfli's OptimizeHuffmanForRle; a tolerance of 0 changes nothing.
    """
    smooth = list(counts)
    if tolerance == 0:
        return smooth
    end = max((i for i, n in enumerate(counts) if n), default=-1) + 1
    keep = _long_runs(smooth[:end])
    stride, total, limit = 0, 0, float(smooth[0])
    for i in range(end + 1):
        if i == end or keep[i] or abs(smooth[i] - limit) >= tolerance:
            if stride >= 4 or (stride >= 3 and total == 0):
                level = max((total + stride // 2) // stride, 1) if total else 0
                smooth[i - stride : i] = [level] * stride
            stride, total = 0, 0
            ahead = counts[i : min(i + 4, end)]
            limit = sum(ahead) / len(ahead) if ahead else 0.0
        stride += 1
        total += smooth[i] if i < end else 0
    return smooth


def _long_runs(counts: Sequence[int]) -> list[bool]:
    """Where equal counts are in runs that the header packs well already."""
    keep = [False] * len(counts)
    at = 0
    while at < len(counts):
        run = 1
        while at + run < len(counts) and counts[at + run] == counts[at]:
            run += 1
        if run >= (7 if counts[at] else 5):
            keep[at : at + run] = [True] * run
        at += run
    return keep


def canonical_words(lengths: Sequence[int]) -> list[int]:
    """The canonical code, each word's bits reversed as the stream wants them."""
    words, code = [0] * len(lengths), 0
    for size in range(1, max(lengths, default=0) + 1):
        for symbol, length in enumerate(lengths):
            if length == size:
                words[symbol] = int(f"{code:0{size}b}"[::-1], 2)
                code += 1
        code <<= 1
    return words


def _run_lengths(lengths: Sequence[int], *, zeros: bool, repeats: bool) -> list[tuple[int, int]]:
    """Code lengths as (symbol, extra) of the header's alphabet."""
    out: list[tuple[int, int]] = []
    at = 0
    while at < len(lengths):
        value, run = lengths[at], 1
        while at + run < len(lengths) and lengths[at + run] == value:
            run += 1
        at += run
        if value == 0 and zeros:
            while run >= 11:
                out.append((18, min(run, 138) - 11))
                run -= min(run, 138)
            if run >= 3:
                out.append((17, run - 3))
                run = 0
        elif repeats and run >= 4:
            out.append((value, 0))
            run -= 1
            while run >= 3:
                out.append((16, min(run, 6) - 3))
                run -= min(run, 6)
        out += [(value, 0)] * run
    return out


class BitWriter:
    """A stream of bits, low bits first."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def put(self, value: int, width: int) -> None:
        """Append a number of ``width`` bits."""
        if width:
            self._parts.append(f"{value:0{width}b}"[::-1])

    def finish(self) -> bytes:
        """The bytes; the last one is filled with zeros."""
        bits = "".join(self._parts)
        bits += "0" * (-len(bits) % 8)
        return bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))


@dataclass(frozen=True, slots=True)
class Header:
    """A dynamic block's description of its code."""

    lengths: list[int]
    distances: list[int]
    runs: list[tuple[int, int]]
    meta: list[int]
    meta_used: int

    @property
    def bits(self) -> int:
        """Length of the description."""
        body = sum(self.meta[symbol] + META_EXTRA.get(symbol, 0) for symbol, _ in self.runs)
        return 14 + 3 * self.meta_used + body

    @classmethod
    def of(cls, lengths: list[int], distances: list[int]) -> "Header":
        """The shortest description of a code for symbols and one for distances."""
        lengths = lengths[: max(i for i, n in enumerate(lengths) if n) + 1]
        distances = distances[: max((i for i, n in enumerate(distances) if n), default=0) + 1]
        headers = []
        for zeros in (True, False):
            for repeats in (True, False):
                runs = _run_lengths(lengths + distances, zeros=zeros, repeats=repeats)
                counts = [0] * 19
                for symbol, _ in runs:
                    counts[symbol] += 1
                meta = code_lengths(counts, 7)
                used = max(i for i, symbol in enumerate(META_ORDER) if meta[symbol]) + 1
                headers.append(cls(lengths, distances, runs, meta, max(used, 4)))
        return min(headers, key=lambda header: header.bits)

    def write(self, out: BitWriter) -> None:
        """Write the description."""
        out.put(len(self.lengths) - 257, 5)
        out.put(len(self.distances) - 1, 5)
        out.put(self.meta_used - 4, 4)
        for symbol in META_ORDER[: self.meta_used]:
            out.put(self.meta[symbol], 3)
        words = canonical_words(self.meta)
        for symbol, extra in self.runs:
            out.put(words[symbol], self.meta[symbol])
            out.put(extra, META_EXTRA.get(symbol, 0))
