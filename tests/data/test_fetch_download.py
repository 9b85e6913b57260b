"""Downloads from a real HTTP server on this machine that misbehaves in every way we know of."""

import hashlib
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from motefit.data.fetch.download import Patience, download
from motefit.spec.errors import DataError, OutputError, RecipeError

BODY = np.random.default_rng(7).bytes(1_500_000)
SHA256 = hashlib.sha256(BODY).hexdigest()
SHORT = Patience(attempts=3, pause_s=0.01, timeout_s=2.0)


class Upstream(ThreadingHTTPServer):
    """Serves ``body`` at every path; ``cut_after`` lists where each next answer breaks off."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.body = BODY
        self.etag: str | None = '"one"'
        self.date: str | None = None
        self.ranges = True
        self.honors_if_range = True
        self.range_lie = 0
        self.announce: int | str | None = "true"
        self.cut_after: list[int | None] = []
        self.statuses: list[int] = []
        self.seen: list[str | None] = []
        self.answered: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/file.zip"


class Handler(BaseHTTPRequestHandler):
    server: Upstream

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        pass

    def do_GET(self) -> None:
        up = self.server
        wanted = self.headers.get("Range")
        up.seen.append(wanted)
        if up.statuses and (status := up.statuses.pop(0)) != 200:
            up.answered.append(status)
            self.send_error(status)
            return
        first = 0
        same = self.headers.get("If-Range") in {up.etag, up.date}
        if wanted and up.ranges and (same or not up.honors_if_range):
            first = int(wanted.removeprefix("bytes=").removesuffix("-"))
        if first > len(up.body):
            up.answered.append(416)
            self.send_error(416)
            return
        payload = up.body[first:]
        up.answered.append(206 if first else 200)
        self.send_response(206 if first else 200)
        if first:
            start = first + up.range_lie
            self.send_header("Content-Range", f"bytes {start}-{len(up.body) - 1}/{len(up.body)}")
        for name, value in (("ETag", up.etag), ("Last-Modified", up.date)):
            if value is not None:
                self.send_header(name, value)
        if up.announce is not None:
            length = len(payload) if up.announce == "true" else int(up.announce)
            self.send_header("Content-Length", str(length))
        self.end_headers()
        cut = up.cut_after.pop(0) if up.cut_after else None
        try:
            self.wfile.write(payload if cut is None else payload[:cut])
        except (BrokenPipeError, ConnectionResetError):
            return  # the client has seen enough
        if cut is not None:
            self.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def get(
    upstream: Upstream,
    path: Path,
    *,
    sha256: str | None = SHA256,
    size_bytes: int = len(BODY),
    progress: Callable[[int, int], None] | None = None,
    patience: Patience = SHORT,
) -> str:
    return download(
        upstream.url,
        path,
        size_bytes=size_bytes,
        sha256=sha256,
        progress=progress,
        patience=patience,
    )


def test_whole_file_arrives_with_progress_and_leaves_nothing_else(
    upstream: Upstream, tmp_path: Path
) -> None:
    calls: list[tuple[int, int]] = []
    digest = get(upstream, tmp_path / "a.zip", progress=lambda *args: calls.append(args))
    assert digest == SHA256
    assert (tmp_path / "a.zip").read_bytes() == BODY
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    assert calls[-1] == (len(BODY), len(BODY))
    assert [here for here, _ in calls] == sorted({here for here, _ in calls})


def test_cut_connections_are_resumed_where_they_stopped(upstream: Upstream, tmp_path: Path) -> None:
    upstream.cut_after = [400_000, 1, 300_000]
    assert get(upstream, tmp_path / "a.zip") == SHA256
    assert upstream.seen == [None, "bytes=400000-", "bytes=400001-", "bytes=700001-"]
    assert upstream.answered == [200, 206, 206, 206]


def test_a_second_call_goes_on_where_the_first_gave_up(upstream: Upstream, tmp_path: Path) -> None:
    upstream.cut_after = [600_000, 0, 0, 0]
    with pytest.raises(DataError, match=r"600000 of 1500000 bytes.*--url"):
        get(upstream, tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    upstream.seen.clear()
    assert get(upstream, tmp_path / "a.zip") == SHA256
    assert upstream.seen == ["bytes=600000-"]


def test_a_server_that_ignores_ranges_starts_over(upstream: Upstream, tmp_path: Path) -> None:
    upstream.ranges = False
    upstream.cut_after = [400_000]
    assert get(upstream, tmp_path / "a.zip") == SHA256
    assert upstream.seen == [None, "bytes=400000-"]
    assert upstream.answered == [200, 200]


@pytest.mark.parametrize("honors_if_range", [True, False])
def test_a_file_changed_upstream_starts_over(
    upstream: Upstream, tmp_path: Path, *, honors_if_range: bool
) -> None:
    upstream.cut_after = [400_000, 0, 0, 0]
    with pytest.raises(DataError):
        get(upstream, tmp_path / "a.zip")
    changed = BODY[::-1]
    upstream.body, upstream.etag, upstream.honors_if_range = changed, '"two"', honors_if_range
    expected = hashlib.sha256(changed).hexdigest()
    assert get(upstream, tmp_path / "a.zip", sha256=expected) == expected
    assert (tmp_path / "a.zip").read_bytes() == changed


@pytest.mark.parametrize(
    ("etag", "date", "resumes"),
    [
        (None, None, False),
        ('W/"weak"', None, False),
        ('W/"weak"', "Wed, 01 Jan 2020 00:00:00 GMT", True),
    ],
)
def test_only_a_strong_validator_allows_resuming(
    upstream: Upstream, tmp_path: Path, etag: str | None, date: str | None, *, resumes: bool
) -> None:
    upstream.etag, upstream.date, upstream.cut_after = etag, date, [400_000]
    assert get(upstream, tmp_path / "a.zip") == SHA256
    assert upstream.seen == [None, "bytes=400000-" if resumes else None]


def test_a_part_other_than_asked_for_is_not_appended(upstream: Upstream, tmp_path: Path) -> None:
    upstream.cut_after, upstream.range_lie = [400_000], 5
    assert get(upstream, tmp_path / "a.zip") == SHA256
    assert upstream.answered == [200, 206, 200]


def test_wrong_content_of_the_right_size_is_deleted(upstream: Upstream, tmp_path: Path) -> None:
    upstream.body = BODY[::-1]
    given = hashlib.sha256(BODY[::-1]).hexdigest()
    with pytest.raises(DataError, match=f"its sha256 is {given}, expected {SHA256}"):
        get(upstream, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []


def test_another_announced_size_is_refused_before_the_body(
    upstream: Upstream, tmp_path: Path
) -> None:
    upstream.body = b"<html>please log in</html>"
    with pytest.raises(DataError, match="announces 26 bytes, expected 1500000"):
        get(upstream, tmp_path / "a.zip")
    assert list(tmp_path.iterdir()) == []
    assert len(upstream.seen) == 1


def test_announced_size_larger_than_the_body_is_a_cut(upstream: Upstream, tmp_path: Path) -> None:
    upstream.body = BODY[:900_000]
    upstream.announce = len(BODY)
    upstream.ranges = False
    with pytest.raises(DataError, match="connection was cut after 900000 of 1500000"):
        get(upstream, tmp_path / "a.zip")


def test_no_announced_size_is_checked_by_counting(upstream: Upstream, tmp_path: Path) -> None:
    upstream.announce = None
    assert get(upstream, tmp_path / "a.zip") == SHA256
    upstream.body = BODY + b"more"
    with pytest.raises(DataError, match="more than the expected 1500000 bytes"):
        get(upstream, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip.part").exists()


def test_absent_file_is_said_at_once(upstream: Upstream, tmp_path: Path) -> None:
    upstream.statuses = [404]
    with pytest.raises(DataError, match=r"does not exist: the server answers 404.*--url"):
        get(upstream, tmp_path / "a.zip")
    assert len(upstream.seen) == 1


def test_passing_server_trouble_is_waited_out(upstream: Upstream, tmp_path: Path) -> None:
    upstream.statuses = [503, 500]
    assert get(upstream, tmp_path / "a.zip") == SHA256
    upstream.statuses = [503] * 3
    with pytest.raises(DataError, match="the server answers 503"):
        get(upstream, tmp_path / "b.zip")


def test_range_beyond_the_end_starts_over(upstream: Upstream, tmp_path: Path) -> None:
    upstream.cut_after = [400_000, 0, 0, 0]
    with pytest.raises(DataError):
        get(upstream, tmp_path / "a.zip")
    upstream.statuses = [416]
    assert get(upstream, tmp_path / "a.zip") == SHA256
    assert upstream.answered[-2:] == [416, 200]


def test_a_silent_server_times_out(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/a.zip"
        patience = Patience(attempts=2, pause_s=0.01, timeout_s=0.2)
        with pytest.raises(DataError, match="timed out"):
            download(url, tmp_path / "a.zip", size_bytes=9, sha256=None, patience=patience)


def test_no_network_names_the_mirror_option(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}/a.zip"
    with pytest.raises(DataError, match=r"refused.*check the network.*--url"):
        download(url, tmp_path / "a.zip", size_bytes=9, sha256=None, patience=SHORT)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://x/y", "x.zip", ""])
def test_only_http_urls(tmp_path: Path, url: str) -> None:
    with pytest.raises(RecipeError, match="must start with http"):
        download(url, tmp_path / "a.zip", size_bytes=9, sha256=None)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_full_disk_keeps_the_old_file_and_what_arrived(upstream: Upstream, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"old")
    with (
        files_limited_to(700_000),
        pytest.raises(OutputError, match="free some space and try again"),
    ):
        get(upstream, tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == b"old"
    upstream.seen.clear()
    assert get(upstream, tmp_path / "a.zip") == SHA256
    assert upstream.seen == ["bytes=700000-"]


def test_unwritable_folder_is_said(upstream: Upstream, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        get(upstream, tmp_path / "absent" / "a.zip")
