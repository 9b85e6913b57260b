"""Windows, calendar and answers: one arithmetic for training and runtime, to the last bit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.series import SeriesDataset
from motefit.data.window_statistics import answer_statistics, difference_statistics
from motefit.data.windows import Windows
from motefit.graph.families import Problem, build
from motefit.graph.fold import fold
from motefit.measure.forecast_errors import measure_errors
from motefit.runtime import Forecaster
from motefit.runtime.window_codec import WindowCodec, calendar_values
from motefit.spec.errors import DataError, RecipeError
from motefit.spec.normalization import Normalization
from motefit.spec.tasks.series_spec import PERIOD_SECONDS, SeriesIO
from motefit.tflite.write.write import write
from motefit.train.series_source import SeriesSource

STEPS, AHEAD = 3, 2
PERIODS = st.lists(st.sampled_from(sorted(PERIOD_SECONDS)), unique=True, max_size=4)
QUANTILES = st.sampled_from([(), (0.5,), (0.1, 0.5, 0.9), (0.05, 0.25, 0.5)])


def windows_of(rows: np.ndarray, *, inputs: int, targets: tuple[int, ...]) -> Windows:
    n = len(rows) - STEPS - AHEAD + 1
    return Windows(
        rows=rows,
        filled=np.zeros(rows.shape, np.bool_),
        first=np.arange(n),
        input_steps=STEPS,
        output_steps=AHEAD,
        input_columns=inputs,
        target_columns=targets,
        times=np.datetime64("2021-03-28T00:00:00") + 600 * np.arange(n).astype("timedelta64[s]"),
        left_out={},
    )


@st.composite
def cases(draw) -> tuple[SeriesIO, Windows]:
    """A card of any form with windows of two inputs and a further column."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-3, 1.0, 1e4]))
    offset = draw(st.sampled_from([0.0, -40.0, 2e7]))
    rows = offset + scale * rng.standard_normal((20, 3)).cumsum(axis=0)
    predict = draw(st.sampled_from(["value", "change"]))
    targets = draw(st.sampled_from([(1,), (1, 0)] + [(0, 2)] * (predict == "value")))
    names = ("a", "b", "c")
    windows = windows_of(rows, inputs=2, targets=targets)
    form = draw(st.sampled_from(["rows", "differences"]))
    own = predict == "change" or 2 in targets
    io = SeriesIO(
        inputs=names[:2],
        targets=tuple(names[i] for i in targets),
        input_steps=STEPS,
        output_steps=AHEAD,
        step_minutes=10.0,
        normalization=Normalization(
            mean=tuple(rows[:, :2].mean(axis=0)), std=tuple(rows[:, :2].std(axis=0))
        ),
        form=form,
        predict=predict,
        calendar=tuple(draw(PERIODS)),
        calendar_in=draw(st.sampled_from(["window", "rows"])),
        limits=draw(st.sampled_from([{}, {names[targets[0]]: (offset - scale, offset + scale)}])),
        quantiles=draw(QUANTILES),
        differences=difference_statistics(windows) if form == "differences" else None,
        answers=answer_statistics(windows, change=predict == "change") if own else None,
    )
    return io, windows


def forecaster_of(io: SeriesIO) -> Forecaster:
    problem = Problem(input_shape=io.window_shape, outputs=int(np.prod(io.answer_shape)))
    graph = build("mlp", {"units": (3,)}, problem=problem, rng=np.random.default_rng(0))
    return Forecaster(write(fold(graph)), io)


def source_of(io: SeriesIO, windows: Windows) -> SeriesSource:
    dataset = SeriesDataset(
        inputs=io.inputs, targets=io.targets, input_steps=STEPS, output_steps=AHEAD,
        step_minutes=10.0, train=windows, validation=windows, test=windows,
        normalization=io.normalization, ranges=(), missing="gap", rows=20, subset_rows=(20, 20, 20),
        runs=1, gaps=0, missing_rows=0, filled_values=0, repeated_rows=0, key="rows",
    )  # fmt: skip
    return SeriesSource(dataset, io)


@given(cases())
def test_training_and_runtime_read_the_same_numbers(case):
    io, windows = case
    trained, targets = source_of(io, windows).subset("train")
    forecaster = forecaster_of(io)
    np.testing.assert_array_equal(trained, forecaster.inputs(windows.inputs, windows.times))
    assert trained.dtype == targets.dtype == np.float32
    assert targets.shape == (len(windows), int(np.prod(io.answer_shape)))
    # one window alone, or in a batch
    time = windows.times[3]
    one = forecaster.quantiles(windows.inputs[3], time=time)
    batch = forecaster.quantiles_batch(windows.inputs, windows.times)
    np.testing.assert_array_equal(one, batch[3])
    np.testing.assert_array_equal(forecaster.predict(windows.inputs[3], time=time),
                                  forecaster.answer(batch)[3])  # fmt: skip


@given(cases())
def test_a_model_that_answers_the_targets_is_measured_without_error(case):
    """What training asks for is, decoded, the true value; clamped where there are limits."""
    io, windows = case
    codec = WindowCodec(io)
    inputs, true = windows.inputs, windows.targets
    found = codec.decode(codec.targets(inputs, true), inputs)
    wanted = true.copy()
    for column, (low, high) in io.limits.items():
        place = io.targets.index(column)
        wanted[..., place] = wanted[..., place].clip(low, high)
    size = np.ptp(windows.rows) + 1e-9
    np.testing.assert_allclose(codec.answer(found), wanted, rtol=0, atol=1e-5 * size)


