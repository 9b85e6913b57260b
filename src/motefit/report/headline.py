"""Head of the page: the verdict in one sentence, and the key figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from motefit.report.report_facts import ReportFacts
from motefit.report.text import inside, metric_name, metric_unit
from motefit.report.verdict import Tone, VerdictLine, verdict_lines
from motefit.spec.certificate import Certificate
from motefit.spec.metrics import MAE_PREFIX, format_value, grouped

_FIGURES = (
    "accuracy",
    MAE_PREFIX,
    "size.tflite_bytes",
    "size.zip_bytes",
    "latency.total_ms",
    "macs",
    "ram.arena_bytes",
)
MOST_FIGURES = 6


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: its name, its value, and small print."""

    name: str
    value: str
    extra: str


@dataclass(frozen=True, kw_only=True)
class Headline:
    """Contents of the head of the page.

    ``reservations`` are the weaknesses of the model, met or not; ``cautions`` are facts about its
    data that flatter the figures, and what it was not trained for.
    """

    name: str
    task: str
    about: str
    verdict: str
    tone: Tone
    sentence: str
    reservations: tuple[str, ...]
    cautions: tuple[str, ...]
    figures: tuple[Figure, ...]


def headline(facts: ReportFacts) -> Headline:
    """Make the head of the page."""
    task = facts.card.task.replace("-", " ")
    task = task[:1].upper() + task[1:]
    about = str(facts.card.recipe.get("description") or "")
    lines = verdict_lines(facts.certificate)
    verdict, tone, sentence = _verdict(lines)
    if tone == "good" and facts.certificate.weaknesses:
        verdict, tone = f"{verdict}, but {_but(facts.certificate)}", "open"
    name = facts.name or about or task
    return Headline(
        name=name,
        task=task,
        about="" if about == name else about,
        verdict=verdict,
        tone=tone,
        sentence=sentence,
        reservations=facts.certificate.reservations,
        cautions=tuple(_cautions(facts)),
        figures=_figures(facts.card.facts),
    )


def _verdict(lines: Sequence[VerdictLine]) -> tuple[str, Tone, str]:
    """Return the verdict, its tone, and its meaning, from the lines of the certificate."""
    missed = [line for line in lines if line.tone == "bad"]
    unmeasured = [line for line in lines if line.tone == "open" and not line.value]
    unjudged = [line for line in lines if line.word == "not judged"]
    unshown = [x for x in lines if x.tone == "open" and x.value and x not in unjudged]
    if not lines:
        return "No budget to meet", "open", "The recipe sets no bound; the figures stand alone."
    sentences = []
    if missed:
        sentences.append(f"{len(missed)} of {_lines(lines)} missed: {_names(missed)}.")
    if unmeasured:
        sentences.append(f"Not measured: {_names(unmeasured)}.")
    if unjudged:
        sentences.append(f"Measured on a machine too busy to judge: {_names(unjudged)}.")
    if unshown:
        sentences.append(f"Not shown at 95 % with this many clips: {_names(unshown)}.")
    if missed:
        return "Budget not met", "bad", " ".join(sentences)
    if unmeasured or unjudged:
        return "Budget not decided", "open", " ".join(sentences)
    if len(lines) == 1:
        sentences.insert(0, "Its one line holds.")
    else:
        sentences.insert(0, f"All {_lines(lines)} hold.")
    return "Budget met", "good", " ".join(sentences)


def _cautions(facts: ReportFacts) -> Iterator[str]:
    """List what weakens the figures, in a few words each.

    Yields:
        facts about the data, and a missing reject class.
    """
    data, io = facts.certificate.data, facts.card.io
    if data.test_clips_shared and data.test_examples:
        share = 100 * data.test_clips_shared / data.test_examples
        yield f"{share:.0f} % of test clips share a speaker with training"
    if data.unknown_speakers:
        yield f"{_clips(data.unknown_speakers)} by unknown speakers"
    if data.duplicates_across:
        yield f"{_clips(data.duplicates_across)} also in another set"
    if data.filled_inputs_percent:
        yield f"{data.filled_inputs_percent:.2g} % of inputs were missing and are filled"
    if hasattr(io, "labels") and not getattr(io, "rejects", ()):
        yield "no reject class: answers to any sound"


def _clips(count: int) -> str:
    return f"{grouped(count)} clip{'s' if count > 1 else ''}"


def _but(certificate: Certificate) -> str:
    """Return the first weakness, without figures, and the number of others."""
    statements = list(dict.fromkeys(w.statement for w in certificate.weaknesses))
    more = f" (and {len(statements) - 1} more)" if len(statements) > 1 else ""
    return f"{statements[0]}{more}"


def _lines(lines: Sequence[VerdictLine]) -> str:
    return f"{len(lines)} line{'s' if len(lines) > 1 else ''}"


def _names(lines: Sequence[VerdictLine]) -> str:
    return ", ".join(inside(line.name) for line in lines)


def _figures(facts: Mapping[str, float]) -> tuple[Figure, ...]:
    wanted = (n for start in _FIGURES for n in facts if n.startswith(start))
    figures = []
    for name in wanted:
        value, _, extra = format_value(name, facts[name]).partition(" (")
        unit = metric_unit(name)
        figures.append(
            Figure(
                name=metric_name(name),
                value=f"{value} {unit}".strip(),
                extra=extra.rstrip(")"),
            )
        )
    return tuple(figures[:MOST_FIGURES])
