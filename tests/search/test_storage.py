"""The contract of the trial store, on every promised kind of storage."""

import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import optuna
import pytest

from motefit.search.space import Space
from motefit.search.storage import TrialStore, close_storage, open_storage, read_studies
from motefit.search.trial import Trial
from motefit.search.urls import without_password
from motefit.spec.errors import OutputError, RecipeError
from motefit.spec.recipe import Recipe

TEXT = """
task = "forecasting"
[model]
family = "mlp"
units = [4]
[budget]
macs = "< 100"
objective = "mae.rh (%)"
[search]
strategy = "tpe"
[search.space]
"model.units" = [[2], [4], [8, 4]]
"train.learning_rate" = {low = 1e-3, high = 0.1, log = true}
"compress.per_channel" = [true, false]
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path: Path) -> str:
    if request.param == "postgresql":
        return request.getfixturevalue("postgres_url")
    return f"sqlite:///{tmp_path / 'studies.db'}"


@pytest.fixture
def space() -> Space:
    return Space(Recipe.loads(TEXT, name="mine"))


def open_store(url: str, space: Space, name: str = "mine-1") -> TrialStore:
    about = {"recipe": space.recipe.to_toml(), "folder": "/run", "motefit": "0"}
    return TrialStore(url, name, space, about=about)


def trials(space: Space, count: int = 4, *, number: int = 0) -> list[Trial]:
    statuses = ("trained", "stopped", "rejected", "diverged")
    return [
        Trial(
            round=number,
            index=index,
            point={
                "model.units": ((2,), (8, 4))[index % 2],
                "train.learning_rate": 0.001 * (index + 1),
                "compress.per_channel": bool(index % 2),
                "seed": 0,
            },
            key=f"{number}-{index}",
            status=statuses[index % 4],
            epochs=index,
            facts={"macs": 10.0 + index, "mae.rh (%)": 1.0 / (index + 1)},
            violations={"macs": 0.25 * (index % 3)},
            reason="why not" if index % 4 > 1 else "",
        )
        for index in range(count)
    ]


def test_what_was_entered_is_read_back_whole_and_in_order(url, space):
    entered = trials(space, 8)
    with closing(open_store(url, space)) as trial_store:
        trial_store.add(entered[4:])
        trial_store.add(entered[:4])
        assert trial_store.trials == tuple(entered)
    with closing(open_store(url, space)) as again:
        assert again.trials == tuple(entered)


def test_adding_twice_adds_once(url, space):
    entered = trials(space)
    with closing(open_store(url, space)) as trial_store:
        trial_store.add(entered)
        trial_store.add(entered)
    with closing(open_store(url, space)) as again:
        again.add(entered)
        assert len(again.trials) == len(entered)
    storage = open_storage(url)
    stored = optuna.load_study(study_name="mine-1", storage=storage).trials
    close_storage(storage)
    assert len(stored) == len(entered)
    assert all(trial.state.is_finished() for trial in stored)


def test_optuna_sees_values_constraints_and_parameters(url, space):
    with closing(open_store(url, space)) as trial_store:
        trial_store.add(trials(space))
    storage = open_storage(url)
    study = optuna.load_study(study_name="mine-1", storage=storage)
    best = study.best_trial  # the stopped one misses a bound
    close_storage(storage)
    assert best.params == {
        "model.units": "[2]", "train.learning_rate": 0.001, "compress.per_channel": "false",
        "seed": 0,
    }  # fmt: skip
    assert best.values == [1.0]
    assert best.user_attrs["status"] == "trained"


def test_a_dashboard_sees_pruned_candidates_and_when_each_round_ran(url, space):
    with closing(open_store(url, space)) as trial_store:
        for number in range(2):
            trial_store.add(trials(space, number=number))
    storage = open_storage(url)
    study = optuna.load_study(study_name="mine-1", storage=storage)
    stored, titles = study.trials, study.metric_names
    close_storage(storage)
    assert titles == ["mae.rh (%)"]
    assert [trial.state.name for trial in stored] == ["COMPLETE", "PRUNED", "PRUNED", "FAIL"] * 2
    stopped = [trial for trial in stored if trial.user_attrs["status"] == "stopped"]
    assert [trial.intermediate_values for trial in stopped] == [{1: 0.5}] * 2
    assert all(trial.datetime_start <= trial.datetime_complete for trial in stored)
    first, second = stored[:4], stored[4:]
    assert first[0].datetime_start < first[0].datetime_complete <= second[0].datetime_start
    assert first[0].datetime_start == first[1].datetime_start


def test_studies_of_one_storage_do_not_mix(url, space):
    with closing(open_store(url, space, "mine-1")) as one:
        with closing(open_store(url, space, "mine-2")) as two:
            one.add(trials(space, 3))
            two.add(trials(space, 2))
        assert len(one.trials) == 3
    found = read_studies(url)
    assert [(s.name, len(s.trials)) for s in found] == [("mine-1", 3), ("mine-2", 2)]
    assert found[0].recipe == space.recipe
    assert found[0].best.status == "trained"
    assert found[0].counts == {"trained": 1, "stopped": 1, "rejected": 1}


def test_other_peoples_studies_are_left_alone(url, space):
    storage = open_storage(url)
    optuna.create_study(study_name="theirs", storage=storage)
    close_storage(storage)
    with closing(open_store(url, space)):
        assert [s.name for s in read_studies(url)] == ["mine-1"]


WRITER = """
import sys
from motefit.search.storage import TrialStore
from motefit.search.trial import Trial
from motefit.search.space import Space
from motefit.spec.recipe import Recipe
url, name, text = sys.argv[1:]
space = Space(Recipe.loads(text, name="mine"))
trial_store = TrialStore(url, name, space, about={"recipe": text, "folder": "", "motefit": "0"})
print("ready", flush=True)
sys.stdin.readline()
for index in range(8):
    point = {"model.units": (2,), "train.learning_rate": 0.01, "compress.per_channel": True}
    point["seed"] = 0
    trial = Trial(round=0, index=index, point=point, key=name, status="trained", epochs=1,
                    facts={"macs": float(index), "mae.rh (%)": 1.0})
    trial_store.add([trial])
