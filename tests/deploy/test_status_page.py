"""The status page over a real server: what it tells, and what it refuses."""

import base64
import contextlib
import re
import socket
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from running_node import ask, running_node, silence
from servers import wait_until

from motefit.deploy.node import Node
from motefit.deploy.node_settings import NodeSettings
from motefit.deploy.status_address import TOKEN, status_address
from motefit.deploy.status_page import status_server
from motefit.deploy.status_page.metrics_text import _labels
from motefit.deploy.status_page.status_app import ASSETS
from motefit.spec.errors import DataError, RecipeError

SECRET = "correct-horse-battery"  # noqa: S105 - of the tests


@pytest.fixture
def node(tmp_path):
    with running_node(tmp_path) as running:
        wait_until(lambda: running.forwarder.sent > 4, "readings are stored")
        yield running


def allowed_to_change(node, **changes):
    """Headers of a request from the page itself."""
    csrf = ask(node, "/state").json()["csrf"]
    headers = {"content-type": "application/json", "x-motefit-csrf": csrf}
    return {name: value for name, value in {**headers, **changes}.items() if value}


def test_state_and_metrics_agree_with_the_node(node):
    state = ask(node, "/state").json()
    assert state["node"] == "node"
    assert state["logging"] is True
    assert set(state["tracks"]) == {"temperature", "humidity"}
    track = state["tracks"]["temperature"]
    assert len(track["times_ms"]) == len(track["values"]) >= 2
    assert "forecast" not in state
    text = ask(node, "/metrics").text
    sample = re.compile(r'[a-z_]+(\{([a-z]+="(\\.|[^"\\\n])*",?)+\})? -?[0-9.e+-]+|# .*')
    assert all(sample.fullmatch(line) for line in text.splitlines())
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if line[0] != "#")
    assert int(values["motefit_readings_total"]) >= state["readings"] > 0
    assert values["motefit_logging"] == values["motefit_sink_up"] == "1"
    assert 'motefit_reading{quantity="humidity",unit="%RH"}' in values
    assert ask(node, "/healthz").text == "ok\n"


def test_a_node_whose_loop_no_longer_turns_is_unhealthy(node, monkeypatch):
    monkeypatch.setattr("motefit.deploy.node.STUCK_S", -1.0)
    answer = ask(node, "/healthz")
    assert (answer.status, answer.text) == (503, "unhealthy\n")


def test_nothing_inline_and_nothing_from_elsewhere(node):
    for path in ASSETS:
        answer = ask(node, path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        bare = answer.text.replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]+\.|@import|<script>|\son[a-z]+=|\sstyle=", bare)
    assert ask(node, "/../node.toml").status == 404
    assert ask(node, "/state", method="DELETE").status == 405


def test_a_name_from_elsewhere_for_this_machine_is_refused(node):
    assert ask(node, "/state", headers={"host": "attacker.example:80"}).status == 421
    assert ask(node, "/state", headers={"host": "[::1]:80"}).status == 200


