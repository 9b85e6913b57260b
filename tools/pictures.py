"""Make the pictures of README.md and docs: a terminal as SVG, pages as PNG, light and dark.

``python tools/pictures.py --report RUN/report.html`` runs the commands below with the motefit of
this Python and draws what they print; the report is photographed by a headless Chromium. Without
``--report`` only the terminal is drawn. ``--node`` makes only the picture of a node's status page:
a simulated room with a day behind it, and a microphone that hears synthetic voices (extra
``synth``).
"""

import argparse
import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import wave
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.text import Text
from zopfli.png import optimize

import motefit
from motefit.deploy.node import Node
from motefit.deploy.node_settings import NodeSettings
from motefit.deploy.outbox import Outbox
from motefit.deploy.reading import Reading
from motefit.deploy.sensors import open_sensor

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
COMMANDS = (
    "motefit data synth --words up,down --clips 3 --out said",
    "motefit kws up-down said/up said/down",
    "motefit zoo",
)
COLUMNS = 84
WINDOW, NODE_WINDOW = "1100,740", "1100,1400"
DARK, LIGHT = 0, 1
"""Chromium's numbers of color schemes."""
DAY_S, WORDS, PIECE = 86_400, 3, 3200
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def terminal() -> str:
    """Run the commands in a temporary folder; return their output as SVG without fonts."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    environment = {**os.environ, "FORCE_COLOR": "1", "TERM": "xterm-256color"}
    with tempfile.TemporaryDirectory() as folder:
        for command in COMMANDS:
            console.print(Text.assemble(("$ ", "green"), (command, "bold")))
            program = [sys.executable, "-c", "from motefit.cli import main; main()"]
            done = subprocess.run(
                [*program, *command.split()[1:]],
                cwd=folder, env=environment, capture_output=True, text=True, check=True,
            )  # fmt: skip
            for line in done.stdout.splitlines():
                text = Text.from_ansi(line)
                text.rstrip()
                console.print(text)
    return FONTS.sub("", console.export_svg(title="motefit"))


@contextlib.contextmanager
def node(folder: Path) -> Iterator[Node]:
    """Run a node with a day of readings behind it, and somebody who speaks to it.

    Yields:
        The node, once it has heard a few words.
    """
    room = open_sensor("room")
    now_s = int(datetime.now(UTC).timestamp())
    with Outbox(folder / "outbox.db") as outbox:
        outbox.put(
            [
                Reading(
                    key=f"attic:{quantity.name}",
                    time_ms=1000 * second,
                    value=room.read(second)[quantity.name],
                    unit=quantity.unit,
                )
                for second in range((now_s - DAY_S) // 120 * 120, now_s, 120)
                for quantity in room.quantities
            ]
        )
    motefit.synthesize(folder / "said", words=["up", "down"], clips=4)
    os.mkfifo(folder / "microphone")
    settings = NodeSettings(
        node="attic", sink=f"sqlite:{folder}/readings.db", outbox=f"{folder}/outbox.db",
        model="up-down", on="up", off="down", start="on", microphone=f"{folder}/microphone",
        forecast="climate-6-clock", status="0",
    )  # fmt: skip
    with (folder / "microphone").open("w+b", buffering=0) as pipe:
        running = Node(settings, tell=print)
        threads = [
            threading.Thread(target=running.run),
            threading.Thread(target=_speak, args=(pipe, folder / "said"), daemon=True),
        ]
        for thread in threads:
            thread.start()
        while len(running.recent.words()) < WORDS:
            time.sleep(0.1)
        yield running
        running.stop()
        threads[0].join()


def _speak(pipe: io.FileIO, folder: Path) -> None:
    clips = sorted(folder.rglob("*.wav"), key=lambda path: (path.name, path.parent.name == "down"))
    for clip in clips:
        with wave.open(str(clip)) as file:
            sound = file.readframes(file.getnframes())
        for start in range(0, len(sound), PIECE):
            pipe.write(sound[start : start + PIECE])
            time.sleep(PIECE / 32_000)
        for _ in range(10):
            pipe.write(bytes(PIECE))
            time.sleep(PIECE / 32_000)
    while True:
        pipe.write(bytes(PIECE))
        time.sleep(PIECE / 32_000)


def photograph(page: str, *, window: str = WINDOW, theme: int = LIGHT) -> bytes:
    """Return the first screen of a page as PNG.

    Args:
        page: its address.
        window: width and height in pixels.
        theme: which colors the reader prefers.

    Raises:
        SystemExit: without Chromium.
    """
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("no chromium on the path: the picture of the report is not made")
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "report.png"
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--window-size={window}", "--virtual-time-budget=3000",
            f"--blink-settings=preferredColorScheme={theme}",
            f"--user-data-dir={folder}", f"--screenshot={picture}", page,
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        return bytes(optimize(picture.read_bytes(), num_iterations=3))


def main() -> None:
    """Write the pictures and print their sizes."""
    parser = argparse.ArgumentParser(description="Make the pictures of README.md.")
    parser.add_argument("--report", type=Path, help="report.html of a run or a check")
    parser.add_argument("--node", action="store_true", help="only the page of a node")
    options = parser.parse_args()
    made: dict[str, bytes] = {}
    if options.node:
        with tempfile.TemporaryDirectory() as folder, node(Path(folder)) as running:
            page = running.page.url if running.page else ""
            for name, theme in {"node.png": LIGHT, "node-dark.png": DARK}.items():
                made[name] = photograph(page, window=NODE_WINDOW, theme=theme)
    else:
        made["terminal.svg"] = terminal().encode()
    if options.report is not None:
        for name, theme in {"report.png": LIGHT, "report-dark.png": DARK}.items():
            made[name] = photograph(options.report.resolve().as_uri(), theme=theme)
    FOLDER.mkdir(exist_ok=True)
    for name, data in made.items():
        (FOLDER / name).write_bytes(data)
        print(f"{FOLDER / name} {len(data)} B")


if __name__ == "__main__":
    main()
