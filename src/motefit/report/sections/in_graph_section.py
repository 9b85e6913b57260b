"""Front end inside the model: deviation of the file from its plain form."""

from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts, table
from motefit.report.sections import SECTIONS, Section
from motefit.report.text import Row, phrase, rows
from motefit.spec.metrics import format_value


@dataclass(frozen=True, kw_only=True)
class InGraphView:
    """Contents of the section; ``sound`` is the input of both forms."""

    sound: str
    rows: tuple[Row, ...]


def build(facts: ReportFacts) -> InGraphView | None:
    """Make the view; None if the front end is not inside the model."""
    topic = facts.topic("in_graph")
    if not topic:
        return None
    times = {
        f"{phrase('total')}, {name}": format_value("latency.total_ms", total)
        for name, run in table(topic.get("latency")).items()
        if isinstance(total := table(run).get("total_p25_ms"), float)
    }
    plain = {"plain_tflite_bytes": topic.get("plain_tflite_bytes")}
    same = {"proven_equal": topic.get("proven")}
    found = rows({**plain, **times, **same, **table(topic.get("agreement"))})
    return InGraphView(sound=str(topic.get("sound", "")), rows=found)


SECTIONS.register(
    "in_graph", Section(order=55, name="in_graph", title="Front end inside the model", build=build)
)
