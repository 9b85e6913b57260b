"""A latency on a busy machine is neither a pass nor a fail; everything else is judged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.spec.budget import Budget
from motefit.spec.certificate import BUSY, WAITED, certify, too_busy

BOUNDS = {
    "accuracy": "> 90 %",
    "latency": {
        "total_ms": "< 5 ms",
        "frontend_ms": "< 3 ms",
        "inference_ms": "< 3 ms",
        "saving_percent": "> 10 %",
    },
}
BUDGET = Budget.from_table({**BOUNDS, "reference": "up-down"}, where="test")
STAGES = ("frontend", "inference", "total")
MS = st.floats(0.001, 100.0)
APART = st.floats(1.0, 50.0)


def run(*, quartile: float, apart: float = 1.0, waited: float = 1.0) -> dict[str, float]:
    """A run's table: all stages alike, the median ``apart`` times the 25th percentile."""
    median = quartile * apart
    times = {f"{s}_{kind}": v for s in STAGES for kind, v in (("ms", median), ("p25_ms", quartile))}
    return {**times, "total_cpu_ms": median / waited}


def verdicts(ours: dict[str, float], reference: dict[str, float]) -> dict[str, tuple[str, str]]:
    facts = {f"latency.{stage}_ms": ours[f"{stage}_ms"] for stage in STAGES}
    facts |= {"latency.saving_percent": 50.0, "accuracy": 0.8}
    evidence = {"latency": {"xnnpack": ours, "builtin": run(quartile=9.0), "reference": reference}}
    lines = certify(facts, BUDGET, evidence=evidence).lines
    return {line.metric: (line.verdict, line.reason) for line in lines}


@given(quartile=MS, apart=APART)
def test_medians_far_from_their_quartile_are_not_judged(quartile: float, apart: float) -> None:
    found = verdicts(run(quartile=quartile, apart=apart), run(quartile=1.0))
    for metric, limit in (("total_ms", 5.0), ("frontend_ms", 3.0), ("inference_ms", 3.0)):
        verdict, reason = found[f"latency.{metric}"]
        median = quartile * apart
        if quartile * BUSY < median:
            assert verdict == "not judged"
            assert f"median {median:.3g} ms, 25th percentile {quartile:.3g} ms" in reason
        else:
            assert (verdict, reason) == ("pass" if median < limit else "fail", "")
    assert found["accuracy"] == ("fail", "")  # judged as usual


@given(quartile=MS, waited=st.floats(1.0, 10.0))
def test_times_that_are_mostly_waiting_are_not_judged(quartile: float, waited: float) -> None:
    ours = run(quartile=quartile, waited=waited)
    verdict, reason = verdicts(ours, run(quartile=1.0))["latency.total_ms"]
    if WAITED * ours["total_cpu_ms"] < quartile:
        assert verdict == "not judged"
        assert "processor time" in reason
    else:
        assert verdict == ("pass" if quartile < 5.0 else "fail")


def test_a_saving_needs_both_sides_undisturbed() -> None:
    quiet, busy = run(quartile=1.0), run(quartile=1.0, apart=4.0)
    assert verdicts(quiet, quiet)["latency.saving_percent"][0] == "pass"
    assert verdicts(quiet, busy)["latency.saving_percent"][0] == "not judged"
    assert verdicts(busy, quiet)["latency.saving_percent"][0] == "not judged"
    assert verdicts(quiet, busy)["latency.total_ms"][0] == "pass"


@pytest.mark.parametrize("evidence", [{}, {"latency": 3}, {"latency": {"xnnpack": "fast"}}])
def test_what_does_not_say_how_it_was_timed_is_judged_by_its_value(evidence: dict) -> None:
    budget = Budget.from_table({"latency": {"total_ms": "< 5 ms"}}, where="test")
    facts = {"latency.total_ms": 1.0}
    assert certify(facts, budget, evidence=evidence).met
    assert certify({**facts, "latency.total_ms": 6.0}, budget, evidence=evidence).lines[
        0
    ].verdict == ("fail")


def test_a_value_that_is_not_there_is_not_measured_however_busy() -> None:
    budget = Budget.from_table({"latency": {"total_ms": "< 5 ms"}}, where="test")
    evidence = {"latency": {"xnnpack": run(quartile=1.0, apart=9.0)}}
    certificate = certify({}, budget, evidence=evidence)
    assert certificate.lines[0].verdict == "not measured"
    assert not certificate.met


def test_a_clock_that_counts_no_processor_time_says_nothing() -> None:
    assert not too_busy({"total_ms": 5.0, "total_p25_ms": 4.0, "total_cpu_ms": 0.0}, "total")
