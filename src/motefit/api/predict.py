"""``classify_files``: run a bundle on audio files; WAV needs no extra, and nothing needs torch."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from motefit.data.decode import AUDIO_SUFFIXES, read_clip
from motefit.runtime.keyword_spotter import Classification, KeywordSpotter
from motefit.runtime.quiet import silence_litert
from motefit.runtime.zoo import find_model
from motefit.signal.wav import read_wav
from motefit.spec.errors import DataError


def classify_files(
    model: str | Path, paths: Sequence[str | Path]
) -> Iterator[tuple[Path, Classification]]:
    """Classify audio files one by one.

    WAV files are read as the device reads them; FLAC and OGG need the extra ``train``.

    >>> import motefit
    >>> for path, found in motefit.classify_files("yes-no", ["clips"]):  # doctest: +SKIP
    ...     print(path, found.label)

    Args:
        model: bundle, .tflite with its card, or name of a shipped model.
        paths: files, and folders whose audio files are used, including subfolders.

    Yields:
        Each file, in the order given (sorted within a folder), and its classification.

    Raises:
        DataError: if a file cannot be used, or a folder has no audio files.
        MissingExtraError: for FLAC or OGG without soundfile.
        ModelFileError: if the model cannot be used.
    """
    silence_litert()
    spotter = KeywordSpotter.load(find_model(model))
    for path in _audio_files(list(map(Path, paths))):
        if path.suffix.lower() in AUDIO_SUFFIXES[1:]:
            rate_hz = spotter.io.frontend.rate_hz
            yield path, spotter.classify(read_clip(path, rate_hz=rate_hz), rate_hz)
        else:
            yield path, spotter.classify(*read_wav(path))


def _audio_files(paths: Sequence[Path]) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        found = [f for f in path.rglob("*") if f.suffix.lower() in AUDIO_SUFFIXES]
        shown = sorted(f for f in found if not f.name.startswith("."))
        if not shown:
            raise DataError(f"{path} has no audio files ({', '.join(AUDIO_SUFFIXES)})")
        files.extend(shown)
    return files
