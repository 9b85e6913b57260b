"""Folders of synthetic data, one for each request."""

from pathlib import Path

from motefit.data.synth.folder import synthetic_folder


def test_synthetic_folders_differ_by_request(cache):
    requests = [("a-b", "c"), ("a", "b-c"), (("a", "b"), "c"), ("a", "b", "c"), ("a" * 400,)]
    folders = {synthetic_folder("speech", *request, make=Path.mkdir) for request in requests}
    assert len(folders) == len(requests)
    assert all(folder.is_relative_to(cache) and len(folder.parent.name) < 40 for folder in folders)
