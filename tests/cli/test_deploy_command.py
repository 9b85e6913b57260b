"""``motefit deploy`` to a node behind a real sshd on loopback; without one these tests skip."""

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from servers import wait_until
from ssh_server import program, ssh_server

import motefit
from motefit.deploy.deployment import MODEL

VOICE = 'on = "up"\noff = "down"\n'
# a service without systemd: it runs while its settings do not say "broken"
RESTART = "cp current/node.toml running"
HEALTH = "! grep broken running"


@pytest.fixture(scope="module")
def ssh(tmp_path_factory):
    with ssh_server(tmp_path_factory.mktemp("ssh")) as command:
        yield command


@pytest.fixture
def node(ssh, tmp_path):
    """Give the options that reach a node without systemd, and its folder."""
    source = Path(motefit.__file__).parents[1]
    python = program(
        tmp_path / "python", f'PYTHONPATH={source} exec {shlex.quote(sys.executable)} "$@"'
    )
    folder = tmp_path / "a node; touch injected"
    options = [
        *("--ssh", ssh, "--python", python, "--folder", folder, "--settle", 0.1),
        *("--patience", 0.3, "--restart", RESTART, "--health", HEALTH),
    ]
    return options, folder


def settings_of(folder, text=""):
    path = folder / "mine.toml"
    path.write_text(VOICE + text)
    return path


def test_a_version_is_sent_replaced_refused_and_rolled_back(invoke, refused, node, tmp_path):
    options, folder = node
    done = invoke(
        "deploy", "device", "up-down", "--node", settings_of(tmp_path), *options, "--json"
    )
    assert done.exit_code == 0, done.output
    first = json.loads(done.stdout)
    shipped = motefit.find_model("up-down").read_bytes()
    assert (folder / "current" / MODEL).read_bytes() == shipped
    assert first["hashes"][MODEL] == hashlib.sha256(shipped).hexdigest()

    path = settings_of(tmp_path, "every_s = 5\n")
    looked = invoke("deploy", "device", "up-down", "--node", path, "--dry-run", *options)
    assert re.search(r"model.zip: .* the same as there\nnode.toml: .* would be sent", looked.stdout)
    assert (folder / "current").resolve().name == first["current"]
    invoke("deploy", "device", "up-down", "--node", path, *options)
    second = (folder / "current").resolve().name
    assert second != first["current"]

    # settings are kept if none are sent; the same version again changes nothing
    assert "already in place" in invoke("deploy", "device", "up-down", *options).stdout
    path = settings_of(tmp_path, 'sensors = ["csv:broken.csv"]\n')
    said = refused("deploy", "device", "up-down", "--node", path, *options)
    assert re.search(f"exit code 1.*back to {second}, which is healthy", said)
    assert "every_s = 5" in (folder / "running").read_text()

    back = invoke("deploy", "device", "--rollback", *options)
    assert f"{first['current']} is in place and healthy; {second} is kept" in back.stdout
    assert (folder / "running").read_text() == VOICE
    assert not list(tmp_path.rglob("injected"))


def analyze(*arguments):
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_a_unit_is_written_for_the_node(invoke, node, tmp_path):
    options, folder = node
    done = invoke("deploy", "device", "--unit", *options)
    assert done.exit_code == 0, done.output
    (tmp_path / "motefit-node.service").write_text(done.stdout)
    assert f'"{folder}/current/node.toml" --model' in done.stdout
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze absent: systemd is not installed")
    unit = str(tmp_path / "motefit-node.service")
    found = analyze("verify", unit)
    assert (found.returncode, found.stderr) == (0, "")
    rated = analyze("security", "--offline=true", "--threshold=30", "--no-pager", unit)
    if "unrecognized option" in rated.stderr:
        pytest.skip("this systemd-analyze cannot rate a file")
    assert rated.returncode == 0, rated.stdout + rated.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["device"], "give one of"),
        (["device", "up-down", "--rollback"], "give one of"),
        (["device", "--rollback", "--node", "x.toml"], "goes with a model"),
        (["--rollback", "--", "-oProxyCommand=touch injected"], "must be user@host"),
        (["device", "up-dwn"], "did you mean 'up-down'"),
        (["device", "climate-6"], "not for keyword-spotting"),
        (["device", "up-down", "--settle", "-1"], "0 to 3600"),
    ],
)
def test_a_wrong_order_is_explained_before_anything_is_sent(refused, arguments, said):
    assert said in refused("deploy", "--ssh", "/no/ssh", *arguments)


def test_settings_are_checked_against_the_model_before_they_are_sent(refused, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('on = "up"\noff = "stop"\n')
    said = refused("deploy", "device", "up-down", "--node", path, "--ssh", "/no/ssh")
    assert "'stop' is not a word of up-down" in said


def test_a_node_that_cannot_take_a_version_is_explained(refused, node, tmp_path):
    options, _ = node
    settings = settings_of(tmp_path)
    said = refused(
        "deploy", "device", "up-down", "--node", settings, *options, "--folder", "/dev/null/x"
    )
    assert "device: /dev/null" in said


def test_a_node_without_settings_or_versions_is_explained(refused, node):
    options, _ = node
    assert "has no node.toml yet" in refused("deploy", "device", "up-down", *options)
    assert "has no previous version" in refused("deploy", "device", "--rollback", *options)


@pytest.mark.proof
def test_a_real_node_is_replaced_and_comes_back_with_all_its_readings(
    invoke, refused, node, tmp_path
):
    """The service is a real monitor, supervised by two shell commands, hearing from a pipe."""
    options, folder = node
    options = options[:-4]
    start = (
        f"{shlex.quote(str(tmp_path / 'python'))} -m motefit.cli monitor current/node.toml "
        "--model current/model.zip --input sound"
    )
    restart = (
        "kill $(cat pid) && while kill -0 $(cat pid); do sleep 0.1; done; [ -p sound ] || mkfifo "
        f"sound; (exec 9<>sound; exec {start} >>log 2>&1) & echo $! >pid"
    )
    health = "kill -0 $(cat pid) && tail -n 1 log | grep 'logging on'"
    options += ["--restart", restart, "--health", health, "--settle", 2, "--patience", 60]
    text = 'node = "n"\nstart = "on"\nevery_s = 0.05\n'
    try:
        first = invoke(
            "deploy", "device", "up-down", "--node", settings_of(tmp_path, text), *options, "--json"
        )
        assert first.exit_code == 0, first.output + (folder / "log").read_text()
        path = settings_of(tmp_path, text + 'sensors = ["csv:/nowhere.csv"]\n')
        said = refused("deploy", "device", "up-down", "--node", path, *options, "--patience", 10)
        assert "which is healthy" in said, (folder / "log").read_text()
        path = settings_of(tmp_path, text + 'sensors = ["room:7"]\n')
        done = invoke("deploy", "device", "up-down", "--node", path, *options)
        assert done.exit_code == 0, done.output + (folder / "log").read_text()
    finally:
        os.kill(int((folder / "pid").read_text()), signal.SIGTERM)
    wait_until(lambda: (folder / "log").read_text().count("readings sent, 0 waiting") == 3, "ended")
    counts = [int(n) for n in re.findall(r"(\d+) readings,", (folder / "log").read_text())]
    assert len(motefit.readings(f"sqlite:{folder}/readings.db").readings) == sum(counts)
