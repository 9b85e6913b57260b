"""Write docs/recipe.md and docs/recipes.md from the program.

The first has every key of every section, from the dataclasses; the second the recipes. Run it
with the Python that motefit is installed in: ``.venv/bin/python tools/recipe_reference.py``.
"""

import dataclasses
import inspect
import re
import textwrap
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from motefit.graph.families import FAMILIES
from motefit.recipes.catalog import find_recipe, recipe_names
from motefit.spec.augment import AugmentSpec
from motefit.spec.codec import dumps_toml, encode
from motefit.spec.frontend import FrontEnd
from motefit.spec.metrics import METRIC_NAMES, PATTERNS, UNIT_FACTORS, metric
from motefit.spec.recipe import CompressSpec, TrainSpec
from motefit.spec.rejects import RejectSpec
from motefit.spec.search import SearchSpec
from motefit.spec.tasks import TASK_SPECS
from motefit.spec.teacher import TeacherSpec
from motefit.train.compressors import COMPRESSORS

DOCS = Path(__file__).resolve().parent.parent / "docs"
NOTE = "<!-- Written by tools/recipe_reference.py from the program; do not edit. -->\n\n"
HEAD = """\
A recipe is a TOML file with everything needed to turn data and a budget into a model file.
`motefit recipes` lists the [shipped](recipes.md) ones, `motefit recipes NAME` prints one to
start your own from, and `motefit fit my.toml` runs it. An omitted key takes the default
named here; an unknown key is an error that names the nearest one.

At the top: `task`, one of {tasks}; `description`, one line (default `""`); `name`, of bundle
and run (default: the file's name).
"""
GIVEN = {"quickstart": "", "custom": " --words lights,coffee"}
"""Arguments of recipes that need no folder of data."""
MODEL = """
## `[model]`
`family` names the network; the other keys are the family's own. Batch norms are folded into the
weights of the shipped file, and `dropout` applies only in training.
"""
STEPS = """
## `[[compress.steps]]`
`name` is one of the compressors below; the other keys are the compressor's own. Steps run in the
order written, each on the model that the previous step produced.
"""
BUDGET = """
## `[budget]`
A line is a metric with a relation, a number and a unit. Without a unit the number counts bytes,
milliseconds or, for accuracy, recall and skill, a fraction. 1 KB is 1024 bytes. A dotted key, a
quoted key and a nested table are the same: `size.zip_bytes = "< 25 KB"`,
`mae."T (degC)" = "< 0.5"`.

`objective` names the metric to improve once all bounds hold (default `"size.zip_bytes"`).
`reference` names the recipe that `latency.saving_percent` is relative to. Errors and accuracy
are those of the [data]'s own targets and words: a bound on another column or word is refused before
training.

| metric | bound | units | known before training |
|---|---|---|---|
"""
METRIC_NOTES = """
- `accuracy` is a keyword spotter's; `mae.<column>` a forecaster's mean absolute error on one target
  column, over all windows and all steps ahead, in the column's own unit.
- `skill.<column>` is the share of persistence's mean absolute error that a forecaster saves on the
  same windows, `1 - mae / mae of persistence`: below zero where "nothing changes" is the better
  forecast, and not measured where persistence has no error.
- `recall.<word>` is the share of a word's clips that are recognized, `recall.min` the lowest of all
  words, `balanced_accuracy` their mean. A word without test clips has no recall, and then
  `recall.min` is not measured either; the mean is that of the words with clips.
- Of recipes with reject classes: `words_rejected` is the share of word clips whose likeliest label
  is a reject class, `unknown_answered` and `silence_answered` the share of windows of other speech
  and of other sound whose likeliest label is a word, without a threshold. `accuracy` and recalls
  are those among the words, with the outputs of the reject classes set aside.
- `size.tflite_bytes` is the .tflite file; `size.zip_bytes` a zip that holds this file alone,
  without its [card](card.md).
- `latency.*_ms` are medians for one example, on one thread of the machine that measures.
- `flash_bytes` and `estimate.<board>_ms` are estimated, never measured, for a
  [microcontroller](microcontrollers.md#budgets): flash of the generated C, and one inference of the
  network on one of the boards of `motefit estimate`. A network without C source has neither.
- `ram.arena_bytes` is the smallest arena that TensorFlow Lite Micro allocates and runs with, found
  by running on this 64-bit host with the extra `micro`; `macs` the multiply-accumulates of one run.
"""


def recipe_page() -> str:
    """Render docs/recipe.md."""
    names = TASK_SPECS.names()
    parts = ["# Recipe reference\n\n", NOTE, HEAD.format(tasks=_listed(names))]
    for name in names:
        parts += [f"\n## `[data]` of {name}\n", *_keys(TASK_SPECS.find(name).data)]
    having = [name for name in names if TASK_SPECS.find(name).has_frontend]
    parts += [f"\n## `[frontend]`\nOf {_listed(having)}. See [front end](frontend.md).\n\n"]
    parts += [*_keys(FrontEnd), MODEL]
    for name, family in FAMILIES.all().items():
        parts += [f"\n### `{name}`\n{_summary(family.build)} For {_listed(family.tasks)}.\n\n"]
        parts += _knobs(family.build)
    sections = {
        "train": TrainSpec,
        "train.augment": AugmentSpec,
        "train.teacher": TeacherSpec,
        "train.rejects": RejectSpec,
        "compress": CompressSpec,
    }
    for name, spec in sections.items():
        parts += [f"\n## `[{name}]`\n", *_keys(spec)]
    parts += [STEPS]
    for name, compressor in COMPRESSORS.all().items():
        parts += [f"\n### `{name}`\n{_summary(compressor.apply)}\n\n", *_knobs(compressor.apply)]
    parts += ["\n## `[search]`\n", *_keys(SearchSpec)]
    return "".join([*parts, BUDGET, *_metrics(), METRIC_NOTES])


