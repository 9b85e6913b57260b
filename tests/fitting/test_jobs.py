"""Jobs travel as plain values; what is stored of a candidate is whole or is not there."""

import json
import math
import statistics
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_recipes import CLIMATE

from motefit.fitting.candidate_rows import MOST_ROWS, candidate_rows
from motefit.fitting.finalists import Finalist, FinalistMaker, spread
from motefit.fitting.jobs import (
    MODEL,
    RESULT,
    CandidateJob,
    TrainedFile,
    TrainJob,
    candidate_folder,
    load_outcome,
    outcome_of,
    rung_facts,
    rung_facts_path,
)
from motefit.fitting.remote_files import FileChanges, apply, pack
from motefit.search.progress import Listener
from motefit.search.space import Candidate
from motefit.search.trial import Trial
from motefit.spec.errors import ModelFileError
from motefit.spec.files import write_sealed
from motefit.spec.recipe import Recipe
from motefit.tasks import TASKS
from motefit.tflite.model import ModelFile

RECIPE = Recipe.loads(CLIMATE.format(epochs=3), name="tiny")
FILE = ModelFile(data=b"\x1c\0\0\0TFL3" + bytes(8))
SEEDS = st.integers(0, 50)


def candidate(seed=0, **values) -> Candidate:
    return Candidate(values=values, seed=seed, recipe=RECIPE)


def trained(**facts) -> TrainedFile:
    return TrainedFile(file=FILE, io={}, facts=facts, history=(), seconds=1.0)


def finalist(seed, **facts) -> Finalist:
    return Finalist(candidate=candidate(seed), outcome=trained(), facts=facts)


@settings(max_examples=20)
@given(SEEDS)
def test_a_candidate_travels_as_plain_values(seed):
    job = CandidateJob.of(candidate(seed))
    again = CandidateJob(**json.loads(json.dumps(vars(job))))
    assert again == job
    assert again.recipe().to_table() == RECIPE.to_table()
    same = Candidate(values={}, seed=seed, recipe=again.recipe())
    assert (same.key, same.training_key) == (job.key, job.training_key)


@settings(max_examples=20)
@given(st.lists(SEEDS, min_size=1, max_size=4))
def test_a_job_names_its_folders_once(seeds):
    works = tuple(CandidateJob.of(candidate(seed)) for seed in seeds)
    parts = TrainJob(works=works, epochs=1, data=None, folder=None).parts
    assert len(set(parts)) == len(parts) == 2 * len(set(seeds))
    assert {part.split("/")[0] for part in parts} == {"trainings", "candidates"}


def store(run, key, data=FILE.data, **changes):
    """A finished candidate as a worker leaves it."""
    folder = candidate_folder(run, key)
    folder.mkdir(parents=True, exist_ok=True)
    table = {"io": {}, "facts": {"macs": 1.0}, "history": [], "seconds": 2.0}
    write_sealed(folder / RESULT, {**table, "model_sha256": FILE.sha256, **changes})
    (folder / MODEL).write_bytes(data)


def test_a_finished_candidate_is_read_back(tmp_path):
    store(tmp_path, "a")
    found = load_outcome(tmp_path, "a")
    assert (found.file, found.facts, found.seconds) == (FILE, {"macs": 1.0}, 2.0)


def test_a_file_that_is_not_the_one_that_was_made_is_made_again(tmp_path):
    store(tmp_path, "a", data=FILE.data + b"\0")
    assert outcome_of(tmp_path, "a") is None
    assert not (candidate_folder(tmp_path, "a") / MODEL).exists()
    with pytest.raises(ModelFileError, match="run again"):
        load_outcome(tmp_path, "a")
    assert outcome_of(tmp_path, "never") is None


def test_a_job_is_done_when_all_its_candidates_are(tmp_path):
    works = tuple(CandidateJob.of(candidate(seed)) for seed in (0, 1))
    job = TrainJob(works=works, epochs=2, data=None, folder=tmp_path)
    final = replace(job, works=works[:1], epochs=None)
    assert not job.done
    assert not final.done
    for work in works:
        assert not job.done
        write_sealed(rung_facts_path(tmp_path, work.key, 2), {"facts": {"macs": 1.0}})
    assert job.done
    assert rung_facts(tmp_path, works[0].key, 1) is None
    store(tmp_path, works[0].key)
    assert final.done


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.sampled_from(["a", "b/c", "b/d", ".part"]), st.binary(max_size=8)),
    st.sets(st.sampled_from(["a", "b/c"])),
)
def test_what_a_node_sends_back_is_what_it_left(tmp_path_factory, files, gone):
    folder = tmp_path_factory.mktemp("run")
    job = TrainJob(works=(CandidateJob.of(candidate()),), epochs=1, data=None, folder=folder)
    part = job.parts[0]
    (folder / part).mkdir(parents=True)
    apply(
        FileChanges(files={f"{part}/{path}": data for path, data in files.items()}, gone=()), folder
    )
    whole = {f"{part}/{path}": data for path, data in files.items() if path != ".part"}
    assert pack(job) == whole
    apply(FileChanges(files={}, gone=tuple(f"{part}/{path}" for path in gone)), folder)
    assert pack(job) == {p: d for p, d in whole.items() if p.removeprefix(f"{part}/") not in gone}


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_the_spread_is_of_the_seeds(values):
    seeds = [finalist(i, accuracy=v, macs=1.0) for i, v in enumerate(values)]
    found = spread(seeds, {f.candidate.key: f.facts for f in seeds})
    assert (found["n"], found["seeds"]) == (len(values), list(range(len(values))))
    assert found["test"] == found["validation"]
    assert found["test"].keys() == {"accuracy"}  # a cost is no quality, and no size
    moments = found["test"]["accuracy"]
    assert moments["min"] <= moments["mean"] + 1e-9
    assert moments["mean"] <= moments["max"] + 1e-9
    assert moments["mean"] == pytest.approx(sum(values) / len(values))
    assert moments["sd"] == (statistics.stdev(values) if len(values) > 1 else 0.0)


