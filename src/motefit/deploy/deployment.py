"""Deployment of a model and its settings to a node, over ssh.

Everything that changes the node is done there by one process, :mod:`motefit.deploy.far_side`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from motefit.deploy.node_settings import check_words, read_settings
from motefit.deploy.service_unit import SERVICE, unit_text
from motefit.runtime.bundle import bundle_bytes, load_bundle
from motefit.runtime.keyword_spotter import KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.runtime.zoo import find_model
from motefit.spec.codec import decode
from motefit.spec.errors import HostError, RecipeError
from motefit.spec.remote_host import Host, run_script
from motefit.spec.tables import Item, Printable
from motefit.tflite.archive import is_zip

MODEL, SETTINGS = "model.zip", "node.toml"
FOLDER = "motefit-node"
Action = Literal["send", "back", "look"]


@dataclass(frozen=True, kw_only=True)
class NodeService:
    """How a node's service is started, and how one knows that it runs well.

    Attributes:
        folder: of the versions, on the host; relative to the user's home.
        restart: shell command there that restarts the service.
        health: shell command there that succeeds while the service is healthy.
        settle_s: how long it must stay healthy without interruption.
        patience_s: after which a service that is not healthy is given up.
    """

    folder: str = FOLDER
    restart: str = f"sudo -n systemctl restart {SERVICE}"
    health: str = f"systemctl is-active {SERVICE}"
    settle_s: float = 5.0
    patience_s: float = 30.0

    def __post_init__(self) -> None:
        if not (self.folder and self.folder.isprintable() and self.restart and self.health):
            raise RecipeError("the folder of the node and the commands must not be empty")
        if not (0 <= self.settle_s <= 3600 and 0 <= self.patience_s <= 3600):
            raise RecipeError(
                f"the times to settle and to wait must be 0 to 3600 s, got {self.settle_s:g} and "
                f"{self.patience_s:g}"
            )


@dataclass(frozen=True, kw_only=True, repr=False)
class Deployment(Printable):
    """What a deployment did, or would do.

    Attributes:
        host: address of the node.
        folder: of the versions, there.
        user: that the service runs as, there.
        command: that starts motefit there.
        current: version in place.
        previous: version that a rollback puts in place; empty if there is none.
        was: version that was in place before.
        hashes: SHA-256 of the files of the current version, by name.
        to_send: SHA-256 of the files that would be sent; empty unless this is a dry run.
    """

    host: str
    folder: str
    user: str
    command: tuple[str, ...]
    current: str
    previous: str
    was: str
    hashes: Mapping[str, str]
    to_send: Mapping[str, str]

    def content(self) -> tuple[Item, ...]:
        """Return a few sentences."""
        where = f"{self.host}:{self.folder}"
        back = f"; {self.previous} is kept for --rollback" if self.previous else ""
        if not self.to_send:
            state = "was already in place" if self.was == self.current else "is in place"
            return (f"{where}: {self.current} {state} and healthy{back}",)
        now = f"{self.current} is in place" if self.current else "nothing is in place"
        lines = [f"{where}: {now}{back}; nothing was changed"]
        for name, digest in self.to_send.items():
            same = "the same as there" if self.hashes.get(name) == digest else "would be sent"
            lines.append(f"{name}: SHA-256 {digest[:12]}..., {same}")
        return tuple(lines)

    def unit(self) -> str:
        """Return a systemd unit for this node."""
        return unit_text(self.command, user=self.user, folder=self.folder)


def deploy_to_host(
    host: Host,
    model: str | Path,
    *,
    settings: str | Path | None = None,
    service: NodeService | None = None,
    dry_run: bool = False,
) -> Deployment:
    """Put a model and settings in place on a node, and go back if it is not healthy with them.

    The files are sent, compared with their hashes there, and take effect at once by renaming a
    link; then the service is restarted and watched.

    >>> import motefit
    >>> node = motefit.Host(address="pi@raspberrypi")
    >>> motefit.deploy_to_host(node, "up-down", settings="node.toml")  # doctest: +SKIP

    Args:
        host: the node, with motefit installed.
        model: bundle of a keyword model, or the name of a shipped one.
        settings: TOML file of ``motefit monitor``; None: the one that the node has.
        service: how the service is restarted and checked; default: as the systemd unit.
        dry_run: only compare with what is there.

    Raises:
        ModelFileError: if the model cannot be used; nothing is sent.
        RecipeError: if the settings are wrong, or name words that the model does not know.
        HostError: if the host cannot be used, or the new version is not healthy there.
    """
    path = find_model(model)
    silence_litert()
    files = {MODEL: _packed(path)}
    if settings is not None:
        found = read_settings(Path(settings), {"model": str(model)})
        check_words(found, KeywordSpotter.load(path).io.words)
        files[SETTINGS] = Path(settings).read_bytes()
    return _order(host, service or NodeService(), "look" if dry_run else "send", files)


def roll_back_host(host: Host, *, service: NodeService | None = None) -> Deployment:
    """Put the previous version of a node in place again; what was in place becomes the previous.

    >>> import motefit
    >>> motefit.roll_back_host(motefit.Host(address="pi@raspberrypi"))  # doctest: +SKIP

    Args:
        host: the node.
        service: as in :func:`deploy_to_host`.

    Raises:
        HostError: if there is none, the host cannot be used, or that version is not healthy.
    """
    return _order(host, service or NodeService(), "back", {})


def node_unit(host: Host, *, service: NodeService | None = None) -> str:
    """Write a hardened systemd unit for a node, with its user, Python and folder.

    >>> import motefit
    >>> unit = motefit.node_unit(motefit.Host(address="pi@raspberrypi"))  # doctest: +SKIP

    Args:
        host: the node, with motefit installed.
        service: as in :func:`deploy_to_host`; only its folder matters.

    Raises:
        HostError: if the host cannot be used.
    """
    return _order(host, service or NodeService(), "look", {}).unit()


def _packed(path: Path) -> bytes:
    bundle = load_bundle(path, task="keyword-spotting")
    data = path.read_bytes()
    return data if is_zip(data) else bundle_bytes(bundle.model, bundle.card)


def _order(
    host: Host, service: NodeService, action: Action, files: Mapping[str, bytes]
) -> Deployment:
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    order = {
        "action": action,
        "folder": service.folder,
        "sizes": {name: len(data) for name, data in files.items()},
        "hashes": hashes,
        "restart": service.restart,
        "health": service.health,
        "settle_s": service.settle_s,
        "patience_s": service.patience_s,
    }
    given = json.dumps(order).encode() + b"\n" + b"".join(files.values())
    script = (resources.files("motefit.deploy") / "far_side.py").read_text("utf-8")
    answer = run_script(host, script, given, what="the deployment")
    try:
        table: dict[str, Any] = json.loads(answer)
        problem = table.pop("problem", "")
    except (ValueError, AttributeError):
        raise HostError(
            f"{host.address} answered something other than JSON: {answer[:200]!r}; its login "
            "scripts must print nothing"
        ) from None
    if problem:
        raise HostError(f"{host.address}: {problem}")
    sent = hashes if action == "look" else {}
    return decode(
        Deployment,
        {**table, "host": host.address, "to_send": sent},
        where=f"the answer of {host.address}",
    )
