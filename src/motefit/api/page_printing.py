"""Printing of a page to PDF by an installed Chromium; no Python package renders it as well."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from motefit.spec.errors import OutputError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")
"""Names of programs that can print; the first one found is used."""
SECONDS = 300
ZOOMS = (0.62, 0.54, 0.46)
"""Sizes to try until everything fits on one sheet."""
_PAGE = re.compile(rb"/Type\s*/Page\b(?!s)")


def print_sheet(render: Callable[[float], str]) -> bytes:
    """Print a page on one sheet of paper.

    Args:
        render: renders the page at a given size.

    Returns:
        The PDF; at the smallest size if even that is longer than a sheet.

    Raises:
        OutputError: without a browser, or if it fails.
    """
    data = b""
    for zoom in ZOOMS:
        data = print_page(render(zoom))
        if page_count(data) <= 1:
            break
    return data


def print_page(page: str) -> bytes:
    """Print a page of HTML to PDF.

    Raises:
        OutputError: without a browser, or if it fails.
    """
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise OutputError(
            f"a PDF is printed by Chromium or Chrome, and none of {', '.join(BROWSERS)} is on the "
            "path; install one (apt-get install chromium), or print report.html from any browser"
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "page.html").write_text(page, encoding="utf-8")
        printed = folder / "page.pdf"
        root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium needs it as root
        command = [
            browser, "--headless", "--disable-gpu", *root, f"--user-data-dir={folder / 'profile'}",
            "--no-pdf-header-footer", f"--print-to-pdf={printed}", (folder / "page.html").as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(  # noqa: S603 - a browser of this machine, a page of ours
                command, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise OutputError(f"{browser} did not print within {SECONDS} s") from None
        if not printed.is_file():
            said = done.stderr.strip().splitlines()[-1:] or ["no message"]
            raise OutputError(f"{browser} printed nothing: {said[0]}")
        return printed.read_bytes()


def page_count(pdf: bytes) -> int:
    """Count the sheets of a PDF that a browser printed."""
    return len(_PAGE.findall(pdf))
