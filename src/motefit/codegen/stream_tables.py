"""Constants and memory of the streaming spotter in C, from the same rules as Python's."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from motefit.codegen.constants import Constants, Name
from motefit.codegen.network import NetworkSource
from motefit.graph.graph import INPUT
from motefit.runtime.streaming.candidates import hop_samples
from motefit.runtime.streaming.detector import StreamingSettings, is_middle, windows_kept
from motefit.runtime.streaming.peaks import PeakSpans
from motefit.spec.decision import Decision
from motefit.spec.tasks.speech_spec import SpeechIO

STATE_BYTES = 64
"""Of ``mf_stream_state`` in ``codegen/c/motefit_stream.h``."""


@dataclass(frozen=True, kw_only=True)
class StreamTables:
    """Constants of ``mf_stream``.

    Attributes:
        io: the model's section of the card.
        hop: samples between two evaluations; a clip that is shorter than Python's hop is one.
        spans: lengths of the search for loudness peaks.
    """

    io: SpeechIO
    hop: int
    spans: PeakSpans

    @property
    def _hop_s(self) -> float:
        return self.hop / self.io.frontend.rate_hz

    @property
    def _windows(self) -> int:
        return windows_kept(hop_s=self._hop_s, clip_s=self.io.frontend.seconds)

    def memory(self, network: NetworkSource) -> tuple[str, int]:
        """Write the definitions of its memory; return them and their bytes."""
        frontend = self.io.frontend
        steps = network.is_int8(INPUT)
        rows = frontend.frames * frontend.features
        floats = {
            "loudness": self.spans.kept,
            "smooth": self.spans.kept_smooth,
            "recent": self._windows * len(self.io.labels),
        }
        lines = [
            "static mf_stream_state stream_state;",
            f"static int16_t stream_sound[{frontend.frame_length}];",
            f"static {'int8_t' if steps else 'float'} stream_rows[{rows}];",
            *(f"static float stream_{name}[{size}];" for name, size in floats.items()),
        ]
        size = 4 * sum(floats.values()) + 2 * frontend.frame_length + rows * (1 if steps else 4)
        return "\n".join(lines) + "\n", STATE_BYTES + size

    def fields(self, network: NetworkSource, rows: dict[str, Any]) -> dict[str, Any]:
        """Make the fields of the record.

        Args:
            network: receives the tables.
            rows: fields of the edge of the network's input.
        """
        spans, decision = self.spans, self.io.decision or Decision()
        ring = Name("stream_rows")
        place = "steps" if network.is_int8(INPUT) else "real"
        return {
            "speech": Name("&pipeline"),
            "state": Name("&stream_state"),
            "rows": {**rows, place: ring},
            **{name: Name(f"stream_{name}") for name in ("sound", "loudness", "smooth", "recent")},
            "word": network.constants.table(spans.word(), "word"),
            **self._middles(network.constants),
            "agreeing": network.constants.table(self._agreeing(decision.agreement), "agreeing"),
            "rate_hz": float(self.io.frontend.rate_hz),
            "block_s": spans.block_s,
            "refractory_s": decision.refractory_ms / 1000,
            "quietest": np.float32(10 ** (decision.quietest_dbfs / 10)),
            "least": np.float32(1 + decision.prominence),
            "threshold": least_float32(decision.threshold),
            "words": len(self.io.words),
            "windows": self._windows,
            "hop_samples": self.hop,
            "blocks": spans.blocks,
            "block_samples": spans.length,
            "half_window": spans.half_window,
            "half_word": spans.half_word,
            "apart": spans.apart,
            "reach": spans.reach,
            "half_around": spans.half_around,
            "kept": spans.kept,
            "kept_smooth": spans.kept_smooth,
            "shortest": _least(decision.shortest_ms / 1000 - 1e-9, spans.block_s),
        }

    def _middles(self, constants: Constants) -> dict[str, Name]:
        """List the windows that have a peak in their middle, for each block where it may be."""
        spans, first, end = self.spans, [], []
        for block in range(spans.blocks):
            place = spans.apart + block
            ago_s = (spans.half_word + spans.kept_smooth - 1 - place + 0.5) * spans.block_s
            clip_s = self.io.frontend.seconds
            near = [
                hops
                for hops in range(self._windows)
                if is_middle(ago_s, hops, hop_s=self._hop_s, clip_s=clip_s)
            ]
            first.append(near[0] if near else 0)
            end.append(near[-1] + 1 if near else 0)
        tables = {"first": first, "end": end}
        return {
            name: constants.table(np.array(values, np.uint8), f"window_{name}")
            for name, values in tables.items()
        }

    def _agreeing(self, share: float) -> np.ndarray:
        """Compute for 0, 1, ... windows how many must have the label as their likeliest."""
        counts = range(1, self._windows + 1)
        least = [next(n for n in range(count + 1) if n / count >= share) for count in counts]
        return np.array([0, *least], np.uint8)


def stream_tables(io: SpeechIO) -> StreamTables:
    """Compute the constants of a spotter's stream."""
    frontend = io.frontend
    whole = frontend.clip_samples // frontend.frame_step * frontend.frame_step
    hop = min(hop_samples(StreamingSettings(), frontend), whole)
    spans = PeakSpans.of(
        hop_samples=hop, clip_samples=frontend.clip_samples, rate_hz=frontend.rate_hz
    )
    return StreamTables(io=io, hop=hop, spans=spans)


def least_float32(number: float) -> np.float32:
    """Return the least float32 that is not below a number.

    >>> float(least_float32(0.5)), float(least_float32(0.1)) >= 0.1
    (0.5, True)
    """
    near = np.float32(number)
    return near if float(near) >= number else np.nextafter(near, np.float32(np.inf))


def _least(number: float, unit: float) -> int:
    """Return the least whole number of units that is not below a number."""
    found = max(int(number / unit) - 1, 0)
    while found * unit < number:
        found += 1
    return found
