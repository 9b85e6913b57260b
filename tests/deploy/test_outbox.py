"""The outbox: what it has taken is there, whatever happens, and each reading has its own time."""

import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from node_readings import reading

from motefit.deploy.outbox import Outbox
from motefit.spec.errors import DataError, OutputError

WRITER = """
import sys
from pathlib import Path
from motefit.deploy.outbox import Outbox
from motefit.deploy.reading import Reading
with Outbox(Path(sys.argv[1])) as outbox:
    print("ready", flush=True)
    for number in range(int(sys.argv[2]), 10**9):
        outbox.put([Reading(key="n:x", time_ms=number, value=number)])
        print(number, flush=True)
"""


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("put"), st.lists(st.integers(0, 5), max_size=4)),
            st.tuples(st.just("send"), st.integers(1, 4)),
            st.tuples(st.just("reopen"), st.just(0)),
        ),
        max_size=12,
    )
)
def test_readings_leave_in_the_order_they_came_each_once(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("outbox") / "outbox.db"
    taken, sent = [], []
    outbox = Outbox(path)
    for kind, what in steps:
        if kind == "put":
            outbox.put([reading(second, value=len(taken) + n) for n, second in enumerate(what)])
            taken += range(len(taken), len(taken) + len(what))
        elif kind == "send":
            batch = outbox.batch(what)
            sent += [r for _, r in batch]
            outbox.acknowledge([number for number, _ in batch])
        else:
            outbox.close()
            outbox = Outbox(path)
        assert len(outbox) == len(taken) - len(sent)
    sent += [r for _, r in outbox.batch(1000)]
    outbox.close()
    assert [r.value for r in sent] == taken
    assert len({(r.key, r.time_ms) for r in sent}) == len(taken)


def test_a_reading_at_a_taken_time_moves_to_the_next_free_millisecond(tmp_path):
    with Outbox(tmp_path / "o.db") as outbox:
        outbox.put([reading(5, 1.0), reading(6, 2.0)])
        outbox.acknowledge([number for number, _ in outbox.batch(2)])
        outbox.put([reading(5, 3.0)])  # the clock was set back
        ((_, again),) = outbox.batch(10)
    assert (again.time_ms, again.value) == (reading(5).time_ms + 1, 3.0)


def test_a_full_outbox_gives_up_the_oldest_and_counts_them(tmp_path):
    with Outbox(tmp_path / "o.db", most=3) as outbox:
        for n in range(5):
            outbox.put([reading(n, n)])
        assert [r.value for _, r in outbox.batch(9)] == [2, 3, 4]
        assert outbox.given_up == 2
    with Outbox(tmp_path / "o.db", most=3) as outbox:
        assert (len(outbox), outbox.given_up) == (3, 2)


def test_a_full_outbox_that_refuses_keeps_what_it_has(tmp_path):
    with Outbox(tmp_path / "o.db", most=3, when_full="refuse") as outbox:
        outbox.put([reading(n, n) for n in range(3)])
        with pytest.raises(OutputError, match="full"):
            outbox.put([reading(9, 9)])
        assert [r.value for _, r in outbox.batch(9)] == [0, 1, 2]


def test_sent_readings_are_forgotten_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr("motefit.deploy.outbox.HISTORY", 50)
    with Outbox(tmp_path / "o.db") as outbox:
        for start in range(0, 100, 10):
            outbox.put([reading(n) for n in range(start, start + 10)])
            outbox.acknowledge([number for number, _ in outbox.batch(10)])
        outbox.put([reading(10**6)])
        assert len(outbox.newest(10**6)) == 51


def test_a_second_monitor_is_refused(tmp_path):
    with Outbox(tmp_path / "o.db"), pytest.raises(DataError, match="another monitor"):
        Outbox(tmp_path / "o.db")
    Outbox(tmp_path / "o.db").close()


def test_a_file_that_is_no_outbox_is_left_alone(tmp_path):
    (tmp_path / "o.db").write_bytes(b"no database" * 1000)
    with pytest.raises(DataError, match="cannot be used as an outbox"):
        Outbox(tmp_path / "o.db")
    assert (tmp_path / "o.db").read_bytes() == b"no database" * 1000


def kill_writers(path, times):
    """Kill a process that fills the outbox, several times; return the numbers it had confirmed."""
    confirmed = []
    for n in range(times):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(10**6 * n)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout.readline() == "ready\n"
        own = [int(writer.stdout.readline()) for _ in range(3 + 7 * n % 20)]
        writer.send_signal(signal.SIGKILL)
        confirmed += own + [int(line) for line in writer.stdout.read().split("\n")[:-1]]
        writer.wait()
        writer.stdout.close()
    return confirmed


@pytest.mark.parametrize("times", [2, pytest.param(50, marks=pytest.mark.proof)])
def test_nothing_confirmed_is_lost_by_kill_9(tmp_path, times):
    confirmed = kill_writers(tmp_path / "o.db", times)
    with Outbox(tmp_path / "o.db") as outbox:
        found = [r.time_ms for _, r in outbox.batch(10**7)]
    assert len(found) == len(set(found))
    assert set(confirmed) <= set(found)
    assert len(found) - len(confirmed) <= times, "at most one unconfirmed reading for each kill"


@pytest.fixture(scope="module")
def unfinished(tmp_path_factory):
    """Give a database and its write-ahead log, as they lie on the disk of a node that runs."""
    folder = tmp_path_factory.mktemp("unfinished")
    with Outbox(folder / "o.db") as outbox:
        for n in range(30):
            outbox.put([reading(n, n)])
        shutil.copytree(folder, folder / "copy")
    return folder / "copy"


@given(part=st.floats(0, 1))
def test_a_log_cut_off_by_a_power_failure_gives_the_first_readings(
    unfinished, tmp_path_factory, part
):
    folder = tmp_path_factory.mktemp("cut")
    shutil.copy(unfinished / "o.db", folder)
    log = (unfinished / "o.db-wal").read_bytes()
    (folder / "o.db-wal").write_bytes(log[: round(part * len(log))])
    with Outbox(folder / "o.db") as outbox:
        found = [r.value for _, r in outbox.batch(100)]
        outbox.put([reading(100, 100.0)])
    assert found == list(range(len(found)))
    if part == 1:
        assert len(found) == 30


def test_a_full_disk_is_told_and_loses_nothing(tmp_path):
    with Outbox(tmp_path / "o.db") as outbox:
        outbox.put([reading(1)])
        outbox._connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(OutputError, match="cannot be written"):
            outbox.put([reading(n) for n in range(2, 3000)])
        outbox._connection.execute("PRAGMA max_page_count = 100000")
        assert len(outbox) == 1
        outbox.put([reading(2)])
        assert len(outbox.batch(10)) == 2


def test_the_file_is_a_plain_database(tmp_path):
    with Outbox(tmp_path / "o.db") as outbox:
        outbox.put([reading(1, 20.5)])
    rows = sqlite3.connect(tmp_path / "o.db")
    assert rows.execute("SELECT key, value, unit FROM readings").fetchall() == [
        ("node:temperature", 20.5, "Cel")
    ]
    rows.close()
