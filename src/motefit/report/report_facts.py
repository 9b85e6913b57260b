"""Source of a report: stored facts; the report itself computes nothing."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from motefit.spec.card import Card
from motefit.spec.certificate import Certificate
from motefit.spec.codec import dumps_json, dumps_toml, encode, loads_json
from motefit.spec.errors import ModelFileError
from motefit.spec.limits import model_bytes


@dataclass(frozen=True, kw_only=True)
class ReportFacts:
    """Facts of one report; absent ones are left out of the page.

    Attributes:
        card: of the shipped model. Topics of its evidence that the report knows: ``accuracy``
            (``confusion`` has one row per spoken word and one column per answer, in the order of
            the labels), ``errors``, ``baselines``, ``size``, ``latency``, ``arena``,
            ``validation``, ``data``.
        certificate: the budget's verdict on the card.
        byte_map: bytes of the .tflite by what they hold; they sum to the file's size.
        operations: of the .tflite, in order of execution.
        history: per epoch ``train_loss``, ``validation_loss``, ``score`` (on the validation set,
            higher is better), ``seconds``; any may be absent.
        candidates: per candidate ``values`` (a mapping), ``status`` (``"chosen"`` or that of a
            trial), ``reason``, ``epochs``, ``tflite_bytes``, ``zip_bytes``, ``total_ms``, ``macs``,
            ``validation`` (value by metric name), ``curve`` (score after each epoch); any may be
            absent.
        details: what only the report shows, by topic: ``hardest`` clips of a keyword spotter,
            ``series`` of a forecaster, ``noise`` of a quantized file.
        name: of the model; empty: its recipe's description, or its task.
    """

    card: Card
    certificate: Certificate
    byte_map: Mapping[str, int]
    operations: tuple[Mapping[str, object], ...]
    history: tuple[Mapping[str, float], ...] = ()
    candidates: tuple[Mapping[str, object], ...] = ()
    details: Mapping[str, object] = field(default_factory=dict)
    name: str = ""

    def to_json(self) -> str:
        """Serialize the facts to JSON with sorted keys."""
        return dumps_json(self)

    @classmethod
    def from_json(cls, text: str, *, where: str) -> "ReportFacts":
        """Read what :meth:`to_json` wrote.

        Raises:
            ModelFileError: if it is not such a file, or its card is of another version.
        """
        try:
            stored = loads_json(text)
            card = Card.from_json(json.dumps(stored["card"]), where=where)
            certificate = Certificate.from_json(json.dumps(stored["certificate"]), where=where)
            return cls(
                card=card,
                certificate=certificate,
                byte_map=_byte_map(stored["byte_map"]),
                operations=_tables(stored["operations"]),
                history=_tables(stored["history"]),
                candidates=_tables(stored["candidates"]),
                details=table(stored["details"]),
                name=str(stored["name"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ModelFileError(f"{where}: not the facts of a report: {error}") from None

    def topic(self, name: str) -> Mapping[str, object]:
        """Return one topic of the card's evidence; empty if it was not measured."""
        return table(self.card.evidence.get(name))


def _byte_map(stored: object) -> dict[str, int]:
    """Check the bytes of a file by what they hold.

    Raises:
        ValueError: if they are no such table.
    """
    found = table(stored)
    most = model_bytes()
    if not found or not all(type(n) is int and 0 <= n <= most for n in found.values()):
        raise ValueError("byte_map must be a table of bytes of a model")
    return {str(key): int(value) for key, value in found.items() if isinstance(value, int)}


def _tables(stored: object) -> tuple[Mapping[str, Any], ...]:
    """Return a list of tables.

    Raises:
        ValueError: if it is something else.
    """
    if not isinstance(stored, list) or not all(isinstance(item, Mapping) for item in stored):
        raise ValueError(f"expected a list of tables, got {str(stored)[:60]}")
    return tuple(stored)


def recipe_text(card: Card) -> str:
    """Write the recipe of a card as TOML, or as JSON if TOML cannot hold it."""
    try:
        return dumps_toml(encode(card.recipe))
    except TypeError:
        return dumps_json(card.recipe)


def table(value: object) -> Mapping[str, object]:
    """Return the value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def number(value: object) -> float | None:
    """Return the value if it is a finite number, else None; an int stays an int."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def numbers(value: object) -> tuple[float, ...]:
    """Return the values if all are finite numbers, else nothing."""
    if not isinstance(value, list | tuple):
        return ()
    found = tuple(n for n in map(number, value) if n is not None)
    return found if len(found) == len(value) else ()
