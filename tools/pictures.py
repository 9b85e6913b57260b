"""Make the pictures of README.md: a terminal as SVG, and the head of a report as PNG.

``python tools/pictures.py --report RUN/report.html`` runs the commands below with the motefit of
this Python and draws what they print; the page is photographed by a headless Chromium. Without
``--report`` only the terminal is drawn.
"""

import argparse
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text
from zopfli.png import optimize

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "pictures"
COMMANDS = (
    "motefit data synth --words up,down --clips 3 --out said",
    "motefit kws up-down said/up said/down",
    "motefit zoo",
)
COLUMNS = 84
WINDOW = "1100,740"
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


def photograph(page: Path) -> bytes:
    """Return the first screen of a page as PNG.

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
            f"--window-size={WINDOW}", f"--screenshot={picture}", page.resolve().as_uri(),
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        return bytes(optimize(picture.read_bytes()))


def main() -> None:
    """Write the pictures and print their sizes."""
    parser = argparse.ArgumentParser(description="Make the pictures of README.md.")
    parser.add_argument("--report", type=Path, help="report.html of a run or a check")
    page = parser.parse_args().report
    made: dict[str, bytes] = {"terminal.svg": terminal().encode()}
    if page is not None:
        made["report.png"] = photograph(page)
    FOLDER.mkdir(exist_ok=True)
    for name, data in made.items():
        (FOLDER / name).write_bytes(data)
        print(f"{FOLDER / name} {len(data)} B")


if __name__ == "__main__":
    main()
