"""Messages of ``arecord`` on standard error: refusals, the device's own format, lost sound."""

import re
from collections.abc import Mapping

_LIST = "`arecord -l` lists the devices, --input arecord:plughw:1,0 selects one"
_CONVERT = "--input arecord:plughw:1,0 instead of hw: lets ALSA convert"
_ADVICE = {
    "resource busy": "another program is recording: `fuser -v /dev/snd/*` names it; end it, or "
    "share the microphone through --input arecord:default",
    "Sample format non available": f"motefit records {{formats}}; {_CONVERT}",
    "Channels count non available": "give the number of channels that the device has, and the one "
    f"to use: --channels 4 --channel 1; or {_CONVERT}",
    "bad speed value|[Rr]ate.* not available": "give a rate that the device has, e.g. --rate "
    f"48000: motefit converts it; or {_CONVERT}",
    "Permission denied": "allow yourself to record: `sudo usermod -aG audio $USER`, and log in "
    "again",
    "Host is down|Connection refused": "the sound server is not running: `systemctl --user start "
    "pipewire` or `pulseaudio --start`; or go without it: --input arecord:plughw:1,0",
    "no soundcards found|Unknown PCM|Cannot get card|No such (file|device)": "is the microphone "
    f"plugged in? {_LIST}",
    "Input/output error": "the device is there but delivers no sound: check its cable, or clock "
    "and wiring of an I2S microphone; `dmesg | tail` shows the driver's messages",
}
"""Patterns of messages, and what to do; the first match counts."""

_RATE = re.compile(r"rate is not accurate.*got = (\d+)")
_FORMAT = re.compile(r"^- ([A-Z0-9_]+)\s*$", re.MULTILINE)
_CHANNELS = re.compile(r"^CHANNELS: [\[(]?(\d+)", re.MULTILINE)
_OVERRUN = re.compile(r"overrun!*(?: \(at least ([\d.]+) ms long\))?|Suspended\. Trying resume")

FORMAT_REFUSED, CHANNELS_REFUSED = "Sample format non available", "Channels count non available"


def advice(said: str, *, formats: Mapping[str, object]) -> str:
    """Return what to do about messages of arecord.

    >>> advice("audio open error: Device or resource busy", formats={})[:28]
    'another program is recording'

    Args:
        said: the messages.
        formats: formats that motefit records, by arecord's names.
    """
    for pattern, remedy in _ADVICE.items():
        if re.search(pattern, said):
            return remedy.format(formats=", ".join(formats))
    return f"is the microphone plugged in? {_LIST}"


def reported_rate(said: str) -> int | None:
    """Return the rate in Hz at which a device records instead of the requested one."""
    found = _RATE.search(said)
    return int(found[1]) if found else None


def offered_formats(said: str) -> list[str]:
    r"""Return the formats of a device that lacks the requested one.

    >>> offered_formats("Available formats:\n- S32_LE\n")
    ['S32_LE']
    """
    return _FORMAT.findall(said)


def offered_channels(said: str) -> int | None:
    """Return the minimum number of channels of a device, from ``arecord --dump-hw-params``.

    >>> offered_channels("CHANNELS: [2 8]"), offered_channels("CHANNELS: 4")
    (2, 4)
    """
    found = _CHANNELS.search(said)
    return int(found[1]) if found else None


def lost_seconds(said: str) -> float | None:
    """Return how much sound was lost, at least, in seconds; None if no loss is reported.

    >>> lost_seconds("overrun!!! (at least 12.500 ms long)")
    0.0125
    """
    found = list(_OVERRUN.finditer(said))
    return sum(float(part[1] or 0) for part in found) / 1000 if found else None
