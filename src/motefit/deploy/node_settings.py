"""The settings of a node, as a TOML file or as options of ``motefit monitor``."""

import dataclasses
import re
import tomllib
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from motefit.deploy.outbox import MOST, WhenFull
from motefit.deploy.status_address import status_address
from motefit.spec.codec import check_fields, decode
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import UNIT_FACTORS

NODE = re.compile(r"[A-Za-z0-9_.\-]{1,64}\Z")
ADJUSTABLE = ("least_probability", "least_agreement", "refractory_s", "least_s")
"""Settings that may be changed while a node runs."""
MEMORY = re.compile(r"(\d{1,9}(?:\.\d{1,9})?) ?(kB|KB|MB|GB)\Z")
BYTES = {**UNIT_FACTORS["bytes"], "GB": 1024.0**3}


@dataclass(frozen=True, kw_only=True)
class NodeSettings:
    """What a node listens to, reads and sends.

    Attributes:
        sensors: as in ``"dht11:4"``; see :mod:`motefit.deploy.sensors`.
        sink: URL, as in ``"sqlite:readings.db"``; see :mod:`motefit.deploy.sinks`. A password comes
            from the environment or the keyring, never from here.
        retention: memory of the Redis server for the readings of this node, e.g. ``"50 MB"``; the
            oldest are dropped. Empty: as the sink's URL says.
        every_s: seconds between two readings of a sensor.
        node: first part of the keys; empty: the MAC address of this machine.
        model: bundle, or name of a shipped model, that hears the words; empty: logging is always
            on.
        on: word that switches logging on.
        off: word that switches logging off.
        start: state before the first word.
        microphone: as ``--input`` of ``motefit listen``; a WAV file is processed as fast as
            possible, its own time being the time of the readings. Empty: the default microphone.
        least_probability: below which a sound is no word; 0: as the model's card says.
        least_agreement: share of the overlapping windows around a sound that must agree on the
            word, 0 to 1; 0: as the card says.
        refractory_s: seconds after a word in which no other is reported; 0: as the card says.
        least_s: seconds between two switches; words in between are ignored.
        outbox: SQLite file in which readings wait for the sink.
        outbox_most: unsent readings kept.
        when_full: ``"oldest"`` gives up the oldest unsent reading for a new one and counts it;
            ``"refuse"`` gives up the new one.
        status: address of the status page, ``[HOST:]PORT``; empty: none. Beyond this machine it
            needs a token.
        status_token_file: file that holds the token, unless the environment variable
            ``MOTEFIT_STATUS_TOKEN`` does.
        forecast: bundle, or name of a shipped model, that forecasts the readings; empty: none.
        forecast_columns: quantity that a sensor measures, by column of that model, where names and
            units do not tell.
    """

    sensors: tuple[str, ...] = ("room",)
    sink: str = "sqlite:readings.db"
    retention: str = ""
    every_s: float = 2.0
    node: str = ""
    model: str = ""
    on: str = ""
    off: str = ""
    start: str = ""
    microphone: str = ""
    least_probability: float = 0.0
    least_agreement: float = 0.0
    refractory_s: float = 0.0
    least_s: float = 1.0
    outbox: str = "outbox.db"
    outbox_most: int = MOST
    when_full: WhenFull = "oldest"
    status: str = ""
    status_token_file: str = ""
    forecast: str = ""
    forecast_columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_fields(self)
        if not self.sensors:
            raise RecipeError("sensors: name at least one, e.g. room, dht11:4 or battery")
        if not 0.01 <= self.every_s <= 86_400:
            raise RecipeError(f"every_s must be 0.01 to 86400 seconds, got {self.every_s:g}")
        if self.node and not NODE.match(self.node):
            raise RecipeError(f"node is 1 to 64 letters, digits, _, . and -, got {self.node!r}")
        if self.retention:
            self._check_retention()
        if self.start not in {"", "on", "off"}:
            raise RecipeError(f'start is "on" or "off", got {self.start!r}')
        if bool(self.model) != bool(self.on and self.off):
            raise RecipeError(
                "model, on and off belong together: the model hears the words that switch logging "
                f"on and off; got model = {self.model!r}, on = {self.on!r}, off = {self.off!r}"
            )
        if self.model and self.on == self.off:
            raise RecipeError(f"on and off are the same word, {self.on!r}")
        if self.outbox_most < 1:
            raise RecipeError(f"outbox_most must be at least 1, got {self.outbox_most}")
        if self.status:
            status_address(self.status)
        self._check_adjustable()

    def _check_adjustable(self) -> None:
        for name in ADJUSTABLE:
            value, most = getattr(self, name), 3600.0 if name.endswith("_s") else 1.0
            if not 0 <= value <= most:
                raise RecipeError(f"{name} must be 0 to {most:g}, got {value:g}")

    def _check_retention(self) -> None:
        _memory_bytes(self.retention)
        if self.sink.partition(":")[0] not in {"redis", "rediss"}:
            raise RecipeError(
                f"retention is for Redis, not for {self.sink!r}; leave it out, or name a sink "
                "redis://HOST"
            )

    def sink_url(self, keys: int) -> str:
        """Return the URL of the sink, with the retention if there is one.

        Args:
            keys: that the node's sensors give.
        """
        if not self.retention:
            return self.sink
        memory = _memory_bytes(self.retention)
        sign = "&" if "?" in self.sink else "?"
        return f"{self.sink}{sign}memory_bytes={memory:g}&keys={keys}&every_s={self.every_s!r}"

    @property
    def starts_on(self) -> bool:
        """Whether logging is on before the first word: without a model it is."""
        return self.start == "on" or (not self.start and not self.model)

    def named(self) -> "NodeSettings":
        """Return the settings with the name of the node filled in."""
        return self if self.node else dataclasses.replace(self, node=f"{uuid.getnode():#014x}")


def _memory_bytes(text: str) -> float:
    found = MEMORY.match(text)
    memory = float(found[1]) * BYTES[found[2]] if found else 0.0
    if not memory:
        raise RecipeError(f"retention is an amount of memory, e.g. 50 MB or 2 GB, got {text!r}")
    return memory


def check_words(settings: NodeSettings, words: Sequence[str]) -> None:
    """Make sure that a model knows the words that switch logging.

    Raises:
        RecipeError: if it does not.
    """
    for word in (settings.on, settings.off):
        if word not in words:
            raise RecipeError(
                f"{word!r} is not a word of {settings.model}; its words are {', '.join(words)}"
            )


def read_settings(path: Path | None, options: Mapping[str, object]) -> NodeSettings:
    """Read a settings file, if there is one, and apply options on top.

    Args:
        path: TOML file with the keys of :class:`NodeSettings`; None: the defaults.
        options: by key; they replace what the file says.

    Raises:
        RecipeError: for a file that cannot be read, an unknown key or a wrong value.
    """
    table: dict[str, object] = {}
    if path is not None:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(f"{path}: cannot be read: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RecipeError(f"{path}: not valid TOML: {error}") from None
    where = path.name if path else "options"
    return decode(NodeSettings, {**table, **options}, where=where)
