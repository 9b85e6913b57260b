"""Layout of a treemap: rectangles whose areas are proportional to values.

Squarified treemaps of M. Bruls, K. Huizing and J. J. van Wijk, Data Visualization 2000.
"""

from collections.abc import Sequence
from dataclasses import dataclass

HEIGHT = 0.42
"""Of a treemap, as a share of its width."""
MOST_TEXT = 0.9
_CHARACTER = 0.011
"""Width of a character as a share of the map's width."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One rectangle; position and size in percent of the whole map.

    Attributes:
        name: what it is.
        text: the value for people.
        kind: ``"layer"`` or ``"form"``, which decides the color.
        left: left edge.
        top: top edge.
        width: width.
        height: height.
        labeled: whether name and value fit into it.
    """

    name: str
    text: str
    kind: str
    left: float
    top: float
    width: float
    height: float
    labeled: bool


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One value to show: what it is, its value, and both for people; see :class:`Tile`."""

    name: str
    value: float
    text: str
    kind: str


def treemap(groups: Sequence[Sequence[Piece]]) -> tuple[Tile, ...]:
    """Lay out groups side by side from the left, and the pieces of each as near to squares as fit.

    >>> [
    ...     tile.width
    ...     for tile in treemap(
    ...         [
    ...             [Piece(name="a", value=3, text="3", kind="layer")],
    ...             [Piece(name="b", value=1, text="1", kind="form")],
    ...         ]
    ...     )
    ... ]
    [75.0, 25.0]
    """
    sizes = [sum(piece.value for piece in group) for group in groups]
    total, left, tiles = sum(sizes), 0.0, []
    for group, size in zip(groups, sizes, strict=True):
        pieces = sorted((p for p in group if p.value > 0), key=lambda p: -p.value)
        if pieces:
            width = size / total
            areas = [p.value / total * HEIGHT for p in pieces]
            boxes = _squarified(areas, (left, 0.0, width, HEIGHT))
            tiles += [_tile(p, box) for p, box in zip(pieces, boxes, strict=True)]
            left += width
    return tuple(tiles)


_Box = tuple[float, float, float, float]
"""Left, top, width, height."""


def _squarified(areas: Sequence[float], box: _Box) -> list[_Box]:
    """Place areas, largest first, which together fill the box."""
    placed: list[_Box] = []
    start = 0
    while start < len(areas):
        left, top, width, height = box
        short, end = min(width, height), start + 1
        while end < len(areas) and _worst(areas[start : end + 1], short) <= _worst(
            areas[start:end], short
        ):
            end += 1
        strip = areas[start:end]
        thick = sum(strip) / short if short else 0.0
        along = 0.0
        for area in strip:
            length = area / thick if thick else 0.0
            placed.append(
                (left, top + along, thick, length)
                if width >= height
                else (left + along, top, length, thick)
            )
            along += length
        box = (
            (left + thick, top, max(width - thick, 0.0), height)
            if width >= height
            else (left, top + thick, width, max(height - thick, 0.0))
        )
        start = end
    return placed


def _worst(strip: Sequence[float], short: float) -> float:
    """Return the largest aspect ratio in a strip along the short side."""
    total = sum(strip)
    return max(short**2 * max(strip) / total**2, total**2 / (short**2 * min(strip)))


def _tile(piece: Piece, box: _Box) -> Tile:
    left, top, width, height = box
    longest = max(len(piece.name), len(piece.text))
    return Tile(
        name=piece.name,
        text=piece.text,
        kind=piece.kind,
        left=round(100 * left, 3),
        top=round(100 * top / HEIGHT, 3),
        width=round(100 * width, 3),
        height=round(100 * height / HEIGHT, 3),
        labeled=longest * _CHARACTER < MOST_TEXT * width and height > 4 * _CHARACTER,
    )
