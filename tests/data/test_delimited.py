"""Reading CSV files: dialects, times, and every kind of bad line."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from series_lines import HEADER, rows, stamp

from motefit.data.series import read_series
from motefit.spec.errors import DataError
from motefit.spec.tasks.series_spec import SeriesData


def spec(**options):
    columns = {"inputs": ("a", "b"), "targets": ("b",)}
    return SeriesData(**{"time": "time", "time_format": "", **columns, **options})


@pytest.mark.parametrize("bad", ["abc", "1,5", "inf", "-Infinity", "12 3", "0x1"])
def test_no_number_names_line_and_column(write, bad):
    lines = rows(range(100))
    lines[49] = f'{stamp(49)},49,"{bad}"'
    with pytest.raises(DataError, match=rf"csv, line 51: '{bad}' in the column 'b' is not a fin"):
        read_series(write(lines), spec())


def test_line_numbers_count_blank_lines_and_quoted_newlines(write):
    lines = rows(range(100))
    lines[5] = f'{stamp(5)},5,1005,"two\nlines"'
    lines[:5] = [f"{line},x" for line in lines[:5]]
    lines[6:] = [f"{line},x" for line in lines[6:]]
    lines[20] = f"{stamp(20)},oops,1020,x"
    lines.insert(8, "")
    with pytest.raises(DataError, match="line 24: 'oops'"):
        read_series(write(lines, header=HEADER + ",note"), spec())


def test_unknown_column_names_the_nearest(write):
    path = write(rows(range(100)), header="time,temp,humidity")
    with pytest.raises(
        DataError, match=r"no column 'humidty' .did you mean 'humidity'\?.*time, temp, hum"
    ):
        read_series(path, spec(inputs=("humidty",), targets=("humidty",)))
    with pytest.raises(DataError, match=r"no column 'Time' .did you mean 'time'"):
        read_series(path, spec(time="Time", inputs=("temp",), targets=("temp",)))


def test_column_that_is_there_twice(write):
    with pytest.raises(DataError, match="the column 'a' occurs 2 times; keep one"):
        read_series(write(rows(range(9)), header="time,a,a"), spec(inputs=("a",), targets=("a",)))


def test_wrong_number_of_fields(write):
    lines = rows(range(100))
    lines[7] += ",5"
    with pytest.raises(DataError, match="line 9: 4 fields, but the header has 3"):
        read_series(write(lines), spec())


def test_bad_time_shows_value_format_and_example(write):
    lines = rows(range(100))
    lines[7] = "2020-02-30 00:00:00,1,2"
    with pytest.raises(
        DataError, match=r"line 9: the time '2020-02-30 00:00:00' .*ISO 8601 \(example: 2009-01-31"
    ):
        read_series(write(lines), spec())
    with pytest.raises(
        DataError, match=r"line 2: .*format '%d/%m/%Y %H:%M' \(example: 31/01/2009 13:50\)"
    ):
        read_series(write(lines), spec(time_format="%d/%m/%Y %H:%M"))


@pytest.mark.parametrize(
    "bad",
    [
        "31.02.2020 00:00:00",
        "01.13.2020 00:00:00",
        "01.01.2020 24:00:01",
        "01.01.2020 00:60:00",
        "1 .01.2020 00:00:00",
        "01-01-2020 00:00:00",
    ],
)
def test_fixed_width_times_are_checked_like_any_other(write, bad):
    path = write([f"{bad},1,2"])
    with pytest.raises(DataError, match=rf"line 2: the time '{bad}' is not in the format"):
        read_series(path, spec(time_format="%d.%m.%Y %H:%M:%S"))


FORMATS = ["%d.%m.%Y %H:%M:%S", "%Y%m%d%H%M%S", "%d %b %Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", ""]


@given(
    start=st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - unzoned
    time_format=st.sampled_from(FORMATS),
)
def test_times_equal_strptime(tmp_path_factory, start, time_format):
    stamps = [start.replace(microsecond=0) + timedelta(hours=7 * i) for i in range(40)]
    path = tmp_path_factory.mktemp("series") / "s.csv"
    lines = [f"{s.strftime(time_format) if time_format else s},1,2" for s in stamps]
    path.write_text("\n".join([HEADER, *lines]))
    series = read_series(path, spec(time_format=time_format, step_minutes=420.0))
    assert series.times.tolist() == stamps
    assert len(series.runs) == 1


def test_single_digit_days_are_read_as_strptime_does(write):
    lines = [f"{d}.3.2021 9:00:00,{d},2" for d in range(1, 29)]
    options = spec(time_format="%d.%m.%Y %H:%M:%S", step_minutes=1440.0)
    assert len(read_series(write(lines), options).runs) == 1


def test_zoned_times_become_utc(write):
    lines = [f"2020-03-29T{h:02}:00:00+0{2 if h > 2 else 1}:00,1,2" for h in (0, 1, 3, 4)]
    series = read_series(write(lines), spec(step_minutes=60.0))
    assert len(series.runs) == 1
    assert str(series.times[0]) == "2020-03-28T23:00:00"
    assert series.file_zones.tolist() == [3600, 3600, 7200, 7200]


def test_times_without_a_zone_have_none(write):
    assert read_series(write(rows(range(9))), spec()).file_zones is None


@pytest.mark.parametrize("zones", [("", "+02:00"), ("Z", "")])
def test_a_zone_on_some_times_only_is_refused(write, zones):
    lines = [f"2020-03-29T0{h}:00:00{zone},1,2" for h, zone in enumerate(zones)]
    with pytest.raises(DataError, match=r"line 3: .* of line 2 has .*all times with a zone, or"):
        read_series(write(lines), spec(step_minutes=60.0))


@pytest.mark.parametrize(
    ("delimiter", "newline", "encoding"),
    [(";", "\r\n", "utf-8-sig"), ("\t", "\n", "utf-8"), (",", "\r\n", "latin-1")],
)
def test_dialects_of_csv(write, delimiter, newline, encoding):
    def redo(line):
        return line.replace(",", delimiter)

    header = redo('time,a (°C/m²),"b"')
    options = spec(inputs=("a (°C/m²)", "b"))
    lines = [redo(line) for line in rows(range(100))]
    series = read_series(write(lines, header, newline=newline, encoding=encoding), options)
    assert series.values.tolist() == [[i, 1000 + i] for i in range(100)]


def test_missing_file_folder_and_binary(tmp_path):
    with pytest.raises(DataError, match=r"absent\.csv: there is no such file"):
        read_series(tmp_path / "absent.csv", spec())
    with pytest.raises(DataError, match="is a folder; give a CSV file"):
        read_series(tmp_path, spec())
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04\x00\x00")
    with pytest.raises(DataError, match="not a text file"):
        read_series(tmp_path / "a.zip", spec())


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff"])
def test_empty_file(tmp_path, content):
    path = tmp_path / "e.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=r"e\.csv: the file is empty"):
        read_series(path, spec())


def test_header_only(write):
    with pytest.raises(DataError, match="a header, but no rows"):
        read_series(write([]), spec())


def test_unclosed_quote(write):
    with pytest.raises(DataError, match="line 4: not a CSV row"):
        read_series(write([*rows(range(2)), f'{stamp(3)},1,"2']), spec())
