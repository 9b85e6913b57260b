"""Judging candidates before training."""

from dataclasses import replace

import numpy as np
import pytest
from combinations import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from motefit.codegen.estimate import estimated_facts
from motefit.graph.families import Problem, build
from motefit.measure.latency.device_profile import LatencyScale
from motefit.search.screening import Screened, nearest_miss, screen, screen_all
from motefit.search.space import Candidate
from motefit.search.timing import INVOCATIONS, TRIES, TURNS, Timing
from motefit.spec.budget import Budget
from motefit.spec.frontend import FrontEnd
from motefit.spec.recipe import Recipe
from motefit.tflite.archive import zip_bytes
from motefit.tflite.importer.read import read_graph
from motefit.tflite.write.precision import export

SPEECH = Problem(input_shape=(20, 8), outputs=3)
SERIES = Problem(input_shape=(6, 2), outputs=6)
PRECISIONS = (
    "float32", "float16", "dynamic-range", "int8-weights", "int4-weights", "int8", "int4",
)  # fmt: skip


def candidate(precision: str = "int8", width: int = 8, extra: str = "") -> Candidate:
    text = f"""
    task = "keyword-spotting"
    [model]
    family = "dscnn"
    width = {width}
    blocks = 2
    [compress]
    precision = "{precision}"
    {extra}
    """
    return Candidate(values={}, seed=0, recipe=Recipe.loads(text, name="r"))


def graph_of(found: Candidate, problem: Problem = SPEECH, seed: int = 0):
    model = found.recipe.model
    rng = np.random.default_rng(seed)
    return build(model.family, model.options, problem=problem, rng=rng)


def trained(graph, rng: np.random.Generator):
    """As training could leave it: all numbers moved, variances still positive."""
    return graph.with_constants(
        {
            name: (a * rng.uniform(0.5, 1.5, a.shape) + rng.uniform(0.0, 0.3, a.shape)).astype(
                a.dtype
            )
            for name, a in graph.constants.items()
        }
    )


def exported(found: Candidate, graph, *, seed: int = 9) -> bytes:
    rng = np.random.default_rng(seed)
    examples = rng.normal(size=(16, *graph.input_shape)).astype(np.float32)
    return export(trained(graph, rng), found.recipe.compress, examples=examples)


@pytest.mark.parametrize("precision", ["float32", "float16", "int8", "int8-weights"])
@pytest.mark.parametrize("more", [{}, {"compress.keep_names": True}])
def test_the_screened_size_is_the_size_of_the_trained_file(precision, more):
    found = candidate(precision)
    found = replace(found, recipe=found.recipe.with_values(more))
    screened = screen(found, graph_of(found), Budget())
    data = exported(found, graph_of(found, seed=1))
    # pieces of a file overlap where numbers happen to be equal, which training decides
    assert abs(screened.facts["size.tflite_bytes"] - len(data)) <= (8 if more else 0)


FAMILIES = {
    "tcnet": {
        "width": st.integers(2, 12),
        "blocks": st.integers(1, 3),
        "kernels": st.lists(st.sampled_from([3, 5, 9]), min_size=1, max_size=2),
        "residual": st.booleans(),
        "softmax": st.booleans(),
    },
    "dscnn": {
        "width": st.integers(2, 12),
        "blocks": st.integers(1, 3),
        "norm_between": st.booleans(),
        "dropout": st.sampled_from([0.0, 0.1]),
    },
    "bcresnet": {
        "channels": st.lists(st.integers(2, 8), min_size=1, max_size=2),
        "blocks": st.just([1]),
        "head_channels": st.sampled_from([0, 5]),
    },
    "mlp": {"units": st.lists(st.integers(1, 12), max_size=2)},
}
SERIES_FAMILIES = {
    "conv1d": {
        "filters": st.lists(st.integers(1, 9), min_size=1, max_size=2),
        "units": st.lists(st.integers(1, 9), max_size=1),
    },
    "lstm": {"units": st.integers(1, 8)},
    "residual-mlp": {"units": st.integers(1, 12)},
}


@st.composite
def candidates(draw) -> tuple[Candidate, Problem]:
    speech = draw(st.booleans())
    families = FAMILIES if speech else SERIES_FAMILIES
    family = draw(st.sampled_from(sorted(families)))
    options = {key: draw(values) for key, values in families[family].items()}
    precisions = [p for p in PRECISIONS if family != "lstm" or p != "int4"]
    values = {
        **{f"model.{key}": value for key, value in options.items()},
        "compress.precision": draw(st.sampled_from(precisions)),
        "compress.per_channel": draw(st.booleans()),
        "compress.bias_scales": draw(st.sampled_from(["own", "borrowed", "none"])),
        "compress.rounding": "nearest",
    }
    head = (
        'task = "keyword-spotting"'
        if speech
        else 'task = "forecasting"\n[data]\ntime = "t"\ninputs = ["a", "b"]\n'
        'targets = ["a", "b"]\ninput_steps = 6\noutput_steps = 3'
    )
    recipe = Recipe.loads(f'{head}\n[model]\nfamily = "{family}"', name="r").with_values(values)
    problem = SPEECH if speech else SERIES
    return Candidate(values=values, seed=0, recipe=recipe), problem


