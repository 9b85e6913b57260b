"""Any table of evidence as rows of words: what a section has no drawing for."""

from collections.abc import Mapping
from dataclasses import dataclass

from motefit.report.text import inside, phrase, plain

LONGEST_LIST = 12


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fact: its name in words and its value for people."""

    name: str
    value: str


def rows(facts: Mapping[str, object], *, under: str = "") -> tuple[Row, ...]:
    """One row per scalar or list; a table inside a table lends its name to its rows.

    >>> rows({"arena_bytes": 5000, "range": {"T (degC)": (-12.5, 31)}})
    (Row(name='Arena, bytes', value='5 000'), Row(name='Range: T (degC)', value='-12.5, 31'))
    """
    found: list[Row] = []
    for key, value in facts.items():
        words = phrase(str(key))
        name = f"{under}: {inside(words) if '_' in str(key) else key}" if under else words
        if isinstance(value, Mapping):
            found.extend(rows(value, under=name))
        elif value is not None and value != "" and value != () and value != []:
            found.append(Row(name=name, value=_text(value)))
    return tuple(found)


def _text(value: object) -> str:
    if isinstance(value, list | tuple) and len(value) > LONGEST_LIST:
        return f"{plain(value[:LONGEST_LIST])}, … ({len(value)} in all)"
    return plain(value)
