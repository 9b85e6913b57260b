"""Process that runs espeak-ng: requests as JSON lines on stdin, speech as PCM on stdout.

Run it as a separate program; nothing else in motefit loads espeak-ng (GPL-3), and it keeps global
state, so that only a fresh process given the same requests in the same order answers with the same
bytes. It needs the standard library and ``espeakng_loader`` only.

A request is one JSON object on a line: ``text``, ``voice`` (``en-us+f3``), ``pitch`` (0..100),
``speed`` (words a minute, 80..450), ``range`` (0..100) and ``volume`` (0..200). The answer is one
JSON line, ``{"rate_hz": ..., "bytes": n}`` followed by ``n`` bytes of 16 bit little-endian mono
PCM, or ``{"error": text}``. A text in double square brackets is phonemes: ``[[l|'aI|t|s]]``.
A request of ``transcribe`` and ``voice`` is answered with ``{"phonemes": ...}``, separated by
``_``. The first line written is ``{"version": ..., "rate_hz": ...}``. The program ends when its
input does.
"""

import ctypes
import json
import os
import sys
from typing import BinaryIO

import espeakng_loader

# From speak_lib.h of espeak-ng 1.52.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_INITIALIZE_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_PHONEMES = 0x100
_SEPARATED = ord("_") << 8
_PARAMETERS = {"speed": 1, "volume": 2, "pitch": 3, "range": 4}
_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class EspeakEngine:
    """espeak-ng with its own data folder; answers :meth:`say` with 16 bit mono PCM.

    Attributes:
        version: of the library.
        rate_hz: of the speech.
    """

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._library.espeak_Info.restype = ctypes.c_char_p
        self.rate_hz = int(
            self._library.espeak_Initialize(
                _AUDIO_OUTPUT_SYNCHRONOUS,
                0,
                os.fsencode(espeakng_loader.get_data_path()),
                _INITIALIZE_DONT_EXIT,
            )
        )
        if self.rate_hz <= 0:
            raise RuntimeError(f"espeak_Initialize answered {self.rate_hz}")
        # Initialization seeds the noise of breathy voices with the clock.
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        self.version = self._library.espeak_Info(ctypes.byref(ctypes.c_char_p())).decode()
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._pieces: list[bytes] = []
        self._callback = _CALLBACK(self._receive)
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: object, count: int, _events: object) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))  # type: ignore[arg-type]  # a ctypes pointer
        return 0

    def say(self, request: dict[str, object]) -> bytes:
        """Speak one request.

        Raises:
            ValueError: if espeak-ng has no such voice or rejects the text.
        """
        self._pieces.clear()
        self._choose_voice(str(request["voice"]))
        for name, number in _PARAMETERS.items():
            self._library.espeak_SetParameter(number, int(str(request[name])), 0)
        text = str(request["text"]).encode()
        flags = _CHARS_UTF8 | (_PHONEMES if text.startswith(b"[[") else 0)
        status = self._library.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, flags, None, None
        )
        if status != 0 or self._library.espeak_Synchronize() != 0:
            raise ValueError(f"espeak-ng rejected the text {request['text']!r} (status {status})")
        return b"".join(self._pieces)

    def transcribe(self, text: str, voice: str) -> str:
        """Return espeak-ng's phonemes of a text, separated by ``_``, with blanks between words.

        Raises:
            ValueError: if espeak-ng has no such voice.
        """
        self._choose_voice(voice)
        content = ctypes.create_string_buffer(text.encode())
        rest, clauses = ctypes.c_void_p(ctypes.addressof(content)), []
        while rest.value:  # one clause a call
            phonemes = self._library.espeak_TextToPhonemes(
                ctypes.byref(rest), _CHARS_UTF8, _SEPARATED
            )
            clauses.append(phonemes.decode())
        return " ".join(clauses)

    def _choose_voice(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(
                f"espeak-ng has no voice {voice!r}; accents are its voice files, "
                "e.g. en-us, en, en-gb-scotland, de, fr, it, pt-br"
            )


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer every request line of ``requests`` in turn until it ends."""

    def answer(header: dict[str, object], pcm: bytes = b"") -> None:
        answers.write(json.dumps(header).encode() + b"\n" + pcm)
        answers.flush()

    engine = EspeakEngine()
    answer({"version": engine.version, "rate_hz": engine.rate_hz})
    for line in requests:
        request = json.loads(line)
        try:
            if "transcribe" in request:
                answer({"phonemes": engine.transcribe(request["transcribe"], request["voice"])})
                continue
            pcm = engine.say(request)
        except ValueError as error:
            answer({"error": str(error)})
        else:
            answer({"rate_hz": engine.rate_hz, "bytes": len(pcm)}, pcm)


if __name__ == "__main__":
    # The answers get the real stdout; whatever the library prints goes to stderr.
    with os.fdopen(os.dup(1), "wb") as stdout:
        os.dup2(2, 1)
        serve(sys.stdin.buffer, stdout)
