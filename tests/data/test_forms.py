"""The same numbers from every form of a table, separator, encoding, time layout, zone, jitter."""

import bz2
import gzip
import json
import lzma
import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motefit.data.series import read_series
from motefit.data.tables import FORMS
from motefit.spec.errors import DataError, MissingExtraError
from motefit.spec.tasks.series_spec import SeriesData

NAMES = ("T (°C)", "rh (%)")
STEP = timedelta(minutes=10)
ROWS = 40
LAYOUTS = ("iso", "iso T", "day first", "AM/PM", "two columns", "parts", "epoch-s", "epoch-ms",
           "epoch-us", "epoch-ns", "24:00")  # fmt: skip
ZONES = ("", "Z", "+02:00", "-03:30", "Europe/Berlin")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252")


def written_times(stamps, layout, zone):
    """Header, texts of each row and recipe keys of a layout; stamps are aware."""
    suffix = zone if zone in {"Z", "+02:00", "-03:30"} else ""
    local = [s.astimezone(clock_of(zone)) for s in stamps]
    if layout.startswith("epoch"):
        per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[layout[6:]]
        counts = [round(s.timestamp() * 10**6) * per_second // 10**6 for s in stamps]
        if layout == "epoch-s" and any(s.microsecond for s in stamps):
            counts = [f"{s.timestamp():.3f}" for s in stamps]
        return ["ts"], [[str(c)] for c in counts], {"time": "ts", "time_format": layout}
    if layout in {"iso", "iso T"}:
        texts = [s.replace(tzinfo=None).isoformat("T" if "T" in layout else " ") for s in local]
        return ["ts"], [[t + suffix] for t in texts], {"time": "ts", "time_format": ""}
    if layout == "24:00":
        midnights = [(s.hour, s.minute, s.second) == (0, 0, 0) for s in local]
        days = [s - timedelta(days=1) if m else s for s, m in zip(local, midnights, strict=True)]
        texts = [
            f"{d:%d.%m.%Y} {24 if d is not s else s.hour:02}:{s:%M:%S}"
            for d, s in zip(days, local, strict=True)
        ]
        return ["ts"], [[t] for t in texts], {"time": "ts", "time_format": "%d.%m.%Y %H:%M:%S"}
    formats = {"day first": "%d/%m/%Y %H:%M:%S", "AM/PM": "%m/%d/%Y %I:%M:%S %p"}
    if layout in formats:
        texts = [[s.strftime(formats[layout])] for s in local]
        return ["ts"], texts, {"time": "ts", "time_format": formats[layout]}
    if layout == "two columns":
        texts = [[f"{s:%Y-%m-%d}", f"{s:%H:%M:%S}{suffix}"] for s in local]
        return ["Date", "Time"], texts, {"time": ("Date", "Time"), "time_format": ""}
    names = ["year", "month", "day", "hour", "minute", "second"]
    texts = [[str(getattr(s, name)) for name in names] for s in local]
    return names, texts, {"time": tuple(names), "time_format": ""}


def clock_of(zone):
    if zone in {"", "Z"}:
        return UTC
    if "/" in zone:
        return ZoneInfo(zone)
    hours, minutes = int(zone[:3]), int(zone[4:])
    return timezone(timedelta(hours=hours, minutes=minutes if hours > 0 else -minutes))


def write_form(folder, form, header, rows, *, separator=",", encoding="utf-8"):
    """Write a table and return its path and the recipe keys that it needs."""
    lines = [separator.join(row) for row in [header, *rows]]
    text = "\n".join(lines) + "\n"
    objects = "".join(json.dumps(dict(zip(header, r, strict=True))) + "\n" for r in rows)
    path = folder / {"csv": "a.csv", "sep": "a.csv", "trailing": "a.csv", "R": "a.csv",
                     "below": "a.csv", "gz": "a.csv.gz", "bz2": "a.bz2", "xz": "a.xz",
                     "json": "a.jsonl", "json list": "a.json", "sqlite": "a.db"}[form]  # fmt: skip
    if form == "sqlite":
        with sqlite3.connect(path) as base:
            named = ", ".join(f'"{name}"' for name in header)
            base.execute(f"CREATE TABLE log ({named})")
            marks = ", ".join("?" * len(header))
            base.executemany(f"INSERT INTO log VALUES ({marks})", rows[::-1])  # noqa: S608 - marks
        base.close()
        return path
    text = {
        "sep": f"sep={separator}\n{text}",
        "trailing": "".join(line + separator + "\n" for line in lines),
        "R": "\n".join([lines[0], *(f'"{i}"{separator}{r}' for i, r in enumerate(lines[1:], 7))]),
        "below": f"Logger 7{separator}\n\n# battery low\n{text}",
        "json": objects,
        "json list": "[" + ",\n".join(objects.splitlines()) + "]",
    }.get(form, text)
    content = text.encode(encoding)
    compress = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}.get(form, bytes)
    path.write_bytes(compress(content))
    return path


