"""Rounds of proposals and the fate of their candidates, with real small trainings."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from motefit.data.synth.climate import synthesize_climate
from motefit.fitting.finalists import FinalistMaker
from motefit.fitting.jobs import HISTORY
from motefit.fitting.scheduler import Failure, Scheduler, epochs_of
from motefit.fitting.screener import Screener
from motefit.fitting.study import Study, TrainedCandidate, propose
from motefit.search.engines import Engine, open_engine
from motefit.search.progress import Listener
from motefit.search.rounds import Rounds
from motefit.search.space import Space
from motefit.search.storage import TrialStore
from motefit.search.timing import Timing
from motefit.search.trial import Trial
from motefit.spec.errors import OutputError
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS, load_dataset

TEXT = """
task = "forecasting"
[data]
input_steps = 4
output_steps = 2
[model]
family = "mlp"
units = [4]
[train]
epochs = 4
batch_size = 256
[compress]
precision = "int8-weights"
[budget]
size.tflite_bytes = "< 1100 B"
objective = "mae.rh (%)"
[search]
strategy = "grid"
max_candidates = 6
rungs = [0.5]
keep = 0.34
finalists = 2
repeats = 2
[search.space]
"model.units" = [[2], [4], [64], [4]]
"train.learning_rate" = [0.01, 0.02, 1e30]
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("climate") / "climate.csv"
    synthesize_climate(path, days=40, rng=np.random.default_rng(0))
    return path


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with open_engine("local", workers=1) as opened:
        yield opened


def recipe_of(text: str = TEXT) -> Recipe:
    return Recipe.loads(text, name="r")


def screener_of(recipe: Recipe, data: Path) -> Screener:
    task = TASKS.find(recipe.task)
    return Screener(partial(task.problem, dataset=load_dataset(task, recipe, data)), Timing())


def trainer_of(recipe: Recipe, data: Path, folder: Path, engine: Engine) -> Scheduler:
    task = TASKS.find(recipe.task)
    return Scheduler(
        problem_of=partial(task.problem, dataset=load_dataset(task, recipe, data)),
        engine=engine,
        folder=folder,
        data=data,
        device="cpu",
        listener=Listener(),
    )


def studied(
    recipe: Recipe, data: Path, folder: Path, engine: Engine
) -> tuple[tuple[TrainedCandidate, ...], tuple[Trial, ...]]:
    space = Space(recipe)
    with closing(TrialStore(f"sqlite:///{folder / 's.db'}", "s", space, about={})) as trial_store:
        study = Study(
            space=space,
            screener=screener_of(recipe, data),
            rounds=Rounds(folder),
            trial_store=trial_store,
            trainer=trainer_of(recipe, data, folder, engine),
            listener=Listener(),
        )
        return study.run(), trial_store.trials


def test_grid_points_are_screened_once_and_rejected_if_they_cannot_fit(data):
    recipe = recipe_of()
    screener = screener_of(recipe, data)
    found = propose(Space(recipe), screener, (), 0)
    points = [(e.point["model.units"], e.point["train.learning_rate"]) for e in found.entries]
    assert points == [(u, r) for u in ((2,), (4,), (64,)) for r in (0.01, 0.02, 1e30)]
    assert [bool(e.violations) for e in found.entries] == [False] * 6 + [True] * 3
    assert all("size.tflite_bytes is" in e.reason for e in found.entries[6:])
    assert len(screener.screened) == 9


def test_the_smallest_fitting_files_are_trained(data):
    recipe = recipe_of(TEXT.replace("max_candidates = 6", "max_candidates = 3"))
    found = propose(Space(recipe), screener_of(recipe, data), (), 0)
    trained = [e.point["model.units"] for e in found.entries if e.trains]
    assert trained == [(2,)] * 3
    assert sum(e.left_out for e in found.entries) == 3


def test_a_sampled_round_has_the_requested_size_and_no_repeats(data):
    text = TEXT.replace('strategy = "grid"', 'strategy = "random"\nround_candidates = 4')
    recipe = recipe_of(text)
    space, screener = Space(recipe), screener_of(recipe, data)
    first = propose(space, screener, (), 0)
    assert sum(e.trains for e in first.entries) == 4
    assert first.entries == tuple(
        replace(e, facts=f.facts)  # times differ
        for e, f in zip(propose(space, screener, (), 0).entries, first.entries, strict=True)
    )
    keys = [space.candidate(e.point).key for e in first.entries]
    assert len(set(keys)) == len(keys)
    history = [
        Trial(
            round=0, index=i, point=e.point, key=k, status="rejected" if e.violations else "stopped"
        )
        for i, (e, k) in enumerate(zip(first.entries, keys, strict=True))
    ]
    second = propose(space, screener, history, 1)
    assert sum(e.trains for e in second.entries) == 2  # six in all
    assert not {space.candidate(e.point).key for e in second.entries} & set(keys)


def test_a_key_with_one_value_does_not_end_a_narrowing(data):
    text = TEXT.replace('strategy = "grid"', 'strategy = "narrowing"').replace(
        "[[2], [4], [64], [4]]", "[[2]]"
    )
    recipe = recipe_of(text)
    space, screener = Space(recipe), screener_of(recipe, data)
    first = propose(space, screener, (), 0)
    assert [e.point["model.units"] for e in first.entries] == [(2,)]
    history = [
        Trial(round=0, index=0, point=e.point, key=space.candidate(e.point).key, status="stopped")
        for e in first.entries
    ]
    second = propose(space, screener, history, 1)
    assert [e.point["train.learning_rate"] for e in second.entries] == [0.02, 1e30]
    assert not second.last
    assert propose(space, screener, history, 2).last


