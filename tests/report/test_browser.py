"""The page in a real browser: fits a phone and a wide screen, readable in light and dark."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from combinations import crossed

from motefit.report.render import render_report
from motefit.report.report_facts import ReportFacts

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.slow,
]
WIDTHS = (360, 1200)
THEMES = {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 21, 24)"}
LEAST_CONTRAST = 4.5  # WCAG 2.2, level AA, text of any size

# Judged from outside the page, in a frame of each width: what sticks out, what is too faint.
PROBE = """
const within = (e, s) => e.closest(s) !== null;
// "rgb(125, 87, 0)", or of a mixed color "color(srgb 0.9 0.9 0.8 / 0.5)", whose parts are up to 1
const parse = t => { const n = [...t.match(/[\\d.]+/g).map(Number), 1].slice(0, 4);
  return t.startsWith('color(srgb ') ? [...n.slice(0, 3).map(v => 255 * v), n[3]] : n; };
const over = (a, b) => [0, 1, 2].map(i => a[i] * a[3] + b[i] * (1 - a[3])).concat(1);
const light = c => { const [r, g, b] = c.slice(0, 3).map(v => { v /= 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
function ground(view, e) {
  const layers = [];
  for (; e; e = e.parentElement) layers.push(parse(view.getComputedStyle(e).backgroundColor));
  return layers.reverse().reduce((below, above) => over(above, below));
}
function judge(view) {
  const page = view.document, found = {stick: [], faint: [], least: 99};
  page.querySelectorAll('details').forEach(d => d.open = true);
  for (const e of page.body.querySelectorAll('*')) {
    const box = e.getBoundingClientRect();
    const out = box.right > page.documentElement.clientWidth + 0.5 || box.left < -0.5;
    if (out && !within(e, '.scroll table, pre *, .unseen, .lines thead'))
      found.stick.push(e.outerHTML.slice(0, 120));
    const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !box.width || within(e, '.unseen, title, desc')) continue;
    const style = view.getComputedStyle(e);
    const ink = parse(within(e, 'svg') ? style.fill : style.color), paper = ground(view, e);
    const [a, b] = [light(over(ink, paper)), light(paper)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    found.least = Math.min(found.least, ratio);
    if (ratio < LEAST) found.faint.push(ratio.toFixed(2) + ' ' + e.outerHTML.slice(0, 120));
  }
  found.scrolls = page.documentElement.scrollWidth - page.documentElement.clientWidth;
  found.paper = view.getComputedStyle(page.body).backgroundColor;
  found.text = page.body.innerText;
  return found;
}
addEventListener('load', () => {
  const views = [...document.querySelectorAll('iframe')].map(f => judge(f.contentWindow));
  document.body.innerHTML = '';
  document.body.textContent = JSON.stringify(views);
});
""".replace("LEAST)", f"{LEAST_CONTRAST})")


def look(page: str, theme: str, folder: Path) -> dict[int, dict[str, object]]:
    """What the probe finds at each width."""
    frames = "".join(
        f'<iframe style="width:{w}px;height:900px;border:0" srcdoc="{html.escape(page)}"></iframe>'
        for w in WIDTHS
    )
    wrapper = folder / "wrapper.html"
    wrapper.write_text(f"<!doctype html><script>{PROBE}</script><body>{frames}", encoding="utf-8")
    assert CHROMIUM is not None
    command = [
        CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,1000",
        f"--user-data-dir={folder / 'profile'}",
        f"--blink-settings=preferredColorScheme={int(theme == 'light')}",
        "--virtual-time-budget=5000", "--dump-dom", wrapper.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200, check=True)
    body = re.search(r"<body>(.*)</body>", done.stdout, re.DOTALL)
    assert body is not None, done.stderr[-2000:]
    return dict(zip(WIDTHS, json.loads(html.unescape(body[1])), strict=True))


@pytest.fixture
def facts(request: pytest.FixtureRequest, kind: str, words: ReportFacts) -> ReportFacts:
    if kind != "many":
        found: ReportFacts = request.getfixturevalue(kind)
        return found
    labels = tuple(f"anextraordinarilylongword{i:02}" for i in range(35))
    confusion = [[12 * i if i == j else (i * j) % 5 for j in range(35)] for i in range(35)]
    recall = dict.fromkeys(labels, 0.9)
    accuracy = {**words.topic("accuracy"), "confusion": confusion, "recall": recall}
    notes = ["a/path/without/any/place/to/break/" * 8]
    evidence = {**words.card.evidence, "accuracy": accuracy, "data": {"notes": notes, "x" * 90: 1}}
    card = replace(words.card, io=replace(words.card.io, labels=labels), evidence=evidence)
    made = replace(card.provenance, command="motefit " + "x" * 300)
    return replace(words, card=replace(card, provenance=made), name="n" * 120)


@pytest.mark.parametrize(("kind", "theme"), crossed(("words", "climate", "many"), tuple(THEMES)))
def test_page_fits_and_can_be_read(facts: ReportFacts, theme: str, tmp_path: Path) -> None:
    found = look(render_report(facts), theme, tmp_path)
    for width, view in found.items():
        assert view["stick"] == [], f"{width} px wide"
        assert view["scrolls"] == 0
        assert view["faint"] == []
        assert view["paper"] == THEMES[theme]
        shown = " ".join(str(view["text"]).split())
        for line in facts.certificate.lines:
            assert line.bound in shown
            assert line.measured in shown or line.value is None


def test_probe_sees_what_sticks_out_and_what_is_faint(tmp_path: Path) -> None:
    page = (
        "<!doctype html><body style='margin:0;background:#fff'>"
        "<p style='width:800px;color:#bbb'>gray and wide</p>"
    )
    found = look(page, "light", tmp_path)
    assert found[360]["stick"]
    assert found[360]["scrolls"] == 440
    assert not found[1200]["stick"]
    assert found[1200]["faint"]
