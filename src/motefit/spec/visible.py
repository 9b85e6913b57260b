"""Text from files, made harmless for a terminal.

Labels, names of files and columns, and messages that quote them may contain what a terminal obeys
instead of showing it: escape sequences that set its title or the clipboard, or marks that change
the direction of writing. Each such character is shown as U+FFFD.
"""

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and line feed, DEL, C1
    "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"  # lines, and directions of writing
    "\ud800-\udfff]"  # bytes of a name that is not UTF-8
)


def visible(text: str) -> str:
    r"""Replace the characters that a terminal obeys; tabs and line feeds stay.

    >>> visible("up\x1b]52;c;aGk=\x07 2 %") == "up\ufffd]52;c;aGk=\ufffd 2 %"
    True
    """
    return _OBEYED.sub(REPLACEMENT, text)
