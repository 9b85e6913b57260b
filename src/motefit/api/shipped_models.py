"""``zoo``: the shipped models, with the figures of their cards."""

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from motefit.runtime.zoo import find_model, model_names
from motefit.spec.card import Card
from motefit.spec.certificate import Certificate, recheck
from motefit.spec.metrics import COSTS, MAE_PREFIX, column_title, column_value
from motefit.spec.tables import Item, Printable, ResultTable, Styled

SHORTER = {"zip bytes": "zipped"}
"""Titles with which the table of words fits into 80 columns."""


@dataclass(frozen=True, kw_only=True)
class ShippedModel:
    """A model that is part of motefit.

    Attributes:
        name: name that every command and :func:`motefit.load` accept.
        path: path of its bundle.
        card: card in the bundle.
        certificate: verdict on the card's facts.
    """

    name: str
    path: Path
    card: Card
    certificate: Certificate


@dataclass(frozen=True, kw_only=True, repr=False)
class ShippedModels(Printable):
    """All shipped models; prints as one table per task.

    Attributes:
        models: sorted by name.
    """

    models: tuple[ShippedModel, ...]

    def content(self) -> Iterator[Item]:
        """Return a table per task, and how to use a model.

        Yields:
            tables and lines.
        """
        for task in sorted({model.card.task for model in self.models}, reverse=True):
            models = [model for model in self.models if model.card.task == task]
            yield _table(task, models)
            yield from _words(models)
            yield ""
        yield "Figures are from the cards: measured once, on the test set of each model's own data;"
        yield "motefit recipes says what each model is for."


def shipped_models() -> ShippedModels:
    """Read the cards of all shipped models.

    >>> import motefit
    >>> found = {model.name: model.card.facts for model in motefit.shipped_models().models}
    >>> found["yes-no"]["accuracy"] > 0.97, found["climate-6"]["size.tflite_bytes"]
    (True, 1368.0)

    Raises:
        ModelFileError: if a bundle is damaged.
    """
    return ShippedModels(models=tuple(_read(find_model(name), name) for name in model_names()))


def _read(path: Path, name: str) -> ShippedModel:
    with zipfile.ZipFile(path) as bundle:
        card = Card.from_json(bundle.read("card.json").decode(), where=str(path))
    return ShippedModel(name=name, path=path, card=card, certificate=recheck(card))


def _table(task: str, models: Sequence[ShippedModel]) -> ResultTable:
    """Tabulate models by their accuracy, or else by the mean absolute error of each column."""
    names = dict.fromkeys(name for model in models for name in model.card.facts)
    errors = [name for name in names if name.startswith(MAE_PREFIX)]
    scored = "accuracy" in names
    title = task if scored else f"{task}: mean absolute error"
    quality = ("accuracy", "strangers") if scored else map(column_title, errors)
    costs = map(column_title, COSTS.values())
    titles = ("model", *quality, *(SHORTER.get(title, title) for title in costs), "budget")
    rows = [
        (
            model.name,
            *(_accuracy(model) if scored else (_value(name, model) for name in errors)),
            *(_value(name, model) for name in COSTS.values()),
            Styled("met", "good") if model.certificate.met else Styled("missed", "bad"),
        )
        for model in models
    ]
    align = f"l{'r' * (len(titles) - 2)}l"
    return ResultTable(titles=titles, align=align, rows=rows, title=title)


def _accuracy(model: ShippedModel) -> tuple[str, str]:
    """Format the accuracy on all test clips, and on those of speakers unseen in training."""
    accuracy = model.certificate.accuracy
    unseen = None if accuracy is None else accuracy.unseen_speakers
    strangers = column_value("accuracy", unseen.correct / unseen.n) if unseen and unseen.n else ""
    return _value("accuracy", model), strangers


def _value(name: str, model: ShippedModel) -> str:
    return column_value(name, model.card.facts[name]) if name in model.card.facts else ""


def _words(models: Sequence[ShippedModel]) -> list[str]:
    """List the words of models whose names do not."""
    words = {model.name: getattr(model.card.io, "words", ()) for model in models}
    return [
        f"{name}: {', '.join(found)}"
        for name, found in words.items()
        if not set(found) <= set(name.split("-"))
    ]
