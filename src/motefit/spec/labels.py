"""What can be a label."""


def is_one_line(text: str) -> bool:
    r"""Return whether a text is one line, and not empty.

    >>> is_one_line("coffee on"), is_one_line("on\noff"), is_one_line("on\n"), is_one_line("")
    (True, False, False, False)
    """
    return text.splitlines() == [text]


def is_word(label: str) -> bool:
    """Return whether a label can be the name of a word: one line, not blank, without a slash.

    >>> is_word("coffee on"), is_word(" "), is_word("on/off")
    (True, False, False)
    """
    return is_one_line(label) and bool(label.strip()) and "/" not in label
