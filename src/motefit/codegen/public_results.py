"""Public results of MLPerf Tiny's keyword spotting, which the estimates are calibrated on.

From the repositories ``mlcommons/tiny_results_v1.0`` to ``v1.2``: closed division, files
``kws/performance/results.txt`` (STMicroelectronics v1.1: ``kws/energy/results.txt``). An estimate
is not an MLPerf result.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from motefit.spec.boards import Core


@dataclass(frozen=True, kw_only=True)
class PublicResult:
    """Throughput of the DS-CNN with 2.66 million multiply-accumulates on a board.

    Attributes:
        core: its processor, as in :data:`~motefit.spec.boards.CORES`.
        board: as the submitter calls it.
        clock_mhz: as the submission states it.
        per_second: median inferences per second.
        round: of the benchmark.
        submitter: who measured.
    """

    core: str
    board: str
    clock_mhz: float
    per_second: float
    round: str
    submitter: str

    @property
    def cycles(self) -> float:
        """Cycles of one inference."""
        return 1e6 * self.clock_mhz / self.per_second


def _result(core: str, board: str, mhz: float, rate: float, origin: str) -> PublicResult:
    submission, _, submitter = origin.partition(" ")
    return PublicResult(
        core=core, board=board, clock_mhz=mhz, per_second=rate, round=submission,
        submitter=submitter,
    )  # fmt: skip


RESULTS: Sequence[PublicResult] = (
    _result("Cortex-M0+", "NUCLEO-G0B1RE", 64, 1.472, "v1.1 Bosch"),
    _result("Cortex-M4", "NUCLEO-L4R5ZI", 120, 10.019, "v1.0 OctoML"),
    _result("Cortex-M4", "NUCLEO-L4R5ZI", 120, 13.323, "v1.0 STMicroelectronics"),
    _result("Cortex-M4", "NUCLEO-L4R5ZI", 120, 15.884, "v1.1 STMicroelectronics"),
    _result("Cortex-M4", "NUCLEO-L4R5ZI", 120, 13.759, "v1.1 Krai"),
    _result("Cortex-M4", "NUCLEO-L4R5ZI", 120, 15.954, "v1.1 Bosch"),
    _result("Cortex-M4", "NUCLEO-L4R5ZI", 120, 23.155, "v1.2 STMicroelectronics"),
    _result("Cortex-M33", "nRF5340-DK", 128, 13.143, "v1.0 OctoML"),
    _result("Cortex-M33", "NUCLEO-U575ZI-Q", 160, 22.608, "v1.0 STMicroelectronics"),
    _result("Cortex-M33", "NUCLEO-U575ZI-Q", 160, 34.416, "v1.2 STMicroelectronics"),
    _result("Cortex-M7", "NUCLEO-H7A3ZI-Q", 280, 59.667, "v1.0 STMicroelectronics"),
    _result("Cortex-M7", "DISCO-F746NG", 216, 54.293, "v1.1 Bosch"),
    _result("Cortex-M7", "NUCLEO-H7A3ZI-Q", 280, 72.141, "v1.1 Plumerai"),
    _result("Cortex-M7", "NUCLEO-H7A3ZI-Q", 280, 88.356, "v1.2 STMicroelectronics"),
    _result("Cortex-M85", "EK-RA8D1", 480, 288.611, "v1.2 Renesas"),
)
MARGIN = 1.5
"""Of a core with one result: the factor that its error bar reaches up and down, about what the
results of the Cortex-M4 and M33 scatter around their mean."""


def cycles_of(core: Core) -> tuple[float, float, float]:
    """Return the cycles of the benchmark on a core: fewest, geometric mean, and most."""
    found = [result.cycles for result in RESULTS if result.core in core.calibrated_by]
    middle = math.exp(sum(map(math.log, found)) / len(found))
    if len(found) == 1:
        return middle / MARGIN, middle, middle * MARGIN
    return min(found), middle, max(found)
