"""Loaders of motefit, each with whole files that it reads: what ``tools/fuzz.py`` damages.

A target is a function of bytes. It may return, or raise a MotefitError; any other exception is a
fault. Sources are made here by script, or are models that ship with motefit.
"""

import contextlib
import gzip
import io
import json
import sqlite3
import tempfile
import wave
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from motefit.api.board import Board
from motefit.api.layer_parity import parity
from motefit.api.studies import export_study, find_studies, ranked_trials, studies_table
from motefit.data.cache import read_entry, write_checked
from motefit.data.decode import decode_clip
from motefit.data.fetch.fetch import _read_receipt
from motefit.data.fetch.unpack import unpack as unpack_archive
from motefit.data.labeled_files import edge_impulse_labels
from motefit.data.manifest import find_manifests, read_manifests
from motefit.data.series import read_series
from motefit.data.splits import read_list
from motefit.data.stream_folder import read_words
from motefit.data.synth.sound import write_wav
from motefit.data.word_finder import cut_clips
from motefit.deploy.node_settings import read_settings
from motefit.deploy.outbox import Outbox
from motefit.deploy.reading import Reading
from motefit.deploy.sensors.csv_replay import CsvReplay
from motefit.deploy.sinks.csv_sink import CsvSink
from motefit.deploy.stored_readings import stored_readings
from motefit.fitting.jobs import outcome_of
from motefit.fitting.measured_run import finished
from motefit.fitting.run_dir import RunDir
from motefit.measure.claims import read_claims
from motefit.measure.latency.device_profile import NETWORKS, DeviceProfile
from motefit.measure.machine import this_machine
from motefit.recipes.catalog import find_recipe
from motefit.runtime.bundle import load_bundle
from motefit.runtime.gate import vouch
from motefit.runtime.zoo import find_model
from motefit.search.progress import InTraining
from motefit.search.space import Space
from motefit.search.storage import TrialStore
from motefit.search.trial import Trial
from motefit.signal.wav import read_wav
from motefit.spec.card import Card
from motefit.spec.certificate import Certificate
from motefit.spec.codec import dumps_toml
from motefit.spec.files import write_sealed
from motefit.spec.recipe import Recipe
from motefit.spec.tasks.series_spec import SeriesData
from motefit.spec.tasks.speech_spec import SpeechData
from motefit.tflite.archive import pack, unpack
from motefit.tflite.inspect import inspect
from motefit.tflite.model import ModelFile
from motefit.tflite.model_trial import try_model
from motefit.tflite.shrink import shrink
from motefit.tflite.validate import check_structure, validate

