"""``classify_files``: run a model on audio files; WAV needs no extra, and nothing needs torch."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from motefit.data.cropping import crop_start
from motefit.data.decode import AUDIO_SUFFIXES, decode_clip
from motefit.data.folder_layout import NOISE_NAMES
from motefit.runtime.keyword_spotter import Classification, KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.runtime.zoo import find_model
from motefit.signal.mixing import parse_channel
from motefit.spec.errors import DataError
from motefit.spec.several import several_paths


def classify_files(
    model: str | Path, paths: str | Path | Sequence[str | Path], *, channel: int | str = "auto"
) -> Iterator[tuple[Path, Classification]]:
    """Classify audio files one by one.

    Files are read as in training; other formats than WAV need the extra ``audio``. Of a recording
    that is longer than the model's clip, the loudest stretch is classified.

    >>> import motefit
    >>> for path, found in motefit.classify_files("yes-no", ["clips"]):  # doctest: +SKIP
    ...     print(path, found.label)

    Args:
        model: bundle, .tflite with its card, or name of a shipped model.
        paths: files, and folders whose audio files are used, including subfolders but those of
            background noise.
        channel: which of several channels to take, from 1; ``"mean"``: their average; ``"auto"``:
            of two, the one that is not silent, else their average, unless they cancel each other.

    Yields:
        Each file, in the order given (sorted within a folder), and its classification.

    Raises:
        DataError: if a file cannot be used, or a folder has no audio files.
        MissingExtraError: for other formats than WAV without soundfile.
        ModelFileError: if the model cannot be used.
    """
    silence_litert()
    chosen = parse_channel(str(channel))
    spotter = KeywordSpotter.load(find_model(model))
    rate_hz, samples = spotter.io.frontend.rate_hz, spotter.io.frontend.clip_samples
    for path in _audio_files(list(map(Path, several_paths(paths)))):
        decoded = decode_clip(path, rate_hz=rate_hz, channel=chosen)
        pcm = decoded.pcm
        start = crop_start(pcm, samples, "loudest")
        found = spotter.classify(pcm[start : start + samples], rate_hz)
        if len(pcm) > samples:
            found = replace(found, start_s=start / rate_hz, length_s=len(pcm) / rate_hz)
        if decoded.silent_channel:
            found = replace(found, channel=3 - decoded.silent_channel)
        yield path, found


def _audio_files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        found = [f for f in path.rglob("*") if f.suffix.lower() in AUDIO_SUFFIXES]
        shown = sorted(f for f in found if not f.name.startswith(".") and not _is_noise(f, path))
        if not shown:
            raise DataError(f"{path} has no audio files ({', '.join(AUDIO_SUFFIXES)})")
        files.extend(shown)
    return files


def _is_noise(file: Path, folder: Path) -> bool:
    """Return whether a file is in a folder of noise below the given one."""
    return any(part.lower() in NOISE_NAMES for part in file.relative_to(folder).parts[:-1])
