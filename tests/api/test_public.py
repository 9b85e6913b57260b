"""The public API: the names of ``import motefit``, and the cost of importing it."""

import ast
import inspect
import io
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

import motefit
from motefit.api.progress_display import PlainLines, open_progress
from motefit.spec.tables import Printable, ResultTable

ROOT = Path(__file__).parents[2]
LIST = "import sys, json; print(json.dumps(sorted(sys.modules)))"


def loaded(code: str) -> set[str]:
    """Return the modules loaded by some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{LIST}"],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "src")},
    )  # fmt: skip
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_the_import_loads_no_module_but_its_own():
    before, after = loaded("import importlib"), loaded("import motefit")
    assert {name for name in after - before if name.startswith("motefit")} == {"motefit"}
    assert after - before <= {"motefit"}


def test_a_recipe_needs_neither_litert_nor_torch():
    """Its front end is checked by the kind of features, whose arithmetic is numpy's."""
    found = loaded("import motefit; motefit.Recipe; motefit.find_recipe('yes-no')")
    assert not found & {"ai_edge_litert", "torch", "rich", "typer"}


def test_type_checkers_and_the_program_see_the_same_names():
    tree = ast.parse(Path(motefit.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    seen = {
        alias.asname or alias.name: node.module.removeprefix("motefit.")
        for node in block.body
        for alias in node.names
    }
    assert seen == motefit._HOME_OF
    assert sorted(seen) == sorted(motefit.__all__)
    assert set(motefit.__all__) <= set(dir(motefit))


def classes(annotation):
    """List the classes in an annotation, also inside of unions, tuples and the like."""
    inner = [found for part in get_args(annotation) for found in classes(part)]
    return [*inner, annotation] if inspect.isclass(annotation) else inner


def test_what_a_function_takes_or_returns_can_be_imported_too():
    """So that a user's script that names all types passes a type checker."""
    functions = [getattr(motefit, name) for name in motefit.__all__]
    functions = [found for found in functions if inspect.isfunction(found)]
    assert len(functions) > 30
    needed = {
        found.__name__
        for function in functions
        for found in classes(function.__annotations__.get("return"))
        if found.__module__.startswith("motefit") and found is not ResultTable
    }
    assert needed <= set(motefit.__all__)


def test_an_interpreter_shows_a_result_as_it_prints():
    results = [kind for name in motefit.__all__ if is_result(kind := getattr(motefit, name))]
    assert len(results) > 20
    assert [kind for kind in results if kind.__repr__ is not Printable.__repr__] == []


def is_result(kind):
    """Return whether a public name is a class of results that print."""
    return inspect.isclass(kind) and issubclass(kind, Printable)


@pytest.mark.parametrize("name", motefit.__all__)
def test_each_name_exists_and_is_documented(name):
    found = getattr(motefit, name)
    assert found.__module__.startswith("motefit.")
    assert inspect.getdoc(found)


def test_no_package_hides_a_name():
    packages = {module.name for module in pkgutil.iter_modules(motefit.__path__)}
    assert len(packages) > 10
    assert not packages & set(motefit.__all__)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        motefit.fitt  # noqa: B018 - looking it up is the test


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: motefit.fit("quickstart", workers="2"), "workers must be a whole number"),
        (lambda: motefit.fit({"task": "forecasting"}), "Recipe.from_table makes one of a dict"),
        (lambda: motefit.Recipe.load("no/such.toml"), "cannot read the recipe no/such.toml"),
    ],
)
def test_a_misuse_says_what_is_allowed(call, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(motefit.RecipeError, match=said):
        call()
    assert not list(tmp_path.iterdir())


def test_a_loaded_model_shows_what_it_answers():
    assert repr(motefit.load("up-down")) == "<KeywordSpotter of down, up>"
    assert "T (degC)" in repr(motefit.load("climate-6"))


def test_options_are_keywords_with_defaults():
    for name in ("fit", "resume", "check", "load", "audit", "inspect", "shrink", "export", "bench"):
        parameters = list(inspect.signature(getattr(motefit, name)).parameters.values())
        required = [p for p in parameters if p.default is p.empty]
        options = [p for p in parameters if p.default is not p.empty]
        assert len(required) <= 2
        assert all(p.kind is p.KEYWORD_ONLY for p in options), name


def test_models_load_by_name_and_by_path():
    spotter = motefit.load("yes-no")
    assert isinstance(spotter, motefit.KeywordSpotter)
    result = spotter.classify(np.zeros(16_000, np.int16), 16_000)
    again = motefit.load(ROOT / "zoo" / "yes-no.zip").classify(np.zeros(16_000, np.int16), 16_000)
    assert result == again
    assert isinstance(motefit.load("climate-3"), motefit.Forecaster)
    assert set(motefit.model_names()) == {path.stem for path in (ROOT / "zoo").glob("*.zip")}


def test_an_unknown_model_suggests_the_nearest(tmp_path):
    with pytest.raises(motefit.ModelFileError, match=r"'climate-33' \(did you mean 'climate-3'"):
        motefit.load("climate-33")
    with pytest.raises(motefit.ModelFileError, match="cannot read"):
        motefit.load(tmp_path / "absent.zip")


def test_a_file_takes_precedence_over_a_shipped_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("yes-no").write_bytes(b"no model")
    with pytest.raises(motefit.ModelFileError, match="not a TensorFlow Lite model"):
        motefit.load("yes-no")


def test_a_recipe_can_be_a_name_a_path_or_a_recipe(tmp_path):
    recipe = motefit.find_recipe("climate-6")
    path = tmp_path / "climate-6.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert motefit.find_recipe(path) == motefit.find_recipe(str(path)) == recipe
    assert motefit.find_recipe(recipe) is recipe


def test_results_print_as_text_and_as_html():
    found = motefit.inspect("climate-6")
    assert "where the bytes go" in str(found)
    assert "<table>" in found._repr_html_()
    assert "FULLY_CONNECTED" in found._repr_html_()


def test_progress_is_plain_without_a_terminal(monkeypatch):
    text = io.StringIO()
    monkeypatch.setattr("sys.stderr", text)
    with open_progress("auto") as listener:
        assert isinstance(listener, PlainLines)
        listener.measuring("the file")
    assert text.getvalue() == "measuring: the file\n"


def test_progress_can_be_the_callers_own_listener(tmp_path):
    calls = []

    class Mine(motefit.Listener):
        def loading(self, done, total):
            calls.append((done, total))

    with open_progress(listener := Mine()) as used:
        assert used is listener
    with pytest.raises(motefit.RecipeError, match="auto, live, plain, json, quiet, or a Listener"):
        motefit.audit(_climate(tmp_path), progress="loud")


def _climate(folder: Path) -> Path:
    path = folder / "climate.csv"
    motefit.synthesize(path, climate_days=20)
    return path


def test_one_name_is_not_a_list_of_letters(tmp_path):
    clip = ROOT / "tests"  # a folder without sound
    with pytest.raises(motefit.DataError, match=r"tests"):
        list(motefit.classify_files("yes-no", str(clip)))
    found = motefit.estimate("yes-no", boards="pico, pico-2")
    assert [row.board for row in found.boards] == ["pico", "pico-2"]
    with pytest.raises(motefit.ModelFileError, match=r"'yes-on' .*did you mean 'yes-no'"):
        motefit.bench("yes-on")
    with pytest.raises(motefit.RecipeError, match="got up, up"):
        motefit.record("up, up", tmp_path)


def test_the_type_checker_sees_a_program_with_every_name():
    """``make lint`` checks that program; see there."""
    program = Path(__file__).with_name("typed_user.py").read_text(encoding="utf-8")
    assert set(motefit.__all__) - set(re.findall(r"\w+", program)) == set()
