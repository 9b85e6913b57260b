"""Fetching a whole data set from a real HTTP server on this machine."""

import functools
import hashlib
import json
import shutil
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from motefit.data.fetch.datasets import DATASETS, Dataset, dataset_names
from motefit.data.fetch.download import Patience
from motefit.data.fetch.fetch import fetch, fetch_dataset
from motefit.spec.errors import DataError, OutputError, RecipeError

SHORT = Patience(attempts=2, pause_s=0.01, timeout_s=2.0)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base's name
        pass


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the URL under which it is served."""
    folder = tmp_path / "site"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/words.zip"
    server.shutdown()
    thread.join()
    server.server_close()


def publish(path: Path, text: str = "1", *, top: str = "words") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{top}/README.md", text)
        archive.writestr(f"{top}/up/a_nohash_0.wav", "2")


def entry(site: tuple[Path, str], *, known: bool = True) -> Dataset:
    folder, url = site
    if not (folder / "words.zip").exists():
        publish(folder / "words.zip")
    content = (folder / "words.zip").read_bytes()
    return Dataset(
        name="test-words",
        description="two files",
        license="none",
        url=url,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest() if known else None,
        contents="words",
        unpacked_limit_bytes=1000,
    )


def test_fetch_unpacks_checks_and_is_not_repeated(site: tuple[Path, str], tmp_path: Path) -> None:
    words = entry(site)
    first = fetch_dataset(words, tmp_path / "out", patience=SHORT)
    assert (first.path / "up" / "a_nohash_0.wav").read_text() == "2"
    assert first.path == tmp_path / "out" / "words"
    assert first.sha256 == words.sha256
    assert first.sha256_known
    assert not first.reused
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "words",
        "test-words.fetch.json",
    }
    (site[0] / "words.zip").unlink()
    again = fetch_dataset(words, tmp_path / "out", patience=SHORT)
    assert again == replace(first, reused=True)


def test_unknown_hash_is_recorded_and_compared_later(
    site: tuple[Path, str], tmp_path: Path
) -> None:
    words = entry(site, known=False)
    first = fetch_dataset(words, tmp_path, patience=SHORT)
    assert not first.sha256_known
    recorded = json.loads((tmp_path / "test-words.fetch.json").read_text())["sha256"]
    assert first.sha256 == recorded
    assert recorded == hashlib.sha256((site[0] / "words.zip").read_bytes()).hexdigest()
    shutil.rmtree(first.path)
    assert fetch_dataset(words, tmp_path, patience=SHORT).sha256_known
    shutil.rmtree(first.path)
    publish(site[0] / "words.zip", "X")
    assert (site[0] / "words.zip").stat().st_size == words.size_bytes
    with pytest.raises(DataError, match=f"expected {recorded}"):
        fetch_dataset(words, tmp_path, patience=SHORT)
    assert not first.path.exists()


def test_a_mirror_is_checked_like_the_original(site: tuple[Path, str], tmp_path: Path) -> None:
    words = replace(entry(site), url="http://127.0.0.1:9/gone.zip")
    with pytest.raises(DataError, match="--url"):
        fetch_dataset(words, tmp_path / "out", patience=SHORT)
    report = fetch_dataset(words, tmp_path / "out", url=site[1], patience=SHORT)
    assert report.url == site[1]


def test_an_archive_without_the_data_is_refused(site: tuple[Path, str], tmp_path: Path) -> None:
    publish(site[0] / "words.zip", top="other")
    with pytest.raises(DataError, match="words is not in it; it contains other"):
        fetch_dataset(entry(site), tmp_path / "out", patience=SHORT)
    assert list((tmp_path / "out").iterdir()) == []


def test_data_of_the_user_are_not_touched(site: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "words").mkdir()
    (tmp_path / "words" / "mine").write_text("mine")
    with pytest.raises(DataError, match="was not fetched by motefit"):
        fetch_dataset(entry(site), tmp_path, patience=SHORT)
    assert (tmp_path / "words" / "mine").read_text() == "mine"


def test_data_changed_since_are_noticed(site: tuple[Path, str], tmp_path: Path) -> None:
    report = fetch_dataset(entry(site), tmp_path, patience=SHORT)
    (report.path / "README.md").unlink()
    with pytest.raises(DataError, match="1 files of 1 bytes instead of 2 of 2"):
        fetch_dataset(entry(site), tmp_path, patience=SHORT)
    (tmp_path / "test-words.fetch.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        fetch_dataset(entry(site), tmp_path, patience=SHORT)


def test_an_output_folder_that_is_a_file(site: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        fetch_dataset(entry(site), tmp_path / "file", patience=SHORT)


def test_every_registered_data_set_is_complete() -> None:
    assert {"jena-climate", "mini-speech-commands"} <= set(dataset_names())
    for name in dataset_names():
        known = DATASETS.find(name)
        assert known.name == name
        assert known.url.startswith(("http://", "https://"))
        assert known.sha256 is None or len(bytes.fromhex(known.sha256)) == 32
        assert 0 < known.size_bytes < known.unpacked_limit_bytes
        assert known.description
        assert known.license


def test_unknown_names_are_met_with_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="did you mean 'jena-climate'"):
        fetch("jena", tmp_path)
