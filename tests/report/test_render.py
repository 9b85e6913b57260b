"""The page as text: complete, closed in itself, escaped, honest about what is absent."""

import base64
import hashlib
import re
import resource
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from combinations import examples
from hypothesis import given
from hypothesis import strategies as st

from motefit.report import render
from motefit.report.render import render_report, write_report
from motefit.report.report_facts import ReportFacts
from motefit.report.sections import sections
from motefit.report.verdict import verdict_lines
from motefit.spec.budget import Budget
from motefit.spec.card import Card
from motefit.spec.certificate import certify
from motefit.spec.errors import MissingExtraError, OutputError
from motefit.spec.metrics import format_value
from motefit.spec.visible import visible

VOID = {"meta", "br", "img"}


class Page(HTMLParser):
    """Text and elements of a page; fails on tags that do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.headings: list[str] = []
        self.pieces: list[str] = []
        self.scripts: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.scripts.append(data)
        elif "style" not in self._open:
            self.pieces.append(data)
            if self._open and self._open[-1] in {"h1", "h2"}:
                self.headings.append(data)

    @property
    def text(self) -> str:
        return _one_line(" ".join(self.pieces))

    def ids(self) -> list[str]:
        return [value for _, attributes in self.elements if (value := attributes.get("id"))]


def _one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.fixture(params=["words", "climate"])
def facts(request: pytest.FixtureRequest) -> ReportFacts:
    found: ReportFacts = request.getfixturevalue(request.param)
    return found


def test_every_number_of_the_certificate_is_on_the_page(facts: ReportFacts) -> None:
    text = Page(render_report(facts)).text
    assert facts.certificate.lines
    for line in facts.certificate.lines:
        assert line.bound in text
        if line.value is not None:
            assert line.measured in text
    counted = facts.certificate.accuracy
    if counted is not None:
        assert f"{counted.correct} of {counted.n} clips" in text
        assert format_value("accuracy", counted.low) in text
        assert format_value("accuracy", counted.high) in text
        assert "1 181 clips at this accuracy would show it" in text


def test_page_needs_nothing_but_itself(facts: ReportFacts) -> None:
    html = render_report(facts)
    page = Page(html)
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in page.elements}
    loading = {"src", "href", "xlink:href", "action", "srcset", "data", "background"}
    for tag, attributes in page.elements:
        for name in loading & set(attributes):
            assert str(attributes[name]).startswith("data:"), tag
        assert not [name for name in attributes if name.startswith("on")], tag
    assert not re.search(r"url\(|@import|https?:|//\w+\.\w", html)


def test_only_the_page_s_own_script_may_run_and_nothing_may_be_fetched(facts: ReportFacts) -> None:
    page = Page(render_report(facts))
    (policy,) = [
        str(attributes["content"])
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    (script,) = page.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    rules = dict(rule.strip().partition(" ")[::2] for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'sha256-{digest}'"
    assert {rules["img-src"], rules["media-src"]} == {"data:"}
    assert len(script) < 6000


def test_page_is_accessible_by_structure(facts: ReportFacts) -> None:
    page = Page(render_report(facts))
    tags = [tag for tag, _ in page.elements]
    assert tags.count("h1") == 1
    assert dict(page.elements)["html"] == {"lang": "en"}
    assert len(page.ids()) == len(set(page.ids()))
    for tag, attributes in page.elements:
        for target in (attributes.get("aria-labelledby") or "").split():
            assert target in page.ids()
        if tag == "svg":
            named = attributes.get("aria-label") or attributes.get("aria-labelledby")
            assert bool(named) != (attributes.get("aria-hidden") == "true")
        if tag == "th":
            assert attributes.get("scope") in {"col", "row", "colgroup"}


def test_byte_map_and_matrix_are_complete(words: ReportFacts) -> None:
    text = Page(render_report(words)).text
    for name, size in words.byte_map.items():
        assert f"{name.capitalize()} {size:,}".replace(",", " ") in text
    assert f"Whole file {sum(words.byte_map.values()):,}".replace(",", " ") in text
    html = render_report(words)
    cells = re.findall(r'class="cell [^>]*>(\d+)<', html)
    evidence: dict[str, object] = words.topic("accuracy")  # type: ignore[assignment]
    assert [int(c) for c in cells] == [n for row in evidence["confusion"] for n in row]  # type: ignore[attr-defined]


def test_errors_are_shown_per_step_against_baselines(climate: ReportFacts) -> None:
    page = Page(render_report(climate))
    assert page.text.count("minutes ahead") >= 4  # two axes, two tables
    baselines = climate.topic("baselines")
    for result in (climate.topic("errors"), *baselines.values()):
        for values in result["mae_by_step"].values():  # type: ignore[index]
            for value in values:
                assert f"{value:.3f}" in page.text
    for name in baselines:
        assert page.text.count(name) >= 5  # overall, two charts, two tables


def test_equal_facts_give_equal_text(facts: ReportFacts) -> None:
    assert render_report(facts) == render_report(facts)


def test_labels_and_notes_cannot_become_markup(words: ReportFacts) -> None:
    labels = ("<script>alert(1)</script>", "a&amp;b", "\"'><img src=x onerror=y>", *"cdefg")
    recall = dict.fromkeys(labels, 0.5)
    accuracy = {**words.topic("accuracy"), "recall": recall}
    evidence = {**words.card.evidence, "accuracy": accuracy, "data": {"notes": ["<b>&lt;"]}}
    card = replace(words.card, io=replace(words.card.io, labels=labels), evidence=evidence)
    hostile = replace(words, card=card, name="</title><script>", byte_map={"<i>&": 3})
    page = Page(render_report(hostile))
    assert not {"img", "i"} & {tag for tag, _ in page.elements}
    assert len(page.scripts) == 1
    for text in (*labels, "<b>&lt;", "</title><script>", "<i>&"):
        assert text in page.text


@examples(10)
@given(name=st.text(min_size=1), note=st.text(), key=st.text(min_size=1))
def test_any_text_comes_through_unchanged(
    words: ReportFacts, name: str, note: str, key: str
) -> None:
    evidence = {"data": {"notes": [note]}}
    card = replace(words.card, evidence=evidence, recipe={"model": {key: note}})
    page = Page(render_report(replace(words, card=card, name=name)))
    for text in (name, note):
        assert _one_line(visible(text)) in page.text


def test_every_region_has_a_name_of_its_own(words: ReportFacts, climate: ReportFacts) -> None:
    """As axe-core wants it, which tests/report/test_browser_proof.py runs."""
    titles = [section.title for section in sections()]
    for facts in (words, climate):
        elements = Page(render_report(facts)).elements
        regions = [a["aria-label"] for _, a in elements if a.get("role") == "region"]
        assert regions
        names = [*titles, *regions]
        assert len({str(name).casefold() for name in names}) == len(names)


def test_what_was_not_measured_is_not_shown(words: ReportFacts) -> None:
    io = words.card.io
    card = Card(task="keyword-spotting", io=io, model_sha256="ab" * 32)
    bare = ReportFacts(card=card, certificate=certify({}, Budget()), byte_map={}, operations=())
    page = Page(render_report(bare))
    assert page.headings == ["Keyword spotting", "Budget", "Provenance"]
    assert "No budget to meet" in page.text
    assert not re.search(r"\b(None|nan|inf|undefined|Seed)\b", page.text)


@pytest.mark.parametrize("topic", ["accuracy", "errors", "baselines", "latency", "size", "data"])
@pytest.mark.parametrize("damaged", [None, 3, "x", [1], {"recall": 3, "by_resolver": [], "mae": 1}])
def test_evidence_of_another_shape_leaves_its_part_out(
    facts: ReportFacts, topic: str, damaged: object
) -> None:
    card = replace(facts.card, evidence={**facts.card.evidence, topic: damaged})
    page = Page(render_report(replace(facts, card=card)))
    assert "Provenance" in page.headings
    assert not re.search(r"\b(None|nan|undefined)\b", page.text)


@pytest.mark.parametrize(
    ("budget", "verdict", "tones"),
    [
        ({"accuracy": "> 90 %"}, "Budget met", ["good"]),
        ({"accuracy": "> 96 %"}, "Budget met", ["open"]),
        ({"accuracy": "> 98 %"}, "Budget not met", ["bad"]),
        ({"latency.saving_percent": "> 40 %", "reference": "r"}, "Budget not decided", ["open"]),
        ({"size.zip_bytes": "< 1 KB", "accuracy": "> 90 %"}, "Budget not met", None),
        ({}, "No budget to meet", []),
    ],
)
def test_headline_says_what_the_certificate_says(
    words: ReportFacts, budget: dict[str, str], verdict: str, tones: list[str] | None
) -> None:
    bounds = Budget.from_table(budget, where="test")
    certificate = certify(words.card.facts, bounds, evidence=words.card.evidence)
    page = Page(render_report(replace(words, certificate=certificate)))
    assert verdict in page.text
    assert certificate.met == (verdict in {"Budget met", "No budget to meet"})
    if tones is not None:
        assert [line.tone for line in verdict_lines(certificate)] == tones


def test_sections_are_registered_and_ordered() -> None:
    found = sections()
    assert [s.name for s in found][:2] == ["budget", "accuracy"]
    assert len({s.order for s in found}) == len(found) >= 10


def test_report_replaces_the_old_one_whole(tmp_path: Path, words: ReportFacts) -> None:
    path = tmp_path / "run" / "report.html"
    write_report(path, words)
    write_report(path, replace(words, name="second"))
    assert path.read_text(encoding="utf-8") == render_report(replace(words, name="second"))
    assert [p.name for p in path.parent.iterdir()] == ["report.html"]


def test_full_disk_leaves_the_old_report(tmp_path: Path, words: ReportFacts) -> None:
    path = tmp_path / "report.html"
    write_report(path, words)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OutputError, match=r"report\.html"):
            write_report(path, replace(words, name="second"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_folder_that_is_a_file_is_named(tmp_path: Path, words: ReportFacts) -> None:
    (tmp_path / "run").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="run"):
        write_report(tmp_path / "run" / "report.html", words)


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, words: ReportFacts) -> None:
    monkeypatch.setitem(sys.modules, "jinja2", None)
    render._environment.cache_clear()
    with pytest.raises(MissingExtraError, match=r"motefit\[report\]"):
        render_report(words)
