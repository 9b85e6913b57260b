"""Loaders refuse damaged files with a message: those that once were a fault, and new ones."""

import importlib.util
import random
import sys
from pathlib import Path

import pytest

import motefit
from motefit.runtime.bundle import load_bundle
from motefit.runtime.zoo import find_model
from motefit.spec.errors import MotefitError

ROOT = Path(__file__).resolve().parents[2]
CASES = sorted((ROOT / "tests" / "golden" / "fuzz").iterdir())
SLOW = {"litert", "study"}
"""Loaders that start a process, or read a database through SQLAlchemy."""


def tool(name: str):
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


@pytest.fixture(scope="module")
def targets(tmp_path_factory):
    return tool("fuzz_targets").targets(tmp_path_factory.mktemp("fuzz"))


def outcome(target, data: bytes) -> str:
    try:
        target.load(data)
    except MotefitError:
        return "refused"
    return "read"


@pytest.mark.proof
def test_every_source_is_read(targets):
    assert len(targets) >= 40
    for name in targets.keys() - SLOW:
        read = {outcome(targets[name], source) for source in targets[name].sources}
        assert name in {"measured", "reads"} or read == {"read"}, name


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_cases_that_were_faults_are_read_or_refused(targets, case):
    assert outcome(targets[case.name.rpartition("-")[0]], case.read_bytes()) in {"read", "refused"}


def test_damaged_files_are_read_or_refused(targets):
    damaged = tool("fuzz").damaged
    seen = {}
    for name in sorted(targets.keys() - SLOW):
        rng = random.Random(name)  # noqa: S311 - no secret
        source = rng.choice(targets[name].sources)
        seen[name] = {outcome(targets[name], damaged(source, rng)) for _ in range(4)}
    assert {"refused"} < set().union(*seen.values())


def test_odd_cards_are_read_or_refused(tmp_path):
    """A card may say anything: no other error, and no control character in a report."""
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        commands = tool("fuzz_commands")
    finally:
        sys.path.remove(str(ROOT / "tools"))
    rng, seen = random.Random(0), []  # noqa: S311 - no secret
    bundles = [load_bundle(find_model(name)) for name in ("yes-no", "climate-6-linear")]
    for number in range(16):
        bundle = bundles[number % 2]
        places = commands.written(tmp_path, bundle.model, bundle, rng)
        try:
            motefit.load(places["bundle"])
            for form in ("page", "markdown"):
                motefit.make_report(places["bundle"], form=form, out=places["out"])
                said = Path(places["out"]).read_text("utf-8")
                assert not commands.CONTROL.search(said), form
        except MotefitError as error:
            said = str(error)
        seen.append(said.startswith("---"))
    assert 0 < sum(seen) < len(seen)  # some are read, some refused
