"""``motefit report``: pages, comparisons and model cards from what is stored."""

import json
import shutil

import pytest
from typer.testing import CliRunner

import motefit
from motefit.api.page_printing import BROWSERS, page_count, print_sheet
from motefit.certify.certify import bundle_report
from motefit.cli.app import app
from motefit.report.render import render_comparison, render_report, render_summary
from motefit.report.report_facts import ReportFacts
from motefit.runtime.zoo import find_model
from motefit.spec.errors import ModelFileError, OutputError, RecipeError
from motefit.spec.metrics import format_value

HAS_BROWSER = any(map(shutil.which, BROWSERS))


def run(*words: str) -> object:
    return CliRunner().invoke(app, ["report", *words])


def test_the_page_of_a_bundle_has_the_numbers_of_its_card(tmp_path):
    made = motefit.make_report("eight-words", out=tmp_path / "page.html")
    page = made.path.read_text(encoding="utf-8")
    facts = bundle_report(find_model("eight-words"))
    assert page == render_report(facts)
    shown = [name for name in facts.card.facts if name.startswith(("size.", "accuracy", "macs"))]
    assert len(shown) >= 4
    for name in shown:
        assert format_value(name, facts.card.facts[name]).partition(" (")[0] in page
    for row in facts.topic("accuracy")["confusion"]:
        for count in row:
            assert f">{count}</td>" in page


def test_the_folder_of_a_check_gives_its_page_again(tmp_path):
    facts = bundle_report(find_model("climate-6"))
    (tmp_path / "report.json").write_text(facts.to_json(), encoding="utf-8")
    facts = ReportFacts.from_json(facts.to_json(), where="report.json")
    by_folder = motefit.make_report(tmp_path, out=tmp_path / "a.html").path.read_text("utf-8")
    by_file = motefit.make_report(tmp_path / "report.json", out=tmp_path / "b.html").path
    assert by_folder == by_file.read_text("utf-8") == render_report(facts)


def test_two_models_are_compared_with_what_differs(tmp_path):
    made = motefit.make_report("climate-6", "climate-9", out=tmp_path / "page.html")
    assert made.names == ("climate-6", "climate-9")
    page = made.path.read_text(encoding="utf-8")
    for name in made.names:
        card = bundle_report(find_model(name)).card
        assert format_value("size.zip_bytes", card.facts["size.zip_bytes"]) in page
    assert "<code>data.output_steps</code>" in page
    assert "Measured on different data" in page
    assert "{&#39;" not in page  # no Python dictionary


def test_a_model_compared_with_itself_differs_in_nothing():
    facts = bundle_report(find_model("up-down"))
    page = render_comparison([facts, facts])
    assert "up-down (1)" in page
    assert 'id="settings"' not in page
    assert "change" not in page.split("</style>")[1]
    assert "different data" not in page


def test_the_model_card_has_metadata_and_every_value_of_the_card(tmp_path):
    path = motefit.make_report("up-down", out=tmp_path / "README.md", form="markdown").path
    text = path.read_text(encoding="utf-8")
    _, head, body = text.split("---\n", 2)
    facts = bundle_report(find_model("up-down")).card.facts
    lines = [line.strip() for line in head.splitlines()]
    assert "pipeline_tag: audio-classification" in lines
    for name, value in facts.items():
        assert f"- type: {json.dumps(name)}" in lines
        assert f"value: {value!r}" in lines
    for title in ("# up-down", "## Figures", "## Limits", "## Use", "## Origin"):
        assert f"\n{title}\n" in body
    rows = [line for line in body.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} <= {3, 5}


def test_a_summary_has_less_than_the_page():
    facts = bundle_report(find_model("up-down"))
    sheet = render_summary(facts, zoom=0.5)
    assert 'class="sheet" style="zoom:0.50"' in sheet
    assert "<h2" in sheet
    assert len(sheet) < len(render_report(facts))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-model"], "there is no model"),
        (["up-down", "--pdf", "--markdown"], "choose one form"),
        (["up-down", "go-stop", "--markdown"], "a comparison is always a page"),
        (["."], "neither a finished run nor a check"),
        (["bad.json"], "not the facts of a report"),
    ],
)
def test_a_mistake_is_explained(words, said, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.output + capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.json"]


def test_wrong_arguments_of_the_function_are_explained():
    with pytest.raises(RecipeError, match="page, pdf, markdown"):
        motefit.make_report("up-down", form="word")
    with pytest.raises(RecipeError, match="give a run"):
        motefit.make_report()
    with pytest.raises(ModelFileError):
        motefit.make_report("no/such/file.zip")


def test_without_a_browser_there_is_no_pdf(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutputError, match="apt-get install chromium"):
        motefit.make_report("climate-6", form="pdf", out=tmp_path / "a.pdf")
    assert not list(tmp_path.iterdir())


@pytest.mark.proof
@pytest.mark.skipif(not HAS_BROWSER, reason="no Chromium on this machine")
@pytest.mark.parametrize("name", ["climate-6", "eight-words"])
def test_a_summary_is_one_sheet(name):
    facts = bundle_report(find_model(name))
    data = print_sheet(lambda zoom: render_summary(facts, zoom=zoom))
    assert data.startswith(b"%PDF")
    assert page_count(data) == 1
