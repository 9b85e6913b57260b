"""Model families: pure functions from an input shape and settings to a Graph; one file per family.

A file in this folder defines a function decorated with :func:`family`. Its keyword-only arguments
are the settings that a recipe's ``[model]`` section may contain. Importing this package imports
every file.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from motefit.graph.graph import Graph
from motefit.graph.ops import Shape
from motefit.spec.errors import RecipeError
from motefit.spec.registry import Registry
from motefit.spec.signature import checked_settings, settings_type


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Input and output of a network.

    Attributes:
        input_shape: (rows, columns) of one example: frames x features, or steps x columns;
            (values,) where more than a window is given to a family that reads no sequence.
        outputs: size of the output vector.
        naive: for each output the index in the flattened input that a naive forecast copies;
            empty if there is none.
    """

    input_shape: Shape
    outputs: int
    naive: tuple[int, ...] = ()


Build = Callable[..., Graph]
GREATEST, MOST_NUMBERS = 1 << 16, 64
"""Largest number among a family's settings, and longest list."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """One registered family.

    Attributes:
        name: as written in a recipe.
        build: ``build(problem, *, rng, **knobs) -> Graph``, in trained form.
        tasks: names of the tasks it is meant for.
        knobs: a frozen dataclass of the settings that a recipe may contain.
        sequence: whether it needs an input shape of two dimensions, whose order matters.
    """

    name: str
    build: Build
    tasks: tuple[str, ...]
    knobs: type[Any]
    sequence: bool = False


FAMILIES: Registry[Family] = Registry(__name__, "family")
"""Every family by name; each file of this folder adds one."""


def family(
    name: str, *, tasks: tuple[str, ...], sequence: bool = False
) -> Callable[[Build], Build]:
    """Register a function as a family."""

    def wrap(build: Build) -> Build:
        knobs = settings_type(build, without=("rng",))
        made = Family(name=name, build=build, tasks=tasks, knobs=knobs, sequence=sequence)
        FAMILIES.register(name, made)
        return build

    return wrap


def reads_sequence(name: str) -> bool:
    """Return whether a family reads its input as a sequence of rows.

    Raises:
        RecipeError: for an unknown family.
    """
    return FAMILIES.find(name).sequence


def build(
    name: str,
    options: Mapping[str, object],
    *,
    problem: Problem,
    rng: np.random.Generator,
) -> Graph:
    """Build a family's graph from a recipe's options.

    Args:
        name: of the family.
        options: settings by name; omitted ones take the family's default.
        problem: shapes of input and output.
        rng: draws the initial weights.

    Raises:
        RecipeError: for an unknown family or setting, a value of the wrong type or range, or a
            network that does not fit the input.
    """
    chosen = FAMILIES.find(name)
    knobs = checked_settings(chosen.knobs, options, where=f"[model] family {name}")
    for key, value in knobs.items():
        numbers = value if isinstance(value, tuple) else (value,)
        if any(isinstance(n, int | float) and n < 0 for n in numbers):
            raise RecipeError(f"[model] family {name}: {key} must not be negative, got {value!r}")
        if len(numbers) > MOST_NUMBERS or any(
            isinstance(n, int | float) and n > GREATEST for n in numbers
        ):
            raise RecipeError(
                f"[model] family {name}: {key} must be at most {GREATEST}, and a list of at most "
                f"{MOST_NUMBERS} numbers"
            )
    try:
        return chosen.build(problem, rng=rng, **knobs)
    except RecipeError:
        raise
    except (ArithmeticError, IndexError, ValueError) as error:
        given = ", ".join(f"{key} = {value!r}" for key, value in options.items())
        raise RecipeError(
            f"[model] family {name}: no network has these settings: {given} ({error}); sizes must "
            "be positive, and lists long enough"
        ) from error
