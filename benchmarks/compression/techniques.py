"""The techniques compared: each alone, on three seeds, and every pair of them, on one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

PRECISIONS = (
    "float16",
    "dynamic-range",
    "int8-weights",
    "int4-weights",
    "int8",
    "int4",
)
STEPS: Mapping[str, Mapping[str, Any]] = {
    "channel-pruning": {"name": "channel-pruning", "share": 0.25, "epochs": 8},
    "magnitude-pruning": {"name": "magnitude-pruning", "sparsity": 0.5},
    "clustering": {"name": "clustering", "clusters": 16},
    "quantization-aware": {"name": "quantization-aware", "epochs": 5},
    "zip-aware": {"name": "zip-aware"},
}
"""Steps of a recipe, in the order in which they are run when two are combined."""
SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "borrowed bias scales": {"bias_scales": "borrowed"},
    "no bias scales": {"bias_scales": "none"},
    "one scale per weight": {"per_channel": False},
    "nearest rounding": {"rounding": "nearest"},
    "min-max calibration": {"calibration": "min-max"},
    "mse calibration": {"calibration": "mse"},
}
"""Changes of ``[compress]`` that mean something for int8 files, each against the defaults."""
PAIRED = ("borrowed bias scales", "one scale per weight")
"""Settings that are combined with everything else; the others say how to round, not what."""
HALF = "half width"
ROUNDED = "int8"
"""Precision at which settings, and steps that round, are tried; pairs of steps too."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One cell of the table: a combination of techniques and its recipe settings.

    Attributes:
        parts: names of the techniques; none for the plain float32 network.
        compress: settings of ``[compress]``.
        steps: compression steps in order.
        half: whether the network has half as many channels.
    """

    parts: tuple[str, ...]
    compress: Mapping[str, Any] = field(default_factory=dict)
    steps: tuple[Mapping[str, Any], ...] = ()
    half: bool = False

    @property
    def name(self) -> str:
        """Names of the techniques joined."""
        return " + ".join(self.parts) or "float32"


def trial(parts: Sequence[str]) -> Trial:
    """Build the trial of a combination; a precision is added if a technique needs one."""
    given = tuple(part for part in parts if part in PRECISIONS)
    rounding = any(
        part in SETTINGS or part in {"quantization-aware", "zip-aware"} for part in parts
    )
    several = sum(part in STEPS for part in parts) > 1
    precision = given[0] if given else ROUNDED if rounding or several else "float32"
    compress: dict[str, Any] = {"precision": precision}
    for part in parts:
        compress |= SETTINGS.get(part, {})
    return Trial(
        parts=tuple(parts),
        compress=compress,
        steps=tuple(step for name, step in STEPS.items() if name in parts),
        half=HALF in parts,
    )


def singles() -> tuple[Trial, ...]:
    """List the plain network and every technique alone."""
    names = (*PRECISIONS, *STEPS, *SETTINGS, HALF)
    return tuple(trial(parts) for parts in ((), *((name,) for name in names)))


def pairs() -> tuple[Trial, ...]:
    """List every meaningful pair."""
    names = (HALF, *PRECISIONS, *STEPS, *PAIRED)
    return tuple(trial(pair) for pair in combinations(names, 2) if not _excluded(*pair))


def _excluded(first: str, second: str) -> bool:
    """Whether a pair is redundant: two precisions, int8 with a setting of int8, or meaningless."""
    if first not in PRECISIONS:
        return False
    if second == "borrowed bias scales":
        return first != "int4"  # only integer files have integer biases
    return second in PRECISIONS or (second in PAIRED and first in {ROUNDED, "float16"})
