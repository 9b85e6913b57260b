"""What each section takes from the facts."""

from dataclasses import replace

import pytest

from motefit.report.report_facts import ReportFacts
from motefit.report.sections import (
    accuracy_section,
    candidates_section,
    data_section,
    errors_section,
    latency_section,
    layers_section,
    seeds_section,
    size_section,
    training_section,
)
from motefit.spec.budget import Budget
from motefit.spec.certificate import certify, recheck

RUN = {"frontend_ms": 1.0, "inference_ms": 3.0, "total_ms": 4.0, "threads": 1}


def with_topic(facts: ReportFacts, topic: str, value: object) -> ReportFacts:
    return replace(facts, card=replace(facts.card, evidence={**facts.card.evidence, topic: value}))


@pytest.mark.parametrize(
    ("topic", "names"),
    [
        (RUN, ["this model"]),
        ({"xnnpack": RUN, "builtin": {**RUN, "inference_ms": 7.0}}, ["xnnpack", "builtin"]),
        ({"threads": 1, "by_resolver": {"builtin": RUN}}, ["builtin"]),
        ({}, ["this model"]),  # from the card's facts
    ],
)  # fmt: skip
def test_latency_runs_by_name(words: ReportFacts, topic: object, names: list[str]) -> None:
    view = latency_section.build(with_topic(words, "latency", topic))
    assert view is not None
    assert [bar.name for bar in view.bars] == names
    assert all([part.name for part in bar.parts] == ["front end", "inference"] for bar in view.bars)
    longest = max(sum(part.percent for part in bar.parts) for bar in view.bars)
    assert longest == pytest.approx(100, abs=0.01)


def test_latency_bars_share_one_scale(words: ReportFacts) -> None:
    slow = {**RUN, "inference_ms": 7.0, "total_ms": 8.0}
    view = latency_section.build(with_topic(words, "latency", {"a": RUN, "b": slow}))
    assert view is not None
    assert [[p.percent for p in bar.parts] for bar in view.bars] == [[12.5, 37.5], [12.5, 87.5]]
    assert view.bars[1].total == "8.000 ms"
    assert [(row.name, row.value) for row in view.rows] == [("Threads", "1")]


def test_candidates_chosen_first_and_only_what_differs(words: ReportFacts) -> None:
    view = candidates_section.build(words)
    assert view is not None
    assert [c.status for c in view.candidates] == ["chosen", "trained", "rejected"]
    assert view.keys == ("model.width",)
    assert view.common == (("model.depth", "3"), ("train.epochs", "40"))
    assert view.metrics == ("accuracy",)
    assert view.costs == ("bytes", "MACs")  # as in the terminal's table
    assert [c.scores for c in view.candidates] == [("98.12 %",), ("96.87 %",), ("",)]
    assert view.candidates[2].reason.startswith("size.tflite_bytes is 41.20 KB")


def test_matrix_needs_a_row_and_a_column_per_label(words: ReportFacts) -> None:
    view = accuracy_section.build(words)
    assert view is not None
    assert [sum(cell.count for cell in row.cells) for row in view.matrix] == [100] * 8
    assert [row.cells[i].right for i, row in enumerate(view.matrix)] == [True] * 8
    lacking = {**words.topic("accuracy"), "confusion": [[1, 2], [3, 4]]}
    view = accuracy_section.build(with_topic(words, "accuracy", lacking))
    assert view is not None
    assert view.matrix == ()
    assert len(view.recall) == 8


def test_interval_stands_in_order_on_its_axis(words: ReportFacts) -> None:
    view = accuracy_section.build(words)
    assert view is not None
    strip = view.strip
    assert strip is not None
    assert strip.bound is not None
    assert strip.ticks[0].at <= strip.low < strip.bound < strip.value < strip.high
    assert strip.high <= strip.ticks[-1].at


def test_smallest_error_of_each_column_is_marked(climate: ReportFacts) -> None:
    view = errors_section.build(climate)
    assert view is not None
    marked = {m.name: [best for _, best in m.cells] for m in view.methods}
    assert marked["this model"] == [True, True, False, False]  # no other root mean square is known
    assert marked["persistence"] == [False] * 4
    assert [column.unit for column in view.columns] == ["°C", "%"]
    assert view.columns[0].steps == ("10", "20", "30", "40", "50", "60")


def test_byte_map_largest_first(words: ReportFacts) -> None:
    view = size_section.build(words)
    assert view is not None
    values = [part.value for part in view.parts]
    assert values == sorted(values, reverse=True)
    assert sum(values) == 22_416
    assert view.total == "22 416"
    whole = sum(cell.width * cell.height for cell in view.cells)
    assert whole == pytest.approx(100 * 100, rel=1e-3)
    names = [cell.name for cell in view.cells]
    assert names[:3] == ["1 conv 2d", "2 depthwise conv 2d", "4 fully connected"]
    assert "other constants" in names
    assert view.shrink[0] == ("other constants", "54.3 %", view.shrink[0][2])


def test_constants_that_are_not_of_the_file_are_not_split(words: ReportFacts) -> None:
    view = size_section.build(replace(words, byte_map={"constants": 2_000, "header": 100}))
    assert view is not None
    assert [cell.name for cell in view.cells] == ["constants", "header"]


