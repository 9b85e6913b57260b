"""A program that behaves like ``arecord`` with a device of a kind: run it under that name.

The device's name chooses what happens (``hw:busy``, ``plughw:muted``, ...). Messages are those of
alsa-utils 1.2.8. Sound is a tone of 500 Hz for half of every second over faint noise; channel k is
k times fainter.
"""

import array
import itertools
import math
import os
import random
import sys
import time

OPEN = "arecord: main:831: audio open error: {}"
REFUSALS = {
    "busy": OPEN.format("Device or resource busy"),
    "permission": OPEN.format("Permission denied"),
    "server": "ALSA lib pulse.c:242:(pulse_connect) PulseAudio: Unable to connect: Connection "
    "refused\n\n" + OPEN.format("Connection refused"),
    "gone": "ALSA lib confmisc.c:165:(snd_config_get_card) Cannot get card index for 7\n"
    + OPEN.format("No such file or directory"),
    "unknown": "ALSA lib pcm.c:2666:(snd_pcm_open_noupdate) Unknown PCM unknown\n"
    + OPEN.format("No such file or directory"),
    "rate": "arecord: main:645: bad speed value 16000",
    "clock": "arecord: pcm_read:2221: read error: Input/output error",
    "odd": "arecord: set_params:1339: Broken configuration for this PCM: no configurations "
    "available",
}
FORMATS = {"i2s": "S32_LE", "packed": "S24_3LE", "low24": "S24_LE", "array": "S32_LE",
           "float": "FLOAT_LE", "spdif": "IEC958_SUBFRAME_LE"}  # fmt: skip
CHANNELS = {"i2s": 2, "array": 4}
ENDS = {
    "unplugged": "arecord: pcm_read:2221: read error: No such device",
    "xrun": "arecord: xrun:1664: xrun: prepare error: No such device",
}


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def encode(sound: list[float], form: str) -> bytes:
    """Encode samples with full scale 1.0."""
    if form == "FLOAT_LE":
        return array.array("f", sound).tobytes()
    bits = {"S16_LE": 16, "S24_3LE": 24, "S24_LE": 24, "S32_LE": 32}[form]
    top = 2 ** (bits - 1)
    whole = [max(min(round(value * top), top - 1), -top) for value in sound]
    data = array.array("h" if bits == 16 else "i", whole).tobytes()
    if form == "S24_3LE":
        packed = bytearray(len(whole) * 3)
        for byte in range(3):
            packed[byte::3] = data[byte::4]
        return bytes(packed)
    return data


def second_of(kind: str, rate_hz: int, channels: int) -> list[float]:
    """Return one second of interleaved sound."""
    rng = random.Random(0)  # noqa: S311 - noise
    gain = {"loud": 8.0, "quiet": 2e-4}.get(kind, 1.0)
    offset = 0.05 if kind == "offset" else 0.0
    made = []
    for i in range(rate_hz):
        tone = 0.25 * math.sin(2 * math.pi * 500 * i / rate_hz)
        value = rng.gauss(0, 5e-4) + (tone if rate_hz < 4 * i < 3 * rate_hz else 0)
        off = kind == "muted" or (kind == "dropouts" and rate_hz < 8 * i < 2 * rate_hz)
        for k in range(channels):
            turned = -1 if kind == "reversed" and k else 1 / (k + 1)
            made.append(0.0 if off else turned * value * gain + offset)
    return made


def record(kind: str, rate_hz: int, channels: int, form: str) -> None:
    sound = encode(second_of(kind, rate_hz, channels), form)
    for second in range(60):
        if kind == "overrun" and second == 2:
            say("overrun!!! (at least 512.000 ms long)")
            time.sleep(0.2)  # the device starts again
        data = bytes(len(sound)) if kind == "muted-later" and 1 <= second < 6 else sound
        while data:
            data = data[os.write(1, data) :]
        if second == 1 and kind in ENDS:
            say(ENDS[kind])
            sys.exit(1)


def main() -> None:
    told = {"-D": "default", "-f": "U8", "-c": "1", "-r": "8000"}
    told |= dict(itertools.pairwise(sys.argv[1:]))
    form, channels, rate_hz = told["-f"], int(told["-c"]), int(told["-r"])
    kind = told["-D"].rpartition(":")[2]
    if kind in REFUSALS:
        say(REFUSALS[kind])
        sys.exit(1)
    say(f"Recording raw data 'stdin' : {form}, Rate {rate_hz} Hz, Channels {channels}")
    own_form, own_channels = FORMATS.get(kind, form), CHANNELS.get(kind, channels)
    if "--dump-hw-params" in sys.argv:
        say(f'HW Params of device "{kind}":\nFORMAT:  {own_form}\nCHANNELS: {own_channels}')
    if form != own_form:
        say("arecord: set_params:1352: Sample format non available")
        say(f"Available formats:\n- {own_form}")
        sys.exit(1)
    if channels != own_channels:
        say("arecord: set_params:1358: Channels count non available")
        sys.exit(1)
    if kind == "own-rate":
        say(f"Warning: rate is not accurate (requested = {rate_hz}Hz, got = 48000Hz)")
        rate_hz = 48_000
    record(kind, rate_hz, channels, form)


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, KeyboardInterrupt):
        os._exit(1)