def recipes_page() -> str:
    """Render docs/recipes.md."""
    parts = ["# Shipped recipes\n\n", NOTE]
    parts += [
        "| recipe | task | family | precision | budget | objective |\n|---|---|---|---|---|---|\n"
    ]
    for name in recipe_names():
        recipe = find_recipe(name)
        bounds = "<br>".join(f"{b.metric} {b}" for b in recipe.budget.bounds)
        cells = (name, recipe.task, recipe.model.family, recipe.compress.precision)
        parts += [
            f"| {' | '.join(f'`{c}`' for c in cells)} | {bounds} | {recipe.budget.objective} |\n"
        ]
    for name in recipe_names():
        recipe = find_recipe(name)
        parts += [f"\n## `{name}`\n{recipe.description}.\n\n    motefit fit {name}"]
        parts += [GIVEN.get(name, " --data DATA") + "\n"]
    return "".join(parts)


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _summary(function: Callable[..., Any]) -> str:
    return _markdown((inspect.getdoc(function) or "").split("\n\n", maxsplit=1)[0])


def _markdown(text: str) -> str:
    """Convert docstring text to Markdown: literals, and names instead of references."""
    return re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text.replace("``", "`"))


def _keys(cls: type) -> list[str]:
    """Write one list item per key of a section."""
    texts = _described(inspect.getdoc(cls) or "", "Attributes:")
    hints = typing.get_type_hints(cls)
    items = []
    for field in dataclasses.fields(typing.cast("Any", cls)):
        if any(map(dataclasses.is_dataclass, (hint := hints[field.name], *typing.get_args(hint)))):
            continue  # a separate section, perhaps an optional one
        made = field.default_factory
        default = field.default if made is dataclasses.MISSING else made()
        items.append(_item(field.name, hints[field.name], default, texts[field.name]))
    return items


def _knobs(build: Callable[..., Any]) -> list[str]:
    """Write one list item per option of a family."""
    texts = _described(inspect.getdoc(build) or "", "Args:")
    hints = typing.get_type_hints(build)
    return [
        _item(p.name, hints[p.name], p.default, texts[p.name])
        for p in inspect.signature(build).parameters.values()
        if p.kind is p.KEYWORD_ONLY and p.name != "rng"
    ]


def _item(name: str, hint: object, default: object, text: str) -> str:
    given = name  # a required key
    if default is not dataclasses.MISSING and default is not None:
        value = dumps_toml({"x": encode(default)}).removeprefix("x = ").strip()
        given = f"{name} = {'{}' if default == {} else value}"
    first, *rest = _markdown(text).split("\n")
    lines = [f"- `{given}` ({_kind(hint)}): {first}", *map(_under, rest)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _under(line: str) -> str:
    """Indent a line below its item; a list in it by four, as every dialect of Markdown reads it."""
    return f"    {line}" if line.startswith(("* ", "  ")) else f"  {line}"


def _described(docstring: str, section: str) -> Mapping[str, str]:
    """Map names to texts in one section of a docstring in Google's style."""
    body = docstring.split(f"{section}\n", maxsplit=1)[1]
    body = re.split(r"\n\S", body, maxsplit=1)[0]
    entries = re.split(r"^(\w+): ", textwrap.dedent(body), flags=re.MULTILINE)[1:]
    pairs = zip(entries[::2], entries[1::2], strict=True)
    return {name: _hanging(text) for name, text in pairs}


def _hanging(text: str) -> str:
    first, _, rest = text.strip().partition("\n")
    return f"{first}\n{textwrap.dedent(rest)}" if rest else first


def _kind(hint: Any) -> str:  # noqa: ANN401 - a type annotation
    names = {int: "integer", float: "number", bool: "true or false", str: "text"}
    counts = {2: "two", 3: "three", 4: "four"}
    if hint in names:
        return names[hint]
    if dataclasses.is_dataclass(hint):
        return f"{hint.__name__.lower()}: a table"
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return " or ".join(f"`{dumps_toml({'x': a})[4:].strip()}`" for a in arguments)
    if origin is tuple and arguments[-1] is Ellipsis:
        return "list" if arguments[0] is object else f"list of {_many(arguments[0])}"
    if origin is tuple and len(set(arguments)) == 1:
        return f"list of {counts[len(arguments)]} {_many(arguments[0])}"
    if origin is tuple:
        return f"list of {len(arguments)}: {', '.join(map(_kind, arguments))}"
    if origin in {typing.Union, types.UnionType}:
        return " or ".join(_kind(a) for a in arguments if a is not type(None))
    if origin is not None and issubclass(origin, Mapping):
        return "table" if arguments[1] is object else f"table; each value: {_kind(arguments[1])}"
    raise TypeError(f"say in words what {hint} is")


def _many(hint: object) -> str:
    return f"{_kind(hint)}s" if hint in {int, float} else _kind(hint)


def _metrics() -> list[str]:
    rows = []
    for name in (*METRIC_NAMES, *PATTERNS):
        known = metric(name)
        units = ", ".join(f"`{u}`" for u in UNIT_FACTORS[known.unit] if u) or "the column's own"
        bound = "`>` or `>=`" if known.higher_is_better else "`<` or `<=`"
        early = "yes" if known.before_training else "no"
        rows.append(f"| `{name}` | {bound} | {units} | {early} |\n")
    return rows


PAGES = {"recipe.md": recipe_page, "recipes.md": recipes_page}


def main() -> None:
    """Write the pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
