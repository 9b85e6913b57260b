"""Names of files that are no WAV file, by their first bytes, and the command that converts them."""

from dataclasses import dataclass
from typing import Literal

Use = Literal["library", "convert", "rare", "none"]
"""What can be done: libsndfile may read it, ffmpeg converts it, the program of libsndfile does, or
there is no sound in it."""

_MARKS: tuple[tuple[int, bytes, str, Use], ...] = (
    (0, b"fLaC", "FLAC", "library"),
    (0, b"OggS", "OGG", "library"),
    (8, b"AIF", "AIFF", "library"),
    (8, b"8SVX", "Amiga 8SVX", "convert"),
    (8, b"16SV", "Amiga 16SV", "rare"),
    (0, b"FORM", "an IFF file, but not AIFF", "none"),
    (0, b".snd", "AU", "library"),
    (0, b"caff", "CAF", "library"),
    (0, b"RIFX", "RIFX (a big-endian WAV file)", "library"),
    (0, b"ID3", "MP3", "library"),
    (0, b"NIST_1A", "NIST SPHERE", "library"),
    (0, b"Creative Voice File", "Creative VOC", "library"),
    (0, b"\xff\xf1", "AAC", "convert"),
    (0, b"\xff\xf9", "AAC", "convert"),
    (0, b"\xff\xfd", "MPEG layer 2", "convert"),
    (0, b"\xff\xfc", "MPEG layer 2", "convert"),
    (0, b"\x00\x05\x16\x07", "a companion file of macOS without sound", "none"),
    (4, b"ftyp", "MP4 or M4A", "convert"),
    (0, b"\x1a\x45\xdf\xa3", "WebM or Matroska", "convert"),
    (0, b"#!AMR", "AMR", "convert"),
    (0, b"\x64\xa3\x01\0", "IRCAM", "convert"),
    (0, b"\x64\xa3\x02\0", "IRCAM", "convert"),
    (0, b"\x64\xa3\x03\0", "IRCAM", "convert"),
    (0, b"PVF1", "PVF", "convert"),
    (0, b"2BIT", "AVR", "convert"),
    (0, b" paf", "PAF", "convert"),
    (0, b"ALawSoundFile", "Psion WVE", "convert"),
    (0, b"TTA1", "True Audio", "convert"),
    (0, b"MP+", "Musepack (MPC)", "convert"),
    (0, b"MPCK", "Musepack (MPC)", "convert"),
    (0, b"ajkg", "Shorten", "convert"),
    (0, b"tBaK", "TAK", "convert"),
    (0, b"OFR ", "OptimFROG", "convert"),
    (0, b"TWIN", "VQF", "convert"),
    (0, b"DSD ", "DSF", "convert"),
    (0, b"FRM8", "DSDIFF", "convert"),
    (0, b".RMF", "RealMedia", "convert"),
    (0, b".ra\xfd", "RealAudio", "convert"),
    (0, b"FLV", "FLV", "convert"),
    (0, b"qoaf", "QOA", "convert"),
    (0, b"ADIF", "AAC", "convert"),
    (0, b"\x7f\xfe\x80\x01", "DTS", "convert"),
    (0, b"\0\0\x01\xba", "MPEG", "convert"),
    (0, b"Extended Instrument: ", "a FastTracker instrument (XI), without a sampling rate", "rare"),
    (0, b"SOUND SAMPLE DATA ", "Turtle Beach SampleVision (SMP)", "convert"),
    (0, b"\xf0\x7e\0\x01", "a MIDI sample dump (SDS)", "rare"),
    (0, b"MThd", "MIDI, notes without sound", "none"),
    (0, b"Extended Module: ", "a tracker module", "none"),
    (0, b"IMPM", "a tracker module", "none"),
    (0, b"SIMPLE  =", "a FITS image", "none"),
    (0, b"\x89HDF", "an HDF5 file", "none"),
    (0, b"PAR1", "a Parquet file", "none"),
    (0, b"SQLite format 3", "an SQLite database", "none"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd archive", "none"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "none"),
    (0, b"Rar!", "a RAR archive", "none"),
    (0, b"\xfd7zXZ", "an xz archive", "none"),
    (0, b"BZh", "a bzip2 archive", "none"),
    (257, b"ustar", "a tar archive", "none"),
    (0, b"GIF8", "a GIF image", "none"),
    (0, b"\xff\xd8\xff", "a JPEG image", "none"),
    (0, b"MATLAB 5.0", "a MATLAB file", "none"),
    (0, b"\x93NUMPY", "an array of numpy", "none"),
    (0, b"wvpk", "WavPack", "convert"),
    (0, b"MAC ", "Monkey's Audio", "convert"),
    (0, b"\x30\x26\xb2\x75", "Windows Media", "convert"),
    (0, b"RIFF", "a RIFF file, but not WAV", "none"),
    (0, b"PK\x03\x04", "a zip archive", "none"),
    (0, b"\x1f\x8b", "a gzip archive", "none"),
    (0, b"%PDF", "a PDF", "none"),
    (0, b"\x89PNG", "a PNG image", "none"),
    (0, b"\x7fELF", "a program", "none"),
)
"""Place and bytes of a mark, the format, and what can be done with it."""
_RARE_SUFFIXES = (".htk", ".sd2", ".xi", ".mat", ".sds", ".16sv")
"""Extensions of sound that libsndfile's program (sndfile-programs) reads and ffmpeg does not."""
START_BYTES = 4096
"""So many first bytes recognize every format."""
_LEAST_BYTES = 12
_ID3_BYTES = 10
"""Length of the header of an ID3 tag."""
_TEXT_BYTES = 64
"""So many printable characters are text."""
_BITRATES = {
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Kilobits a second of MPEG 1 and 2, layer 3."""
_RATES_HZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


@dataclass(frozen=True, kw_only=True)
class OtherFormat:
    """A format of files that are no WAV files.

    Attributes:
        name: of the format.
        use: what can be done with the file.
    """

    name: str
    use: Use

    def advice(self, path: str) -> str:
        """Say how a file of this format can be used.

        Args:
            path: of the file.
        """
        if self.use == "none":
            return "give a file with sound: WAV, or with the extra audio FLAC, OGG, MP3 or AIFF"
        command = convert_command(path)
        if self.use == "rare":
            command = rare_command(path)
        if self.use == "library":
            return f"to read more than WAV: pip install 'motefit[audio]'; to convert it: {command}"
        return f"this format is not read; convert it: {command}"


def other_format(start: bytes, suffix: str = "") -> OtherFormat | None:
    """Recognize the format of a file that is not a WAV file.

    Args:
        start: its first :data:`START_BYTES`.
        suffix: of its name, for a format that has no mark.

    Returns:
        The format; None for bytes that nothing is known about, such as samples without a header.
    """
    for place, mark, name, use in _MARKS:
        if start[place : place + len(mark)] == mark:
            return OtherFormat(name=name, use=use)
    if _is_htk(start):
        return OtherFormat(name="HTK", use="rare")
    if _is_mp3(start):
        return OtherFormat(name="MP3", use="library")
    if len(start) >= _TEXT_BYTES and _is_text(start[:512]):
        return OtherFormat(name="text", use="none")
    if suffix.lower() == ".sd2":
        return OtherFormat(name="Sound Designer II (SD2)", use="rare")
    return None


def tag_bytes(start: bytes) -> int:
    """Return the length of the ID3 tag that a file starts with; 0 if there is none.

    Some programs put one before WAV or FLAC, too.

    >>> tag_bytes(b"ID3" + bytes([4, 0, 0, 0, 0, 2, 1]) + b"..."), tag_bytes(b"RIFF")
    (267, 0)
    """
    if start[:3] != b"ID3" or len(start) < _ID3_BYTES:
        return 0
    size = 0
    for byte in start[6:_ID3_BYTES]:
        size = size << 7 | byte & 0x7F
    footer = _ID3_BYTES if start[5] & 0x10 else 0
    return _ID3_BYTES + size + footer


def convert_command(path: str) -> str:
    """Return the command that makes a WAV file of any sound that ffmpeg knows, by its extension.

    >>> convert_command("up/a.m4a"), convert_command("a.sd2")
    ('ffmpeg -i up/a.m4a -ac 1 -c:a pcm_s16le a.wav', 'sndfile-convert -pcm16 a.sd2 a.wav')
    """
    if path.lower().endswith(_RARE_SUFFIXES):
        return rare_command(path)
    return f"ffmpeg -i {path} -ac 1 -c:a pcm_s16le {_target(path)}"


def rare_command(path: str) -> str:
    """Return the command that makes a WAV file of sound that only libsndfile's program knows."""
    return f"sndfile-convert -pcm16 {path} {_target(path)}"


def _target(path: str) -> str:
    stem, _, suffix = path.rpartition("/")[2].rpartition(".")
    return f"{stem}-16.wav" if suffix.lower() == "wav" else f"{stem or 'sound'}.wav"


def telling_bytes(start: bytes) -> int:
    """Return how many first bytes of a stream tell its format, after those received so far."""
    if len(start) < _LEAST_BYTES:
        return _LEAST_BYTES
    if _frame_bytes(start):
        return START_BYTES
    return _TEXT_BYTES if start[:4].isalnum() or _is_text(start) else _LEAST_BYTES


def _is_text(data: bytes) -> bool:
    return all(32 <= byte < 127 or byte in b"\t\r\n" for byte in data)


def _is_htk(start: bytes) -> bool:
    """Return whether a file starts with the header of an HTK waveform, which has no mark.

    Its fields, big-endian: samples, time of one in units of 100 ns (1 to 200 kHz), its bytes (2),
    and the kind of data (0: waveform).
    """
    if len(start) < _LEAST_BYTES:
        return False
    count, period = (int.from_bytes(start[at : at + 4], "big") for at in (0, 4))
    return start[8:12] == b"\0\x02\0\0" and 0 < count < 1 << 31 and 50 <= period <= 10_000


def _is_mp3(start: bytes) -> bool:
    """Return whether two frames of MPEG layer 3 follow each other."""
    length = _frame_bytes(start)
    return length > 0 and _frame_bytes(start[length:]) > 0 and start[1] == start[length + 1]


def _frame_bytes(data: bytes) -> int:
    """Return the length of the frame that starts here; 0 if none does."""
    if len(data) < 4:
        return 0
    word = int.from_bytes(data[:4], "big")
    version, layer = word >> 19 & 3, word >> 17 & 3
    rate_code, bits_code = word >> 10 & 3, word >> 12 & 15
    if word >> 21 != 0x7FF or layer != 1 or version == 1 or rate_code == 3:
        return 0
    if not 0 < bits_code < 15:
        return 0
    kilobits = _BITRATES[3 if version == 3 else 2][bits_code - 1]
    factor = 144_000 if version == 3 else 72_000
    return factor * kilobits // _RATES_HZ[version][rate_code] + (word >> 9 & 1)
