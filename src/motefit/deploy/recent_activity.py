"""What a node has detected, read and reported lately, for its status page."""

import threading
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

from motefit.deploy.reading import Reading
from motefit.runtime.streaming.detector import Detection

POINTS = 720
"""Readings kept for each quantity: 24 minutes at one every 2 s."""
WORDS = 12
MESSAGES = 12


@dataclass(frozen=True, kw_only=True)
class DetectedWord:
    """A word that was detected.

    Attributes:
        time_ms: when it was reported, milliseconds since 1970.
        word: its label.
        probability: of the word.
        switched: whether it switched logging.
    """

    time_ms: int
    word: str
    probability: float
    switched: bool


@dataclass(frozen=True, kw_only=True)
class Message:
    """A sentence that the node has told its user.

    Attributes:
        time_ms: when, milliseconds since 1970.
        text: the sentence.
    """

    time_ms: int
    text: str


@dataclass(frozen=True, kw_only=True)
class Track:
    """The newest readings of one key.

    Attributes:
        unit: as in :class:`motefit.deploy.reading.Quantity`.
        times_ms: milliseconds since 1970, in the order of reading.
        values: as many.
    """

    unit: str
    times_ms: tuple[int, ...]
    values: tuple[float, ...]


class RecentActivity:
    """Words, sentences and readings, the newest of each; may be written and read by any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._words: deque[DetectedWord] = deque(maxlen=WORDS)
        self._messages: deque[Message] = deque(maxlen=MESSAGES)
        self._readings: dict[str, deque[Reading]] = {}
        self._counts: Counter[str] = Counter()

    def add_word(self, word: Detection, *, time_ms: int, switched: bool) -> None:
        """Add a word, and count it."""
        with self._lock:
            self._counts[word.word] += 1
            self._words.append(
                DetectedWord(
                    time_ms=time_ms,
                    word=word.word,
                    probability=word.probability,
                    switched=switched,
                )
            )

    def add_message(self, text: str, *, time_ms: int) -> None:
        """Add a sentence."""
        with self._lock:
            self._messages.append(Message(time_ms=time_ms, text=text))

    def add_readings(self, readings: Sequence[Reading]) -> None:
        """Add readings."""
        with self._lock:
            for reading in readings:
                kept = self._readings.setdefault(reading.key, deque(maxlen=POINTS))
                kept.append(reading)

    def words(self) -> tuple[DetectedWord, ...]:
        """Return the newest words, newest first."""
        with self._lock:
            return tuple(reversed(self._words))

    def word_counts(self) -> dict[str, int]:
        """Return how often each word was detected."""
        with self._lock:
            return dict(self._counts)

    def messages(self) -> tuple[Message, ...]:
        """Return the newest sentences, newest first."""
        with self._lock:
            return tuple(reversed(self._messages))

    def tracks(self) -> dict[str, Track]:
        """Return the newest readings by key."""
        with self._lock:
            return {
                key: Track(
                    unit=kept[-1].unit,
                    times_ms=tuple(reading.time_ms for reading in kept),
                    values=tuple(reading.value for reading in kept),
                )
                for key, kept in self._readings.items()
            }
