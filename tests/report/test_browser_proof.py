"""Reports in a real browser: axe-core finds nothing, the console is empty, nothing is loaded."""

import pytest
from axe import AXE, EXCESS, JUDGE
from chromium import CHROMIUM, browser

from motefit.certify.certify import bundle_report
from motefit.report.render import render_comparison, render_report
from motefit.report.report_facts import ReportFacts
from motefit.runtime.zoo import find_model

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.slow,
    pytest.mark.proof,
]
UNFOLD = "document.querySelectorAll('details').forEach(d => d.open = true)"


@pytest.fixture(scope="module")
def tab(tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def pages(study: ReportFacts) -> dict[str, str]:
    """Two words and climate as shipped, a study of eight words, and a comparison."""
    shipped = {name: bundle_report(find_model(name)) for name in ("up-down", "climate-6")}
    return {
        **{name: render_report(facts) for name, facts in shipped.items()},
        "study": render_report(study),
        "comparison": render_comparison(tuple(shipped.values())),
    }


@pytest.mark.parametrize(("width", "theme"), [(390, "dark"), (1280, "light")])
def test_axe_finds_nothing_and_the_console_stays_empty(tab, words, width, theme, tmp_path):
    if not AXE.exists():
        pytest.skip("axe-core is not there: tools/axe.sh fetches it")
    found = {}
    for name, page in pages(words).items():
        path = tmp_path / f"{name}.html"
        path.write_text(page, encoding="utf-8")
        tab.look(width=width, theme=theme)
        tab.call("Page.navigate", url=path.as_uri())
        tab.wait(f"document.readyState == 'complete' && location.href == '{path.as_uri()}'")
        tab.evaluate(UNFOLD)
        assert tab.evaluate(EXCESS) == 0, name
        loaded = tab.evaluate("performance.getEntriesByType('resource').map(e => e.name)")
        assert all(url.startswith("data:") for url in loaded), name
        tab.evaluate(AXE.read_text(encoding="utf-8") + "; 0")
        passed, found[name] = tab.evaluate(JUDGE)
        assert passed > 15
    assert {name: violations for name, violations in found.items() if violations} == {}
    assert tab.problems == []
