"""How much of a test runs each time: what ``make test`` leaves out, ``make proof`` runs."""

from collections.abc import Sequence
from itertools import product

import pytest
from _pytest.mark import ParameterSet
from hypothesis import settings


def crossed(*axes: Sequence[object]) -> list[ParameterSet]:
    """Combine all values of the axes; all are proofs but the few that show each value once."""
    few = {tuple(axis[n % len(axis)] for axis in axes) for n in range(max(map(len, axes)))}
    return [
        pytest.param(*values, marks=[] if values in few else pytest.mark.proof)
        for values in product(*axes)
    ]


def examples(count: int) -> settings:
    """Give a property of expensive examples this many of them; as a proof, ten times as many."""
    more = 10 if settings.get_current_profile_name() == "proof" else 1
    return settings(deadline=None, max_examples=more * count)
