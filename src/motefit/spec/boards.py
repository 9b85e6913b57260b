"""Common microcontroller boards: processor, clock, memories, from their makers' data sheets."""

from collections.abc import Mapping
from dataclasses import dataclass

from motefit.spec.codec import check_fields, unknown

HARD = "-mfloat-abi=hard"
KB, MB = 1024, 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Core:
    """A processor core.

    Attributes:
        name: as people write it.
        flags: of arm-none-eabi-gcc; empty for another architecture.
        has_fpu: whether float32 arithmetic is in hardware.
        calibrated_by: cores whose public results span those of this core: itself if there are any.
    """

    name: str
    flags: tuple[str, ...] = ()
    has_fpu: bool = True
    calibrated_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_fields(self)


@dataclass(frozen=True, kw_only=True)
class DevBoard:
    """A board.

    Attributes:
        name: as in a budget, e.g. ``"nano-33-ble"``.
        title: what its maker calls it, with the chip.
        core: its processor, one of :data:`CORES`.
        clock_mhz: clock.
        ram_bytes: of the chip.
        flash_bytes: of the chip, or of the board where the chip has none.
        active_mw: power while it computes, from public energy results; None if there are none.
        source: where the figures are from.
    """

    name: str
    title: str
    core: str
    clock_mhz: float
    ram_bytes: int
    flash_bytes: int
    active_mw: float | None = None
    source: str

    def __post_init__(self) -> None:
        check_fields(self)


CORES: Mapping[str, Core] = {
    core.name: core
    for core in (
        Core(
            name="Cortex-M0+",
            flags=("-mcpu=cortex-m0plus",),
            has_fpu=False,
            calibrated_by=("Cortex-M0+",),
        ),
        Core(
            name="Cortex-M3",
            flags=("-mcpu=cortex-m3",),
            has_fpu=False,
            calibrated_by=("Cortex-M4", "Cortex-M0+"),
        ),
        Core(
            name="Cortex-M4",
            flags=("-mcpu=cortex-m4", HARD, "-mfpu=fpv4-sp-d16"),
            calibrated_by=("Cortex-M4",),
        ),
        Core(
            name="Cortex-M33",
            flags=("-mcpu=cortex-m33", HARD),
            calibrated_by=("Cortex-M33",),
        ),
        Core(
            name="Cortex-M7",
            flags=("-mcpu=cortex-m7", HARD, "-mfpu=fpv5-sp-d16"),
            calibrated_by=("Cortex-M7",),
        ),
        Core(
            name="Cortex-M55",
            flags=("-mcpu=cortex-m55", HARD),
            calibrated_by=("Cortex-M85", "Cortex-M33"),
        ),
        Core(
            name="Cortex-M85",
            flags=("-mcpu=cortex-m85", HARD),
            calibrated_by=("Cortex-M85",),
        ),
        Core(name="Xtensa LX7", calibrated_by=("Cortex-M4", "Cortex-M0+")),
    )
}
"""By name."""

