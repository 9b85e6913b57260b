"""Optuna's storage on a PostgreSQL server, used by two processes at once."""

import subprocess
import sys

import optuna
from optuna.storages import RDBStorage

TRIALS = 10
STUDY = """
import sys
import optuna
from optuna.storages import RDBStorage

optuna.logging.set_verbosity(optuna.logging.WARNING)
url, own = sys.argv[1:]
storage = RDBStorage(url)
print("ready", flush=True)
sys.stdin.readline()
studies = [
    optuna.create_study(study_name=name, storage=storage, load_if_exists=True)
    for name in ("common", own)
]
for number in range({trials}):
    for study in studies:
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    studies[0].set_user_attr(f"{{own}}-{{number}}", number)
"""


def test_two_processes_share_one_study_and_have_one_each(postgres_url):
    storage = RDBStorage(postgres_url)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", STUDY.format(trials=TRIALS), postgres_url, name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for name in ("first", "second")
    ]  # fmt: skip
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=60)
        assert process.returncode == 0
    try:
        trials = {
            name: optuna.load_study(study_name=name, storage=storage).trials
            for name in ("common", "first", "second")
        }
        common = optuna.load_study(study_name="common", storage=storage)
        assert {name: len(of) for name, of in trials.items()} == {
            "common": 2 * TRIALS,
            "first": TRIALS,
            "second": TRIALS,
        }
        for of in trials.values():
            assert [t.number for t in of] == list(range(len(of)))
            assert all(t.state.is_finished() and t.values == [t.params["x"]] for t in of)
        assert len(common.user_attrs) == 2 * TRIALS
    finally:
        storage.remove_session()
        storage.engine.dispose()


def test_each_test_has_a_database_of_its_own(postgres_url):
    storage = RDBStorage(postgres_url)
    try:
        assert optuna.get_all_study_names(storage) == []
    finally:
        storage.remove_session()
        storage.engine.dispose()
