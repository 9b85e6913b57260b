"""A node's state as Prometheus reads it: text format 0.0.4."""

from collections.abc import Iterator, Mapping

from motefit.deploy.live_forecasts import ForecastState
from motefit.deploy.node_state import NodeState, SpotterState
from motefit.spec.visible import visible

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Samples = Iterator[tuple[Mapping[str, str], float]]


def metrics_text(state: NodeState) -> str:
    """Return all metrics; their names begin with ``motefit_``."""
    lines: list[str] = []
    for name, kind, text, samples in _metrics(state):
        lines += [f"# HELP motefit_{name} {text}", f"# TYPE motefit_{name} {kind}"]
        lines += [f"motefit_{name}{_labels(labels)} {value!r}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(text: str) -> str:
    r"""Escape a label's value.

    >>> print(_escaped('up"\n'))
    up\"\n
    """
    return visible(text).replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _metrics(state: NodeState) -> Iterator[tuple[str, str, str, Samples]]:
    def each(label: str, values: Mapping[str, float]) -> Samples:
        return (({label: name}, value) for name, value in values.items())

    newest = (
        ({"quantity": name, "unit": track.unit}, track.values[-1])
        for name, track in state.tracks.items()
    )
    info = iter([({"node": state.node, "version": state.version}, 1)])
    yield "node_info", "gauge", "Name of the node, and version of motefit.", info
    yield "uptime_seconds", "gauge", "Since the start.", _one(state.uptime_s)
    yield "logging", "gauge", "1 while readings are taken.", _one(int(state.logging))
    yield "reading", "gauge", "Newest reading.", newest
    yield "readings_total", "counter", "Readings taken.", _one(state.readings)
    yield "sent_total", "counter", "Readings acknowledged by the sink.", _one(state.sent)
    yield "outbox_readings", "gauge", "Readings that wait for the sink.", _one(state.waiting)
    lost = state.given_up + state.refused
    yield "lost_total", "counter", "Readings that a full outbox gave up or refused.", _one(lost)
    yield "sink_up", "gauge", "1 while the sink takes readings.", _one(int(not state.sink_problem))
    failed, rejected = each("sensor", state.failed), each("quantity", state.rejected)
    yield "sensor_failures_total", "counter", "Failed attempts to read a sensor.", failed
    yield "rejected_total", "counter", "Implausible values.", rejected
    yield "switches_total", "counter", "Times that logging was switched.", _one(state.switches)
    if state.spotter is not None:
        yield from _words(state.spotter, each("word", state.word_counts))
    if state.forecast is not None:
        yield from _forecasts(state.forecast, _one(state.forecast.made))


def _one(value: float) -> Samples:
    yield {}, value


def _words(spotter: SpotterState, words: Samples) -> Iterator[tuple[str, str, str, Samples]]:
    yield "words_total", "counter", "Words detected.", words
    count, total = _one(spotter.evaluations), _one(spotter.evaluated_s)
    yield "evaluations_total", "counter", "Times that the network was run on sound.", count
    text = "Time that these took, features included."
    yield "evaluation_seconds_total", "counter", text, total


def _forecasts(forecast: ForecastState, made: Samples) -> Iterator[tuple[str, str, str, Samples]]:
    yield "forecasts_total", "counter", "Forecasts made.", made
    errors = (
        ({"column": target.column, "step": f"{step + 1}", "unit": target.unit}, mae)
        for target in forecast.targets
        for step, mae in enumerate(target.mae)
        if mae is not None
    )
    compared = (
        ({"column": target.column, "step": f"{step + 1}"}, count)
        for target in forecast.targets
        for step, count in enumerate(target.compared)
    )
    yield "forecast_mae", "gauge", "Mean absolute error of the forecasts so far.", errors
    yield "forecasts_compared_total", "counter", "Forecasts whose truth is known.", compared
