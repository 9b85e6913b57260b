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

SLOW_LIMIT_BYTES = 1 << 15
"""Longer data is left to zlib: the search takes about a second for 10 kB."""

MIN_MATCH, MAX_MATCH, WINDOW = 3, 258, 1 << 15
CANDIDATES = 200
ROUNDS = 12
SPLIT_POINTS = 24
MIN_BLOCK_TOKENS = 40
END = 256
SMOOTHING = (0, 2, 4, 8)
WORD_LIMITS = (15, 9, 8)

LENGTH_EXTRA = (0,) * 8 + (1,) * 4 + (2,) * 4 + (3,) * 4 + (4,) * 4 + (5,) * 4 + (0,)
DISTANCE_EXTRA = (0, 0, *(bits for bits in range(14) for _ in range(2)))
META_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)
META_EXTRA = {16: 2, 17: 3, 18: 7}


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


def deflate(data: bytes) -> bytes:
    """The shortest raw deflate stream that is found, by zlib's strategies or by search.

    Args:
        data: what to pack; above 32 kB only zlib is asked.
    """
    streams = []
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_FIXED):
        for memory in (8, 9):
            packer = zlib.compressobj(9, zlib.DEFLATED, -15, memory, strategy)
            streams.append(packer.compress(data) + packer.flush())
    if 0 < len(data) <= SLOW_LIMIT_BYTES:
        streams.append(_searched(data))
    return min(streams, key=len)


def _searched(data: bytes) -> bytes:
    matches = _find_matches(data)
    whole = _refine(data, matches, 0, len(data))
    cuts = _split(whole.tokens)
    bounds = [0, *cuts, len(data)]
    parts = [
        _refine(data, matches, start, end)
        for start, end in zip(bounds, bounds[1:], strict=False)
    ]
    best = min(([whole], parts), key=lambda blocks: sum(block.bits for block in blocks))
    out = _Bits()
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
        return cls(symbols[:256], lengths, [c + e for c, e in zip(distances, DISTANCE_EXTRA, strict=True)])


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
        for longest, distance in matches[start + i]:
            base = here + costs.distance[DISTANCE_CODE[distance]]
            for length in range(shortest, min(longest, size - i) + 1):
                price = base + costs.length[length]
                if price < best[i + length]:
                    best[i + length], via[i + length] = price, (length, distance)
            shortest = longest + 1
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


def _code_lengths(counts: Sequence[int], limit: int) -> list[int]:
    """Lengths of the best prefix code without longer words than ``limit`` (package-merge)."""
    used = [(n, (symbol,)) for symbol, n in enumerate(counts) if n]
    lengths = [0] * len(counts)
    if len(used) < 2:
        for _, (symbol,) in used:
            lengths[symbol] = 1
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


def _distance_lengths(counts: Sequence[int]) -> list[int]:
    """As :func:`_code_lengths`; at least two codes, because some decoders want them."""
    lengths = _code_lengths(counts, 15)
    for symbol in (0, 1):
        if sum(1 for n in lengths if n) < 2:
            lengths[symbol] = 1
    return lengths


def _smooth(counts: Sequence[int], tolerance: int) -> list[int]:
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
    """Where equal counts stand in runs that the header packs well already."""
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


def _words(lengths: Sequence[int]) -> list[int]:
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


class _Bits:
    """A stream of bits, low bits first."""

    def __init__(self) -> None:
        self._parts: list[str] = []

    def put(self, value: int, width: int) -> None:
        if width:
            self._parts.append(f"{value:0{width}b}"[::-1])

    def finish(self) -> bytes:
        bits = "".join(self._parts)
        bits += "0" * (-len(bits) % 8)
        return bytes(int(bits[i : i + 8][::-1], 2) for i in range(0, len(bits), 8))


@dataclass(frozen=True, slots=True)
class _Header:
    """A dynamic block's description of its code."""

    lengths: list[int]
    distances: list[int]
    runs: list[tuple[int, int]]
    meta: list[int]
    meta_used: int

    @property
    def bits(self) -> int:
        body = sum(self.meta[symbol] + META_EXTRA.get(symbol, 0) for symbol, _ in self.runs)
        return 14 + 3 * self.meta_used + body

    @classmethod
    def of(cls, lengths: list[int], distances: list[int]) -> "_Header":
        lengths = lengths[: max(i for i, n in enumerate(lengths) if n) + 1]
        distances = distances[: max((i for i, n in enumerate(distances) if n), default=0) + 1]
        headers = []
        for zeros in (True, False):
            for repeats in (True, False):
                runs = _run_lengths(lengths + distances, zeros=zeros, repeats=repeats)
                counts = [0] * 19
                for symbol, _ in runs:
                    counts[symbol] += 1
                meta = _code_lengths(counts, 7)
                used = max(i for i, symbol in enumerate(META_ORDER) if meta[symbol]) + 1
                headers.append(cls(lengths, distances, runs, meta, max(used, 4)))
        return min(headers, key=lambda header: header.bits)

    def write(self, out: _Bits) -> None:
        out.put(len(self.lengths) - 257, 5)
        out.put(len(self.distances) - 1, 5)
        out.put(self.meta_used - 4, 4)
        for symbol in META_ORDER[: self.meta_used]:
            out.put(self.meta[symbol], 3)
        words = _words(self.meta)
        for symbol, extra in self.runs:
            out.put(words[symbol], self.meta[symbol])
            out.put(extra, META_EXTRA.get(symbol, 0))


@dataclass(frozen=True, slots=True)
class _Block:
    """One block: its tokens and the code they are written in; no header means the fixed code."""

    tokens: list[Token]
    header: _Header | None
    bits: int

    @classmethod
    def of(cls, tokens: list[Token]) -> "_Block":
        symbols, distances = _counts(tokens)
        fixed = 3 + _body_bits(symbols, distances, FIXED_LENGTHS, FIXED_DISTANCES)
        best: tuple[int, _Header | None] = fixed, None
        for tolerance in SMOOTHING:
            smooth, smooth_far = _smooth(symbols, tolerance), _smooth(distances, tolerance)
            for limit in WORD_LIMITS:
                if sum(1 for n in smooth if n) > 1 << limit:
                    continue
                lengths = _code_lengths(smooth, limit)
                far = _distance_lengths(smooth_far)
                header = _Header.of(lengths, far)
                bits = 3 + header.bits + _body_bits(symbols, distances, lengths, far)
                best = min(best, (bits, header), key=lambda choice: choice[0])
        return cls(tokens, best[1], best[0])

    def write(self, out: _Bits, *, last: bool) -> None:
        out.put(int(last), 1)
        out.put(1 if self.header is None else 2, 2)
        if self.header is not None:
            self.header.write(out)
        lengths = FIXED_LENGTHS if self.header is None else self.header.lengths
        distances = FIXED_DISTANCES if self.header is None else self.header.distances
        words, far = _words(lengths), _words(distances)
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