@settings(max_examples=30)
@given(found=candidates(), seed=st.integers(0, 99))
def test_over_random_recipes_the_size_is_that_of_the_trained_file(found, seed):
    """Within 16 bytes for each activation: two whose zero points are equal share one vector."""
    found, problem = found
    graph = graph_of(found, problem)
    screened = screen(found, graph, Budget())
    data = exported(found, graph_of(found, problem, seed + 1), seed=seed)
    slack = 16 * (1 + len(graph.ops)) if found.recipe.compress.precision in {"int8", "int4"} else 8
    assert abs(screened.facts["size.tflite_bytes"] - len(data)) <= slack
    assert screened.facts["size.zip_bytes"] <= len(zip_bytes(data, thorough=False))


ONCE = TURNS * TRIES
BUDGET = Budget.from_table(
    {"size.tflite_bytes": "< 100 B", "macs": "< 1 M", "accuracy": "> 99 %"}, where="b"
)


def test_bounds_that_need_no_training_are_judged():
    found = candidate()
    screened = screen(found, graph_of(found), BUDGET)
    assert [b.metric for b in screened.missed] == ["size.tflite_bytes"]
    assert "bound < 100 B" in screened.reason
    assert not screen(found, graph_of(found), Budget()).reason
    assert not screen(found, graph_of(found), BUDGET, shrinks=True).missed


ESTIMATES = ("flash_bytes", "estimate.pico_ms", "estimate.nano-33-ble_ms")


@examples(6)
@given(width=st.integers(2, 20), seed=st.integers(0, 99))
def test_estimates_before_training_are_those_of_the_trained_file(width, seed):
    found = candidate(width=width)
    budget = Budget.from_table(dict.fromkeys(ESTIMATES, "< 1e9"), where="b")
    facts = screen(found, graph_of(found), budget).facts
    trained_file = read_graph(exported(found, graph_of(found, seed=1), seed=seed))
    shipped = estimated_facts(trained_file, found.recipe.frontend, ESTIMATES)
    assert {name: facts[name] for name in ESTIMATES} == pytest.approx(shipped, rel=2e-3)


def test_a_candidate_that_is_too_large_or_slow_for_a_board_is_rejected():
    found = candidate()
    limits = {"flash_bytes": "< 9 KB", "estimate.pico_ms": "< 1 us", "ram.arena_bytes": "< 1 B"}
    screened = screen(found, graph_of(found), Budget.from_table(limits, where="b"))
    assert {b.metric for b in screened.missed} == set(limits)
    assert ESTIMATES[2] not in screened.facts  # what no budget names is not computed
    without = candidate("float32")
    screened = screen(without, graph_of(without), Budget.from_table(limits, where="b"))
    assert "flash_bytes" not in screened.facts  # there is no C source, so nothing to count


def test_several_budgets_are_judged_on_the_same_facts():
    found = candidate()
    first, second = screen_all(found, graph_of(found), (BUDGET, Budget()))
    assert first.missed
    assert not second.missed
    assert first.facts == second.facts


def test_a_zip_that_no_training_reaches_is_rejected():
    budget = Budget.from_table({"size.zip_bytes": "< 700 B"}, where="b")
    screened = screen(candidate(), graph_of(candidate()), budget)
    assert "size.zip_bytes is at least" in screened.reason


STEP = '[[compress.steps]]\nname = "clustering"'


def test_a_step_may_make_all_weights_alike():
    plain, clustered = candidate(), candidate(extra=STEP)
    before = screen(plain, graph_of(plain), Budget()).facts
    after = screen(clustered, graph_of(clustered), Budget()).facts
    assert after["size.zip_bytes"] < before["size.zip_bytes"]
    assert after["size.tflite_bytes"] == before["size.tflite_bytes"]


@pytest.mark.parametrize("precision", PRECISIONS)
def test_not_even_equal_weights_zip_below_the_hard_bound(precision):
    found = candidate(precision, width=4, extra=STEP)
    graph = graph_of(found)
    equal = {n: np.full_like(a, 0.5) for n, a in graph.constants.items()}
    examples = np.random.default_rng(0).normal(size=(4, 20, 8)).astype(np.float32)
    data = export(graph.with_constants(equal), found.recipe.compress, examples=examples)
    bound = screen(found, graph, Budget()).facts["size.zip_bytes"]
    assert bound <= len(zip_bytes(data))


