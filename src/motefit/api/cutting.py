"""``list_cuts`` and ``cut``: clips of words from long recordings."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from motefit.api.progress_display import Progress, open_progress
from motefit.data.word_finder import CutReport, cut_clips, list_stretches
from motefit.signal.mixing import parse_channel
from motefit.spec.errors import RecipeError
from motefit.spec.several import several_names, several_paths


def list_cuts(
    recordings: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    words: Sequence[str] = (),
    channel: int | str = "auto",
    progress: Progress = "auto",
) -> int:
    """Find the words in long recordings, and list them in a CSV file to check and complete.

    Words are stretches that are louder than the room. Before :func:`motefit.cut`, a person fills in
    the column ``word``, and writes ``no`` into ``keep`` where a stretch is not a word.

    >>> import motefit
    >>> motefit.list_cuts(["monday.wav"], "cuts.csv", words=["up", "down"])  # doctest: +SKIP
    40

    Args:
        recordings: sound files.
        out: CSV file to write; must not exist.
        words: words in the order they are spoken, repeated in turn; empty: to be filled in.
        channel: which of several channels to take, from 1; ``"mean"``: their average; ``"auto"``:
            of two, the one that is not silent, else their average, unless they cancel each other.
        progress: how the recordings are counted, see :func:`motefit.fit`.

    Returns:
        Number of stretches found.

    Raises:
        DataError: if a recording cannot be read, or contains nothing louder than the room.
        OutputError: if the table exists or cannot be written.
    """
    with open_progress(progress) as listener:
        return list_stretches(
            list(map(Path, several_paths(recordings))),
            Path(out),
            words=several_names(words),
            channel=parse_channel(str(channel)),
            progress=partial(listener.counted, "recordings"),
        )


def cut(
    table: str | Path,
    out: str | Path,
    *,
    seconds: float = 1.0,
    speaker: str = "",
    channel: int | str = "auto",
    progress: Progress = "auto",
) -> CutReport:
    """Write a clip for each row to keep of a table that :func:`motefit.list_cuts` wrote.

    >>> import motefit
    >>> motefit.cut("cuts.csv", "words", speaker="anna")  # doctest: +SKIP

    Args:
        table: the CSV file, checked by a person.
        out: folder; each word gets a folder in it.
        seconds: length of a clip, centered on its word.
        speaker: name of the speaker; clips are then named ``<speaker>_nohash_<number>``.
        channel: as in :func:`motefit.list_cuts`.
        progress: as in :func:`motefit.list_cuts`.

    Raises:
        RecipeError: for a length that is not positive, or a speaker that cannot be used in a file
            name.
        DataError: for a table that cannot be used, naming the line, or an unreadable recording.
        OutputError: if a clip exists or cannot be written.
    """
    if not 0 < seconds <= 60:
        raise RecipeError(f"seconds must be above 0 and at most 60, got {seconds:g}")
    if "/" in speaker or speaker.startswith("."):
        raise RecipeError(f"speaker must be usable in a file name, got {speaker!r}")
    with open_progress(progress) as listener:
        return cut_clips(
            Path(table),
            Path(out),
            seconds=seconds,
            speaker=speaker,
            channel=parse_channel(str(channel)),
            progress=partial(listener.counted, "recordings"),
        )
