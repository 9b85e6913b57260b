"""Parameters of a test that crosses several axes: a few in every run, all as proofs."""

from collections.abc import Sequence
from itertools import product

import pytest
from _pytest.mark import ParameterSet


def crossed(*axes: Sequence[object]) -> list[ParameterSet]:
    """Combine all values of the axes; all are proofs but the few that show each value once."""
    few = {tuple(axis[n % len(axis)] for axis in axes) for n in range(max(map(len, axes)))}
    return [
        pytest.param(*values, marks=[] if values in few else pytest.mark.proof)
        for values in product(*axes)
    ]
