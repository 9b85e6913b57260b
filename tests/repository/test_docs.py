"""The documentation is what the program says, and points at what is there."""

import dataclasses
import importlib.util
import json
import re
import runpy
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from motefit import __version__
from motefit.api.shipped_models import shipped_models
from motefit.cli.app import app
from motefit.graph.families import FAMILIES
from motefit.recipes.catalog import recipe_names
from motefit.spec.metrics import column_value
from motefit.spec.signature import settings_type
from motefit.train.compressors import COMPRESSORS

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def _tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


API = _tool("api_reference")
CLI = _tool("cli_reference")
RECIPE = _tool("recipe_reference")
COMMANDS = [name for name, _ in CLI.every_command()]


def _text(name):
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def _section(page, heading):
    return _text(page).split(f"\n{heading}\n")[1].split("\n##")[0]


def test_the_command_line_page_is_current():
    assert _text("cli.md") == CLI.render(), "run make docs"


def test_the_page_of_the_python_api_is_current():
    assert _text("api.md") == API.render(), "run make docs"


@pytest.mark.slow
def test_the_script_of_the_python_page_runs(tmp_path, monkeypatch, capsys):
    (script,) = re.findall(r"^```python\n(.*?)^```", _text("python.md"), re.DOTALL | re.MULTILINE)
    assert len([line for line in script.splitlines() if line]) <= 20
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    runpy.run_path("script.py", run_name="__main__")
    said = capsys.readouterr().out
    assert "budget" in said
    assert "the card is confirmed: True" in said
    assert {line.split()[1] for line in said.splitlines()[-5:]} <= {"go", "stop"}


@pytest.mark.parametrize("name", sorted(RECIPE.PAGES))
def test_the_recipe_pages_are_current(name):
    assert _text(name) == RECIPE.PAGES[name](), "run make docs"


def test_the_makefile_makes_the_pages():
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    made = re.search(r"^docs:.*\n((?:\t.*\n)+)", text, re.MULTILINE)
    assert made
    for tool in ("api_reference.py", "cli_reference.py", "recipe_reference.py"):
        assert f"tools/{tool}" in made[1]


def test_there_are_commands():
    assert {"motefit fit", "motefit check", "motefit data synth"} <= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_has_each_option_of_the_commands_own_help(name):
    result = CliRunner().invoke(
        app, [*name.split()[1:], "--help"], env={"COLUMNS": "300", "NO_COLOR": "1"}
    )
    assert result.exit_code == 0
    listed = re.findall(r"^\| `(--[a-z-]+)", _section("cli.md", f"## `{name}`"), re.MULTILINE)
    options = result.output.split("Options")[1]
    shown = set(re.findall(r"(?<=\s)--[a-z][a-z-]*(?=\s)", options)) - {"--help"}
    assert set(listed) == shown


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("export", "--frontend in-graph"),
        ("fit", "[--progress FORM]"),
        ("latency", "[--protocol motefit|2020|2024]"),
        ("latency", "[--rate HZ]"),
        ("latency", "[--pause SECONDS]"),
        ("latency", "[MODEL]"),
        ("listen", "[--input SOURCE]"),
        ("reproduce", "[--only NAME]..."),
    ],
)
def test_the_page_says_what_an_option_takes(command, option):
    section = _section("cli.md", f"## `motefit {command}`")
    assert option in section.split(f"    motefit {command} ")[1].splitlines()[0]
    cell = option.rstrip(".").strip("[]").replace("|", "\\|")
    assert f"\n| `{cell}` |" in section


@pytest.mark.parametrize("name", sorted({*FAMILIES.all(), *COMPRESSORS.all()}))
def test_every_family_and_compressor_has_its_knobs_listed(name):
    section = _section("recipe.md", f"### `{name}`")
    made = FAMILIES.all()[name].build if name in FAMILIES.all() else COMPRESSORS.all()[name].apply
    knobs = dataclasses.fields(settings_type(made, without=("rng",)))
    assert knobs
    for knob in knobs:
        assert re.search(rf"^- `{knob.name} = .+` \(.+\): \S", section, re.MULTILINE), knob.name


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_is_listed_and_in_the_changelog(name):
    assert f"\n| `{name}` |" in _text("recipes.md")
    assert f"\n## `{name}`\n" in _text("recipes.md")
    assert f"`{name}`" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_changelog_begins_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\S+)", text, re.MULTILINE)
    assert headings[0] == __version__


def test_every_page_is_reached_from_the_index():
    index = _text("index.md")
    for page in (ROOT / "docs").glob("*.md"):
        assert page.name == "index.md" or f"]({page.name})" in index


def test_every_decision_is_in_their_list():
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[^)]+)\)", (folder / "README.md").read_text("utf-8"))
    assert listed == sorted(path.name for path in folder.glob("0*.md"))


