"""Files of a data set, decoded in order; damaged ones are noted, until they are too many."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from motefit.data.broken_files import broken_error
from motefit.data.cuts import Cut
from motefit.data.damage import path_free
from motefit.data.decode import Decoded, decode_clip
from motefit.spec.errors import DataError
from motefit.spec.tasks.speech_spec import SpeechData

_OFTEN = 50


class FileDecoder:
    """Decodes files as a recipe says.

    Args:
        files: in order.
        data: the recipe's section: which channel, and how many files may be damaged.
        root: of the data, named in errors.
        rate_hz: rate of the result.
        progress: called with files decoded and files in all.
        cuts: of each file, the part that is taken; None: all of it. Empty: all of all.

    Attributes:
        damaged: index and message, by :func:`motefit.data.damage.path_free`, of each file that was
            left out.
    """

    def __init__(
        self,
        files: Sequence[Path],
        data: SpeechData,
        *,
        root: Path,
        rate_hz: int,
        progress: Callable[[int, int], None] | None,
        cuts: Sequence[Cut | None] = (),
    ) -> None:
        self._files, self._data, self._root = files, data, root
        self._rate_hz, self._progress = rate_hz, progress
        self._cuts = cuts
        self._last: tuple[Path, Decoded] | None = None
        self.damaged: list[list[object]] = []

    def decoded(self) -> Iterator[tuple[int, Decoded]]:
        """Decode all files; find every damaged one before they are too many.

        Yields:
            index and sound of each file that can be decoded.

        Raises:
            DataError: if more than ``damaged_percent`` of the files, or all, are damaged.
        """
        problems: list[str] = []
        total = len(self._files)
        for index, path in enumerate(self._files):
            if self._progress and index % _OFTEN == 0:
                self._progress(index, total)
            try:
                decoded = self._decode(index, path)
            except DataError as error:
                problems.append(str(error))
                self.damaged.append([index, path_free(str(error), path)])
                continue
            yield index, decoded
        most = self._data.damaged_percent / 100 * total
        if len(problems) > most or len(problems) == total:
            raise broken_error(self._root, problems, total)
        if self._progress:
            self._progress(total, total)

    def _decode(self, index: int, path: Path) -> Decoded:
        cut = self._cuts[index] if index < len(self._cuts) else None
        if cut is None:
            return decode_clip(path, rate_hz=self._rate_hz, channel=self._data.channel)
        if self._last is None or self._last[0] != path:  # neighbors are often of one recording
            whole = decode_clip(path, rate_hz=self._rate_hz, channel=self._data.channel)
            self._last = path, whole
        whole = self._last[1]
        try:
            return replace(whole, pcm=cut.part(whole.pcm, self._rate_hz))
        except DataError as error:
            raise DataError(f"{path}: {error}") from None
