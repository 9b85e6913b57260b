"""A slow deflate for small files: some percent shorter than zlib's, read by every unzip.

zlib matches greedily, with one step of foresight. This packer finds the cheapest sequence of
literals and matches under the costs of the code in use, fits the code to that sequence, repeats,
and cuts the stream into blocks where codes of their own pay for their headers. Standard library
only. Formats: RFC 1951; method after Zopfli (https://github.com/google/zopfli).
"""

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from motefit.tflite.huffman import (
    BitWriter,
    Header,
    canonical_words,
    code_lengths,
    distance_lengths,
    smooth_counts,
)

SLOW_LIMIT_BYTES = 1 << 15
"""Longer data is left to zlib: the search takes some tenths of a second for 10 kB."""

MIN_MATCH, MAX_MATCH, WINDOW = 3, 258, 1 << 15
CANDIDATES = 200
LONG_MATCH = 64
"""From here on a match is taken whole or not at all, which bounds the search on long runs."""
ROUNDS = 12
SPLIT_POINTS = 24
MIN_BLOCK_TOKENS = 40
END = 256
SMOOTHING = (0, 2, 4, 8)
WORD_LIMITS = (15, 9, 8)

LENGTH_EXTRA = (0,) * 8 + (1,) * 4 + (2,) * 4 + (3,) * 4 + (4,) * 4 + (5,) * 4 + (0,)
DISTANCE_EXTRA = (0, 0, *(bits for bits in range(14) for _ in range(2)))


def _bases(first: int, extra: Sequence[int]) -> tuple[int, ...]:
    bases = [first]
    for bits in extra[:-1]:
        bases.append(bases[-1] + (1 << bits))
    return tuple(bases)


LENGTH_BASE = (*_bases(3, LENGTH_EXTRA)[:-1], 258)
DISTANCE_BASE = _bases(1, DISTANCE_EXTRA)


def _codes(bases: Sequence[int], top: int) -> list[int]:
    """For every value up to ``top``, the index of its base."""
    codes, code = [0] * (top + 1), 0
    for value in range(bases[0], top + 1):
        while code + 1 < len(bases) and bases[code + 1] <= value:
            code += 1
        codes[value] = code
    return codes


LENGTH_CODE = _codes(LENGTH_BASE, MAX_MATCH)
DISTANCE_CODE = _codes(DISTANCE_BASE, WINDOW)

# A token is (length, distance); a literal is (byte, 0). A match list of a position holds
# (longest length, distance): lengths above the entry before it are cheapest from there.
Token = tuple[int, int]
Matches = list[list[Token]]


def deflate(data: bytes, *, thorough: bool = True) -> bytes:
    """The shortest raw deflate stream that is found.

    Args:
        data: what to pack.
        thorough: search beside zlib's strategies at level 9, for data up to 32 KB.
    """
    streams = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED):
        for memory in (8, 9):
            packer = zlib.compressobj(9, zlib.DEFLATED, -15, memory, strategy)
            streams.append(packer.compress(data) + packer.flush())
    if thorough and 0 < len(data) <= SLOW_LIMIT_BYTES:
        streams.append(_searched(data))
    return min(streams, key=len)


def _searched(data: bytes) -> bytes:
    matches = _find_matches(data)
    whole = _refine(data, matches, 0, len(data))
    cuts = _split(whole.tokens)
    bounds = [0, *cuts, len(data)]
    parts = [_refine(data, matches, start, end) for start, end in pairwise(bounds)]
    best = min(([whole], parts), key=lambda blocks: sum(block.bits for block in blocks))
    out = BitWriter()
    for i, block in enumerate(best):
        block.write(out, last=i == len(best) - 1)
    return out.finish()


def _find_matches(data: bytes) -> Matches:
    """For every position the earlier places it can be copied from, nearest first, ever longer."""
    places: dict[bytes, list[int]] = {}
    matches: Matches = []
    for i in range(len(data)):
        key = data[i : i + MIN_MATCH]
        found: list[Token] = []
        earlier = places.setdefault(key, [])
        longest, limit = MIN_MATCH - 1, min(MAX_MATCH, len(data) - i)
        for start in reversed(earlier[-CANDIDATES:]):
            if longest >= limit or i - start > WINDOW:
                break
            if data[start : start + longest + 1] != data[i : i + longest + 1]:
                continue
            length = longest + 1
            while length < limit and data[start + length] == data[i + length]:
                length += 1
            longest = length
            found.append((length, i - start))
        matches.append(found)
        if len(key) == MIN_MATCH:
            earlier.append(i)
    return matches


