"""Unpacking archives that mean harm."""

import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from motefit.data.fetch.unpack import unpack
from motefit.spec.errors import DataError


def pack(path: Path, members: dict[str, bytes], *, mode: int = 0) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return path


def test_members_come_out_without_the_litter_of_macos(tmp_path: Path) -> None:
    members = {
        "a/up/x.wav": b"1",
        "a/README.md": b"2",
        "a/empty/": b"",
        "__MACOSX/a/._README.md": b"3",
        "a/.DS_Store": b"4",
    }
    unpack(pack(tmp_path / "a.zip", members), tmp_path / "out", limit_bytes=100)
    found = {
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")
    }
    assert found == {"a", "a/up", "a/up/x.wav", "a/README.md", "a/empty"}
    assert (tmp_path / "out/a/up/x.wav").read_bytes() == b"1"


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "..\\evil", "C:evil", "a/b/../../../evil"]
)
def test_no_member_leaves_the_folder(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "a.zip", {"good": b"1", name: b"2"})
    (tmp_path / "inner").mkdir()
    with pytest.raises(DataError, match="outside the folder"):
        unpack(archive, tmp_path / "inner" / "out", limit_bytes=100)
    assert not list(tmp_path.rglob("*evil*"))


def test_links_are_refused(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"link": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)
    with pytest.raises(DataError, match="'link' is a link"):
        unpack(archive, tmp_path / "out", limit_bytes=100)


def test_duplicates_are_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of what we make on purpose
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("one", b"1")
            archive.writestr("one", b"2")
    with pytest.raises(DataError, match="occurs twice"):
        unpack(tmp_path / "a.zip", tmp_path / "out", limit_bytes=100)


def test_a_bomb_is_refused_by_what_it_says(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"zeros": bytes(5_000_000)})
    assert archive.stat().st_size < 10_000
    with pytest.raises(DataError, match="5000000 bytes; allowed"):
        unpack(archive, tmp_path / "out", limit_bytes=1_000_000)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_bomb_that_lies_about_its_size_does_not_go_off(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"zeros": bytes(5_000_000)})
    true, lie = (5_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little")
    archive.write_bytes(archive.read_bytes().replace(true, lie))
    with pytest.raises(DataError):
        unpack(archive, tmp_path / "out", limit_bytes=1_000_000)
    assert sum(path.stat().st_size for path in (tmp_path / "out").iterdir()) <= 1_000_000


@pytest.mark.parametrize("damage", ["no zip", "truncated", "flipped"])
def test_damaged_archives_are_refused(tmp_path: Path, damage: str) -> None:
    archive = pack(tmp_path / "a.zip", {"data": bytes(range(256)) * 40})
    content = bytearray(archive.read_bytes())
    if damage == "no zip":
        content = bytearray(b"<html></html>")
    elif damage == "truncated":
        del content[len(content) // 2 :]
    else:
        content[60] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(DataError, match="not a valid zip archive"):
        unpack(archive, tmp_path / "out", limit_bytes=100_000)
