"""Tables as strangers' programs write them: read as they are meant, or refused with what helps."""

import gzip
import json
import os
import sqlite3
from datetime import datetime, timedelta

import pytest

from motefit.data.series import read_series
from motefit.spec.errors import MotefitError
from motefit.spec.tasks.series_spec import SeriesData

ROWS = 60
START = datetime(2024, 3, 25)  # noqa: DTZ001 - files without a zone


def at(row, minutes=10):
    return START + timedelta(minutes=minutes * row)


def table(header, row, rows=ROWS):
    return "\n".join([header, *(row(i) for i in range(rows)), ""])


def timed(time_format, rows=ROWS):
    return table("time;T", lambda i: f"{at(i):{time_format}};{i}", rows)


def read(path, **keys):
    given = {"time": "time", "time_format": "", "inputs": ("T",), "targets": ("T",), **keys}
    return read_series(path, SeriesData(**given))


PLAIN = table("time,T", lambda i: f"{at(i)},{i}")
DATED = {"time_format": "%d/%m/%Y %H:%M"}
FIELDS = {"time": "_time", "series": "_field", "value": "_value"}
INFLUX = "#datatype,string,long,dateTime:RFC3339,{0}\n,result,table,_time,{0}\n"
READ = {
    "headers in another order": (
        table("time,T,x", lambda i: f"{at(i)},{i},-1", 30)
        + "\n".join(["time,x,T", *(f"{at(i)},-1,{i}" for i in range(30, ROWS))]),
        {},
        "line 32: another header",
    ),
    "tables of InfluxDB with other columns": (
        INFLUX.format("_value,_field,room")
        + "".join(f",,0,{at(i).isoformat()}Z,{i},T,hall\n" for i in range(30))
        + "\n"
        + INFLUX.format("size,_field,host,_value")
        + "".join(f",,1,{at(i).isoformat()}Z,-1,T,h1,{i}\n" for i in range(30, ROWS)),
        FIELDS,
        "line 35: another header",
    ),
    "joined files with marks and comments": (
        "".join(
            f"\ufeff# logger, started again\ntime,T\n{at(i)},{i}\n" for i in range(ROWS)
        ).encode(),
        {},
        "59 lines that repeat the header",
    ),
    "comma and space between quoted fields": (
        table('"time", "T"', lambda i: f'"{at(i)}", "{i}"'), {}, "",
    ),
    "UTF-16 and a power cut": (PLAIN.encode("utf-16") + b"\0" * 64, {}, "power cut"),
    "the end mark of DOS": (PLAIN + "\x1a", {}, ""),
    "newest first, with a repeated row": (
        "time,T\n" + "".join(f"{at(i)},{i}\n" * (1 + (i == 9)) for i in reversed(range(ROWS))),
        {"repeated_rows": "drop"},
        "newest row is the first",
    ),
    "a or p behind the hour": (
        table("time;T", lambda i: f"{at(i):%d/%m/%y %I:%M}{'ap'[at(i).hour > 11]};{i}", 150),
        {"time_format": "%d/%m/%y %I:%M%p"},
        "",
    ),
    "small z": (table("time,T", lambda i: f"{at(i).isoformat()}z,{i}"), {}, ""),
    "a region behind the offset": (
        table("time,T", lambda i: f"{at(i).isoformat()}+00:00[Etc/UTC],{i}"), {}, "",
    ),
    "the name of UTC": (
        table("time,T", lambda i: f"{at(i):%b %d %H:%M:%S} UTC 2024,{i}"),
        {"time_format": "%b %d %H:%M:%S %Z %Y"},
        "",
    ),
    "grouped digits, English": (
        table("time;T", lambda i: f"{at(i)};{1000 * i:,}.0"),
        {"thousands": ",", "column_sentinels": {}},
        "",
    ),
    "grouped digits, French": (
        table("time;T", lambda i: f"{at(i)};{1000 * i:,},0".replace(",", "\u202f", 1)
              if i else f"{at(i)};0,0"),
        {"thousands": " ", "decimal": ","},
        "",
    ),
    "a column decomposed": (PLAIN.replace("T", "Tu\u0308r"), {"inputs": ("T\u00fcr",),
                            "targets": ("T\u00fcr",)}, ""),
    "Home Assistant's history": (
        json.dumps([[{"time": f"{at(i)}", "k": "T", "v": i} for i in range(ROWS)]] * 1),
        {"series": "k", "value": "v"},
        "",
    ),
    "two sensors in turn": (
        table("time,sensor,T", lambda i: f"{at(i)},{'ab'[i % 2]},{i}"), {}, 'group = "sensor"',
    ),
    "day and month swapped": (
        table("time;T", lambda i: f"{at(6 * i + 37 * 144):%m/%d/%Y %H:%M};{i}"),
        {**DATED, "step_minutes": 60.0},
        "day and month are swapped",
    ),
    "a clock that was not set": (
        table("time,T", lambda i: f"{at(i - (i < 20) * 54 * 365 * 144)},{i}"),
        {}, "first 20 rows are of 1970",
    ),
    "spaces that look like others": (
        PLAIN.replace("T", "\u200bT\u00a0(°C)", 1),
        {"inputs": ("T (°C)",), "targets": ("T\u202f(°C)",)},
        "",
    ),
    "columns named MO, DY and HR": (
        table("YEAR,MO,DY,HR,T", lambda i: f"{at(i, 60):%Y,%m,%d,%H},{i}"),
        {"time": ("YEAR", "MO", "DY", "HR"), "step_minutes": 60.0},
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", READ)
def test_is_read_as_it_is_meant(tmp_path, kind):
    content, keys, note = READ[kind]
    path = tmp_path / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = read(path, **keys)
    factor = 1000 if "thousands" in keys else 1
    rows = 150 if "%p" in keys.get("time_format", "") else ROWS
    assert found.values[:, 0].tolist() == [factor * i for i in range(rows)]
    assert note in "; ".join(found.notes)
    if kind in {"small z", "a region behind the offset", "the name of UTC"}:
        assert found.file_zones is not None


REFUSED = {
    "ISO 8601 where the recipe has another format": (
        table("time,T", lambda i: f"{at(i):%Y-%m-%dT%H:%M:%SZ},{i}"),
        {"time_format": "%d.%m.%Y %H:%M"},
        r'line 2: .*set \[data\] time_format = "", which reads ISO 8601',
    ),
    "a summary at the end": (f"{PLAIN}Mean,12\n", {}, "line 62: .*'Mean'.*a title or a summary"),
    "a quotation mark that is not closed": (
        PLAIN.replace(f"{at(9)},", f'{at(9)},"'),
        {},
        "a quotation mark in or after line 11 is never closed",
    ),
    "grouped digits": ("time;T\n2024-03-25;1.200,5\n", {}, r'thousands = "\." and decimal = ","'),
    "a unit": ("time,T\n2024-03-25,20 °C\n", {}, "without '°C'"),
    "a word": ("time,T\n2024-03-25,---\n", {}, r'missing_texts = \["---"\]'),
    "another minus": ("time,T\n2024-03-25,\u22122.5\n", {}, "write the minus sign as -"),
    "decimal and other commas": ("time,T\n2024-03-25,2,5\n", {}, "if the comma is a decimal one"),
    "rounded counts": (
        "time,T\n1.711325E+09,1\n", {"time_format": "epoch-s"}, "a spreadsheet rounded it",
    ),
    "elapsed seconds": ("time,T\n0,1\n600,1\n", {}, 'time_format = "epoch-s"'),
    "a backslash": ("time,T\n2024-03-25,\\N\n", {}, r'missing_texts = \["\\\\N"\]'),
    "a switch": ("time,T\n2024-03-25,on\n", {}, "write 0 and 1"),
    "a point": ("time;T\n2024-03-25;2.5\n", {"decimal": ","}, "leave .* decimal out"),
    "endless digits": ("time,T\n2024-03-25," + "9" * 9999, {}, r"9\.\.\.' \(9999 characters\)"),
    "units below the header": (PLAIN.replace("\n", "\n-,degC\n,avg\n", 1), {}, "skip_lines = 2"),
    "no header": (PLAIN.partition("\n")[2], {}, "first line looks like a row"),
    "no time": (PLAIN + ",5\n", {}, "remove the line"),
    "digits of another script": (PLAIN.replace("2024", "２０２４", 1), {}, "line 2"),  # noqa: RUF001
    "and with a format": (
        timed("%d/%m/%Y %H:%M").replace("2024", "２０２４", 1), DATED, "line 2"  # noqa: RUF001
    ),
    "a zone's name": (timed("%Y-%m-%d %H:%M CEST"), {}, "write offsets"),
    "a zone's name with a format": (
        timed("%Y-%m-%d %H:%M CET"), {"time_format": "%Y-%m-%d %H:%M %Z"}, "write offsets",
    ),
    "two formats": (PLAIN + f"{at(99):%d.%m.%Y %H:%M},1\n", {}, "write all alike"),
    "digits of dates": (timed("%Y%m%d%H"), {}, 'time_format = "%Y%m%d%H"'),
    "Excel's days": ("time,T\n45376.25,1\n", {}, "Excel"),
    "a log's times": (timed("[%d/%b/%Y:%H:%M:%S +0100]"), {}, r'"\[%d/%b/%Y:%H:%M:%S %z\]"'),
    "a coarser epoch": (timed("%s"), {"time_format": "epoch-ms"}, 'time_format = "epoch-s"'),
    "a clock set back to its start": (
        PLAIN + "1970-01-01 00:00:00,1\n", {}, "clock seems to have been reset",
    ),
    "devices": (
        table("time,Gerät,T", lambda i: f"{at(i // 2)},{'ab'[i % 2]},{i}"), {}, 'group = "Gerät"',
    ),
    "a web page": ("<!DOCTYPE html>\n<html>", {}, "web page"),
    "zstd": (b"\x28\xb5\x2f\xfd" + b"\x01\x80" * 50, {}, "zstd -d"),
    "one object of columns": (json.dumps({"time": [f"{at(i)}" for i in range(ROWS)]}), {}, "jq"),
    "a document": (json.dumps({"data": [{"time": "2024", "T": 1}]}, indent=1), {}, "jq"),
    "a key twice": ('{"time": "2024-03-25", "T": 1, "T": 2}', {}, "'T' occurs twice"),
    "a column twice below": (PLAIN + "time,T,T\n", {}, r"line 62: the column 'T' occurs 2 times"),
    "12 hours without half days": (PLAIN, {"time_format": "%Y-%m-%d %I:%M"}, "%I without %p"),
    "24 hours with half days": (PLAIN, {"time_format": "%Y-%m-%d %H:%M %p"}, "%p without %I"),
    "no year": (PLAIN, {"time_format": "%d.%m. %H:%M"}, "gives no year"),
    "one mark for two": (PLAIN, {"thousands": ".", "decimal": "."}, "same character"),
    "groups of digits that look like decimals": (
        table("time;T", lambda i: f"{at(i)};{f'{970 + i:,}'.replace(',', '.')}"),
        {}, r"'1\.000' .* is far below '970' of line 2; .* thousands = \"\.\" and decimal = \",\"",
    ),
    "and with a decimal comma": (
        table("time;T", lambda i: f"{at(i)};{970 + i:,}"), {"decimal": ","}, 'thousands = ","',
    ),
    "a log's time in brackets": ("[00:00:00][D][sensor:094]: 'T': 10 °C\n", {}, "no column 'time'"),
    "a letter for the hour": (timed("%d/%m/%Y %Hh%M"), {}, '"%d/%m/%Y %Hh%M"'),
    "the word Uhr": (timed("%d.%m.%Y %H:%M Uhr"), {}, 'H:%M Uhr"'),
    "months in French": (timed("%d mars %Y %H:%M"), {}, "in English only, not 'mars'"),
    "months in German": (timed("%d. März %Y"), {"time_format": "%d. %B %Y"}, "not 'März'"),
    "days of MATLAB": ("time,T\n739336.00694,1\n", {}, "count days or years"),
    "days of the year": (
        table("year,doy,hour,T", lambda i: f"{at(i, 60):%Y,%j,%H},{i}"),
        {"time": ("year", "doy", "hour")}, 'time_format = "%Y %j %H"',
    ),
    "days of the year, not named": (
        table("year,doy,hour,T", lambda i: f"{at(i, 60):%Y,%j,%H},{i}"),
        {}, r'time = \["year", "doy", "hour"\] and time_format = "%Y %j %H"',
    ),
    "names in two lines": (
        "time,indoor,outdoor\n,T,rh\n" + PLAIN.partition("\n")[2].replace("\n", ",1\n"),
        {}, "names seem to be in several lines",
    ),
    "a turned table": ("time,2024-03-25,2024-03-26\nT,1,2\n", {}, "turn the table"),
    "names below a preamble": (
        '"Plot: roof"\n"#","Zeit","T"\n' + "".join(f"{i},{at(i)},{i}\n" for i in range(ROWS)),
        {"inputs": ("rh",), "targets": ("rh",)}, "available columns: #, Zeit, T;",
    ),
    "a second table below": (PLAIN + "\ntime,T_max\n2024-03-25,9\n", {}, "line 63: another table"),
    "a column without a value": (
        PLAIN.replace("\n", ",\n").replace("T,", "T,rh", 1),
        {"inputs": ("T", "rh")}, "no value at all in rh",
    ),
    "quantities in turn": (
        table("time,T,rh", lambda i: f"{at(i)},{i if i % 2 else ''},{'' if i % 2 else i}"),
        {"inputs": ("T", "rh")}, 'resample = "last"',
    ),
    "a count that starts again": (
        table("time,T", lambda i: f"{600 * (i % 40)},{i}"),
        {"time_format": "epoch-s"}, "the count starts again",
    ),
    "numbers of stations": (
        table("STATIONS_ID,time,T", lambda i: f"{433 + i % 2},{at(i // 2)},{i}"),
        {}, 'group = "STATIONS_ID"',
    ),
    "rows within an object": (
        json.dumps({"id": {"n": 1}, "feeds": [{"time": f"{at(i)}", "T": i} for i in range(9)]}),
        {}, r"jq -c '\.feeds\[\]'",
    ),
    "lists in lines": (f'["{at(0)}", 1]\n["{at(1)}", 2]\n', {}, "write one object per line"),
    "objects in one line": ('{"time": "2024", "T": 1}{"time": "2025", "T": 1}', {}, "jq -c"),
    "a tar archive": (b"log.csv".ljust(257, b"\0") + b"ustar\0" + bytes(249), {}, "tar -xf"),
    "gzip in gzip": (gzip.compress(gzip.compress(PLAIN.encode())), {}, "compressed twice"),
    "a pickle": (b"\x80\x04\x95\x0b\0\0\0\0\0\0\0}", {}, "may run programs"),
    "a sound": (b"RIFF\x24\0\0\0WAVEfmt ", {}, "is a sound"),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_is_refused_with_what_helps(tmp_path, kind):
    content, keys, said = REFUSED[kind]
    path = tmp_path / "log.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(MotefitError, match=said) as caught:
        read(path, **keys)
    assert len(str(caught.value)) < 600


def test_a_line_that_never_ends_is_not_read_into_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("motefit.data.text_files.LONGEST_LINE", 1000)
    (tmp_path / "log.csv").write_text(PLAIN + "0" * 1000)
    with pytest.raises(MotefitError, match="line 62: more than 1,000 characters"):
        read(tmp_path / "log.csv")


def test_groups_of_digits_have_three(tmp_path):
    path = tmp_path / "log.csv"
    for bad in ("1,23", "12345,678", "1,2345", ",123", "1,,234"):
        path.write_text(f"time;T\n2024-03-25;{bad}\n")
        with pytest.raises(MotefitError, match="not a finite number"):
            read(path, thousands=",")


def test_pipes_are_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(MotefitError, match="pipe or a device"):
        read(tmp_path / "pipe.csv")


def test_a_database_table_may_have_any_name(tmp_path):
    with sqlite3.connect(tmp_path / "log.db") as database:
        database.execute('CREATE TABLE "a""b" (time, T)')
        database.execute("""INSERT INTO "a""b" VALUES ('2024-03-25', 1.5)""")
    database.close()
    assert read(tmp_path / "log.db").values.tolist() == [[1.5]]


@pytest.mark.parametrize("line", ["\n", "2024-03-25,1\n"])
def test_a_bomb_of_short_lines_is_not_unpacked(tmp_path, monkeypatch, line):
    monkeypatch.setattr("motefit.data.text_files.LEAST_SUSPECT_BYTES", 1 << 16)
    (tmp_path / "log.csv.gz").write_bytes(gzip.compress(f"time,T\n{line * 200_000}".encode()))
    with pytest.raises(MotefitError, match="unpacks to more than 200 times its size"):
        read(tmp_path / "log.csv.gz")


def test_three_decimals_beside_whole_numbers_of_their_size_are_read(tmp_path):
    (tmp_path / "log.csv").write_text(f"time,T\n{at(0)},20\n{at(1)},20.125\n{at(2)},900\n")
    assert read(tmp_path / "log.csv").values[:, 0].tolist() == [20, 20.125, 900]


def test_files_of_a_folder_that_are_no_tables(tmp_path):
    (tmp_path / "log.csv").write_text(PLAIN)
    (tmp_path / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    assert len(read(tmp_path).values) == ROWS
    for name, content in (
        ("README.txt", "My station.\n"),
        ("later.csv", ""),
        ("new.csv", "time,T\n"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(MotefitError, match=f"{name}: .*; to leave the file out"):
            read(tmp_path)
        (tmp_path / name).unlink()
    (tmp_path / "2024").mkdir()
    (tmp_path / "log.csv").rename(tmp_path / "2024" / "log.csv")
    with pytest.raises(MotefitError, match="one level down, as in 2024"):
        read(tmp_path)


def test_nanoseconds_of_a_parquet_file_are_cut_to_microseconds(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    stamps = [1_711_324_800_123_456_789 + i * 600 * 10**9 for i in range(ROWS)]
    times = pyarrow.array(stamps, pyarrow.timestamp("ns", "UTC"))
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"time": times, "T": range(ROWS)}), tmp_path / "log.parquet")
    found = read(tmp_path / "log.parquet")
    assert str(found.times[0]) == "2024-03-25T00:00:00.123456"
    assert len(found.values) == ROWS


def test_rows_closer_than_the_step_are_said_to_split_the_series(tmp_path):
    rows = [*(at(i) for i in range(30)), *(at(29) + timedelta(minutes=1 + i) for i in range(30))]
    (tmp_path / "log.csv").write_text("\n".join(["time,T", *(f"{when},1" for when in rows), ""]))
    notes = " ".join(read(tmp_path / "log.csv").notes)
    assert "30 of 59 distances between rows are shorter than the step of 10 min" in notes
    assert not any("shorter" in note for note in read_plain(tmp_path).notes)


def read_plain(folder):
    (folder / "plain.csv").write_text(PLAIN)
    return read(folder / "plain.csv")
