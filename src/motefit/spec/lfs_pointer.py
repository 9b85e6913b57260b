"""Pointers of Git LFS: short texts in the place of files that a clone did not fetch."""

POINTER = b"version https://git-lfs.github.com/spec/"
"""How such a text begins."""


def is_pointer(start: bytes) -> bool:
    r"""Return whether a file that begins so is a pointer.

    >>> is_pointer(b"version https://git-lfs.github.com/spec/v1\n"), is_pointer(b"TFL3")
    (True, False)
    """
    return start.startswith(POINTER)


def pointer_message(path: object) -> str:
    """Say what a pointer is and how to get the file."""
    return f"{path}: this is a Git LFS pointer, not the file itself; run: git lfs pull"
