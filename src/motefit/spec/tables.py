"""Results that print: as plain text, and as HTML in a notebook."""

import html
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Style = Literal["good", "bad", "doubtful", "dim", "strong"]
CSS: dict[Style, str] = {
    "good": "color:green",
    "bad": "color:red;font-weight:bold",
    "doubtful": "color:#b58900",
    "dim": "opacity:0.6",
    "strong": "font-weight:bold",
}


class Styled(str):
    """A text with a style, which plain text ignores.

    >>> print(Styled("pass", "good"))
    pass

    Args:
        text: what is printed.
        style: how, where there are colors.
    """

    style: Style

    def __new__(cls, text: str, style: Style) -> "Styled":
        """Make the string and remember the style."""
        made = super().__new__(cls, text)
        made.style = style
        return made


Text = str | tuple[str, ...]
"""A line or a cell; in parts where they have different styles."""


def parts(text: Text) -> tuple[str, ...]:
    """Return the parts of a line or cell."""
    return (text,) if isinstance(text, str) else text


def plain(text: Text) -> str:
    """Return a line or cell without styles.

    >>> plain((Styled("differs", "bad"), " macs"))
    'differs macs'
    """
    return "".join(parts(text))


class Printable(ABC):
    """A result that is shown as lines and tables, and has HTML for notebooks.

    A dataclass of this kind needs ``repr=False``, so that an interpreter shows it as it prints.
    """

    @abstractmethod
    def content(self) -> "Iterable[Item]":
        """Return lines and tables, from top to bottom."""

    def __str__(self) -> str:
        return "\n".join(_plain_item(item) for item in self.content())

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        return "".join(_html_item(item) for item in self.content())


@dataclass(frozen=True, kw_only=True, repr=False)
class ResultTable(Printable):
    """Rows under titles.

    >>> print(ResultTable(titles=("word", "clips"), align="lr", rows=[("yes", "4"), ("no", "10")]))
    word  clips
    yes       4
    no       10

    Attributes:
        titles: of the columns.
        rows: a cell for each column.
        align: ``l`` or ``r`` for each column.
        title: of the whole table; empty: none.
    """

    titles: Sequence[Text]
    rows: Sequence[Sequence[Text]]
    align: str
    title: str = ""

    def content(self) -> "Iterable[Item]":
        """Return the table alone."""
        return (self,)


Item = Text | ResultTable
"""What a result consists of: a line, or a table."""


def _plain_item(item: Item) -> str:
    return _plain_table(item) if isinstance(item, ResultTable) else plain(item)


def _plain_table(table: ResultTable) -> str:
    lines = [[plain(cell) for cell in row] for row in (table.titles, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    texts = [
        "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(line, widths, table.align, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([table.title, *texts] if table.title else texts)


def _html_item(item: Item) -> str:
    if not isinstance(item, ResultTable):
        return f"<div>{_html(item)}</div>"
    caption = f"<caption>{html.escape(item.title)}</caption>" if item.title else ""
    head = _html_row("th", item.titles, item.align)
    body = "".join(_html_row("td", row, item.align) for row in item.rows)
    return f"<table>{caption}<thead>{head}</thead><tbody>{body}</tbody></table>"


def _html_row(tag: str, cells: Sequence[Text], align: str) -> str:
    sides = {"l": "left", "r": "right"}
    made = (
        f'<{tag} style="text-align:{sides[side]}">{_html(cell)}</{tag}>'
        for cell, side in zip(cells, align, strict=True)
    )
    return f"<tr>{''.join(made)}</tr>"


def _html(text: Text) -> str:
    return "".join(
        f'<span style="{CSS[part.style]}">{html.escape(part)}</span>'
        if isinstance(part, Styled)
        else html.escape(part)
        for part in parts(text)
    )