@dataclass(frozen=True, slots=True)
class _Costs:
    """Bits of every literal byte, match length and distance code."""

    literal: Sequence[float]
    length: Sequence[float]
    distance: Sequence[float]

    @classmethod
    def of(cls, symbols: Sequence[float], distances: Sequence[float]) -> "_Costs":
        lengths = [
            symbols[257 + LENGTH_CODE[n]] + LENGTH_EXTRA[LENGTH_CODE[n]] if n >= MIN_MATCH else 0.0
            for n in range(MAX_MATCH + 1)
        ]
        return cls(
            symbols[:256], lengths, [c + e for c, e in zip(distances, DISTANCE_EXTRA, strict=True)]
        )


FIXED_LENGTHS = [8] * 144 + [9] * 112 + [7] * 24 + [8] * 8
FIXED_DISTANCES = [5] * 30


def _parse(data: bytes, matches: Matches, start: int, end: int, costs: _Costs) -> list[Token]:
    """The cheapest tokens for a stretch of the data."""
    size = end - start
    best = [0.0] + [math.inf] * size
    via: list[Token] = [(0, 0)] * (size + 1)
    for i in range(size):
        here = best[i]
        byte = data[start + i]
        price = here + costs.literal[byte]
        if price < best[i + 1]:
            best[i + 1], via[i + 1] = price, (byte, 0)
        shortest = MIN_MATCH
        for reach, distance in matches[start + i]:
            base = here + costs.distance[DISTANCE_CODE[distance]]
            longest = min(reach, size - i)
            for length in range(longest if longest >= LONG_MATCH else shortest, longest + 1):
                price = base + costs.length[length]
                if price < best[i + length]:
                    best[i + length], via[i + length] = price, (length, distance)
            shortest = reach + 1
    tokens = []
    at = size
    while at:
        token = via[at]
        tokens.append(token)
        at -= token[0] if token[1] else 1
    return tokens[::-1]


def _counts(tokens: Sequence[Token]) -> tuple[list[int], list[int]]:
    symbols, distances = [0] * 286, [0] * 30
    symbols[END] = 1
    for value, distance in tokens:
        if distance:
            symbols[257 + LENGTH_CODE[value]] += 1
            distances[DISTANCE_CODE[distance]] += 1
        else:
            symbols[value] += 1
    return symbols, distances


def _entropy(counts: Sequence[int]) -> list[float]:
    """Bits of each symbol by its share; one that is not in use costs as much as a rare one."""
    total = sum(counts) or 1
    top = math.log2(total)
    return [top - math.log2(n) if n else max(top, 1.0) for n in counts]


def _refine(data: bytes, matches: Matches, start: int, end: int) -> "_Block":
    """Parse and fit the code in turns, from two beginnings; the best of all rounds."""
    bytes_alone = [0] * 286
    for byte in data[start:end]:
        bytes_alone[byte] += 1
    beginnings = (
        _Costs.of(FIXED_LENGTHS, FIXED_DISTANCES),
        _Costs.of([*_entropy(bytes_alone)[:257], *[6.0] * 29], [4.0] * 30),
    )
    blocks = []
    for beginning in beginnings:
        costs, seen = beginning, set()
        for _ in range(ROUNDS):
            tokens = _parse(data, matches, start, end, costs)
            if tuple(tokens) in seen:
                break
            seen.add(tuple(tokens))
            blocks.append(_Block.of(tokens))
            symbols, distances = _counts(tokens)
            costs = _Costs.of(_entropy(symbols), _entropy(distances))
    return min(blocks, key=lambda block: block.bits)