@given(cases())
def test_answers_rise_with_the_quantile_and_stay_within_limits(case):
    io, windows = case
    forecaster = forecaster_of(io)
    values = forecaster.quantiles_batch(windows.inputs, windows.times)
    assert values.shape == (len(windows), *io.answer_shape)
    assert (np.diff(values, axis=-1) >= 0).all()
    for column, (low, high) in io.limits.items():
        place = io.targets.index(column)
        assert values[:, :, place].min() >= low
        assert values[:, :, place].max() <= high
    errors, coverage = measure_errors(forecaster, windows)
    by_hand = np.abs(forecaster.answer(values) - windows.targets).mean(axis=(0, 1))
    np.testing.assert_allclose(errors.mae, by_hand, rtol=1e-12)
    if len(io.quantiles) > 1:
        true = windows.targets
        inside = ((values[..., 0] <= true) & (true <= values[..., -1])).mean(axis=(0, 1))
        assert coverage.facts == {
            f"coverage.{name}": pytest.approx(share)
            for name, share in zip(io.targets, inside, strict=True)
        }
    else:
        assert coverage.facts == {}


@given(
    seconds=st.integers(-(2**40), 2**40),
    period=st.sampled_from(sorted(PERIOD_SECONDS)),
    repeats=st.integers(-50, 50),
)
def test_the_calendar_repeats(seconds, period, repeats):
    times = np.array([seconds, seconds + repeats * PERIOD_SECONDS[period]], "datetime64[s]")
    first, again = calendar_values(times, (period,))
    np.testing.assert_array_equal(first, again)
    assert np.hypot(*first) == pytest.approx(1, abs=1e-6)


def test_the_hours_of_a_day():
    times = np.array(["2024-03-25T00:00", "2024-03-25T06:00", "2024-03-25T18:00"], "datetime64[s]")
    np.testing.assert_allclose(
        calendar_values(times, ("hour", "half-day")),
        [[0, 1, 0, 1], [1, 0, 0, -1], [-1, 0, 0, -1]],
        atol=1e-6,
    )


@pytest.fixture
def clock():
    """A forecaster that reads the hour, and a window."""
    io = SeriesIO(
        inputs=("a",),
        targets=("a",),
        input_steps=STEPS,
        output_steps=AHEAD,
        step_minutes=10.0,
        normalization=Normalization(),
        predict="change",
        calendar=("hour",),
        answers=Normalization(mean=(0.0,) * AHEAD, std=(1.0,) * AHEAD),
    )
    return forecaster_of(io), np.array([[1.0], [2.0], [3.0]])


def test_a_missing_time_is_an_error_that_says_what_to_give(clock):
    forecaster, window = clock
    with pytest.raises(DataError, match=r"reads the calendar \(hour\).*time=numpy.datetime64"):
        forecaster.predict(window)
    with pytest.raises(DataError, match="not a time in ISO 8601"):
        forecaster.predict(window, time="noon")
    with pytest.raises(DataError, match="1 windows, times of shape"):
        forecaster.predict_batch(window[np.newaxis], np.array([], "datetime64[s]"))


def test_a_time_is_understood_in_every_form(clock):
    forecaster, window = clock
    wanted = forecaster.predict(window, time=np.datetime64("2024-03-25T13:50"))
    zone = timezone(timedelta(hours=2))
    for time in (
        "2024-03-25 13:50:00",
        "2024-03-25T15:50:00+02:00",
        datetime(2024, 3, 25, 13, 50),  # noqa: DTZ001 - the clock of a node has no zone
        datetime(2024, 3, 25, 13, 50, tzinfo=UTC),
        datetime(2024, 3, 25, 15, 50, tzinfo=zone),
    ):
        np.testing.assert_array_equal(forecaster.predict(window, time=time), wanted)
    other = forecaster.predict(window, time="2024-03-25 01:50:00")
    assert not np.array_equal(other, wanted)


def test_changes_need_the_windows_that_they_are_added_to(clock):
    forecaster, window = clock
    inputs = forecaster.inputs(window[np.newaxis], np.array(["2024-03-25"], "datetime64[s]"))
    with pytest.raises(DataError, match="give the windows too"):
        forecaster.infer(inputs)
    high = forecaster.infer(inputs, window[np.newaxis] + 100)
    low = forecaster.infer(inputs, window[np.newaxis])
    np.testing.assert_allclose(high - low, 100)


def test_a_card_needs_the_statistics_of_its_form(clock):
    io = clock[0].io
    with pytest.raises(RecipeError, match="differences: 2 means are needed, got none"):
        replace(io, form="differences")
    with pytest.raises(RecipeError, match="answers: 2 means are needed, got none"):
        replace(io, answers=None)


def test_statistics_are_those_of_the_windows():
    rows = np.random.default_rng(0).standard_normal((40, 3)).cumsum(axis=0)
    windows = windows_of(rows, inputs=2, targets=(2, 0))
    inputs, targets = windows.inputs, windows.targets
    earlier = inputs[:, :-1] - inputs[:, -1:]
    found = difference_statistics(windows)
    assert found is not None
    np.testing.assert_allclose(found.std, np.sqrt((earlier**2).mean(axis=0)).ravel())
    change = targets - windows.last_values[:, np.newaxis]
    found = answer_statistics(windows, change=True)
    assert found.mean == (0.0,) * 4
    np.testing.assert_allclose(found.std, np.sqrt((change**2).mean(axis=0)).ravel())
    found = answer_statistics(windows, change=False)
    np.testing.assert_allclose(found.mean, targets.mean(axis=0).ravel())
    np.testing.assert_allclose(found.std, targets.std(axis=0).ravel())
