"""``motefit bench --host`` against a real sshd on loopback; without one these tests skip."""

import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from ssh_server import program, ssh_server

import motefit
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.measure.latency.bench_report import BenchResult
from motefit.measure.latency.device_profile import DeviceProfile
from motefit.runtime.bundle import sha256
from motefit.spec.card import Card
from motefit.spec.codec import decode
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.speech_spec import SpeechIO
from motefit.tflite.write.write import write


@pytest.fixture(scope="module")
def ssh(tmp_path_factory) -> Iterator[str]:
    """The ssh command that reaches a running server by the name ``device``."""
    with ssh_server(tmp_path_factory.mktemp("ssh")) as command:
        yield command


@pytest.fixture
def python(tmp_path) -> Path:
    """The device's Python: this one, with this very motefit installed."""
    source = Path(motefit.__file__).parents[1]
    return program(
        tmp_path / "a python", f'PYTHONPATH={source} exec {shlex.quote(sys.executable)} "$@"'
    )


def network(shape) -> bytes:
    problem = Problem(input_shape=shape, outputs=3)
    return write(fold(build("mlp", {}, problem=problem, rng=np.random.default_rng(0))))


@pytest.fixture
def model(tmp_path) -> Path:
    path = tmp_path / "model.tflite"
    path.write_bytes(network((6, 2)))
    return path


@pytest.fixture
def bundle(tmp_path) -> Path:
    """A bare model with its card beside it: both must be copied."""
    frontend = FrontEnd()
    io = SpeechIO(labels=("a", "b", "c"), frontend=frontend, normalization=Normalization())
    (tmp_path / "words").mkdir()
    path = tmp_path / "words" / "words.tflite"
    path.write_bytes(network(frontend.shape))
    card = Card(task="keyword-spotting", io=io, model_sha256=sha256(path.read_bytes()))
    path.with_suffix(".card.json").write_text(card.to_json())
    return path


def test_models_are_timed_on_the_host_and_leave_nothing(
    invoke, ssh, python, bundle, model, tmp_path
):
    there = tmp_path / "there"
    there.mkdir()
    python.write_text(python.read_text().replace("PYTHONPATH", f"TMPDIR={there} PYTHONPATH"))
    result = invoke(
        "bench", model, bundle, "--host", "device", "--ssh", ssh, "--python", python,
        "--rounds", 8, "--threads", 2, "--profile", tmp_path / "device.json", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    found = decode(BenchResult, json.loads(result.stdout), where="bench")
    assert [m.name for m in found.models] == ["model.tflite", "words.tflite"]
    assert found.models[0].model_sha256 == sha256(model.read_bytes())
    assert [m.has_frontend for m in found.models] == [False, True]
    assert {m.xnnpack.rounds for m in found.models} == {8}
    assert {m.many_threads.threads for m in found.models} == {2}
    assert DeviceProfile.load(tmp_path / "device.json") == found.profile
    assert list(there.iterdir()) == []


@pytest.mark.proof
def test_motefit_on_the_path_is_used_if_python_has_none(invoke, ssh, python, model, tmp_path):
    """A Python without site-packages, and the console script beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program(folder / "motefit", f'exec {shlex.quote(str(python))} -m motefit.cli "$@"')
    plain = program(tmp_path / "plain", f'PATH={folder}:$PATH exec {sys.executable} -S "$@"')
    result = invoke(
        "bench", model, "--host", "device", "--ssh", ssh, "--python", plain, "--rounds", 4
    )
    assert result.exit_code == 0, result.output
    assert "model.tflite" in result.stdout


def failed(refused, model, *options):
    return refused("bench", model, "--rounds", 4, *options)


def test_a_host_without_motefit(refused, ssh, model, tmp_path):
    plain = program(tmp_path / "plain", f'PATH=/nowhere exec {sys.executable} -S "$@"')
    said = failed(refused, model, "--host", "device", "--ssh", ssh, "--python", plain)
    assert "without motefit" in said
    assert "-m pip install motefit" in said


def test_a_host_with_32_bit_python(refused, ssh, model, tmp_path):
    """A Python that reports pointers of 4 bytes, like a 32-bit one."""
    (tmp_path / "narrow").mkdir()
    (tmp_path / "narrow" / "sitecustomize.py").write_text(
        "import platform, struct\n"
        "platform.machine = lambda: 'armv7l'\n"
        "struct.calcsize = lambda _format: 4\n"
    )
    narrow = program(
        tmp_path / "python", f'PYTHONPATH={tmp_path}/narrow exec {sys.executable} "$@"'
    )
    said = failed(refused, model, "--host", "device", "--ssh", ssh, "--python", narrow)
    assert "of 32 bits (armv7l)" in said
    assert "install a 64-bit operating system" in said


def test_a_host_without_python(refused, ssh, model):
    said = failed(refused, model, "--host", "device", "--ssh", ssh, "--python", "/no/python3")
    assert "has no '/no/python3'" in said
    assert "--python" in said


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("closed", "cannot reach closed: .*Connection refused"),
        ("stranger", "cannot reach stranger: .*Host key verification failed"),
        ("locked", "cannot reach locked: .*Permission denied"),
        ("nowhere.invalid", "cannot reach nowhere.invalid: .*resolve"),
    ],
    ids=["closed", "unknown-key", "no-password", "no-such-name"],
)
def test_an_unreachable_host_does_not_hang(refused, ssh, model, host, said):
    assert re.search(said, failed(refused, model, "--host", host, "--ssh", ssh))


def test_a_host_that_takes_too_long(refused, ssh, model, tmp_path):
    slow = program(tmp_path / "slow", "sleep 5")
    options = ["--host", "device", "--ssh", ssh, "--python", slow, "--timeout", 1]
    assert "did not finish the benchmark within 1 s" in failed(refused, model, *options)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise RuntimeError('boom')", "failed on device .exit code 1.: RuntimeError: boom"),
        ("import sys; sys.exit('error: no such model')", "exit code 1.: no such model"),
        ("print('{\"speed\": 1}')", "unknown key 'speed'.*another version of motefit: install"),
        ("print('Welcome!')", "something other than JSON: 'Welcome!.*login scripts"),
    ],
    ids=["crash", "mistake", "other-version", "chatter"],
)
def test_motefit_failing_on_the_host(refused, ssh, model, tmp_path, code, said):
    package = tmp_path / "other" / "motefit" / "cli"
    package.mkdir(parents=True)
    for folder in (package.parent, package):
        (folder / "__init__.py").write_text("")
    (package / "__main__.py").write_text(code + "\n")
    other = program(tmp_path / "python", f'PYTHONPATH={tmp_path}/other exec {sys.executable} "$@"')
    options = ["--host", "device", "--ssh", ssh, "--python", other]
    assert re.search(said, failed(refused, model, *options), re.DOTALL)


def test_an_unusable_model_is_not_copied(refused, model):
    model.write_bytes(model.read_bytes()[:50])
    said = failed(refused, model, "--host", "nowhere.invalid", "--ssh", "/no/ssh")
    assert "ssh" not in said


def test_without_ssh(refused, model):
    said = failed(refused, model, "--host", "device", "--ssh", "/no/ssh")
    assert "cannot start '/no/ssh': No such file or directory" in said


@pytest.mark.parametrize("host", ["-oProxyCommand=true", ""])
def test_an_option_is_not_a_host(refused, model, host):
    if host:
        assert "the host must be user@host" in failed(refused, model, f"--host={host}")
    else:
        assert "need --host" in failed(refused, model, "--host", host, "--ssh", "ssh")