@given(
    form=st.sampled_from(["csv", "sep", "trailing", "R", "below", "gz", "bz2", "xz", "json",
                          "json list", "sqlite"]),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    decimal=st.sampled_from([".", ","]),
    encoding=st.sampled_from(ENCODINGS),
    layout=st.sampled_from(LAYOUTS),
    zone=st.sampled_from(ZONES),
    jitter_s=st.sampled_from([0.0, 1.0, 20.0]),
    start=st.datetimes(datetime(2001, 1, 1), datetime(2037, 1, 1)),  # noqa: DTZ001 - UTC below
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_known_series_is_read_back(  # noqa: PLR0913 - every combination
    tmp_path_factory, form, separator, decimal, encoding, layout, zone, jitter_s, start, seed
):
    """One property: whatever a file looks like, its numbers, times and zones come back."""
    rng = np.random.default_rng(seed)
    first = start.replace(second=30, microsecond=0, tzinfo=UTC)
    if layout == "24:00":
        first = first.replace(hour=0, minute=0, second=0)
    shifts = rng.integers(-jitter_s, jitter_s + 1, ROWS).tolist()
    stamps = [first + i * STEP + timedelta(seconds=s) for i, s in enumerate(shifts)]
    values = np.round(rng.normal(20, 10, (ROWS, 2)), 3)
    if decimal == "," and (separator == "," or "json" in form):
        separator = ";"
    names, times, keys = written_times(stamps, layout, zone)
    numbers = [[repr(v).replace(".", decimal) for v in row] for row in values.tolist()]
    rows = [[*t, *n] for t, n in zip(times, numbers, strict=True)]
    folder = tmp_path_factory.mktemp("form")
    path = write_form(folder, form, [*names, *NAMES], rows, separator=separator, encoding=encoding)
    named_zone = zone if "/" in zone else ""
    stated = zone if layout in {"iso", "iso T", "two columns"} and not named_zone else ""
    if zone and not stated and not layout.startswith("epoch"):
        keys["timezone"] = zone.replace("Z", "UTC")
    data = SeriesData(inputs=NAMES, targets=NAMES, decimal=decimal, tolerance_percent=10.0, **keys)
    series = read_series(path, data)
    assert series.values.tolist() == values.tolist()
    assert len(series.runs) == 1
    epoch = layout.startswith("epoch")
    expected = [s.astimezone(UTC).replace(tzinfo=None) for s in stamps]
    assert series.times.tolist() == expected
    if zone or epoch:
        clock = UTC if epoch else clock_of(zone)
        offsets = [s.astimezone(clock).utcoffset().total_seconds() for s in stamps]
        assert series.file_zones.tolist() == offsets
    else:
        assert series.file_zones is None


def spec(**options):
    columns = {"inputs": ("T", "rh"), "targets": ("T", "rh")}
    return SeriesData(**{"time": "time", "time_format": "", **columns, **options})


@pytest.fixture
def write(tmp_path):
    def _write(text, name="log.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return _write


def stamp(step, minutes=10.0):
    return str(datetime(2024, 3, 25) + timedelta(minutes=minutes * step))  # noqa: DTZ001 - unzoned


def lines(count, minutes=10.0):
    return [f"{stamp(i, minutes)},{20 + i},{50 - i}" for i in range(count)]


def text(rows, header="time,T,rh"):
    return "\n".join([header, *rows]) + "\n"


def test_every_form_is_exercised_or_says_what_it_needs(write):
    assert set(FORMS.names()) == {"JSON lines", "Parquet", "SQLite", "csv"}
    try:
        import pyarrow as pa  # noqa: PLC0415 - of an extra
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError:
        with pytest.raises(MissingExtraError, match=r"motefit\[tables\]"):
            read_series(write(b"PAR1 and so on", "a.parquet"), spec())
        return
    path = write(b"", "a.parquet")
    stamps = [datetime(2024, 3, 25, tzinfo=UTC) + i * STEP for i in range(9)]
    pq.write_table(pa.table({"time": stamps, "T": [1.5] * 9, "rh": [None, *[2] * 8]}), path)
    assert read_series(path, spec()).values.tolist() == [[1.5, 2.0]] * 8


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"PK\x03\x04\x14\x00", "zip archive or a workbook; unpack it, or save the sheet as CSV"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x1f\x8b\x08\x00", "copy the file again"),
        (b"SQLite format 3\0rest", "SQLite"),
        (b'{"time": 1}\n[2]\n', "line 2: expected a JSON object"),
        (b'{"time": 1}\n{"time": \n', "line 2: not JSON"),
    ],
)
def test_files_that_are_no_table_are_named(write, content, problem):
    with pytest.raises(DataError, match=problem):
        read_series(write(content), spec())


