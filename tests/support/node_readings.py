"""Readings of a made-up node."""

from motefit.deploy.reading import Reading


def reading(second: int, value: float = 20.0, quantity: str = "temperature") -> Reading:
    """Make a reading, by default of a temperature."""
    return Reading(
        key=f"node:{quantity}", time_ms=1_800_000_000_000 + 1000 * second, value=value, unit="Cel"
    )
