"""``motefit monitor`` and ``motefit readings``."""

import json
import signal
import subprocess
import urllib.request

from servers import HANG_S, wait_until


def test_a_node_logs_until_it_is_stopped(tmp_path, command, environment, invoke):
    (tmp_path / "node.toml").write_text('sensors = ["room:7"]\nevery_s = 0.02\nnode = "attic"\n')
    node = subprocess.Popen(
        [*command, "monitor", "node.toml", "--sink", "csv:stored", "--json"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def stored():
        return sum(path.read_text().count("\n") for path in (tmp_path / "stored").glob("*.csv"))

    wait_until(lambda: stored() > 20, "readings are stored")
    node.send_signal(signal.SIGTERM)
    out, err = node.communicate(timeout=HANG_S)
    assert node.returncode == 0, err
    assert b"node attic: logging on" in err
    result = json.loads(out)
    assert result["counts"]["readings"] == result["sent"] + result["waiting"]
    where = f"csv:{tmp_path}/stored"
    table = invoke("readings", where, "--key", "temperature").stdout
    assert table.count("attic:temperature") == result["sent"] // 2
    lines = invoke("readings", where, "--format", "csv").stdout.splitlines()
    assert lines[0] == "time,key,value,unit"
    assert len(lines) == result["sent"] + 1
    plot = invoke("readings", where, "--format", "plot", "--last", 20).stdout
    assert "attic:humidity" in plot
    assert "█" in plot


def test_a_running_node_shows_itself_and_reads_its_settings_again(tmp_path, command, environment):
    settings = tmp_path / "node.toml"
    settings.write_text('sensors = ["room:7"]\nevery_s = 0.05\nnode = "attic"\n')
    node = subprocess.Popen(
        [*command, "monitor", "node.toml", "--status", "0"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    told = []

    def wait_for(text):
        while text not in (line := node.stderr.readline()):
            assert line, told
            told.append(line)
        return line

    try:
        url = wait_for("status page: ").split()[-1]
        with urllib.request.urlopen(f"{url}metrics", timeout=HANG_S) as answer:  # noqa: S310
            assert 'motefit_node_info{node="attic"' in answer.read().decode()
        for text, said in (
            ("least_s = -3\n", "least_s must be 0 to 3600, got -3; the settings stay as they are"),
            ("least_s = [\n", "not valid TOML"),
            ('sensors = ["room:7"]\nleast_s = 9\nevery_s = 0.05\n', "least_s is now 9, before 1"),
        ):
            settings.write_text(text)
            node.send_signal(signal.SIGHUP)
            wait_for(said)
        assert "at the next start only: node" in wait_for("the settings have been read again")
    finally:
        node.send_signal(signal.SIGTERM)
        out, err = node.communicate(timeout=HANG_S)
    assert node.returncode == 0, err
    assert "readings sent" in out


def test_what_cannot_be_used_is_explained_and_leaves_nothing(tmp_path, refused, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "did you mean 'room'" in refused("monitor", "--sensor", "rom")
    assert "contains a password" in refused("monitor", "--sink", "redis://me:secret@host")
    assert "cannot be read" in refused("monitor", tmp_path / "missing.toml")
    assert "host and port" in refused("monitor", "--status", "here")
    assert "needs a token" in refused("monitor", "--status", "0.0.0.0:0", "--outbox", "o.db")
    assert "for keyword-spotting" in refused("monitor", "--forecast", "up-down")
    assert "there is no such file" in refused("readings", f"sqlite:{tmp_path}/missing.db")
    assert "cannot be read back" in refused("readings", "mqtt://broker")
    assert list(tmp_path.iterdir()) == []
