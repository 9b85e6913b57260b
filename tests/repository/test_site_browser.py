"""The documentation site in a browser: axe-core finds nothing serious, nothing is loaded."""

import subprocess
import sys
from pathlib import Path

import pytest
from axe import AXE, EXCESS, JUDGE
from chromium import CHROMIUM, browser

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("index.html", "docs/tutorial.html", "docs/walkthrough.html")

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.slow,
    pytest.mark.proof,
]


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def site():
    subprocess.run([sys.executable, ROOT / "tools" / "docs_site.py"], check=True)
    return ROOT / "build" / "site"


def open_page(tab, path, width, theme):
    tab.look(width=width, theme=theme)
    tab.call("Page.navigate", url=path.as_uri())
    tab.wait(f"document.readyState == 'complete' && location.href == '{path.as_uri()}'")


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_the_site_fits_and_is_accessible_and_loads_nothing_from_elsewhere(tab, site, width, theme):
    if not AXE.exists():
        pytest.skip("axe-core is not there: tools/axe.sh fetches it")
    tab.problems.clear()
    for name in PAGES:
        open_page(tab, site / name, width, theme)
        assert tab.evaluate(EXCESS) == 0, name
        loaded = tab.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
        assert all(url.startswith(("data:", "file:", "blob:")) for url in loaded), loaded
    assert tab.problems == []
    for name in PAGES:  # axe-core reads style sheets, which a page opened as a file may not
        open_page(tab, site / name, width, theme)
        tab.evaluate(AXE.read_text(encoding="utf-8") + "; 0")
        passed, violations = tab.evaluate(JUDGE)
        assert passed > 15
        serious = [v for v in violations if v[0] in {"serious", "critical"}]
        assert not serious, (name, serious)
