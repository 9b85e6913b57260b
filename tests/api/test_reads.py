"""A file is read, a zip opened and a model parsed once in a call."""

import pytest

import motefit
from motefit.api.bench import bench_here
from motefit.api.latency import FrontEndFlags, latency_here
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model
from motefit.tflite.model import ModelFile


@pytest.fixture
def bundle(tmp_path):
    """A copy of a shipped model."""
    path = tmp_path / "model.zip"
    path.write_bytes(find_model("yes-no").read_bytes())
    return path


FRONT = load_bundle(find_model("yes-no")).card.io.frontend
FLAGS = FrontEndFlags(
    resize=0,
    length=FRONT.frame_length,
    stride=FRONT.frame_step,
    bins=FRONT.mel_bins,
    coeff=FRONT.coefficients,
)
"""The front end of a file without its card."""


def time(path):
    flags = FLAGS if path.suffix == ".tflite" else FrontEndFlags()
    options = {"protocol": "motefit", "pause_s": 0.0, "threads": 1, "xnnpack": True}
    return latency_here(path, flags, **options)


CALLS = {
    "inspect": motefit.inspect,
    "parity": lambda path: motefit.inspect(path, parity="random"),
    "shrink": lambda path: motefit.shrink(path, out=path.with_name("small.tflite")),
    "load": motefit.load,
    "bench": lambda path: bench_here([path], threads=1, rounds=4, profile=False),
    "latency": time,
}
BARE = CALLS.keys() - {"load"}


@pytest.mark.parametrize(
    ("call", "bare"), [*((call, False) for call in CALLS), *((call, True) for call in sorted(BARE))]
)
def test_once(bundle, count_reads, call, bare):
    path = bundle.with_name("bare.tflite") if bare else bundle
    if bare:
        path.write_bytes(ModelFile.from_path(bundle).data)
    with count_reads() as reads:
        CALLS[call](path)
    assert reads.files[path] == 1
    assert reads.zips == (0 if bare else 1)
    assert set(reads.models.values()) <= {1}
