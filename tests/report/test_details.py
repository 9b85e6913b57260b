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
from motefit.report.sections import (
    hardest_section,
    noise_section,
    stream_section,
    training_section,
)
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
        assert again.to_json() == facts.to_json()
        assert render_report(again)
        stored = json.loads(facts.to_json())
        assert stored["card"]["facts"] == again.card.facts
    with pytest.raises(ModelFileError, match=r"report\.json"):
        ReportFacts.from_json("{}", where="report.json")


DAY = {
    "which": "worst", "date": "2020-05-05", "mae": 1.25, "ahead_minutes": 60,
    "minutes": [0, 30, 90], "truth": [1.0, 2.0, 3.0],
    "forecast": [1.5, 2.5, 4.75], "low": [1, 2, 3], "high": [2, 3, 5],
}  # fmt: skip
GROUP = {"names": ["00:00", "01:00"], "n": [1200, 7], "mae": [0.25, 0.5], "bias": [0.1, -0.1],
         "persistence": [0.5, 0.75]}  # fmt: skip
SERIES = {
    "T (degC)": {
        "bias": -0.125, "bias_by_step": [0.5, -0.75], "inside_by_step": [0.75, 0.5], "days": [DAY],
        "by_hour": GROUP, "by_season": GROUP,
    }
}  # fmt: skip


def test_days_seasons_bias_and_coverage_of_a_series_are_shown(climate) -> None:
    page = render_report(replace(climate, details={"series": SERIES}))
    shown = ("Worst day, 2020-05-05", "1 200", "0.250", "0.750", "-0.125 °C", "-0.750", "75.00 %")
    assert [text for text in shown if text not in page] == []
    assert page.count('class="band"') == 1


@pytest.mark.parametrize("key", ["bias", "bias_by_step", "inside_by_step", "days", "by_hour"])
@pytest.mark.parametrize("damaged", [None, "x", [1], [{}], {"names": 3}, [{**DAY, "truth": [1]}]])
def test_damaged_series_leave_their_part_out(climate, key: str, damaged: object) -> None:
    series = {"T (degC)": {**SERIES["T (degC)"], key: damaged}}
    page = render_report(replace(climate, details={"series": series}))
    assert "Provenance" in page


def test_the_curve_of_a_stream_has_a_ring_at_the_threshold(words) -> None:
    view = stream_section._chart(
        {"Test": {"words": 100, "hours": 2.0, "curve": [[0.2, 5, 40], [0.6, 10, 8], [0.9, 60, 0]]}},
        0.7,
    )
    assert view is not None
    ((x, y, text),) = view.marks
    assert text == "0.7"
    assert any(abs(x - a) < 0.06 and abs(y - b) < 0.06 for a, b in view.lines[0].dots)
    assert view.description == "Test: 60 at 0, 5 at 20 (false accepts per hour)"


def test_all_curves_are_behind_the_shipped_one_with_the_rungs(words) -> None:
    curve = [0.5 + 0.01 * i for i in range(40)]
    rows = tuple({**row, "curve": curve[: 10 + 10 * i]} for i, row in enumerate(words.candidates))
    recipe = {**words.card.recipe, "search": {"rungs": [0.25]}}
    facts = replace(words, candidates=rows, card=replace(words.card, recipe=recipe))
    view = training_section.build(facts)
    assert view is not None
    chart = view.charts[1]
    assert (len(chart.background), len(chart.lines)) == (2, 1)
    assert [v.text for v in chart.verticals] == ["rung"]
    assert all(float(tick.text).is_integer() for tick in chart.x_ticks)


NOISE = {
    "examples": 64, "input_db": 41.25,
    "layers": [
        {"place": 1, "operator": "CONV_2D", "own_db": 32.5, "total_db": 31.75},
        {"place": 3, "operator": "DEPTHWISE_CONV_2D", "own_db": 20.25, "total_db": 19.25},
        {"place": 4, "operator": "RESHAPE", "own_db": None, "total_db": 19.25},
    ],
}  # fmt: skip


def test_the_noise_of_each_layer_is_shown_and_the_worst_named(words) -> None:
    facts = replace(words, details={"noise": NOISE})
    view = noise_section.build(facts)
    assert view is not None
    assert [(row.number, row.own, row.total) for row in view.rows] == [
        ("", "41.2", "41.2"), ("2", "32.5", "31.8"), ("4", "20.2", "19.2"), ("5", "exact", "19.2"),
    ]  # fmt: skip
    assert max(view.rows, key=lambda row: row.percent).name == "depthwise conv 2d"
    page = render_report(facts)
    assert "Operation 4, depthwise conv 2d, adds the most noise: alone, it leaves 20.2 dB." in page
    assert "At the output, 19.2 dB remain." in page
    assert "64 examples" in page


@pytest.mark.parametrize(
    "damaged", [None, 3, {"layers": 3}, {"layers": []}, {"layers": [{}]}, {"layers": [3]},
                {"examples": "x", "layers": [{"place": 1, "own_db": "x"}]}],
)  # fmt: skip
def test_damaged_noise_leaves_its_part_out(words, damaged: object) -> None:
    page = render_report(replace(words, details={"noise": damaged}))
    assert "Provenance" in page
    assert "None" not in page
