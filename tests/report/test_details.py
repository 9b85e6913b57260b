"""What only the report shows: hardest clips; and the file that has all its facts."""

import base64
import json
import struct
import zlib
from dataclasses import replace

import pytest

from motefit.report.pictures import PALETTE, picture_uri
from motefit.report.render import render_report
from motefit.report.report_facts import ReportFacts
from motefit.report.sections import hardest_section
from motefit.spec.errors import ModelFileError

CLIP = {
    "id": "up/1", "word": "up", "heard": "down", "probability": 0.25, "heard_probability": 0.75,
    "spectrogram": ["0f3", "a01"], "wav": "UklGRg==",
}  # fmt: skip


def test_a_picture_has_the_colors_of_its_digits() -> None:
    data = base64.b64decode(picture_uri(["0f3", "a01"]).partition(",")[2])
    chunks, at = {}, 8
    while at < len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        chunks[kind] = data[at + 8 : at + 8 + size]
        (check,) = struct.unpack_from(">I", data, at + 8 + size)
        assert check == zlib.crc32(kind + chunks[kind])
        at += 12 + size
    assert struct.unpack(">IIBBBBB", chunks[b"IHDR"]) == (3, 2, 4, 3, 0, 0, 0)
    assert zlib.decompress(chunks[b"IDAT"]).hex() == "00" + "0f30" + "00" + "a010"
    assert chunks[b"PLTE"][3 * 15 :] == bytes(PALETTE[15])
    with pytest.raises(ValueError, match="equally long"):
        picture_uri(["0f", "a"])


def test_clips_are_shown_with_what_was_heard_and_played_if_stored(words) -> None:
    silent = {key: value for key, value in CLIP.items() if key != "wav"}
    facts = replace(words, details={"hardest": {"rate_hz": 8000, "clips": [CLIP, silent]}})
    page = render_report(facts)
    assert page.count("<audio") == 1
    assert 'src="data:audio/wav;base64,UklGRg=="' in page
    assert page.count("data:image/png") == 2
    assert "25.00 %" in page
    assert "75.00 %" in page


@pytest.mark.parametrize(
    "damaged",
    [
        {}, {"clips": 3}, {"clips": [{}]}, {"clips": [{**CLIP, "probability": "x"}]},
        {"clips": [{**CLIP, "spectrogram": ["0", "zz"], "wav": '"><script>'}]},
    ],
)  # fmt: skip
def test_damaged_details_leave_their_part_out(words, damaged: dict[str, object]) -> None:
    view = hardest_section.build(replace(words, details={"hardest": damaged}))
    assert view is None or (view.clips[0].picture, view.clips[0].sound) == ("", "")
    assert "<audio" not in render_report(replace(words, details={"hardest": damaged}))


def test_the_file_of_facts_gives_the_same_page(words, climate) -> None:
    for facts in (words, replace(climate, details={"hardest": {"clips": [CLIP]}})):
        again = ReportFacts.from_json(facts.to_json(), where="report.json")
        assert render_report(again) == render_report(
            ReportFacts.from_json(again.to_json(), where="")
        )
        stored = json.loads(facts.to_json())
        assert stored["card"]["facts"] == {k: v for k, v in again.card.facts.items()}
    with pytest.raises(ModelFileError, match=r"report\.json"):
        ReportFacts.from_json("{}", where="report.json")
