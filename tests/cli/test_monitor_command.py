"""``motefit monitor`` and ``motefit readings``."""

import json
import signal
import subprocess

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
    lines = invoke("readings", where, "--as", "csv").stdout.splitlines()
    assert lines[0] == "time,key,value,unit"
    assert len(lines) == result["sent"] + 1
    plot = invoke("readings", where, "--as", "plot", "--last", 20).stdout
    assert "attic:humidity" in plot
    assert "█" in plot


def test_what_cannot_be_used_is_explained(tmp_path, refused):
    assert "did you mean 'room'" in refused("monitor", "--sensor", "rom")
    assert "contains a password" in refused("monitor", "--sink", "redis://me:secret@host")
    assert "cannot be read" in refused("monitor", tmp_path / "missing.toml")
    assert "there is no such file" in refused("readings", f"sqlite:{tmp_path}/missing.db")
    assert "cannot be read back" in refused("readings", "mqtt://broker")
