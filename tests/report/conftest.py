"""Facts for reports to be rendered from: invented, but of the size and shape of real ones."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import pytest

from motefit.report.report_facts import ReportFacts
from motefit.spec.budget import Budget
from motefit.spec.card import Card, Provenance
from motefit.spec.certificate import certify
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.series_spec import SeriesIO
from motefit.spec.tasks.speech_spec import SpeechIO

WORDS = ("down", "go", "left", "no", "right", "stop", "up", "yes")
CONFUSION = (
    (97, 1, 0, 2, 0, 0, 0, 0),
    (1, 94, 0, 4, 0, 1, 0, 0),
    (0, 0, 97, 0, 1, 0, 1, 1),
    (1, 3, 0, 95, 0, 0, 1, 0),
    (0, 0, 1, 0, 99, 0, 0, 0),
    (0, 0, 0, 0, 0, 98, 2, 0),
    (0, 0, 1, 0, 0, 2, 97, 0),
    (0, 0, 0, 0, 0, 0, 0, 100),
)
PROVENANCE = Provenance(
    command="motefit fit eight-words --data speech --out runs/eight-words",
    commit="bea1c40d2f5a",
    version="0.1.0",
    seed=3,
    machine="AMD EPYC 7763, 4 cores",
    data_sha256=hashlib.sha256(b"data").hexdigest(),
)
OPERATIONS = (
    {"name": "CONV_2D", "shape": (1, 25, 5, 16), "macs": 40_000, "constant_bytes": 1_664},
    {"name": "DEPTHWISE_CONV_2D", "shape": (1, 25, 5, 16), "macs": 18_000, "constant_bytes": 208},
    {"name": "AVERAGE_POOL_2D", "shape": (1, 1, 1, 16), "macs": 2_000, "constant_bytes": 0},
    {"name": "FULLY_CONNECTED", "shape": (1, 8), "macs": 128, "constant_bytes": 160},
)
TIMES_MS = {
    "xnnpack": tuple(0.22 + 0.0004 * i + (0.5 if i == 99 else 0) for i in range(100)),
    "builtin": tuple(0.38 + 0.0008 * i for i in range(100)),
}
LATENCY = {
    "xnnpack": {
        "frontend_ms": 0.0921, "inference_ms": 0.1384, "total_ms": 0.2307,
        "frontend_p25_ms": 0.0893, "inference_p25_ms": 0.1352, "total_p25_ms": 0.2249,
        "reference_p25_ms": 0.1021, "total_over_reference": 2.2027,
        "rounds": 200, "threads": 1, "resolver": "xnnpack", "protocol": "motefit",
    },
    "builtin": {
        "frontend_ms": 0.0924, "inference_ms": 0.3127, "total_ms": 0.4053,
        "frontend_p25_ms": 0.0895, "inference_p25_ms": 0.3079, "total_p25_ms": 0.3981,
        "reference_p25_ms": 0.1021, "total_over_reference": 3.8991,
        "rounds": 200, "threads": 1, "resolver": "builtin", "protocol": "motefit",
    },
}  # fmt: skip


def _recipe(table: Mapping[str, object]) -> dict[str, object]:
    return Recipe.from_table(table, name="demo").to_table()


def with_budget(facts: ReportFacts, budget: Mapping[str, object]) -> ReportFacts:
    """The same facts held against another budget."""
    bounds = Budget.from_table(budget, where="demo")
    card = facts.card
    return replace(
        facts,
        certificate=certify(
            card.facts, bounds, evidence=card.evidence, model_sha256=card.model_sha256
        ),
    )


def words_facts() -> ReportFacts:
    """A keyword spotter on eight words that meets its budget, its accuracy not shown."""
    budget = {"accuracy": "> 96 %", "size.zip_bytes": "< 25 KB", "latency.total_ms": "< 8 ms"}
    recipe = _recipe({
        "description": "Eight words under 25 KB, zipped",
        "task": "keyword-spotting",
        "data": {"words": list(WORDS), "split": "published"},
        "model": {"family": "bcresnet", "width": 16},
        "train": {"epochs": 40, "seeds": [0, 1, 2, 3]},
        "budget": budget,
    })  # fmt: skip
    n = sum(map(sum, CONFUSION))
    correct = sum(CONFUSION[i][i] for i in range(len(WORDS)))
    card = Card(
        task="keyword-spotting",
        io=SpeechIO(labels=WORDS, frontend=FrontEnd(), normalization=Normalization()),
        model_sha256=hashlib.sha256(b"model").hexdigest(),
        facts={
            "accuracy": correct / n, "size.tflite_bytes": 22_416, "size.zip_bytes": 17_733,
            "latency.frontend_ms": 0.0921, "latency.inference_ms": 0.1384,
            "latency.total_ms": 0.2307, "macs": 1_284_096, "ram.arena_bytes": 18_240,
        },
        evidence={
            "accuracy": {
                "n": n, "correct": correct, "confusion": CONFUSION,
                "recall": {w: CONFUSION[i][i] / sum(CONFUSION[i]) for i, w in enumerate(WORDS)},
            },
            "baselines": {"majority class": {"accuracy": 0.125}},
            "latency": LATENCY,
            "size": {"tflite_bytes": 22_416, "zip_bytes": 17_733, "bundle_bytes": 19_012},
            "arena": {"arena_bytes": 18_240, "head_bytes": 12_800, "tail_bytes": 5_440},
            "validation": {"accuracy": 0.98125, "n": 800},
            "data": {
                "train": 6398, "validation": 799, "test": 800, "shared_speakers": 471,
                "test_clips_shared": 741, "duplicates_across": 0,
                "notes": ["92.6 % of the test clips come from a speaker who is also in training."],
            },
        },
        recipe=recipe,
        provenance=PROVENANCE,
    )  # fmt: skip
    history = tuple(
        {
            "epoch": i,
            "train_loss": 0.12 + 1.9 * 0.9**i + 0.02 * (i % 3),
            "validation_loss": 0.16 + 1.75 * 0.89**i + 0.03 * ((i * 7) % 4),
            "score": 0.982 - 0.68 * 0.87**i - 0.004 * ((i * 5) % 3),
            "learning_rate": 0.01 * (1 - i / 40),
            "seconds": 5.93,
        }
        for i in range(40)
    )
    candidates = (
        {"values": {"model.width": 12, "model.depth": 3, "train.epochs": 40}, "status": "trained",
         "reason": "", "tflite_bytes": 15_208, "macs": 804_096,
         "validation": {"accuracy": 0.96871}},
        {"values": {"model.width": 16, "model.depth": 3, "train.epochs": 40}, "status": "chosen",
         "reason": "", "tflite_bytes": 22_416, "macs": 1_284_096,
         "validation": {"accuracy": 0.98125}},
        {"values": {"model.width": 24, "model.depth": 3, "train.epochs": 40}, "status": "rejected",
         "reason": "size.tflite_bytes is 41.20 KB (42 190 B), bound < 40.00 KB (40 960 B)",
         "tflite_bytes": 42_190, "macs": 2_612_224},
    )  # fmt: skip
    byte_map = {
        "constants": 14_208, "biases": 2_112, "quantization": 2_436, "tensors": 1_880,
        "operators": 1_104, "options": 388, "header": 208, "padding": 80,
    }  # fmt: skip
    facts = ReportFacts(
        card=card,
        certificate=certify({}, Budget()),
        byte_map=byte_map,
        operations=OPERATIONS,
        history=history,
        candidates=candidates,
        details={"latency": TIMES_MS},
        name="eight-words",
    )
    return with_budget(facts, budget)


def climate_facts() -> ReportFacts:
    """A forecaster of two columns that misses one bound and was not timed against another."""
    names = ("T (degC)", "rh (%)")
    budget = {
        "mae": {"T (degC)": "< 0.3", "rh (%)": "< 1.3"},
        "size.zip_bytes": "< 1 KB",
        "ram.arena_bytes": "< 2 KB",
    }
    recipe = _recipe({
        "description": "Six steps of temperature and humidity",
        "task": "forecasting", "model": {"family": "mlp", "width": 4}, "budget": budget,
    })  # fmt: skip

    def steps(scale: float, power: float) -> list[float]:
        return [scale * (i + 1) ** power for i in range(6)]

    def result(t: float, rh: float, power: float) -> dict[str, object]:
        by_step = dict(zip(names, (steps(t, power), steps(rh, power)), strict=True))
        return {"mae": {n: sum(v) / 6 for n, v in by_step.items()}, "mae_by_step": by_step}

    model = result(0.104, 0.55, 0.73)
    mae: dict[str, float] = model["mae"]  # type: ignore[assignment]
    card = Card(
        task="forecasting",
        io=SeriesIO(
            inputs=names, targets=names, input_steps=6, output_steps=6, step_minutes=10.0,
            normalization=Normalization(mean=(9.1, 76.0), std=(8.4, 16.5)),
        ),
        model_sha256=hashlib.sha256(b"climate").hexdigest(),
        facts={
            **{f"mae.{n}": v for n, v in mae.items()},
            "size.tflite_bytes": 1008, "size.zip_bytes": 668, "macs": 108,
            "latency.total_ms": 0.0093,
        },
        evidence={
            "errors": {**model, "n": 7829, "rmse": {"T (degC)": 0.431, "rh (%)": 2.217}},
            "baselines": {
                "persistence": result(0.112, 0.56, 0.85),
                "least squares": result(0.109, 0.57, 0.75),
            },
            "latency": {"inference_ms": 0.0093, "total_ms": 0.0093, "resolver": "builtin"},
            "data": {
                "windows": {"train": 54_775, "validation": 15_583, "test": 7_829},
                "gaps": 3, "missing_rows": 0, "first": "2009-01-01T00:50:00",
                "ranges": {"T (degC)": (-23.01, 35.5), "rh (%)": (13.88, 100.0)},
            },
        },
        recipe=recipe,
        provenance=replace(PROVENANCE, command="motefit fit climate-6"),
    )  # fmt: skip
    facts = ReportFacts(
        card=card,
        certificate=certify({}, Budget()),
        byte_map={"constants": 416, "tensors": 268, "operators": 188, "header": 136},
        operations=OPERATIONS[-1:],
        name="climate-6",
    )
    return with_budget(facts, budget)


@pytest.fixture(scope="session")
def words() -> ReportFacts:
    return words_facts()


@pytest.fixture(scope="session")
def climate() -> ReportFacts:
    return climate_facts()
