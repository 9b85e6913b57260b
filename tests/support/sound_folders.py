"""Folders of words as people have them: clips of noise that differ from each other, and tables."""

import itertools
import json

import numpy as np
import soundfile
import wav_files

RATE = 8000
count = itertools.count()


def clip(path, *, samples=400, fmt=None):
    """A file that differs from all others."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pcm = np.random.default_rng(next(count)).integers(-9000, 9000, samples).astype("<i2")
    if fmt:
        soundfile.write(path, pcm, RATE, format=fmt[0], subtype=fmt[1])
    else:
        path.write_bytes(wav_files.wav(pcm.tobytes(), wav_files.format_chunk(rate_hz=RATE)))


def clips(folder, *patterns, words=("up", "down"), number=6):
    """``number`` files of each word for each pattern of its path."""
    for pattern, word, i in itertools.product(patterns, words, range(number)):
        clip(folder / (pattern.format(word=word, i=i) + ".wav"))
    return folder


def manifest(folder, name, rows, *, bom=False):
    suffix = name.rpartition(".")[2]
    if suffix == "jsonl":
        text = "\n".join(json.dumps(row) for row in rows)
    else:
        separator = "\t" if suffix == "tsv" else ","
        lines = [separator.join(rows[0]), *(separator.join(row.values()) for row in rows)]
        text = "\r\n".join(lines)
    (folder / name).write_text(text + "\n", encoding="utf-8-sig" if bom else "utf-8")