@each_page
def test_links_lead_somewhere(page):
    shown = r'(?:\]\(|\bsrc(?:set)?=")([^)\s"]+)'
    for target in re.findall(shown, page.read_text(encoding="utf-8")):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, heading = target.partition("#")
        file = page.parent / name if name else page
        assert file.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", t.lower()).replace(" ", "-") for t in titles}
            assert heading in anchors, target


@each_page
def test_commands_in_the_pages_exist(page):
    groups = {name.split()[1] for name in COMMANDS}
    for line in re.findall(
        r"^(?:    (?:\$ )?|\$ )motefit (.*)", page.read_text("utf-8"), re.MULTILINE
    ):
        words = line.split("#")[0].split()
        assert words[0] in groups or words[0].startswith("-"), line
        name = f"motefit {' '.join(words[:2] if words[0] == 'data' else words[:1])}"
        if name in COMMANDS:
            known = set(re.findall(r"--[a-z][a-z-]*", _section("cli.md", f"## `{name}`")))
            assert {word for word in words if word.startswith("--")} <= known | {"--help"}, line


@each_page
def test_recipes_named_in_the_pages_exist(page):
    named = re.findall(r"motefit fit ([a-z][a-z0-9-]*)(?=[\s`]|$)", page.read_text("utf-8"))
    assert set(named) <= set(recipe_names())


MACHINE = r"/work/|shared/|/home/|/root/|/tmp/"


@each_page
def test_the_pages_know_no_place_of_one_machine(page):
    assert not re.search(MACHINE, page.read_text(encoding="utf-8"))


def test_the_shipped_models_know_no_place_of_one_machine():
    bundles = sorted((ROOT / "zoo").glob("*.zip"))
    assert bundles
    for bundle in bundles:
        card = zipfile.ZipFile(bundle).read("card.json").decode()
        certificate = bundle.with_suffix(".certificate.json").read_text(encoding="utf-8")
        assert not re.search(MACHINE, card + certificate), f"python tools/recertify.py {bundle}"


def test_the_page_of_results_has_the_measured_table():
    table = (ROOT / "benchmarks" / "recipes" / "results.md").read_text(encoding="utf-8")
    assert table in _text("reproduce.md")
    results = json.loads((ROOT / "benchmarks" / "recipes" / "results.json").read_text("utf-8"))
    assert set(results) | {"quickstart", "custom"} == set(recipe_names())
    for name, result in results.items():
        found = f"{result['facts']['size.zip_bytes']:,.0f}"
        assert f"| `{name}` |" in table
        assert found in table
        assert result["check_exit"] == (0 if result["certificate"]["met"] else 1)


def _row(model):
    """Cells of a shipped model in the README, from its card."""
    facts, evidence = model.card.facts, model.card.evidence
    if "accuracy" in facts:
        result = f"{100 * facts['accuracy']:.2f} % of {evidence['accuracy']['n']} clips"
        unseen = evidence["accuracy"]["unseen_speakers"]
        strangers = f"{unseen['correct']} of {unseen['n']} clips"
    else:
        naive = evidence["baselines"]["least squares"]["mae"]["T (degC)"]
        off = f"{facts['mae.T (degC)']:.3f} °C off over the next hour"
        result, strangers = f"{off}; least squares {naive:.3f}", ""
    sizes = [column_value(name, facts[name]) for name in ("size.tflite_bytes", "size.zip_bytes")]
    return [result, strangers, *(f"{size} B" for size in sizes),
            f"{facts['latency.total_ms']:.3f} ms"]  # fmt: skip


def test_the_figures_of_the_readme_are_those_of_the_cards_and_benchmarks():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z0-9-]+)` \|(.*)\|$", readme, re.MULTILINE)
    models = {model.name: model for model in shipped_models().models}
    assert {"up-down", "eight-words", "climate-6"} <= {name for name, _ in rows}
    for name, cells in rows:
        assert [cell.strip() for cell in cells.split("|")] == _row(models[name])
    words = (ROOT / "benchmarks" / "streaming" / "words.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| `([a-z-]+)` .* \| (\d+ of 780) \|$", words, re.MULTILINE))
    eight, two = (said[name].split()[0] for name in ("eight-words", "up-down"))
    assert f"\n| other words | **{eight} of 780** clips " in readme
    assert f"; {two} by `up-down` |" in readme


def test_the_pictures_of_the_readme_are_small():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = re.compile(r'(?:!\[[^]]+\]\(|src(?:set)?=")([^)"]+)')
    light, dark, terminal = sorted({ROOT / name for name in shown.findall(readme)}, key=str)
    assert {light.name, dark.name} == {"report.png", "report-dark.png"}
    for report in (light, dark):
        assert report.stat().st_size + terminal.stat().st_size < 150_000
    assert "url(http" not in terminal.read_text(encoding="utf-8")  # no font from elsewhere
