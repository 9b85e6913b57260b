"""Model families: pure functions from an input shape and knobs to a Graph; one file a family.

A file in this folder defines a function decorated with :func:`family`. Its keyword-only arguments
are the knobs a recipe's ``[model]`` section may set. Importing this package imports every file.
"""

import importlib
import inspect
import pkgutil
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from motefit.graph.graph import Graph
from motefit.graph.problem import Problem
from motefit.spec.codec import nearest
from motefit.spec.errors import RecipeError

Build = Callable[..., Graph]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One registered family.

    Attributes:
        name: as written in a recipe.
        build: ``build(problem, *, rng, **knobs) -> Graph``, in trained form.
        tasks: names of the tasks it is meant for.
        knobs: name and type of every knob.
    """

    name: str
    build: Build
    tasks: tuple[str, ...]
    knobs: Mapping[str, Any]


_REGISTRY: dict[str, Family] = {}


def family(name: str, *, tasks: tuple[str, ...]) -> Callable[[Build], Build]:
    """Register a function as a family."""

    def wrap(build: Build) -> Build:
        hints = typing.get_type_hints(build)
        parameters = inspect.signature(build).parameters.values()
        knobs = {
            p.name: hints[p.name]
            for p in parameters
            if p.kind is p.KEYWORD_ONLY and p.name != "rng"
        }
        _REGISTRY[name] = Family(name=name, build=build, tasks=tasks, knobs=knobs)
        return build

    return wrap


def families() -> Mapping[str, Family]:
    """All registered families by name."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    return dict(sorted(_REGISTRY.items()))


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
        options: knobs by name; what is left out takes the family's default.
        problem: shapes of input and output.
        rng: draws the initial weights.

    Raises:
        RecipeError: for an unknown family or knob, a value of the wrong type or range, or a network
            that does not fit the input.
    """
    known = families()
    if name not in known:
        raise RecipeError(
            f"unknown family {name!r}{nearest(name, known)}; allowed: {', '.join(known)}"
        )
    chosen = known[name]
    for key, value in options.items():
        if key not in chosen.knobs:
            raise RecipeError(
                f"the family {name} has no knob {key!r}{nearest(key, chosen.knobs)}; "
                f"allowed: {', '.join(sorted(chosen.knobs))}"
            )
        _check(name, key, value, chosen.knobs[key])
    return chosen.build(problem, rng=rng, **options)


def _check(family_name: str, key: str, value: object, hint: Any) -> None:  # noqa: ANN401
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is tuple:
        fits = isinstance(value, tuple) and all(_number(v, arguments[0]) for v in value)
    elif typing.get_origin(hint) is typing.Literal:
        fits = value in arguments
    else:
        fits = _number(value, hint)
    if not fits:
        wanted = getattr(hint, "__name__", str(hint)) if not arguments else str(hint)
        raise RecipeError(f"{family_name}: {key} must be {wanted}, got {value!r}")


def _number(value: object, hint: Any) -> bool:  # noqa: ANN401
    if hint is bool or isinstance(value, bool):
        return hint is bool and isinstance(value, bool)
    if hint is float:
        return isinstance(value, int | float) and value >= 0
    return isinstance(value, hint) and (not isinstance(value, int) or value >= 0)