def test_a_quality_that_one_seed_lacks_has_no_spread():
    seeds = [finalist(0, accuracy=0.5), finalist(1, accuracy=math.nan)]
    found = spread(seeds, {f.candidate.key: f.facts for f in seeds})
    assert found["validation"] == {}


def maker(*finished) -> FinalistMaker:
    """A maker that has some files already; nothing is trained."""
    made = FinalistMaker(
        recipe=RECIPE, task=TASKS.find(RECIPE.task), trainer=None, listener=Listener()
    )
    made.finished = {f.candidate.key: f for f in finished}
    return made


@settings(max_examples=20)
@given(st.integers(1, 6), st.sets(SEEDS, max_size=4), st.sets(SEEDS, max_size=4))
def test_repeats_are_new_seeds_and_as_many_as_the_recipe_wants(repeats, have, others):
    recipe = replace(RECIPE, search=replace(RECIPE.search, repeats=repeats))
    first = Candidate(values={}, seed=0, recipe=recipe)
    finished = [
        Finalist(candidate=replace(first, seed=seed), outcome=trained(), facts={})
        for seed in {0, *have}
    ]
    made = maker(*finished)
    made._recipe = recipe
    chosen = made._repeats(first, [replace(first, seed=seed) for seed in others])
    seeds = [c.seed for c in chosen]
    assert len(seeds) == len(set(seeds)) == max(repeats - len(finished), 0)
    assert not set(seeds) & {0, *have}
    trained_first = sorted(others - {0, *have})[: len(seeds)]
    assert seeds[: len(trained_first)] == trained_first
    assert [f.candidate.seed for f in made.seeds(first.key)] == sorted({0, *have})


def test_the_smallest_file_that_keeps_the_budget_is_chosen():
    """Of two within the bounds, the objective decides; one that misses a bound never wins."""
    bounds = {"size.tflite_bytes": 900.0, "mae.T (degC)": 1.0}
    good, better = (
        finalist(0, **bounds, **{"mae.rh (%)": 3.0}),
        finalist(1, **bounds, **{"mae.rh (%)": 2.0}),
    )
    large = finalist(2, **{**bounds, "size.tflite_bytes": 2000.0}, **{"mae.rh (%)": 1.0})
    assert set(maker(good, better, large)._choice().values()) == {better.candidate.key}


def trial(index, status, **changes) -> Trial:
    values = {"round": 0, "index": index, "key": f"k{index}", "point": {"seed": index}}
    return Trial(**{**values, "status": status, **changes})


@settings(max_examples=20)
@given(st.lists(st.sampled_from(["rejected", "stopped", "trained", "diverged"]), max_size=20))
def test_a_report_has_a_row_for_every_candidate_rejected_ones_last(statuses):
    chosen = finalist(99, macs=1.0)
    trials = [trial(i, status) for i, status in enumerate(statuses)]
    rows = candidate_rows(
        RECIPE,
        Path("no run"),
        [*trials, trial(0, "trained", key=chosen.candidate.key)],
        maker(chosen).finished,
        chosen.candidate.key,
    )
    assert len(rows) == 1 + len(statuses)
    assert rows[0]["status"] == "chosen"
    order = [row["status"] == "rejected" for row in rows]
    assert order == sorted(order)
    assert sorted(row["status"] for row in rows[1:]) == sorted(statuses)


def test_a_report_of_thousands_keeps_those_that_were_trained():
    trials = [trial(i, "rejected") for i in range(2 * MOST_ROWS)]
    rows = candidate_rows(
        RECIPE, Path("no run"), [*trials, trial(9, "trained", key="t")], {}, "absent"
    )
    assert (len(rows), rows[0]["status"]) == (MOST_ROWS, "trained")
