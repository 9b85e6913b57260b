"""Flash and RAM of a model's generated C, counted without a compiler."""

import math
import re
from dataclasses import dataclass

from motefit.codegen.frontend_tables import frontend_tables
from motefit.codegen.network import NetworkSource, write_network
from motefit.graph.graph import INPUT, Graph
from motefit.spec.boards import Core
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization

MULTIPLIER_BYTES = 8
"""Size of the C type ``mf_multiplier``."""
RECORD_BYTES = 88
"""Of a layer: the size of the largest common records."""
SPEECH_CODE_BYTES = 9_500
"""Code of kernels, front end and the C library's functions at -O2 on a Cortex-M4, rounded up."""
SERIES_CODE_BYTES = 11_000
"""Of a forecaster: float64 arithmetic, which no small core has in hardware, is most of it."""
INTEGER_CODE_BYTES = 4_000
"""More of a forecaster whose network is int8."""
SOFT_FLOAT_BYTES = {"speech": 4_600, "series": 9_100}
"""More without an FPU."""
STACK_BYTES = 2_048
"""Assumed for the stack: the generated functions take less than half of it."""
COUNTED = (
    "estimated, not linked: weights, tables and records of the generated C, and an allowance for "
    "its code on a core with an FPU"
)
_MULTIPLIERS = re.compile(r"static const mf_multiplier \w+\[(\d+)\]")


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """Memory of a model's generated C.

    Attributes:
        table_bytes: weights, tables and records.
        code_bytes: allowance for code, with an FPU.
        soft_float_bytes: more of it without one.
        arena_bytes: static memory of activations and work.
        input_bytes: the clip or window that the caller keeps.
    """

    table_bytes: int
    code_bytes: int
    soft_float_bytes: int
    arena_bytes: int
    input_bytes: int

    @property
    def flash_bytes(self) -> int:
        """Bytes of flash on a core with an FPU: the metric of a budget."""
        return self.table_bytes + self.code_bytes

    @property
    def ram_bytes(self) -> int:
        """Bytes of RAM: static memory, input and stack."""
        return self.arena_bytes + self.input_bytes + STACK_BYTES

    def flash_on(self, core: Core) -> int:
        """Return the bytes of flash on a core."""
        return self.flash_bytes + (0 if core.has_fpu else self.soft_float_bytes)


def footprint_of(graph: Graph, frontend: FrontEnd | None) -> Footprint:
    """Count the memory of a network and its front end; values of weights do not matter.

    Args:
        graph: in its released form.
        frontend: of a spotter; None for a forecaster.

    Raises:
        ModelFileError: for a form or an operation without C source.
    """
    if frontend is None:
        network = write_network(graph)
        values = 8 * sum(math.prod(graph.shapes[name]) for name in (INPUT, graph.output))
        return _footprint(network, "series", more=2 * values, kept=values)
    tables = frontend_tables(frontend)
    network = write_network(graph, work_bytes=4 * tables.work_floats)
    tables.define(network.constants, Normalization())
    statistics = 2 * 4 * frontend.features
    return _footprint(network, "speech", more=statistics, kept=2 * frontend.clip_samples)


def _footprint(network: NetworkSource, kind: str, *, more: int, kept: int) -> Footprint:
    code = SPEECH_CODE_BYTES if kind == "speech" else SERIES_CODE_BYTES
    if kind == "series" and network.is_int8(INPUT):
        code += INTEGER_CODE_BYTES
    text = "\n".join(network.constants.lines)
    multipliers = sum(int(number) for number in _MULTIPLIERS.findall(text))
    records = MULTIPLIER_BYTES * multipliers + RECORD_BYTES * len(network.calls)
    return Footprint(
        table_bytes=network.constants.table_bytes + records + more,
        code_bytes=code,
        soft_float_bytes=SOFT_FLOAT_BYTES[kind],
        arena_bytes=network.plan.size,
        input_bytes=kept,
    )
