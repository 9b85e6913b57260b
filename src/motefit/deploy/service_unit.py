"""The systemd unit of a node, and what a node tells systemd."""

import contextlib
import os
import socket
from collections.abc import Sequence

SERVICE = "motefit-node"
STATE = f"/var/lib/{SERVICE}"
"""Where the service keeps its outbox, and sinks given by a relative path."""
WATCHDOG_S = 30
"""systemd restarts a node that has not given a sign of life for this long; it does each second."""

_UNIT = """\
[Unit]
Description=motefit node: logs sensors, switched by voice
Wants=network-online.target
After=network-online.target sound.target time-sync.target
# never give up restarting
StartLimitIntervalSec=0

[Service]
Type=notify
ExecStart={command}
User={user}
StateDirectory={service}
StateDirectoryMode=0700
WorkingDirectory={state}
# MOTEFIT_SINK_PASSWORD=..., readable by root only
EnvironmentFile=-/etc/{service}.env
Environment=OMP_NUM_THREADS=1 MOTEFIT_CACHE={state}/cache
Restart=always
RestartSec=2
WatchdogSec={watchdog_s}
TimeoutStopSec=15
UMask=0077

# sound and GPIO are the only devices, StateDirectory the only folder that can be written
DevicePolicy=closed
DeviceAllow=char-alsa rw
DeviceAllow=char-gpiochip rw
DeviceAllow=/dev/gpiomem rw
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateMounts=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RemoveIPC=yes
LockPersonality=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""


def unit_text(command: Sequence[str], *, user: str, folder: str) -> str:
    """Write the unit of a node that ``motefit deploy`` serves.

    Args:
        command: that starts motefit; its first word is an absolute path.
        user: that the node runs as.
        folder: of the deployed versions, an absolute path.
    """
    current = f"{folder}/current"
    line = [*command, "monitor", f"{current}/node.toml", "--model", f"{current}/model.zip"]
    return _UNIT.format(
        command=" ".join(map(_quoted, line)),
        user=user,
        service=SERVICE,
        state=STATE,
        watchdog_s=WATCHDOG_S,
    )


def _quoted(word: str) -> str:
    """Quote a word for systemd, in which %, $, quotes and backslashes are special."""
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(special, escaped)
    return f'"{word}"' if set(word) & set(" \t'\"") or not word else word


def tell_systemd(state: str) -> None:
    """Send a state, e.g. ``"READY=1"``, to the service manager; without one, do nothing.

    A node must run on if nobody listens, so failures are ignored. Source: sd_notify(3).
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.sendto(state.encode(), socket.MSG_DONTWAIT, address)
