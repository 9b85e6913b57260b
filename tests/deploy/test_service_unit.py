"""What a node tells systemd, and the text of its unit."""

import socket

from motefit.deploy.node import Node
from motefit.deploy.node_settings import NodeSettings
from motefit.deploy.service_unit import unit_text


def test_a_node_says_that_it_is_ready_and_then_that_it_is_alive(tmp_path, monkeypatch):
    settings = NodeSettings(
        node="n", sink=f"sqlite:{tmp_path}/s.db", outbox=f"{tmp_path}/o.db", every_s=0.05
    )
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        Node(settings, tell=lambda _: None).run(seconds=0.2)
        told = [manager.recv(100, socket.MSG_DONTWAIT) for _ in range(2)]
    assert told == [b"READY=1", b"WATCHDOG=1"]


def test_a_node_runs_on_if_the_manager_is_gone(tmp_path, monkeypatch):
    settings = NodeSettings(
        node="n", sink=f"sqlite:{tmp_path}/s.db", outbox=f"{tmp_path}/o.db", every_s=0.05
    )
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    assert Node(settings, tell=lambda _: None).run(seconds=0.1).sent


def test_special_characters_are_quoted_for_systemd():
    text = unit_text(["/opt/my env/python", "-m", "x"], user="pi", folder='/home/100%/a"$b')
    (line,) = [line for line in text.splitlines() if line.startswith("ExecStart=")]
    assert line == (
        'ExecStart="/opt/my env/python" -m x monitor "/home/100%%/a\\"$$b/current/node.toml" '
        '--model "/home/100%%/a\\"$$b/current/model.zip"'
    )
