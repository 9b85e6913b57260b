"""``motefit export``: the form that it writes, its JSON, and what it refuses."""

import json

import pytest

from motefit.runtime import load_bundle


def test_a_form_is_written_and_described(tones_run, invoke, tmp_path):
    path = tmp_path / "audio.zip"
    done = invoke("export", tones_run.bundle, "--frontend", "in-graph", "--out", path, "--json")
    assert done.exit_code == 0, done.output
    table, made = json.loads(done.stdout), load_bundle(path)
    assert table["proven"] is True
    assert (table["bundle"], table["facts"]) == (str(path), made.card.facts)
    assert table["agreement"] == made.card.evidence["in_graph"]["agreement"]
    assert table["plain_tflite_bytes"] == len(load_bundle(tones_run.bundle).model)
    assert set(table["latency"]) == {"plain", "in-graph", "in-graph, builtin kernels"}


@pytest.mark.parametrize("options", [[], ["--streaming", "--frontend", "in-graph"]])
def test_one_form_is_chosen(refused, tones_run, tmp_path, options):
    out = tmp_path / "x.zip"
    assert "choose one form" in refused("export", tones_run.bundle, "--out", out, *options)
    assert not out.exists()
