"""The status page in a real browser: what it shows, a click, phones, the dark, and axe-core."""

import contextlib
import itertools
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from chromium import CHROMIUM, Browser, browser
from running_node import running_node
from servers import wait_until

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine"),
    pytest.mark.slow,
    pytest.mark.proof,
]
AXE = (
    Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "motefit-tools/axe/axe.min.js"
)
HOSTILE = "<img src=x onerror=document.title=1>\u202e.csv"


@contextlib.contextmanager
def sounding(path):
    """Make a pipe that sounds like a quiet room in which something beeps every two seconds."""
    noise = np.random.default_rng(3).normal(0, 30, 32_000)
    noise[8000:16_000] += 8000 * np.sin(np.arange(8000) / 5) * np.hanning(8000)
    pieces = itertools.cycle(noise.astype("<i2").reshape(20, -1))
    os.mkfifo(path)
    over = threading.Event()
    with os.fdopen(os.open(path, os.O_RDWR | os.O_NONBLOCK), "wb", buffering=0) as pipe:

        def sound():
            while not over.wait(0.1):
                pipe.write(next(pieces).tobytes())  # less is written if nobody reads

        thread = threading.Thread(target=sound)
        thread.start()
        yield path
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """Open the page of a node that hears, forecasts, and has a sensor with a hostile name."""
    folder = tmp_path_factory.mktemp("page")
    (folder / HOSTILE).write_text("level\n1\n2\nbroken\n")
    voice = {"model": "up-down", "on": "up", "off": "down"}
    with contextlib.ExitStack() as opened:
        microphone = opened.enter_context(sounding(folder / "microphone"))
        node = opened.enter_context(
            running_node(
                folder,
                node="attic",
                start="on",
                sensors=("room", f"csv:{folder / HOSTILE}"),
                forecast="climate-6",
                microphone=str(microphone),
                **voice,
            )
        )
        wait_until(lambda: node.monitor.counts.failed.total() > 0, "a sensor has failed")
        tab = opened.enter_context(browser(folder))
        tab.call("Page.navigate", url=node.page.url)
        tab.wait("document.querySelectorAll('#charts polyline').length == 3")
        yield tab, node


def test_the_page_follows_the_node(page: tuple[Browser, object]):
    tab, _ = page
    assert tab.evaluate("document.querySelector('h1').textContent") == "attic"
    assert tab.evaluate("document.getElementById('logging').textContent") == "Logging on"
    readings = "Number(document.querySelector('#figures dd').textContent.replaceAll(',', ''))"
    before = tab.evaluate(readings)
    tab.wait(f"{readings} > {before}")
    tab.wait("document.querySelectorAll('#probabilities .bar').length == 2")
    assert "climate-6 needs 6 rows" in tab.evaluate("document.body.innerText")
    assert tab.problems == []


def test_hostile_names_are_shown_and_not_obeyed(page: tuple[Browser, object]):
    tab, _ = page
    shown = tab.evaluate("document.getElementById('messages').textContent")
    assert HOSTILE.replace("\u202e", "\ufffd") in shown
    assert tab.evaluate("document.querySelectorAll('img').length") == 0
    # the beeps may switch it
    assert tab.evaluate("document.title") in {"attic: logging on", "attic: logging off"}


def test_a_click_changes_the_threshold_of_the_running_node(page: tuple[Browser, object]):
    tab, node = page
    tab.write("#least_probability", "0.9")
    tab.write("#least_s", "2.5")
    tab.click("#settings button")
    tab.wait("document.getElementById('saved').textContent.startsWith('Applied')")
    assert node.spotter.decision.threshold == 0.9
    assert node.switch.least_s == 2.5
    tab.wait(
        "document.getElementById('messages').textContent.includes('least_s is now 2.5, before 1')"
    )
    tab.write("#least_probability", "7")  # more than the field allows: the browser refuses
    tab.click("#settings button")
    assert tab.evaluate("document.querySelectorAll('#settings :invalid').length") == 1
    tab.evaluate("document.getElementById('settings').noValidate = true")
    tab.click("#settings button")  # and so does the node
    tab.wait("document.getElementById('saved').textContent.includes('must be 0 to 1, got 7')")
    assert node.spotter.decision.threshold == 0.9
    tab.problems = [text for text in tab.problems if "400" not in text]
    assert tab.problems == []


@pytest.mark.parametrize(
    ("width", "theme"),
    [
        (390, "dark"),
        (1280, "light"),
        pytest.param(390, "light", marks=pytest.mark.proof),
        pytest.param(1280, "dark", marks=pytest.mark.proof),
    ],
)
def test_the_page_fits_and_axe_finds_nothing_serious(page, width, theme):
    tab, _ = page
    tab.look(width=width, theme=theme)
    tab.wait(f"innerWidth == {width}")
    excess = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert tab.evaluate(excess) == 0
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 21, 24)"}[theme]
    if not AXE.exists():
        pytest.skip("axe-core is not there: tools/axe.sh fetches it")
    if not tab.evaluate("'axe' in window"):
        tab.evaluate(AXE.read_text(encoding="utf-8") + "; 0")
    found = tab.evaluate(
        "axe.run().then(r => [r.passes.length, r.violations.map(v => [v.impact, v.id, "
        "v.nodes.map(n => n.html).join(' ')])])"
    )
    assert found[0] > 15
    assert found[1] == []


@pytest.mark.proof
def test_a_node_that_is_gone_is_told(tmp_path):
    with contextlib.ExitStack() as opened:
        with running_node(tmp_path) as node:
            tab = opened.enter_context(browser(tmp_path))
            tab.call("Page.navigate", url=node.page.url)
            tab.wait("document.querySelectorAll('#charts polyline').length == 2")
            assert tab.evaluate("document.getElementById('lost').hidden")
        tab.wait("!document.getElementById('lost').hidden")
        assert "No answer from the node since" in tab.evaluate("document.body.innerText")