def test_tables_of_a_database_are_listed(tmp_path):
    with sqlite3.connect(tmp_path / "a.db") as base:
        base.execute("CREATE TABLE log (time, T, rh)")
        base.execute("CREATE VIEW clean AS SELECT * FROM log")
        base.execute("INSERT INTO log VALUES ('2024-03-25', 1.5, NULL), ('2024-03-26', 2, 3)")
    base.close()
    with pytest.raises(DataError, match=r"which table; set .data. table to one of: clean, log"):
        read_series(tmp_path / "a.db", spec())
    with pytest.raises(DataError, match=r"no table 'lag' .did you mean 'log'"):
        read_series(tmp_path / "a.db", spec(table="lag"))
    found = read_series(tmp_path / "a.db", spec(table="clean", step_minutes=1440.0))
    assert found.values.tolist() == [[2.0, 3.0]]


def test_nested_json_has_keys_with_dots(write):
    rows = [
        {"time": stamp(i), "air": {"T": i, "rh": None if i == 3 else 5}, "on": True}
        for i in range(9)
    ]
    path = write("".join(json.dumps(row) + "\n" for row in rows), "a.ndjson")
    names = ("air.T", "air.rh")
    found = read_series(path, spec(inputs=names, targets=names))
    assert found.values[:, 0].tolist() == [0, 1, 2, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("tail", [b"\0" * 64, b"2024-03-25 01:3\0\0\0\0", b"\0" * 3 + b"\n\0\n"])
def test_zero_bytes_of_a_power_cut_are_left_out_with_a_note(write, tail):
    found = read_series(write(text(lines(9)).encode() + tail), spec())
    assert found.values[:, 0].tolist() == [20.0 + i for i in range(9)]
    (note,) = found.notes
    assert "line 11: zero bytes up to the end of the file, as after a power cut" in note


def test_zero_bytes_amid_the_rows_name_their_line(write):
    content = text(lines(4)).encode() + b"\0" * 40 + text(lines(9)).encode()
    with pytest.raises(DataError, match=r"line 6: zero bytes amid the rows"):
        read_series(write(content), spec())


def test_bytes_of_windows_1252_are_its_characters(write):
    path = write(text(lines(9), "time,T (‰),rh").encode("cp1252"))
    with pytest.raises(DataError, match="available columns: time, T \\(‰\\), rh"):
        read_series(path, spec())


@pytest.mark.parametrize("bad", ["1_5", "１２", "٣", "²", "1e39", "-1e308", "0x10", "１.5"])  # noqa: RUF001 - on purpose
def test_numbers_are_ascii_and_fit_float32(write, bad):
    rows = [*lines(5), f"{stamp(5)},1,{bad}"]
    with pytest.raises(DataError, match=rf"line 7: '{bad}' in the column 'rh'"):
        read_series(write(text(rows)), spec())


def test_decimal_comma_is_named_and_read(write):
    rows = [f"{stamp(i)};{20 + i},5;50" for i in range(9)]
    path = write(text(rows, "time;T;rh"))
    with pytest.raises(DataError, match=r"line 2: '20,5' .*set \[data\] decimal = \",\""):
        read_series(path, spec())
    assert read_series(path, spec(decimal=",")).values[0].tolist() == [20.5, 50.0]
    with pytest.raises(DataError, match=r"line 2: '1\.200,5' .*thousands = \"\.\""):
        read_series(write("time;T;rh\n2024-03-25;1.200,5;2\n"), spec(decimal=","))


@pytest.mark.parametrize("word", ["unavailable", "Unknown", "N/A", "-", "?", "off"])
def test_words_that_mean_missing(write, word):
    rows = lines(9)
    rows[4] = f"{stamp(4)},{word},1"
    options = {"missing_texts": ("OFF",)} if word == "off" else {}
    assert read_series(write(text(rows)), spec(**options)).missing_rows == 1


def test_sentinels_and_valid_ranges_per_column(write):
    rows = lines(9)
    rows[2], rows[5] = f"{stamp(2)},85,50", f"{stamp(5)},20,130"
    options = {"column_sentinels": {"T": (85.0,)}, "valid_ranges": {"rh": (0.0, 100.0)}}
    found = read_series(write(text(rows)), spec(**options))
    assert found.missing_rows == 2
    assert found.notes == (
        "rh: 1 values outside the valid range 0 to 100 are read as missing",
    )  # fmt: skip


def test_header_may_be_repeated_and_followed_by_units(write):
    rows = [*lines(9)[:4], "time,T,rh", *lines(9)[4:]]
    found = read_series(write(text(["-,degC,%", *rows])), spec(skip_lines=1))
    assert len(found.times) == 9
    assert "1 lines that repeat the header are left out" in found.notes[0]


def test_annotated_files_of_influxdb(write):
    content = ["#group,false,false,true,false,true", "#datatype,string,long,dateTime,double,string",
               "#default,_result,,,,", ",result,table,_time,_value,_field"]  # fmt: skip
    for name in ("T", "rh"):
        content += [f",,0,2024-03-25T00:{10 * i:02}:00Z,{i},{name}" for i in range(5)]
        content += ["", *content[:4]] if name == "T" else []
    path = write("\n".join(content))
    with pytest.raises(DataError, match=r'series = "_field" and value = "_value".*\'T\''):
        read_series(path, spec(time="_time"))
    found = read_series(path, spec(time="_time", series="_field", value="_value"))
    assert found.values.tolist() == [[i, i] for i in range(5)]


def history(count, change=lambda row: row):
    rows = [
        f"{name},{change(value)},2024-03-25T{i // 6:02}:{i % 6}0:00.000Z"
        for i in range(count)
        for name, value in (("sensor.t", 20 + i), ("light.hall", "on"), ("sensor.rh", 50 - i))
    ]
    return text(rows, "entity_id,state,last_changed")


LONG = {
    "time": "last_changed", "series": "entity_id", "value": "state",
    "inputs": ("sensor.t", "sensor.rh"), "targets": ("sensor.rh",),
}  # fmt: skip


def test_long_layout_is_named_and_pivoted(write):
    path = write(history(12))
    for time in ("time", "last_changed"):
        with pytest.raises(
            DataError, match=r'series = "entity_id" and value = "state".*\'sensor.t\', \'light'
        ):
            read_series(path, spec(time=time))
    found = read_series(path, spec(**LONG))
    assert found.values.tolist() == [[20 + i, 50 - i] for i in range(12)]
    with pytest.raises(DataError, match=r"no row of 'entity_id' is one of the inputs.*light.hall"):
        read_series(path, spec(**{**LONG, "inputs": ("a", "b"), "targets": ("a",)}))


def test_two_readings_at_one_time_name_both_lines(write):
    path = write(history(12) + "sensor.t,99,2024-03-25T00:10:00.000Z\n")
    with pytest.raises(DataError, match=r"line 38: 'sensor.t' has another value .*line 5\)"):
        read_series(path, spec(**LONG))
    found = read_series(path, spec(**LONG, resample="mean"))
    assert found.values[1].tolist() == [60.0, 49.0]


def test_time_in_two_columns_is_named_in_every_message(write):
    rows = [f"{stamp(i)[:10]},{stamp(i)[11:]},{i},{i}" for i in range(20)]
    path = write(text(rows, "Date,Time,T,rh"))
    for time in ("time", "Date", "Time"):
        with pytest.raises(DataError, match=r'set \[data\] time = \["Date", "Time"\]') as caught:
            read_series(path, spec(time=time))
        assert "remove one of the lines" not in str(caught.value)
    assert len(read_series(path, spec(time=("Date", "Time"))).runs) == 1


def test_year_month_day_and_hour_are_named_and_read(write):
    rows = [f"2024,2,{28 + i // 24},{i % 24},{i},{i}" for i in range(48)]
    path = write(text(rows, "year,month,day,hour,T,rh"))
    with pytest.raises(DataError, match=r'time = \["year", "month", "day", "hour"\]'):
        read_series(path, spec())
    parts = {"time": ("year", "month", "day", "hour"), "step_minutes": 60.0}
    assert len(read_series(path, spec(**parts)).runs) == 1
    with pytest.raises(DataError, match=r"line 50: 2023, 2, 29, 0 is not a time"):
        read_series(write(text([*rows, "2023,2,29,0,1,1"], "year,month,day,hour,T,rh")),
                    spec(**parts))  # fmt: skip


@pytest.mark.parametrize(
    ("time", "key"),
    [
        ("1711324800", 'time_format = "epoch-s"'),
        ("1711324800000", 'time_format = "epoch-ms"'),
        ("25/03/2024 13:00", 'time_format = "%d/%m/%Y %H:%M"'),
        ("03/04/2024 13:00", 'time_format = "%d/%m/%Y %H:%M" or "%m/%d/%Y %H:%M"'),
        ("25.03.2024 13:00:00", 'time_format = "%d.%m.%Y %H:%M:%S"'),
        ("3/25/2024 1:00:00 PM", 'time_format = "%m/%d/%Y %I:%M:%S %p"'),
    ],
)
def test_error_names_the_format_of_a_time(write, time, key):
    with pytest.raises(DataError) as caught:
        read_series(write(text([f"{time},1,2"])), spec())
    assert key in str(caught.value)


def test_epoch_in_the_wrong_unit(write):
    path = write(text(["1711324800000,1,2"]))
    with pytest.raises(DataError, match=r'after the year 2200.*"epoch-ms"'):
        read_series(path, spec(time_format="epoch-s"))


def test_half_seconds_are_kept_apart(write):
    rows = [f"2024-01-01 00:00:{i / 2:06.3f},{i},1" for i in range(8)]
    found = read_series(write(text(rows)), spec(step_minutes=0.5 / 60))
    assert (len(found.runs), found.times.dtype) == (1, "datetime64[ms]")
    assert str(found.times[1]) == "2024-01-01T00:00:00.500"


@pytest.mark.parametrize(("minutes", "step"), [(1.0, 0.5), (1 / 60, 0.5 / 60), (1 / 60, 0.0001)])
def test_step_below_the_resolution_is_refused(write, minutes, step):
    with pytest.raises(DataError, match=r"cannot be told apart.*distances between rows: 1 (min|s)"):
        read_series(write(text(lines(9, minutes))), spec(step_minutes=step))
    twice = [line for line in lines(9, minutes) for _ in range(2)]
    with pytest.raises(DataError, match=r"cannot be told apart.*distances between rows: "):
        read_series(write(text(twice)), spec(step_minutes=step))


def test_several_files_are_one_series(write, tmp_path):
    rows = lines(30)
    write(text(rows[20:]), "a.csv")
    write(gzip.compress(text(rows[:10]).encode()), "b.csv.gz")
    write(text(rows[10:20], "time;T;rh").replace(",", ";"), "c.csv")
    write("not a table", "readme.md")
    for path in (tmp_path, tmp_path / "*.csv*"):
        found = read_series(path, spec())
        assert found.values[:, 0].tolist() == [20.0 + i for i in range(30)]
        assert len(found.runs) == 1
    write(text([f"{stamp(40)},x,1"]), "d.csv")
    with pytest.raises(DataError, match=r"d\.csv, line 2: 'x'"):
        read_series(tmp_path, spec())
    with pytest.raises(DataError, match="no file matches"):
        read_series(tmp_path / "z*.csv", spec())


def test_readings_at_times_of_their_own_are_resampled(write):
    rows = [
        f"{name},{value},2024-03-25T{i // 6:02}:{i % 6}{shift}:11.250Z"
        for i in range(12)
        for name, value, shift in (("sensor.t", 20 + i, 2), ("sensor.rh", 50 - i, 7))
    ]
    path = write(text(rows, "entity_id,state,last_changed"))
    with pytest.raises(DataError, match=r'quantities have other times, set .* resample = "last"'):
        read_series(path, spec(**LONG))
    found = read_series(path, spec(**LONG, resample="last"))
    assert found.values.tolist() == [[20 + i, 50 - i] for i in range(12)]


def test_newest_row_first_blank_rows_and_spaces(write):
    newest_first = [*lines(9)[::-1], ",,", " , , "]
    found = read_series(write(text(newest_first)), spec())
    assert found.values[:, 0].tolist() == [20.0 + i for i in range(9)]
    assert "the newest row is the first one" in found.notes[0]
    rows = [f'"{i}" "{stamp(i)}" {i} 5' for i in range(9)]
    found = read_series(write(text(rows, '"time" "T" "rh"')), spec())
    assert found.values[:, 0].tolist() == list(range(9))


@pytest.mark.parametrize("zone", ["+0200", " +0200", " +02:00", "+02"])
def test_ways_to_write_a_zone(write, zone):
    found = read_series(write(text([f"2024-03-25 02:00:00{zone},1,2"])), spec())
    assert (str(found.times[0]), found.file_zones.tolist()) == ("2024-03-25T00:00:00", [7200])
    for utc in ("Z", " UTC", " GMT", "+00:00"):
        found = read_series(write(text([f"2024-03-25 00:00:00{utc},1,2"])), spec())
        assert (str(found.times[0]), found.file_zones.tolist()) == ("2024-03-25T00:00:00", [0])
