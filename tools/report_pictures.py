"""Photograph pages with a headless Chromium, wide and on a phone, light and dark, to be looked at.

``python tools/report_pictures.py --out FOLDER PAGE...`` writes ``NAME-WIDTH-THEME.png`` for each
page in full height. Pages are opened as files, so nothing leaves this machine.
"""

import argparse
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

WIDTHS = (1280, 390)
THEMES = {"light": 1, "dark": 0}
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
MOST_HEIGHT = 16_000
MEASURE = (
    "<script>onload = () => "
    "document.title = frames[0].document.documentElement.scrollHeight</script>"
)


def browser() -> str:
    """Return the path of a Chromium.

    Raises:
        SystemExit: without one.
    """
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise SystemExit(f"none of {', '.join(BROWSERS)} is on the path")
    return found


def run(page: Path, folder: Path, *options: str) -> str:
    """Open a page; return what the browser prints."""
    command = [
        browser(), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
        "--allow-file-access-from-files", "--virtual-time-budget=4000",
        f"--user-data-dir={folder / 'profile'}", *options, page.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=600)
    return done.stdout


def photograph(page: Path, picture: Path, *, width: int, theme: str) -> None:
    """Write a picture of a page in full height; a frame gives it any width."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame = f'<iframe src="{page.resolve().as_uri()}" style="width:{width}px;height:%dpx">'
        wrapper = folder / "wrapper.html"
        style = "<!doctype html><style>body{margin:0}iframe{display:block;border:0}</style>"
        wrapper.write_text(style + frame % 900 + "</iframe>" + MEASURE, encoding="utf-8")
        titled = re.search(r"<title>(\d+)</title>", run(wrapper, folder, "--dump-dom"))
        height = min(int(titled[1]) if titled else 900, MOST_HEIGHT)
        wrapper.write_text(style + frame % height + "</iframe>", encoding="utf-8")
        run(
            wrapper, folder, f"--window-size={max(width, 500)},{height}", f"--screenshot={picture}",
            f"--blink-settings=preferredColorScheme={THEMES[theme]}",
        )  # fmt: skip


def main() -> None:
    """Write the pictures and print their paths."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pages", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for page in given.pages:
        for width in WIDTHS:
            for theme in THEMES:
                picture = given.out.resolve() / f"{page.stem}-{width}-{theme}.png"
                photograph(page, picture, width=width, theme=theme)
                print(picture)


if __name__ == "__main__":
    main()
