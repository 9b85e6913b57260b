"""Noise of quantization: how far each layer of the file is from the network before rounding."""

from collections.abc import Mapping
from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts, number, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.sections.layers_section import OPEN, layer_name

TOPIC = "noise"
EXACT = "exact"


@dataclass(frozen=True, kw_only=True)
class NoiseRow:
    """One operation: its noise alone and with all before it; ``percent`` is the length of a bar."""

    number: str
    name: str
    own: str
    total: str
    percent: float


@dataclass(frozen=True, kw_only=True)
class NoiseView:
    """Contents of the section."""

    examples: int
    rows: tuple[NoiseRow, ...]
    lead: str
    scrolls: bool


def build(facts: ReportFacts) -> NoiseView | None:
    """Make the view; None for a file that is not quantized, or whose network is not known."""
    stored = table(facts.details.get(TOPIC))
    given = stored.get("layers")
    layers = [table(layer) for layer in given] if isinstance(given, list | tuple) else []
    if not layers or any(number(layer.get("place")) is None for layer in layers):
        return None
    most = max(_amplitude(layer) for layer in layers)
    rows = [
        NoiseRow(
            number=f"{_place(layer)}",
            name=_name(layer),
            own=_text(layer.get("own_db")),
            total=_text(layer.get("total_db")),
            percent=round(100 * _amplitude(layer) / most, 2) if most else 0.0,
        )
        for layer in layers
    ]
    if "input_db" in stored:
        text = _text(stored["input_db"])
        rows.insert(0, NoiseRow(number="", name="input", own=text, total=text, percent=0.0))
    return NoiseView(
        examples=round(number(stored.get("examples")) or 0),
        rows=tuple(rows),
        lead=_lead(layers),
        scrolls=len(rows) > OPEN,
    )


def _place(layer: Mapping[str, object]) -> int:
    return 1 + round(number(layer.get("place")) or 0)


def _name(layer: Mapping[str, object]) -> str:
    return layer_name({"name": layer.get("operator")})


def _amplitude(layer: Mapping[str, object]) -> float:
    """Return the noise of the layer alone, relative to its signal."""
    own = number(layer.get("own_db"))
    return 0.0 if own is None else 10 ** (-own / 20)


def _text(value: object) -> str:
    found = number(value)
    return EXACT if found is None else f"{found:.1f}"


def _lead(layers: list[Mapping[str, object]]) -> str:
    """Name the layer that adds most, and the noise at the end."""
    worst = max(layers, key=_amplitude)
    parts = []
    if _amplitude(worst):
        parts.append(
            f"Operation {_place(worst)}, {_name(worst)}, adds the most noise: alone, it leaves "
            f"{_text(worst.get('own_db'))} dB."
        )
    end = number(layers[-1].get("total_db"))
    parts.append("The output is exact." if end is None else f"At the output, {end:.1f} dB remain.")
    return " ".join(parts)


SECTIONS.register("noise", Section(order=43, name="noise", title="Quantization noise", build=build))
