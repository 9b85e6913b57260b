"""Run the console blocks of pages in order, and compare their output with what the pages show.

``python tools/console_pages.py docs/tutorial.md`` runs them in a temporary folder with copies
of ``zoo`` and of the converters' files, with the motefit of this Python, and prints differences;
the exit code is then 1. ``--write`` updates the page with the actual output instead.

- A fence ``console`` has commands, each a line ``$ command`` that a trailing backslash continues,
  and their output on either stream. An exit code other than 0 is a last line such as ``[1]``,
  as in cram. ``^C`` marks where the reader interrupts: the line before it has just been printed.
- ``...`` matches anything, and white space any white space, as in doctest. A number before ms or
  s is measured, and matches any number; every other character counts.
- A fence with a name after its language, such as ``toml my.toml``, is saved as that file.
"""

import argparse
import difflib
import doctest
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LENT = ("zoo", "tests/golden/converters")
"""What is copied into the folder that the commands run in."""
FENCE = re.compile(
    r"^```(?P<language>\w+)(?: (?P<name>\S+))?\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
COMMAND = re.compile(r"^\$ (?P<typed>(?:.*\\\n)*.*)\n(?P<shown>(?:(?!\$ ).*\n)*)", re.MULTILINE)
MEASURED = re.compile(r"\d+(?:\.\d+)?(?=(?: \+/- [\d.]+)? ?m?s\b)")
SLOW = re.compile(r"(data|loops|cores linked|recordings): \d+ of \d+(, about .* left)?$")
"""What a program says of data that take longer than usual, as on a busy machine."""
EXIT = re.compile(r"^\[\d+\]\n\Z", re.MULTILINE)
LIMIT_S = 300.0
"""A command that takes longer is killed."""
REACTION_S = 0.2
"""From the line before ``^C`` to the signal: one that comes while a program is still busy printing
the line may make it print the line again."""
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@dataclass(frozen=True, kw_only=True)
class Step:
    """One command of a page.

    Attributes:
        typed: the command after ``$``.
        shown: the lines below it.
        start: where ``shown`` starts in the page.
        printed: output of the command.
    """

    typed: str
    shown: str
    start: int
    printed: str

    @property
    def agrees(self) -> bool:
        """Whether the page shows what was printed."""
        return agree(self.shown, self.printed)


def agree(shown: str, printed: str) -> bool:
    """Whether shown lines match printed ones; dots do not match an exit code."""
    if EXIT.findall(shown) != EXIT.findall(printed):
        return False
    want, got = (MEASURED.sub("0", text) for text in (shown, printed))
    return doctest.OutputChecker().check_output(want, got, FLAGS)


def play(page: str, folder: Path) -> Iterator[Step]:
    """Run a page's commands in a folder.

    Args:
        page: Markdown.
        folder: empty; files are left in it.

    Yields:
        Each command when it has ended.

    Raises:
        ValueError: if a block does not start with a command.
    """
    environment = _prepare(folder)
    here = folder / "here"
    for fence in FENCE.finditer(page):
        if fence["name"]:
            (here / fence["name"]).write_text(fence["text"], encoding="utf-8")
        elif fence["language"] == "console":
            if not fence["text"].startswith("$ "):
                raise ValueError(f"a block begins with no command:\n{fence['text']}")
            for found in COMMAND.finditer(page, *fence.span("text")):
                printed = _run(found["typed"], found["shown"], here, environment)
                yield Step(
                    typed=found["typed"],
                    shown=found["shown"],
                    start=found.start("shown"),
                    printed=printed,
                )


def _prepare(folder: Path) -> dict[str, str]:
    """Prepare the environment of the commands, with this Python's ``motefit`` and ``python``."""
    for name in LENT:
        shutil.copytree(ROOT / name, folder / "here" / name)
    commands = {"motefit": '-c "from motefit.cli import main; main()"', "python": ""}
    for name, arguments in commands.items():
        file = folder / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n', encoding="utf-8")
        file.chmod(0o755)
    return {
        **{name: value for name, value in os.environ.items() if name != "MOTEFIT_DATA"},
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONUNBUFFERED": "1",
        "MOTEFIT_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }


def _run(typed: str, shown: str, folder: Path, environment: dict[str, str]) -> str:
    """Run a command and return its output as the page would show it."""
    process = subprocess.Popen(
        ["env", "--default-signal=INT", "bash", "-c", typed],  # a job in the background ignores it
        cwd=folder, env=environment, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    limit = threading.Timer(LIMIT_S, os.killpg, (process.pid, signal.SIGKILL))
    limit.start()
    printed = ""
    if "\n^C\n" in shown:
        last = shown.partition("\n^C\n")[0].splitlines()[-1]
        for line in process.stdout:
            printed += line
            if agree(last + "\n", line):
                printed += "^C\n"
                time.sleep(REACTION_S)
                os.killpg(process.pid, signal.SIGINT)
                break
    printed += process.communicate()[0]
    limit.cancel()
    lines = [line.rstrip() for line in printed.splitlines() if not SLOW.match(line)]
    if process.returncode:
        killed = 128 - process.returncode  # as a shell says it
        lines.append(f"[{process.returncode if process.returncode > 0 else killed}]")
    return "".join(f"{line}\n" for line in lines)


def main() -> int:
    """Compare the given pages, or rewrite them; return 1 if one differs."""
    parser = argparse.ArgumentParser(description="Run the console blocks of pages.")
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--write", action="store_true", help="put real output into the pages")
    options = parser.parse_args()
    differ = False
    for path in options.pages:
        page = path.read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory() as folder:
            wrong = [step for step in play(page, Path(folder)) if not step.agrees]
        for step in reversed(wrong):
            page = page[: step.start] + step.printed + page[step.start + len(step.shown) :]
        if options.write:
            path.write_text(page, encoding="utf-8")
            continue
        for step in wrong:
            both = (text.splitlines() for text in (step.shown, step.printed))
            told = difflib.unified_diff(*both, f"{path} shows", "printed", lineterm="", n=1)
            print(f"$ {step.typed}", *told, sep="\n")
        differ |= bool(wrong)
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
