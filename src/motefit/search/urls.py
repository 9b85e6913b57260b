"""URLs of storages, as they may be shown and kept."""

HIDDEN = ":***@"
"""Stands where a password stood."""


def without_password(url: str) -> str:
    """A URL with its password hidden, e.g. ``postgresql://me:***@host/name``."""
    scheme, separator, rest = url.partition("://")
    login, at, place = rest.rpartition("@")
    user, colon, _ = login.partition(":")
    return f"{scheme}{separator}{user}{HIDDEN}{place}" if at and colon else url
