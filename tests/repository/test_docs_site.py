"""The site has every page, and loads nothing from elsewhere; the notebook shows what it did.

`make site`, which .ci/run calls, builds the site strictly; here is what needs no site generator.
"""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))
NOTEBOOK = ROOT / "docs" / "walkthrough.ipynb"


def _tool():
    spec = importlib.util.spec_from_file_location("docs_site", ROOT / "tools" / "docs_site.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


site = _tool()


def test_every_page_is_in_the_navigation_once():
    pages = site.navigation(CONFIG)
    assert len(pages) == len(set(pages))
    assert all(site.source(page).is_file() for page in pages)
    files = [path for kind in ("md", "ipynb") for path in (ROOT / "docs").glob(f"*.{kind}")]
    assert {f"docs/{path.stem}.md" for path in files} <= set(pages)


def test_what_a_page_links_to_is_on_the_site():
    found = site.closure(site.navigation(CONFIG))
    names = {str(path.relative_to(ROOT)) for path in found}
    assert {"docs/pictures/report.png", "docs/decisions/0001-graph.md", "zoo/README.md"} <= names
    assert set((ROOT / "docs" / "decisions").glob("*.md")) <= found


def test_lists_begin_after_a_blank_line():
    """As the site's dialect of Markdown wants it; GitHub's does not."""
    item = re.compile(r"(\d+\.|[-*]) \S")
    for page in (path for path in site.closure(site.navigation(CONFIG)) if path.suffix == ".md"):
        text = re.sub(
            r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        for block in text.split("\n\n"):
            lines = [line for line in block.splitlines() if line and not line.startswith("#")]
            assert not any(map(item.match, lines)) or item.match(lines[0]) or lines[0][0] == " ", (
                f"{page.name}: {lines[0]}"
            )


def test_a_script_from_elsewhere_is_found(tmp_path):
    pages = {
        "script.html": '<script async src="https://cdn.example/x.js"></script>',
        "style.html": '<link href=//fonts.example/a rel=stylesheet>',
        "style.css": "@font-face{src:url(https://fonts.example/b.woff2)}",
        "fine.html": '<a href="https://example.org/">out</a><img src="in.png"><script>"https://x"</script>',
    }  # fmt: skip
    for name, text in pages.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert {line.partition(":")[0] for line in site.foreign(tmp_path)} == set(pages) - {"fine.html"}


def test_a_notebook_becomes_a_page():
    page = site.notebook_page(
        {
            "cells": [
                {"cell_type": "markdown", "source": ["# Title\n", "text"]},
                {
                    "cell_type": "code",
                    "source": ["f()"],
                    "outputs": [
                        {"output_type": "stream", "text": ["one\n", "two\n"]},
                        {"output_type": "execute_result", "data": {"text/html": "<b>\n\n3</b>"}},
                    ],
                },
            ]
        }
    )
    shown = [
        "# Title\ntext",
        "```python\nf()\n```",
        "```text\none\ntwo\n```",
        '<div class="output">',
    ]
    places = [page.index(part) for part in shown]
    assert places == sorted(places)
    assert "<b> 3</b>" in page


def test_the_notebook_is_saved_with_its_outputs():
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not re.search(r"/work/|/home/|/root/|/tmp/", text)
    assert len(text) < 100_000
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [o for o in outputs if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert all(cell["outputs"] for cell in cells)
    shown = "".join("".join(o.get("data", {}).get("text/html", "")) for o in outputs)
    assert "budget met" in shown
    assert "every size, accuracy and error of the card was reproduced exactly" in shown


@pytest.mark.proof
def test_the_notebook_shows_the_same_again():
    pytest.importorskip("nbclient", reason="make proof installs requirements/notebook.txt")
    command = [sys.executable, ROOT / "tools" / "notebook.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
