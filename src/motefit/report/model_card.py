"""Model card in Markdown, with the metadata that model hubs read at its head."""

import json
from collections.abc import Iterator

from motefit.report.headline import headline
from motefit.report.report_facts import ReportFacts, recipe_text, table
from motefit.report.text import metric_name, with_unit
from motefit.report.verdict import verdict_lines
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import RECALL_PREFIX, metric
from motefit.spec.visible import visible

PIPELINES = {"keyword-spotting": "audio-classification", "forecasting": "time-series-forecasting"}
"""Names that hubs give to the tasks."""


def model_card(facts: ReportFacts) -> str:
    """Write the card: YAML metadata, verdict, figures, limits, use and origin."""
    return visible("\n".join([*_metadata(facts), *_body(facts)]) + "\n")


def _metadata(facts: ReportFacts) -> Iterator[str]:
    card, name = facts.card, headline(facts).name
    pipeline = PIPELINES.get(card.task, card.task)
    yield "---"
    yield "library_name: motefit"
    yield f"pipeline_tag: {pipeline}"
    yield f"tags: {json.dumps(['tflite', 'tinyml', card.task])}"
    yield "model-index:"
    yield f"- name: {json.dumps(name, ensure_ascii=False)}"
    yield "  results:"
    yield "  - task:"
    yield f"      type: {pipeline}"
    yield "    dataset:"
    data = card.provenance.data_sha256 or "unknown"
    yield f"      name: {json.dumps(f'test set of data {data[:12]}', ensure_ascii=False)}"
    yield f"      type: {json.dumps(data, ensure_ascii=False)}"
    yield "    metrics:"
    for metric_, value in sorted(card.facts.items()):
        yield f"    - type: {json.dumps(metric_, ensure_ascii=False)}"
        yield f"      value: {value!r}"
        yield f"      name: {json.dumps(metric_name(metric_), ensure_ascii=False)}"
    yield "---"


def _body(facts: ReportFacts) -> Iterator[str]:
    card, head = facts.card, headline(facts)
    yield from ("", f"# {head.name}", "")
    if head.about:
        yield from (head.about, "")
    yield from (f"**{head.verdict}.** {head.sentence}", "")
    lines = verdict_lines(facts.certificate)
    if lines:
        yield from ("| metric | measured | bound | verdict |", "|---|---:|---:|---|")
        for line in lines:
            cells = (line.name, line.value or "not measured", line.bound, line.word)
            yield f"| {' | '.join(map(_cell, cells))} |"
        yield ""
    yield from ("## Figures", "", "| metric | value |", "|---|---:|")
    for name, value in card.facts.items():
        if not name.startswith(RECALL_PREFIX) and _is_metric(name):
            yield f"| {_cell(metric_name(name))} | {_cell(with_unit(name, value))} |"
    weak = [*head.reservations, *head.cautions]
    yield from ("", "## Limits", "")
    yield from (f"- {text[:1].upper()}{text[1:]}" for text in weak or ["none was found"])
    yield from ("", "## Use", "", "```python", "import motefit", "")
    yield from (*_use(card.task, f"{_file(head.name)}.zip"), "```")
    yield from ("", "## Origin", "")
    for title, text in (
        ("command", card.provenance.command),
        ("motefit", f"{card.provenance.version} {card.provenance.commit}".strip()),
        ("measured on", card.provenance.machine),
        ("SHA-256 of the model", card.model_sha256),
        ("SHA-256 of the data", card.provenance.data_sha256),
    ):
        if text:
            yield f"- {title}: `{_cell(text.replace('`', ''))}`"
    if table(card.recipe):
        yield from ("", "```toml", recipe_text(card).rstrip(), "```")


def _use(task: str, file: str) -> tuple[str, ...]:
    if task == "forecasting":
        return (f'print(motefit.forecast("{file}", "readings.csv"))',)
    if task == "keyword-spotting":
        call = f'motefit.classify_files("{file}", ["clip.wav"])'
        return (f"for path, found in {call}:", "    print(path, found.label)")
    return (f'model = motefit.load("{file}")',)


def _file(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _is_metric(name: str) -> bool:
    try:
        metric(name)
    except RecipeError:
        return False
    return True
