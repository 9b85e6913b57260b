"""One candidate of a run: what a worker needs to train it, and what it leaves in its folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from motefit.graph.families import build
from motefit.graph.graph import Graph
from motefit.graph.problem import Problem
from motefit.runtime.bundle import sha256
from motefit.search.space import Candidate
from motefit.spec.errors import ModelFileError
from motefit.spec.files import read_json
from motefit.spec.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker process needs; plain values, so that it travels.

    Attributes:
        table: the candidate's recipe as a plain table.
        name: of the recipe.
        values: what makes the candidate differ from the recipe.
        seed: of the candidate.
        data: folder or file of the data; None for the synthetic default.
        folder: the candidate's own folder.
        device: torch device.
    """

    table: Mapping[str, Any]
    name: str
    values: Mapping[str, object]
    seed: int
    data: Path | None
    folder: Path
    device: str = "cpu"

    @property
    def candidate(self) -> Candidate:
        """The candidate the job trains."""
        recipe = Recipe.from_table(self.table, name=self.name)
        return Candidate(values=self.values, seed=self.seed, recipe=recipe)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A trained candidate: its file and what the validation part says of it.

    Attributes:
        model: the .tflite bytes.
        io: the task's section of the card, as a plain mapping.
        facts: validation facts by metric name.
        history: one mapping per epoch.
        seconds: from the start of the sitting that finished it to its end.
    """

    model: bytes
    io: Mapping[str, Any]
    facts: Mapping[str, float]
    history: tuple[Mapping[str, float], ...]
    seconds: float


MODEL, RESULT, HISTORY = "model.tflite", "result.json", "history.jsonl"


def untrained(candidate: Candidate, problem: Problem) -> Graph:
    """The candidate's network with the weights its seed draws."""
    model = candidate.recipe.model
    rng = np.random.default_rng([candidate.seed, 0x6D6F7465])
    return build(model.family, model.options, problem=problem, rng=rng)


def finished(folder: Path) -> Outcome | None:
    """The outcome stored in a candidate's folder; None when it is not finished, or damaged."""
    result = read_json(folder / RESULT)
    if result is None:
        return None
    try:
        model = (folder / MODEL).read_bytes()
        if sha256(model) != result["model_sha256"]:
            return None
        return Outcome(
            model=model,
            io=result["io"],
            facts=result["facts"],
            history=tuple(result["history"]),
            seconds=result["seconds"],
        )
    except (OSError, KeyError, TypeError):
        return None


def load_outcome(folder: Path) -> Outcome:
    """The outcome of a candidate that must be finished by now.

    Raises:
        ModelFileError: when it is not there, e.g. because someone removed files of the run.
    """
    outcome = finished(folder)
    if outcome is None:
        raise ModelFileError(f"{folder} holds no finished candidate; run again to train it")
    return outcome
