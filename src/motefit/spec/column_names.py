"""Names of columns as they are compared: what looks the same is the same."""

import unicodedata

_UNSEEN = {
    **dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " "),
    **dict.fromkeys(map(ord, "\u00ad\u200b\u200e\u200f\u2060\ufeff")),
}
"""Spaces that do not break, as plain ones; and characters that are not shown."""


def column_name(text: str) -> str:
    """Return the name of a column as it is compared: what looks the same is the same.

    Composed (NFC), with plain spaces, without spaces around it and characters that are not shown.

    >>> column_name(" Temperatu\u0308r\u00a0(\u200b°C) ") == "Temperatür (°C)"
    True
    """
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFC", text.translate(_UNSEEN)).strip()
