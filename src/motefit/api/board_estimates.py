"""``estimate``: what a model would take on microcontroller boards."""

import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from motefit.api.progress_display import Progress, open_progress
from motefit.codegen.estimate import METHOD, BoardEstimate, estimate_on
from motefit.codegen.footprint import COUNTED, STACK_BYTES, Footprint, footprint_of
from motefit.codegen.linked import linked_size
from motefit.codegen.project import write_c_source
from motefit.graph.counter import count
from motefit.graph.graph import Graph
from motefit.runtime.bundle import Bundle, load_bundle
from motefit.runtime.zoo import find_model
from motefit.spec.boards import BOARDS, CORES, find_board
from motefit.spec.errors import ModelFileError
from motefit.spec.several import several_names
from motefit.spec.tables import Item, Printable, ResultTable, Styled, Text
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.tflite.importer.read import read_graph


@dataclass(frozen=True, kw_only=True, repr=False)
class ModelEstimate(Printable):
    """Estimates of a model on boards.

    Attributes:
        model: its name.
        macs: multiply-accumulates of one inference.
        footprint: memory of its generated C.
        boards: estimates, in the order of the table of boards.
        method: how times were estimated, and what their error bars are.
        counted: how flash was counted.
    """

    model: str
    macs: int
    footprint: Footprint
    boards: tuple[BoardEstimate, ...]
    method: str = METHOD
    counted: str = COUNTED

    def content(self) -> list[Item]:
        """List what the model takes, a row for each board, and how the figures were obtained."""
        kept = self.footprint
        memory = f"{kept.arena_bytes} of activations and work, {kept.input_bytes} of input"
        lines: list[Item] = [
            f"{self.model}: {self.macs} MACs; RAM: {memory}, {STACK_BYTES} of stack",
            ResultTable(
                titles=("board", "core", "MHz", "estimated ms", "from", "to", "estimated uJ",
                        "flash", "RAM", "fits"),
                align="llrrrrrrrl",
                rows=[_row(found) for found in self.boards],
            ),
            f"times: {self.method}; of the network alone, without its front end",
            f"flash: {self.counted}",
        ]  # fmt: skip
        cores = dict.fromkeys(BOARDS[found.board].core for found in self.boards)
        lines += [
            f"{core}: no public result; its times span those of {' and '.join(spans)}"
            for core in cores
            if core not in (spans := CORES[core].calibrated_by)
        ]
        linked = {f.board: f.linked_flash_bytes for f in self.boards if f.linked_flash_bytes}
        if linked:
            rows = [(board, str(size)) for board, size in linked.items()]
            lines.append(ResultTable(titles=("board", "linked flash"), align="lr", rows=rows))
        return lines


def _row(found: BoardEstimate) -> tuple[Text, ...]:
    board = BOARDS[found.board]
    room = {"flash": found.fits_flash, "RAM": found.fits_ram}
    missing = ", ".join(name for name, ok in room.items() if not ok)
    fits = Styled(f"no: {missing}", "bad") if missing else Styled("yes", "good")
    energy = "-" if found.microjoules is None else f"{found.microjoules:.3g}"
    times = (f"{ms:.3g}" for ms in (found.milliseconds, found.low_ms, found.high_ms))
    flash = f"{found.flash_bytes} of {board.flash_bytes}"
    ram = f"{found.ram_bytes} of {board.ram_bytes}"
    return (found.board, board.core, f"{board.clock_mhz:g}", *times, energy, flash, ram, fits)


def estimate(
    model: str | Path,
    *,
    boards: Sequence[str] = (),
    linked: bool = False,
    progress: Progress = "auto",
) -> ModelEstimate:
    """Estimate time, energy, flash and RAM of a model on microcontroller boards.

    Nothing is measured: the error bars span public results of other implementations on the same
    core.

    >>> import motefit
    >>> found = motefit.estimate("yes-no", boards=["nano-33-ble"])
    >>> found.macs, found.boards[0].fits
    (337664, True)

    Args:
        model: bundle, .tflite with its card, or name of a shipped model.
        boards: names, as in :data:`motefit.spec.boards.BOARDS`; empty: all of them.
        linked: also link the generated C for each core, where arm-none-eabi-gcc is installed.
        progress: how the linked cores are counted, see :func:`motefit.fit`.

    Raises:
        ModelFileError: if the model is damaged, or has no C source.
        RecipeError: for an unknown board.
    """
    chosen = [find_board(name) for name in several_names(boards)] or list(BOARDS.values())
    path = find_model(model)
    bundle = load_bundle(path)
    graph = read_graph(bundle.model)
    _require_own_card(graph, bundle)
    kept = footprint_of(graph, getattr(bundle.card.io, "frontend", None))
    sizes: Mapping[str, int] = {}
    if linked:
        with open_progress(progress) as listener:
            counted = partial(listener.counted, "cores linked")
            sizes = _linked(bundle, sorted({board.core for board in chosen}), counted)
    rows = [
        replace(estimate_on(graph, kept, board), linked_flash_bytes=sizes.get(board.core))
        for board in chosen
    ]
    return ModelEstimate(
        model=path.stem, macs=count(graph).macs, footprint=kept, boards=tuple(rows)
    )


def _require_own_card(graph: Graph, bundle: Bundle) -> None:
    """Refuse a network that takes other features, or windows, than its card says.

    Raises:
        ModelFileError: naming both sizes.
    """
    io = bundle.card.io
    stated = io.window_shape if isinstance(io, SeriesIO) else getattr(io, "input_shape", ())
    if getattr(io, "input", "features") != "features" or not stated:
        return
    if math.prod(stated) != math.prod(graph.input_shape):
        raise ModelFileError(
            f"the model takes {graph.input_shape}, but its card says {stated}: they belong to "
            "different models; give the card of this one"
        )


def _linked(
    bundle: Bundle, cores: Sequence[str], counted: Callable[[int, int], None]
) -> dict[str, int]:
    """Link the generated C for some cores; return bytes of flash by core."""
    sizes = {}
    with tempfile.TemporaryDirectory(prefix="motefit-c-") as folder:
        source = write_c_source(bundle, Path(folder), name="model")
        for done, core in enumerate(cores):
            counted(done, len(cores))
            if (size := linked_size(source, CORES[core])) is not None:
                sizes[core] = size.flash_bytes
    return sizes
