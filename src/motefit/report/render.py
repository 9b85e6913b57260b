"""Rendering of facts to one self-contained page."""

import functools
import importlib.resources
from pathlib import Path
from typing import TYPE_CHECKING

from motefit.report.headline import headline
from motefit.report.report_facts import ReportFacts
from motefit.report.sections import sections
from motefit.spec.errors import MissingExtraError
from motefit.spec.files import write_atomic

if TYPE_CHECKING:
    from jinja2 import Environment


def render_report(facts: ReportFacts) -> str:
    """Render the report as self-contained HTML: no external script, font or image.

    Equal facts give equal text.

    Raises:
        MissingExtraError: without jinja2.
    """
    environment = _environment()
    built = ((section, section.build(facts)) for section in sections())
    return environment.get_template("report.html").render(
        headline=headline(facts),
        shown=[(section, view) for section, view in built if view is not None],
    )


def write_report(path: Path, facts: ReportFacts) -> None:
    """Write the report; an existing file at ``path`` stays until the new page replaces it.

    Raises:
        MissingExtraError: without jinja2.
        OutputError: when the page cannot be written.
    """
    write_atomic(path, render_report(facts))


@functools.cache
def _environment() -> "Environment":
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined  # noqa: PLC0415  # an extra
    except ModuleNotFoundError:
        raise MissingExtraError("jinja2", "report", "writing report.html") from None
    return Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )


def _template(name: str) -> str:
    folder = importlib.resources.files("motefit.report") / "templates"
    return (folder / name).read_text(encoding="utf-8")