class Clock:
    """Nanoseconds that pass by a script: one entry for each thing that is timed."""

    def __init__(self, durations) -> None:
        self._durations = iter(durations)
        self._now, self._inside = 0, False
        self.timed = 0

    def __call__(self) -> int:
        if self._inside:
            self._now += next(self._durations)
            self.timed += 1
        self._inside = not self._inside
        return self._now


def slow(limit: str) -> Budget:
    return Budget.from_table({"latency.inference_ms": f"< {limit}"}, where="b")


def times(first: float, *others: float):
    """Durations in ns of tries of some milliseconds; rounding of the input takes none."""
    yield from [int(first * 1e6)] * INVOCATIONS
    yield from [0] * ONCE
    for other in others:
        yield from [int(other * 1e6)] * INVOCATIONS


def without_frontend() -> tuple[Candidate, object]:
    text = """
    task = "forecasting"
    [data]
    time = "t"
    inputs = ["a", "b"]
    targets = ["a", "b"]
    input_steps = 6
    output_steps = 3
    [model]
    family = "mlp"
    units = [4]
    """
    found = Candidate(values={}, seed=0, recipe=Recipe.loads(text, name="r"))
    return found, graph_of(found, SERIES)


def test_times_are_facts():
    found = candidate()
    facts = screen(found, graph_of(found), Budget(), timing=Timing()).facts
    stages = facts["latency.frontend_ms"], facts["latency.inference_ms"]
    assert min(stages) > 0
    assert facts["latency.total_ms"] == sum(stages)
    assert "latency.total_ms" not in screen(found, graph_of(found), Budget()).facts
    plain, graph = without_frontend()
    assert "latency.frontend_ms" not in screen(plain, graph, Budget(), timing=Timing()).facts


@pytest.mark.parametrize(
    ("tries", "rejected", "timed"),
    [
        pytest.param((1.2,), False, 1, id="within-noise"),
        pytest.param((9.0, 1.0), False, 2, id="a-hiccup"),
        pytest.param((9.0, 9.0, 9.0), True, 3, id="too-slow"),
    ],
)
def test_a_time_rejects_only_what_is_slow_in_every_try(tries, rejected, timed):
    found, graph = without_frontend()
    clock = Clock(times(*tries))
    screened = screen(found, graph, slow("1 ms"), timing=Timing(clock=clock))
    assert bool(screened.missed) == rejected
    assert screened.facts["latency.inference_ms"] == min(tries)
    assert clock.timed == timed * INVOCATIONS + ONCE


def test_a_quarter_of_the_turns_being_quick_is_enough():
    found, graph = without_frontend()
    durations = [9_000_000] * 14 + [500_000] * 6 + [0] * ONCE
    timing = Timing(clock=Clock(durations))
    assert screen(found, graph, slow("1 ms"), timing=timing).facts["latency.inference_ms"] == 0.5


def test_times_are_those_of_the_device_that_is_meant():
    found, graph = without_frontend()
    scale = LatencyScale(frontend=2.0, inference=4.0)
    timing = Timing(scale=scale, clock=Clock(times(0.5, 0.5, 0.5)))
    screened = screen(found, graph, slow("1 ms"), timing=timing)
    assert screened.facts["latency.inference_ms"] == 2.0
    assert screened.missed


def test_a_front_end_is_timed_once():
    clock = Clock([7] * TURNS + [5] * TURNS + [9] * TURNS)
    timing = Timing(clock=clock)
    frontend = FrontEnd(seconds=0.1)
    assert timing.frontend_ms(frontend) == timing.frontend_ms(FrontEnd(seconds=0.1)) == 5e-6
    assert clock.timed == ONCE


def test_of_a_candidate_that_shrinks_the_front_end_alone_is_judged():
    budget = Budget.from_table(
        {"latency.frontend_ms": "< 1 us", "latency.inference_ms": "< 0.01 us"}, where="b"
    )
    found = candidate()
    screened = screen(found, graph_of(found), budget, shrinks=True, timing=Timing())
    assert [b.metric for b in screened.missed] == ["latency.frontend_ms"]


def test_the_nearest_miss_is_the_smallest_excess():
    budget = Budget.from_table({"size.tflite_bytes": "< 100 B"}, where="b")
    judged = tuple(
        screen(c, graph_of(c), budget) for c in (candidate(width=w) for w in (16, 4, 32))
    )
    assert nearest_miss(judged).candidate.recipe.model.options["width"] == 4


TWO = Budget.from_table({"size.tflite_bytes": "< 1000 B", "macs": "< 1000"}, where="b")


def judged(size: float, macs: float) -> Screened:
    facts = {"size.tflite_bytes": size, "macs": macs, "ram.arena_bytes": 1.0}
    missed = tuple(b for b in TWO.bounds if not b.holds(facts[b.metric]))
    return Screened(candidate=candidate(), facts=facts, missed=missed)


def test_the_worst_bound_counts():
    even, uneven = judged(2000, 2000), judged(1100, 9000)
    assert nearest_miss((uneven, even)) is even
