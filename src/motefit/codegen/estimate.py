"""Estimates of a model on boards that are not here: time, energy, and whether it fits.

A network's work in instructions of the generated C (:mod:`motefit.codegen.work`) is compared with
that of MLPerf Tiny's DS-CNN, whose cycles are public (:mod:`motefit.codegen.public_results`). The
error bar is what those results span: implementations differ by a factor of two on the same board.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from motefit.codegen.footprint import COUNTED, Footprint, footprint_of
from motefit.codegen.public_results import cycles_of
from motefit.codegen.work import REFERENCE, instructions, work_of
from motefit.graph.graph import Graph
from motefit.spec.boards import BOARDS, CORES, DevBoard, find_board
from motefit.spec.errors import ModelFileError
from motefit.spec.frontend import FrontEnd
from motefit.spec.metrics import FLASH, board_of, is_estimate

METHOD = (
    "estimated, not measured: work of the network relative to MLPerf Tiny's DS-CNN, times the "
    "cycles of public results (rounds v1.0 to v1.2) on the same core, from the fastest to the "
    "slowest"
)


@dataclass(frozen=True, kw_only=True)
class BoardEstimate:
    """Estimate of a model on one board.

    Attributes:
        board: name of the board.
        milliseconds: of one inference of the network, without its front end.
        low_ms: as the fastest public result would have it.
        high_ms: as the slowest would.
        microjoules: of one inference; None without a public energy result for the board.
        flash_bytes: of the generated C.
        ram_bytes: of the generated C, its input and its stack.
        fits_flash: whether the board has as much flash.
        fits_ram: whether it has as much RAM.
        linked_flash_bytes: flash as the linker counts it; None if it was not asked.
    """

    board: str
    milliseconds: float
    low_ms: float
    high_ms: float
    microjoules: float | None
    flash_bytes: int
    ram_bytes: int
    fits_flash: bool
    fits_ram: bool
    linked_flash_bytes: int | None = None

    @property
    def fits(self) -> bool:
        """Whether the board has room for the model."""
        return self.fits_flash and self.fits_ram


def milliseconds_on(graph: Graph, board: DevBoard) -> tuple[float, float, float]:
    """Estimate the inference of a network on a board: low, middle and high, in milliseconds."""
    share = instructions(work_of(graph)) / instructions(REFERENCE)
    low, middle, high = cycles_of(CORES[board.core])
    per_ms = 1000 * board.clock_mhz
    return share * low / per_ms, share * middle / per_ms, share * high / per_ms


def estimate_on(graph: Graph, footprint: Footprint, board: DevBoard) -> BoardEstimate:
    """Estimate a model on a board.

    Args:
        graph: in its released form.
        footprint: of its generated C.
        board: of :data:`~motefit.spec.boards.BOARDS`.
    """
    low, middle, high = milliseconds_on(graph, board)
    flash = footprint.flash_on(CORES[board.core])
    return BoardEstimate(
        board=board.name,
        milliseconds=middle,
        low_ms=low,
        high_ms=high,
        microjoules=None if board.active_mw is None else middle * board.active_mw,
        flash_bytes=flash,
        ram_bytes=footprint.ram_bytes,
        fits_flash=flash <= board.flash_bytes,
        fits_ram=footprint.ram_bytes <= board.ram_bytes,
    )


def estimated_facts(
    graph: Graph, frontend: FrontEnd | None, metrics: Iterable[str]
) -> dict[str, float]:
    """Compute those of some metrics that are estimates.

    Args:
        graph: in its released form; the values of its weights do not matter.
        frontend: of a spotter; None for a forecaster.
        metrics: names, of any kind.

    Returns:
        Values by name; none for a network without C source.
    """
    wanted = [name for name in dict.fromkeys(metrics) if is_estimate(name)]
    if not wanted:
        return {}
    try:
        flash = footprint_of(graph, frontend).flash_bytes
    except ModelFileError:
        return {}
    return {
        name: float(flash)
        if name == FLASH
        else milliseconds_on(graph, find_board(board_of(name)))[1]
        for name in wanted
    }


def estimate_evidence(graph: Graph, facts: Mapping[str, float]) -> dict[str, Any]:
    """State how estimated facts came about, and their error bars, for a card."""
    found: dict[str, Any] = {"method": METHOD}
    if FLASH in facts:
        found[FLASH] = COUNTED
    for name in facts:
        if name != FLASH:
            low, _, high = milliseconds_on(graph, BOARDS[board_of(name)])
            found[name] = {"low_ms": low, "high_ms": high}
    return found
