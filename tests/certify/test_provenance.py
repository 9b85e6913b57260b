"""Provenance in a certificate: command, machine, commit, data."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import motefit
from motefit.certify import provenance as provenance_module
from motefit.certify.provenance import fit_command, machine, provenance
from motefit.measure.machine import usable_cores


def test_provenance_names_command_machine_and_data():
    found = provenance(seed=4, data_sha256="d")
    assert (found.seed, found.data_sha256, found.version) == (4, "d", motefit.__version__)
    assert found.command.split()[0] == Path(sys.argv[0]).name
    assert f"{usable_cores()} cores" in found.machine == machine()


def test_paths_in_a_command_line_are_reduced_to_names(monkeypatch):
    given = ["/opt/bin/motefit", "check", "/home/me/a b.zip", "--data", "words", "--rounds=3"]
    monkeypatch.setattr(sys, "argv", given)
    assert provenance(seed=0, data_sha256="").command == (
        "motefit check 'a b.zip' --data words --rounds=3"
    )


def test_the_command_reproduces_the_model_wherever_the_data_are():
    assert fit_command("up-down", Path("/x/speech")) == "motefit fit up-down --data speech"
    assert fit_command("R4.final", None) == "motefit fit R4.final"
    assert fit_command("mine", Path("a b.csv")) == "motefit fit mine.toml --data 'a b.csv'"


def test_the_commit_is_that_of_this_checkout():
    root = Path(provenance_module.__file__).parents[3]
    if not (root / ".git").exists():
        pytest.skip("motefit was not imported from a checkout")
    head = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert provenance(seed=0, data_sha256="").commit.removesuffix("-dirty") == head.stdout.strip()


def test_the_commit_of_a_repository_around_the_installation_is_ignored(tmp_path):
    """A virtual environment inside the user's own repository."""
    site = tmp_path / "venv" / "site-packages"
    shutil.copytree(Path(motefit.__file__).parent, site / "motefit")
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "theirs"]):
        subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=e@x", "-C", str(tmp_path), *arguments],
            check=True,
        )
    code = (
        "from motefit.certify.provenance import provenance\n"
        "print(repr(provenance(seed=0, data_sha256='').commit))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "''\n"
