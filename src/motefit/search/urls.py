"""URLs of storages, without secrets."""

HIDDEN = ":***@"
"""Replaces a password."""


def without_password(url: str) -> str:
    """Hide the password of a URL, e.g. ``postgresql://me:***@host/name``."""
    scheme, separator, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}{separator}{user}{HIDDEN}{place}" if at and colon else url
