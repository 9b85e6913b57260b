"""Comparison of models: their verdicts, figures, errors and recipes side by side."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from motefit.report.charts import ChartSeries, LineChart, Part, line_chart, stack
from motefit.report.headline import Headline, headline
from motefit.report.report_facts import ReportFacts, number, numbers, table
from motefit.report.text import metric_name, phrase, plain, split_column, with_unit
from motefit.report.verdict import Tone
from motefit.spec.codec import flatten
from motefit.spec.errors import RecipeError
from motefit.spec.metrics import RECALL_PREFIX, grouped, metric

SMALL = 0.001
"""Relative difference below which neither model is better."""
_TITLES = ("name", "description")
"""Keys of a recipe that are shown above."""


@dataclass(frozen=True, kw_only=True)
class ComparedValue:
    """A value of one model, how it differs from the first model's, and whether that is good."""

    text: str
    change: str
    tone: Tone


@dataclass(frozen=True, kw_only=True)
class ComparedRow:
    """One metric of all models."""

    name: str
    values: tuple[ComparedValue, ...]


@dataclass(frozen=True, kw_only=True)
class ComparedSize:
    """Bytes of one model's file by what they hold; widths of all models are on one scale."""

    name: str
    parts: tuple[Part, ...]
    total: str


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Contents of the page; ``recalls`` and ``figures`` are rows of metrics."""

    title: str
    models: tuple[Headline, ...]
    names: tuple[str, ...]
    figures: tuple[ComparedRow, ...]
    recalls: tuple[ComparedRow, ...]
    charts: tuple[LineChart, ...]
    sizes: tuple[ComparedSize, ...]
    settings: tuple[tuple[str, tuple[str, ...]], ...]
    same_data: bool


def compare(models: Sequence[ReportFacts]) -> Comparison:
    """Make the contents of the page from the facts of two or more models."""
    heads = tuple(headline(facts) for facts in models)
    names = _unique([head.name for head in heads])
    metrics = list(dict.fromkeys(name for facts in models for name in facts.card.facts))
    known = [name for name in metrics if _is_metric(name)]
    recalls = [name for name in known if name.startswith(RECALL_PREFIX)]
    hashes = {facts.card.provenance.data_sha256 for facts in models}
    return Comparison(
        title=" and ".join(names),
        models=heads,
        names=names,
        figures=tuple(_row(name, models) for name in known if name not in recalls),
        recalls=tuple(_row(name, models) for name in recalls),
        charts=tuple(_charts(models, names)),
        sizes=_sizes(models, names),
        settings=_settings(models),
        same_data=len(hashes) == 1 and "" not in hashes,
    )


def _unique(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(
        f"{name} ({i + 1})" if names.count(name) > 1 else name for i, name in enumerate(names)
    )


def _is_metric(name: str) -> bool:
    try:
        metric(name)
    except RecipeError:
        return False
    return True


def _row(name: str, models: Sequence[ReportFacts]) -> ComparedRow:
    values = [number(facts.card.facts.get(name)) for facts in models]
    return ComparedRow(
        name=metric_name(name), values=tuple(_value(name, value, values[0]) for value in values)
    )


def _value(name: str, value: float | None, first: float | None) -> ComparedValue:
    if value is None:
        return ComparedValue(text="", change="", tone="open")
    text = with_unit(name, value)
    if first is None or value == first:
        return ComparedValue(text=text, change="", tone="open")
    kind = metric(name)
    better: Tone = "good" if (value > first) == kind.higher_is_better else "bad"
    if kind.unit == "fraction":
        change = f"{100 * (value - first):+.2f} points"
    elif first:
        change = f"{100 * (value - first) / abs(first):+.1f} %"
    else:
        change = ""
    near = abs(value - first) <= SMALL * abs(first)
    return ComparedValue(text=text, change=change, tone="open" if near else better)


def _charts(models: Sequence[ReportFacts], names: Sequence[str]) -> list[LineChart]:
    """Draw the error by step of each column that several models predict, and the loss."""
    found = []
    steps = [table(facts.topic("errors").get("mae_by_step")) for facts in models]
    for column in dict.fromkeys(name for by_step in steps for name in by_step):
        title, unit = split_column(str(column))
        series = [
            ChartSeries(name=name, points=_steps(facts, numbers(by_step.get(column))))
            for name, facts, by_step in zip(names, models, steps, strict=True)
        ]
        chart = line_chart(
            series,
            title=f"Mean absolute error of {title}{f', {unit}' if unit else ''}",
            x_name="minutes ahead",
            from_zero=True,
        )
        found += [] if chart is None else [chart]
    scores = [
        ChartSeries(
            name=name,
            points=tuple(
                (i + 1, score)
                for i, entry in enumerate(facts.history)
                if (score := number(entry.get("score"))) is not None
            ),
        )
        for name, facts in zip(names, models, strict=True)
    ]
    chart = line_chart(scores, title="Validation score", x_name="epoch", from_zero=False)
    return [*found, *([] if chart is None else [chart])]


def _steps(facts: ReportFacts, errors: Sequence[float]) -> tuple[tuple[float, float], ...]:
    minutes = number(getattr(facts.card.io, "step_minutes", None)) or 1.0
    return tuple((minutes * (i + 1), error) for i, error in enumerate(errors))


def _sizes(models: Sequence[ReportFacts], names: Sequence[str]) -> tuple[ComparedSize, ...]:
    totals = [sum(facts.byte_map.values()) for facts in models]
    kinds = sorted(
        dict.fromkeys(kind for facts in models for kind in facts.byte_map),
        key=lambda kind: -max(facts.byte_map.get(kind, 0) for facts in models),
    )
    return tuple(
        ComparedSize(
            name=name,
            parts=stack(
                [(phrase(k), n, grouped(n)) for k in kinds for n in [facts.byte_map.get(k, 0)]],
                full=max(totals),
            ),
            total=grouped(total),
        )
        for name, facts, total in zip(names, models, totals, strict=True)
    )


def _settings(models: Sequence[ReportFacts]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """List the keys of the recipes that differ, with their values."""
    flat = [_flat(facts.card.recipe) for facts in models]
    keys = sorted({key for recipe in flat for key in recipe})
    rows = [(key, tuple(recipe.get(key, "") for recipe in flat)) for key in keys]
    return tuple((key, values) for key, values in rows if len(set(values)) > 1)


def _flat(recipe: Mapping[str, object]) -> dict[str, str]:
    try:
        found = flatten(recipe, where="recipe")
    except RecipeError:
        return {}
    return {key: _setting(value) for key, value in found.items() if key not in _TITLES}


def _setting(value: object) -> str:
    """Write a value of a recipe; the steps of a compression one after the other."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        return "; ".join(map(_setting, value))
    return plain(value)
