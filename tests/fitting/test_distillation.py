"""Recipes with a teacher, which is trained once and without clips of validation or test."""

import json
from dataclasses import replace

import numpy as np
import pytest

from motefit.fitting.distillation import distilled
from motefit.fitting.fit import FitOptions, fit
from motefit.spec.errors import OutputError, RecipeError
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS, load_dataset

TEXT = """
task = "keyword-spotting"
[data]
words = ["go", "stop"]
synthetic_clips = 16
[frontend]
mel_bins = 16
coefficients = 0
[model]
family = "tcnet"
width = 4
blocks = 1
[train]
epochs = 3
batch_size = 16
learning_rate = 0.02
seeds = [0]
[train.teacher]
model = {family = "tcnet", width = 8, blocks = 1}
words = ["go", "stop", "up"]
epochs = 4
weight = 0.75
[budget]
size.tflite_bytes = "< 10 KB"
[search]
repeats = 1
"""


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return Recipe.loads(TEXT, name="small")


@pytest.fixture(scope="module")
def subsets(recipe):
    task = TASKS.find(recipe.task)
    dataset = load_dataset(task, recipe, None)
    return task, dataset, task.source(recipe, dataset)


def test_the_teacher_learns_more_words_than_the_model(recipe, subsets, tmp_path):
    task, dataset, source = subsets
    teacher_data = task.teacher_data(recipe, dataset, source, None)
    assert teacher_data.problem.outputs == 3
    assert teacher_data.classes == (0, 1)
    judging = {*dataset.validation.ids, *dataset.test.ids}
    examples, labels = teacher_data.source.subset("train")
    assert len(examples) == len(labels) <= 3 * 16 - len(judging)
    assert len(teacher_data.source.subset("test")[0]) == 0

    own = task.teacher_data(replace(recipe, train=_with(recipe, words=())), dataset, source, None)
    assert own.source is source
    assert own.classes is own.view is None
    targets = {}
    for name, data in {"more": teacher_data, "own": own}.items():
        taught = distilled(recipe, source, teacher_data=data, cache=tmp_path)
        x, targets[name] = taught.epoch(0, rng=np.random.default_rng(0))
        np.testing.assert_array_equal(x, source.epoch(0, rng=np.random.default_rng(0))[0])
        np.testing.assert_allclose(targets[name].sum(axis=1), 1, atol=1e-5)
    assert not np.allclose(targets["more"], targets["own"])


def test_the_view_converts_features_to_the_teachers_units(recipe, subsets):
    task, dataset, source = subsets
    teacher_data = task.teacher_data(recipe, dataset, source, None)
    plain, theirs = source.normalization, teacher_data.source.normalization
    assert plain != theirs
    x = source.subset("train")[0]
    features = np.asarray(source.features("train"))
    expected = (features - np.array(theirs.mean)) / np.array(theirs.std)
    np.testing.assert_allclose(teacher_data.view(x), expected, atol=1e-4)


def test_a_teacher_is_trained_once(recipe, subsets, tmp_path):
    task, dataset, source = subsets
    teacher_data = task.teacher_data(recipe, dataset, source, None)
    first = distilled(recipe, source, teacher_data=teacher_data, cache=tmp_path)
    (checkpoint,) = (tmp_path / "teachers").glob("*.checkpoint")
    written = checkpoint.stat().st_mtime_ns
    student = replace(recipe.train, epochs=9, learning_rate=0.5, seeds=(7,))
    again = distilled(
        replace(recipe, train=student), source, teacher_data=teacher_data, cache=tmp_path
    )
    assert again.key == first.key
    assert checkpoint.stat().st_mtime_ns == written
    other = replace(recipe, train=_with(recipe, seed=1))
    assert distilled(other, source, teacher_data=teacher_data, cache=tmp_path).key != first.key
    assert len(list((tmp_path / "teachers").glob("*.checkpoint"))) == 2


def test_without_a_teacher_the_examples_are_unchanged(recipe, subsets):
    task, dataset, source = subsets
    teacher_data = task.teacher_data(recipe, dataset, source, None)
    plain = replace(recipe, train=replace(recipe.train, teacher=None))
    assert distilled(plain, source, teacher_data=teacher_data) is source


def test_teacher_words_must_include_the_recipes_own(recipe, subsets):
    task, dataset, source = subsets
    other = replace(recipe, train=_with(recipe, words=("go", "up")))
    with pytest.raises(RecipeError, match="must include the recipe's own; add stop"):
        task.teacher_data(other, dataset, source, None)


def test_an_unwritable_cache_is_named(recipe, subsets, tmp_path):
    task, dataset, source = subsets
    teacher_data = task.teacher_data(recipe, dataset, source, None)
    (tmp_path / "teachers").write_text("in the way")
    with pytest.raises(OutputError, match="MOTEFIT_CACHE"):
        distilled(recipe, source, teacher_data=teacher_data, cache=tmp_path)


@pytest.mark.slow
def test_fit_with_a_teacher_ends_in_a_certificate(recipe, tmp_path):
    folder = tmp_path / "run"
    result = fit(recipe, None, folder, options=FitOptions(workers=1))
    assert result.met
    reads = [json.loads(line) for line in (folder / "reads.jsonl").read_text().splitlines()]
    assert [entry["part"] for entry in reads].count("test") == 1
    assert Recipe.load(folder / "recipe.toml").train == recipe.train


def _with(recipe: Recipe, **knobs: object):
    return replace(recipe.train, teacher=replace(recipe.train.teacher, **knobs))
