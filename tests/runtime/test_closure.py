"""The device needs only numpy and LiteRT, and what these two load themselves."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from motefit.data.synth.sound import write_wav
from motefit.runtime import write_bundle

ROOT = Path(__file__).parents[2]
REPORT = """
import json, sys
roots = {name.partition(".")[0] for name in sys.modules}
ours = {".".join(name.split(".")[:2]) for name in sys.modules if name.startswith("motefit.")}
third = roots - sys.stdlib_module_names - {"motefit", "__main__", "__mp_main__"}
print(json.dumps({"third": sorted(third), "ours": sorted(ours)}))
"""
BARE = "import numpy, ai_edge_litert.interpreter"
ALONE = BARE + REPORT
ADDED = "; import json; print(json.dumps(sorted(set(sys.modules) - bare)))"
DEVICE = (
    """
import sys
import numpy as np
from motefit.runtime import Forecaster, KeywordSpotter
from motefit.signal.wav import read_wav
spotter, forecaster = KeywordSpotter.load(sys.argv[1]), Forecaster.load(sys.argv[2])
assert sum(spotter.classify(np.zeros(48_000, np.int16), 48_000).probabilities.values()) > 0.99
assert forecaster.predict(np.ones((6, 3))).shape == (3, 2)
"""
    + REPORT
)
SHIPPED = """
import json, motefit, numpy as np
assert motefit.load("climate-6").predict(np.ones((6, 2))).shape == (6, 2)
print(json.dumps(motefit.model_names()))
"""


@pytest.fixture
def bundles(tmp_path, int8_bundle, series_bundle):
    pairs = (("kws.zip", int8_bundle), ("series.zip", series_bundle))
    return [str(write_bundle(tmp_path / name, b.model, b.card)) for name, b in pairs]


def _loaded(python, code, arguments, *, path):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    if path:
        environment["PYTHONPATH"] = path
    command = [str(python), "-c", code, *arguments]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, cwd="/"
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def _assert_closed(loaded, alone):
    assert "numpy" in alone["third"]
    assert "ai_edge_litert" in alone["third"]
    assert set(loaded["third"]) <= set(alone["third"])
    assert set(loaded["ours"]) <= {
        "motefit.runtime", "motefit.signal", "motefit.spec", "motefit.tflite"
    }  # fmt: skip


def test_loading_and_running_imports_numpy_and_litert_only(bundles):
    path = str(ROOT / "src")
    loaded = _loaded(sys.executable, DEVICE, bundles, path=path)
    _assert_closed(loaded, _loaded(sys.executable, ALONE, [], path=path))


def test_the_import_adds_few_modules_to_those_of_numpy_and_litert():
    """Modules are counted, not seconds: the cost of one depends on the machine and its disk."""
    path = str(ROOT / "src")
    code = f"{BARE}; import sys; bare = set(sys.modules); import motefit.runtime"
    added = set(_loaded(sys.executable, code + ADDED, [], path=path))
    assert "motefit.runtime.keyword_spotter" in added
    assert len(added) < 100
    assert not added & {"asyncio", "multiprocessing", "subprocess", "unittest"}


@pytest.mark.slow
def test_the_wheel_alone_runs_both_tasks_and_the_shipped_models(bundles, clean_python, tmp_path):
    code = "import importlib.util as u, json; print(json.dumps([n for n in {} if u.find_spec(n)]))"
    extras = ("torch", "soundfile", "jinja2", "optuna")
    assert _loaded(clean_python, code.format(extras), [], path="") == []
    device = _loaded(clean_python, DEVICE, bundles, path="")
    _assert_closed(device, _loaded(clean_python, ALONE, [], path=""))
    assert set(_loaded(clean_python, SHIPPED, [], path="")) >= {"up-down", "climate-6"}
    write_wav(tmp_path / "clip.wav", np.zeros(16_000, np.int16), 16_000)
    command = [clean_python.with_name("motefit"), "kws", "up-down", "clip.wav", "--json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row["file"] == "clip.wav"
    assert row["label"] in {"up", "down"}