def _estimate(tokens: Sequence[Token]) -> float:
    """Bits of a block, about: entropy, extra bits, and a header that grows with its symbols."""
    symbols, distances = _counts(tokens)
    bits = 70.0
    for counts in (symbols, distances):
        weights = _entropy(counts)
        bits += sum(n * w for n, w in zip(counts, weights, strict=True))
        bits += 3.0 * sum(1 for n in counts if n)
    bits += sum(n * e for n, e in zip(symbols[257:], LENGTH_EXTRA, strict=True))
    return bits + sum(n * e for n, e in zip(distances, DISTANCE_EXTRA, strict=True))


def _split(tokens: Sequence[Token]) -> list[int]:
    """Byte positions where new blocks pay."""
    cuts: list[int] = []
    pending = [(0, len(tokens))]
    while pending:
        first, last = pending.pop()
        cut = _best_cut(tokens, first, last)
        if cut:
            cuts.append(cut)
            pending += [(first, cut), (cut, last)]
    positions = [0]
    for value, distance in tokens:
        positions.append(positions[-1] + (value if distance else 1))
    return sorted(positions[cut] for cut in cuts)


def _best_cut(tokens: Sequence[Token], first: int, last: int) -> int | None:
    low, high = first + MIN_BLOCK_TOKENS, last - MIN_BLOCK_TOKENS
    limit = _estimate(tokens[first:last])
    best: int | None = None
    while high > low:
        step = max((high - low) // SPLIT_POINTS, 1)
        for cut in range(low, high, step):
            price = _estimate(tokens[first:cut]) + _estimate(tokens[cut:last])
            if price < limit:
                limit, best = price, cut
        if step == 1 or best is None:
            break
        low, high = max(low, best - step + 1), min(high, best + step)
    return best


@dataclass(frozen=True, slots=True)
class _Block:
    """One block: its tokens and the code they are written in; no header means the fixed code."""

    tokens: list[Token]
    header: Header | None
    bits: int

    @classmethod
    def of(cls, tokens: list[Token]) -> "_Block":
        symbols, distances = _counts(tokens)
        fixed = 3 + _body_bits(symbols, distances, FIXED_LENGTHS, FIXED_DISTANCES)
        best: tuple[int, Header | None] = fixed, None
        for tolerance in SMOOTHING:
            smooth, smooth_far = (
                smooth_counts(symbols, tolerance),
                smooth_counts(distances, tolerance),
            )
            for limit in WORD_LIMITS:
                if sum(1 for n in smooth if n) > 1 << limit:
                    continue
                lengths = code_lengths(smooth, limit)
                far = distance_lengths(smooth_far)
                header = Header.of(lengths, far)
                bits = 3 + header.bits + _body_bits(symbols, distances, lengths, far)
                best = min(best, (bits, header), key=lambda choice: choice[0])
        return cls(tokens, best[1], best[0])

    def write(self, out: BitWriter, *, last: bool) -> None:
        out.put(int(last), 1)
        out.put(1 if self.header is None else 2, 2)
        if self.header is not None:
            self.header.write(out)
        lengths = FIXED_LENGTHS if self.header is None else self.header.lengths
        distances = FIXED_DISTANCES if self.header is None else self.header.distances
        words, far = canonical_words(lengths), canonical_words(distances)
        for value, distance in self.tokens:
            symbol = 257 + LENGTH_CODE[value] if distance else value
            out.put(words[symbol], lengths[symbol])
            if distance:
                code = LENGTH_CODE[value]
                out.put(value - LENGTH_BASE[code], LENGTH_EXTRA[code])
                code = DISTANCE_CODE[distance]
                out.put(far[code], distances[code])
                out.put(distance - DISTANCE_BASE[code], DISTANCE_EXTRA[code])
        out.put(words[END], lengths[END])


def _body_bits(
    symbols: Sequence[int], distances: Sequence[int], lengths: Sequence[int], far: Sequence[int]
) -> int:
    bits = sum(n * length for n, length in zip(symbols, lengths, strict=False))
    bits += sum(n * extra for n, extra in zip(symbols[257:], LENGTH_EXTRA, strict=True))
    bits += sum(n * length for n, length in zip(distances, far, strict=True))
    return bits + sum(n * extra for n, extra in zip(distances, DISTANCE_EXTRA, strict=True))
