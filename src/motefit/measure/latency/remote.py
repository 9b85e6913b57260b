"""``bench`` on another machine over ssh, which needs only Python and the base install.

One connection: a small script and the models are sent through standard input, JSON comes back
through standard output, and nothing is left behind.
"""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

from motefit import __version__
from motefit.measure.latency.bench_report import BenchResult
from motefit.spec.codec import decode
from motefit.spec.errors import HostError, RecipeError
from motefit.spec.remote_host import Host, run_script

# Runs on any Python 3: its report on an unsuitable host must not depend on the host.
SCRIPT = """
import importlib.util, io, json, os, platform, shutil, struct, subprocess, sys, tempfile, zipfile
order = json.loads(sys.stdin.buffer.readline().decode())
data = sys.stdin.buffer.read()
here = {"bits": 8 * struct.calcsize("P"), "machine": platform.machine(),
        "python": platform.python_version(), "motefit": True}
command = [sys.executable, "-m", "motefit.cli"]
if importlib.util.find_spec("motefit") is None:
    command = [shutil.which("motefit")]
    here["motefit"] = command[0] is not None
if here["bits"] < 64 or not here["motefit"]:
    print(json.dumps({"unfit": here}))
    sys.exit(0)
with tempfile.TemporaryDirectory() as folder:
    zipfile.ZipFile(io.BytesIO(data)).extractall(folder)
    done = subprocess.Popen(
        command + ["bench"] + order["models"] + order["options"], cwd=folder,
        env=dict(os.environ, OMP_NUM_THREADS="1"), stdin=subprocess.DEVNULL)
    sys.exit(done.wait())
"""


def bench_on(
    host: Host, models: Sequence[tuple[str, bytes]], options: Sequence[str] = ()
) -> BenchResult:
    """Time models on a host.

    Args:
        host: to run on.
        models: file name and bytes of each bundle or .tflite file.
        options: of ``motefit bench`` there.

    Raises:
        HostError: without ssh; if the host cannot be reached, asks for a password or has an unknown
            key; if it has no such Python, a 32-bit one, or no motefit; if the benchmark fails there
            or takes too long.
    """
    names = [f"{number}/{name}" for number, (name, _) in enumerate(models)]
    order = {"models": names, "options": [*options, "--json"]}
    given = json.dumps(order).encode() + b"\n" + _zipped(names, [model for _, model in models])
    answer = run_script(host, SCRIPT, given, what="the benchmark")
    try:
        table = json.loads(answer)
    except ValueError:
        raise HostError(
            f"{host.address} answered something other than JSON: {answer[:200]!r}; "
            "its login scripts must print nothing"
        ) from None
    if "unfit" in table:
        raise HostError(_unfit(host, table["unfit"]))
    return _bench_of(table, host)


def _zipped(names: Sequence[str], models: Sequence[bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, model in zip(names, models, strict=True):
            archive.writestr(name, model)
    return packed.getvalue()


def _unfit(host: Host, found: Mapping[str, Any]) -> str:
    there = f"{host.address} runs Python {found['python']}"
    if found["bits"] < 64:
        return (
            f"{there} of {found['bits']} bits ({found['machine']}); LiteRT exists for 64-bit "
            "systems only: install a 64-bit operating system there"
        )
    return (
        f"{there} without motefit; run there: {host.python} -m pip install motefit (in a virtual "
        "environment: python3 -m venv motefit-env && motefit-env/bin/pip install motefit), then "
        "name that Python with --python motefit-env/bin/python"
    )


def _bench_of(table: Mapping[str, Any], host: Host) -> BenchResult:
    try:
        return decode(BenchResult, table, where=f"the answer of {host.address}")
    except RecipeError as error:
        raise HostError(
            f"{error}; the host has another version of motefit: install {__version__} there"
        ) from None
