"""Provenance, recipes, the reference pipeline, synthetic folders, extras, silence."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import motefit
from motefit.certify import provenance as provenance_module
from motefit.certify.provenance import fit_command, machine, provenance
from motefit.certify.reference_pipeline import reference_subject
from motefit.data.synth.folder import synthetic_folder
from motefit.measure.latency.paired import measure_latency
from motefit.measure.machine import usable_cores
from motefit.recipes.catalog import find_recipe, recipe_names
from motefit.spec.errors import MissingExtraError, RecipeError
from motefit.spec.extras import require


def test_provenance_names_command_machine_and_data():
    found = provenance(seed=4, data_sha256="d")
    assert (found.seed, found.data_sha256, found.version) == (4, "d", motefit.__version__)
    assert found.command.split()[0] == Path(sys.argv[0]).name
    assert f"{usable_cores()} cores" in found.machine == machine()


def test_of_the_paths_of_a_command_line_names_are_kept(monkeypatch):
    given = ["/opt/bin/motefit", "check", "/home/me/a b.zip", "--data", "words", "--rounds=3"]
    monkeypatch.setattr(sys, "argv", given)
    assert provenance(seed=0, data_sha256="").command == (
        "motefit check 'a b.zip' --data words --rounds=3"
    )


def test_the_command_makes_the_model_again_wherever_the_data_lie():
    assert fit_command("up-down", Path("/x/speech")) == "motefit fit up-down --data speech"
    assert fit_command("R4.final", None) == "motefit fit R4.final"
    assert fit_command("mine", Path("a b.csv")) == "motefit fit mine.toml --data 'a b.csv'"


def test_the_commit_is_this_checkouts():
    root = Path(provenance_module.__file__).parents[3]
    if not (root / ".git").exists():
        pytest.skip("motefit was not imported from a checkout")
    head = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
    )
    assert provenance(seed=0, data_sha256="").commit.removesuffix("-dirty") == head.stdout.strip()


def test_the_commit_of_a_repository_that_merely_holds_the_installation_is_not_taken(tmp_path):
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


@pytest.mark.parametrize("name", recipe_names())
def test_shipped_recipes_describe_themselves_and_have_a_budget(name):
    recipe = find_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert recipe.budget.bounds


def test_recipes_come_from_files_too(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(find_recipe("climate-6").to_toml())
    assert find_recipe(str(path)).name == "mine"
    with pytest.raises(RecipeError, match="there is no recipe file"):
        find_recipe(str(tmp_path / "other.toml"))


def test_a_reference_pipeline_can_be_timed():
    timed = measure_latency({"reference": reference_subject("up-down")})
    assert timed["reference"].facts["latency.total_ms"] > 0


@pytest.mark.parametrize("name", ["climate-6", "nothing"])
def test_what_is_no_reference_pipeline_is_said(name):
    with pytest.raises(RecipeError):
        reference_subject(name)


def test_synthetic_folders_differ_by_request(cache):
    requests = [("a-b", "c"), ("a", "b-c"), (("a", "b"), "c"), ("a", "b", "c"), ("a" * 400,)]
    folders = {synthetic_folder("speech", *request, make=Path.mkdir) for request in requests}
    assert len(folders) == len(requests)
    assert all(folder.is_relative_to(cache) and len(folder.parent.name) < 40 for folder in folders)


def test_a_missing_package_is_named_with_its_extra():
    require("numpy", extra="train", purpose="anything")
    with pytest.raises(MissingExtraError, match=r"pip install 'motefit\[train\]'"):
        require("no_such_package", extra="train", purpose="anything")


def test_litert_is_silent_and_standard_error_is_not():
    code = (
        "import sys\n"
        "from motefit.runtime.quiet import silence_litert\n"
        "from motefit.certify.reference_pipeline import reference_subject\n"
        "silence_litert()\n"
        "reference_subject('up-down')\n"
        "print('said', file=sys.stderr)\n"
    )
    source = str(Path(motefit.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": source},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stderr == "said\n"
