"""Make .tflite files with the official converters, and measure motefit against them.

``python tools/official_converters.py [--out FOLDER]`` runs, each in a separate environment,
TensorFlow's converter with Keras 3 and with Keras 2 (which fuses LSTMs), and litert-torch with the
AI Edge Quantizer. Then ``benchmarks/converters/run.py`` measures every file, and the small ones
that tests read are copied to ``tests/golden/converters``. The first call installs about 3 GB in
``$MOTEFIT_TF_ENV`` and ``$MOTEFIT_LITERT_TORCH_ENV``, or in the user's cache.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping
from pathlib import Path

import tensorflow_env

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "benchmarks" / "converters"
GOLDEN = ROOT / "tests" / "golden" / "converters"
TF_KERAS = "tf_keras==2.20.1"
LITERT_TORCH = ("torch==2.13.0", "litert-torch==0.10.0", "ai-edge-quantizer==0.10.0")
KEPT = """
mlp.open-batch mlp.float32 mlp.dynamic mlp.int8 cnn.open-batch cnn.int8-float-edges
dscnn8.float32 dscnn8.float16 dscnn8.int8 dscnn8.int8-float-edges conv1d.float32 conv1d.int8
lstm-unrolled.float32 lstm-unrolled.int8 lstm-while.float32
lstm-fused.float32 lstm-fused.float16 lstm-fused.int8
dscnn8-keras2.int8 mlp.litert-torch dscnn8.litert-torch dscnn8.litert-torch-int8 lstm.litert-torch
"""
"""Files that tests read: every network and precision once, from every converter."""


def litert_torch() -> Path:
    """Create the environment of litert-torch if it is missing, and return its interpreter.

    Raises:
        subprocess.CalledProcessError: when pip cannot install it.
    """
    named = os.environ.get("MOTEFIT_LITERT_TORCH_ENV", "")
    target = Path(named) if named else tensorflow_env.folder().with_name("litert-torch")
    python, done = target / "bin" / "python", target / "litert-torch.installed"
    if not done.exists():
        print(f"installing {', '.join(LITERT_TORCH)} into {target}", file=sys.stderr)
        venv.create(target, with_pip=True)
        command = [str(python), "-m", "pip", "install", "--quiet", *LITERT_TORCH]
        subprocess.run(command, check=True, stdout=sys.stderr)
        done.touch()
    return python


def convert(script: str, python: Path, out: Path, settings: Mapping[str, str]) -> None:
    """Run one script of benchmarks/converters.

    Raises:
        subprocess.CalledProcessError: when it fails altogether.
    """
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [str(python), str(SCRIPTS / script), str(out)]
    subprocess.run(command, check=True, env={**os.environ, **quiet, **settings})


def make_all(out: Path) -> None:
    """Make every file with every converter."""
    tensorflow = tensorflow_env.interpreter()
    convert("keras_models.py", tensorflow, out, {})
    with tempfile.TemporaryDirectory() as keras2:
        command = [str(tensorflow), "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*command, "--target", keras2, TF_KERAS], check=True, stdout=sys.stderr)
        convert("keras_models.py", tensorflow, out, {"MOTEFIT_KERAS": "2", "PYTHONPATH": keras2})
    convert("torch_models.py", litert_torch(), out, {})


def main() -> None:
    """Make and measure the files, and keep the small ones."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="folder of all files; default: a temporary one")
    chosen = parser.parse_args().out
    with tempfile.TemporaryDirectory() as temporary:
        out = chosen or Path(temporary)
        make_all(out)
        shutil.rmtree(GOLDEN, ignore_errors=True)
        GOLDEN.mkdir(parents=True)
        for name in KEPT.split():
            shutil.copy(out / f"{name}.tflite", GOLDEN)
        measure = [sys.executable, str(SCRIPTS / "run.py"), str(out)]
        subprocess.run(measure, check=True)


if __name__ == "__main__":
    main()
