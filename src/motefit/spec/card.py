"""The card that travels with a model: what it is, what was measured, and how it was made."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from motefit.spec.codec import check_fields, decode, dumps_json, loads_json
from motefit.spec.errors import ModelFileError, RecipeError
from motefit.spec.tasks import TASK_SPECS

SCHEMA_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Origin of a model.

    Attributes:
        command: the command line that makes it, with paths reduced to file names.
        commit: of the motefit checkout, empty when not in one.
        version: of motefit.
        seed: of the winning candidate.
        machine: processor and number of cores of the machine that measured.
        data_sha256: content hash of the data it was trained and measured on.
    """

    command: str = ""
    commit: str = ""
    version: str = ""
    seed: int = 0
    machine: str = ""
    data_sha256: str = ""

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class Card:
    """Metadata that a runtime and a verifier need about one model file.

    Attributes:
        schema_version: of this card.
        task: name of a registered task.
        io: the task's own section (labels, front end, columns, normalization).
        model_sha256: of the .tflite bytes the card belongs to.
        facts: measured values by metric name (bytes, ms, fractions, column units).
        evidence: further measured facts by topic: counts, intervals, confusion matrix, baselines.
        recipe: the recipe, as a plain table.
        provenance: how it was made.
    """

    schema_version: int = SCHEMA_VERSION
    task: str
    io: Any
    model_sha256: str
    facts: Mapping[str, float] = field(default_factory=dict)
    evidence: Mapping[str, object] = field(default_factory=dict)
    recipe: Mapping[str, object] = field(default_factory=dict)
    provenance: Provenance = field(default_factory=Provenance)

    def __post_init__(self) -> None:
        check_fields(self)
        wanted = TASK_SPECS.find(self.task).io
        if not isinstance(self.io, wanted):
            raise RecipeError(
                f"io: the task {self.task} needs a {wanted.__name__}, got {self.io!r}"
            )

    def to_json(self) -> str:
        """Serialize the card to JSON with sorted keys."""
        return dumps_json(self)

    @classmethod
    def from_json(cls, text: str, *, where: str = "card.json") -> "Card":
        """Read a card.

        Raises:
            ModelFileError: for damaged text, an unknown schema version, task or key.
        """
        try:
            table = loads_json(text)
        except ValueError as error:
            raise ModelFileError(f"{where}: not valid JSON: {error}") from None
        if not isinstance(table, dict):
            raise ModelFileError(f"{where}: expected a JSON object")
        if table.get("schema_version") != SCHEMA_VERSION:
            raise ModelFileError(
                f"{where}: schema version {table.get('schema_version')!r} is not supported; this "
                f"motefit reads version {SCHEMA_VERSION}: use the motefit that wrote the card"
            )
        try:
            task = TASK_SPECS.find(str(table.get("task")))
        except RecipeError as error:
            raise ModelFileError(f"{where}: {error}") from None
        try:
            io: Any = decode(task.io, table.get("io", {}), where=f"{where}: io")
            return decode(cls, {**table, "io": io}, where=where)
        except RecipeError as error:
            raise ModelFileError(str(error)) from None
