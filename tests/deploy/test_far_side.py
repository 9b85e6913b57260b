"""What ``motefit deploy`` runs on the node, when versions fail and when it is cut off halfway."""

import hashlib
import io
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers import wait_until

from motefit.deploy import far_side
from motefit.deploy.deployment import SETTINGS

# a service without systemd: it runs while its settings do not say "broken"
RESTART = "cp current/node.toml running"
HEALTH = "! grep broken running"


def order(folder, action, text="", **changes):
    content = text.encode()
    files = {SETTINGS: len(content)} if action == "send" else {}
    return far_side.NodeFolder(
        {
            "action": action,
            "folder": str(folder),
            "sizes": files,
            "hashes": dict.fromkeys(files, hashlib.sha256(content).hexdigest()),
            "restart": RESTART,
            "health": HEALTH,
            "settle_s": 0,
            "patience_s": 0,
            **changes,
        }
    ), io.BytesIO(content)


def given_place(folder, *arguments):
    place, content = order(folder, *arguments)
    try:
        far_side.carry_out(place, content)
    except far_side.ProblemError as problem:
        return str(problem)
    return ""


def text_of(folder, link):
    path = folder / link / SETTINGS
    return path.read_text() if path.exists() else ""


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.sampled_from(["a", "b", "c", "broken"])),
        st.tuples(st.just("back")),
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=10)
@given(steps=STEPS)
def test_what_runs_is_always_the_last_healthy_version(tmp_path_factory, steps):
    folder = tmp_path_factory.mktemp("node")
    assert not given_place(folder, "send", "start")
    current, previous = "start", ""
    for step in steps:
        problem = given_place(folder, *step)
        wanted = step[1] if step[0] == "send" else previous
        assert bool(problem) == (wanted in {"", "broken"})
        if not problem and wanted != current:
            current, previous = wanted, current
        assert (text_of(folder, "current"), text_of(folder, "previous")) == (current, previous)
        assert (folder / "running").read_text() == current
        kept = {"current", "previous"} if previous else {"current"}
        assert len(list((folder / "releases").iterdir())) <= len(kept) + 1


@settings(max_examples=10)
@given(cut=st.integers(0, 12))
def test_a_power_cut_leaves_one_version_or_the_other(tmp_path_factory, cut):
    folder = tmp_path_factory.mktemp("node")
    given_place(folder, "send", "old")
    left = [cut]

    def fsync(_descriptor):
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(far_side.os, "fsync", fsync)
        try:
            given_place(folder, "send", "new")
        except KeyboardInterrupt:
            assert text_of(folder, "current") in {"old", "new"}
    assert not given_place(folder, "send", "newest")
    assert text_of(folder, "current") == "newest"
    assert not given_place(folder, "back")


def test_a_file_changed_on_its_way_never_takes_effect(tmp_path):
    given_place(tmp_path, "send", "old")
    place, _ = order(tmp_path, "send", "new")
    with pytest.raises(far_side.ProblemError, match="instead of"):
        far_side.carry_out(place, io.BytesIO(b"nex"))
    assert text_of(tmp_path, "current") == "old"


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ({"restart": "echo no such unit >&2; exit 5"}, "exit code 5: no such unit"),
        ({"health": "false"}, "is in place, but it is not healthy: 'false' gave exit code 1"),
    ],
)
def test_a_first_version_that_is_not_healthy_stays_and_is_explained(tmp_path, commands, said):
    place, content = order(tmp_path, "send", "first", **commands)
    with pytest.raises(far_side.ProblemError, match=said):
        far_side.carry_out(place, content)
    assert text_of(tmp_path, "current") == "first"


def test_two_deployments_at_once_are_refused(tmp_path):
    place, content = order(tmp_path, "send", "a", restart="sleep 1000")
    command = [sys.executable, "-m", "motefit.deploy.far_side"]
    given = json.dumps(place.order).encode() + b"\n" + content.read()
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as first:
        first.stdin.write(given)
        first.stdin.close()
        wait_until((tmp_path / "current").exists, "the first has a version in place")
        assert "another deployment" in given_place(tmp_path, "back")
        os.killpg(first.pid, 9)