def test_settings_change_from_the_page_and_from_nowhere_else(node):
    def change(body=b'{"least_s": 3}', **headers):
        return ask(node, "/settings", method="POST", headers=headers, body=body)

    ours = allowed_to_change(node)
    assert change().status == 403
    for wrong in (
        {"x-motefit-csrf": "guess"},
        {"x-motefit-csrf": ""},
        {"content-type": "text/plain"},
        {"origin": "http://attacker.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert change(**allowed_to_change(node, **wrong)).status == 403, wrong
    assert change(b"{" + b" " * 5000 + b"}", **ours).status == 413
    for body in (b"{", b"[" * 4000, b"[]", b'{"least_s": "x"}', b'{"least_s": -1}', b'{"no": 1}'):
        assert change(body, **ours).status == 400, body
    assert "did you mean 'least_s'" in change(b'{"least": 1}', **ours).json()["error"]
    assert node.settings.least_s == 1.0
    same = allowed_to_change(node, origin=node.page.url.rstrip("/"))
    assert change(**same).json()["least_s"] == 3
    assert node.switch.least_s == 3.0
    assert "least_s is now 3, before 1" in node.told


def test_what_the_page_sets_decides_about_the_next_word(tmp_path):
    sound = silence(tmp_path / "silence.wav", 1.0)
    voice = {"model": "up-down", "on": "up", "off": "down", "microphone": str(sound)}
    given = {"sink": f"sqlite:{tmp_path}/s.db", "outbox": f"{tmp_path}/o.db", **voice}
    node = Node(NodeSettings(**given, least_agreement=0.5), tell=lambda _: None)
    card = node.spotter.candidates.decision
    node.adjust({"least_probability": 0.93, "refractory_s": 2})
    found = node.spotter.decision
    assert (found.threshold, found.agreement, found.refractory_ms) == (0.93, 0.5, 2000.0)
    node.adjust({"least_probability": 0.0, "least_agreement": 0.0, "refractory_s": 0})
    assert node.spotter.decision == card
    assert node.run().seconds == pytest.approx(1.0)


def test_beyond_the_loopback_a_token_is_needed_and_never_shown(tmp_path, monkeypatch, capfd):
    with pytest.raises(DataError, match="needs a token"), running_node(tmp_path, status="[::]:0"):
        pass
    monkeypatch.setenv(TOKEN, "short")
    with pytest.raises(DataError, match="16 to 200") as error, running_node(tmp_path):
        pass
    assert "short" not in str(error.value)
    monkeypatch.setenv(TOKEN, SECRET)
    with running_node(tmp_path, status="0.0.0.0:0") as node:
        basic = base64.b64encode(f"me:{SECRET}".encode()).decode()
        for right in (f"Basic {basic}", f"Bearer {SECRET}"):
            answer = ask(node, "/state", headers={"authorization": right, "host": "node.local"})
            assert answer.status == 200
            assert SECRET not in answer.text
        for wrong in (
            "",
            "Basic",
            "Basic %",
            f"Basic {basic[:-8]}",
            "Bearer x",
            f"Digest {SECRET}",
        ):
            answer = ask(node, "/", headers={"authorization": wrong} if wrong else {})
            assert answer.status == 401
            assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert ask(node, "/healthz").status == 200
        assert SECRET not in "".join(node.told)
    assert SECRET not in "".join(capfd.readouterr())


def test_a_token_in_a_file_is_the_owners_alone(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    file.chmod(0o644)
    with (
        pytest.raises(DataError, match="chmod 600"),
        running_node(tmp_path, status_token_file=str(file)),
    ):
        pass
    file.chmod(0o600)
    with running_node(tmp_path, status_token_file=str(file)) as node:
        assert ask(node, "/state").status == 401
        assert ask(node, "/state", headers={"authorization": f"Bearer {SECRET}"}).status == 200


@pytest.mark.parametrize(
    "text", ["", "x", "99999", "1:2:3", "::1", "a b:1", "host:", "[::1]", "-1"]
)
def test_an_address_that_is_none_is_refused(text):
    with pytest.raises(RecipeError, match="host and port"):
        status_address(text)


def test_an_address_in_use_is_refused(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with (
            pytest.raises(DataError, match="another program"),
            running_node(tmp_path, status=f"{port}"),
        ):
            pass


@given(st.text(st.sampled_from('ab"\\\n\r\t\x1b{},= é\ud800\u202e'), max_size=12))
def test_any_label_survives_the_text_of_the_metrics(text):
    line = _labels({"word": text})
    (found,) = re.findall(r'^\{word="((?:\\[\\"n]|[^"\\\n])*)"\}$', line)
    back = re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], found)
    assert len(back) == len(text)
    assert all(a == b or b == "\ufffd" for a, b in zip(text, back, strict=True))


def slow(node, count):
    """Open connections that send the start of a request and no more."""
    where = urlsplit(node.page.url)
    opened = []
    for _ in range(count):
        made = socket.create_connection((where.hostname, where.port))
        made.send(b"GET /state HTTP/1.1\r\nhost: local")
        opened.append(made)
    return opened


@pytest.mark.parametrize("count", [100, pytest.param(1000, marks=pytest.mark.proof)])
def test_the_page_answers_and_readings_are_taken_beside_slow_connections(node, count):
    opened = slow(node, count)
    before = node.monitor.counts.readings
    for _ in range(5):
        assert ask(node, "/state").status == 200
        assert ask(node, "/healthz").status == 200
    held = node.page.connections
    assert held <= status_server.MOST_CONNECTIONS
    wait_until(lambda: node.monitor.counts.readings > before, "readings are taken")
    assert not node.monitor.counts.failed
    for connection in opened:
        connection.close()


def test_a_connection_that_asks_for_nothing_is_closed(node, monkeypatch):
    monkeypatch.setattr(status_server, "REQUEST_S", 0.1)
    (connection,) = slow(node, 1)
    with connection:
        connection.settimeout(60)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    wait_until(lambda: node.page.connections == 0, "its place is free")


def test_damaged_requests_end_their_connection_only(node):
    where = urlsplit(node.page.url)
    for sent in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9\r\n\r\n", b"GET " + b"a" * 20_000):
        with socket.create_connection((where.hostname, where.port), timeout=60) as connection:
            connection.send(sent)
            assert connection.recv(100).startswith(b"HTTP/1.1 400")
    assert ask(node, "/healthz").status == 200


def test_the_outbox_history_is_on_the_page_after_a_restart(tmp_path):
    with running_node(tmp_path) as node:
        wait_until(lambda: node.forwarder.sent > 4, "readings are stored")
    with running_node(tmp_path, start="off") as again:
        assert len(ask(again, "/state").json()["tracks"]["temperature"]["values"]) > 2