MLPERF = "system description in MLPerf Tiny's results"
BOARDS: Mapping[str, DevBoard] = {
    board.name: board
    for board in (
        DevBoard(
            name="nucleo-f103rb",
            title="ST Nucleo-F103RB (STM32F103RB)",
            core="Cortex-M3",
            clock_mhz=72,
            ram_bytes=20 * KB,
            flash_bytes=128 * KB,
            source="STM32F103x8/xB data sheet",
        ),
        DevBoard(
            name="nucleo-g0b1re",
            title="ST Nucleo-G0B1RE (STM32G0B1RE)",
            core="Cortex-M0+",
            clock_mhz=64,
            ram_bytes=144 * KB,
            flash_bytes=512 * KB,
            source=MLPERF,
        ),
        DevBoard(
            name="pico",
            title="Raspberry Pi Pico (RP2040)",
            core="Cortex-M0+",
            clock_mhz=133,
            ram_bytes=264 * KB,
            flash_bytes=2 * MB,
            source="RP2040 and Pico data sheets",
        ),
        DevBoard(
            name="nano-33-ble",
            title="Arduino Nano 33 BLE Sense (nRF52840)",
            core="Cortex-M4",
            clock_mhz=64,
            ram_bytes=256 * KB,
            flash_bytes=1 * MB,
            source="nRF52840 product specification",
        ),
        DevBoard(
            name="microbit-v2",
            title="micro:bit V2 (nRF52833)",
            core="Cortex-M4",
            clock_mhz=64,
            ram_bytes=128 * KB,
            flash_bytes=512 * KB,
            source="nRF52833 product specification",
        ),
        DevBoard(
            name="nucleo-l4r5zi",
            title="ST Nucleo-L4R5ZI (STM32L4R5ZI)",
            core="Cortex-M4",
            clock_mhz=120,
            ram_bytes=640 * KB,
            flash_bytes=2 * MB,
            active_mw=45.0,
            source=MLPERF,
        ),
        DevBoard(
            name="nrf5340-dk",
            title="Nordic nRF5340 DK, application core",
            core="Cortex-M33",
            clock_mhz=128,
            ram_bytes=512 * KB,
            flash_bytes=1 * MB,
            source="nRF5340 product specification",
        ),
        DevBoard(
            name="pico-2",
            title="Raspberry Pi Pico 2 (RP2350)",
            core="Cortex-M33",
            clock_mhz=150,
            ram_bytes=520 * KB,
            flash_bytes=4 * MB,
            source="RP2350 and Pico 2 data sheets",
        ),
        DevBoard(
            name="nucleo-u575zi",
            title="ST Nucleo-U575ZI-Q (STM32U575ZI)",
            core="Cortex-M33",
            clock_mhz=160,
            ram_bytes=786 * KB,
            flash_bytes=2 * MB,
            active_mw=26.2,
            source="STM32U575xx data sheet",
        ),
        DevBoard(
            name="disco-f746ng",
            title="ST 32F746GDISCOVERY (STM32F746NG)",
            core="Cortex-M7",
            clock_mhz=216,
            ram_bytes=320 * KB,
            flash_bytes=1 * MB,
            source="STM32F745xx/F746xx data sheet",
        ),
        DevBoard(
            name="nucleo-h7a3zi",
            title="ST Nucleo-H7A3ZI-Q (STM32H7A3ZI)",
            core="Cortex-M7",
            clock_mhz=280,
            ram_bytes=1184 * KB,
            flash_bytes=2 * MB,
            active_mw=162.7,
            source="STM32H7A3xI/G data sheet, without its tightly coupled memories",
        ),
        DevBoard(
            name="alif-e7",
            title="Alif Ensemble E7, high-performance core",
            core="Cortex-M55",
            clock_mhz=400,
            ram_bytes=13 * MB,
            flash_bytes=5 * MB,
            source="Ensemble E7 product brief, rounded down",
        ),
        DevBoard(
            name="ek-ra8d1",
            title="Renesas EK-RA8D1 (RA8D1)",
            core="Cortex-M85",
            clock_mhz=480,
            ram_bytes=1 * MB,
            flash_bytes=2 * MB,
            source="RA8D1 group data sheet",
        ),
        DevBoard(
            name="esp32-s3",
            title="Espressif ESP32-S3-DevKitC-1-N8",
            core="Xtensa LX7",
            clock_mhz=240,
            ram_bytes=512 * KB,
            flash_bytes=8 * MB,
            source="ESP32-S3 data sheet",
        ),
    )
}
"""By name, the smaller cores first."""


def find_board(name: str) -> DevBoard:
    """Look up a board.

    >>> find_board("pico").clock_mhz
    133.0

    Raises:
        RecipeError: for an unknown name; the error names the closest one.
    """
    if name not in BOARDS:
        raise unknown("board", name, BOARDS)
    return BOARDS[name]
