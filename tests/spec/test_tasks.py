"""The tasks' own sections: [data] of a recipe, io of a card."""

import pytest

from motefit.spec.errors import RecipeError
from motefit.spec.frontend import FrontEnd
from motefit.spec.normalization import Normalization
from motefit.spec.tasks import TASK_SPECS
from motefit.spec.tasks.series_spec import SeriesData, SeriesIO
from motefit.spec.tasks.speech_spec import SpeechData, SpeechIO

IO = {
    "inputs": ("a", "b"),
    "targets": ("b",),
    "input_steps": 6,
    "output_steps": 3,
    "step_minutes": 10.0,
    "normalization": Normalization(mean=(0.0, 0.0), std=(1.0, 1.0)),
}


def test_tasks_by_name():
    assert TASK_SPECS.names() == ("forecasting", "keyword-spotting")
    assert [TASK_SPECS.find(name).name for name in TASK_SPECS.names()] == list(TASK_SPECS.names())
    whole = ("accuracy", "balanced_accuracy", "recall.min")
    metrics = TASK_SPECS.find("keyword-spotting").metrics
    assert metrics(SpeechData()) == (*whole, "recall.<word>")
    assert metrics(SpeechData(words=("up", "no"))) == (*whole, "recall.up", "recall.no")
    columns = ("T (degC)", "rh (%)")
    assert TASK_SPECS.find("forecasting").metrics(SeriesData()) == tuple(
        f"{kind}.{column}" for kind in ("mae", "skill") for column in columns
    )
    with pytest.raises(
        RecipeError, match=r"unknown task 'forcasting' \(did you mean 'forecasting'"
    ):
        TASK_SPECS.find("forcasting")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "bogus"}, "split: got 'bogus'; allowed: 'published', 'stratified', 'speaker'"),
        ({"split": "publish"}, r"did you mean 'published'\?"),
        ({"words": ("up", "up")}, "words contains a word twice: up, up"),
        ({"words": ("up",)}, "at least two words are needed, got up"),
        ({"words": "up,down"}, "words: expected a list, got 'up,down'"),
        ({"train_percent": 100.0}, "leave a test set, got 100.0 and 10.0"),
        ({"train_percent": 0.0}, "must be positive"),
        ({"validation_percent": 20.0}, "leave a test set"),
        ({"validation_percent": float("nan")}, "validation_percent: expected a finite number"),
        ({"synthetic_clips": 9}, "synthetic_clips must be at least 10 per word, got 9"),
        ({"seed": 1.0}, "seed: expected int, got 1.0"),
    ],
)
def test_speech_data_out_of_range(change, message):
    with pytest.raises(RecipeError, match=message):
        SpeechData(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"inputs": ()}, r"inputs needs at least one column and no duplicates, got \[\]"),
        ({"targets": ()}, "targets needs at least one column"),
        (
            {"inputs": ("a", "a"), "targets": ("a",)},
            "inputs needs at least one column and no duplicates",
        ),
        (
            {"targets": ("T (degC)", "T (degC)")},
            "targets needs at least one column and no duplicates",
        ),
        (
            {"targets": ("p (mbar)",), "predict": "change"},
            r"each target must be an input; not an input: p \(mbar\); add it to inputs",
        ),
        ({"calendar": ("day",)}, r"calendar\[0\]: got 'day'.*allowed: 'hour', 'half-day'"),
        ({"calendar": ("hour", "hour")}, "calendar has a period twice"),
        ({"limits": {"rh": (0, 100)}}, r"'rh' is not a target \(did you mean 'rh \(%\)'"),
        ({"limits": {"rh (%)": (100, 0)}}, "100 is not below 0"),
        ({"quantiles": (0.1, 0.9)}, "rise between 0 and 1 and contain 0.5"),
        ({"quantiles": (0.5, 0.1)}, "rise between 0 and 1"),
        ({"quantiles": (0.5, 1.0)}, "rise between 0 and 1"),
        ({"form": "difference"}, "did you mean 'differences'"),
        ({"predict": "changes"}, "did you mean 'change'"),
        ({"validation": "block"}, "did you mean 'blocks'"),
        ({"block_days": 0.0}, "block_days must be positive"),
        ({"input_steps": 0}, "input_steps must be positive, got 0"),
        ({"output_steps": -1}, "output_steps must be positive"),
        ({"step_minutes": 0.0}, "step_minutes must be positive"),
        ({"synthetic_days": 0}, "synthetic_days must be at least 1"),
        ({"max_filled_steps": -1}, "max_filled_steps at least 0"),
        ({"train_percent": 80.0}, "leave a test set, got 80.0 and 20.0"),
        ({"split": "per_run"}, r"split: got 'per_run' \(did you mean 'per-run'"),
        (
            {"missing": "drop"},
            "missing: got 'drop'; allowed: 'gap', 'hold', 'interpolate', 'error'",
        ),
        ({"repeated_rows": "keep"}, "repeated_rows: got 'keep'"),
        ({"sentinels": (float("inf"),)}, r"sentinels\[0\]: expected a finite number"),
    ],
)
def test_series_data_out_of_range(change, message):
    with pytest.raises(RecipeError, match=message):
        SeriesData(**change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"targets": ("c",)}, "answers: 3 means are needed, got none"),
        ({"targets": ("c",), "predict": "change"}, "not an input: c; add it to inputs"),
        ({"output_steps": 0}, "output_steps must be positive"),
        ({"normalization": Normalization()}, r"normalization: 2 means are needed.*got \(0.0,\)"),
        ({"normalization": 1}, "normalization: expected a table"),
        ({"inputs": ("b", "b")}, "inputs needs at least one column and no duplicates"),
    ],
)
def test_series_io_out_of_range(change, message):
    with pytest.raises(RecipeError, match=message):
        SeriesIO(**IO | change)


def test_target_columns_are_places_among_the_inputs():
    assert SeriesIO(**IO).target_columns == (1,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": ("a", "a")}, r"at least two distinct labels are needed, got \['a', 'a'\]"),
        ({"labels": ("a",)}, "at least two distinct labels"),
        ({"labels": ("a", "b\nbudget met")}, r"one line of text, got 'b\\nbudget met'"),
        ({"output": "logit"}, r"output: got 'logit' \(did you mean 'logits'\?\)"),
        ({"frontend": None}, "frontend: expected a table"),
    ],
)
def test_speech_io_out_of_range(change, message):
    good = {"labels": ("a", "b"), "frontend": FrontEnd(), "normalization": Normalization()}
    assert SpeechIO(**good).output == "logits"
    with pytest.raises(RecipeError, match=message):
        SpeechIO(**good | change)