def test_a_sampled_study_ends_when_nothing_more_fits(data):
    text = TEXT.replace('strategy = "grid"', 'strategy = "random"').replace(
        "[[2], [4], [64], [4]]", "[[64], [128]]"
    )
    recipe = recipe_of(text)
    found = propose(Space(recipe), screener_of(recipe, data), (), 0)
    assert found.last
    assert len(found.entries) == 6  # each once
    assert not any(e.trains for e in found.entries)


def test_a_round_is_read_back_unchanged(data, tmp_path):
    recipe = recipe_of()
    found = propose(Space(recipe), screener_of(recipe, data), (), 0)
    rounds = Rounds(tmp_path)
    assert rounds.read(0) is None
    rounds.write(0, found)
    assert rounds.read(0) == found
    (tmp_path / "rounds" / "0.json").write_text('{"entries": 3}')
    with pytest.raises(OutputError, match="proposed again"):
        rounds.read(0)


@pytest.mark.slow
def test_worse_candidates_stop_at_the_rung_and_diverged_ones_are_stored_as_such(
    data, tmp_path, engine
):
    trained, trials = studied(recipe_of(), data, tmp_path, engine)
    by_status: dict[str, list[Trial]] = {}
    for trial in trials:
        by_status.setdefault(trial.status, []).append(trial)
    assert {s: len(r) for s, r in by_status.items()} == {
        "rejected": 3, "diverged": 2, "stopped": 2, "trained": 2,
    }  # fmt: skip
    assert {r.epochs for r in by_status["stopped"]} == {2}
    assert {r.epochs for r in by_status["trained"]} == {4}
    assert all("loss became" in r.reason for r in by_status["diverged"])
    assert {t.candidate.key for t in trained} == {r.key for r in by_status["trained"]}
    worst = max(t.facts["mae.rh (%)"] for t in trained)
    assert all(r.facts["mae.rh (%)"] for r in by_status["stopped"])
    assert worst > 0
    lines = [len(p.read_text().splitlines()) for p in tmp_path.glob(f"trainings/*/{HISTORY}")]
    assert sorted(lines)[-2:] == [4, 4]
    # the second time nothing is trained or stored
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.glob("[ct]*/*/*")}
    again, trials_again = studied(recipe_of(), data, tmp_path, engine)
    assert trials_again == trials
    assert [t.facts for t in again] == [t.facts for t in trained]
    assert {p: p.stat().st_mtime_ns for p in tmp_path.glob("[ct]*/*/*")} == stamps


@pytest.mark.slow
def test_candidates_that_differ_in_compression_share_their_training(data, tmp_path, engine):
    text = TEXT.replace(
        '"train.learning_rate" = [0.01, 0.02, 1e30]',
        '"compress.precision" = ["int8", "float32"]',
    ).replace("[[2], [4], [64], [4]]", "[[6]]")
    _, trials = studied(recipe_of(text), data, tmp_path, engine)
    assert len(trials) == 2
    assert len(list(tmp_path.glob("trainings/*"))) == 1
    sizes = {r.facts["size.tflite_bytes"] for r in trials}
    assert len(sizes) == 2


@pytest.mark.slow
def test_finalists_are_made_in_all_variants_and_the_winner_is_repeated(data, tmp_path, engine):
    ways = '[search.variants]\n"compress.precision" = ["int8-weights", "float32"]\n[search.space]'
    text = TEXT.replace("[search.space]", ways).replace(", 1e30]", "]")
    recipe = recipe_of(text)
    trained, _ = studied(recipe, data, tmp_path, engine)
    finish = FinalistMaker(
        recipe=recipe,
        task=TASKS.find(recipe.task),
        trainer=trainer_of(recipe, data, tmp_path, engine),
        listener=Listener(),
    )
    chosen = finish.run(trained)
    assert list(chosen) == ["r"]
    precisions = [f.candidate.recipe.compress.precision for f in finish.finished.values()]
    assert precisions.count("float32") >= len(trained)
    seeds = finish.seeds(chosen["r"])
    assert len(seeds) == 2
    assert len({f.candidate.seed for f in seeds}) == 2
    winner = finish.finished[chosen["r"]]
    assert winner.facts["mae.rh (%)"] == min(
        f.facts["mae.rh (%)"] for f in finish.finished.values()
        if f.facts["size.tflite_bytes"] < 1100
    )  # fmt: skip


@pytest.mark.slow
def test_small_networks_of_one_shape_train_as_one_with_equal_results(data, tmp_path, engine):
    text = TEXT.replace(", 1e30]", "]").replace("[[2], [4], [64], [4]]", "[[4]]")
    facts = {}
    for name, size in (("alone", 1), ("stacked", 8)):
        recipe = recipe_of(text.replace("repeats = 2", f"repeats = 2\nstack = {size}"))
        space = Space(recipe)
        candidates = [space.candidate(p) for p in space.points()]
        trainer = trainer_of(recipe, data, tmp_path / name, engine)
        facts[name] = trainer.train(candidates, 1.0)
    for key, alone in facts["alone"].items():
        assert not isinstance(alone, Failure)
        assert facts["stacked"][key]["mae.rh (%)"] == pytest.approx(alone["mae.rh (%)"], rel=0.02)


def test_a_share_of_the_epochs_is_at_least_one():
    (candidate,) = [Space(recipe_of()).candidate(p) for p in list(Space(recipe_of()).points())[:1]]
    assert [epochs_of(candidate, share) for share in (0.01, 0.5, 1.0)] == [1, 2, 4]
