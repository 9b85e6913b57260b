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
from motefit.spec.metrics import grouped
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
        used = {"of activations and work": kept.arena_bytes, "of input": kept.input_bytes}
        used["of stack"] = STACK_BYTES
        memory = ", ".join(f"{grouped(size)} B {what}" for what, size in used.items())
        flash = sorted({found.flash_bytes for found in self.boards})
        lines: list[Item] = [
            f"{self.model}: {grouped(self.macs)} multiply-accumulates per run",
            f"RAM: {memory}; flash, by core: {' or '.join(map(grouped, flash))} B",
            ResultTable(
                title="estimated: time and energy of one run, share of the board's memory",
                titles=("board", "core", "MHz", "ms", "from..to", "uJ", "flash", "RAM", "fits"),
                align="llrrrrrrl",
                rows=[_row(found) for found in self.boards],
            ),
            f"times: {self.method}; of the network alone, without its front end",
            f"flash: {self.counted}",
        ]
        cores = dict.fromkeys(BOARDS[found.board].core for found in self.boards)
        lines += [
            f"{core}: no public result; its times span those of {' and '.join(spans)}"
            for core in cores
            if core not in (spans := CORES[core].calibrated_by)
        ]
        linked = {f.board: f.linked_flash_bytes for f in self.boards if f.linked_flash_bytes}
        if linked:
            rows = [(board, grouped(size)) for board, size in linked.items()]
            lines.append(ResultTable(titles=("board", "linked flash bytes"), align="lr", rows=rows))
        return lines


def _row(found: BoardEstimate) -> tuple[Text, ...]:
    board = BOARDS[found.board]
    room = {"flash": found.fits_flash, "RAM": found.fits_ram}
    missing = ", ".join(name for name, ok in room.items() if not ok)
    fits = Styled(f"no: {missing}", "bad") if missing else Styled("yes", "good")
    energy = "-" if found.microjoules is None else f"{found.microjoules:.3g}"
    times = (f"{found.milliseconds:.3g}", f"{found.low_ms:.3g}..{found.high_ms:.3g}")
    flash = _share(found.flash_bytes, board.flash_bytes)
    ram = _share(found.ram_bytes, board.ram_bytes)
    return (found.board, board.core, f"{board.clock_mhz:g}", *times, energy, flash, ram, fits)


def _share(part: int, whole: int) -> str:
    return "<1 %" if 100 * part < whole else f"{100 * part / whole:.0f} %"


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
    (1050248, True)

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