def test_layers_have_their_share_of_work_and_bytes(words: ReportFacts) -> None:
    view = layers_section.build(words)
    assert view is not None
    assert [layer.name for layer in view.layers][:2] == ["conv 2d", "depthwise conv 2d"]
    assert [a.percent for a in view.layers[1].amounts] == [45.0, 12.5]
    assert view.totals == ("60 128", "2 032")
    assert view.lead == (
        "Operation 1, conv 2d, has 67 % of the multiply-accumulates "
        "and 82 % of the bytes of weights and biases."
    )
    assert layers_section.build(replace(words, operations=({"name": "ADD", "macs": 0},))) is None


def test_the_times_of_all_runs_are_drawn_and_told(words: ReportFacts) -> None:
    view = latency_section.build(words)
    assert view is not None
    assert view.spread is not None
    assert [row.name for row in view.spread.rows] == ["xnnpack", "builtin"]
    assert view.spread.rows[0].note == "median 0.24 ms; 5 % take 0.258 or more, 1 % 0.76 or more"
    assert not view.spread.bounds  # 8 ms are far beyond
    budget = Budget.from_table({"latency.total_ms": "< 0.3 ms"}, where="test")
    judged = certify(words.card.facts, budget, evidence={}, model_sha256=words.card.model_sha256)
    view = latency_section.build(replace(words, certificate=judged))
    assert view is not None
    assert view.spread is not None
    assert [tick.text for tick in view.spread.bounds] == ["bound 0.3"]


def test_score_that_repeats_the_loss_is_not_drawn(words: ReportFacts) -> None:
    view = training_section.build(words)
    assert view is not None
    assert [chart.title for chart in view.charts] == ["Loss", "Validation score"]
    history = tuple({**entry, "score": -entry["validation_loss"]} for entry in words.history)
    view = training_section.build(replace(words, history=history))
    assert view is not None
    assert [chart.title for chart in view.charts] == ["Loss"]


def test_counts_by_part_and_word_become_one_table(words: ReportFacts) -> None:
    clips = {
        "train": {"go": 640, "up": 320},
        "validation": {"go": 80},
        "test": {"go": 80, "up": 40},
    }
    topic = {"clips": clips, "short": {"train": 3, "test": 0}, "conflicting": 2, "notes": ["x"]}
    view = data_section.build(with_topic(words, "data", topic))
    assert view is not None
    assert [(row.name, row.values, row.inner) for row in view.counts] == [
        ("Clips", ("960", "80", "120"), False),
        ("go", ("640", "80", "80"), True),
        ("up", ("320", "", "40"), True),
        ("Short", ("3", "", "0"), False),
    ]
    assert [(row.name, row.value) for row in view.rows] == [("Conflicting", "2")]
    assert view.notes == ("x",)


def test_seeds_show_mean_and_spread_of_both_parts(words: ReportFacts) -> None:
    moments = {"mean": 0.98, "sd": 0.01, "min": 0.97, "max": 0.99}
    topic = {
        "n": 3,
        "seeds": [0, 1, 2],
        "validation": {"accuracy": moments},
        "test": {"accuracy": moments},
    }
    view = seeds_section.build(with_topic(words, "seeds", topic))
    assert view is not None
    assert view.seeds == 3
    assert [(s.subset, s.mean, s.deviation) for s in view.spreads] == [
        ("test", "98.00 %", "1.00 %"), ("validation", "98.00 %", "1.00 %"),
    ]  # fmt: skip


def test_one_seed_has_no_spread(words: ReportFacts) -> None:
    assert seeds_section.build(words) is None
    assert seeds_section.build(with_topic(words, "seeds", {"n": 1})) is None


def test_words_and_warnings_of_the_data_are_shown(words: ReportFacts) -> None:
    one = {
        "clips": 20, "rates_hz": {"16000": 12, "8000": 8}, "channels": {"1": 20},
        "encodings": {"WAV PCM_16": 20}, "median_ms": 980, "min_ms": 500, "max_ms": 1000,
        "shorter": 6, "longer": 0, "level_dbfs": -24.5, "clipped": 0, "bandwidth_hz": 7500,
        "unused": 22,
    }  # fmt: skip
    topic = {"words": {"go": one}, "warnings": ["words differ"], "unused": {".mp3 is not read": 22}}
    view = data_section.build(with_topic(words, "data", topic))
    assert view is not None
    assert view.warnings == ("words differ",)
    (row,) = view.words
    assert dict(zip(view.word_columns, row.values, strict=True)) == {
        "clips": "20", "rate, Hz": "16000 (12), 8000 (8)", "channels": "1",
        "encoding": "WAV PCM_16", "length, s": "0.98 (0.50..1.00)", "padded": "6", "cropped": "0",
        "level, dBFS": "-24.5", "clipped": "0", "bandwidth, Hz": "7 500", "not used": "22",
    }  # fmt: skip
    assert [(r.name, r.value) for r in view.rows] == [("Unused: .mp3 is not read", "22")]


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"n": 59, "correct": 57}, "96.61 %, 57 of 59 test clips right; 95 % interval 88.29 % to"),
        ({"n": 0, "correct": 0}, "none of the 800 test clips"),
        ("speakers unknown", "speakers unknown"),
    ],
)
def test_accuracy_on_unseen_speakers_is_a_sentence(
    words: ReportFacts, stored: object, said: str
) -> None:
    topic = {**words.topic("accuracy"), "unseen_speakers": stored}
    facts = with_topic(words, "accuracy", topic)
    certificate = recheck(facts.card)
    view = accuracy_section.build(replace(facts, certificate=certificate))
    assert view is not None
    assert view.unseen.startswith(said)
    silent = accuracy_section.build(words)
    assert silent is not None
    assert silent.unseen == ""
