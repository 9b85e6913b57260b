"""The tables of the schema match the installed LiteRT."""

import importlib.util
from pathlib import Path

from motefit.tflite.flatbuffer import layout
from motefit.tflite.flatbuffer.reader import tables, unions

TOOL = Path(__file__).parent.parent.parent.parent / "tools" / "tflite_layout.py"


def generated() -> dict[str, dict[str, tuple[str, ...]]]:
    spec = importlib.util.spec_from_file_location("tflite_layout", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    texts: dict[str, str] = {}
    exec(module.layout(), texts)  # noqa: S102  (what the tool would write)
    lines = {
        kind: texts[kind].replace("\n  ", " ").strip().splitlines() for kind in ("TABLES", "UNIONS")
    }
    return {
        kind: {words[0]: tuple(words[1:]) for words in map(str.split, entries)}
        for kind, entries in lines.items()
    }


def test_every_field_of_the_installed_schema_is_known():
    official = generated()
    for known, kind in ((tables(), "TABLES"), (unions(), "UNIONS")):
        assert official[kind]
        for name, slots in official[kind].items():
            # an older LiteRT may have fewer fields; a newer one needs tools/tflite_layout.py
            assert known[name][: len(slots)] == slots


def test_everything_tables_refer_to_exists():
    assert layout.TABLES
    for slots in tables().values():
        for slot in slots:
            name = slot.strip("[]|").partition("=")[0]
            if len(name) > 1:
                assert name in (unions() if slot.startswith("|") else tables())
    assert all(member in tables() for members in unions().values() for member in members)