trial_store.close()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "url", ["sqlite", pytest.param("postgresql", marks=pytest.mark.proof)], indirect=True
)
def test_two_processes_at_once_do_not_disturb_each_other(url, space):
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, url, "a-1", space.recipe.to_toml()],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as other:  # fmt: skip
        assert other.stdout.readline() == "ready\n"
        with closing(open_store(url, space, "a-2")) as ours:
            other.stdin.write("go\n")
            other.stdin.flush()
            for index, trial in enumerate(trials(space, 8)):
                ours.add([replace(trial, index=index, key="a-2")])
        other.communicate(timeout=1200)
        assert other.returncode == 0
    assert [study.name for study in read_studies(url)] == ["a-1", "a-2"]
    for study in read_studies(url):
        assert [r.index for r in study.trials] == list(range(8))
        assert {r.key for r in study.trials} == {study.name}


def test_a_study_of_other_objectives_is_refused(url, space):
    with closing(open_store(url, space)):
        text = TEXT.replace(
            'strategy = "tpe"', 'strategy = "tpe"\nobjectives = ["macs", "size.zip_bytes"]'
        )
        with pytest.raises(RecipeError, match="other objectives"):
            open_store(url, Space(Recipe.loads(text, name="mine")))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////nowhere/at/all/x.db", "cannot be used"),
        ("postgresql+psycopg://me:secret@127.0.0.1:1/x", r"me:\*\*\*@127.0.0.1"),
        ("nonsense://x", "cannot be used"),
        ("not a url", "cannot be used"),
    ],
)
def test_a_storage_that_cannot_be_used_is_said(space, url, said):
    with pytest.raises(OutputError, match=said) as error:
        open_store(url, space)
    assert "secret" not in str(error.value)
    assert "--storage" in str(error.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:secret@host:5432/name", "postgresql://me:***@host:5432/name"),
        ("postgresql://me:se@cret@host/name", "postgresql://me:***@host/name"),
        ("postgresql://me@host/name", "postgresql://me@host/name"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("", ""),
    ],
)
def test_a_password_is_never_shown(url, shown):
    assert without_password(url) == shown
