"""What every engine promises."""

import os
import time

import engine_jobs as jobs
import pytest
from process_watch import alive, wait_for

from motefit.search.engines import (
    ENGINES,
    POLL_S,
    RETRIES,
    WorkerFault,
    WorkerLost,
    open_engine,
)
from motefit.spec.errors import DataError, MissingExtraError, RecipeError
from motefit.spec.worker_environment import worker_environment


def nothing() -> None:
    """Where a test has nothing to poll."""


def test_there_are_engines():
    assert {"local", "ray"} <= set(ENGINES.names())


def test_an_unknown_engine_is_said():
    with pytest.raises(RecipeError, match=r"unknown engine 'lokal'.*local"):
        open_engine("lokal", workers=1)


@pytest.mark.parametrize("name", ENGINES.names())
def test_a_negative_number_of_workers(name):
    with pytest.raises(RecipeError, match="got -1"):
        open_engine(name, workers=-1)


def test_thirty_jobs_by_two_workers_that_are_not_this_process(engine, results):
    got = results(engine, jobs.square, range(30))
    assert {index: value for index, (value, _) in got.items()} == {n: n * n for n in range(30)}
    pids = {pid for _, pid in got.values()}
    assert 1 <= len(pids) <= 2
    assert os.getpid() not in pids


def test_workers_serve_the_next_call_too(engine, results):
    first = {pid for _, pid in results(engine, jobs.square_slowly, range(2)).values()}
    second = {pid for _, pid in results(engine, jobs.square_slowly, range(2)).values()}
    assert first & second


def test_no_jobs(engine, results):
    assert results(engine, jobs.square, []) == {}


def test_workers_have_one_thread_and_fixed_arithmetic(engine, results, monkeypatch):
    monkeypatch.setenv("MKL_CBWR", "AVX512")  # what a user has set must not change the bytes
    wanted = worker_environment()
    ((found, pid),) = results(engine, jobs.environment, [tuple(wanted)]).values()
    assert found == wanted
    assert os.environ["MKL_CBWR"] == "AVX512"
    assert wanted["OMP_NUM_THREADS"] == "1"
    assert pid != os.getpid()


def test_results_larger_than_a_pipe(engine, results):
    size = 5_000_000
    got = results(engine, jobs.large, [size, size, size])
    assert [len(value) for value in got.values()] == [size] * 3


def test_errors_of_the_user_are_given_and_the_others_go_on(engine):
    ended = {e.index: e for e in engine.run(jobs.refuse_odd, range(6), poll=nothing)}
    assert {index: e.value for index, e in ended.items() if e.error is None} == {0: 0, 2: 2, 4: 4}
    for number in (1, 3, 5):
        error = ended[number].error
        assert type(error) is DataError
        assert str(error) == f"{number} is odd; give an even one"
        with pytest.raises(DataError, match="is odd"):
            ended[number].result()


def test_an_error_with_a_constructor_of_its_own_keeps_class_and_text(engine):
    (ended,) = engine.run(jobs.want_extra, [None], poll=nothing)
    assert type(ended.error) is MissingExtraError
    assert str(ended.error) == str(MissingExtraError("nothing", "none", "nothing at all"))


def test_a_fault_is_raised_with_the_workers_traceback(engine, results):
    with pytest.raises(WorkerFault, match=r"(?s)Traceback.*in divide.*ZeroDivisionError"):
        results(engine, jobs.divide, [1, 0])
    assert results(engine, jobs.divide, [2]) == {0: 0.5}


def test_a_result_that_cannot_travel_is_a_fault(engine, results):
    with pytest.raises(WorkerFault, match="pickle"):
        results(engine, jobs.cannot_be_pickled, [None])
    assert results(engine, jobs.divide, [2]) == {0: 0.5}


def test_a_killed_worker_costs_only_its_job_which_is_tried_again(engine, results, tmp_path, capfd):
    got = results(engine, jobs.die_first, [None, tmp_path / "a", None, tmp_path / "b", None])
    assert got == {0: 1, 1: 2, 2: 1, 3: 2, 4: 1}
    results(engine, jobs.square_slowly, [1])  # Ray's tidings come late
    assert capfd.readouterr() == ("", "")


def test_a_job_that_kills_all_its_workers_is_lost_alone(engine, tmp_path):
    given = [tmp_path / "kills", None, None, None]
    ended = {e.index: e for e in engine.run(jobs.die_always, given, poll=nothing)}
    assert isinstance(ended[0].error, WorkerLost)
    assert [ended[index].value for index in (1, 2, 3)] == ["lives"] * 3
    assert len((tmp_path / "kills").read_text()) == 1 + RETRIES


def test_poll_is_called_some_five_times_a_second(engine, results):
    results(engine, jobs.square, range(2))  # the workers have started
    beats = []
    start = time.monotonic()
    results(engine, jobs.square_slowly, range(4), poll=lambda: beats.append(time.monotonic()))
    seconds = time.monotonic() - start
    assert 2 <= len(beats) <= seconds / POLL_S + 1


def test_an_interruption_stops_the_jobs_that_run(engine, results, tmp_path):
    markers = [tmp_path / "a", tmp_path / "b"]

    def interrupt() -> None:
        if all(marker.exists() and marker.read_text() for marker in markers):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        results(engine, jobs.begin_and_wait, [*markers, tmp_path / "c"], poll=interrupt)
    pids = [int(marker.read_text()) for marker in markers]
    wait_for(lambda: not any(alive(pid) for pid in pids))
    assert not (tmp_path / "c").exists()
    assert results(engine, jobs.divide, [2]) == {0: 0.5}


def test_leaving_early_stops_the_jobs_that_run(engine, results, tmp_path):
    given = [(tmp_path / "short", 0.0), (tmp_path / "long", 60.0)]
    running = engine.run(jobs.begin_and_finish, given, poll=nothing)
    assert next(running).value == "short"
    wait_for((tmp_path / "long").exists)
    wait_for((tmp_path / "long").read_text)
    running.close()
    pid = int((tmp_path / "long").read_text().split()[0])
    wait_for(lambda: not alive(pid))
    assert results(engine, jobs.divide, [2]) == {0: 0.5}


def test_an_error_of_the_caller_stops_everything(engine, tmp_path):
    given = [(tmp_path / "short", 0.0), (tmp_path / "long", 60.0)]

    def caller() -> None:
        for _ in engine.run(jobs.begin_and_finish, given, poll=nothing):
            wait_for((tmp_path / "long").exists)
            wait_for((tmp_path / "long").read_text)
            raise RuntimeError("of the caller")

    with pytest.raises(RuntimeError, match="of the caller"):
        caller()
    pid = int((tmp_path / "long").read_text().split()[0])
    wait_for(lambda: not alive(pid))
