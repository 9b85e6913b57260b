"""The state of a node at one moment, as its status page and its metrics show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from motefit.deploy.live_forecasts import ForecastState
from motefit.deploy.recent_activity import DetectedWord, Message, Track


@dataclass(frozen=True, kw_only=True)
class SpotterState:
    """The keyword spotter of a node.

    Attributes:
        model: as the user named it.
        on: word that switches logging on.
        off: word that switches logging off.
        probabilities: by label, at the newest sound that stood out; empty before the first.
        seconds_ago: of sound since then.
        evaluations: of the network since the start; silence needs none.
        evaluated_s: seconds that these took, features included.
        latest_ms: milliseconds that the newest took.
        threshold: least probability of a word.
        agreement: least share of the windows around a sound that agree.
        refractory_s: seconds after a word in which no other is reported.
    """

    model: str
    on: str
    off: str
    probabilities: Mapping[str, float]
    seconds_ago: float
    evaluations: int
    evaluated_s: float
    latest_ms: float
    threshold: float
    agreement: float
    refractory_s: float


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """A node at one moment.

    Attributes:
        node: its name.
        version: of motefit.
        now_ms: milliseconds since 1970.
        uptime_s: seconds since the start.
        logging: whether readings are taken.
        switches: of logging since the start.
        readings: taken since the start.
        sent: of these and of those that waited, acknowledged by the sink.
        waiting: in the outbox.
        given_up: by a full outbox since it was created.
        refused: that the outbox did not take.
        failed: attempts to read, by sensor.
        rejected: implausible values, by quantity.
        sink_problem: why the sink takes no readings; empty if it does.
        spotter: None without a model.
        words: the newest words, newest first.
        word_counts: how often each word was detected.
        messages: the newest sentences, newest first.
        tracks: the newest readings, by quantity.
        adjustable: settings that may be changed now, by key.
        forecast: None without a forecaster.
    """

    node: str
    version: str
    now_ms: int
    uptime_s: float
    logging: bool
    switches: int
    readings: int
    sent: int
    waiting: int
    given_up: int
    refused: int
    failed: Mapping[str, int]
    rejected: Mapping[str, int]
    sink_problem: str
    spotter: SpotterState | None
    words: tuple[DetectedWord, ...]
    word_counts: Mapping[str, int]
    messages: tuple[Message, ...]
    tracks: Mapping[str, Track]
    adjustable: Mapping[str, float]
    forecast: ForecastState | None


class Observed(Protocol):
    """A node as its status page uses it; from any thread."""

    def state(self) -> NodeState:
        """Return what there is to see."""
        ...

    def problem(self) -> str:
        """Say why the node no longer takes readings; empty while it does."""
        ...

    def adjust(self, changes: Mapping[str, object]) -> None:
        """Change settings at once.

        Raises:
            RecipeError: for a setting that cannot be changed, or a wrong value; nothing changes.
        """
        ...
