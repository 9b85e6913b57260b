"""The steps of every task that a recipe can name, and their consistency."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from model_edits import rewritten

from motefit.graph.families import build
from motefit.measure.latency.paired import measure_latency
from motefit.search.screening import screen
from motefit.search.space import Candidate
from motefit.spec.budget import Budget
from motefit.spec.errors import RecipeError
from motefit.spec.recipe import Recipe
from motefit.spec.tasks import TASK_SPECS
from motefit.tasks import TASKS, Task
from motefit.tflite.model import ModelFile
from motefit.tflite.write.precision import export

SMALL = {
    "keyword-spotting": """
        task = "keyword-spotting"
        [data]
        words = ["no", "yes"]
        synthetic_clips = 10
        [model]
        family = "dscnn"
        width = 4
        blocks = 1
        """,
    "forecasting": """
        task = "forecasting"
        [data]
        synthetic_days = 10
        [model]
        family = "linear"
        """,
}


def test_the_registry_is_not_empty():
    assert set(TASK_SPECS.names()) == set(SMALL)


@pytest.fixture(scope="module", params=sorted(SMALL))
def small(request) -> Recipe:
    return Recipe.loads(SMALL[request.param], name="small")


@pytest.fixture(scope="module")
def loaded(small):
    return TASKS.find(small.task).load(small, None)


@pytest.fixture(scope="module")
def made(small, loaded):
    """Task, model bytes and card section of an untrained candidate."""
    task = TASKS.find(small.task)
    candidate = Candidate(values={}, seed=0, recipe=small)
    source = task.source(small, loaded)
    rng = np.random.default_rng(0)
    model = candidate.recipe.model
    graph = build(model.family, model.options, problem=task.problem(small, loaded), rng=rng)
    inputs, _ = source.subset("train")
    examples = np.asarray(inputs[:32], np.float32)
    return task, export(graph, small.compress, examples=examples), task.io(small, loaded, source)


@pytest.mark.parametrize("name", TASK_SPECS.names())
def test_every_task_of_a_recipe_is_registered(name):
    task = TASKS.find(name)
    assert isinstance(task, Task)
    assert task.name == name


def test_a_recipe_loads_equal_data_without_a_download(small, loaded):
    task = TASKS.find(small.task)
    again = task.load(small, None)
    assert task.data_key(again) == task.data_key(loaded)
    assert set(loaded.subsets) == {"train", "validation", "test"}
    assert all(len(subset) for subset in loaded.subsets.values())


def test_source_and_problem_have_the_same_shapes(small, loaded):
    task = TASKS.find(small.task)
    problem, source = task.problem(small, loaded), task.source(small, loaded)
    for subset in ("train", "validation"):
        inputs, targets = source.subset(subset)
        assert inputs.shape[1:] == problem.input_shape
        assert len(targets) == len(inputs) == len(loaded.subsets[subset])
    drawn, _ = source.epoch(0, rng=np.random.default_rng(0))
    assert drawn.shape == source.subset("train")[0].shape


def test_the_card_section_is_what_the_spec_declares(small, loaded, made):
    task, _, io = made
    assert type(io) is TASK_SPECS.find(small.task).io
    task.require_fit(io, loaded)


def test_both_sets_are_measured_on_the_bytes(small, loaded, made):
    task, model, io = made
    for subset in ("validation", "test"):
        measured = task.measure(model, io, loaded, subset)
        assert set(measured.facts) == quality(small)
        assert measured.facts == task.measure(model, io, loaded, subset).facts
        baselines = task.baselines(loaded, subset)
        assert baselines
        for baseline in baselines.values():
            assert set() < set(baseline.facts) <= quality(small)


def test_a_foreign_file_gets_a_card_section_of_the_same_shape(small, loaded, made):
    task, model, io = made
    foreign = task.foreign_io(small, loaded, ModelFile(data=model))
    assert type(foreign) is type(io)
    task.require_fit(foreign, loaded)
    assert set(task.measure(model, foreign, loaded, "test").facts) == quality(small)


def test_a_foreign_file_without_operators_gets_one_too(small, loaded, made):
    def emptied(model):
        model.subgraphs[0].operators = []

    task, model, io = made
    foreign = task.foreign_io(small, loaded, ModelFile(data=rewritten(model, emptied)))
    assert type(foreign) is type(io)


def test_a_card_of_other_data_does_not_fit(small, loaded, made):
    task, _, io = made
    task.require_fit(io, loaded)
    other = {"labels": ("a", "b")} if hasattr(io, "labels") else {"input_steps": 99}
    with pytest.raises(RecipeError):
        task.require_fit(dataclasses.replace(io, **other), loaded)


def quality(recipe: Recipe) -> set[str]:
    """Return the metrics of the specification."""
    return set(TASK_SPECS.find(recipe.task).metrics(recipe.data))


def test_a_bound_on_a_word_that_the_data_lack_is_refused_once_they_are_loaded(small, loaded):
    task = TASKS.find(small.task)
    task.require_measured(small, loaded)
    if task.name != "keyword-spotting":
        return
    anything = dataclasses.replace(small, data=dataclasses.replace(small.data, words=()))
    known = dataclasses.replace(anything, budget=Budget(objective="recall.yes"))
    task.require_measured(known, loaded)
    unknown = dataclasses.replace(anything, budget=Budget(objective="recall.yess"))
    with pytest.raises(RecipeError, match=r"recall.yess is not .*did you mean 'recall.yes'"):
        task.require_measured(unknown, loaded)


def test_the_example_for_latency_runs(made):
    task, model, io = made
    subjects = {
        name: task.benchmark_case(model, io, xnnpack=x) for name, x in (("x", True), ("b", False))
    }
    timed = measure_latency(subjects)
    assert set(timed) == {"x", "b"}


def test_audit_has_notes_for_people(small, loaded):
    notes = TASKS.find(small.task).audit(loaded)["notes"]
    assert notes
    assert all(isinstance(note, str) for note in notes)


def test_the_candidate_is_screened(small, loaded):
    candidate = Candidate(values={}, seed=0, recipe=small)
    task = TASKS.find(small.task)
    rng = np.random.default_rng(0)
    model = candidate.recipe.model
    graph = build(model.family, model.options, problem=task.problem(small, loaded), rng=rng)
    screened = screen(candidate, graph, small.budget)
    assert screened.facts["macs"] > 0
    assert not screened.missed


def test_a_loss_of_the_other_task_is_refused(small):
    other = {"keyword-spotting": "mae", "forecasting": "cross-entropy"}[small.task]
    wrong = dataclasses.replace(small, train=dataclasses.replace(small.train, loss=other))
    with pytest.raises(RecipeError, match="trains on"):
        TASKS.find(small.task).loss(wrong)
    assert TASKS.find(small.task).loss(small) in {"cross-entropy", "mae"}


def test_synthetic_speech_needs_words():
    recipe = Recipe.loads('task = "keyword-spotting"\n[model]\nfamily = "cnn"\n', name="r")
    with pytest.raises(RecipeError, match="words"):
        TASKS.find(recipe.task).load(recipe, None)


def test_synthetic_speech_has_no_published_lists():
    recipe = Recipe.loads(
        'task = "keyword-spotting"\n[data]\nwords = ["a", "b"]\nsplit = "published"\n'
        '[frontend]\n[model]\nfamily = "dscnn"\n[budget]\naccuracy = "> 90 %"',
        name="r",
    )
    with pytest.raises(RecipeError, match="no published lists: give --data"):
        TASKS.find("keyword-spotting").load(recipe, None)


def test_only_speech_lists_broken_files(tmp_path: Path):
    recipe = Recipe.loads(SMALL["keyword-spotting"], name="r")
    for word in ("no", "yes"):
        (tmp_path / word).mkdir()
        (tmp_path / word / "a.wav").write_bytes(b"")
    broken = TASKS.find("keyword-spotting").broken(recipe, tmp_path)
    assert sorted(item.path.parent.name for item in broken) == ["no", "yes"]
    forecasting = Recipe.loads(SMALL["forecasting"], name="r")
    assert TASKS.find("forecasting").broken(forecasting, tmp_path) == ()
