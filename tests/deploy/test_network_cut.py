"""A broker behind a real network, a namespace of its own, whose cable is pulled; needs root."""

import contextlib
import os
import shutil
import subprocess
import threading
import time
from collections import defaultdict
from dataclasses import replace

import pytest
from mqtt_subscriber import Subscriber
from servers import HANG_S, find, mosquitto, running, wait_until

from motefit.deploy.node import Node
from motefit.deploy.node_settings import NodeSettings

HERE, THERE = "10.213.87.1", "10.213.87.2"


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@pytest.fixture
def namespace():
    """Give a network namespace and the two ends of the cable to it."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("not root, or iproute2 is not installed: no network namespace")
    name, near, far = (f"{part}{os.getpid() % 10**8}" for part in ("motefit", "near", "far"))
    try:
        ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespace is allowed here: {error.stderr.decode().strip()}")
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        ip("addr", "add", f"{HERE}/30", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "addr", "add", f"{THERE}/30", "dev", far)
        ip("-n", name, "link", "set", far, "up")
        yield name, near, far
    finally:
        ip("netns", "del", name)
        with contextlib.suppress(subprocess.CalledProcessError):
            ip("link", "del", near)


def started(settings):
    node = Node(settings, tell=lambda _: None)
    thread = threading.Thread(target=node.run)
    thread.start()
    return node, thread


@pytest.mark.proof
@pytest.mark.skipif(not find("mosquitto"), reason="mosquitto is not installed")
def test_a_network_that_is_cut_loses_and_doubles_nothing(namespace, tmp_path):
    """The far end is cut three times, so that packets vanish, and the own interface twice."""
    name, near, far = namespace
    broker = mosquitto(tmp_path, host=THERE)
    broker = replace(broker, command=("ip", "netns", "exec", name, *broker.command))
    with running(broker):
        subscriber = Subscriber(broker.port, THERE)
        settings = NodeSettings(
            node="n",
            every_s=0.05,
            sink=f"mqtt://{THERE}:{broker.port}",
            outbox=f"{tmp_path}/outbox.db",
        )
        node, thread = started(settings)
        for cable in (("-n", name, "link", "set", far), ("link", "set", near)) * 2 + (
            ("-n", name, "link", "set", far),
        ):
            before = node.forwarder.sent
            wait_until(lambda before=before: node.forwarder.sent > before, "readings are sent")
            ip(*cable, "down")
            wait_until(lambda: bool(node.forwarder.problem), "the cut is noticed")
            time.sleep(0.5)
            ip(*cable, "up")
            wait_until(lambda: not node.forwarder.problem, "the sink is back")
        node.stop()
        thread.join(HANG_S)
        taken = node.monitor.counts.readings
        node, thread = started(replace(settings, start="off"))
        wait_until(lambda: not len(node.outbox), "the rest is sent")
        node.stop()
        thread.join(HANG_S)
        wait_until(lambda: len(subscriber.stored) >= taken, "all readings have arrived")
        assert len(subscriber.stored) == len(subscriber.order) == taken
        times = defaultdict(list)
        for key, time_ms in subscriber.order:
            times[key].append(time_ms)
        assert all(own == sorted(own) for own in times.values())
        subscriber.close()
