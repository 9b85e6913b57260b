"""Hardest clips of a keyword spotter: those whose true word it finds least likely, for a report.

Each has a small spectrogram, and its sound unless that is left out: a voice is personal.
"""

import base64
import itertools
import struct
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from motefit.data.speech import Clips
from motefit.signal.spectrum import framed, hann
from motefit.spec.tasks.speech_spec import SpeechIO

TOPIC = "hardest"
"""Name of the clips among a report's details."""
COUNT = 10
SOUND_BYTES = 400_000
"""Most bytes of sound in all; further clips have none."""
MOST_FRAMES, BANDS, LEVELS, RANGE_DB = 120, 40, 16, 60.0
_FRAME_S, _STEP_S = 0.032, 0.010


def hardest_clips(
    io: SpeechIO, probabilities: NDArray[np.float32], clips: Clips
) -> Mapping[str, object]:
    """Describe the clips on which a model does worst.

    Args:
        io: of the model.
        probabilities: (n, labels) of each clip.
        clips: of the test set.

    Returns:
        ``rate_hz``, and ``clips``, hardest first: ``id``, true ``word``, ``heard`` word,
        ``probability`` of the true word and ``heard_probability``, ``spectrogram`` (rows from high
        to low frequency, one hexadecimal digit for each frame, 60 dB from 0 to f), and ``wav``, a
        WAV file in base64 (8 bits, mu-law), while they have at most :data:`SOUND_BYTES` in all.
    """
    heard = probabilities[:, : len(io.words)].argmax(axis=1)
    true = probabilities[np.arange(len(clips.label)), clips.label]
    order = np.argsort(true, kind="stable")[:COUNT]
    rate, left = io.frontend.rate_hz, SOUND_BYTES
    rows: list[dict[str, object]] = []
    for i in order.tolist():
        row: dict[str, object] = {
            "id": clips.ids[i],
            "word": io.labels[int(clips.label[i])],
            "heard": io.labels[int(heard[i])],
            "probability": _short(true[i]),
            "heard_probability": _short(probabilities[i, heard[i]]),
            "spectrogram": spectrogram(clips.pcm[i], rate),
        }
        sound = mu_law_wav(clips.pcm[i], rate)
        if len(sound) <= left:
            left -= len(sound)
            row["wav"] = base64.b64encode(sound).decode()
        rows.append(row)
    return {"rate_hz": rate, "clips": rows}


def without_sound(details: Mapping[str, object]) -> Mapping[str, object]:
    """Return a report's details without any sound in them.

    >>> without_sound({"hardest": {"rate_hz": 8000, "clips": [{"word": "up", "wav": "UklG"}]}})
    {'hardest': {'rate_hz': 8000, 'clips': [{'word': 'up'}]}}
    """
    topic = details.get(TOPIC)
    if not isinstance(topic, Mapping):
        return details
    clips = [{k: v for k, v in clip.items() if k != "wav"} for clip in topic.get("clips", ())]
    return {**details, TOPIC: {**topic, "clips": clips}}


def spectrogram(pcm: NDArray[np.int16], rate_hz: int) -> list[str]:
    """Draw the loudness of a clip over time and frequency, in hexadecimal digits.

    Args:
        pcm: (samples,).
        rate_hz: sampling rate.

    Returns:
        :data:`BANDS` rows from high to low frequency, each as long as the clip has frames; bands
        are equally wide in mel. ``f`` is the loudest place, ``0`` is 60 dB or more below it.
    """
    length = max(int(_FRAME_S * rate_hz), 16)
    padded = np.pad(pcm.astype(np.float32), (0, max(length - len(pcm), 0)))
    step = max(int(_STEP_S * rate_hz), -(-(len(padded) - length) // (MOST_FRAMES - 1)), 1)
    power = np.abs(np.fft.rfft(framed(padded, length, step) * hann(length), axis=1)) ** 2
    mel = np.linspace(0, 2595 * np.log10(1 + rate_hz / 2 / 700), BANDS + 1)
    edges = 700 * (10 ** (mel / 2595) - 1) / rate_hz * length
    bands = [
        power[:, int(low) : max(int(high), int(low) + 1)].mean(axis=1)
        for low, high in itertools.pairwise(edges)
    ]
    db = 10 * np.log10(np.maximum(np.stack(bands[::-1]), 1e-3))
    levels = np.rint((LEVELS - 1) * (1 + (db - db.max()) / RANGE_DB)).clip(0, LEVELS - 1)
    return ["".join(f"{int(level):x}" for level in row) for row in levels]


def mu_law_wav(pcm: NDArray[np.int16], rate_hz: int) -> bytes:
    """Encode samples as a WAV file of 8 bits a sample (mu-law, ITU-T G.711), which browsers play.

    Args:
        pcm: (samples,).
        rate_hz: sampling rate.
    """
    sign = np.where(pcm < 0, 0x80, 0)
    magnitude = np.minimum(np.abs(pcm.astype(np.int32)), 32_635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    data: bytes = (~(sign | exponent << 4 | mantissa) & 0xFF).astype(np.uint8).tobytes()
    form = struct.pack("<4sIHHIIHHH", b"fmt ", 18, 7, 1, rate_hz, rate_hz, 1, 8, 0)
    fact = struct.pack("<4sII", b"fact", 4, len(data))
    body = b"WAVE" + form + fact + struct.pack("<4sI", b"data", len(data)) + data
    pad = b"\0" * (len(data) % 2)
    return struct.pack("<4sI", b"RIFF", len(body + pad)) + body + pad


def _short(value: np.float32) -> float:
    return float(f"{float(value):.4g}")
