"""Small rules that families share."""

from collections.abc import Sequence

from motefit.spec.errors import RecipeError


def scaled(filters: int, width_multiplier: float) -> int:
    """Filters times the width multiplier, truncated as the published scripts do; at least 1."""
    return max(1, int(filters * width_multiplier))


def per_layer(values: Sequence[int], index: int) -> int:
    """The entry of a layer; the last entry stands for all further layers.

    Raises:
        RecipeError: for an empty list or an entry below 1.
    """
    if not values or min(values) < 1:
        raise RecipeError(f"a list of sizes needs entries of at least 1, got {list(values)}")
    return values[min(index, len(values) - 1)]
