"""Build the documentation site in build/site: ``.venv/bin/python tools/docs_site.py``.

Pages keep the places they have in the repository, so that a link means the same there, on the site
and in a checkout. What the navigation of ``zensical.toml`` names, and what these pages link to, is
copied to build/pages; notebooks become pages. The build is strict: a link or an anchor that leads
nowhere is an error, and so is a script, style, font or picture from another machine.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "zensical.toml"
LINK = re.compile(r"(?:\]\(|\bsrc(?:set)?=\")(?!https?:|mailto:|data:)([^)#\s\"]+)")
"""What a page links to or shows, in Markdown or in a tag of HTML."""
FENCED = re.compile(r"^(```+)\w.*?^\1$|`[^`\n]+`", re.MULTILINE | re.DOTALL)
LOADED = re.compile(
    r"<(?:script|img|iframe|source|audio|video)\b[^>]*\bsrc=\"?((?:https?:)?//[^\s\">]+)"
    r"|<link\b(?=[^>]*rel=\"?(?:stylesheet|preconnect|preload|icon))"
    r"[^>]*href=\"?((?:https?:)?//[^\s\">]+)"
    r"|url\([\"']?((?:https?:)?//[^)\"']+)"
)
"""Addresses of what a browser loads by itself, in HTML and CSS."""
NAMED = re.compile(r"^```(\w+) (\S+)$", re.MULTILINE)
"""A fence that tools/console_pages.py saves as a file."""


def navigation(config: dict[str, Any]) -> list[str]:
    """List the pages of the navigation, in order, with their paths in the repository."""

    def pages(entries: list[Any]) -> Iterator[str]:
        for entry in entries:
            for target in entry.values() if isinstance(entry, dict) else [entry]:
                yield from [target] if isinstance(target, str) else pages(target)

    return list(pages(config["project"]["nav"]))


def source(page: str) -> Path:
    """Return the file that a page is made of: itself, or the notebook of that name."""
    path = ROOT / page
    return path if path.exists() else path.with_suffix(".ipynb")


def closure(pages: list[str]) -> set[Path]:
    """Collect pages and what they link to, however far, as paths in the repository."""
    found, waiting = set(), [source(page) for page in pages]
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        if path.suffix in {".md", ".ipynb"}:
            text = FENCED.sub("", _markdown(path))
            waiting += [(path.parent / name).resolve() for name in LINK.findall(text)]
    return found


def _markdown(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    page = notebook_page(json.loads(text)) if path.suffix == ".ipynb" else text
    return NAMED.sub(r'```\1 title="\2"', page)


def notebook_page(notebook: dict[str, Any]) -> str:
    """Render a notebook as Markdown, with the outputs that it was saved with."""
    parts = []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(text)
            continue
        parts.append(f"```python\n{text}\n```")
        parts += [_output(output) for output in cell["outputs"]]
    return "\n\n".join(parts) + "\n"


def _output(output: dict[str, Any]) -> str:
    """Render one output of a cell: its HTML, its picture, or its text."""
    shown = output.get("data", {})
    if "text/html" in shown:
        lines = "".join(shown["text/html"]).splitlines()  # a blank line would end the HTML
        return f'<div class="output">{"".join(line.strip() + " " for line in lines if line)}</div>'
    text = "".join(output.get("text", shown.get("text/plain", "")))
    return f"```text\n{text.rstrip()}\n```"


def assemble(target: Path) -> int:
    """Copy all pages and what they link to, and return how many files there are."""
    files = closure(navigation(tomllib.loads(CONFIG.read_text(encoding="utf-8"))))
    shutil.rmtree(target, ignore_errors=True)
    for path in files:
        copy = target / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in {".md", ".ipynb"}:
            copy.with_suffix(".md").write_text(_markdown(path), encoding="utf-8")
        if path.suffix != ".md":
            shutil.copy(path, copy)
    return len(files)


def foreign(site: Path) -> list[str]:
    """List what pages of a site would load from another machine."""
    return [
        f"{path.relative_to(site)}: {''.join(address)}"
        for path in sorted(site.rglob("*"))
        if path.suffix in {".html", ".css"}
        for address in LOADED.findall(path.read_text(encoding="utf-8"))
    ]


def main() -> int:
    """Build the site; return 1 if a link is broken or something is loaded from elsewhere."""
    count = assemble(ROOT / "build" / "pages")
    site = ROOT / "build" / "site"
    shutil.rmtree(site, ignore_errors=True)
    built = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=ROOT, env={**os.environ, "NO_COLOR": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if built.returncode:
        sys.stderr.write(f"{built.stdout}{built.stderr.partition('Traceback')[0]}")
        return 1
    loaded = foreign(site)
    sys.stderr.writelines(f"loaded from another machine: {line}\n" for line in loaded)
    pages = len(list(site.rglob("*.html")))
    sys.stdout.write(f"{pages} pages from {count} files in {site.relative_to(ROOT)}/index.html\n")
    return int(bool(loaded))


if __name__ == "__main__":
    sys.exit(main())
