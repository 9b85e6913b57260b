"""Process that runs hibari, a neural voice: requests on stdin, speech as PCM on stdout.

The protocol is that of ``speaker.py``. hibari has one English voice in its package; its network
gives the pitch and the envelope of each frame, from which a speaker's own pitch and intonation are
made. Equal requests get equal answers, in any order. It needs ``hibari`` (Apache-2.0), which brings
onnxruntime, and nothing of motefit.
"""

import importlib.metadata
import json
import os
import sys
import zlib
from typing import Any, BinaryIO

import hibari
import numpy as np
from hibari import dsp

_ENDS = (".", ".", ",", "!", "?")
"""How a text without a mark at its end is said."""
_WORDS_A_MINUTE = 150.0
"""Ordinary speed of the voice."""
_LOWEST, _WIDTH = 0.4, 4.4
"""Of the voice's own pitch at a ``pitch`` of 0, and how much higher it is at 100."""
_VOICED_HZ = 40.0


class HibariEngine:
    """hibari with the voice of its package.

    Attributes:
        version: of the package.
        rate_hz: of the speech.
    """

    def __init__(self) -> None:
        self._voice = hibari.Hibari(threads=1)
        self.version = importlib.metadata.version("hibari-tts")
        self.rate_hz = int(hibari.Hibari.sample_rate)

    def say(self, request: dict[str, Any]) -> bytes:
        """Speak one request; return 16 bit little-endian PCM."""
        text = str(request["text"])
        key = zlib.crc32(json.dumps(request, sort_keys=True).encode())
        if text[-1:].isalnum():
            text += _ENDS[key % len(_ENDS)]
        speed = float(np.clip(request["speed"] / _WORDS_A_MINUTE, 0.5, 2.0))
        ratio = _LOWEST * _WIDTH ** (request["pitch"] / 100)
        rng = np.random.default_rng(key)
        pieces = [
            self._speak(phonemes, speed, ratio, request["range"] / 50, rng=rng)
            for phonemes in self._voice.phonemize(text)
        ]
        samples = np.concatenate(pieces) if pieces else np.zeros(0, np.float32)
        loudest = max(float(np.abs(samples).max(initial=0)), 1e-9)
        return (samples * (16384 / loudest)).round().astype("<i2").tobytes()

    def _speak(
        self, phonemes: str, speed: float, ratio: float, span: float, *, rng: np.random.Generator
    ) -> np.ndarray:
        """Speak one sentence: its pitch in proportion, its intonation as an exponent."""
        inputs = {
            "ids": np.asarray([self._voice.ids(phonemes)], np.int64),
            "speed": np.asarray([speed], np.float32),
        }
        *frames, pitch_hz = (out[0] for out in self._voice.sess.run(None, inputs))
        voiced = pitch_hz > _VOICED_HZ
        middle = float(pitch_hz[voiced].mean()) if voiced.any() else 1.0
        bent = middle * np.power(np.maximum(pitch_hz, 1e-3) / middle, span) * ratio
        spoken: np.ndarray = dsp.synth(*frames, np.where(voiced, bent, 0.0), rng)
        return spoken


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every request line of ``requests`` in turn until it ends."""

    def answer(header: dict[str, object], pcm: bytes = b"") -> None:
        answers.write(json.dumps(header).encode() + b"\n" + pcm)
        answers.flush()

    engine = HibariEngine()
    answer({"version": engine.version, "rate_hz": engine.rate_hz})
    for line in requests:
        pcm = engine.say(json.loads(line))
        answer({"rate_hz": engine.rate_hz, "bytes": len(pcm)}, pcm)


if __name__ == "__main__":
    # The answers get the real stdout; whatever the library prints goes to stderr.
    with os.fdopen(os.dup(1), "wb") as stdout:
        os.dup2(2, 1)
        serve(sys.stdin.buffer, stdout)