Loader = Callable[[bytes], object]
NAMES = ("yes-no", "climate-6", "climate-6-clock")
IDENTITY = "0" * 64
"""Identity of the training whose checkpoint is damaged."""
HOURS = [f"2024-01-{day:02d} {hour:02d}:00" for day in range(1, 9) for hour in range(24)]
ROWS = [(time, 20.5 + n % 7, n % 24) for n, time in enumerate(HOURS)]
SERIES = SeriesData(time="time", inputs=("a", "b"), targets=("a",), step_minutes=60, time_format="")
ZONED = SeriesData(
    time="time", inputs=("a",), targets=("a",), step_minutes=60, time_format="%Y-%m-%d %H:%M",
    timezone="Europe/Berlin", missing="hold",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Target:
    """A loader and what it reads.

    Attributes:
        sources: whole files.
        load: reads the bytes of a file.
    """

    sources: Sequence[bytes]
    load: Loader


def targets(folder: Path) -> dict[str, Target]:
    """Make all targets.

    Args:
        folder: empty; the loaders' files go there.
    """
    write_wav(folder / "clip.wav", np.arange(4000, dtype=np.int16), 16_000)
    made = {
        **_model_targets(folder),
        **_text_targets(folder),
        **_sound_targets(folder),
        **_table_targets(folder),
        **_node_targets(folder),
        **_run_targets(folder),
    }
    return {name: Target(sources=sources, load=load) for name, (sources, load) in made.items()}


Parts = dict[str, tuple[Sequence[bytes], Loader]]


def _by_path(path: Path, read: Callable[[Path], object]) -> Loader:
    def load(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return load


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _model_targets(folder: Path) -> Parts:
    from motefit.tflite.importer.read import read_named  # noqa: PLC0415 - slow to import

    bundles = [load_bundle(find_model(name)) for name in NAMES]
    models = [bundle.model for bundle in bundles]
    zips = [find_model(name).read_bytes() for name in NAMES]

    def whole(data: bytes) -> None:
        file = ModelFile(data=data)
        inspect(data)
        read_claims(file)
        validate(data, file.tables)

    def in_litert(data: bytes) -> None:
        check_structure(ModelFile(data=data).tables)
        try_model(data)

    def bundle(path: Path) -> None:
        model, _ = unpack(path.read_bytes(), where="", companion="card.json")
        vouch(ModelFile(data=model.content))  # LiteRT is the part of another loader
        load_bundle(path)

    labels = pack({"labels.txt": b"yes\nno\n"}, thorough=False)
    return {
        "inspect": (models, whole),
        "shrink": ([*models, models[0] + labels], partial(shrink, keep_metadata=True)),
        "graph": (models, read_named),
        "litert": (models, in_litert),
        "bundle": (zips, _by_path(folder / "a.zip", bundle)),
    }


def _text_targets(folder: Path) -> Parts:
    cards = [load_bundle(find_model(name)).card.to_json().encode() for name in NAMES]
    shipped = sorted(find_model(NAMES[0]).parent.glob("*.certificate.json"))
    recipe = dumps_toml(find_recipe("quickstart").to_table()).encode()
    profile = DeviceProfile(
        machine=this_machine(), rounds=4, reference_p25_ms=0.1, frontend_p25_ms=0.1,
        inference_p25_ms=dict.fromkeys(NETWORKS, 0.1), models_sha256=dict.fromkeys(NETWORKS, "0"),
    )  # fmt: skip
    node = {"sensors": ["room"], "every_s": 2.0, "node": "a", "outbox": "a.db"}
    return {
        "card": (cards, lambda data: Card.from_json(_text(data))),
        "certificate": (
            [path.read_bytes() for path in shipped],
            lambda data: Certificate.from_json(_text(data)),
        ),
        "recipe": ([recipe], _by_path(folder / "recipe.toml", Recipe.load)),
        "profile": (
            [profile.to_json().encode()], _by_path(folder / "profile.json", DeviceProfile.load),
        ),
        "node": (
            [dumps_toml(node).encode()],
            _by_path(folder / "node.toml", lambda path: read_settings(path, {})),
        ),
    }  # fmt: skip


def _sound_targets(folder: Path) -> Parts:
    clip = (folder / "clip.wav").read_bytes()
    kinds = [_wav(2, 8000, 2), _wav(1, 22_050, 3), clip]
    kinds += [_by_soundfile(kind) for kind in ("FLAC", "OGG", "AIFF", "AU", "MP3")]
    return {
        "wav": (kinds[:3], _by_path(folder / "b.wav", read_wav)),
        "clip": (kinds, _by_path(folder / "c.wav", lambda path: decode_clip(path, rate_hz=16_000))),
    }


def _wav(channels: int, rate_hz: int, width: int) -> bytes:
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate_hz)
        file.writeframes(bytes(range(256)) * 3 * width * channels)
    return held.getvalue()


def _by_soundfile(kind: str) -> bytes:
    import soundfile  # noqa: PLC0415 - an extra

    held = io.BytesIO()
    tone = np.sin(np.arange(4000, dtype=np.float32) / 9).astype(np.float32) / 2
    soundfile.write(held, tone, 16_000, format=kind)
    return held.getvalue()


def _table_targets(folder: Path) -> Parts:
    text = "\n".join(f"{time},{a},{b}" for time, a, b in ROWS)
    comma = f"time,a,b\n{text}\n".encode()
    long = "time,id,v\n" + "".join(f"{t},a,{a}\n{t},b,{b}\n" for t, a, b in ROWS)
    lines = "".join(json.dumps({"time": t, "a": a, "b": b}) + "\n" for t, a, b in ROWS[:40])
    series = {
        "csv": [comma, comma.replace(b",", b";"), comma.decode().encode("utf-16")],
        "json": [lines.encode(), f"[{','.join(lines.splitlines())}]".encode()],
        "sqlite": [_database(folder / "made.db", "CREATE TABLE t (time, a, b)", ROWS)],
        "parquet": [_parquet()],
        "gz": [_packed(comma)],
    }
    folded = SeriesData(
        time="time", inputs=("a", "b"), targets=("a",), step_minutes=60, time_format="",
        series="id", value="v",
    )  # fmt: skip
    found: Parts = {
        f"series-{name}": (
            sources,
            _by_path(folder / f"d.{name}", lambda p: read_series(p, SERIES)),
        )
        for name, sources in series.items()
    }
    zoned = [comma.replace(b"2024", b"9998").replace(b"01-0", b"12-2"), comma]
    found["series-zone"] = (zoned, _by_path(folder / "z.csv", lambda p: read_series(p, ZONED)))
    found["series-long"] = (
        [long.encode()], _by_path(folder / "l.csv", lambda p: read_series(p, folded)),
    )  # fmt: skip
    return {**found, **_list_targets(folder)}


def _list_targets(folder: Path) -> Parts:
    """Make targets for the lists that come with sound."""
    inner, other = folder / "lists", folder / "json-lists"
    for place in (inner, other):
        place.mkdir()
        for name in ("a.wav", "b.wav", "c.wav"):
            (place / name).write_bytes(b"")

    def manifests(_: Path) -> object:
        found = find_manifests(inner, SpeechData())
        return read_manifests(inner, found, SpeechData()) if found else None

    labels = {"files": [{"path": "a.wav", "label": {"type": "label", "label": "up"}}]}
    row = f"{folder / 'clip.wav'},0.05,0.1,-20,up,yes"
    words = f"recording,start_s,end_s,level_dbfs,word,keep\n{row}\n".encode()
    manifest = b"path,label,speaker,split\nb.wav,up,anna,train\nc.wav,down,ben,test\n"
    return {
        "manifest": ([manifest], _by_path(inner / "m.csv", manifests)),
        "manifest-json": (
            [b'{"path": "a.wav", "label": "up"}\n{"path": "b.wav", "label": "down"}\n'],
            _by_path(other / "m.jsonl", lambda path: read_manifests(other, [path], SpeechData())),
        ),
        "edge-impulse": (
            [json.dumps(labels).encode()],
            _by_path(folder / "info.labels", lambda path: edge_impulse_labels(path.parent)),
        ),
        "split-list": ([b"up/a.wav\ndown/b_nohash_0.wav\n"], _by_path(folder / "s.txt", read_list)),
        "label-track": ([b"0.5\t0.9\tup\n1\t2\tdown\n"], _by_path(folder / "w.txt", read_words)),
        "word-table": ([words], _by_path(folder / "w.csv", lambda p: cut_clips(p, folder))),
    }


def _database(path: Path, schema: str, rows: Sequence[tuple[object, ...]]) -> bytes:
    with contextlib.closing(sqlite3.connect(path)) as file:
        table = schema.split()[2]
        file.execute(schema)
        marks = ",".join("?" * len(rows[0]))
        file.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 - ours
        file.commit()
    return path.read_bytes()


def _parquet() -> bytes:
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet  # noqa: PLC0415

    held = io.BytesIO()
    columns = zip(("time", "a", "b"), zip(*ROWS, strict=True), strict=True)
    pa.parquet.write_table(pa.table({name: list(values) for name, values in columns}), held)
    return held.getvalue()


def _node_targets(folder: Path) -> Parts:
    readings = [Reading(key="n:t", time_ms=1_700_000_000_000 + n, value=n / 2) for n in range(9)]
    schema = "CREATE TABLE readings (key TEXT, time_ms INTEGER, value REAL, unit TEXT)"
    rows = [(reading.key, reading.time_ms, reading.value, "Cel") for reading in readings]
    with Outbox(folder / "made-outbox.db") as outbox:
        outbox.put(readings)
    waiting = (folder / "made-outbox.db").read_bytes()
    own = folder / "own"
    own.mkdir()
    CsvSink(own).write(readings)
    (day,) = own.glob("*.csv")
    content = day.read_bytes()

    def outbox_of(path: Path) -> None:
        for beside in folder.glob(f"{path.name}-*"):
            beside.unlink()
        with Outbox(path) as opened:
            opened.put([Reading(key="n:u", time_ms=1, value=1.0)])
            opened.acknowledge([number for number, _ in opened.batch(100)])
            opened.newest(100)

    def written_on(path: Path) -> None:
        CsvSink(path.parent).write(readings)

    return {
        "outbox": ([waiting], _by_path(folder / "o.db", outbox_of)),
        "readings-sqlite": (
            [_database(folder / "made-readings.db", schema, rows)],
            _by_path(folder / "r.db", lambda path: stored_readings(f"sqlite:{path}")),
        ),
        "readings-csv": ([content], _by_path(day, lambda _: stored_readings(f"csv:{own}"))),
        "csv-sink": ([content], _by_path(day, written_on)),
        "replay": ([b"time,t,h\n1,20.5,40\n2,20.6,41\n"], _by_path(folder / "p.csv", CsvReplay)),
    }


def _run_targets(folder: Path) -> Parts:
    from motefit.train.checkpoint import (  # noqa: PLC0415 - slow to import
        Checkpoint,
        read_checkpoint,
        write_checkpoint,
    )

    run = RunDir(folder / "run")
    recipe = find_recipe("quickstart")
    run.claim(recipe, overwrite=False)
    run.start(recipe, None, data_sha256=IDENTITY, overwrite=False)
    arrays = {"weights": np.arange(60, dtype=np.float32), "step": np.int64(3)}
    place = folder / "a.checkpoint"
    facts = {"history": [{"epoch": 0}], "best_epoch": 0}
    write_checkpoint(place, Checkpoint(identity=IDENTITY, facts=facts, arrays=arrays))
    checkpoint = place.read_bytes()
    entry = folder / "a.checked"
    write_checked(entry, [np.arange(90, dtype=np.int16)], lambda: {"n": 1})

    def damaged_is_refused(path: Path) -> None:
        found = read_checkpoint(path, identity=IDENTITY)
        if found is not None and path.read_bytes() != checkpoint:
            raise AssertionError("a damaged checkpoint was accepted")

    def resumed(path: Path) -> None:
        run.stored()
        run.study("")
        run.log_read("test", "fuzz")
        if path != run.reads_path:
            run.reads_path.unlink()
        finished(run, recipe)

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as pack_of_files:
        pack_of_files.writestr("speech/up/a.wav", b"RIFF" * 90)
        pack_of_files.writestr("speech/LICENSE", b"free")
    history = json.dumps({"epoch": 1, "best_score": 0.5, "seconds": 0.1}).encode()
    place = folder / "x.npy"
    np.save(place, np.zeros((2, 12), np.float32))
    linear = load_bundle(find_model("climate-6-linear")).file
    return {
        "checkpoint": ([checkpoint], _by_path(folder / "b.checkpoint", damaged_is_refused)),
        "cache": ([entry.read_bytes()], _by_path(folder / "b.checked", read_entry)),
        "run": ([run.state_path.read_bytes()], _by_path(run.state_path, resumed)),
        "run-recipe": ([run.recipe_path.read_bytes()], _by_path(run.recipe_path, resumed)),
        "result": (*_result(folder / "run"),),
        "measured": (
            [b'{"bundles": {}, "sha256": "0"}'], _by_path(run.measured_path, resumed),
        ),
        "reads": (
            [b'{"at": "2024", "part": "test", "purpose": "fuzz"}\n'],
            _by_path(run.reads_path, resumed),
        ),
        "history": ([history], _by_path(folder / "h.jsonl", _progress)),
        "study": (_studies(folder), _by_path(folder / "s.db", _shown)),
        "archive": ([archive.getvalue()], _by_path(folder / "f.zip", _unpacked)),
        "receipt": (
            [b'{"url": "u", "sha256": "0", "files": 1, "bytes": 9}\n'],
            _by_path(folder / "receipt.json", _read_receipt),
        ),
        "npy": ([place.read_bytes()], _by_path(
            folder / "y.npy", lambda path: parity(linear, str(path), path=path),
        )),
    }  # fmt: skip


def _result(run: Path) -> tuple[Sequence[bytes], Loader]:
    place = run / "candidates" / "k"
    place.mkdir(parents=True)
    model = load_bundle(find_model("climate-6-linear"))
    (place / "model.tflite").write_bytes(model.model)
    table = {
        "io": {}, "model_sha256": model.file.sha256, "facts": {"macs": 1.0}, "history": [],
        "seconds": 1.0, "evidence": {},
    }  # fmt: skip
    path = place / "result.json"
    write_sealed(path, table)
    return [path.read_bytes()], _by_path(path, lambda _: outcome_of(run, "k"))


def _progress(path: Path) -> None:
    board = Board()
    board.training("a", [InTraining(title="a", history=path, epochs=3)])
    board.trainings()


def _studies(folder: Path) -> Sequence[bytes]:
    recipe = find_recipe("quickstart")
    path = folder / "made-study.db"
    about = {"recipe": recipe.to_toml(), "folder": "runs", "motefit": "0"}
    store = TrialStore(f"sqlite:///{path}", "quickstart-1", Space(recipe), about=about)
    facts = {"macs": 9.0, "size.tflite_bytes": 100.0, "accuracy": 0.5}
    store.add(
        Trial(
            round=0, index=n, point={"seed": 0}, key=str(n), status="trained", epochs=2, facts=facts
        )
        for n in range(2)
    )
    store.close()
    return [path.read_bytes()]


def _shown(path: Path) -> None:
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
    for study in find_studies([f"sqlite:///{path}"]):
        ranked_trials(study)
        studies_table([study])
        export_study(study, path.with_suffix(".csv"))


def _unpacked(path: Path) -> None:
    with tempfile.TemporaryDirectory() as out:
        unpack_archive(path, Path(out) / "new", limit_bytes=1 << 20)


def _packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)
