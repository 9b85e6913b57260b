"""``fit`` on a cluster gives the same models as on this machine, even if a node dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from process_watch import children_of
from ray_cluster import ray_cluster, raylet_of

import motefit
from motefit.runtime import load_bundle

COMMAND = (sys.executable, "-c", "from motefit.cli import main; main()")
PATIENCE_S = 1200
STUDY = """
task = "forecasting"
[data]
input_steps = 4
output_steps = 2
[model]
family = "mlp"
units = [4]
[train]
epochs = 25
batch_size = 64
[compress]
precision = "int8-weights"
[budget]
mae."T (degC)" = "< 2.0"
size.tflite_bytes = "< 3000 B"
objective = "mae.rh (%)"
[search]
strategy = "grid"
stack = 1
[search.space]
"model.units" = [[4], [6], [8]]
"train.learning_rate" = [0.002, 0.005]
"""


def models_of(run: Path) -> Mapping[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in run.glob("candidates/*/model.tflite")}


def standings_of(run: Path) -> set[str]:
    return {str(path.relative_to(run)) for path in run.glob("candidates/*/epoch-*.json")}


@pytest.mark.proof
@pytest.mark.slow
def test_ray_gives_the_same_model_as_local_processes(climate_run, climate_csv, tmp_path):
    result = motefit.fit(
        climate_run.recipe, data=climate_csv, out=tmp_path / "run", engine="ray", workers=1,
        progress="quiet",
    )  # fmt: skip
    assert result.met
    models = models_of(climate_run.folder)
    assert models
    assert models_of(tmp_path / "run") == models
    bundle = tmp_path / "run" / climate_run.bundle.name
    assert load_bundle(bundle).model == load_bundle(climate_run.bundle).model


@pytest.mark.slow
@pytest.mark.proof
def test_a_study_that_loses_a_node_gives_the_same_models(climate_csv, tmp_path):
    recipe = tmp_path / "study.toml"
    recipe.write_text(STUDY)
    motefit.fit(recipe, data=climate_csv, out=tmp_path / "whole", workers=2, progress="quiet")
    with ray_cluster() as cluster:
        raylet = raylet_of(cluster.add_node(num_cpus=2))
        running = subprocess.Popen(
            [*COMMAND, "fit", str(recipe), "--data", str(climate_csv),
             "--out", str(tmp_path / "run"), "--engine", "ray", "--address", cluster.address],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        end = time.monotonic() + PATIENCE_S
        while sum(b"ray::motefit" in name for name in children_of(raylet).values()) < 2:
            assert time.monotonic() < end, "waited in vain"
            assert running.poll() is None, running.communicate()
            time.sleep(0.05)
        for pid in (raylet, *children_of(raylet)):
            os.kill(pid, signal.SIGKILL)
        _, said = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 0, said
    assert standings_of(tmp_path / "run") == standings_of(tmp_path / "whole")
    assert len(standings_of(tmp_path / "run")) >= 6
    assert models_of(tmp_path / "run") == models_of(tmp_path / "whole")
